"""Shape, indexing and matrix products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from unifiedml_tensorflow._import import integers, kernel, tf

__all__ = [
    "broadcast_to",
    "concat",
    "flip",
    "getitem",
    "matmul",
    "nonzero",
    "pad",
    "permute_dims",
    "reshape",
    "scatter",
    "scatter_add",
    "scatter_max",
    "scatter_min",
    "scatter_multiply",
    "setitem",
    "split",
    "take",
]

Tensor = Any
Shape = tuple[int, ...]
Key = tuple[int | slice, ...]

_BROADCAST_RANK: Final = 5

_batch_matmul = kernel(tf.raw_ops.BatchMatMulV2)
_cast = kernel(tf.raw_ops.Cast)
_broadcast_to = kernel(tf.raw_ops.BroadcastTo)
_concat = kernel(tf.raw_ops.ConcatV2)
_gather = kernel(tf.raw_ops.GatherV2)
_matmul = kernel(tf.raw_ops.MatMul)
_is_nan = kernel(tf.raw_ops.IsNan)
_multiply = kernel(tf.raw_ops.Mul)
_pad = kernel(tf.raw_ops.PadV2)
_scatter_add = kernel(tf.raw_ops.TensorScatterAdd)
_segment_prod = kernel(tf.raw_ops.UnsortedSegmentProd)
_select = kernel(tf.raw_ops.SelectV2)
_stop = kernel(tf.raw_ops.StopGradient)
_reshape = kernel(tf.raw_ops.Reshape)
_reverse = kernel(tf.raw_ops.ReverseV2)
_scatter = kernel(tf.raw_ops.TensorScatterUpdate)
_split = kernel(tf.raw_ops.SplitV)
_strided_slice = kernel(tf.raw_ops.StridedSlice)
_strided_update = kernel(tf.raw_ops.TensorStridedSliceUpdate)
_transpose = kernel(tf.raw_ops.Transpose)
_unpack = kernel(tf.raw_ops.Unpack)
_where = kernel(tf.raw_ops.Where)


HALF: Final = frozenset({tf.float16, tf.bfloat16})
"""What gradients are not added up in: sums would stand still."""


def broadcast_to(x: Tensor, shape: Shape, /) -> Tensor:
    if x.dtype in HALF and tuple(x.shape) != shape:
        return _cast(broadcast_to(_cast(x, tf.float32), shape), x.dtype)
    if len(shape) <= _BROADCAST_RANK:
        return _broadcast_to(x, integers(shape))
    # Repeated and plain dimensions may alternate five times at most.
    sizes = [1] * (len(shape) - x.ndim) + list(x.shape)
    x = _reshape(x, integers(tuple(sizes)))
    for axis, size in enumerate(shape):
        if size != sizes[axis]:
            sizes[axis] = size
            x = _broadcast_to(x, integers(tuple(sizes)))
    return x


def concat(xs: Sequence[Tensor], axis: int, /) -> Tensor:
    # The kernel takes two and more.
    return _concat(list(xs), integers(axis)) if len(xs) > 1 else xs[0]


def flip(x: Tensor, axes: tuple[int, ...], /) -> Tensor:
    return _reverse(x, integers(axes))


def pad(x: Tensor, widths: tuple[tuple[int, int], ...], value: Any, /) -> Tensor:
    filler = tf.constant(np.asarray(value).astype(x.dtype.as_numpy_dtype))
    if x.ndim <= _BROADCAST_RANK:
        return _pad(x, integers(widths), filler)
    # The kernel takes six dimensions, after it has joined those that stay.
    for axis, width in enumerate(widths):
        if width != (0, 0):
            lone = tuple(width if a == axis else (0, 0) for a in range(x.ndim))
            x = _pad(x, integers(lone), filler)
    return x


def permute_dims(x: Tensor, axes: tuple[int, ...], /) -> Tensor:
    return _transpose(x, integers(axes))


def reshape(x: Tensor, shape: Shape, /) -> Tensor:
    return _reshape(x, integers(shape))


def matmul(x: Tensor, y: Tensor, /) -> Tensor:
    if x.ndim == y.ndim == 2:
        return _matmul(x, y)
    return _batch_matmul(x, y)


# --- indexing ----------------------------------------------------------------------


class _Bounds(NamedTuple):
    """A key as strided kernels take it: numbers, and bits that say how to read them."""

    begin: Tensor
    end: Tensor
    strides: Tensor
    begin_mask: int
    end_mask: int
    ellipsis_mask: int
    new_axis_mask: int
    shrink_axis_mask: int


def _bounds(key: Key) -> _Bounds:
    places = [
        (one.start, one.stop, one.step) if isinstance(one, slice) else (one, None, 0)
        for one in key
    ]
    return _cached_bounds(tuple(places))


@lru_cache(maxsize=4096)
def _cached_bounds(places: tuple[tuple[int, int | None, int], ...]) -> _Bounds:
    # An integer has no step. A stop of None is masked: it lies before the first place.
    begins = tuple(start for start, _, _ in places)
    ends = tuple(start + 1 if stop is None else stop for start, stop, _ in places)
    steps = tuple(step or 1 for _, _, step in places)
    single = [not step for _, _, step in places]
    to_front = [stop is None and step != 0 for _, stop, step in places]
    return _Bounds(
        begin=integers(begins, tf.int64),
        end=integers(ends, tf.int64),
        strides=integers(steps, tf.int64),
        begin_mask=0,
        end_mask=_bits(to_front),
        ellipsis_mask=0,
        new_axis_mask=0,
        shrink_axis_mask=_bits(single),
    )


def _bits(flags: Sequence[bool]) -> int:
    return sum(1 << place for place, flag in enumerate(flags) if flag)


def split(x: Tensor, sizes: Shape, axis: int, /) -> Sequence[Tensor]:
    return _split(x, integers(sizes), integers(axis), len(sizes))


def getitem(x: Tensor, key: Key, /) -> Tensor:
    return _strided_slice(x, *_bounds(key))


def setitem(x: Tensor, value: Tensor, key: Key, /) -> Tensor:
    begin, end, strides, *masks = _bounds(key)
    return _strided_update(x, begin, end, strides, value, *masks)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    return tuple(_unpack(_where(x), x.ndim, 1))


def scatter(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
    # The kernel refuses slices without elements.
    if 0 in x.shape:
        return x
    return _scatter(x, reshape(indices, (-1, 1)), updates)


def scatter_add(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
    return _scatter_add(x, reshape(indices, (-1, 1)), updates)


def scatter_multiply(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
    # There is no such scatter, but products of segments, 1 where they are empty.
    return _multiply(x, _segment_prod(updates, indices, integers(x.shape[0])))


def _nan_through(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a scatter that keeps NaN, which TensorFlow's comparisons lose."""

    def scatter(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
        places = reshape(indices, (-1, 1))
        result = kernel(x, places, updates)
        if not x.dtype.is_floating:
            return result
        constant = _stop(updates)
        zeros = tf.zeros_like(constant)
        lost = _select(_is_nan(constant), constant, zeros)
        return _scatter_add(result, places, lost)

    return scatter


scatter_max = _nan_through(kernel(tf.raw_ops.TensorScatterMax))
scatter_min = _nan_through(kernel(tf.raw_ops.TensorScatterMin))


def take(x: Tensor, indices: Tensor, axis: int, /) -> Tensor:
    if x.dtype in HALF:
        # Gradients of one element add up, and would stagnate. They come sparse, and
        # are made dense by the reshape, before the cast.
        wide = reshape(_cast(x, tf.float32), tuple(x.shape))
        return _cast(take(wide, indices, axis), x.dtype)
    return _gather(x, indices, integers(axis))
