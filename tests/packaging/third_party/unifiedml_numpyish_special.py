"""Special functions that NumPy has not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_lgamma = np.vectorize(math.lgamma, otypes=[np.float64])


def lgamma(x: Array, /) -> Array:
    pole = (x <= 0) & (x == np.floor(x)) | np.isinf(x)
    return np.where(pole, np.inf, _lgamma(np.where(pole, 1, x))).astype(x.dtype)


def digamma(x: Array, /) -> Array:
    """Move ``x`` right by the recurrence, then NIST 5.11.2; reflect what is left."""
    wide = x.astype(np.float64)
    left = wide < 0
    y = np.where(left, 1 - wide, wide)
    steps = sum([1 / (y + n) for n in range(12)], start=0 * y)
    y = y + 12
    series = sum(c / y ** (2 * n) for n, c in enumerate(_DIGAMMA, start=1))
    right = np.log(y) - 1 / (2 * y) - series - steps
    whole = left & (wide == np.floor(wide))
    reflected = right - np.pi / np.tan(np.pi * np.where(whole, np.nan, wide))
    result = np.where(left, reflected, right)
    return np.where(wide == 0, -1 / wide, result).astype(x.dtype)


_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)


def erfinv(x: Array, /) -> Array:
    """Solve by Newton's method, from Winitzki's approximation (2008)."""
    wide = x.astype(np.float64)
    logarithm = np.log1p(-wide * wide)
    half = 2 / (np.pi * 0.147) + logarithm / 2
    y = np.sign(wide) * np.sqrt(np.sqrt(half * half - logarithm / 0.147) - half)
    size = np.abs(wide)
    for _ in range(4):
        tail = np.sign(wide) * ((1 - size) - _erfc(np.abs(y)))
        excess = np.where(size < 0.5, _erf(y) - wide, tail)
        y = y - excess * np.exp(y * y) * np.sqrt(np.pi) / 2
    return np.where(size < 1, y, np.where(size > 1, np.nan, wide * np.inf)).astype(
        x.dtype
    )
