"""The parts of complex numbers."""

from __future__ import annotations

import math

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import FLOATING, NUMERIC, Op, as_tensor, unary
from unifiedml.ops.arithmetic import positive
from unifiedml.ops.comparison import isnan
from unifiedml.ops.creation import zeros_like
from unifiedml.ops.selection import where
from unifiedml.ops.trigonometry import atan2

__all__ = [
    "angle",
    "conj",
    "imag",
    "real",
]

_ANGLE = Op("angle", FLOATING)
_CONJ = Op("conj", NUMERIC)
_IMAG = Op("imag", frozenset({"complex"}))
_REAL = Op("real", NUMERIC)


def real(x: Operand, /) -> Tensor:
    """Return the real part; a real tensor as it is.

    Example:
        >>> import unifiedml as um
        >>> um.real(um.tensor([1 + 2j])).tolist()
        [1.0]
    """
    x = as_tensor(_REAL, x)
    return unary(_REAL, x) if x.dtype.kind == "complex" else positive(x)


def imag(x: Operand, /) -> Tensor:
    """Return the imaginary part of a complex tensor.

    Example:
        >>> import unifiedml as um
        >>> um.imag(um.tensor([1 + 2j])).tolist()
        [2.0]
    """
    return unary(_IMAG, x)


def conj(x: Operand, /) -> Tensor:
    """Return the complex conjugate; a real tensor as it is.

    Example:
        >>> import unifiedml as um
        >>> um.conj(um.tensor([1 + 2j])).tolist()
        [(1-2j)]
    """
    x = as_tensor(_CONJ, x)
    return unary(_CONJ, x) if x.dtype.kind == "complex" else positive(x)


def angle(x: Operand, /) -> Tensor:
    """Return the angle of complex numbers, in [-pi, pi]; 0 or pi for real ones.

    The gradient at 0 is 0, and so is that of real numbers.

    Example:
        >>> import unifiedml as um
        >>> um.angle(um.tensor([1.0, 2j, 0.0])).tolist()[::2]
        [0.0, 0.0]
    """
    x = as_tensor(_ANGLE, x)
    if x.dtype.kind == "complex":
        return atan2(imag(x), real(x))
    x = x.detach()
    return where(isnan(x), x, where(x < 0, math.pi, zeros_like(x)))
