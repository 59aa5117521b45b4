"""Kinds of data that fit is given."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import unifiedml as um

RNG = np.random.default_rng(3)
X = RNG.standard_normal((70, 4, 2)).astype("float32")
LABELS = (X.sum((1, 2)) > 0).astype("int64") + (X[:, 0, 0] > 1)
TARGETS = X.reshape(70, 8)[:, :1] * 2.0
CROSS_ENTROPY = partial(um.losses.sparse_categorical_crossentropy, from_logits=True)


@pytest.mark.parametrize("factor", [2.0, np.float32(2.0), um.tensor])
def test_batches_of_a_source_may_hold_what_has_no_rows(
    backend: str, factor: Any
) -> None:
    class Scaled(um.Module):
        def __init__(self) -> None:
            self.dense = um.Dense(1)

        def forward(self, x: Any) -> um.Tensor:
            rows, places, factor = x["rows"], x["places"], x["factor"]
            return self.dense(um.take(rows, places, axis=0)) * factor

    # Each example names a row, which may be beyond the size of a batch.
    x = {
        "rows": X.reshape(70, 8),
        "places": np.arange(69, 65, -1),
        "factor": factor(2.0) if callable(factor) else factor,
    }
    um.random.seed(0)
    model = Scaled()
    model.compile("sgd", "mean_squared_error")
    losses = model.fit([(x, TARGETS[69:65:-1])], epochs=3, verbose=False)["loss"]
    assert losses[2] < losses[0]


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrices_and_accuracies_are_what_they_seem(backend: str) -> None:
    model = um.Sequential(um.Dense(3))
    model.compile("sgd", CROSS_ENTROPY, ["accuracy"])
    found = model.fit(np.matrix(X.reshape(70, 8)), LABELS, batch_size=8, verbose=False)
    assert type(found["accuracy"][0]) is float


def test_a_source_may_fill_one_array_again_and_again(backend: str) -> None:
    labels = np.zeros(4, "int64")

    class Source:
        def __iter__(self) -> Any:
            for number in range(3):
                labels[:] = number
                yield X[:4], labels

    seen: list[float] = []

    class Metric(um.metrics.Metric):
        name = "mean_label"

        def reset(self) -> None: ...
        def update(self, y: Any, predicted: Any, weight: Any = None) -> None:
            seen.append(float(np.mean(np.asarray(y))))

        def result(self) -> float:
            return seen[-1]

    model = um.Sequential(um.Flatten(), um.Dense(3))
    model.compile("sgd", CROSS_ENTROPY, [Metric()])
    model.fit(Source(), verbose=False)
    assert seen == [0, 1, 2]
