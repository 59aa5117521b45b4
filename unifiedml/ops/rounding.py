"""Rounding to integers, element by element."""

from __future__ import annotations

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import REAL, Op, unary
from unifiedml.ops._steps import join
from unifiedml.ops.arithmetic import positive

__all__ = [
    "ceil",
    "floor",
    "round",
    "trunc",
]

_CEIL = Op("ceil", REAL)
_FLOOR = Op("floor", REAL)
_IMAG = Op("imag", frozenset({"complex"}))
_REAL = Op("real", frozenset({"complex"}))
_ROUND = Op("round", REAL)
_TRUNC = Op("trunc", REAL)


def floor(x: Operand, /) -> Tensor:
    """Return the largest integer that is not larger. Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.floor(um.tensor([1.5, -1.5])).tolist()
        [1.0, -2.0]
    """
    return _rounded(_FLOOR, x)


def ceil(x: Operand, /) -> Tensor:
    """Return the smallest integer that is not smaller. Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.ceil(um.tensor([1.5, -1.5])).tolist()
        [2.0, -1.0]
    """
    return _rounded(_CEIL, x)


def trunc(x: Operand, /) -> Tensor:
    """Return the integer part. Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.trunc(um.tensor([1.5, -1.5])).tolist()
        [1.0, -1.0]
    """
    return _rounded(_TRUNC, x)


def round(x: Operand, /) -> Tensor:
    """Return the nearest integer, the even one of two. Its gradient is zero.

    Both parts of complex numbers are rounded.

    Example:
        >>> import unifiedml as um
        >>> um.round(um.tensor([0.5, 1.5, -1.2])).tolist()
        [0.0, 2.0, -1.0]
    """
    if isinstance(x, Tensor) and x.dtype.kind == "complex":
        return join(*(unary(_ROUND, unary(part, x)) for part in (_REAL, _IMAG)))
    return _rounded(_ROUND, x)


def _rounded(op: Op, x: Operand) -> Tensor:
    if isinstance(x, Tensor) and x.dtype.is_integer:
        return positive(x)
    return unary(op, x)
