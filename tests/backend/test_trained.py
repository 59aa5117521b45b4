"""Which parameters fit trains."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise
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


# --- layers that are frozen ---------------------------------------------------------


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_frozen_layers_are_not_trained(backend: str, run_eagerly: bool) -> None:
    """The idiom of Keras used to set an attribute that nobody read."""
    model = um.Sequential(dense(), um.Sequential(dense(), dense()), dense())
    model.compile("adam", MSE, run_eagerly=run_eagerly)
    every = {name for name, _ in model.named_parameters()}
    inner = {name for name in every if name.startswith("layers.1.")}
    assert fitted(model) == every
    model.layers[1].trainable = False
    assert not model.layers[1].trainable
    assert not model.layers[1].layers[0].trainable
    assert model.trainable
    assert fitted(model) == every - inner
    model.layers[1].layers[0].trainable = True
    assert model.layers[1].trainable
    assert fitted(model) == every - {one for one in inner if "layers.1.layers.1" in one}
    model.trainable = True
    assert fitted(model) == every
    model.trainable = False
    with pytest.raises(ValueError, match="nothing to train"):
        model.fit(X, Y, verbose=False)


def test_layers_may_be_frozen_in_the_middle_of_fit(backend: str) -> None:
    class Freeze(um.train.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            states.append(self.model.state_dict())
            self.model.layers[0].trainable = epoch == 1

    states: list[Any] = []
    model = um.Sequential(dense(), dense())
    model.compile("adam", MSE)
    model.fit(X, Y, epochs=3, verbose=False, callbacks=[Freeze()])
    for name in states[0]:
        moved = [
            bool((one[name] != other[name]).any()) for one, other in pairwise(states)
        ]
        assert moved == [name in layers(1), True]


def test_frozen_layers_keep_their_buffers_and_gradients_of_others(backend: str) -> None:
    model = um.Sequential(dense(), um.nn.BatchNorm())
    um.sum(um.square(model(um.asarray(X)) - um.asarray(Y))).backward()
    norm = model.layers[1]
    kernel = model.layers[0].kernel
    gradient = kernel.grad.tolist()
    norm.trainable = False
    model.layers[0].trainable = True  # as it was
    assert kernel.grad.tolist() == gradient
    assert norm.gamma.grad is None
    model.trainable = True
    assert norm.trainable
    assert not norm.moving_mean.trainable
    assert not norm.moving_variance.trainable


def test_what_has_no_parameters_may_be_frozen_too(backend: str) -> None:
    """As in a loop over layers; also where a class has an attribute of that name."""

    class Scaled(um.Module):
        def __init__(self, trainable: bool) -> None:
            self.trainable = trainable
            self.scale = um.Parameter(2.0, trainable=self.trainable)

    model = um.Sequential(um.Flatten(), dense())
    assert model.layers[0].trainable
    for layer in model.layers:
        layer.trainable = False
        assert not layer.trainable
    for value in (True, False):
        assert Scaled(value).scale.trainable is Scaled(value).trainable is value


def test_layers_of_unknown_size_cannot_be_frozen_yet(backend: str) -> None:
    model = um.Sequential(dense(), um.Dense(1))
    with pytest.raises(ValueError, match="does not know its input size"):
        model.trainable = False
    assert model.layers[0].trainable
    model(um.asarray(X))
    model.trainable = False
    assert not model.layers[1].kernel.trainable


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_are_frozen_where_the_model_is(backend: str, copied: Any) -> None:
    model = um.Sequential(um.Flatten(), dense(), dense())
    model.trainable = False
    model.layers[1].trainable = True
    other = copied(model)
    assert [layer.trainable for layer in other.layers] == [True, True, False]


class Late(um.Module):
    """Makes a parameter and a layer when it first runs, as Keras's `build` does."""

    def __init__(self, inner: bool) -> None:
        self.out = um.Dense(1, input_size=4) if inner else None
        self.weight: Any = None
        self.late: Any = None

    def forward(self, x: um.Tensor) -> um.Tensor:
        if self.weight is None:
            self.weight = um.nn.Parameter(um.ones((x.shape[-1], 4)))
            self.late = um.Dense(4, input_size=4)
        h = self.late(x @ self.weight)
        return um.sum(h, axis=1, keepdims=True) if self.out is None else self.out(h)


@pytest.mark.filterwarnings("ignore:the model runs op by op")
@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("eager", [False, True])
def test_what_a_model_makes_as_it_first_runs_is_trained(
    backend: str, inner: bool, eager: bool
) -> None:
    model = Late(inner)
    model.compile("sgd", "mean_squared_error", run_eagerly=eager)
    x = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
    model.fit(x, x[:, :1], batch_size=2, verbose=False)
    assert not um.all(model.weight == 1.0)
    assert model.late.bias is not None
    assert not um.all(model.late.bias == 0.0)


def test_a_model_without_parameters_has_nothing_to_train(backend: str) -> None:
    model = um.Sequential(um.nn.Activation("relu"))
    model.compile("sgd", "mean_squared_error")
    with pytest.raises(ValueError, match="there is nothing to train"):
        model.fit(np.ones((2, 3)), np.ones((2, 3)), verbose=False)
