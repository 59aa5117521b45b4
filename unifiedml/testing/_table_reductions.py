"""The parity table: reductions and linear algebra."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._arguments import distinct, reduced
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    EXACT,
    Gradient,
    Rounding,
    accumulated,
    float64,
    linear_gradient,
    magnitude,
    whole_gradient,
)
from unifiedml.testing._strategies import arrays, axes, dtypes, shapes

__all__ = ["LINES", "METHODS"]

Array = npt.NDArray[Any]

REAL: Final = "real floating"
COMPLEX: Final = "complex floating"

NUMBERS: Final = ("integral", REAL, COMPLEX, "bool")
INTEGER_RESULT: Final = "the result is no floating-point number"

# --- reductions ---


def axes_of(x: Array, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    return tuple(one % x.ndim for one in given)


def terms(x: Array, axis: Any = None, **options: Any) -> int:
    """Return how many elements a reduction adds up."""
    return math.prod(x.shape[one] for one in axes_of(x, axis))


def _over(function: Callable[..., Any]) -> Callable[..., Array]:
    """Return a reduction of NumPy with the contract's meaning of ``axis``."""

    def oracle(x: Array, axis: Any = None, **options: Any) -> Array:
        return np.asarray(function(x, axis=axes_of(x, axis), **options))

    return oracle


def total(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the sum, of integers in 64 bits."""
    wide = {"b": np.int64, "i": np.int64, "u": np.uint64}.get(x.dtype.kind)
    return np.asarray(np.sum(x, axis=axes_of(x, axis), dtype=wide, keepdims=keepdims))


def product(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the product, of integers in 64 bits."""
    wide = {"i": np.int64, "u": np.uint64}.get(x.dtype.kind)
    return np.asarray(np.prod(x, axis=axes_of(x, axis), dtype=wide, keepdims=keepdims))


def mean(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the mean."""
    count = terms(x, axis)
    return np.asarray(total(x, axis, keepdims) / (count or np.nan))


def variance(
    x: Array, axis: Any = None, keepdims: bool = False, correction: float = 0.0
) -> Array:
    """Return the variance; NaN without degrees of freedom."""
    left = terms(x, axis) - correction
    squares = np.square(x - mean(x, axis, keepdims=True))
    return np.asarray(total(squares, axis, keepdims) / (left if left > 0 else np.nan))


def deviation(x: Array, axis: Any = None, **options: Any) -> Array:
    """Return its root."""
    return np.sqrt(variance(x, axis, **options))


def logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the logarithm of the sum of exponentials."""
    over = axes_of(x, axis)
    peak = np.max(x, axis=over, keepdims=True)
    shift = np.where(np.isfinite(peak), peak, 0)
    log = np.log(np.sum(np.exp(x - shift), axis=over, keepdims=True)) + shift
    return np.asarray(log if keepdims else np.squeeze(log, axis=over))


def search(function: Callable[..., Any]) -> Callable[..., Array]:
    """Return argmax or argmin of NumPy, which takes the first NaN, too."""

    def oracle(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
        return np.asarray(function(x, axis=axis, keepdims=keepdims))

    return oracle


def _variance_rounding(call: Any, result: Array) -> Any:
    """Return the rounding in units of the mean square, which holds for any operands."""
    (x,) = call.args
    options = {n: v for n, v in call.kwargs.items() if n != "correction"}
    squares = mean(np.square(magnitude(x)), **options)
    factor = terms(x, **call.kwargs) / max(
        1e-3, terms(x, **call.kwargs) - call.kwargs.get("correction", 0.0)
    )
    scale = magnitude(squares * factor)
    return [("moments", {"scale": scale, "length": max(1, terms(x, **call.kwargs))})]


def _deviation_rounding(call: Any, result: Array) -> Any:
    """Return that of the root: half of the relative error."""
    ((family, options),) = _variance_rounding(call, result)
    spread = np.maximum(magnitude(result), np.sqrt(np.finfo(np.float64).tiny))
    return [(family, {**options, "scale": options["scale"] / spread})]


def _logsumexp_rounding(call: Any, result: Array) -> Any:
    x = call.args[0]
    scale = np.maximum(
        1, np.maximum(magnitude(result), np.max(magnitude(x), initial=0))
    )
    return [
        ("log_softmax", {"scale": scale, "length": max(1, terms(x, **call.kwargs))})
    ]


@st.composite
def _peaks(draw: st.DrawFn) -> Call:
    x = draw(distinct(shapes(0, 3, min_side=1, max_side=3), dtypes(REAL)))
    return Call(x, axis=draw(axes(x.ndim)), keepdims=draw(st.booleans()))


_CORRECTION: Final = st.fixed_dictionaries(
    {"correction": st.sampled_from([0.0, 1.0, 0.5])}
)
_SMOOTH: Final = reduced(REAL, COMPLEX, elements="moderate", nonempty=True, max_dims=3)
_REAL_SMOOTH: Final = reduced(REAL, elements="smooth", nonempty=True, max_dims=3)


def _spread(call: Call) -> Call:
    """Return a call whose elements differ, where a deviation is smooth."""
    (x,) = call.args
    steps = np.arange(x.size, dtype=np.float64).reshape(x.shape) % 5
    return Call(np.asarray(float64(x) + steps).astype(x.dtype), **call.kwargs)


def _reduction(
    name: str,
    oracle: Callable[..., Any],
    rounding: Rounding,
    calls: Any,
    smooth: Any = None,
    gradient: Gradient | None = None,
) -> Line:
    why = "" if smooth is not None else INTEGER_RESULT
    return Line(
        name, getattr(um, name), calls, rounding, oracle, smooth, (0,), gradient, why
    )


REDUCTIONS: Final[list[Line]] = [
    _reduction(
        "sum",
        total,
        accumulated(total, terms),
        reduced(*NUMBERS, infinite=True),
        _SMOOTH,
        linear_gradient(),
    ),
    _reduction(
        "mean",
        mean,
        accumulated(mean, terms),
        reduced(REAL, COMPLEX, "int32", infinite=True),
        _SMOOTH,
        linear_gradient(),
    ),
    _reduction(
        "prod",
        product,
        accumulated(product, terms, family="product"),
        reduced("integral", REAL, elements="smooth"),
        _REAL_SMOOTH,
        whole_gradient(),
    ),
    _reduction(
        "var",
        variance,
        _variance_rounding,
        reduced(REAL, "int32", options=_CORRECTION),
        _REAL_SMOOTH,
        whole_gradient(),
    ),
    _reduction(
        "std",
        deviation,
        _deviation_rounding,
        reduced(REAL, options=_CORRECTION).map(_spread),
        _REAL_SMOOTH.map(_spread),
        whole_gradient(),
    ),
    _reduction(
        "logsumexp",
        logsumexp,
        _logsumexp_rounding,
        reduced(REAL, nonempty=True, infinite=True),
        _REAL_SMOOTH,
        whole_gradient(),
    ),
    *(
        _reduction(
            name,
            _over(getattr(np, name)),
            EXACT,
            reduced("integral", REAL, "bool", elements="any"),
            _peaks(),
            linear_gradient(selects=True),
        )
        for name in ("max", "min")
    ),
    *(
        _reduction(
            name,
            search(getattr(np, name)),
            EXACT,
            reduced("integral", REAL, elements="any", integer_axis=True),
        )
        for name in ("argmax", "argmin")
    ),
    *(
        _reduction(name, _over(getattr(np, name)), EXACT, reduced(elements="any"))
        for name in ("all", "any")
    ),
]


# --- linear algebra ---


@st.composite
def _matrices(draw: st.DrawFn, *kinds: str) -> Call:
    name = draw(dtypes(*kinds))
    inner = draw(st.sampled_from([0, 1, 2, 3, 17]))
    batch = draw(st.sampled_from([((), ()), ((2,), (2,)), ((3, 1), (2,)), ((), (0,))]))
    rows, columns = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    left = draw(st.sampled_from([(inner,), (*batch[0], rows, inner)]))
    right = draw(st.sampled_from([(inner,), (*batch[1], inner, columns)]))
    if draw(st.integers(0, 9)) == 9:
        right = (*right, 2)  # does not fit
    x = draw(arrays(left, name, elements="moderate"))
    return Call(x, draw(arrays(right, name, elements="moderate")))


@st.composite
def _products(draw: st.DrawFn) -> Call:
    name = draw(dtypes(REAL, COMPLEX))
    n, k, m = (draw(st.integers(1, 3)) for _ in range(3))
    batch = draw(st.sampled_from([((), ()), ((2,), (2,)), ((2, 1), (2,)), ((), (2,))]))
    x = draw(arrays((*batch[0], n, k), name, elements="moderate"))
    return Call(x, draw(arrays((*batch[1], k, m), name, elements="moderate")))


def inner_size(x: Array, y: Array) -> int:
    """Return how many products a matrix product adds up."""
    return int(x.shape[-1]) if x.ndim else 1


LINEAR_ALGEBRA: Final[list[Line]] = [
    Line(
        "matmul",
        um.matmul,
        _matrices("integral", REAL, COMPLEX),
        accumulated(np.matmul, inner_size),
        np.matmul,
        _products(),
        (0, 1),
        linear_gradient(),
    )
]


LINES: Final[list[Line]] = [*REDUCTIONS, *LINEAR_ALGEBRA]
"""Every operation that adds up, searches or multiplies matrices."""


def _method(name: str, of: str, function: Callable[..., Any]) -> Line:
    (line,) = (one for one in LINES if one.name == of)
    return dataclasses.replace(line, name=f"Tensor.{name}", function=function)


METHODS: Final[list[Line]] = [
    _method("sum", "sum", lambda x, **options: x.sum(**options)),
    _method("mean", "mean", lambda x, **options: x.mean(**options)),
    _method("max", "max", lambda x, **options: x.max(**options)),
    _method("min", "min", lambda x, **options: x.min(**options)),
    _method("__matmul__", "matmul", operator.matmul),
]
"""The methods of tensors that call them."""
