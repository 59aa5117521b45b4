"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

import unifiedml as um

# First use of a framework costs seconds, so a deadline would fail at random.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "wide", parent=settings.get_profile("default"), derandomize=False, max_examples=2000
)
# For planted faults: the first failure is enough.
settings.register_profile(
    "mutants",
    parent=settings.get_profile("default"),
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("default")

BACKENDS = um.available_backends()


class Scaled:
    """The least that is a module: y = weight * x + bias."""

    def __init__(self) -> None:
        self.weight = um.nn.Parameter([2.0, 3.0])
        self.bias = um.nn.Parameter(1.0)

    def trainable_parameters(self) -> dict[str, um.nn.Parameter]:
        return {"weight": self.weight, "bias": self.bias}

    def __call__(self, x: um.Tensor) -> um.Tensor:
        return self.weight * x + self.bias


@pytest.fixture
def model(backend: str) -> Scaled:
    """A module that is no `unifiedml.nn.Module`, with a vector and a scalar."""
    return Scaled()


@pytest.fixture
def other(backend: str) -> str:
    """A backend that is not the current one."""
    others = [name for name in BACKENDS if name != backend]
    if not others:
        pytest.skip("there is one backend only, and the test is about two")
    return others[0]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each installed backend in turn, loaded and current."""
    with um.use_backend(request.param):
        yield request.param
