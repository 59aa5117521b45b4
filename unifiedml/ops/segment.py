"""Segments: reductions of slices that share a number; counting.

``segment_ids`` tells for each slice of ``data`` along its first dimension which
segment it belongs to, in any order. Slices with a negative number are left out.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from unifiedml._dtypes import DTYPES, iinfo
from unifiedml._rules.shapes import as_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    INTEGER,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    SIGN,
    Op,
    as_tensor,
    as_tensors,
    constant,
    execute,
    kernel,
)
from unifiedml.ops._keys import find
from unifiedml.ops._order import places_like
from unifiedml.ops.conversion import from_array
from unifiedml.ops.creation import ones_like
from unifiedml.ops.indexing import take
from unifiedml.ops.manipulation import broadcast_to, concat, reshape
from unifiedml.ops.reduction import widened
from unifiedml.ops.selection import where
from unifiedml.ops.sorting import argsort, searchsorted

__all__ = [
    "bincount",
    "histogram",
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_prod",
    "segment_sum",
]

_BINCOUNT = Op("bincount", INTEGER)
_HISTOGRAM = Op("histogram", REAL)
_IDS = Op("segment_ids", INTEGER)
_MAX = Op("segment_max", REAL, order=True)
_MEAN = Op("segment_mean", REAL_FLOATING)
_PROD = Op("segment_prod", NUMERIC)
_SUM = Op("segment_sum", NUMERIC)


def segment_sum(
    data: Operand,
    segment_ids: Operand,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Tensor:
    """Return the sum of the slices of each segment; 0 where there are none.

    Args:
        data: Shape ``(n, ...)``.
        segment_ids: Integers of shape ``(n,)``; slices with a negative one are left
            out.
        num_segments: How many segments there are; by default, one more than the
            largest number.
        sorted: For Keras's signature: sorted numbers make no difference.

    Returns:
        A tensor of shape ``(num_segments, ...)`` and the data type of ``data``;
        float16 and bfloat16 are added in float32.

    Raises:
        IndexError: A number is not below ``num_segments``.
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> x, ids = um.tensor([1.0, 2.0, 4.0]), um.tensor([0, 2, 0])
        >>> um.segment_sum(x, ids).tolist()
        [5.0, 0.0, 2.0]
    """
    x, ids, count = _segments(_SUM, data, segment_ids, num_segments)
    return _added(x, ids, count)


def _added(x: Tensor, ids: Tensor, count: int) -> Tensor:
    if not x.size or not count:
        return _filled(x, count, 0)
    return _reduced(_SUM, widened(x), ids, count).astype(x.dtype, copy=False)


def _reduced(op: Op, x: Tensor, ids: Tensor, count: int, *static: Any) -> Tensor:
    function, direct = kernel(op, x._backend)
    if id(x._native.dtype) in direct:
        return execute(
            op, lambda x, ids: function(x, ids, count, *static), (x, ids), ()
        )
    wide = x.astype(DTYPES["int64"])
    return _reduced(op, wide, ids, count, *static).astype(x.dtype)


def segment_max(
    data: Operand,
    segment_ids: Operand,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Tensor:
    """Return the largest of the slices of each segment, element by element.

    Without slices it is -inf, or the least integer; NaN where there is a NaN. Equal
    largest elements share the gradient equally. Arguments are those of `segment_sum`.

    Example:
        >>> import unifiedml as um
        >>> x, ids = um.tensor([1.0, 2.0, 4.0]), um.tensor([0, 2, 0])
        >>> um.segment_max(x, ids).tolist()
        [4.0, -inf, 2.0]
    """
    x, ids, count = _segments(_MAX, data, segment_ids, num_segments)
    return _largest(x, ids, count)


def _largest(x: Tensor, ids: Tensor, count: int) -> Tensor:
    if x.dtype.name == "uint64":
        flipped = _largest(x.astype(DTYPES["int64"]) ^ SIGN, ids, count)
        return (flipped ^ SIGN).astype(x.dtype)
    low = float("-inf") if x.dtype.kind == "float" else iinfo(x.dtype).min
    if not x.size or not count:
        return _filled(x, count, low)
    return _reduced(_MAX, x, ids, count, low)


def segment_min(
    data: Operand,
    segment_ids: Operand,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Tensor:
    """Return the smallest of the slices of each segment; as `segment_max`.

    Without slices it is inf, or the largest integer.

    Example:
        >>> import unifiedml as um
        >>> x, ids = um.tensor([1.0, 2.0, 4.0]), um.tensor([0, 2, 0])
        >>> um.segment_min(x, ids).tolist()
        [1.0, inf, 2.0]
    """
    op = Op("segment_min", REAL)
    x, ids, count = _segments(op, data, segment_ids, num_segments)
    # The complement reverses the order of integers, at their ends, too.
    if x.dtype.kind == "float":
        return -_largest(-x, ids, count)
    return ~_largest(~x, ids, count)


def segment_prod(
    data: Operand,
    segment_ids: Operand,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Tensor:
    """Return the product of the slices of each segment; 1 where there are none.

    The gradient is exact also where elements are zero. Arguments are those of
    `segment_sum`.

    Example:
        >>> import unifiedml as um
        >>> x, ids = um.tensor([1.0, 2.0, 4.0]), um.tensor([0, 2, 0])
        >>> um.segment_prod(x, ids).tolist()
        [4.0, 1.0, 2.0]
    """
    x, ids, count = _segments(_PROD, data, segment_ids, num_segments)
    if not x.size or not count:
        return _filled(x, count, 1)
    return _multiplied(widened(x), ids, count).astype(x.dtype, copy=False)


def _multiplied(x: Tensor, ids: Tensor, count: int) -> Tensor:
    order = argsort(ids)
    x, ids = take(x, order, axis=0), take(ids, order)
    step, size = 1, x.shape[0]
    while step < size:
        # Each slice holds the product of up to `step` slices of its segment.
        same = reshape(ids[step:] == ids[:-step], (-1, *[1] * (x.ndim - 1)))
        late = x[step:] * where(same, x[:-step], 1)
        x, step = concat([x[:step], late]), 2 * step
    ends = searchsorted(ids, places_like(x, count), side="right") - 1
    found = take(x, where(ends < 0, 0, ends), axis=0)
    number = take(ids, where(ends < 0, 0, ends))
    some = (number == places_like(x, count)) & (ends >= 0)
    return where(reshape(some, (-1, *[1] * (x.ndim - 1))), found, 1)


def segment_mean(
    data: Operand,
    segment_ids: Operand,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Tensor:
    """Return the mean of the slices of each segment; 0 where there are none.

    Arguments are those of `segment_sum`, but for the data type: floating-point.

    Example:
        >>> import unifiedml as um
        >>> x, ids = um.tensor([1.0, 2.0, 4.0]), um.tensor([0, 2, 0])
        >>> um.segment_mean(x, ids).tolist()
        [2.5, 0.0, 2.0]
    """
    x, ids, count = _segments(_MEAN, data, segment_ids, num_segments)
    wide = widened(x)
    sizes = _added(ones_like(ids), ids, count)
    sizes = where(sizes == 0, 1, sizes).astype(wide.dtype)
    total = _added(wide, ids, count)
    mean = total / reshape(sizes, (-1, *[1] * (x.ndim - 1)))
    return mean.astype(x.dtype, copy=False)


def _segments(
    op: Op, data: Operand, segment_ids: Operand, num_segments: int | None
) -> tuple[Tensor, Tensor, int]:
    """Return the slices that belong to a segment, their numbers, and how many."""
    (x,) = as_tensors(op, data, beside=(segment_ids,))
    (ids,) = as_tensors(_IDS, segment_ids, beside=(x,))
    if ids.ndim != 1 or not x.ndim or x.shape[0] != ids.shape[0]:
        raise ValueError(
            f"{op.name} needs one segment number for each slice of shape {x.shape}, "
            f"not numbers of shape {ids.shape}"
        )
    ids = ids.astype(DTYPES["int64"], copy=False)
    values = ids.numpy()
    largest = int(values.max(initial=-1))
    count = largest + 1 if num_segments is None else operator.index(num_segments)
    if count < 0:
        raise ValueError(f"num_segments must not be negative: {count}")
    as_shape((count, *x.shape[1:]))
    if largest >= count:
        raise IndexError(
            f"segment number {largest} is out of range for {count} segments"
        )
    if (values < 0).any():
        (kept,) = find(ids >= 0)
        x, ids = take(x, kept, axis=0), take(ids, kept)
    return x, ids, count


def _filled(x: Tensor, count: int, value: Any) -> Tensor:
    one = constant(value, x.dtype, x._backend, x.device)
    return broadcast_to(one, (count, *x.shape[1:]))


def bincount(
    x: Operand, /, *, weights: Operand | None = None, minlength: int = 0
) -> Tensor:
    """Return how often each of the integers 0, 1, ... occurs.

    Args:
        x: A 1-d tensor of integers that are not negative.
        weights: What each element counts, of the shape of ``x``.
        minlength: The least length of the result.

    Returns:
        int64 counts of the integers up to the largest one, or sums of the weights.

    Raises:
        ValueError: An integer is negative, or ``x`` is not 1-d.

    Example:
        >>> import unifiedml as um
        >>> um.bincount(um.tensor([1, 3, 1])).tolist()
        [0, 2, 0, 1]
    """
    (x,) = as_tensors(_BINCOUNT, x, beside=() if weights is None else (weights,))
    if x.ndim != 1 or operator.index(minlength) < 0:
        raise ValueError(
            f"bincount needs a 1-d tensor and a minlength of 0 or more, not shape "
            f"{x.shape} and {minlength}"
        )
    ids = x.astype(DTYPES["int64"], copy=False)
    values = ids.numpy()
    if values.min(initial=0) < 0:
        raise ValueError(f"bincount counts no negative integers: {values.min()}")
    length = max(int(values.max(initial=-1)) + 1, minlength)
    return segment_sum(ones_like(ids) if weights is None else weights, ids, length)


def histogram(
    x: Operand, /, bins: Any = 10, *, range: tuple[float, float] | None = None
) -> tuple[Tensor, Tensor]:
    """Return how many elements fall into each of several bins, and their edges.

    Args:
        x: A real tensor of any shape. Elements outside of the bins do not count.
        bins: How many bins of equal width, or a sorted 1-d tensor of their edges.
        range: The outer edges; by default, the least and the largest element.

    Returns:
        int64 counts of shape ``(bins,)`` and edges of shape ``(bins + 1,)``. An edge
        belongs to the bin on its right; the last one to the last bin.

    Raises:
        ValueError: There is no bin, or the range is not finite and ascending.

    Example:
        >>> import unifiedml as um
        >>> counts, edges = um.histogram(um.tensor([1.0, 2.0, 2.5, 5.0]), 2)
        >>> counts.tolist(), edges.tolist()
        ([3, 1], [1.0, 3.0, 5.0])
    """
    x = as_tensor(_HISTOGRAM, x)
    flat = reshape(x, (-1,))
    if not flat.dtype.is_differentiable:
        flat = flat.astype(DTYPES["float64"])
    edges = _edges(flat, bins, range)
    count = edges.shape[0] - 1
    place = searchsorted(edges, flat, side="right") - 1
    place = where(flat == edges[count], count - 1, place)
    place = where(place < count, place, -1)
    return segment_sum(ones_like(place), place, count), edges


def _edges(x: Tensor, bins: Any, range: tuple[float, float] | None) -> Tensor:
    if not isinstance(bins, int):
        (edges,) = as_tensors(_HISTOGRAM, bins, beside=(x,))
        if edges.ndim != 1 or edges.shape[0] < 2:
            raise ValueError(f"histogram needs two edges or more, not {edges.shape}")
        return edges.astype(x.dtype)
    if bins < 1:
        raise ValueError(f"histogram needs at least one bin, not {bins}")
    as_shape(bins)
    values = x.numpy().astype(np.float64)
    ends = (values.min(), values.max()) if values.size else (0.0, 1.0)
    low, high = ends if range is None else range
    if not (np.isfinite([low, high]).all() and low <= high):
        raise ValueError(
            f"histogram needs a finite, ascending range, not {low}, {high}"
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    places = np.linspace(low, high, bins + 1).astype(x.dtype.numpy)
    return from_array(places, x._backend, x.device)
