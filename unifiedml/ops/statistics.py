"""Statistics beyond the standard: quantiles, reductions that leave NaN out, averages.

Arguments are those of the reductions: ``axis`` is None for all dimensions, an integer
or a tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from unifiedml._rules.axes import Axis, normalize_axes
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    FLOATING,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    Op,
    as_tensor,
    as_tensors,
)
from unifiedml.ops.manipulation import broadcast_to, permute_dims, reshape, stack
from unifiedml.ops.reduction import all as _all
from unifiedml.ops.reduction import count_nonzero, mean, widened
from unifiedml.ops.reduction import max as _max
from unifiedml.ops.reduction import min as _min
from unifiedml.ops.reduction import sum as _sum
from unifiedml.ops.selection import where
from unifiedml.ops.sorting import sort

__all__ = [
    "average",
    "median",
    "nanmax",
    "nanmean",
    "nanmin",
    "nansum",
    "percentile",
    "ptp",
    "quantile",
]

_AVERAGE = Op("average", FLOATING)
_NANMAX = Op("nanmax", REAL)
_NANMEAN = Op("nanmean", REAL_FLOATING)
_NANMIN = Op("nanmin", REAL)
_NANSUM = Op("nansum", NUMERIC)
_PTP = Op("ptp", REAL)
_QUANTILE = Op("quantile", REAL_FLOATING)


def quantile(
    x: Operand, q: Any, /, *, axis: Axis = None, keepdims: bool = False
) -> Tensor:
    """Return the quantiles ``q`` over ``axis``, by linear interpolation.

    NaN where there is a NaN. Gradients go to the elements on both sides, of equal
    ones to those that `sort` puts there.

    Args:
        x: A real floating-point tensor.
        q: A number in [0, 1], or a sequence of numbers.
        axis: The dimensions to reduce; all by default.
        keepdims: Leave the reduced dimensions with size 1.

    Returns:
        One quantile, or as many along a new first dimension.

    Raises:
        ValueError: There is no element, or a number is outside [0, 1].

    Example:
        >>> import unifiedml as um
        >>> um.quantile(um.tensor([1.0, 2.0, 4.0]), [0.5, 0.75]).tolist()
        [2.0, 3.0]

    Reference:
        Hyndman and Fan (1996), "Sample quantiles in statistical packages", type 7.
    """
    x = as_tensor(_QUANTILE, x)
    wanted = _levels(q)
    if wanted.ndim > 1 or not ((wanted >= 0) & (wanted <= 1)).all():
        raise ValueError(f"quantiles are numbers between 0 and 1, not {q}")
    axes = normalize_axes(axis, x.ndim)
    rows = _rows(widened(x), axes)
    size = rows.shape[-1]
    if not size:
        raise ValueError(f"quantile over axis {axis} of shape {x.shape}: no elements")
    ordered = sort(rows)
    largest = ordered[..., -1]
    shape = [1 if n in axes else size for n, size in enumerate(x.shape)]
    kept = shape if keepdims else [s for n, s in enumerate(x.shape) if n not in axes]
    found = [
        reshape(
            where(largest != largest, largest, _between(ordered, one * (size - 1))),
            kept,
        )
        for one in wanted.reshape(-1)
    ]
    result = stack(found) if wanted.ndim else found[0]
    return result.astype(x.dtype, copy=False)


def _between(ordered: Tensor, place: float) -> Tensor:
    """Return the element at ``place``, which may lie between two."""
    low = int(place)
    first = ordered[..., low]
    if place == low:
        return first
    second, part = ordered[..., low + 1], place - low
    # Of equal infinities the difference is NaN.
    return where(first == second, first, first * (1 - part) + second * part)


def _rows(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return ``x`` with ``axes`` made one, the last."""
    rest = [n for n in range(x.ndim) if n not in axes]
    size = 1
    for one in axes:
        size *= x.shape[one]
    moved = permute_dims(x, (*rest, *axes))
    return reshape(moved, (*(x.shape[n] for n in rest), size))


def percentile(
    x: Operand, q: Any, /, *, axis: Axis = None, keepdims: bool = False
) -> Tensor:
    """Return `quantile` for ``q`` in percent.

    Example:
        >>> import unifiedml as um
        >>> um.percentile(um.tensor([1.0, 2.0, 4.0]), 75).item()
        3.0
    """
    levels = _levels(q)
    if not ((levels >= 0) & (levels <= 100)).all():
        raise ValueError(f"percentiles are numbers between 0 and 100, not {q}")
    return quantile(x, levels / 100, axis=axis, keepdims=keepdims)


def _levels(q: Any) -> npt.NDArray[np.float64]:
    given = np.asarray(q)
    if given.dtype.kind not in "iuf":
        raise TypeError(f"quantiles are numbers, not {q!r}")
    return given.astype(np.float64)


def median(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the middle element over ``axis``, the mean of two if there are two.

    Two middle elements get half of the gradient each.

    Raises:
        ValueError: There is no element.

    Example:
        >>> import unifiedml as um
        >>> um.median(um.tensor([4.0, 1.0, 3.0, 2.0])).item()
        2.5
    """
    return quantile(x, 0.5, axis=axis, keepdims=keepdims)


# --- without NaN ----------------------------------------------------------------------


def nansum(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum of the elements that are not NaN; as `sum`.

    Example:
        >>> import unifiedml as um
        >>> um.nansum(um.tensor([1.0, um.nan, 2.0])).item()
        3.0
    """
    x = as_tensor(_NANSUM, x)
    return _sum(where(x != x, 0, x), axis=axis, keepdims=keepdims)


def nanmean(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean of the elements that are not NaN, NaN if there is none.

    Example:
        >>> import unifiedml as um
        >>> um.nanmean(um.tensor([1.0, um.nan, 2.0])).item()
        1.5
    """
    x = as_tensor(_NANMEAN, x)
    wide = widened(x)
    total = nansum(wide, axis=axis, keepdims=keepdims)
    known = count_nonzero(x == x, axis=axis, keepdims=keepdims).astype(wide.dtype)
    return (total / known).astype(x.dtype, copy=False)


def nanmax(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest element that is not NaN, NaN if there is none.

    Raises:
        ValueError: There is no element.

    Example:
        >>> import unifiedml as um
        >>> um.nanmax(um.tensor([1.0, um.nan, 2.0])).item()
        2.0
    """
    return _without_nan(_NANMAX, x, axis, keepdims, _max, float("-inf"))


def nanmin(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the smallest element that is not NaN; as `nanmax`.

    Example:
        >>> import unifiedml as um
        >>> um.nanmin(um.tensor([1.0, um.nan, 2.0])).item()
        1.0
    """
    return _without_nan(_NANMIN, x, axis, keepdims, _min, float("inf"))


def _without_nan(
    op: Op,
    x: Operand,
    axis: Axis,
    keepdims: bool,
    function: Callable[..., Tensor],
    least: float,
) -> Tensor:
    x = as_tensor(op, x)
    if x.dtype.kind != "float":
        return function(x, axis=axis, keepdims=keepdims)
    missing = x != x
    found = function(where(missing, least, x), axis=axis, keepdims=keepdims)
    nothing = _all(missing, axis=axis, keepdims=keepdims)
    return where(nothing, float("nan"), found)


# --- others ---------------------------------------------------------------------------


def ptp(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest minus the smallest element ("peak to peak").

    Example:
        >>> import unifiedml as um
        >>> um.ptp(um.tensor([3, 1, 7])).item()
        6
    """
    x = as_tensor(_PTP, x)
    largest = _max(x, axis=axis, keepdims=keepdims)
    return largest - _min(x, axis=axis, keepdims=keepdims)


def average(
    x: Operand,
    /,
    *,
    axis: Axis = None,
    weights: Operand | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Return the mean of floating-point elements, each counted ``weights`` times.

    Args:
        x: A floating-point tensor.
        axis: The dimensions to reduce; all by default.
        weights: Of a shape that broadcasts to that of ``x``; by default all 1.
        keepdims: Leave the reduced dimensions with size 1.

    Example:
        >>> import unifiedml as um
        >>> um.average(um.tensor([1.0, 4.0]), weights=um.tensor([2.0, 1.0])).item()
        2.0
    """
    if weights is None:
        return mean(x, axis=axis, keepdims=keepdims)
    x, weights = as_tensors(_AVERAGE, x, weights)
    counted = broadcast_to(widened(weights), x.shape)
    total = _sum(widened(x) * counted, axis=axis, keepdims=keepdims)
    found = total / _sum(counted, axis=axis, keepdims=keepdims)
    return found.astype(x.dtype, copy=False)
