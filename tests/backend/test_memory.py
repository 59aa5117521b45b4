"""Memory stays flat over any number of steps, in each style of taking gradients."""

from __future__ import annotations

import gc
import os
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml._recording import Leaf, Operation

Step = Callable[[um.Tensor, um.Tensor], um.Tensor]


def loss(w: um.Tensor, x: um.Tensor) -> um.Tensor:
    return um.mean(um.tanh(x @ w) ** 2)


def by_grad(w: um.Tensor, x: um.Tensor) -> um.Tensor:
    value, gradient = um.value_and_grad(loss)(w, x)
    w.assign(w.detach() - 0.01 * gradient)
    return value


def by_backward(w: um.Tensor, x: um.Tensor) -> um.Tensor:
    w.grad = None
    value = loss(w, x)
    value.backward()
    w.assign(w.detach() - 0.01 * w.grad)
    return value


def by_backward_without_a_pass(w: um.Tensor, x: um.Tensor) -> um.Tensor:
    """A validation loss whose history nobody walks, as in Keras-style evaluation."""
    return loss(w, x)


def by_second_backward(w: um.Tensor, x: um.Tensor) -> um.Tensor:
    w.grad = None
    value = loss(w, x)
    value.backward(create_graph=True)
    slope, w.grad = w.grad, None
    um.sum(slope * slope).backward()
    w.assign(w.detach() - 0.01 * w.grad)
    w.grad = None
    return value.detach()


def by_tape(w: um.Tensor, x: um.Tensor) -> um.Tensor:
    with um.GradientTape() as tape:
        value = loss(w, x)
    w.assign(w.detach() - 0.01 * tape.gradient(value, w))
    return value


def by_persistent_tape(w: um.Tensor, x: um.Tensor) -> um.Tensor:
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        value = loss(w, x)
    tape.gradient(value, x)
    w.assign(w.detach() - 0.01 * tape.gradient(value, w))
    return value


STYLES = [by_grad, by_backward, by_tape]
ALL = [*STYLES, by_backward_without_a_pass, by_second_backward, by_persistent_tape]


def operands() -> tuple[um.nn.Parameter, um.Tensor]:
    random = np.random.default_rng(0)
    w = um.nn.Parameter(random.normal(size=(32, 32)), dtype="float32")
    return w, um.tensor(random.normal(size=(32, 32)), dtype="float32")


# --- what is alive --------------------------------------------------------------------


def alive(native: type) -> Counter[str]:
    """Count the objects that histories and results are made of."""
    kinds = um.Tensor, Leaf, Operation, um.GradientTape, native
    return Counter(
        type(one).__name__ for one in gc.get_objects() if issubclass(type(one), kinds)
    )


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("step", ALL, ids=lambda step: step.__name__)
def test_nothing_is_left_of_a_step(backend: str, step: Step) -> None:
    """Not even for the garbage collector: reference counts free everything at once."""
    w, x = operands()
    step(w, x)
    w.grad = None
    before = alive(type(x.native))
    for _ in range(20):
        step(w, x)
    w.grad = None
    assert alive(type(x.native)) == before


@pytest.mark.usefixtures("without_collector")
def test_a_program_does_not_hold_what_it_was_traced_with(backend: str) -> None:
    f = um.jit(lambda x, *, y: x + y["a"])
    x, y = um.ones(2), um.ones(2)
    held = [weakref.ref(one) for one in (x, y)]
    assert f(x, y={"a": y}).tolist() == [2.0, 2.0]
    del x, y
    assert [one() for one in held] == [None, None]
    assert f(um.ones(2), y={"a": um.zeros(2)}).tolist() == [1.0, 1.0]


@pytest.mark.usefixtures("without_collector")
def test_a_history_dies_with_its_result(backend: str) -> None:
    x = um.tensor(1.0, requires_grad=True)
    x.native.ndim  # noqa: B018 - whatever a first use of the native tensor makes
    before = alive(type(x.native))
    y = x * 1
    for _ in range(30):
        y = y * x
    assert alive(type(x.native)) != before or y._node is None
    del y
    assert alive(type(x.native)) == before


@pytest.mark.usefixtures("without_collector")
def test_a_pass_frees_what_it_needed(backend: str) -> None:
    """A list of losses, which everybody keeps, holds no intermediate results."""
    x = um.tensor(np.ones(1000, np.float32), requires_grad=True)
    before = alive(type(x.native))
    kept = []
    for _ in range(20):
        y = um.sum(um.exp(x) * um.sin(x))
        y.backward()
        kept.append(y)
    del y
    x.grad = None
    more = alive(type(x.native)) - before
    assert more["Tensor"] <= 2 * len(kept), "each loss, as ours and as the framework's"


# --- how much is used -----------------------------------------------------------------


def resident() -> float:
    """Return the memory of this process that is in use, in bytes."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return float(pages) * os.sysconf("SC_PAGE_SIZE")


def growth(work: Callable[[], Any], steps: int, samples: int) -> float:
    """Return by how many bytes a step the memory grows: the slope of a line fit."""
    points = []
    for sample in range(samples):
        points.append((sample * (steps // samples), resident()))
        for _ in range(steps // samples):
            work()
    points.append((steps, resident()))
    done, used = np.array(points).T
    return float(np.polyfit(done, used, 1)[0])


def test_memory_is_used_again_while_a_program_is_traced(backend: str) -> None:
    alive: list[bool] = []

    def f(x: um.Tensor) -> um.Tensor:
        seen = []
        for _ in range(3):
            x = um.exp(x) * 2.0
            seen.append(weakref.ref(x.native))
        alive[:] = [one() is not None for one in seen]
        return um.sum(x)

    x = um.zeros(100_000)
    assert um.jit(f)(x).item() > 0
    # Tensors of TensorFlow's graphs have no memory.
    assert alive == [False, False, True] or backend == "tensorflow"
    assert um.jit(um.grad(f))(x).shape == x.shape


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("step", STYLES, ids=lambda step: step.__name__)
def test_memory_is_flat_over_ten_thousand_steps(
    backend: str, step: Step, record_property: Callable[[str, object], None]
) -> None:
    """Less than one array a step: whatever holds a history holds its results."""
    w, x = operands()
    for _ in range(2000):
        step(w, x)
    at_2000 = resident()
    slope = growth(lambda: step(w, x), 8000, 16)
    at_10000 = resident()
    for name, value in (
        ("MB at 2,000 steps", at_2000 / 1e6),
        ("MB at 10,000 steps", at_10000 / 1e6),
        ("bytes a step", slope),
    ):
        record_property(name, round(value, 1))
    assert slope < x.numpy().nbytes
