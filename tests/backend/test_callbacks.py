"""Callbacks of fit: what they may do, and that all hear of the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um

RNG = np.random.default_rng(5)
X = RNG.standard_normal((12, 3)).astype("float32")
LABELS = np.arange(12) % 2


def classifier() -> um.Sequential:
    um.random.seed(0)
    model = um.Sequential(um.Dense(2, "softmax", input_size=3))
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    return model


class Doing(um.train.Callback):
    """Does something after each step."""

    def __init__(self, work: Callable[[um.Module], Any]) -> None:
        self.work = work

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self.work(self.model)


@pytest.mark.parametrize(
    "work",
    [
        lambda model: model.evaluate(X[:1], LABELS[:1]),
        lambda model: model.predict(X),
        lambda _: classifier().fit(X, LABELS, verbose=False),
    ],
)
def test_what_callbacks_evaluate_leaves_the_epoch_alone(
    backend: str, work: Callable[[um.Module], Any]
) -> None:
    """The metrics of the epoch used to begin anew with what was evaluated."""
    options: dict[str, Any] = {"epochs": 2, "batch_size": 4, "verbose": False}
    alone = classifier().fit(X, LABELS, **options)
    beside = classifier().fit(X, LABELS, callbacks=[Doing(work)], **options)
    assert dict(beside) == dict(alone)


def test_a_step_that_a_callback_takes_leaves_the_metrics_of_the_epoch_alone(
    backend: str,
) -> None:
    model = classifier()
    model.compile(
        um.SGD(learning_rate=0.0), "sparse_categorical_crossentropy", ["accuracy"]
    )
    expected = model.evaluate(X, LABELS, batch_size=4)["accuracy"]
    step = Doing(lambda model: model.train_on_batch(X[:1], LABELS[:1]))
    for callbacks in ([], [step]):
        found = model.fit(X, LABELS, batch_size=4, verbose=False, callbacks=callbacks)
        assert found["accuracy"] == [expected]


class Told(um.train.Callback):
    """Notes what it is told, and raises where it is asked to."""

    def __init__(self, name: str, calls: list[str], *fails: str) -> None:
        self.name, self.calls, self.fails = name, calls, fails

    def _told(self, what: str) -> None:
        self.calls.append(f"{self.name} {what}")
        if what in self.fails:
            raise RuntimeError(f"{self.name} at the {what}")

    def on_train_begin(self) -> None:
        self._told("begin")

    def on_epoch_begin(self, epoch: int) -> None:
        self._told("epoch")

    def on_train_end(self) -> None:
        self._told("end")


@pytest.mark.parametrize(
    ("fails", "calls", "error", "notes"),
    [
        # The second was not told of a beginning.
        ([["begin"], []], ["a begin", "a end"], "a at the begin", []),
        (
            [[], ["begin"]],
            ["a begin", "b begin", "a end", "b end"],
            "b at the begin",
            [],
        ),
        (
            [["end"], []],
            ["a begin", "b begin", "a epoch", "b epoch", "a end", "b end"],
            "a at the end",
            [],
        ),
        (
            [["epoch", "end"], ["end"]],
            ["a begin", "b begin", "a epoch", "a end", "b end"],
            "a at the epoch",
            [
                "afterwards: RuntimeError: a at the end",
                "afterwards: RuntimeError: b at the end",
            ],
        ),
    ],
)
def test_all_callbacks_that_began_hear_of_the_end(
    backend: str,
    fails: list[list[str]],
    calls: list[str],
    error: str,
    notes: list[str],
) -> None:
    """Those after one that raised used to hear nothing, and its error to be lost."""
    found: list[str] = []
    model = classifier()
    callbacks = [Told(name, found, *own) for name, own in zip("ab", fails, strict=True)]
    with pytest.raises(RuntimeError, match=error) as caught:
        model.fit(X, LABELS, verbose=False, callbacks=callbacks)
    assert found == calls
    assert getattr(caught.value, "__notes__", []) == notes
    assert not model.training


def test_an_interrupted_fit_tells_its_callbacks(backend: str) -> None:
    def interrupt(_: um.Module) -> None:
        raise KeyboardInterrupt

    calls: list[str] = []
    callbacks = [Told("a", calls, "end"), Doing(interrupt), Told("b", calls)]
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(X, LABELS, verbose=False, callbacks=callbacks)
    assert calls[-2:] == ["a end", "b end"]


def test_what_is_no_list_of_callbacks_nor_dict_of_weights_is_told(backend: str) -> None:
    model = um.Sequential(um.Dense(1, input_size=1))
    model.compile("sgd", "mean_squared_error")
    x = np.ones((2, 1), "float32")
    with pytest.raises(TypeError, match=r"callbacks is a list: \[Callback\(\)\]"):
        model.fit(x, x, callbacks=um.train.Callback(), verbose=False)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="class_weight is a dict .* not list"):
        model.fit(x, x, class_weight=[1.0], verbose=False)  # type: ignore[arg-type]
