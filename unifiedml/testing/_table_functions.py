"""The parity table: further functions element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import scipy.special as special

import unifiedml as um
from unifiedml.testing._arguments import binary, unary
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    EXACT,
    Rounding,
    elementwise,
    elementwise_gradient,
    linear_gradient,
    magnitude,
)
from unifiedml.testing._table_elementwise import _function, _pair

__all__ = ["LINES"]

Array = npt.NDArray[Any]

REAL: Final = "real floating"
COMPLEX: Final = "complex floating"
ARITHMETIC: Final = elementwise("arithmetic")
ROOT: Final = elementwise("sqrt")
TRANSCENDENTAL: Final = elementwise("transcendental")
REAL_ONLY: Final = unary(REAL, "int32", "complex64")
FLOATING: Final = unary(REAL, COMPLEX, "int32", "bool")
SMOOTH: Final = unary(REAL, elements="smooth", max_dims=3)
SMOOTH_COMPLEX: Final = unary(REAL, COMPLEX, elements="smooth", max_dims=3)
SMOOTH_PAIR: Final = binary(REAL, elements="smooth", mixed=False, max_dims=3)
PAIRS: Final = binary(REAL, "int32")
STEPS: Final = "constant between jumps; zeros are rows of the contract"
DISCRETE: Final = "the result is no floating-point number"


def _moved(change: Callable[[Array], Array]) -> Any:
    """Return smooth real operands after a change that keeps them apart from poles."""
    return SMOOTH.map(
        lambda call: Call(change(call.args[0]).astype(call.args[0].dtype))
    )


def _at_least_one() -> Rounding:
    """Return the rounding of what is a sum of terms of size 1 or of the operands."""
    return elementwise("transcendental", scale=lambda y: magnitude(y) + 1)


def _sum_rounding(call: Any, result: Array) -> Any:
    x, y = (np.minimum(magnitude(arg), 2.0**1000) for arg in call.args)
    return [("transcendental", {"scale": 1 + np.maximum(x, y)})]


def _product_rounding(call: Any, result: Array) -> Any:
    return [("transcendental", {"scale": magnitude(result)})]


INSIDE: Final = _moved(lambda x: x / 8)
ABOVE_ONE: Final = _moved(lambda x: np.abs(x) + 1)
POSITIVE: Final = _moved(np.abs)
UNIT: Final = unary(REAL, COMPLEX, elements="unit")
PROBABILITIES: Final = unary(REAL, elements="probability")
LOGARITHMS: Final = SMOOTH_PAIR.map(
    lambda call: Call(call.args[0], np.abs(call.args[1]))
)


def _angle(x: Array) -> Array:
    """Return NumPy's, which is pi for -0.0, at its absolute value there."""
    return np.angle(x if np.iscomplexobj(x) else np.where(x == 0, 0, x))


LINES: Final[list[Line]] = [
    # --- trigonometry
    _function("tan", np.tan, calls=unary(REAL, COMPLEX, elements="moderate")),
    _function("asin", np.arcsin, calls=UNIT, smooth=INSIDE),
    _function("acos", np.arccos, calls=UNIT, smooth=INSIDE),
    _function("atan", np.arctan, smooth=SMOOTH),
    _function("sinh", np.sinh),
    _function("cosh", np.cosh),
    _function("asinh", np.arcsinh),
    _function("acosh", np.arccosh, calls=unary(REAL), smooth=ABOVE_ONE),
    _function("atanh", np.arctanh, calls=UNIT, smooth=INSIDE),
    _pair("atan2", np.arctan2, TRANSCENDENTAL, PAIRS, SMOOTH_PAIR),
    *(
        _function(
            name,
            getattr(np, name),
            ROOT,
            calls=REAL_ONLY,
            smooth=SMOOTH,
            gradient=linear_gradient(lambda x: 1),
        )
        for name in ("deg2rad", "rad2deg")
    ),
    # --- exponentials, logarithms, roots
    _function(
        "exp2",
        np.exp2,
        elementwise(
            "power",
            condition=lambda x: np.abs(x) if np.iscomplexobj(x) else 0 * np.abs(x),
        ),
    ),
    _function("log2", np.log2, smooth=POSITIVE),
    _function("log10", np.log10, smooth=POSITIVE),
    _pair("logaddexp", np.logaddexp, _sum_rounding, PAIRS, SMOOTH_PAIR),
    _function("rsqrt", lambda x: 1 / np.sqrt(x), ROOT, smooth=POSITIVE),
    _function("cbrt", np.cbrt, calls=REAL_ONLY, smooth=SMOOTH),
    _pair("hypot", np.hypot, TRANSCENDENTAL, PAIRS, SMOOTH_PAIR),
    # --- arithmetic
    _pair(
        "fmod",
        np.fmod,
        EXACT,
        st.one_of(
            binary(REAL, mixed=False),
            binary("integral", elements="moderate", right="nonzero", mixed=False),
        ),
        st.sampled_from([1.5, 4.0]).map(
            lambda y: Call(np.asarray([0.5, -0.5, 2.5]) * y, np.asarray(y))
        ),
    ),
    Line(
        "divmod",
        um.divmod,
        binary("integral", elements="moderate", right="nonzero", mixed=False),
        EXACT,
        lambda x, y: tuple(np.divmod(x, y)),
        no_gradient="floor_divide and remainder have lines",
    ),
    # --- floating-point numbers by their parts
    Line("signbit", um.signbit, unary(REAL), EXACT, np.signbit, no_gradient=DISCRETE),
    _pair("copysign", np.copysign, EXACT, PAIRS, SMOOTH_PAIR),
    Line(
        "nextafter",
        um.nextafter,
        binary(REAL, elements="nonzero", mixed=False),
        no_gradient=STEPS,
    ),
    _pair("heaviside", np.heaviside, EXACT, PAIRS, SMOOTH_PAIR),
    Line(
        "nan_to_num",
        um.nan_to_num,
        unary().map(lambda call: Call(*call.args, nan=1.0, posinf=2.0, neginf=3.0)),
        EXACT,
        np.nan_to_num,
        SMOOTH,
        gradient=elementwise_gradient(),
    ),
    Line(
        "angle",
        um.angle,
        FLOATING,
        TRANSCENDENTAL,
        _angle,
        unary(COMPLEX, elements="smooth", max_dims=3),
        gradient=elementwise_gradient(),
    ),
    # --- special functions
    _function(
        "erfinv", special.erfinv, calls=unary(REAL, elements="unit"), smooth=INSIDE
    ),
    _function(
        "lgamma",
        lambda x: np.where(np.isinf(x), np.inf, special.gammaln(x)),
        elementwise("gamma", scale=lambda y: magnitude(y) + 1),
        calls=unary(REAL, elements="positive"),
        smooth=POSITIVE,
    ),
    _function(
        "digamma",
        special.digamma,
        elementwise("gamma", scale=lambda y: magnitude(y) + 1),
        calls=unary(REAL, elements="positive"),
        smooth=POSITIVE,
    ),
    _function(
        "logit",
        special.logit,
        elementwise("transcendental", scale=lambda y: magnitude(y)),
        calls=PROBABILITIES,
        smooth=_moved(lambda x: np.abs(x) / 4),
    ),
    _function(
        "sinc",
        np.sinc,
        _at_least_one(),
        calls=unary(REAL, elements="moderate"),
        smooth=SMOOTH,
    ),
    _pair(
        "xlogy", special.xlogy, _product_rounding, binary(REAL, mixed=False), LOGARITHMS
    ),
    _pair(
        "xlog1py",
        special.xlog1py,
        _product_rounding,
        binary(REAL, mixed=False),
        LOGARITHMS,
    ),
    # --- nearness
    *(
        Line(
            name,
            getattr(um, name),
            binary("integral", REAL, COMPLEX, elements="moderate", mixed=False),
            EXACT,
            getattr(np, name),
            no_gradient=DISCRETE,
        )
        for name in ("isclose", "allclose")
    ),
    Line(
        "array_equal",
        um.array_equal,
        binary(mixed=False),
        EXACT,
        lambda x, y: np.asarray(np.array_equal(x, y)),
        no_gradient=DISCRETE,
    ),
]
"""Functions beside those of `_table_elementwise`."""
