"""Programs keep NaN and infinities, whatever kernels they are fused into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

import unifiedml as um

ACTIVATIONS: Final = "relu elu gelu leaky_relu selu sigmoid silu softplus tanh".split()


def bad(shape: tuple[int, ...]) -> Any:
    x = np.linspace(-2, 2, int(np.prod(shape)), dtype="float32").reshape(shape)
    x[0], x[1, 0], x[2, 1], x[3] = np.nan, np.inf, -np.inf, -np.inf
    x[3, 0] = np.inf
    return x


LAYERS: Final[dict[str, tuple[Callable[[str], um.Module], Any]]] = {
    "dense": (lambda name: um.Dense(8, name), bad((5, 4))),
    "conv": (lambda name: um.nn.Conv2D(4, 2, activation=name), bad((5, 3, 3, 2))),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_tell_of_nan(backend: str, kind: str, name: str) -> None:
    make, x = LAYERS[kind]
    layer = make(name)

    def run(layer: um.Module, x: um.Tensor) -> tuple[um.Tensor, um.Tensor]:
        return layer(x), um.grad(lambda x: um.sum(layer(x)))(x)

    expected = run(layer, um.asarray(x))
    assert um.any(um.isnan(expected[0]))
    for found, one in zip(um.jit(run)(layer, um.asarray(x)), expected, strict=True):
        for ask in (um.isnan, um.isinf):
            np.testing.assert_array_equal(ask(found).numpy(), ask(one).numpy())
    np.testing.assert_array_equal(
        np.isnan(um.Sequential(layer).predict(x)), um.isnan(expected[0]).numpy()
    )


def test_a_bias_of_attention_that_is_nan_is_no_mask(backend: str) -> None:
    x, bias = um.ones((1, 2, 1, 2)), np.zeros((1, 1, 2, 2), "float32")
    bias[0, 0, 0, 0] = np.nan
    run = um.dot_product_attention
    for f in (run, um.jit(run)):
        found = um.isnan(f(x, x, x, bias=um.asarray(bias)))
        assert found.tolist() == [[[[True, True]], [[False, False]]]]
