"""Gradients by the user's own rule: `custom_gradient`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from unifiedml._backend.protocol import Native
from unifiedml._imperative import check_cotangent
from unifiedml._recording import is_recording, record_several
from unifiedml._tensor import Tensor
from unifiedml._tree import aligned, leaves, map_tree, rebuild
from unifiedml.autodiff._call import (
    Opened,
    check_function,
    lifted,
    one_backend,
    read,
    stand_in,
)
from unifiedml.autodiff._linear import check_outputs
from unifiedml.ops.creation import zeros_like

__all__ = ["custom_gradient", "has_gradient", "ruled"]


def custom_gradient(function: Callable[..., Any], /) -> Callable[..., Any]:
    """Return a function whose gradient is computed by a rule of its own.

    Args:
        function: Returns a pair: the value, a floating-point tensor or a nest of
            those, and the rule. The rule takes a cotangent in the structure of the
            value, and returns the gradient by the positional arguments: for one
            argument its gradient, for several a tuple of one each, in the structure of
            the argument (a module standing for the dict of its trainable parameters by
            name). None stands for zeros, and for arguments that have no gradients.

    Returns:
        A function of the same arguments that returns the value. What the rule computes
        can be differentiated in turn, also by what it closes over, so that gradients of
        higher order are those of the rule.

    Raises:
        TypeError: ``function`` returns no pair, the value is no floating-point tensor,
            or a gradient is no tensor.
        ValueError: A gradient has another structure, shape or data type than its
            argument.

    Named arguments and what ``function`` closes over, parameters included, are
    constants. It may compute by any means, such as NumPy.

    Example:
        >>> import unifiedml as um
        >>> @um.custom_gradient
        ... def clipped(x):
        ...     return x * 100, lambda g: um.clip(g * 100, -1, 1)
        >>> um.grad(lambda x: um.sum(clipped(x)))(um.tensor([1.0, 2.0])).tolist()
        [1.0, 1.0]

    Reference:
        The interface is that of the functions of this name in JAX and TensorFlow.
    """
    check_function(function)

    @wraps(function, updated=())
    def by_rule(*args: Any, **kwargs: Any) -> Any:
        opened = Opened(args)
        inputs = [x for x in opened.leaves if has_gradient(x)]
        if not inputs:
            return _pair(function(*args, **kwargs))[0]
        backend = one_backend(inputs)
        value: Any = None

        def run(natives: Sequence[Native]) -> tuple[list[Native], Pull]:
            nonlocal value
            stand_ins = (
                stand_in(x, native, backend)
                for x, native in zip(inputs, natives, strict=True)
            )
            given = opened.closed(
                next(stand_ins) if has_gradient(x) else x for x in opened.leaves
            )
            with lifted(inputs, natives):
                value, rule = _pair(function(*given, **kwargs))
                value = map_tree(read, value)
            check_outputs(leaves(value), backend)

            def pull(cotangents: list[Tensor]) -> list[Tensor]:
                return _gradients(rule(rebuild(value, cotangents)), opened)

            return [y._native for y in leaves(value)], pull

        outputs = ruled(inputs, run)
        return rebuild(value, outputs)

    return by_rule


Pull = Callable[[list[Tensor]], list[Tensor]]


def ruled(
    inputs: Sequence[Tensor],
    run: Callable[[Sequence[Native]], tuple[Sequence[Native], Pull]],
) -> list[Tensor]:
    """Return what ``run`` computes from the inputs, with the gradient that it tells."""
    backend = one_backend(inputs)

    def function(*natives: Native) -> Sequence[Native]:
        values, pull = run(natives)

        def pull_natives(*cotangents: Native) -> list[Native]:
            return [x._native for x in pull([Tensor(x, backend) for x in cotangents])]

        return backend.ops.custom_gradient(values, natives, pull_natives)

    if is_recording() and any(x._node is not None for x in inputs):
        recorded = record_several(function, inputs, ())
        return [Tensor(native, backend, node) for native, node in recorded]
    return [Tensor(x, backend) for x in function(*[x._native for x in inputs])]


def has_gradient(x: Any) -> bool:
    """Tell whether ``x`` is a tensor that something can be differentiated by."""
    return isinstance(x, Tensor) and x.dtype.is_differentiable


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2 or not callable(result[1]):
        raise TypeError(
            "a function with a custom gradient returns a pair of its value and the "
            f"rule, a function of the cotangent; not {type(result).__name__}"
        )
    return result


def _gradients(found: Any, opened: Opened) -> list[Tensor]:
    """Return the gradients that a rule has computed, those of the inputs."""
    trees = opened.shaped(opened.leaves)
    if len(trees) == 1:
        found = (found,)
    elif not isinstance(found, tuple | list) or len(found) != len(trees):
        raise ValueError(
            f"the rule of a function of {len(trees)} arguments returns a tuple of "
            "as many gradients"
        )
    gradients = []
    for tree, one in zip(trees, found, strict=True):
        given = map_tree(lambda _: None, tree) if one is None else one
        for x, leaf in aligned(tree, given, "the gradient", "argument"):
            if has_gradient(x):
                gradient = zeros_like(x) if leaf is None else leaf
                check_cotangent(x, gradient, "the gradient")
                gradients.append(gradient)
    return gradients
