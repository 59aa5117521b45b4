"""Steps whose loss is not finite: what stays as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.train._data import Batch
from unifiedml.train._trainer import home_of

X = np.random.default_rng(7).standard_normal((8, 3)).astype("float32")
Y = X[:, :1]
BAD = np.where(np.arange(8)[:, None] == 5, np.float32(np.nan), X)


class Count(um.Module):
    """Has buffers that it writes, that it reads, and that it leaves alone."""

    def __init__(self) -> None:
        self.dense = um.Dense(3, input_size=3)
        self.norm = um.nn.BatchNorm()
        self.scale = um.nn.Buffer(2.0)
        self.largest = um.nn.Buffer(um.zeros(3, dtype="float64"))
        self.unused = um.nn.Buffer(3.0)
        self.calls = um.nn.Buffer(0)

    def forward(self, x: um.Tensor) -> um.Tensor:
        if self.training:
            self.calls.assign(self.calls + 1)
            self.largest.assign(um.max(x, axis=0))
        return self.norm(self.dense(x)) * self.scale


@pytest.mark.parametrize("run_eagerly", [True, False])
@pytest.mark.parametrize("rule", [um.SGD, um.Adam])
def test_buffers_do_not_take_in_what_is_not_finite(
    backend: str, run_eagerly: bool, rule: Any
) -> None:
    """Moving averages used to be NaN after the error, for ever."""
    um.random.seed(0)
    model = Count()
    model.compile(rule(), "mean_squared_error", run_eagerly=run_eagerly)
    for _ in range(2):
        model.train_on_batch(X, X)
    before = model.state_dict()
    assert before["largest"].tolist() == X.max(0).tolist()
    for bad in (BAD, np.full_like(X, np.inf)):
        with pytest.raises(um.train.NonFiniteLossError):
            model.train_on_batch(bad, X)
    after = model.state_dict()
    # How often it was called is true: the integer went on.
    assert after.pop("calls") == before.pop("calls") + 2
    for name, value in after.items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    model.train_on_batch(X * 2, X)
    assert (model.norm.moving_mean.numpy() != before["norm.moving_mean"]).any()
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_averages_after_a_failed_fit_are_those_of_the_steps_before(
    backend: str, run_eagerly: bool
) -> None:
    states = []
    for batches in ([(X, Y)], [(X, Y), (BAD, Y)]):
        um.random.seed(0)
        model = um.Sequential(um.nn.BatchNorm(), um.Dense(1))
        model.compile("adam", "mean_squared_error", run_eagerly=run_eagerly)
        with suppress(um.train.NonFiniteLossError):
            model.fit(batches, verbose=False)
        states.append(model.state_dict())
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name], err_msg=name)


def test_buffers_that_come_later_are_kept_too(backend: str) -> None:
    um.random.seed(0)
    model = um.Sequential(um.Dense(3, input_size=3))
    model.compile("sgd", "mean_squared_error")
    model.train_on_batch(X, X)
    model.layers.append(um.nn.BatchNorm())
    with pytest.raises(um.train.NonFiniteLossError):
        model.train_on_batch(BAD, X)
    assert model.layers[1].moving_mean.tolist() == [0.0] * 3
    assert model.layers[1].moving_variance.tolist() == [1.0] * 3


class Scaled(um.Module):
    def __init__(self) -> None:
        self.scale = um.nn.Buffer(2.0)

    def forward(self, x: um.Tensor) -> um.Tensor:
        return x * self.scale


@pytest.mark.parametrize(
    ("made", "choices"),
    [(list, 2), (lambda: [Scaled()], 2), (lambda: [um.nn.BatchNorm()], 6)],
)
def test_a_program_chooses_for_what_the_model_writes_only(
    backend: str, made: Callable[[], list[Any]], choices: int
) -> None:
    """Each parameter is chosen, old or new; each average; no other buffer."""
    model = um.Sequential(um.Dense(3, input_size=3), *made())
    model.compile("sgd", "mean_squared_error")
    model.train_on_batch(X, X)
    trainer = model._trainer
    assert trainer is not None
    assert trainer._train._jitted is not None
    given = home_of(model).tensors(Batch(X, X, None))
    text = trainer._train._jitted.lower(given).text()
    assert len(re.findall(r"= (where|SelectV2)\(", text)) == choices
