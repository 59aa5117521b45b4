"""The parity table: activations beside those of `_table_elementwise`."""

from __future__ import annotations

from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._arguments import unary
from unifiedml.testing._line import Call, Line
from unifiedml.testing._oracles import sigmoid
from unifiedml.testing._rounding import (
    EXACT,
    Rounding,
    elementwise_gradient,
    magnitude,
    whole,
    whole_gradient,
)
from unifiedml.testing._table_elementwise import ARITHMETIC, TRANSCENDENTAL, _function

__all__ = ["LINES"]

Array = npt.NDArray[Any]

REAL: Final = "real floating"
CALLS: Final = unary(REAL, "int32", "complex64")
SMOOTH: Final = unary(REAL, elements="smooth", max_dims=3)


def _operand(family: str = "transcendental", shift: float = 0.0) -> Rounding:
    """Return the rounding of sums of terms of the size of the operand and ``shift``."""

    def rounding(call: Any, result: Array) -> Any:
        scale = np.maximum(magnitude(result), np.minimum(magnitude(call.args[0]), 64.0))
        return [(family, {"scale": np.maximum(scale, shift)})]

    return rounding


def _halves(x: Array, axis: int = -1) -> Array:
    first, second = np.split(x, 2, axis)
    return np.asarray(first * sigmoid(second))


@st.composite
def _even(draw: st.DrawFn, elements: Any) -> Call:
    (x,) = draw(unary(REAL, elements=elements, max_dims=2, min_dims=1)).args
    return Call(np.concatenate([x, x], axis=0), axis=0)


def _hard_sigmoid(x: Array) -> Array:
    return np.asarray(np.clip(x + 3, 0, 6) / 6)


def _squareplus(x: Array) -> Array:
    root = np.sqrt(x * x + 4)
    return np.where(x < 0, 2 / np.where(x < 0, root - x, 1), (x + root) / 2)


def _sparse_plus(x: Array) -> Array:
    bent = np.square(np.clip(x, -1, 1) + 1) / 4
    return np.where(x <= -1, 0, np.where(x >= 1, x, bent))


def _shrunk(x: Array) -> Array:
    return np.where(abs(x) <= 0.5, 0, x - 0.5 * np.sign(x))


def _activation(name: str, oracle: Any, rounding: Rounding, **options: Any) -> Line:
    return _function(name, oracle, rounding, calls=CALLS, smooth=SMOOTH, **options)


FINITE: Final = unary(REAL, elements="moderate")

LINES: Final[list[Line]] = [
    _activation("hard_sigmoid", _hard_sigmoid, _operand(shift=3.0)),
    _activation("hard_silu", lambda x: x * _hard_sigmoid(x), _operand(shift=4.0)),
    _activation("hard_tanh", lambda x: np.clip(x, -1, 1), EXACT),
    _activation("hard_shrink", lambda x: np.where(abs(x) <= 0.5, 0, x), EXACT),
    _activation("soft_shrink", _shrunk, ARITHMETIC),
    Line(
        "threshold",
        um.threshold,
        CALLS.map(lambda call: Call(*call.args, threshold=1.0, value=9.0)),
        EXACT,
        lambda x, threshold, value: np.where(x <= threshold, value, x),
        SMOOTH.map(lambda call: Call(*call.args, threshold=1.0, value=9.0)),
        gradient=elementwise_gradient(),
    ),
    _function(
        "tanh_shrink",
        lambda x: x - np.tanh(x),
        _operand(),
        calls=FINITE,
        smooth=SMOOTH,
    ),
    _function(
        "mish",
        lambda x: x * np.tanh(np.logaddexp(0, x)),
        calls=FINITE,
        smooth=SMOOTH,
        gradient=elementwise_gradient("steep_gradient"),
    ),
    _function("softsign", lambda x: x / (1 + abs(x)), calls=FINITE, smooth=SMOOTH),
    _activation(
        "celu",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        TRANSCENDENTAL,
    ),
    Line(
        "glu",
        um.glu,
        _even("moderate"),
        whole(),
        _halves,
        _even("smooth"),
        gradient=whole_gradient(),
    ),
    _function("squareplus", _squareplus, calls=FINITE, smooth=SMOOTH),
    _activation("sparse_plus", _sparse_plus, _operand(shift=1.0)),
]
"""Activations composed of simpler functions."""
