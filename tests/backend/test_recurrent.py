"""A whole layer as one kernel does what its formula says, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

STEPS, FEATURES, UNITS = 4, 3, 5


def layers(dtype: str, use_bias: bool = True) -> tuple[um.Module, um.Module]:
    """Return a layer that may be one kernel, and the same with its steps composed."""
    whole = um.nn.LSTM(UNITS, dtype=dtype, use_bias=use_bias, return_sequences=True)
    composed = um.nn.LSTM(
        UNITS, dtype=dtype, use_bias=use_bias, return_sequences=True, return_state=True
    )
    x = um.zeros((1, STEPS, FEATURES), dtype=dtype)
    whole(x)
    composed(x)
    random = np.random.default_rng(3)
    weights = {
        name: random.standard_normal(one.shape)
        for name, one in whole.named_parameters()
    }
    for layer in (whole, composed):
        layer.load_state_dict({**layer.state_dict(), **weights})
    return whole, composed


def outputs(layer: um.Module, x: um.Tensor) -> um.Tensor:
    found = layer(x)
    result: um.Tensor = found[0] if isinstance(found, tuple) else found
    return result


def objective(layer: um.Module, x: um.Tensor) -> um.Tensor:
    y = outputs(layer, x)
    weights = np.random.default_rng(4).standard_normal(y.shape).astype(y.dtype.name)
    return um.sum(y * um.asarray(weights))


def same(found: Any, expected: Any) -> None:
    # Sums over steps, units and features, each of terms of order 10.
    assert_close(
        found,
        expected,
        family="network",
        scale=lambda size: np.maximum(10, np.nanmax(size, initial=0)),
        length=STEPS * (UNITS + FEATURES),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("batch", [0, 1, 7])
def test_a_kernel_of_all_steps_is_the_formula(
    backend: str, dtype: str, use_bias: bool, batch: int
) -> None:
    whole, composed = layers(dtype, use_bias)
    shape = (batch, STEPS, FEATURES)
    x = um.asarray(np.random.default_rng(5).standard_normal(shape).astype(dtype))
    same(outputs(whole, x), outputs(composed, x))
    gradient = um.grad(objective, (0, 1))
    same(gradient(whole, x), gradient(composed, x))
    for compiler in {False, batch == 7}:
        same(um.jit(gradient, compiler=compiler)(whole, x), gradient(composed, x))


def test_its_second_derivatives(backend: str) -> None:
    whole, composed = layers("float64")
    x = um.asarray(np.random.default_rng(6).standard_normal((2, STEPS, FEATURES)))

    def product(layer: um.Module) -> um.Tensor:
        def directional(x: um.Tensor) -> um.Tensor:
            return um.sum(um.sin(um.grad(objective, 1)(layer, x)))

        return um.grad(directional)(x)

    same(product(whole), product(composed))
    batched = um.vmap(lambda row: outputs(whole, row[None])[0])(x)
    same(batched, outputs(composed, x))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_no_number_stays_where_it_is(backend: str, value: float) -> None:
    whole, composed = layers("float32")
    x = np.random.default_rng(7).standard_normal((3, STEPS, FEATURES)).astype("float32")
    x[1, 2, 0] = value
    given = um.asarray(x)
    same(outputs(whole, given), outputs(composed, given))
    gradient = um.grad(objective, 1)
    same(gradient(whole, given), gradient(composed, given))


@pytest.mark.parametrize("compiler", [False, True])
def test_a_program_takes_gradients_inside_no_grad(backend: str, compiler: bool) -> None:
    whole, _ = layers("float32")
    x = um.ones((2, STEPS, FEATURES))
    gradient = um.grad(objective, 1)
    program = um.jit(gradient, compiler=compiler)
    with um.no_grad():
        first = program(whole, x)
        again = program(whole, x)
    same([first, again], [gradient(whole, x)] * 2)
