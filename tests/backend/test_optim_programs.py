"""Steps of optimizers in eager code: programs, or op by op."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close


class Counting(um.optim.Optimizer):
    """Subtracts the gradient, and counts."""

    updates = 0

    def update(
        self, gradient: um.Tensor, state: Any, parameter: um.Tensor, numbers: Any
    ) -> tuple[um.Tensor, Any]:
        self.updates += 1
        if float(um.sum(gradient)) > 1:
            return parameter, {}
        return parameter - gradient, {}


class OwnAdam(um.Adam):
    """Runs op by op, as all rules of users do."""


def test_a_rule_of_the_users_runs_as_it_is_written(backend: str) -> None:
    w = um.nn.Parameter(um.tensor([4.0, 2.0]))
    optimizer = Counting([w], learning_rate=1.0)
    for number in range(3):
        optimizer.step([um.tensor([0.0, float(number)])])
    assert optimizer.updates == 3
    assert w.tolist() == [4.0, 1.0]


def test_gradients_may_come_and_go(backend: str) -> None:
    """Each set of them is another program; after some, steps are taken op by op."""
    made = [um.nn.Parameter(um.tensor(4.0)) for _ in range(5)]
    optimizer = um.SGD(made, learning_rate=1.0)
    expected = np.full(5, 4.0, "float32")
    for number in range(1, 32):
        has = [bool(number >> place & 1) for place in range(5)]
        optimizer.step([um.tensor(0.25) if one else None for one in has])
        expected -= 0.25 * np.asarray(has)
    assert [float(one) for one in made] == expected.tolist()
    assert optimizer._program is not None
    assert optimizer._program.traces == 8 + 31 // 16
    for _ in range(100):
        optimizer.step([um.tensor(0.25)] * 5)
    assert [float(one) for one in made] == (expected - 25).tolist()
    # After some more steps there may be another one.
    assert optimizer._program.traces == 8 + 31 // 16 + 1


def test_options_may_change(backend: str) -> None:
    w = um.nn.Parameter(um.tensor(0.0))
    optimizer = um.SGD([w], learning_rate=1.0, momentum=0.5)
    seen = []
    options: list[Any] = [0.5, 0.0, np.float32(0.5), np.float32(0.25)]
    for option in options:
        optimizer.momentum = option
        optimizer.step([um.tensor(-1.0)])
        seen.append(float(w))
    # The velocity is 1; 0 leaves it as it is.
    assert seen == [1.0, 2.0, 3.5, 3.5 + 1.375]
    w.assign(um.tensor(1.0))
    optimizer = um.SGD([w], learning_rate=1.0)
    for decay in (np.float32(0.5), np.float32(0.5), np.float32(0.0), 0.5):
        optimizer.weight_decay = decay  # type: ignore[assignment]
        optimizer.step([um.tensor(0.0)])
    assert float(w) == 0.125
    with pytest.raises(ValueError, match=r"an? SGD that is made without momentum"):
        optimizer.momentum = 0.5
    optimizer.momentum = 0.0
    optimizer.load_state_dict(optimizer.state_dict())


def test_one_parameter_may_have_several_optimizers(backend: str) -> None:
    """The first step of each makes its state, where a program has the value."""
    w = um.nn.Parameter(um.ones(2))
    for rule in (um.SGD, partial(um.SGD, momentum=0.9), um.SGD):
        rule([w], learning_rate=0.25).step([um.ones(2)])
    assert w.tolist() == [0.25, 0.25]
    model = um.Sequential(um.Dense(1, input_size=2))
    for name in ("sgd", "adam"):
        model.compile(name, "mean_squared_error")
        model.fit(um.ones((4, 2)), um.ones((4, 1)), verbose=False)
    before = model.layers[0].kernel.tolist()
    optimizer = um.Adam(model.parameters(), learning_rate=1.0)
    for _ in range(2):
        optimizer.step([um.ones((2, 1)), um.ones(1)])
        optimizer.load_state_dict(optimizer.state_dict())
    expected = np.asarray(before) - 2
    assert_close(
        model.layers[0].kernel, expected.astype("float32"), family="optimizer",
        scale=3.0, length=2,
    )  # fmt: skip


def test_which_are_trained_may_change(backend: str) -> None:
    a, _, c = made = [um.nn.Parameter(um.zeros(2)) for _ in range(3)]
    optimizer = um.SGD(made, learning_rate=1.0)
    optimizer.step([um.ones(2)] * 3)
    c.trainable = False
    optimizer.step([None, um.ones(2)])
    a.trainable, c.trainable = False, True
    optimizer.step([None, um.ones(2)])
    assert [one.tolist()[0] for one in made] == [-1.0, -2.0, -2.0]


def test_a_step_that_fails_counts_nothing(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = um.nn.Parameter(um.ones(2))
    optimizer = um.Adam([w], learning_rate=0.5)
    optimizer.step([um.ones(2)])
    before = w.tolist(), optimizer.state_dict()

    def fail(*natives: Any) -> Any:
        raise RuntimeError("no more memory")

    assert optimizer._program is not None
    assert optimizer._program._last is not None
    monkeypatch.setattr(optimizer._program._last[1], "program", fail)
    with pytest.raises(um.BackendError, match="no more memory"):
        optimizer.step([um.ones(2)])
    monkeypatch.undo()
    assert (w.tolist(), optimizer.iterations) == (before[0], 1)
    optimizer.load_state_dict(before[1])
    assert optimizer.state_dict()["parameters"][0]["steps"] == 1


def unchanged(step: Callable[..., None]) -> Callable[..., None]:
    return step


@pytest.mark.parametrize("wrap", [unchanged, um.jit, partial(um.jit, dynamic=True)])
@pytest.mark.parametrize("rule", [um.Adam, OwnAdam])
def test_what_is_taken_back_is_what_the_last_step_counted(
    backend: str, wrap: Any, rule: Any
) -> None:
    """Parameters without a gradient used to lose a step that they had taken before."""
    made = [um.nn.Parameter(um.ones(2)) for _ in range(3)]
    optimizer = rule(made, learning_rate=0.5)

    def counts() -> list[int]:
        found = optimizer.state_dict()
        steps = [one["steps"] for one in found["parameters"]]
        return [found["iterations"], *steps]

    @wrap
    def two_steps(first: Any, second: Any) -> None:
        optimizer.step(first)
        optimizer.step(second)

    g = um.zeros(2)
    for _ in range(2):
        two_steps([g, g, g], [g, None, g])
    assert counts() == [4, 4, 2, 4]
    optimizer.take_back()
    assert counts() == [3, 3, 2, 3]
    made[2].trainable = False
    two_steps([g, g], [None, g])
    made[2].trainable = True
    assert counts() == [5, 4, 4, 3]
    optimizer.take_back()
    assert counts() == [4, 4, 3, 3]


def test_an_optimizer_and_its_old_state_are_gone_at_once(backend: str) -> None:
    gc.collect()
    gc.disable()
    try:
        w = um.nn.Parameter(um.ones(2))
        optimizer = um.Adam([w])
        olds = []
        for _ in range(3):
            optimizer.step([um.ones(2)])
            olds.append(weakref.ref(optimizer._kept[0]))
            optimizer.load_state_dict(optimizer.state_dict())
        assert [one() for one in olds] == [None] * 3
        optimizer.step([um.ones(2)])
        gone = weakref.ref(optimizer)
        del optimizer
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_that_have_stepped_go_their_own_way(
    backend: str, copied: Callable[[Any], Any]
) -> None:
    w = um.nn.Parameter(um.tensor([1.0, 2.0]))
    pair = w, um.Adam([w], learning_rate=0.5)
    pair[1].step([um.ones(2)])
    after = w.tolist()
    other, optimizer = copied(pair)
    optimizer.step([um.ones(2)])
    assert w.tolist() == after
    pair[1].step([um.ones(2)])
    assert other.tolist() == w.tolist() != after


def test_what_was_read_before_a_step_stays(backend: str) -> None:
    w = um.nn.Parameter(um.tensor([1.0, 2.0]))
    optimizer = um.Adam([w], learning_rate=0.5)
    seen = []
    for _ in range(3):
        seen.append((w.detach(), w.tolist()))
        optimizer.step([um.ones(2)])
    for value, then in seen:
        assert value.tolist() == then
    assert len({tuple(then) for _, then in seen}) == 3


def test_a_shallow_copy_steps_by_its_own_options(backend: str) -> None:
    w = um.nn.Parameter(um.zeros(2))
    optimizer = um.SGD([w], learning_rate=1.0)
    optimizer.step([um.zeros(2)])
    other = copy.copy(optimizer)
    other.learning_rate = 0.5
    other.step([um.ones(2)])
    assert w.tolist() == [-0.5, -0.5]
    assert (optimizer.iterations, other.iterations) == (1, 2)


@pytest.mark.parametrize("rule", [um.SGD, um.Adam, um.AdamW])
def test_gradients_may_be_the_values_of_parameters(backend: str, rule: Any) -> None:
    """As that of half the square of a parameter is."""

    def step(optimizer: Any, one: um.Tensor, other: um.Tensor) -> None:
        optimizer.step([other.detach(), one.detach()])

    found = []
    for f in (step, um.jit(step)):
        ones = [um.nn.Parameter(um.asarray(np.arange(1.0, 4) * n)) for n in (1, 3)]
        optimizer = rule(ones, learning_rate=0.3)
        for _ in range(3):
            f(optimizer, *ones)
        found.append([one.numpy() for one in ones])
    for actual, expected in zip(*found, strict=True):
        assert_close(actual, expected, family="optimizer", scale=9.0, length=3)
