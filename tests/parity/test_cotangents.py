"""Gradients are compared for random cotangents: those of a sum or mean hide errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import random_cotangent
from unifiedml.testing._conformance import conformance_cases

LINES = {line.name: line for line in conformance_cases()}


def reversed_gradient(x: um.Tensor) -> um.Tensor:
    """Return ``x``; on one backend its gradient goes to the elements in reverse."""
    if um.get_backend() != um.available_backends()[-1]:
        return um.positive(x)
    other = um.flip(x)
    return um.stop_gradient(x) + (other - um.stop_gradient(other))


@pytest.mark.parametrize("reduce", [um.sum, um.mean], ids=["sum", "mean"])
def test_a_sum_would_hide_the_fault(backend: str, reduce: object) -> None:
    x = um.asarray(np.arange(1.0, 5.0))
    wrong = um.grad(lambda x: reduce(reversed_gradient(x)))(x)  # type: ignore[operator]
    right = um.grad(lambda x: reduce(x))(x)  # type: ignore[operator]
    assert wrong.tolist() == right.tolist()


def test_a_line_finds_it() -> None:
    line = replace(LINES["positive"], function=reversed_gradient, oracle=None)
    line.check_values(max_examples=20)
    with pytest.raises(AssertionError, match="gradient 0 of"):
        line.check_gradients(max_examples=20)


def test_assert_parity_finds_it() -> None:
    with pytest.raises(AssertionError, match="gradient"):
        um.testing.assert_parity(reversed_gradient, np.arange(1.0, 5.0))


def test_cotangents_differ_from_place_to_place() -> None:
    one = np.abs(random_cotangent((50,)))
    assert len(np.unique(one)) == 50
    assert (random_cotangent((50,), seed=1) != random_cotangent((50,), seed=2)).all()
