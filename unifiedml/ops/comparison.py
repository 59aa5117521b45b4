"""Comparisons, and tests for NaN and infinity, element by element."""

from __future__ import annotations

from typing import Any

from unifiedml._dtypes import DTYPES, iinfo
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    ANY,
    NUMERIC,
    REAL,
    Op,
    as_tensors,
    binary,
    broadcastable,
    unary,
)
from unifiedml.ops.arithmetic import multiply

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
    """Compare with a Python integer exactly, also one that the dtype cannot hold."""
    for x, other in ((x1, x2), (x2, x1)):
        if type(x) is not int or not isinstance(other, Tensor):
            continue
        if not other.dtype.is_integer:
            continue
        limits = iinfo(other.dtype)
        if not limits.min <= x <= limits.max:
            # Any number beyond the range compares alike: -1, 1 against zeros do too.
            beyond = 1 if x > 0 else -1
            nothing = multiply(other.astype("int8"), 0)
            return (beyond, nothing) if x is x1 else (nothing, beyond)
    return x1, x2


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
    (x,) = as_tensors(op, x)
    if x.dtype.is_integer:
        from unifiedml.ops.creation import full_like

        return full_like(x, for_integers, dtype=DTYPES["bool"])
    return unary(op, x)
