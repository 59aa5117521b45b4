"""The kernel that makes Adam's step in a program does what the formula does.

Gradients come in memory of any order, such as that of a transposed product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

nn = um.nn


class Transposed(nn.Module):
    """A product with a weight the other way round."""

    def __init__(self) -> None:
        start = np.arange(12.0, dtype="float32").reshape(4, 3) / 12
        self.weight = nn.Parameter(um.asarray(start))

    def forward(self, x: um.Tensor) -> um.Tensor:
        return x @ um.permute_dims(self.weight, (1, 0))


LAYERS: dict[str, tuple[Callable[[], um.Module], tuple[int, ...]]] = {
    "Transposed": (Transposed, (5, 3)),
    "Dense": (lambda: nn.Dense(4), (5, 3)),
    "Conv1D": (lambda: nn.Conv1D(4, 2), (2, 6, 3)),
    "Conv2D": (lambda: nn.Conv2D(4, (2, 3)), (2, 5, 6, 3)),
    "Conv3D": (lambda: nn.Conv3D(2, 2), (2, 3, 4, 3, 2)),
    "Conv2DTranspose": (lambda: nn.Conv2DTranspose(4, (2, 3)), (2, 5, 6, 3)),
    "DepthwiseConv2D": (lambda: nn.DepthwiseConv2D((2, 3)), (2, 5, 6, 3)),
    "LayerNorm": (nn.LayerNorm, (2, 5, 6)),
    "GroupNorm": (lambda: nn.GroupNorm(2), (2, 5, 6)),
    "BatchNorm": (nn.BatchNorm, (4, 5, 6)),
    "MultiHeadAttention": (
        lambda: nn.MultiHeadAttention(2, 3, use_bias=False),
        (2, 5, 6),
    ),
    "LSTM": (lambda: nn.LSTM(4), (2, 5, 3)),
    "GRU": (lambda: nn.GRU(4), (2, 5, 3)),
}


def trained(name: str, wrap: Any) -> dict[str, Any]:
    """Return the state of a layer after three steps."""
    make, shape = LAYERS[name]
    um.random.seed(0)
    layer = make()
    random = np.random.default_rng(14)
    x = um.asarray(random.standard_normal(shape).astype("float32"))
    given = (x, x) if name == "MultiHeadAttention" else (x,)
    weights = random.standard_normal(layer.eval()(*given).shape).astype("float32")
    layer.train()
    optimizer = um.AdamW(layer.parameters(), learning_rate=0.05, weight_decay=0.1)

    def loss(layer: um.Module) -> um.Tensor:
        return um.sum(layer(*given) * um.asarray(weights))

    def step() -> um.Tensor:
        value, gradients = um.value_and_grad(loss)(layer)
        optimizer.step(gradients)
        return value

    run = wrap(step)
    for _ in range(3):
        run()
    return layer.state_dict()


@pytest.mark.parametrize("name", LAYERS)
def test_a_programs_steps_are_those_of_eager_code(backend: str, name: str) -> None:
    expected, found = trained(name, lambda step: step), trained(name, um.jit)
    for key, value in expected.items():
        # Each step moves by the learning rate, whichever way the gradient goes.
        assert_close(
            found[key],
            value,
            family="optimizer",
            scale=lambda size: np.maximum(1, size),
            length=64,
            name=key,
        )
