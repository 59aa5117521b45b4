"""`scan` and `map`: a function along the first dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unifiedml._backend.errors import HostValueError
from unifiedml._backend.registry import LoadedBackend, use_backend
from unifiedml._control._body import (
    Body,
    alone,
    as_leaf,
    check_alike,
    in_program,
    outline,
    states,
    write,
)
from unifiedml._control._primitives import scanned
from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, map_tree, rebuild, twins
from unifiedml.autodiff._custom import has_gradient
from unifiedml.ops.manipulation import stack

__all__ = ["map", "scan"]

_UNLIKE = "the function of um.scan returns a carry like the one it is given, of the "
_UNLIKE += "same structure, shapes and data types"


def scan(
    function: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    /,
    length: int | None = None,
    *,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Carry something along the first dimension of tensors, and collect results.

    As this Python does, which it is in eager code::

        carry, ys = init, []
        for x in xs:
            carry, y = function(carry, x)
            ys.append(y)
        return carry, um.stack(ys)

    Inside `unifiedml.jit` the program has one copy of it, whatever the length.

    Args:
        function: Takes the carry and one slice of ``xs``, and returns the next carry,
            of the same structure, shapes and data types, and a result.
        init: The first carry: a tensor or number, or dicts, lists and tuples of them.
        xs: Tensors of shape ``(length, ...)``, in dicts, lists and tuples; None if
            there is nothing but a length.
        length: The number of steps; may be left out beside ``xs``.
        reverse: Whether to begin with the last slice; results stand where their slices
            do all the same.

    Returns:
        The last carry, and the results, stacked along a new first dimension.

    Gradients of every order flow as in `unifiedml.cond`: in a program they keep the
    carry of each step, and compute again what happens inside. Where the function draws
    random numbers, the program has a copy of it for each step.

    Raises:
        TypeError: The carry changes its structure, a shape or a data type, or the
            function returns no pair.
        ValueError: The lengths differ, are not known, or are 0.

    Example:
        >>> import unifiedml as um
        >>> add = lambda total, x: (total + x, total)
        >>> last, before = um.scan(add, 0.0, um.tensor([1.0, 2.0, 3.0]))
        >>> last.item(), before.tolist()
        (6.0, [0.0, 1.0, 3.0])

    Reference:
        The interface is that of ``jax.lax.scan``.
    """
    if not callable(function):
        raise TypeError(f"um.scan takes a function, not {type(function).__name__}")
    backend = in_program()
    if backend is not None:
        with use_backend(backend.name):
            init, xs = map_tree(as_leaf, init), map_tree(as_leaf, xs)
            count = _length(xs, length)
            try:
                return _in_program(backend, function, init, xs, count, reverse)
            except HostValueError:
                pass
    init, xs = map_tree(as_leaf, init), map_tree(as_leaf, xs)
    return _in_python(function, init, xs, _length(xs, length), reverse)


def map(function: Callable[[Any], Any], xs: Any, /) -> Any:
    """Return the results of a function for each slice along the first dimension.

    One after the other, unlike `unifiedml.vmap`, which computes all at once: slower,
    with the memory of one. Inside `unifiedml.jit` the program has one copy of it.

    Args:
        function: Takes a slice, or dicts, lists and tuples of them as ``xs`` has them.
        xs: Tensors of shape ``(length, ...)``, in dicts, lists and tuples.

    Returns:
        The results, stacked along a new first dimension.

    Raises:
        ValueError: The lengths differ or are 0.

    Example:
        >>> import unifiedml as um
        >>> um.map(lambda x: x * x, um.tensor([1, 2, 3])).tolist()
        [1, 4, 9]

    Reference:
        The interface is that of ``jax.lax.map``.
    """
    if not callable(function):
        raise TypeError(f"um.map takes a function, not {type(function).__name__}")
    _, found = scan(lambda _, x: (None, function(x)), None, xs)
    return found


def _length(xs: Any, length: int | None) -> int:
    sizes = {} if length is None else {"length": length}
    for number, leaf in enumerate(leaves(xs)):
        if not leaf.ndim:
            raise ValueError(
                f"a 0-d tensor, {leaf.dtype.name} of shape (), has no first dimension "
                "to go along"
            )
        sizes[f"tensor {number}"] = leaf.shape[0]
    if not sizes:
        raise ValueError(f"there is nothing to go along in {xs!r}: pass xs or length")
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ValueError(f"the lengths along the first dimension differ: {listed}")
    count = next(iter(sizes.values()))
    if count < 1:
        raise ValueError(
            "the shapes of results are known from one step at least, and there is none "
            f"in {outline(xs) if length is None else length}"
        )
    return count


def _slice(xs: Any, number: int) -> Any:
    return map_tree(lambda leaf: leaf[number], xs)


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            "the function of um.scan returns a pair of the carry and a result, not "
            f"{type(result).__name__}"
        )
    return result


def _in_python(
    function: Callable[[Any, Any], Any], init: Any, xs: Any, count: int, reverse: bool
) -> tuple[Any, Any]:
    carry, shape = init, outline(init)
    results: list[Any] = [None] * count
    for step in range(count):
        number = count - 1 - step if reverse else step
        new, result = _pair(function(twins(carry), _slice(xs, number)))
        carry = map_tree(as_leaf, new)
        if not step:
            check_alike(shape, outline(carry), _UNLIKE)
        results[number] = map_tree(as_leaf, result)
    columns = zip(*(leaves(one) for one in results), strict=True)
    return carry, rebuild(results[0], [stack(column) for column in columns])


def _in_program(
    backend: LoadedBackend,
    function: Callable[[Any, Any], Any],
    init: Any,
    xs: Any,
    count: int,
    reverse: bool,
) -> tuple[Any, Any]:
    first, along = alone([init, xs])
    body = Body(
        "um.scan",
        backend,
        lambda carry, x: _pair(function(carry, x)),
        lambda: [first, _slice(along, 0)],
    )
    carry_after, result = body.result
    check_alike(outline(init), carry_after, _UNLIKE)
    parameters, written, carried, constants = states([body], backend)
    own = leaves(init)

    def step(
        carry: list[Tensor], slices: list[Tensor], constants: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        natives = [x._native for x in (*carry[len(own) :], *constants)]
        given = [rebuild(init, carry), rebuild(xs, slices)]
        (new, y), after = body.run(given, parameters, natives, written)
        return [*leaves(new), *(Tensor(one, backend) for one in after)], leaves(y)

    carry = [*own, *carried]
    smooth = any(has_gradient(x) for x in carry) or any(
        one.spec.has_gradient for one in leaves(result)
    )
    last, found = scanned(
        step, carry, leaves(xs), constants, count, reverse, backend, smooth
    )
    write(written, last[len(own) :])
    return rebuild(init, last), rebuild(result, found)
