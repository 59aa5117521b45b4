"""Gradients and values where the contract defines what mathematics leaves open."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

Point = tuple[str, Callable[..., Any], list[Any], list[Any]]
INF, NAN = math.inf, math.nan
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
COTANGENT = 3.0
"""Not one, so that a gradient that forgets its cotangent is seen."""

# name, function, operands, gradient for each operand (for a cotangent of ones)
GRADIENTS: list[Point] = [
    ("relu at ±0", um.relu, [[0.0, -0.0, 1.0]], [[0, 0, 1]]),
    ("relu6 at its ends", um.relu6, [[0.0, 6.0, 3.0, 7.0]], [[0, 0, 1, 0]]),
    ("leaky_relu at 0", um.leaky_relu, [[0.0, -0.0]], [[0.01, 0.01]]),
    ("elu at 0", um.elu, [[0.0]], [[1.0]]),
    ("elu of alpha at 0", lambda x: um.elu(x, alpha=0.5), [[0.0]], [[0.5]]),
    ("selu at 0", um.selu, [[0.0]], [[SCALE * ALPHA]]),
    ("abs at ±0", um.abs, [[0.0, -0.0]], [[0, 0]]),
    ("maximum of a tie", um.maximum, [[2.0, 1.0], [2.0, 3.0]], [[0.5, 0], [0.5, 1]]),
    ("minimum of a tie", um.minimum, [[2.0, 1.0], [2.0, 3.0]], [[0.5, 1], [0.5, 0]]),
    ("maximum with 0 is not relu", lambda x: um.maximum(x, 0.0), [[0.0]], [[0.5]]),
    (
        "clip at its ends",
        lambda x: um.clip(x, -1.0, 1.0),
        [[-1.0, 1.0, 2.0, -2.0, 0.0]],
        [[1, 1, 0, 0, 1]],
    ),
    ("pow(0, 0)", um.pow, [[0.0], [0.0]], [[0], [0]]),
    ("pow(0, 2)", um.pow, [[0.0], [2.0]], [[0], [0]]),
    ("pow(0, -1)", um.pow, [[0.0], [-1.0]], [[-INF], [-INF]]),
    ("pow(-2, 3)", um.pow, [[-2.0], [3.0]], [[12.0], [NAN]]),
    ("pow by Python's 0", lambda x: x**0, [[0.0, 2.0]], [[0, 0]]),
    ("pow by Python's 2", lambda x: x**2, [[0.0, 3.0]], [[0, 6]]),
    *[
        (f"{f.__name__} is flat", f, [[0.5, 1.0, -1.5]], [[0, 0, 0]])
        for f in (um.floor, um.ceil, um.trunc, um.round, um.sign)
    ],
    ("floor_divide is flat", um.floor_divide, [[5.0], [2.0]], [[0], [0]]),
    ("stop_gradient", lambda x: um.stop_gradient(x) + 0 * x, [[2.0]], [[0]]),
    ("half detached", lambda x: x * um.stop_gradient(x), [[3.0]], [[3]]),
    (
        "absolute error of 0",
        lambda x: um.losses.mean_absolute_error(um.zeros_like(x), x),
        [[0.0, 2.0]],
        [[0, 0.5]],
    ),
    (
        "huber at 0",
        lambda x: um.losses.huber(um.zeros_like(x), x),
        [[0.0, 1.0]],
        [[0, 0.5]],
    ),
    ("take twice", lambda x: um.take(x, um.asarray([0, 0, 1])), [[1.0, 2.0]], [[2, 1]]),
    (
        "labels that do not sum to 1",
        lambda x: um.losses.categorical_crossentropy(
            um.ones_like(x), x, from_logits=True, reduction="sum"
        ),
        [[[0.0, 0.0]]],
        [[[0, 0]]],
    ),
]


def plain(values: list[Any]) -> Any:
    return np.asarray(values, dtype=np.float64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("point", GRADIENTS, ids=lambda point: point[0])
def test_gradient(backend: str, point: Point, dtype: str) -> None:
    _, function, operands, expected = point
    tensors = [um.asarray(plain(x).astype(dtype)) for x in operands]
    found = um.grad(
        lambda *xs: um.sum(function(*xs) * COTANGENT), tuple(range(len(tensors)))
    )(*tensors)
    for actual, wanted in zip(found, expected, strict=True):
        exact = COTANGENT * np.broadcast_to(plain(wanted), actual.shape)
        scale = np.nan_to_num(np.abs(exact), posinf=1.0) + COTANGENT
        family = "elementwise_gradient"
        assert_close(actual, exact, family=family, scale=scale, pair=False, dtype=dtype)


# name, function, operands, value
VALUES: list[Point] = [
    ("sign of NaN", um.sign, [[NAN, INF, -INF, 0.0, -0.0]], [NAN, 1, -1, 0, 0]),
    ("maximum of NaN", um.maximum, [[NAN, 1.0], [1.0, NAN]], [NAN, NAN]),
    ("minimum of NaN", um.minimum, [[NAN, 1.0], [1.0, NAN]], [NAN, NAN]),
    (
        "clip with crossed bounds",
        lambda x: um.clip(x, 1.0, -1.0),
        [[-2.0, 0.0, 2.0]],
        [-1, -1, -1],
    ),
    ("clip with NaN", lambda x: um.clip(x, NAN, 1.0), [[0.0, 2.0]], [NAN, NAN]),
    ("pow of IEEE", lambda x: x**0.5, [[-0.0, -INF, -1.0]], [0, INF, NAN]),
    ("round to even", um.round, [[0.5, 1.5, -0.5, 2.5]], [0, 2, 0, 2]),
    ("gelu's tail", um.gelu, [[-6.0, INF]], [-3 * math.erfc(6 / math.sqrt(2)), INF]),
    ("softplus near 20", um.softplus, [[20.5]], [math.log1p(math.exp(-20.5)) + 20.5]),
    ("elu near 0", um.elu, [[-1e-10]], [math.expm1(-1e-10)]),
    ("softmax of -inf", um.softmax, [[0.0, -INF]], [1, 0]),
    ("prod of nothing", um.prod, [[]], 1),  # type: ignore[list-item]
    (
        "0 · log 0",
        lambda x: um.losses.categorical_crossentropy(
            um.asarray([[1.0, 0.0]], dtype=x.dtype), x, from_logits=True
        ),
        [[[0.0, -INF]]],
        0,
    ),  # type: ignore[list-item]
]


@pytest.mark.parametrize("point", VALUES, ids=lambda point: point[0])
def test_value(backend: str, point: Point) -> None:
    _, function, operands, expected = point
    actual = function(*(um.asarray(plain(x)) for x in operands)).numpy()
    family = "gelu" if "gelu" in point[0] else "transcendental"
    wanted = np.asarray(expected).astype(actual.dtype)
    condition = 36 if family == "gelu" else 0
    assert_close(actual, wanted, family=family, condition=condition)


INTEGERS: list[tuple[str, Callable[[], Any], Any]] = [
    ("uint8 wraps", lambda: um.asarray([255], dtype="uint8") + 1, [0]),
    ("-uint8 wraps", lambda: -um.asarray([1], dtype="uint8"), [255]),
    ("shift past the width", lambda: um.asarray([1], dtype="int32") << 32, [0]),
    ("sign kept by shifts", lambda: um.asarray([-8], dtype="int32") >> 40, [-1]),
    ("floor towards -inf", lambda: um.asarray([-7]) // 2, [-4]),
    ("remainder has the divisor's sign", lambda: um.asarray([-7]) % 3, [2]),
    ("sum of bool", lambda: um.sum(um.asarray([True, True])), 2),
    ("no wrap in comparisons", lambda: um.asarray([44], dtype="int8") == 300, [False]),
]


@pytest.mark.parametrize("point", INTEGERS, ids=lambda point: point[0])
def test_integers(backend: str, point: tuple[str, Callable[[], Any], Any]) -> None:
    _, function, expected = point
    assert function().tolist() == expected
