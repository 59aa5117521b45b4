"""Functions of one example, made functions of a batch: `vmap`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from unifiedml._backend.registry import LoadedBackend, current
from unifiedml._batched import batching as batching_here
from unifiedml._batched import innermost
from unifiedml._recording import Within, is_recording, record_several
from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, rebuild
from unifiedml._vmap._batching import Batching
from unifiedml.ops.conversion import from_array
from unifiedml.ops.manipulation import moveaxis

__all__ = ["vmap"]

Axes = Any


def vmap(
    function: Callable[..., Any],
    /,
    in_axes: Axes = 0,
    out_axes: Axes = 0,
    *,
    axis_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function of a batch, from a function of one example.

    The function runs once, and each operation for all examples together: what it would
    give in a loop over the examples, but for the time. It composes with itself, `grad`
    (``vmap(grad(loss))`` gives a gradient for each example) and `jit`.

    Args:
        function: Takes and returns tensors, or nests of dicts, lists and tuples of
            them.
        in_axes: Which dimension of each argument numbers the examples: an int; None for
            an argument that is the same for all; or a tuple of those, one for each
            argument, or of nests like the argument. It is about positional arguments;
            those by name are the same for all.
        out_axes: Where that dimension goes in the results, likewise.
        axis_size: How many examples there are; needed only if no argument says so.

    Returns:
        A function of the same arguments, with one more dimension in each tensor.

    Raises:
        TypeError: ``function`` cannot be called, or ``in_axes`` fits no argument, or
            the function returned something else than tensors.
        ValueError: A dimension is not there, arguments have different numbers of
            examples, or none says how many there are.
        TracedValueError: The function needs the value of a tensor, to branch on it.

    Random numbers without a key for each example are the same for all examples, dropout
    masks, too. Parameters and moving statistics cannot be written to.

    Example:
        >>> import unifiedml as um
        >>> norms = um.vmap(um.linalg.vector_norm)(um.tensor([[3.0, 4.0], [6.0, 8.0]]))
        >>> norms.tolist()
        [5.0, 10.0]

    Reference:
        The interface is that of JAX's function of the same name.
    """
    if not callable(function):
        raise TypeError(f"um.vmap takes a function, not {type(function).__name__}")

    @wraps(function, updated=())
    def batched(*args: Any, **kwargs: Any) -> Any:
        axes = _spread(in_axes, args, "in_axes")
        parts = leaves(args)
        inputs = [
            _moved(x, axis) for x, axis in zip(parts, axes, strict=True) if _maps(axis)
        ]
        size = _size(inputs, axis_size)
        backend = _innermost(inputs)
        batching = Batching(backend, size)
        shown: list[Any] = []

        def run(*natives: Any) -> list[Any]:
            given = iter(natives)
            inside = [
                Tensor(batching.wrapped(next(given)), batching.backend)
                if _maps(axis)
                else x
                for x, axis in zip(parts, axes, strict=True)
            ]
            with Within(batching_here, batching.backend):
                result = function(*rebuild(args, inside), **kwargs)
            shown[:] = [result]
            return [_whole(batching, leaf) for leaf in leaves(result)]

        if is_recording() and any(x._node is not None for x in inputs):
            recorded = record_several(run, inputs, ())
            found = [Tensor(native, backend, node) for native, node in recorded]
        else:
            natives = run(*[x._native for x in inputs])
            found = [Tensor(native, backend) for native in natives]
        places = _spread(out_axes, shown[0], "out_axes")
        return rebuild(
            shown[0],
            [
                y if axis in (0, None) else moveaxis(y, 0, axis)
                for y, axis in zip(found, places, strict=True)
            ],
        )

    return batched


def _maps(axis: int | None) -> bool:
    return axis is not None


def _spread(axes: Axes, tree: Any, name: str) -> list[int | None]:
    """Return the axis of each leaf: ``axes`` are like ``tree``, or like its top."""
    if axes is None or isinstance(axes, int):
        return [axes for _ in leaves(tree)]
    if isinstance(axes, dict) and isinstance(tree, dict) and axes.keys() == tree.keys():
        return [one for key in tree for one in _spread(axes[key], tree[key], name)]
    both = isinstance(axes, list | tuple) and isinstance(tree, list | tuple)
    if both and len(axes) == len(tree):
        pairs = zip(axes, tree, strict=True)
        return [one for axis, part in pairs for one in _spread(axis, part, name)]
    raise TypeError(
        f"{name} are an int, None, or a nest like the "
        f"{'arguments' if name == 'in_axes' else 'results'}, not {axes!r}"
    )


def _moved(x: Any, axis: int | None) -> Tensor:
    """Return a mapped argument with its examples in front."""
    if isinstance(x, np.ndarray):
        x = from_array(x, current(), None)
    if not isinstance(x, Tensor):
        raise TypeError(
            f"um.vmap maps over tensors, not {type(x).__name__}: say None in in_axes "
            "for an argument that is the same for all examples"
        )
    assert axis is not None
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(
            f"in_axes names dimension {axis} of a tensor of shape {x.shape}"
        )
    return moveaxis(x, axis, 0) if axis % x.ndim else x


def _size(inputs: list[Tensor], given: int | None) -> int:
    sizes = {x.shape[0] for x in inputs} | ({given} if given is not None else set())
    if not sizes:
        raise ValueError("no argument is mapped: say how many examples, by axis_size")
    if len(sizes) > 1:
        raise ValueError(
            "the arguments of um.vmap have different numbers of examples: "
            + ", ".join(map(str, sorted(sizes)))
        )
    return int(sizes.pop())


def _innermost(inputs: list[Tensor]) -> LoadedBackend:
    """Return what the batch stands before: the innermost batching here, if any."""
    if not inputs:
        return innermost(current())
    return innermost(max((x._backend for x in inputs), key=lambda one: one.level))


def _whole(batching: Batching, leaf: Any) -> Any:
    if not isinstance(leaf, Tensor):
        raise TypeError(
            f"a function for um.vmap returns tensors, not {type(leaf).__name__}"
        )
    return batching.whole(leaf._native)
