"""Trigonometric and hyperbolic functions, element by element."""

from __future__ import annotations

import math
from functools import partial

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops import _complex
from unifiedml.ops._dispatch import (
    FLOATING,
    REAL_FLOATING,
    Op,
    binary,
    broadcastable,
    unary,
)
from unifiedml.ops._steps import rounded_once
from unifiedml.ops.exponential import sqrt
from unifiedml.ops.selection import where

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "rad2deg",
    "sin",
    "sinh",
    "tan",
    "tanh",
]

_ACOS = Op("acos", FLOATING)
_ACOSH = Op("acosh", FLOATING)
_ASIN = Op("asin", FLOATING)
_ASINH = Op("asinh", FLOATING)
_ATAN = Op("atan", FLOATING)
_ATAN2 = Op("atan2", REAL_FLOATING, explain=broadcastable)
_ATANH = Op("atanh", FLOATING)
_COS = Op("cos", FLOATING)
_COSH = Op("cosh", FLOATING)
_DEG2RAD = Op("deg2rad", REAL_FLOATING)
_RAD2DEG = Op("rad2deg", REAL_FLOATING)
_SIN = Op("sin", FLOATING)
_SINH = Op("sinh", FLOATING)
_TAN = Op("tan", FLOATING)
_TANH = Op("tanh", FLOATING)


def sin(x: Operand, /) -> Tensor:
    """Return the sine of an angle in radians.

    Example:
        >>> import unifiedml as um
        >>> um.sin(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_SIN, x)


def cos(x: Operand, /) -> Tensor:
    """Return the cosine of an angle in radians.

    Example:
        >>> import unifiedml as um
        >>> um.cos(um.tensor([0.0])).tolist()
        [1.0]
    """
    return unary(_COS, x)


def tan(x: Operand, /) -> Tensor:
    """Return the tangent of an angle in radians.

    Example:
        >>> import unifiedml as um
        >>> um.tan(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_TAN, x)


def asin(x: Operand, /) -> Tensor:
    """Return the inverse sine, in [-pi/2, pi/2].

    NaN outside of [-1, 1], where complex numbers have a value.

    Example:
        >>> import unifiedml as um
        >>> um.asin(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_ASIN, x)


def acos(x: Operand, /) -> Tensor:
    """Return the inverse cosine, in [0, pi].

    NaN outside of [-1, 1], where complex numbers have a value.

    Example:
        >>> import unifiedml as um
        >>> um.acos(um.tensor([1.0])).tolist()
        [0.0]
    """
    if isinstance(x, Tensor) and x.dtype.kind == "complex":
        return _complex.acos(x, partial(unary, _ACOS), asin, sqrt)
    return unary(_ACOS, x)


def atan(x: Operand, /) -> Tensor:
    """Return the inverse tangent, in [-pi/2, pi/2].

    Example:
        >>> import unifiedml as um
        >>> um.atan(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_ATAN, x)


def atan2(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the angle of the point ``(x2, x1)``, in [-pi, pi].

    The signs of zeros say on which side of the axes a point lies. Both gradients at
    the origin are 0.

    Example:
        >>> import unifiedml as um
        >>> um.atan2(um.tensor([0.0, 0.0]), um.tensor([2.0, 0.0])).tolist()
        [0.0, 0.0]
    """
    return rounded_once(_ATAN2, _angle, x1, x2)


def _angle(y: Tensor, x: Tensor) -> Tensor:
    origin = (y == 0) & (x == 0)
    # The same angle, that of (±inf, ±0), from constants.
    y = where(origin, y.detach(), y)
    x = where(origin, 1 / x.detach(), x)
    return binary(_ATAN2, y, x)


def sinh(x: Operand, /) -> Tensor:
    """Return the hyperbolic sine.

    Example:
        >>> import unifiedml as um
        >>> um.sinh(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_SINH, x)


def cosh(x: Operand, /) -> Tensor:
    """Return the hyperbolic cosine.

    Example:
        >>> import unifiedml as um
        >>> um.cosh(um.tensor([0.0])).tolist()
        [1.0]
    """
    return unary(_COSH, x)


def tanh(x: Operand, /) -> Tensor:
    """Return the hyperbolic tangent.

    Example:
        >>> import unifiedml as um
        >>> um.tanh(um.tensor([0.0])).tolist()
        [0.0]
    """
    if isinstance(x, Tensor) and x.dtype.kind == "complex":
        return _complex.tanh(x, partial(unary, _TANH))
    return unary(_TANH, x)


def asinh(x: Operand, /) -> Tensor:
    """Return the inverse hyperbolic sine.

    Example:
        >>> import unifiedml as um
        >>> um.asinh(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_ASINH, x)


def acosh(x: Operand, /) -> Tensor:
    """Return the inverse hyperbolic cosine, not negative.

    NaN below 1, where complex numbers have a value.

    Example:
        >>> import unifiedml as um
        >>> um.acosh(um.tensor([1.0])).tolist()
        [0.0]
    """
    return unary(_ACOSH, x)


def atanh(x: Operand, /) -> Tensor:
    """Return the inverse hyperbolic tangent.

    Infinite at -1 and 1, NaN beyond, where complex numbers have a value.

    Example:
        >>> import unifiedml as um
        >>> um.atanh(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_ATANH, x)


def deg2rad(x: Operand, /) -> Tensor:
    """Return an angle in radians that is given in degrees.

    Example:
        >>> import unifiedml as um
        >>> um.deg2rad(um.tensor([0.0])).tolist()
        [0.0]
    """
    return rounded_once(_DEG2RAD, lambda x: x * (math.pi / 180), x)


def rad2deg(x: Operand, /) -> Tensor:
    """Return an angle in degrees that is given in radians.

    Example:
        >>> import unifiedml as um
        >>> um.rad2deg(um.tensor([0.0])).tolist()
        [0.0]
    """
    return rounded_once(_RAD2DEG, lambda x: x * (180 / math.pi), x)
