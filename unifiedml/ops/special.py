"""Special functions of statistics, element by element."""

from __future__ import annotations

import math
from typing import Final

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import REAL_FLOATING, Op, broadcastable, unary
from unifiedml.ops._steps import rounded_once
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.arithmetic import square
from unifiedml.ops.exponential import log, log1p
from unifiedml.ops.selection import where
from unifiedml.ops.trigonometry import atanh, sin

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "lgamma",
    "logit",
    "sinc",
    "xlog1py",
    "xlogy",
]

_DIGAMMA = Op("digamma", REAL_FLOATING)
_ERF = Op("erf", REAL_FLOATING)
_ERFC = Op("erfc", REAL_FLOATING)
_ERFINV = Op("erfinv", REAL_FLOATING)
_LGAMMA = Op("lgamma", REAL_FLOATING)
_LOGIT = Op("logit", REAL_FLOATING)
_SINC = Op("sinc", REAL_FLOATING)
_XLOG1PY = Op("xlog1py", REAL_FLOATING, explain=broadcastable)
_XLOGY = Op("xlogy", REAL_FLOATING, explain=broadcastable)


def erf(x: Operand, /) -> Tensor:
    """Return the error function.

    Example:
        >>> import unifiedml as um
        >>> um.erf(um.tensor([0.0])).tolist()
        [0.0]

    Reference:
        NIST Digital Library of Mathematical Functions, 7.2.1.
    """
    return unary(_ERF, x)


def erfc(x: Operand, /) -> Tensor:
    """Return ``1 - erf(x)``, accurate where it is small.

    Example:
        >>> import unifiedml as um
        >>> um.erfc(um.tensor([0.0])).tolist()
        [1.0]

    Reference:
        NIST Digital Library of Mathematical Functions, 7.2.2.
    """
    return unary(_ERFC, x)


def erfinv(x: Operand, /) -> Tensor:
    """Return the inverse of the error function: infinite at -1 and 1, NaN beyond.

    Example:
        >>> import unifiedml as um
        >>> um.erfinv(um.tensor([0.0])).tolist()
        [0.0]

    Reference:
        NIST Digital Library of Mathematical Functions, 7.17.1.
    """
    return unary(_ERFINV, x)


def lgamma(x: Operand, /) -> Tensor:
    """Return the logarithm of the absolute value of the gamma function.

    It is infinite at 0, at the negative integers and at both infinities.

    Example:
        >>> import unifiedml as um
        >>> um.lgamma(um.tensor([1.0, 0.0])).tolist()
        [0.0, inf]

    Reference:
        NIST Digital Library of Mathematical Functions, 5.2.1.
    """
    return unary(_LGAMMA, x)


def digamma(x: Operand, /) -> Tensor:
    """Return the derivative of `lgamma`: -inf at 0, inf at -0, NaN at the other poles.

    Example:
        >>> import unifiedml as um
        >>> um.digamma(um.tensor([0.0])).tolist()
        [-inf]

    Reference:
        NIST Digital Library of Mathematical Functions, 5.2.2.
    """
    return unary(_DIGAMMA, x)


def logit(x: Operand, /) -> Tensor:
    """Return ``log(x / (1 - x))``, the inverse of the sigmoid; NaN outside of [0, 1].

    Example:
        >>> import unifiedml as um
        >>> um.logit(um.tensor([0.5])).tolist()
        [0.0]
    """
    return rounded_once(_LOGIT, _logit, x)


def _logit(x: Tensor) -> Tensor:
    # Both logarithms are log(1/2) in the middle, where the result is 0.
    middle = (x > 0.25) & (x < 0.75)
    inner = atanh(where(middle, x * 2 - 1, 0.0)) * 2
    outer = where(middle, 1.0, x)
    return where(middle, inner, log(outer) - log1p(-where(middle, 0.0, x)))


def xlogy(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 * log(x2)``, and 0 where ``x1`` is 0 unless ``x2`` is NaN.

    The gradient for ``x1`` is ``log(x2)``. Both
    gradients are 0 where ``x1`` is 0 and ``x2`` is not positive.

    Example:
        >>> import unifiedml as um
        >>> um.xlogy(um.tensor([0.0, 2.0]), um.tensor([0.0, 1.0])).tolist()
        [0.0, 0.0]
    """
    return rounded_once(_XLOGY, _xlogy, x1, x2)


def _xlogy(x: Tensor, y: Tensor) -> Tensor:
    nothing = (x == 0) & ((y <= 0) | (y == math.inf))
    return where(nothing, 0.0, x * log(where(nothing, 1.0, y)))


def xlog1py(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 * log1p(x2)``, and 0 where ``x1`` is 0 unless ``x2`` is NaN.

    The gradient for ``x1`` is ``log1p(x2)``. Both
    gradients are 0 where ``x1`` is 0 and ``x2`` is at most -1.

    Example:
        >>> import unifiedml as um
        >>> um.xlog1py(um.tensor([0.0, 2.0]), um.tensor([-1.0, 0.0])).tolist()
        [0.0, 0.0]
    """
    return rounded_once(_XLOG1PY, _xlog1py, x1, x2)


def _xlog1py(x: Tensor, y: Tensor) -> Tensor:
    nothing = (x == 0) & ((y <= -1) | (y == math.inf))
    return where(nothing, 0.0, x * log1p(where(nothing, 0.0, y)))


def sinc(x: Operand, /) -> Tensor:
    """Return ``sin(pi * x) / (pi * x)``, and 1 at 0, where the gradient is 0.

    Example:
        >>> import unifiedml as um
        >>> um.sinc(um.tensor([0.0])).tolist()
        [1.0]
    """
    return rounded_once(_SINC, _sinc, x)


_SINC_TERMS: Final = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(9))
"""Coefficients of the series of sin(t)/t in t*t: to 1/2 the rest is below 1e-19."""


def _sinc(x: Tensor) -> Tensor:
    angle = x * math.pi
    # The quotient's derivative is a difference of terms of 1/t, and NaN at 0.
    near = _abs(angle) < 0.5
    power = square(where(near, angle, 0.0))
    series = power * _SINC_TERMS[-1] + _SINC_TERMS[-2]
    for coefficient in reversed(_SINC_TERMS[:-2]):
        series = series * power + coefficient
    far = where(near, 1.0, angle)
    return where(near, series, sin(far) / far)
