"""Exponentials, logarithms and roots, element by element."""

from __future__ import annotations

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import FLOATING, Op, unary

__all__ = [
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
]

_EXP = Op("exp", FLOATING)
_EXPM1 = Op("expm1", FLOATING)
_LOG = Op("log", FLOATING)
_LOG1P = Op("log1p", FLOATING)
_SQRT = Op("sqrt", FLOATING)


def exp(x: Operand, /) -> Tensor:
    """Return *e* to the power of ``x``.

    Example:
        >>> import unifiedml as um
        >>> um.exp(um.tensor([0.0])).tolist()
        [1.0]
    """
    return unary(_EXP, x)


def expm1(x: Operand, /) -> Tensor:
    """Return ``exp(x) - 1``, accurate near 0.

    Example:
        >>> import unifiedml as um
        >>> um.expm1(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_EXPM1, x)


def log(x: Operand, /) -> Tensor:
    """Return the natural logarithm.

    Example:
        >>> import unifiedml as um
        >>> um.log(um.tensor([1.0])).tolist()
        [0.0]
    """
    return unary(_LOG, x)


def log1p(x: Operand, /) -> Tensor:
    """Return ``log(1 + x)``, accurate near 0.

    Example:
        >>> import unifiedml as um
        >>> um.log1p(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_LOG1P, x)


def sqrt(x: Operand, /) -> Tensor:
    """Return the square root, NaN for negative numbers.

    Example:
        >>> import unifiedml as um
        >>> um.sqrt(um.tensor([4.0])).tolist()
        [2.0]
    """
    return unary(_SQRT, x)
