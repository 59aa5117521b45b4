"""Special functions, complex numbers from their parts, and what there is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from unifiedml_tensorflow._elementwise import _broadcasting as broadcasting
from unifiedml_tensorflow._elementwise import (
    abs,
    add,
    divide,
    equal,
    erf,
    erfc,
    exp,
    less,
    multiply,
    raw,
    round,
    sign,
    sin,
    square,
    subtract,
    where,
)
from unifiedml_tensorflow._import import is_unrecorded, kernel, tf

__all__ = ["atan2", "complex", "digamma", "erfinv", "lgamma", "shortcuts"]

Tensor = Any

atan2 = broadcasting(raw.Atan2)

_COMPLEX: Final = {
    real: broadcasting(partial(kernel(raw.Complex), Tout=whole))
    for real, whole in ((tf.float32, tf.complex64), (tf.float64, tf.complex128))
}
shortcuts: Final[Mapping[str, Any]] = {}  # its own lose digits, or need a GPU
_digamma = kernel(raw.Digamma)
_erfinv = kernel(raw.Erfinv)
_lgamma = kernel(raw.Lgamma)
_ndtri = kernel(raw.Ndtri)
_polygamma = kernel(raw.Polygamma)


def complex(x: Tensor, y: Tensor, /) -> Tensor:
    return _COMPLEX[x.dtype](x, y)


def lgamma(x: Tensor, /) -> Tensor:
    return _lgamma(x) if is_unrecorded(x) else _recorded_lgamma(x)


@tf.custom_gradient
def _recorded_lgamma(x: Tensor) -> tuple[Tensor, Any]:
    return _lgamma(x), lambda g: multiply(g, digamma(x))


def digamma(x: Tensor, /) -> Tensor:
    return _pole_at_0(x) if is_unrecorded(x) else _recorded_digamma(x)


def _pole_at_0(x: Tensor) -> Tensor:
    # TensorFlow's pole at 0 is NaN.
    return where(equal(x, tf.zeros_like(x)), divide(-tf.ones_like(x), x), _digamma(x))


@tf.custom_gradient
def _recorded_digamma(x: Tensor) -> tuple[Tensor, Any]:
    return _pole_at_0(x), lambda g: multiply(g, _trigamma(x))


def _trigamma(x: Tensor) -> Tensor:
    # In float32, TensorFlow's own returns numbers of any size left of -8.
    one = tf.ones_like(x)
    left = x <= 0
    right = _polygamma(one, where(left, subtract(one, x), x))
    beside = where(left, subtract(x, round(x)), one / 2)
    reflected = square(divide(one * math.pi, sin(multiply(one * math.pi, beside))))
    return where(left, subtract(reflected, right), right)


@tf.custom_gradient
def erfinv(x: Tensor, /) -> tuple[Tensor, Any]:
    # TensorFlow's is off by 5,000 eps, and so is the derivative made of it. Near the
    # ends it rounds 1 + x, and what is left of 1 - x is off by a third.
    size, half = abs(x), tf.constant(0.5, x.dtype)
    tail = _ndtri(multiply(half, subtract(tf.ones_like(x), size)))
    tail = multiply(sign(x), multiply(tail, tf.constant(-math.sqrt(0.5), x.dtype)))
    result = _polished(x, where(less(size, half), _erfinv(x), tail))

    def pull(g: Tensor) -> Tensor:
        slope = tf.constant(math.sqrt(math.pi) / 2, x.dtype)
        return multiply(g, multiply(slope, exp(square(erfinv(x)))))

    return result, pull


def _polished(x: Tensor, y: Tensor) -> Tensor:
    """Return a Newton step from ``y`` towards ``erfinv(x)``, unless that is infinite.

    Near the ends ``1 - erf`` keeps the digits that ``erf`` loses.
    """
    size, one = abs(x), tf.ones_like(x)
    tail = multiply(sign(x), subtract(subtract(one, size), erfc(abs(y))))
    middle = subtract(erf(y), x)
    excess = where(less(size, tf.constant(0.5, x.dtype)), middle, tail)
    slope = tf.constant(math.sqrt(math.pi) / 2, x.dtype)
    better = subtract(y, multiply(multiply(slope, exp(square(y))), excess))
    return where(less(size, one), better, add(y, tf.zeros_like(y)))
