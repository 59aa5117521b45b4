"""Sorting, searching, scans and segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unifiedml_tensorflow._elementwise import bitwise_invert, multiply, where
from unifiedml_tensorflow._elementwise import maximum as _maximum
from unifiedml_tensorflow._elementwise import minimum as _minimum
from unifiedml_tensorflow._import import integers, kernel, tf
from unifiedml_tensorflow._shape import concat, getitem

__all__ = [
    "argsort",
    "bitcast",
    "cumulative_max",
    "cumulative_min",
    "cumulative_prod",
    "cumulative_sum",
    "searchsorted",
    "segment_max",
    "segment_sum",
    "top_k",
]

Tensor = Any

_cumprod = kernel(tf.raw_ops.Cumprod)
_cumsum = kernel(tf.raw_ops.Cumsum)
_lower_bound = kernel(tf.raw_ops.LowerBound)
_top_k = kernel(tf.raw_ops.TopKV2)
_segment_max = kernel(tf.raw_ops.UnsortedSegmentMax)
_segment_sum = kernel(tf.raw_ops.UnsortedSegmentSum)
_upper_bound = kernel(tf.raw_ops.UpperBound)

bitcast = kernel(tf.raw_ops.Bitcast)


def top_k(x: Tensor, k: int, /) -> Tensor:
    # Of equal elements, the kernel takes the first ones.
    return tf.cast(_top_k(x, integers(k)).indices, tf.int64)


def argsort(x: Tensor, /) -> Tensor:
    # The complement of an integer reverses the order.
    return top_k(bitwise_invert(x), x.shape[-1])


def searchsorted(x: Tensor, values: Tensor, right: bool, /) -> Tensor:
    return (_upper_bound if right else _lower_bound)(x, values, out_type=tf.int64)


def cumulative_sum(x: Tensor, axis: int, /) -> Tensor:
    return _cumsum(x, integers(axis))


def _doubling(combine: Callable[[Tensor, Tensor], Tensor]) -> Any:
    """Return a scan in log2(n) steps, each over twice as many elements."""

    def scan(x: Tensor, axis: int, /) -> Tensor:
        size, step = x.shape[axis], 1
        while step < size:
            whole = (slice(0, None, 1),) * axis
            front = getitem(x, (*whole, slice(0, step, 1)))
            early = getitem(x, (*whole, slice(0, size - step, 1)))
            late = getitem(x, (*whole, slice(step, size, 1)))
            x = concat((front, combine(early, late)), axis)
            step *= 2
        return x

    return scan


# TensorFlow has no kernels for these.
cumulative_max = _doubling(_maximum)
cumulative_min = _doubling(_minimum)
_products = _doubling(multiply)


def cumulative_prod(x: Tensor, axis: int, /) -> Tensor:
    if x.dtype.is_integer:
        return _cumprod(x, integers(axis))
    # The kernel's derivative divides by the elements, which may be zero.
    return _products(x, axis)


def segment_max(x: Tensor, ids: Tensor, count: int, low: Any, /) -> Tensor:
    found = _segment_max(x, ids, integers(count))
    # Without elements, the kernel's result is the least finite number.
    least, wanted = (tf.constant(v, x.dtype) for v in (x.dtype.min, low))
    found = where(found == least, wanted, found)
    if not x.dtype.is_floating:
        return found
    # It lets a NaN through or not, depending on where it comes.
    unknown = _segment_sum(tf.cast(tf.math.is_nan(x), tf.int32), ids, integers(count))
    return where(unknown > 0, tf.constant(float("nan"), x.dtype), found)


def segment_sum(x: Tensor, ids: Tensor, count: int, /) -> Tensor:
    return _segment_sum(x, ids, integers(count))
