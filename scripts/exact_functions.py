"""Functions of mpmath, 40 digits, for the operations of the parity table it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import mpmath
import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import as_dtype
from unifiedml.testing._line import Call

__all__ = ["EXACT", "Exact", "dense_calls", "exact_oracle"]

Array = npt.NDArray[Any]
DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Exact:
    """A function of real numbers in multiple precision.

    Attributes:
        function: Takes and returns numbers of mpmath.
        intervals: Where each operand is drawn.
    """

    function: Callable[..., Any]
    intervals: tuple[tuple[float, float], ...]


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x))


def _erfc(x: Any) -> Any:
    # mpmath's asymptotic series fails for huge numbers.
    if abs(x) > 1000:
        return mpmath.mpf(0 if x > 0 else 2)
    return mpmath.erfc(x)


def _gelu(x: Any) -> Any:
    return x * _erfc(-x / mpmath.sqrt(2)) / 2


_ONE: Final[dict[str, tuple[Callable[..., Any], float, float]]] = {
    "acos": (mpmath.acos, -1, 1),
    "acosh": (mpmath.acosh, 1, 100),
    "asin": (mpmath.asin, -1, 1),
    "asinh": (mpmath.asinh, -100, 100),
    "atan": (mpmath.atan, -20, 20),
    "atanh": (mpmath.atanh, -1, 1),
    "cos": (mpmath.cos, -100, 100),
    "cosh": (mpmath.cosh, -10, 10),
    "digamma": (mpmath.digamma, 0.1, 50),
    "erf": (mpmath.erf, -4, 4),
    "erfc": (_erfc, -4, 9),
    "erfinv": (mpmath.erfinv, -1, 1),
    "exp": (mpmath.exp, -20, 20),
    "exp2": (lambda x: mpmath.mpf(2) ** x, -20, 20),
    "expm1": (mpmath.expm1, -10, 10),
    "gelu": (_gelu, -6, 6),
    "lgamma": (mpmath.loggamma, 0.1, 50),
    "log": (mpmath.log, 0.01, 100),
    "log10": (mpmath.log10, 0.01, 100),
    "log1p": (mpmath.log1p, -0.9, 20),
    "log2": (lambda x: mpmath.log(x, 2), 0.01, 100),
    "log_sigmoid": (lambda x: -_softplus(-x), -20, 20),
    "mish": (lambda x: x * mpmath.tanh(_softplus(x)), -10, 10),
    "reciprocal": (lambda x: 1 / x, 0.01, 100),
    "rsqrt": (lambda x: 1 / mpmath.sqrt(x), 0.01, 100),
    "sigmoid": (_sigmoid, -20, 20),
    "silu": (lambda x: x * _sigmoid(x), -10, 10),
    "sin": (mpmath.sin, -100, 100),
    "sinh": (mpmath.sinh, -10, 10),
    "softplus": (_softplus, -20, 20),
    "sqrt": (mpmath.sqrt, 0.01, 100),
    "square": (lambda x: x * x, -100, 100),
    "tan": (mpmath.tan, -10, 10),
    "tanh": (mpmath.tanh, -10, 10),
}
_TWO: Final[dict[str, tuple[Callable[..., Any], float, float, float, float]]] = {
    "add": (lambda x, y: x + y, -10, 10, -10, 10),
    "atan2": (mpmath.atan2, -5, 5, -5, 5),
    "divide": (lambda x, y: x / y, -10, 10, 0.1, 10),
    "hypot": (mpmath.hypot, -10, 10, -10, 10),
    "multiply": (lambda x, y: x * y, -10, 10, -10, 10),
    "pow": (lambda x, y: x**y, 0.1, 10, -4, 4),
    "subtract": (lambda x, y: x - y, -10, 10, -10, 10),
}
EXACT: Final[dict[str, Exact]] = {
    **{name: Exact(f, ((a, b),)) for name, (f, a, b) in _ONE.items()},
    **{name: Exact(f, ((a, b), (c, d))) for name, (f, a, b, c, d) in _TWO.items()},
}
"""By the name of the operation."""


def exact_oracle(name: str, oracle: Callable[..., Any]) -> Callable[..., Any]:
    """Return an oracle exact to extended precision.

    Where operands are zero, whose sign mpmath lacks, and where operands or results are
    not finite, complex or given options, it is the ``oracle`` of the line.
    """
    row = EXACT[name]

    def exact(*args: Any, **options: Any) -> Any:
        plain = np.asarray(oracle(*args, **options))
        if any(options.values()) or plain.dtype.kind != "f":
            return plain
        result = np.array(plain, np.longdouble)
        operands = np.broadcast_arrays(*args)
        with mpmath.workdps(DIGITS):
            for index in np.argwhere(np.isfinite(plain)):
                place = tuple(index)
                numbers = [float(x[place]) for x in operands]
                if np.isfinite(numbers).all() and all(numbers):
                    value = row.function(*map(mpmath.mpf, numbers))
                    result[place] = rounded(value, plain[place])
        return result

    return exact


def rounded(value: Any, plain: float) -> np.longdouble:
    """Return a number of mpmath as the sum of two doubles."""
    value = mpmath.re(value)
    if not mpmath.isfinite(value):
        return np.longdouble(plain)
    if abs(value) > np.finfo(np.float64).max:
        return np.longdouble(plain)
    high = float(value)
    low = float(value - mpmath.mpf(high)) if np.isfinite(high) else 0.0
    return np.longdouble(high) + np.longdouble(low)


def dense_calls(name: str, dtype: str, size: int = 400, seed: int = 0) -> Call:
    """Return a call with many operands, evenly and logarithmically distributed."""
    random = np.random.Generator(np.random.Philox(seed))
    operands = []
    for low, high in EXACT[name].intervals:
        even = random.uniform(low, high, size)
        least = max(low, 2.0**-12, -high)
        tiny = np.exp(random.uniform(np.log(least), np.log(high), size // 2))
        x = np.concatenate([even, tiny])
        if low < 0 < high:
            x[size::2] *= -1
        x = x.astype(as_dtype(dtype).numpy)
        # Rounding may have left the interval.
        inside = (x.astype(np.float64) > low) & (x.astype(np.float64) < high)
        operands.append(np.where(inside, x, np.asarray((low + high) / 2, x.dtype)))
    return Call(*(np.asarray(x) for x in operands))
