"""Gradients that owe nothing to automatic differentiation, with their own error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import as_dtype
from unifiedml.tolerance import DTypeLike, bound

__all__ = ["NumericGradient", "numeric_vjp", "random_cotangent"]

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
Function = Callable[..., npt.ArrayLike]
Line = Callable[[complex], Array]

_ALIKE: Final = 1e-6
_LEVELS: Final = 8  # h halves 7 times: beyond, rounding outweighs what is gained


def random_cotangent(
    shape: int | tuple[int, ...], dtype: DTypeLike = "float64", seed: int = 0
) -> Array:
    """Return a cotangent that tells transposed, summed and averaged gradients apart.

    Ones, the cotangent of a sum, hide errors in everything that depends on the
    position: here the signs are random and the magnitudes, in [5/4, 15/4], differ.

    Args:
        shape: The shape of the result that is differentiated.
        dtype: Its data type, real or complex floating-point.
        seed: Any non-negative integer.

    Raises:
        TypeError: The data type has no gradients.

    Example:
        >>> random_cotangent((2, 2), "float32").dtype
        dtype('float32')
    """
    dtype = as_dtype(dtype)
    if not dtype.is_differentiable:
        raise TypeError(f"values of data type {dtype.name} have no gradients")
    random = np.random.Generator(np.random.Philox(seed))

    def part() -> FloatArray:
        magnitude = random.uniform(1.25, 3.75, shape)
        return np.asarray(magnitude * random.choice([-1.0, 1.0], shape))

    values = part() + 1j * part() if dtype.kind == "complex" else part()
    return values.astype(dtype.numpy)


class NumericGradient(NamedTuple):
    """A numerically computed gradient.

    Attributes:
        value: The gradient, float64, of the shape of the argument.
        error: How far each element may be from the exact gradient.
    """

    value: FloatArray
    error: FloatArray


def numeric_vjp(
    f: Function,
    args: Sequence[npt.ArrayLike],
    cotangent: npt.ArrayLike,
    *,
    method: Literal["best", "central", "complex"] = "best",
    step: float = 2.0**-4,
) -> tuple[NumericGradient, ...]:
    """Return the vector-Jacobian product of a NumPy function, with error estimates.

    Element ``i`` of the product is the derivative of ``φ(t) = Σ cotangent·f(x + t·eᵢ)``
    at 0, so the cost is a few evaluations of ``f`` for each element of each argument.

    ``"central"`` takes the differences ``D(h) = (φ(h) − φ(−h)) / 2h`` for ``h``,
    ``h/2``, ``h/4``, ... and extrapolates them to 0, where the error of ``D`` is a
    series in ``h²``: ``D(h/2) + (D(h/2) − D(h)) / 3`` and so on (Richardson). Of all
    extrapolations it returns the one with the least estimated error: the distance to
    those it was made from, plus the rounding error of ``φ`` divided by ``h``.

    ``"complex"`` takes ``Im φ(i·h) / h`` with a tiny ``h``: nothing cancels, so it is
    as accurate as ``f`` itself, but ``f`` must be analytic and accept complex numbers.

    ``"best"`` takes that where ``f`` shows to be so, by agreeing with the differences
    to 1e-6; elsewhere the differences. Their error estimate knows the terms of φ, and
    not what has cancelled inside ``f``.

    Args:
        f: A function of real arrays that returns one real array.
        args: Its operands; they are converted to float64.
        cotangent: Of the shape of the result of ``f``.
        method: ``"best"``, ``"central"`` or ``"complex"``.
        step: The first ``h``, for operands of magnitude 1 and more; for smaller ones
            in proportion. Between ``x − h`` and ``x + h`` the function must be smooth.

    Raises:
        TypeError: An operand is complex.
        ValueError: The cotangent has the wrong shape, or ``f`` is not finite near the
            operands.

    References:
        C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Advances in
        Engineering Software 4, 1982. W. Squire and G. Trapp, Using complex variables
        to estimate derivatives of real functions, SIAM Review 40, 1998.

    Example:
        >>> (gradient,) = numeric_vjp(np.sin, [[0.0, 1.0]], [1.0, 2.0])
        >>> bool(np.all(np.abs(gradient.value - [1, 2 * np.cos(1)]) <= gradient.error))
        True
    """
    if any(np.iscomplexobj(arg) for arg in args):
        raise TypeError("numeric_vjp differentiates functions of real arrays only")
    operands = [np.array(arg, dtype=np.float64) for arg in args]
    weights = np.asarray(cotangent, dtype=np.float64)
    if (shape := np.shape(f(*operands))) != weights.shape:
        raise ValueError(f"the cotangent has shape {weights.shape}, the result {shape}")
    derivative = _METHODS[method]
    gradients = []
    for place, operand in enumerate(operands):
        value, error = np.empty_like(operand), np.empty_like(operand)
        for index in np.ndindex(operand.shape):
            along = _line(f, operands, place, index, weights)
            x = float(operand[index])
            h = step * min(1.0, abs(x) or 1.0)
            value[index], error[index] = derivative(along, h, x)
            if not np.isfinite(value[index] + error[index]):
                where = f"argument {place} at {index} = {x}"
                raise ValueError(f"no finite numeric derivative for {where}")
        gradients.append(NumericGradient(value, error))
    return tuple(gradients)


def _line(
    f: Function,
    operands: Sequence[FloatArray],
    place: int,
    index: tuple[int, ...],
    weights: FloatArray,
) -> Line:
    """Return the terms of φ as a function of t."""

    def terms(t: complex) -> Array:
        moved = np.array(operands[place] + 0 * t)  # of 0-d operands, too
        moved[index] += t
        result = f(*operands[:place], moved, *operands[place + 1 :])
        return np.asarray(weights * np.asarray(result))

    return terms


def _central(terms: Line, h: float, x: float) -> tuple[float, float]:
    best, least = np.nan, np.inf
    previous: list[float] = []
    with np.errstate(all="ignore"):
        far = terms(-x * (1 - 2.0**-10))  # x/1024, outside of any saturated range
    for _ in range(_LEVELS):
        upper, lower = terms(h), terms(-h)
        current = [float(np.sum(upper - lower)) / (2 * h)]
        # Terms that t does not enter have the same rounding error twice.
        magnitudes = np.abs(upper) + np.abs(lower)
        changing = (upper != lower) | (upper != far)
        # Extrapolation amplifies rounding by less than 5/3 · 17/15 · ... < 2.
        rounding = 2 * _rounding(magnitudes[changing]) / (2 * h)
        for order, coarse in enumerate(previous, start=1):
            fine = current[-1]
            current.append(fine + (fine - coarse) / (4.0**order - 1))
            error = max(abs(current[-1] - fine), abs(current[-1] - coarse))
            if error + rounding < least:
                best, least = current[-1], error + rounding
        previous, h = current, h / 2
    return best, least


def _complex_step(terms: Line, h: float, x: float) -> tuple[float, float]:
    derivative = _imaginary(terms, h)
    return float(np.sum(derivative)), _rounding(np.abs(derivative))


def _imaginary(terms: Line, h: float) -> FloatArray:
    h *= 2.0**-300  # h² vanishes beside 1, and h is far from subnormal
    return np.asarray(terms(1j * h).imag / h)


def _best(terms: Line, h: float, x: float) -> tuple[float, float]:
    value, error = _central(terms, h, x)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Its imaginary part would be lost.
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            derivative = _imaginary(terms, h)
    except (TypeError, np.exceptions.ComplexWarning):
        return value, error
    exact, sizes = float(np.sum(derivative)), np.abs(derivative)
    if abs(exact - value) <= _ALIKE * np.sum(sizes) + 2 * error:
        return exact, _rounding(sizes)
    return value, error


_METHODS: Final = {"best": _best, "central": _central, "complex": _complex_step}


def _rounding(magnitudes: FloatArray) -> float:
    """Return the rounding error of a sum of computed terms of these magnitudes."""
    one = bound("transcendental", "float64", scale=magnitudes, pair=False)
    scale, length = np.sum(magnitudes), magnitudes.size
    total = bound("accumulation", "float64", scale=scale, length=length, pair=False)
    return float(np.sum(one) + total)
