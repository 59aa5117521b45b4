"""Sorting, the largest elements, and search in what is sorted.

Equal elements stay in turn. NaN counts as larger than every number: it comes last, or
first in descending order.
"""

from __future__ import annotations

import operator
from typing import NamedTuple

from unifiedml._rules.axes import normalize_axis
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import BOOL, REAL, Op, apply, as_tensor, as_tensors, unary
from unifiedml.ops._order import along_last, key, with_axis_last
from unifiedml.ops.indexing import take
from unifiedml.ops.manipulation import reshape

__all__ = ["argsort", "searchsorted", "sort", "topk"]

_ARGSORT = Op("argsort", REAL)
_SEARCHSORTED = Op("searchsorted", REAL)
_SORTABLE = Op("sort", REAL | BOOL)
_SEARCHABLE = Op("searchsorted", REAL | BOOL)
_TOPK = Op("topk", REAL)
_TOP_K = Op("top_k", REAL)


class TopK(NamedTuple):
    """What `topk` returns.

    Attributes:
        values: The largest elements, the largest first.
        indices: Where they are, int64.

    Example:
        >>> import unifiedml as um
        >>> um.topk(um.tensor([1.0, 3.0, 2.0]), 1).values.tolist()
        [3.0]
    """

    values: Tensor
    indices: Tensor


def argsort(
    x: Operand, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """Return the int64 indices that sort ``x`` along ``axis``.

    Args:
        x: A real tensor or one of bool.
        axis: The dimension to sort.
        descending: Largest first; equal elements are in turn all the same.
        stable: For the Array API standard: the order is always stable.

    Raises:
        AxisError: ``axis`` is out of range.

    Example:
        >>> import unifiedml as um
        >>> um.argsort(um.tensor([3, 1, 2])).tolist()
        [1, 2, 0]
    """
    x = as_tensor(_SORTABLE, x)
    place = normalize_axis(axis, x.ndim)
    return with_axis_last(_order(with_axis_last(x, place), descending), place)


def _order(x: Tensor, descending: bool) -> Tensor:
    keys = key(x)
    return unary(_ARGSORT, ~keys if descending else keys)


def sort(
    x: Operand, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """Return ``x`` sorted along ``axis``; arguments as in `argsort`.

    Gradients go back to where the elements came from.

    Example:
        >>> import unifiedml as um
        >>> um.sort(um.tensor([3.0, float("nan"), 1.0])).tolist()
        [1.0, 3.0, nan]
    """
    x = as_tensor(_SORTABLE, x)
    place = normalize_axis(axis, x.ndim)
    rows = with_axis_last(x, place)
    return with_axis_last(along_last(rows, _order(rows, descending)), place)


def topk(x: Operand, k: int, /, *, axis: int = -1) -> TopK:
    """Return the ``k`` largest elements along ``axis`` in descending order.

    Of equal elements the first come first. Gradients go to the chosen elements.

    Args:
        x: A real tensor.
        k: How many.
        axis: The dimension to search.

    Returns:
        The values and their int64 indices, with ``k`` in place of the size of ``axis``.

    Raises:
        ValueError: ``k`` is negative, or there are less elements.

    Example:
        >>> import unifiedml as um
        >>> values, indices = um.topk(um.tensor([1.0, 5.0, 3.0, 5.0]), 2)
        >>> values.tolist(), indices.tolist()
        ([5.0, 5.0], [1, 3])
    """
    x = as_tensor(_TOPK, x)
    place = normalize_axis(axis, x.ndim)
    count = operator.index(k)
    if not 0 <= count <= x.shape[place]:
        raise ValueError(
            f"topk cannot choose {count} of the {x.shape[place]} elements along axis "
            f"{axis} of shape {x.shape}"
        )
    rows = with_axis_last(x, place)
    indices = unary(_TOP_K, key(rows), count)
    values = along_last(rows, indices)
    return TopK(with_axis_last(values, place), with_axis_last(indices, place))


def searchsorted(
    x1: Operand,
    x2: Operand,
    /,
    *,
    side: str = "left",
    sorter: Operand | None = None,
) -> Tensor:
    """Return where to insert ``x2`` into the sorted ``x1``, so that it stays sorted.

    Args:
        x1: A sorted 1-d tensor, as `sort` sorts: NaN last.
        x2: A tensor of any shape, or a number.
        side: ``"left"``: before equal elements, ``"right"``: behind them.
        sorter: Indices that sort ``x1``, if it is not sorted.

    Returns:
        int64 indices of the shape of ``x2``.

    Raises:
        ValueError: ``x1`` is not 1-d, or ``side`` is none of the two.

    Example:
        >>> import unifiedml as um
        >>> um.searchsorted(um.tensor([1, 3, 3, 5]), um.tensor([3, 4])).tolist()
        [1, 3]
    """
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', not {side!r}")
    x1, x2 = as_tensors(_SEARCHABLE, x1, x2, beside=() if sorter is None else (sorter,))
    if x1.ndim != 1:
        raise ValueError(f"searchsorted needs a 1-d tensor, not shape {x1.shape}")
    if sorter is not None:
        x1 = take(x1, sorter)
    rows = (reshape(key(x1), (1, -1)), reshape(key(x2), (1, -1)))
    return reshape(apply(_SEARCHSORTED, rows, side == "right"), x2.shape)
