"""The kernel that makes Adam's step in a program does what the formula does.

Gradients come in memory of any order, such as that of a transposed product, and the
rates of moments may be small.
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


RATES = [(0.0, 0.0), (0.0, 0.9), (0.9, 0.0), (0.25, 1e-3), (0.5, 0.5), (0.9, 0.999)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("betas", RATES)
def test_moments_of_any_rates_forget_as_they_should(
    backend: str, betas: tuple[float, float], decay: float, dtype: str
) -> None:
    """Rounding errors of what is forgotten used to stay: a step of 1000, not 0.1.

    Each gradient is much smaller than the one before, which a rate of 0 forgets.
    """
    w = um.nn.Parameter(um.tensor(1.0, dtype=dtype))
    β1, β2, *gradients = np.asarray([*betas, 1000.1, 1.1e-3, 1.3e-6], dtype).tolist()
    optimizer = um.AdamW(
        [w], learning_rate=0.5, beta_1=β1, beta_2=β2, weight_decay=decay
    )
    expected, m, v = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        optimizer.step([um.tensor(g, dtype=dtype)])
        m, v = β1 * m + (1 - β1) * g, β2 * v + (1 - β2) * g**2
        root = (v / (1 - β2**t)) ** 0.5
        expected = expected * (1 - 0.5 * decay) - 0.5 * m / (1 - β1**t) / (root + 1e-8)
        found = optimizer.state_dict()["parameters"][0]
        for value, right, scale in (
            (w.numpy(), expected, max(1.0, abs(expected))),
            (found["m"], m, m),
            (found["v"], v, v),
        ):
            assert_close(
                value,
                np.asarray(right),
                family="optimizer",
                scale=scale,
                length=t,
                pair=False,
                dtype=dtype,
            )


def test_a_loss_that_is_not_finite_leaves_moments_of_small_rates(backend: str) -> None:
    w = um.nn.Parameter(um.ones(2))
    optimizer = um.AdamW([w], learning_rate=0.5, beta_1=0.0, beta_2=0.25)
    states = []
    for skip in (False, True):
        optimizer.apply([um.ones(2)], skip=um.tensor(skip))
        parts = optimizer.state_dict()["parameters"][0]
        states.append([w.tolist(), parts["m"].tolist(), parts["v"].tolist()])
    assert states[0] == states[1]
    assert states[0][1] == [1.0, 1.0]
