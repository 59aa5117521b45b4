"""Metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest

import unifiedml as um


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        ([1, 0, 1], [[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]], 2 / 3),
        ([[1], [0], [1]], [[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]], 2 / 3),
        ([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]], 1 / 2),
        ([[0, 0, 1], [1, 0, 0]], [[0.3, 0.3, 0.4], [0.4, 0.3, 0.3]], 1.0),
        ([0], [[0.5, 0.5]], 1.0),  # the first of equal ones
        ([1, 0], [[0.6], [0.7]], 1 / 2),
        ([[1], [0]], [[0.6], [0.7]], 1 / 2),
        ([1, 0], [0.6, 0.3], 1.0),
        ([[0, 1], [1, 1]], [[[0.9, 0.1], [0.2, 0.8]], [[0.4, 0.6], [0.9, 0.1]]], 3 / 4),
    ],
)
def test_accuracy(
    backend: str, true: list[object], predicted: list[object], expected: float
) -> None:
    metric = um.metrics.Accuracy()
    # One-hot labels that were bool used to be compared with the threshold.
    kinds = [np.asarray(true), *(np.asarray(true, one) for one in (bool, "float32"))]
    for labels in (true, *kinds, *map(um.asarray, kinds)):
        metric.reset()
        metric.update(labels, um.asarray(predicted))
        assert math.isclose(metric.result(), expected)


def test_accuracy_adds_up_batches_by_their_weight(backend: str) -> None:
    metric = um.metrics.Accuracy()
    metric.update([1], um.asarray([0.9]), [3.0])
    metric.update([1, 1], um.asarray([0.1, 0.9]), np.asarray([1.0, 0.0]))
    assert metric.result() == 3 / 4
    metric.reset()
    assert math.isnan(metric.result())
    metric.update([], um.zeros((0,)))
    assert math.isnan(metric.result())


def test_accuracy_of_what_does_not_fit(backend: str) -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\) do not fit .* \(2, 5\)"):
        um.metrics.Accuracy().update([1, 2, 3], um.zeros((2, 5)))


def test_mean_adds_up_in_float64() -> None:
    mean = um.metrics.Mean()
    for _ in range(10):
        mean.add(0.1, weight=2)
    assert math.isclose(mean.result(), 0.1)
    mean.reset()
    assert math.isnan(mean.result())


def test_names() -> None:
    assert um.metrics.get("accuracy").name == "accuracy"
    metric = um.metrics.Accuracy(name="right")
    assert um.metrics.get(metric) is metric
    for wrong in ("acc", um.metrics.Accuracy, 3):
        with pytest.raises(ValueError, match="no metric"):
            um.metrics.get(wrong)  # type: ignore[arg-type]
