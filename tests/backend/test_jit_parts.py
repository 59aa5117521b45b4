"""Programs notice when the attributes of modules change, whatever these are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import unifiedml as um


def double(x: um.Tensor) -> um.Tensor:
    return x * 2.0


def negate(x: um.Tensor) -> um.Tensor:
    return -x


class Net(um.Module):
    traces = 0

    def __init__(self) -> None:
        self.factor: Any = 1.0
        self.function = double
        self.shift = um.tensor(0.0)
        self.array = np.zeros(2, "float32")
        self.blocks = [um.nn.Activation(double), um.nn.Activation(negate)]
        self.named = {"first": um.nn.Activation(double), "last": self.blocks[0]}
        self.nested = ([3.0, 4.0], {"k": [5.0]})
        self.log: list[int] = []
        self.big: Any = None
        self.ring: list[Any] = []
        self.words: list[str] = []

    def forward(self, x: um.Tensor) -> um.Tensor:
        Net.traces += 1
        self.log.append(len(self.log))
        for block in self.blocks:
            x = block(x)
        x = self.named["first"](x)
        if hasattr(self, "extra"):
            x = x + 100.0
        x = self.function(x) * self.factor + self.shift
        return x + um.asarray(self.array) + self.nested[0][0] * self.nested[1]["k"][0]


def extra(net: Net) -> None:
    net.extra = 1


EDITS: dict[str, Callable[[Net], object]] = {
    "a number": lambda net: setattr(net, "factor", 3.0),
    "its type": lambda net: setattr(net, "factor", um.tensor(3)),
    "the sign of zero": lambda net: setattr(net, "factor", 0.0),
    "a function": lambda net: setattr(net, "function", negate),
    "a tensor": lambda net: setattr(net, "shift", um.tensor(7.0)),
    "a tensor in place": lambda net: net.shift.__setitem__((), 7.0),
    "an array": lambda net: setattr(net, "array", np.ones(2, "float32")),
    "an array in place": lambda net: net.array.__setitem__(0, 1.0),
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


def test_a_log_is_no_reason(backend: str) -> None:
    net, x = Net(), um.tensor([1.0, -2.0])
    f, traces = um.jit(net), Net.traces
    for number in range(3):
        f(x)
        net(x)
        assert Net.traces == traces + number + 2


class Warming(um.Module):
    """Counts its calls, which matter."""

    def __init__(self) -> None:
        self.inner = um.Dense(1, input_size=2)
        self.count = 0

    def forward(self, x: um.Tensor) -> um.Tensor:
        self.count += 1
        return self.inner(x) * min(1.0, self.count / 10)


class Showing(um.Module):
    """Keeps a tensor to look at."""

    def __init__(self) -> None:
        self.inner = um.Dense(1, input_size=2)
        self.shown: Any = None

    def forward(self, x: um.Tensor) -> um.Tensor:
        self.shown = um.softmax(x)
        return self.inner(x)


@pytest.mark.parametrize("kind", [Warming, Showing])
def test_what_a_module_changes_as_it_runs_needs_to_run(
    backend: str, kind: type[um.Module]
) -> None:
    x = np.linspace(-1, 1, 16, dtype="float32").reshape(8, 2)
    states = []
    for eager in (True, False):
        um.random.seed(0)
        model = kind()
        model(um.asarray(x))
        before = dict(vars(model))
        with pytest.raises(um.TracedStateError, match=f"{kind.__name__} changes its"):
            um.jit(model)(um.asarray(x))
        now = vars(model)
        assert all(now[name] is one for name, one in before.items() if name[0] != "_")
        model.compile("sgd", "mean_squared_error", run_eagerly=eager)
        with nullcontext() if eager else pytest.warns(UserWarning, match="op by op"):
            model.fit(x, x[:, :1], batch_size=4, epochs=3, verbose=False)
        states.append({name: one.tolist() for name, one in model.state_dict().items()})
        states[-1]["count"] = getattr(model, "count", 0)
    assert states[0] == states[1]
    with pytest.warns(UserWarning, match="op by op"):
        model.predict(x + 1)
    if isinstance(model, Showing):
        assert um.all(model.shown == um.softmax(um.asarray(x + 1)))


def test_modules_that_are_used_without_being_called_count(backend: str) -> None:
    class Outer(um.Module):
        def __init__(self) -> None:
            self.dropout = um.Dropout(0.5)
            self.coder = um.Dense(2, input_size=2, kernel_initializer="ones")
            self.coder.scale = 1.0

        def forward(self, x: um.Tensor) -> um.Tensor:
            return self.dropout.forward(self.coder.forward(x)) * self.coder.scale

    outer, x = Outer(), um.ones((64, 2))
    inner = outer.coder
    runs = [um.jit(outer), um.jit(lambda x: inner(x) * inner.scale)]
    for f in runs:
        f(x)
    outer.dropout.eval()
    assert um.all(runs[0](x) == 2.0)
    outer.coder.scale = 3.0
    assert um.all(runs[0](x) == 6.0)
    assert um.all(runs[1](x) == 6.0)
    outer.dropout.train()
    outer.dropout.rate = 1.0
    assert um.all(runs[0](x) == 0.0)


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


def test_attributes_of_losses_and_of_what_a_method_belongs_to_count(
    backend: str,
) -> None:
    class Scaled:
        scale: float

        def __init__(self) -> None:
            self.scale = 1.0

        def __call__(self, true: um.Tensor, predicted: um.Tensor) -> um.Tensor:
            return self.scale * um.mean((true - predicted) ** 2)

    loss, x = Scaled(), np.ones((4, 1), "float32")
    model = um.Sequential(um.Dense(1, input_size=1, kernel_initializer="ones"))
    model.compile(um.SGD(learning_rate=0.0), loss)
    run = um.jit(loss.__call__)
    for scale in (1.0, 3.0, 2.0):
        loss.scale = scale
        assert model.fit(x, x * 0, verbose=False)["loss"] == [scale]
        assert model.evaluate(x, x * 0, verbose=False)["loss"] == scale
        assert run(um.ones(1), um.zeros(1)).item() == scale
