"""Scans along one dimension: running sums, products, extremes, and differences."""

from __future__ import annotations

import operator
from collections.abc import Callable

from unifiedml._dtypes import DType
from unifiedml._rules.axes import normalize_axis
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    ANY,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    Op,
    as_tensor,
    as_tensors,
    constant,
    unary,
)
from unifiedml.ops._order import along_last, places_like, with_axis_last
from unifiedml.ops.exponential import logaddexp
from unifiedml.ops.manipulation import broadcast_to, concat
from unifiedml.ops.reduction import total_dtype, widened
from unifiedml.ops.selection import where

__all__ = [
    "cumulative_logsumexp",
    "cumulative_max",
    "cumulative_min",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
]

_CUMULATIVE_LOGSUMEXP = Op("cumulative_logsumexp", REAL_FLOATING)
_CUMULATIVE_MAX = Op("cumulative_max", REAL, order=True)
_CUMULATIVE_MIN = Op("cumulative_min", REAL, order=True)
_CUMULATIVE_PROD = Op("cumulative_prod", NUMERIC)
_CUMULATIVE_SUM = Op("cumulative_sum", NUMERIC)
_DIFF = Op("diff", ANY)
_SUMMABLE = Op("cumulative_sum", ANY)


def cumulative_sum(
    x: Operand,
    /,
    *,
    axis: int | None = None,
    dtype: DType | str | None = None,
    include_initial: bool = False,
) -> Tensor:
    """Return the sums of the first 1, 2, ... elements along ``axis``.

    Data types are those of `sum`: integers in 64 bits, float16 and bfloat16 in float32.

    Args:
        x: A tensor.
        axis: The dimension; may be left out if ``x`` is 1-d.
        dtype: Convert to this data type first.
        include_initial: Start with the sum of no element, 0.

    Raises:
        ValueError: ``axis`` is left out and ``x`` is not 1-d.

    Example:
        >>> import unifiedml as um
        >>> um.cumulative_sum(um.tensor([1, 2, 3]), include_initial=True).tolist()
        [0, 1, 3, 6]
    """
    x = as_tensor(_SUMMABLE, x)
    x = x.astype(total_dtype(x.dtype) if dtype is None else dtype, copy=False)
    return _accumulated(_CUMULATIVE_SUM, x, axis, 0 if include_initial else None)


def cumulative_prod(
    x: Operand,
    /,
    *,
    axis: int | None = None,
    dtype: DType | str | None = None,
    include_initial: bool = False,
) -> Tensor:
    """Return the products of the first 1, 2, ... elements along ``axis``.

    Arguments are those of `cumulative_sum`; the product of no element is 1. The
    gradient is exact also where elements are zero.

    Example:
        >>> import unifiedml as um
        >>> um.cumulative_prod(um.tensor([1, 2, 3])).tolist()
        [1, 2, 6]
    """
    x = as_tensor(_CUMULATIVE_PROD, x)
    x = x.astype(total_dtype(x.dtype) if dtype is None else dtype, copy=False)
    return _accumulated(_CUMULATIVE_PROD, x, axis, 1 if include_initial else None)


def _accumulated(op: Op, x: Tensor, axis: int | None, initial: int | None) -> Tensor:
    place = _one_axis(op.name, x, axis)
    if not op.accepts(x.dtype):
        raise TypeError(f"{op.name} needs a numeric data type, not {x.dtype.name}")
    # PyTorch's scans of small integers are int64, TensorFlow's are not.
    wide = widened(x.astype(total_dtype(x.dtype), copy=False))
    result = unary(op, wide, place).astype(x.dtype, copy=False)
    if initial is None:
        return result
    first = constant(initial, x.dtype, x._backend, x.device)
    shape = (*x.shape[:place], 1, *x.shape[place + 1 :])
    return concat([broadcast_to(first, shape), result], axis=place)


def _one_axis(name: str, x: Tensor, axis: int | None) -> int:
    if axis is None and x.ndim != 1:
        raise ValueError(f"{name} of shape {x.shape} needs an axis")
    return normalize_axis(0 if axis is None else axis, x.ndim)


def cumulative_max(x: Operand, /, *, axis: int | None = None) -> Tensor:
    """Return the largest of the first 1, 2, ... elements along ``axis``.

    NaN from the first NaN on. Gradients go to the first of equal elements.

    Args:
        x: A real tensor.
        axis: The dimension; may be left out if ``x`` is 1-d.

    Example:
        >>> import unifiedml as um
        >>> um.cumulative_max(um.tensor([1, 3, 2, 5])).tolist()
        [1, 3, 3, 5]
    """
    return _extremes(_CUMULATIVE_MAX, x, axis)


def cumulative_min(x: Operand, /, *, axis: int | None = None) -> Tensor:
    """Return the smallest of the first 1, 2, ... elements; as `cumulative_max`.

    Example:
        >>> import unifiedml as um
        >>> um.cumulative_min(um.tensor([3, 1, 2, 0])).tolist()
        [3, 1, 1, 0]
    """
    return _extremes(_CUMULATIVE_MIN, x, axis)


def _extremes(op: Op, x: Operand, axis: int | None) -> Tensor:
    x = as_tensor(op, x)
    place = _one_axis(op.name, x, axis)
    found = unary(op, x.detach(), place)
    if not x.dtype.is_differentiable or not x.size:
        return found
    # Each element is taken from where it first occurred: so go the gradients.
    rows = with_axis_last(found, place)
    before, after = rows[..., :-1], rows[..., 1:]
    changed = (after != before) & (before == before)
    places = places_like(x, rows.shape[-1])
    rises = where(changed, places[1:], 0)
    first = broadcast_to(places[:1], (*rows.shape[:-1], 1))
    last_rise = unary(_CUMULATIVE_MAX, concat([first, rises], axis=-1), x.ndim - 1)
    return with_axis_last(along_last(with_axis_last(x, place), last_rise), place)


def cumulative_logsumexp(x: Operand, /, *, axis: int | None = None) -> Tensor:
    """Return `logsumexp` of the first 1, 2, ... elements along ``axis``.

    Args:
        x: A real floating-point tensor.
        axis: The dimension; may be left out if ``x`` is 1-d.

    Example:
        >>> import unifiedml as um
        >>> um.cumulative_logsumexp(um.tensor([1000.0, -1000.0])).tolist()
        [1000.0, 1000.0]
    """
    x = as_tensor(_CUMULATIVE_LOGSUMEXP, x)
    place = _one_axis("cumulative_logsumexp", x, axis)
    rows = with_axis_last(widened(x), place)
    found = with_axis_last(_doubled(logaddexp, rows), place)
    return found.astype(x.dtype, copy=False)


def _doubled(combine: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """Scan the last dimension in log2(n) steps, each over twice as many elements.

    Reference:
        Hillis and Steele (1986), "Data parallel algorithms", CACM 29.
    """
    step, size = 1, x.shape[-1]
    while step < size:
        x = concat([x[..., :step], combine(x[..., :-step], x[..., step:])], axis=-1)
        step *= 2
    return x


def diff(
    x: Operand,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: Operand | None = None,
    append: Operand | None = None,
) -> Tensor:
    """Return the differences between neighbours along ``axis``, ``n`` times over.

    Args:
        x: A tensor; of bool, neighbours differ or they do not.
        axis: The dimension.
        n: How often.
        prepend: What to put in front first, of the shape of ``x`` but for ``axis``.
        append: What to put behind first.

    Returns:
        A tensor with ``n`` elements less along ``axis``, but not less than none.

    Raises:
        ValueError: ``n`` is negative.

    Example:
        >>> import unifiedml as um
        >>> um.diff(um.tensor([1, 4, 9, 16])).tolist()
        [3, 5, 7]
    """
    front, back = ([] if one is None else [one] for one in (prepend, append))
    parts = [*front, x, *back]
    tensors = as_tensors(_DIFF, *parts)
    place = normalize_axis(axis, tensors[0].ndim)
    if operator.index(n) < 0:
        raise ValueError(f"diff is taken a number of times, not {n}")
    whole = concat(tensors, axis=place) if len(tensors) > 1 else tensors[0]
    rows = with_axis_last(whole, place)
    for _ in range(min(n, rows.shape[-1])):
        later, earlier = rows[..., 1:], rows[..., :-1]
        rows = later != earlier if rows.dtype.kind == "bool" else later - earlier
    return with_axis_last(rows, place)
