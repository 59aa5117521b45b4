"""Functions that change the shape of tensors, or join them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from unifiedml._rules import shapes as _shapes
from unifiedml._rules.axes import Axis, normalize_axes, normalize_axis
from unifiedml._rules.remembered import remembered
from unifiedml._rules.shapes import (
    Shape,
    as_shape,
    check_rank,
    concat_shape,
    reshape_shape,
)
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, Op, as_tensor, as_tensors, unary

__all__ = [
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concat",
    "expand_dims",
    "flatten",
    "flip",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "reshape",
    "squeeze",
    "stack",
    "swapaxes",
]

_BROADCAST = Op("broadcast_to", ANY)
_CONCAT = Op("concat", ANY)
_FLIP = Op("flip", ANY)
_PERMUTE = Op("permute_dims", ANY)
_RESHAPE = Op("reshape", ANY)


def reshape(x: Operand, /, shape: Any, *, copy: bool | None = None) -> Tensor:
    """Return the elements of ``x``, last axis first, in another shape.

    Args:
        x: A tensor.
        shape: The new sizes; one may be -1, the size that is left. Up to 64 of them;
            beyond eight, elements can be read, and other operations may refuse.
        copy: For the Array API standard: tensors are values, so it changes nothing.

    Raises:
        ValueError: The number of elements differs, or there are too many sizes.

    Example:
        >>> import unifiedml as um
        >>> um.reshape(um.arange(4), (2, -1)).tolist()
        [[0, 1], [2, 3]]
    """
    x = as_tensor(_RESHAPE, x)
    return unary(_RESHAPE, x, _reshaped(shape, x.shape))


@remembered
def _reshaped(target: Any, shape: Shape) -> Shape:
    return reshape_shape(shape, target)


def permute_dims(x: Operand, /, axes: Sequence[int]) -> Tensor:
    """Return ``x`` with its dimensions in the order ``axes``.

    Raises:
        ValueError: ``axes`` does not name each dimension once.

    Example:
        >>> import unifiedml as um
        >>> um.permute_dims(um.zeros((2, 3, 4)), (2, 0, 1)).shape
        (4, 2, 3)
    """
    x = as_tensor(_PERMUTE, x)
    return unary(_PERMUTE, x, _order(tuple(axes), x.ndim))


@remembered
def _order(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    order = tuple(normalize_axis(axis, ndim) for axis in axes)
    if sorted(order) != list(range(ndim)):
        raise ValueError(f"axes {axes} must name each of the {ndim} dimensions once")
    return order


def matrix_transpose(x: Operand, /) -> Tensor:
    """Return ``x`` with its last two dimensions swapped.

    Raises:
        ValueError: ``x`` has less than two dimensions.

    Example:
        >>> import unifiedml as um
        >>> um.matrix_transpose(um.zeros((5, 2, 3))).shape
        (5, 3, 2)
    """
    x = as_tensor(_PERMUTE, x)
    ndim = x.ndim
    if ndim < 2:
        raise ValueError(f"a matrix has two dimensions, unlike shape {x.shape}")
    return unary(_PERMUTE, x, (*range(ndim - 2), ndim - 1, ndim - 2))


def moveaxis(
    x: Operand, source: int | Sequence[int], destination: int | Sequence[int], /
) -> Tensor:
    """Return ``x`` with dimensions moved to other places, the rest in their order.

    Args:
        x: A tensor.
        source: Which dimensions.
        destination: Their places in the result.

    Raises:
        AxisError: A place is out of range.
        ValueError: A place is named twice, or there are more of one than of the other.

    Example:
        >>> import unifiedml as um
        >>> um.moveaxis(um.zeros((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    x = as_tensor(_PERMUTE, x)
    sources, places = _distinct(source, x.ndim), _distinct(destination, x.ndim)
    if len(sources) != len(places):
        raise ValueError(
            f"moveaxis needs as many destinations as sources, not {source!r} and "
            f"{destination!r}"
        )
    order = [axis for axis in range(x.ndim) if axis not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return unary(_PERMUTE, x, tuple(order))


def _distinct(axes: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Return axes, in the order given, as non-negative integers."""
    given = tuple(axes) if isinstance(axes, Iterable) else (axes,)
    normalize_axes(given, ndim)
    return tuple(normalize_axis(axis, ndim) for axis in given)


def swapaxes(x: Operand, axis1: int, axis2: int, /) -> Tensor:
    """Return ``x`` with two dimensions swapped.

    Raises:
        AxisError: One of them is out of range.

    Example:
        >>> import unifiedml as um
        >>> um.swapaxes(um.zeros((2, 3, 4)), 0, -1).shape
        (4, 3, 2)
    """
    x = as_tensor(_PERMUTE, x)
    order = list(range(x.ndim))
    first, second = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    order[first], order[second] = second, first
    return unary(_PERMUTE, x, tuple(order))


def flatten(x: Operand, /) -> Tensor:
    """Return the elements of ``x``, last axis first, in one dimension.

    Example:
        >>> import unifiedml as um
        >>> um.flatten(um.tensor([[1, 2], [3, 4]])).tolist()
        [1, 2, 3, 4]
    """
    return reshape(x, (-1,)) if np.size(x) else reshape(x, (0,))


def expand_dims(x: Operand, /, axis: int | Sequence[int]) -> Tensor:
    """Return ``x`` with new dimensions of size 1 at the places ``axis`` of the result.

    Raises:
        AxisError: A place is out of range.
        ValueError: A place is named twice, or there are too many dimensions.

    Example:
        >>> import unifiedml as um
        >>> um.expand_dims(um.zeros(3), axis=(0, 2)).shape
        (1, 3, 1)
    """
    x = as_tensor(_RESHAPE, x)
    count = len(axis) if isinstance(axis, Sequence) else 1
    places = normalize_axes(axis, x.ndim + count)
    sizes = list(x.shape)
    for place in places:
        sizes.insert(place, 1)
    return unary(_RESHAPE, x, check_rank(tuple(sizes)))


def squeeze(x: Operand, /, axis: Axis) -> Tensor:
    """Return ``x`` without the dimensions ``axis``, which have size 1.

    Raises:
        ValueError: One of them has another size.

    Example:
        >>> import unifiedml as um
        >>> um.squeeze(um.zeros((1, 3)), axis=0).shape
        (3,)
    """
    x = as_tensor(_RESHAPE, x)
    shape = x.shape
    axes = normalize_axes(axis, len(shape))
    if any(shape[one] != 1 for one in axes):
        raise ValueError(
            f"cannot remove axis {axis} of shape {shape}: only dimensions of size 1"
        )
    left = tuple(size for place, size in enumerate(shape) if place not in axes)
    return unary(_RESHAPE, x, left)


def broadcast_to(x: Operand, /, shape: Any) -> Tensor:
    """Return ``x`` repeated along dimensions of size 1 until it has ``shape``.

    Raises:
        ValueError: ``x`` does not broadcast to ``shape``.

    Example:
        >>> import unifiedml as um
        >>> um.broadcast_to(um.tensor([1, 2]), (2, 2)).tolist()
        [[1, 2], [1, 2]]
    """
    x = as_tensor(_BROADCAST, x)
    wanted = as_shape(shape)
    if _shapes.broadcast_shapes(x.shape, wanted) != wanted:
        raise ValueError(f"cannot broadcast shape {x.shape} to {wanted}")
    return unary(_BROADCAST, x, wanted)


def broadcast_arrays(*arrays: Operand) -> tuple[Tensor, ...]:
    """Return ``arrays`` broadcast against each other, data types as they are.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> import unifiedml as um
        >>> [x.shape for x in um.broadcast_arrays(um.zeros(3), um.zeros((2, 1)))]
        [(2, 3), (2, 3)]
    """
    tensors = [as_tensors(_BROADCAST, x, beside=arrays)[0] for x in arrays]
    shape = _shapes.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(unary(_BROADCAST, x, shape) for x in tensors)


def broadcast_shapes(*shapes: Sequence[int]) -> Shape:
    """Return the shape that ``shapes`` broadcast to.

    Raises:
        ValueError: Two sizes differ and neither is 1.

    Example:
        >>> import unifiedml as um
        >>> um.broadcast_shapes((3, 1), (4,))
        (3, 4)
    """
    return _shapes.broadcast_shapes(*(as_shape(shape) for shape in shapes))


def flip(x: Operand, /, *, axis: Axis = None) -> Tensor:
    """Return ``x`` with the order of the elements along ``axis`` reversed.

    Example:
        >>> import unifiedml as um
        >>> um.flip(um.arange(3)).tolist()
        [2, 1, 0]
    """
    x = as_tensor(_FLIP, x)
    axes = normalize_axes(axis, x.ndim)
    return unary(_FLIP, x, axes) if axes else x._twin()


def concat(arrays: Sequence[Operand], /, *, axis: int | None = 0) -> Tensor:
    """Return ``arrays`` joined along an existing dimension.

    Args:
        arrays: Tensors of equal shapes except at ``axis``; they are promoted.
        axis: The dimension; None joins all elements in one.

    Raises:
        ValueError: There is none, or the shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> um.concat([um.zeros(1), um.ones(2)]).tolist()
        [0.0, 1.0, 1.0]
    """
    if not isinstance(arrays, Sequence) or not arrays:
        raise ValueError("concat needs a sequence of at least one tensor")
    tensors = as_tensors(_CONCAT, *arrays)
    if axis is None:
        tensors = tuple(reshape(x, (-1,)) for x in tensors)
        axis = 0
    shapes = [x.shape for x in tensors]
    place = normalize_axis(axis, len(shapes[0]))
    if shapes.count(shapes[0]) < len(shapes):
        concat_shape(shapes, place)
    return _joined(tensors, place)


def _joined(tensors: Sequence[Tensor], axis: int) -> Tensor:
    from unifiedml.ops._dispatch import execute

    backend = tensors[0]._backend
    return execute(
        _CONCAT, lambda *natives: backend.ops.concat(natives, axis), tensors, ()
    )


def stack(arrays: Sequence[Operand], /, *, axis: int = 0) -> Tensor:
    """Return ``arrays``, of one shape, joined along a new dimension.

    Raises:
        ValueError: There is none, or the shapes differ.

    Example:
        >>> import unifiedml as um
        >>> um.stack([um.zeros(3), um.ones(3)]).shape
        (2, 3)
    """
    if not isinstance(arrays, Sequence) or not arrays:
        raise ValueError("stack needs a sequence of at least one tensor")
    tensors = as_tensors(_CONCAT, *arrays)
    shapes = {x.shape for x in tensors}
    if len(shapes) > 1:
        listed = ", ".join(str(x.shape) for x in tensors)
        raise ValueError(f"stack needs tensors of one shape, not {listed}")
    place = normalize_axis(axis, tensors[0].ndim + 1)
    return _joined([expand_dims(x, axis=place) for x in tensors], place)
