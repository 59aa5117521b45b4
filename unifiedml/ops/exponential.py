"""Exponentials, logarithms and roots, element by element."""

from __future__ import annotations

import math
from functools import partial

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops import _complex
from unifiedml.ops._dispatch import (
    COMPLEX,
    FLOATING,
    REAL_FLOATING,
    Op,
    apply,
    as_tensor,
    as_tensors,
    broadcastable,
    unary,
)
from unifiedml.ops._steps import join, rounded_once
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.arithmetic import pow, reciprocal, square
from unifiedml.ops.comparison import isinf
from unifiedml.ops.selection import maximum, where

__all__ = [
    "cbrt",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "rsqrt",
    "sqrt",
]

_CBRT = Op("cbrt", REAL_FLOATING)
_IMAG = Op("imag", COMPLEX)
_REAL = Op("real", COMPLEX)

_EXP = Op("exp", FLOATING)
_EXP2 = Op("exp2", FLOATING)
_EXPM1 = Op("expm1", FLOATING)
_HYPOT = Op("hypot", REAL_FLOATING, explain=broadcastable)
_LOG = Op("log", FLOATING)
_LOG10 = Op("log10", FLOATING)
_LOG1P = Op("log1p", FLOATING)
_LOG2 = Op("log2", FLOATING)
_LOGADDEXP = Op("logaddexp", REAL_FLOATING, explain=broadcastable)
_POWER = Op("power_constant", FLOATING)
_RSQRT = Op("rsqrt", FLOATING)
_SOFTPLUS = Op("softplus", REAL_FLOATING)
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
    if isinstance(x, Tensor) and x.dtype.kind == "complex":
        return _complex.expm1(x, partial(unary, _EXPM1), exp)
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
    if isinstance(x, Tensor) and x.dtype.kind == "complex":
        return _complex.log1p(x, partial(unary, _LOG1P), log)
    return unary(_LOG1P, x)


def sqrt(x: Operand, /) -> Tensor:
    """Return the square root, NaN for negative numbers.

    Example:
        >>> import unifiedml as um
        >>> um.sqrt(um.tensor([4.0])).tolist()
        [2.0]
    """
    return unary(_SQRT, x)


def exp2(x: Operand, /) -> Tensor:
    """Return 2 to the power of ``x``.

    Example:
        >>> import unifiedml as um
        >>> um.exp2(um.tensor([3.0])).tolist()
        [8.0]
    """
    x = as_tensor(_EXP2, x)
    # exp(x * log(2)) would multiply the rounding error of its operand by x.
    return apply(_POWER, as_tensors(_POWER, 2.0, x))


def log2(x: Operand, /) -> Tensor:
    """Return the logarithm to base 2.

    Example:
        >>> import unifiedml as um
        >>> um.log2(um.tensor([1.0])).tolist()
        [0.0]
    """
    return rounded_once(_LOG2, partial(_log_to, math.log(2)), x)


def log10(x: Operand, /) -> Tensor:
    """Return the logarithm to base 10.

    Example:
        >>> import unifiedml as um
        >>> um.log10(um.tensor([1.0])).tolist()
        [0.0]
    """
    return rounded_once(_LOG10, partial(_log_to, math.log(10)), x)


def _log_to(base: float, x: Tensor) -> Tensor:
    y = log(x)
    if y.dtype.kind != "complex":
        return y / base
    # A complex quotient with an infinity has NaN for parts.
    return join(unary(_REAL, y) / base, unary(_IMAG, y) / base)


def logaddexp(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``log(exp(x1) + exp(x2))``, without overflow.

    The gradients are ``sigmoid(x1 - x2)`` and ``sigmoid(x2 - x1)``: 1/2 each where both
    are equal, infinities included.

    Example:
        >>> import unifiedml as um
        >>> um.logaddexp(um.tensor([1000.0]), 0.0).tolist()
        [1000.0]
    """
    return rounded_once(_LOGADDEXP, _logaddexp, x1, x2)


def _logaddexp(x: Tensor, y: Tensor) -> Tensor:
    # inf - inf is NaN; there the result is the operands' own.
    same = isinf(x) & (x == y)
    first, second = where(same, 0.0, x), where(same, 0.0, y)
    swapped = first < second
    high, low = where(swapped, second, first), where(swapped, first, second)
    result = high + unary(_SOFTPLUS, low - high)
    return where(same, x * 0.5 + y * 0.5, result)


def rsqrt(x: Operand, /) -> Tensor:
    """Return ``1 / sqrt(x)``.

    Example:
        >>> import unifiedml as um
        >>> um.rsqrt(um.tensor([4.0])).tolist()
        [0.5]
    """
    return rounded_once(_RSQRT, lambda x: reciprocal(sqrt(x)), x)


def cbrt(x: Operand, /) -> Tensor:
    """Return the real cube root, of the sign of ``x``; its gradient at 0 is infinite.

    Example:
        >>> import unifiedml as um
        >>> um.cbrt(um.tensor([1.0, -1.0])).tolist()
        [1.0, -1.0]
    """
    return rounded_once(_CBRT, _cbrt, x)


def _cbrt(x: Tensor) -> Tensor:
    # Unlike abs, this has a derivative at 0.
    size = where(x < 0, -x, x)
    edge = (size == 0) | isinf(size)
    inner = where(edge, 1.0, size)
    root = pow(inner, 1 / 3)
    # A step of Newton's method: the rounding of 1/3 costs large numbers their digits.
    root = root - (root - inner / square(root)) / 3
    root = where(edge, pow(where(edge, size, 1.0), 1 / 3), root)
    return where(x < 0, -root, root)


def hypot(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``sqrt(x1**2 + x2**2)``, without overflow or underflow.

    It is infinite if either operand is, whatever the other one is. Both gradients at
    the origin are 0.

    Example:
        >>> import unifiedml as um
        >>> um.hypot(um.tensor([3.0]), 4.0).tolist()
        [5.0]
    """
    return rounded_once(_HYPOT, _hypot, x1, x2)


def _hypot(x: Tensor, y: Tensor) -> Tensor:
    infinite = isinf(x) | isinf(y)
    x, y = where(infinite, float("inf"), x), where(infinite, float("inf"), y)
    largest = maximum(_abs(x), _abs(y)).detach()
    # The result does not depend on the scale, so that is a constant for gradients.
    scale = where((largest == 0) | infinite, 1.0, largest)
    total = square(x / scale) + square(y / scale)
    origin = total == 0
    root = sqrt(where(origin, 1.0, total)) * scale
    return where(origin, 0.0, root)
