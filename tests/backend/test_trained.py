"""Which parameters fit trains."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import unifiedml as um

RNG = np.random.default_rng(11)
X = RNG.standard_normal((8, 3)).astype("float32")
Y = RNG.standard_normal((8, 3)).astype("float32")
MSE = "mean_squared_error"


def dense() -> um.Dense:
    return um.Dense(3, "tanh", input_size=3)


def fitted(model: um.Module) -> set[str]:
    """Train a model, and return the names of the parameters that have changed."""
    before = model.state_dict()
    model.fit(X, Y, verbose=False)
    after = model.state_dict()
    return {name for name in before if (before[name] != after[name]).any()}


def layers(*numbers: int) -> set[str]:
    return {f"layers.{one}.{part}" for one in numbers for part in ("kernel", "bias")}


# --- what compile has bound, and what the user has given ----------------------------


@pytest.mark.parametrize("again", [True, False])
def test_layers_that_are_added_later_are_trained(backend: str, again: bool) -> None:
    """Compiled again with its optimizer, a model used to leave new layers alone."""
    model = um.Sequential(dense())
    optimizer = um.Adam()
    model.compile(optimizer, MSE)
    assert fitted(model) == layers(0)
    if again:
        model.compile(optimizer, MSE)
    model.layers.append(dense())
    assert fitted(model) == layers(0, 1)
    steps = [one["steps"] for one in optimizer.state_dict()["parameters"]]
    assert steps == [2, 2, 1, 1]  # those it knew keep their state


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_what_compile_has_bound_follows_the_model(backend: str, copied: Any) -> None:
    """Also into a copy, and a larger model that it becomes a part of."""
    first = um.Sequential(dense())
    first.compile("adam", MSE)
    first.train_on_batch(X, Y)
    first = copied(first)
    assert first._trainer is not None
    optimizer = first._trainer.optimizer
    larger = um.Sequential(*first.layers, dense())
    larger.compile(optimizer, MSE)
    assert fitted(larger) == layers(0, 1)
    del larger.layers[0]
    assert fitted(larger) == layers(0)


def test_what_the_user_gave_stays_so(backend: str) -> None:
    model = um.Sequential(dense(), dense())
    optimizer = um.SGD(model.layers[0].parameters())
    for _ in range(2):
        model.compile(optimizer, MSE)
        model.layers.append(dense())
        assert fitted(model) == layers(0)
    # Also what is bound by hand after a model has bound its own.
    model.compile("sgd", MSE)
    assert fitted(model) == layers(0, 1, 2, 3)
    assert model._trainer is not None
    optimizer = model._trainer.optimizer
    optimizer.bind(model.layers[1].parameters())
    assert fitted(model) == layers(1)
    model.compile(optimizer, MSE)
    assert fitted(model) == layers(1)


def test_parameters_that_are_frozen_when_an_optimizer_is_made_count(
    backend: str,
) -> None:
    """Such an optimizer used to be taken for one without, and to train everything."""
    model = um.Sequential(dense(), dense())
    for one in model.layers[1].parameters():
        one.trainable = False
    model.compile(um.SGD(model.layers[1].parameters()), MSE)
    with pytest.raises(ValueError, match="nothing to train"):
        model.fit(X, Y, verbose=False)
    for one in model.layers[1].parameters():
        one.trainable = True
    assert fitted(model) == layers(1)


def test_an_optimizer_is_not_taken_from_a_model_without_a_word(backend: str) -> None:
    first, second = um.Sequential(dense()), um.Sequential(dense())
    optimizer = um.Adam()
    first.compile(optimizer, MSE)
    second.compile(optimizer, MSE)
    assert fitted(first) == layers(0)
    with pytest.raises(ValueError, match="not the model's"):
        second.fit(X, Y, verbose=False)
    assert fitted(first) == layers(0)


def test_freezing_and_thawing_does_not_trace_again(backend: str) -> None:
    model = um.Sequential(dense(), dense())
    model.compile("adam", MSE)
    model.train_on_batch(X, Y)
    assert model._trainer is not None
    step = model._trainer._train._jitted
    assert step is not None
    for _ in range(3):
        for trainable in (False, True):
            for one in model.layers[0].parameters():
                one.trainable = trainable
            model.train_on_batch(X, Y)
    # All; some; all, of which some have taken fewer steps.
    assert step.traces == 3
