"""Programs notice when the attributes of modules change, whatever these are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um


def double(x: um.Tensor) -> um.Tensor:
    return x * 2.0


def negate(x: um.Tensor) -> um.Tensor:
    return -x


class Net(um.Module):
    def __init__(self) -> None:
        self.factor: Any = 1.0
        self.function = double
        self.shift = um.tensor(0.0)
        self.array = np.zeros(2, "float32")
        self.blocks = [um.nn.Activation(double), um.nn.Activation(negate)]
        self.named = {"first": um.nn.Activation(double), "last": self.blocks[0]}
        self.nested = ([3.0, 4.0], {"k": [5.0]})
        self.traces = 0
        self.seen: Any = None
        self.big: Any = None
        self.ring: list[Any] = []
        self.words: list[str] = []

    def forward(self, x: um.Tensor) -> um.Tensor:
        self.traces += 1
        for block in self.blocks:
            x = block(x)
        x = self.named["first"](x)
        if hasattr(self, "extra"):
            x = x + 100.0
        x = self.function(x) * self.factor + self.shift
        self.seen = x
        return x + um.asarray(self.array) + self.nested[0][0] * self.nested[1]["k"][0]


def extra(net: Net) -> None:
    net.extra = 1


EDITS: dict[str, Callable[[Net], object]] = {
    "a number": lambda net: setattr(net, "factor", 3.0),
    "its type": lambda net: setattr(net, "factor", um.tensor(3)),
    "the sign of zero": lambda net: setattr(net, "factor", 0.0),
    "a function": lambda net: setattr(net, "function", negate),
    "a tensor": lambda net: setattr(net, "shift", um.tensor(7.0)),
    "an array": lambda net: setattr(net, "array", np.ones(2, "float32")),
    "a shorter list": lambda net: net.blocks.pop(),
    "an order": lambda net: net.blocks.insert(0, net.blocks.pop()),
    "an item": lambda net: net.blocks.__setitem__(1, net.blocks[0]),
    "a longer list": lambda net: net.blocks.append(net.blocks[0]),
    "a dict": lambda net: net.named.update(first=net.blocks[1]),
    "a number in a list": lambda net: net.nested[0].__setitem__(0, 30.0),
    "a list in a dict": lambda net: net.nested[1]["k"].__setitem__(0, 50.0),
    "a new attribute": extra,
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_noticed(backend: str, name: str) -> None:
    net, x = Net(), um.tensor([1.0, -2.0])
    f = um.jit(net)
    before = f(x).tolist()
    assert before == net(x).tolist()
    EDITS[name](net)
    # Another order of double and negate computes the same, from another program.
    traces = net.traces
    assert f(x).tolist() == net(x).tolist()
    assert net.traces == traces + 2
    assert (f(x).tolist() == before) is (name == "an order")


def test_signs_and_attributes_that_are_gone_are_noticed(backend: str) -> None:
    net, x = Net(), um.tensor([1.0, -2.0])
    f = um.jit(net)
    net.factor = 0.0
    f(x)
    traces = net.traces
    net.factor = -0.0
    f(x)
    assert net.traces == traces + 1
    extra(net)
    assert f(x).tolist() == net(x).tolist()
    del net.extra
    assert f(x).tolist() == net(x).tolist()


def test_what_stays_the_same_is_traced_once(backend: str) -> None:
    net, x = Net(), um.tensor([1.0, -2.0])
    f = um.jit(net)
    f(x)
    traces = net.traces
    net.factor = float("1.0")
    net.nested[0][0] = float("3.0")
    net.blocks[:] = list(net.blocks)
    um.Dense(2, input_size=2)
    f(x)
    assert net.traces == traces


def test_what_a_module_notes_as_it_runs_is_no_reason(backend: str) -> None:
    """It counts its calls, and keeps a tensor to look at."""
    net, x = Net(), um.tensor([1.0, -2.0])
    f = um.jit(net)
    for number in range(3):
        f(x)
        net(x)
        assert net.traces == number + 2


def test_new_numbers_at_an_old_address_are_noticed(backend: str) -> None:
    net, x = Net(), um.tensor([1.0, -2.0])
    net.nested[0][0] = float("3.5")
    f = um.jit(net)
    for number in range(3):
        f(x)
        net.nested[0].pop(0)
        net.nested[0].insert(0, float(f"{number + 4}.5"))
        assert f(x).tolist() == net(x).tolist()


def test_methods_and_modules_that_are_given_are_noticed(backend: str) -> None:
    class Coder(um.Module):
        scale = 1.0

        def encode(self, x: um.Tensor) -> um.Tensor:
            return x * self.scale

    model, x = Coder(), um.ones(1)
    own, given = um.jit(model.encode), um.jit(lambda model, x: model.encode(x))
    for scale in (1.0, 2.0, 3.0):
        model.scale = scale
        assert own(x).item() == given(model, x).item() == scale


def test_what_is_made_when_a_module_first_runs_may_be_edited(backend: str) -> None:
    class Lazy(um.Module):
        scale: float | None = None

        def __init__(self) -> None:
            self.shift: float | None = None

        def forward(self, x: um.Tensor) -> um.Tensor:
            if self.shift is None:
                self.scale, self.shift = 2.0, 1.0
            assert self.scale is not None
            return x * self.scale + self.shift

    model, x = Lazy(), um.ones(1)
    f = um.jit(model)
    assert f(x).item() == 3.0
    model.scale = 3.0
    assert f(x).item() == 4.0
    model.shift = 2.0
    assert f(x).item() == 5.0


def test_attributes_that_are_odd_are_no_trouble(backend: str) -> None:
    net, x = Net(), um.tensor([1.0, -2.0])
    net.big = 10**5000
    net.words = [str(number) for number in range(10**5)]
    f = um.jit(net)
    f(x)
    traces = net.traces
    net.other = 1
    f(x)
    net.words = list(net.words)
    assert f(x).tolist() == net(x).tolist()
    assert net.traces == traces + 3  # a new attribute, another list, the eager call
    net.ring.append(net.ring)
    f(x)
    assert net.traces == traces + 4


def test_what_is_over_is_not_kept(backend: str) -> None:
    class Big:
        pass

    class Forgetting(um.Module):
        def __init__(self) -> None:
            self.last: Any = Big()

        def forward(self, x: um.Tensor) -> um.Tensor:
            self.last = None
            return x

    model = Forgetting()
    gone = weakref.ref(model.last)
    um.jit(model)(um.ones(1))
    gc.collect()
    assert gone() is None


def test_fit_goes_by_what_a_model_is_now(backend: str) -> None:
    class Scaled(um.Module):
        def __init__(self) -> None:
            self.weight = um.Parameter(1.0)
            self.scale = 1.0

        def forward(self, x: um.Tensor) -> um.Tensor:
            return x * self.weight * self.scale

    model, x = Scaled(), np.ones((4, 1), "float32")
    model.compile(um.SGD(learning_rate=0.0), "mean_squared_error")
    losses = []
    for scale in (1.0, 3.0):
        model.scale = scale
        losses += model.fit(x, x * 0, verbose=False)["loss"]
        assert model.evaluate(x, x * 0, verbose=False)["loss"] == scale**2
        assert model.predict(x, verbose=False)[0, 0] == scale
        assert model.train_on_batch(x, x * 0)["loss"] == scale**2
    assert losses == [1.0, 9.0]
