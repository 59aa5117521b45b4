"""Kinds of data that fit is given."""

from __future__ import annotations

from collections.abc import Callable
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


PAIRS = [(X[start : start + 16], LABELS[start : start + 16]) for start in (0, 16, 32)]
WEIGHT = np.arange(48.0, dtype="float32")
BATCHES: list[Callable[[], Any]] = [
    lambda: PAIRS,
    lambda: [list(pair) for pair in PAIRS],
    lambda: [(x.tolist(), y.tolist()) for x, y in PAIRS],
    lambda: [(um.asarray(x), um.asarray(y)) for x, y in PAIRS],
    lambda: PAIRS[:2],
    lambda: PAIRS[:1],
    lambda: [(*PAIRS[0], WEIGHT[:16]), (*PAIRS[1], WEIGHT[16:32])],
]
ARRAYS: list[Callable[[], Any]] = [
    lambda: (X[:48], LABELS[:48]),
    lambda: [X[:48], LABELS[:48]],
    lambda: [X[:48].tolist(), LABELS[:48].tolist()],
    lambda: (um.asarray(X[:48]), um.asarray(LABELS[:48])),
    lambda: [X[:48], LABELS[:48], WEIGHT],
]


@pytest.mark.parametrize(
    ("given", "is_batches"),
    [*((one, True) for one in BATCHES), *((one, False) for one in ARRAYS)],
)
def test_validation_data_is_arrays_or_batches(
    backend: str, given: Callable[[], Any], is_batches: bool
) -> None:
    """A list of two or three batches used to be taken for x, y and weights."""
    model = um.Sequential(um.Flatten(), um.Dense(3))
    model.compile("sgd", CROSS_ENTROPY, ["accuracy"])
    history = model.fit(X, LABELS, validation_data=given(), verbose=False)
    if is_batches:
        expected = model.evaluate(given())
    else:
        x, y, weight = (*given(), None)[:3]
        expected = model.evaluate(x, y, sample_weight=weight)
    for name, value in expected.items():
        assert history[f"val_{name}"] == [value]


@pytest.mark.parametrize("kind", [list, tuple])
def test_validation_data_may_have_several_inputs(backend: str, kind: Any) -> None:
    class Two(um.Module):
        def __init__(self) -> None:
            self.dense = um.Dense(3)

        def forward(self, x: tuple[um.Tensor, um.Tensor]) -> um.Tensor:
            return self.dense(um.concat([x[0], x[1]], axis=1))

    model = Two()
    model.compile("sgd", CROSS_ENTROPY)
    x = (X[:, 0], X[:, 1])
    data = kind([x, LABELS])
    history = model.fit(x, LABELS, validation_data=data, verbose=False)
    assert history["val_loss"] == [model.evaluate(x, LABELS)["loss"]]
