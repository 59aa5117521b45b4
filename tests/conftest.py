"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

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
settings.load_profile("default")

BACKENDS = um.available_backends()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each installed backend in turn, loaded and current."""
    with um.use_backend(request.param):
        yield request.param
