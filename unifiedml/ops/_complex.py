"""Complex functions where the frameworks leave the standard: infinities, NaN, zeros.

Each takes the operand and the framework's own function, and corrects single elements.
The frameworks' vectorised loops and their loops for the rest differ in these, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from unifiedml._tensor import Tensor
from unifiedml.ops._dispatch import COMPLEX, Op, unary
from unifiedml.ops._steps import bits_of, join
from unifiedml.ops.arithmetic import abs
from unifiedml.ops.comparison import isfinite, isinf
from unifiedml.ops.selection import where

__all__ = ["acos", "expm1", "log1p", "tanh"]

Function = Callable[[Tensor], Tensor]

_IMAG: Final = Op("imag", COMPLEX)
_REAL: Final = Op("real", COMPLEX)


def acos(x: Tensor, function: Function, asin: Function, sqrt: Function) -> Tensor:
    """Give the imaginary part the sign opposite to that of ``x``, zeros included.

    Near 1, where PyTorch's real part is a difference, it is ``2 asin √((1 - x) / 2)``.
    """
    real, imag = unary(_REAL, x), unary(_IMAG, x)
    near = (abs(real - 1) < 0.5) & (abs(imag) < 0.5)
    rest = join(where(near, 1 - real, 1.0), where(near, -imag, 1.0))
    # Of the least numbers TensorFlow takes no root.
    root = sqrt(rest * 2.0**40) * (math.sqrt(0.5) * 2.0**-20)
    result = where(near, 2 * asin(root), function(where(near, 0.5, x)))
    part = unary(_IMAG, result)
    # Both forms keep the value and the gradient of what is not zero.
    below = bits_of(imag) < 0
    return join(unary(_REAL, result), where(below, part + 0, -(0 - part)))


def expm1(x: Tensor, function: Function, exp: Function) -> Tensor:
    """Return ``exp(x) - 1`` of what is not finite."""
    finite = isfinite(x)
    result = function(where(finite, x, 0))
    # The real part is a difference of zeros at 0, which may be -0.
    result = join(unary(_REAL, result) + 0, unary(_IMAG, result))
    return where(finite, result, exp(where(finite, 0, x)) - 1)


def log1p(x: Tensor, function: Function, log: Function) -> Tensor:
    """Return ``log(1 + x)`` at -1 and of what is not finite."""
    plain = isfinite(x) & (x != -1)
    other = where(plain, 1, x)
    # Adding a complex 1 would lose the sign of an imaginary zero.
    moved = join(unary(_REAL, other) + 1, unary(_IMAG, other))
    return where(plain, function(where(plain, x, 0)), log(moved))


def tanh(x: Tensor, function: Function) -> Tensor:
    """Return ±1 ± 0j, of the signs of ``x``, far to the left and right."""
    real, imag = unary(_REAL, x).detach(), unary(_IMAG, x).detach()
    far = isinf(real) & isfinite(imag)
    side = where(far, where(real > 0, 1.0, -1.0), 0.0).astype(real.dtype)
    limit = join(side, where(far, imag * 0, 0.0))
    return where(far, limit, function(where(far, 0, x)))
