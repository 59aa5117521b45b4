"""Comparisons, and tests for NaN and infinity, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from unifiedml._dtypes import DTYPES, iinfo
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    ANY,
    NUMERIC,
    REAL,
    Op,
    as_tensor,
    binary,
    broadcastable,
    unary,
)
from unifiedml.ops.creation import full_like

__all__ = [
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "not_equal",
]

_EQUAL = Op("equal", ANY, explain=broadcastable)
_ISFINITE = Op("isfinite", NUMERIC)
_ISINF = Op("isinf", NUMERIC)
_ISNAN = Op("isnan", NUMERIC)
_LESS = Op("less", REAL, order=True, explain=broadcastable)
_LESS_EQUAL = Op("less_equal", REAL, order=True, explain=broadcastable)
_NOT_EQUAL = Op("not_equal", ANY, explain=broadcastable)


def equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell which elements are equal; NaN equals nothing.

    Example:
        >>> import unifiedml as um
        >>> um.equal(um.tensor([1, 2]), 2).tolist()
        [False, True]
    """
    return binary(_EQUAL, *_comparable(x1, x2))


def not_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell which elements differ; NaN differs from everything.

    Example:
        >>> import unifiedml as um
        >>> um.not_equal(um.tensor([1, 2]), 2).tolist()
        [True, False]
    """
    return binary(_NOT_EQUAL, *_comparable(x1, x2))


def less(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where ``x1 < x2``.

    Example:
        >>> import unifiedml as um
        >>> um.less(um.tensor([1, 2]), 2).tolist()
        [True, False]
    """
    return binary(_LESS, *_comparable(x1, x2))


def less_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where ``x1 <= x2``.

    Example:
        >>> import unifiedml as um
        >>> um.less_equal(um.tensor([1, 2]), 1).tolist()
        [True, False]
    """
    return binary(_LESS_EQUAL, *_comparable(x1, x2))


def greater(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where ``x1 > x2``.

    Example:
        >>> import unifiedml as um
        >>> um.greater(um.tensor([1, 2]), 1).tolist()
        [False, True]
    """
    return less(x2, x1)


def greater_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where ``x1 >= x2``.

    Example:
        >>> import unifiedml as um
        >>> um.greater_equal(um.tensor([1, 2]), 2).tolist()
        [False, True]
    """
    return less_equal(x2, x1)


def _comparable(x1: Operand, x2: Operand) -> tuple[Any, Any]:
    """Return operands whose comparison with a weak integer is exact."""
    if isinstance(x1, Tensor):
        return (x1, x2) if isinstance(x2, Tensor) else _within_range(x1, x2)
    if isinstance(x2, Tensor):
        return _within_range(x2, x1)[::-1]
    return x1, x2


def _within_range(x: Tensor, other: Any) -> tuple[Tensor, Any]:
    number = other.item() if isinstance(other, np.integer) else other
    if type(number) is int and x.dtype.is_integer:
        limits = iinfo(x.dtype)
        if not limits.min <= number <= limits.max:
            # Beyond the range all numbers compare alike, as 1 or -1 does with zeros.
            return full_like(x, 0, dtype=DTYPES["int8"]), 1 if number > 0 else -1
    return x, number


def isnan(x: Operand, /) -> Tensor:
    """Tell which elements are NaN; no integer is.

    Example:
        >>> import unifiedml as um
        >>> um.isnan(um.tensor([1.0, float("nan")])).tolist()
        [False, True]
    """
    return _classified(_ISNAN, x, False)


def isinf(x: Operand, /) -> Tensor:
    """Tell which elements are infinite; no integer is.

    Example:
        >>> import unifiedml as um
        >>> um.isinf(um.tensor([1.0, float("-inf")])).tolist()
        [False, True]
    """
    return _classified(_ISINF, x, False)


def isfinite(x: Operand, /) -> Tensor:
    """Tell which elements are neither infinite nor NaN; every integer is.

    Example:
        >>> import unifiedml as um
        >>> um.isfinite(um.tensor([1.0, float("nan")])).tolist()
        [True, False]
    """
    return _classified(_ISFINITE, x, True)


def _classified(op: Op, x: Operand, for_integers: bool) -> Tensor:
    x = as_tensor(op, x)
    if x.dtype.is_integer:
        return full_like(x, for_integers, dtype=DTYPES["bool"])
    return unary(op, x)
