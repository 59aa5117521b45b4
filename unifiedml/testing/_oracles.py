"""Functions of NumPy arrays that NumPy has not, for the parity table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "clip",
    "elu",
    "erf",
    "erfc",
    "floor_divide",
    "gelu",
    "leaky_relu",
    "relu6",
    "selu",
    "shift",
    "sigmoid",
]

Array = npt.NDArray[Any]
Oracle = Callable[..., Any]


def sigmoid(x: Array) -> Array:
    """Return ``1 / (1 + exp(-x))``."""
    return np.asarray(1 / (1 + np.exp(-x)))


def erf(x: Array) -> Array:
    """Return the error function."""
    return np.asarray(np.vectorize(math.erf, otypes=[float])(x))


def erfc(x: Array) -> Array:
    """Return its complement."""
    return np.asarray(np.vectorize(math.erfc, otypes=[float])(x))


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Return ``alpha * (exp(x) - 1)`` where ``x`` is not positive."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """Return the scaled exponential linear unit, constants of Klambauer et al."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """Return ``negative_slope * x`` where ``x`` is not positive."""
    return np.where(x > 0, x, negative_slope * x)


def gelu(x: Array, approximate: bool = False) -> Array:
    """Return ``x`` times the normal distribution function."""
    if approximate:
        return np.asarray(x * sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3)))
    return np.asarray(0.5 * x * erfc(-x / math.sqrt(2)))


def floor_divide(x: Array, y: Array) -> Array:
    """Return the floor of the quotient; of infinities, the standard's quotient."""
    found = np.asarray(np.floor_divide(x, y))
    if found.dtype.kind != "f":
        return found
    return np.where(np.isinf(x) | np.isinf(y), np.divide(x, y), found)


def relu6(x: Array) -> Array:
    """Return ``x`` limited to [0, 6]."""
    return np.minimum(np.maximum(x, 0), 6)


def clip(x: Array, low: Any, high: Any) -> Array:
    """Return the smaller of ``high`` and the larger of ``x`` and ``low``."""
    return np.asarray(np.minimum(np.maximum(x, low), high), dtype=x.dtype)


def shift(function: Callable[..., Any], past: Callable[[Array], Any]) -> Oracle:
    """Return a shift whose result past the width of the data type is ``past(x)``."""

    def shifted(x: Array, count: Any) -> Array:
        kind = np.result_type(x, count)
        x, count = np.broadcast_arrays(x.astype(kind), np.asarray(count).astype(kind))
        far = count.astype(np.uint64) >= 8 * kind.itemsize
        moved = function(x, np.where(far, 0, count).astype(kind))
        return np.asarray(np.where(far, past(x), moved), dtype=kind)

    return shifted
