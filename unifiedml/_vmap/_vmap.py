"""Functions of one example, made functions of a batch: `vmap`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend
from unifiedml._batched import batching as batching_here
from unifiedml._batched import innermost, refuse_batched
from unifiedml._parameter import Lifted, Parameter, current_lifted, lifting
from unifiedml._recording import Mode, Within, is_recording, mode, record_several
from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, map_tree, rebuild, tensors
from unifiedml._vmap._batching import Batching
from unifiedml.autodiff._call import read
from unifiedml.ops._dispatch import common_backend
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
        out_axes: Where that dimension goes in the results, likewise; None for a result
            that is the same for all, which then has no such dimension.
        axis_size: How many examples there are; needed only if no argument says so.

    Returns:
        A function of the same arguments, with one more dimension in each tensor.

    Raises:
        TypeError: ``function`` cannot be called, or ``in_axes`` fits no argument, or
            the function returned something else than tensors.
        ValueError: A dimension is not there, arguments have different numbers of
            examples, or none says how many there are; ``out_axes`` says None for a
            result that differs between them.
        RuntimeError: A parameter would get a value of each example.
        TracedValueError: The function needs the value of a tensor, to branch on it.

    Random numbers are the same for all examples, dropout masks, too. Parameters and
    moving statistics cannot get a value of each example. ``backward()`` goes back to
    the arguments and, if the function is a module or is given one, to its parameters;
    other parameters are constants for it, and a tensor that requires gradients and is
    no argument is refused.

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
        pairs = list(zip(parts, axes, strict=True))
        mapped = _mapped([x for x, axis in pairs if axis is not None], axes)
        shared = _shared([function, *(x for x, axis in pairs if axis is None)])
        operands = [*mapped, *shared]
        behind = innermost(common_backend("vmap", operands))
        batching = Batching(behind, _size(mapped, axis_size))
        result: Any = None
        places: list[int | None] = []

        def run(*natives: Any) -> list[Any]:
            nonlocal result, places
            given = iter(natives)
            values = [batching.wrapped(next(given)) for _ in mapped]
            constants = {
                id(x): (x, native) for x, native in zip(shared, given, strict=True)
            }
            inside = iter(values)
            replaced = [
                Tensor(next(inside), batching.backend)
                if axis is not None
                else _constant(x, constants, batching)
                for x, axis in pairs
            ]
            with (
                Within(batching_here, batching.backend),
                lifting(_Constants(current_lifted(), constants.values())),
            ):
                result = function(*rebuild(args, replaced), **kwargs)
                result = map_tree(read, result)
            places = _spread(out_axes, result, "out_axes")
            return [
                _whole(batching, leaf, axis)
                for leaf, axis in zip(leaves(result), places, strict=True)
            ]

        if is_recording() and any(x._node is not None for x in operands):
            found = [
                Tensor(
                    native, behind, node if _differentiable(native, behind) else None
                )
                for native, node in record_several(run, operands, ())
            ]
        else:
            found = [Tensor(x, behind) for x in run(*[x._native for x in operands])]
        return rebuild(
            result,
            [
                moveaxis(y, 0, axis) if axis else y
                for y, axis in zip(found, places, strict=True)
            ],
        )

    return batched


class _Constants(Lifted):
    """What parameters read as inside: values that are the same for all examples."""

    def __init__(
        self, outer: Lifted | None, constants: Iterable[tuple[Tensor, Native]]
    ) -> None:
        super().__init__(outer)
        self.natives |= {
            id(x): native for x, native in constants if isinstance(x, Parameter)
        }

    def write(self, parameter: Parameter, native: Native) -> bool:
        refuse_batched(native)
        self.natives.pop(id(parameter), None)
        return super().write(parameter, native)


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


def _mapped(parts: Sequence[Any], axes: Sequence[int | None]) -> list[Tensor]:
    """Return the mapped arguments as tensors with their examples in front."""
    for x in parts:
        if not isinstance(x, Tensor | np.ndarray):
            raise TypeError(
                f"um.vmap maps over tensors, not {type(x).__name__}: say None in "
                "in_axes for an argument that is the same for all examples"
            )
    known = [x for x in parts if isinstance(x, Tensor)]
    backend = common_backend("vmap", known)
    device = known[0].device if known else None
    found = []
    for x, axis in zip(parts, (one for one in axes if one is not None), strict=True):
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(
                f"in_axes names dimension {axis} of a tensor of shape {x.shape}"
            )
        one = x if isinstance(x, Tensor) else from_array(x, backend, device)
        found.append(moveaxis(one, axis, 0) if axis % x.ndim else one)
    return found


def _shared(trees: Sequence[Any]) -> list[Tensor]:
    """Return what ``backward()`` is to reach of what is the same for all examples."""
    if mode() is not Mode.ON:
        return []
    found = {id(x): x for x in tensors(trees) if x.requires_grad}
    return list(found.values())


def _constant(
    x: Any, constants: Mapping[int, tuple[Tensor, Native]], batching: Batching
) -> Any:
    """Return what the function is given for an argument that is not mapped."""
    if id(x) not in constants or isinstance(x, Parameter):
        return x
    return Tensor(constants[id(x)][1], batching.backend)


def _size(inputs: Sequence[Tensor], given: int | None) -> int:
    sizes = {x.shape[0] for x in inputs} | ({given} if given is not None else set())
    if not sizes:
        raise ValueError("no argument is mapped: say how many examples, by axis_size")
    if len(sizes) > 1:
        raise ValueError(
            "the arguments of um.vmap have different numbers of examples: "
            + ", ".join(map(str, sorted(sizes)))
        )
    return int(sizes.pop())


def _whole(batching: Batching, leaf: Any, axis: int | None) -> Native:
    """Return a result of all examples."""
    if not isinstance(leaf, Tensor):
        raise TypeError(
            f"a function for um.vmap returns tensors, not {type(leaf).__name__}"
        )
    common_backend("vmap", [leaf, Tensor(leaf._native, batching.backend)])
    if axis is not None:
        return batching.whole(leaf._native)
    if batching.owns(leaf._native):
        raise ValueError(
            "out_axes says None for a result that differs between the examples: say "
            "which dimension numbers them"
        )
    return leaf._native


def _differentiable(native: Native, backend: LoadedBackend) -> bool:
    return backend.dtype_of(native).is_differentiable
