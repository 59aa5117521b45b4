"""What a tape returns for a source that the target was not computed from."""

from __future__ import annotations

from typing import Any

import pytest

import unifiedml as um


def test_unconnected_sources_are_zero_or_none(backend: str) -> None:
    x, z = um.tensor([1.5, 2.5]), um.tensor(3.0)
    weight = um.nn.Parameter(2.0)
    with um.GradientTape(persistent=True) as tape:
        tape.watch([x, z])
        y = um.sum(x * x)
    sources = {"x": x, "z": z, "weight": weight}
    zeros = tape.gradient(y, sources)
    assert (zeros["z"].item(), zeros["weight"].item()) == (0, 0)
    found = tape.gradient(y, sources, unconnected_gradients="none")
    assert found["x"].tolist() == [3, 5]
    assert found["z"] is None
    assert found["weight"] is None
    with pytest.raises(ValueError, match='is "zero" or "none", not \'nothing\''):
        tape.gradient(y, x, unconnected_gradients="nothing")  # type: ignore[arg-type]


CONNECTED = [um.floor, um.ceil, um.trunc, um.round, um.sign, lambda x: 0 * x, um.relu]


@pytest.mark.parametrize("function", CONNECTED)
def test_a_derivative_of_zero_is_a_derivative(backend: str, function: Any) -> None:
    x = um.tensor([-1.5, -2.5])
    with um.GradientTape() as tape:
        tape.watch(x)
        y = um.sum(function(x))
    found = tape.gradient(y, x, unconnected_gradients="none")
    assert found.tolist() == [0, 0]


CONSTANT = [um.stop_gradient, um.zeros_like, lambda x: (x > 0).astype(um.float32)]


@pytest.mark.parametrize("function", CONSTANT)
def test_constants_are_not_connected(backend: str, function: Any) -> None:
    x = um.tensor([-1.5, -2.5])
    with um.GradientTape() as tape:
        tape.watch(x)
        y = um.sum(function(x))
        with um.no_grad():
            z = x * x
        y = y + um.sum(z)
    assert tape.gradient(y, x, unconnected_gradients="none") is None
