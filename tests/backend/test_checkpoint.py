"""`um.checkpoint`: the same results, less memory."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

Function = Callable[..., um.Tensor]


def f(x: um.Tensor) -> um.Tensor:
    return um.exp(um.sin(x)) * x


ROUTES: list[Callable[[Function], Function]] = [
    lambda f: f,
    um.grad,
    lambda f: um.grad(um.grad(f)),
    lambda f: um.grad(um.grad(um.grad(f))),
    lambda f: um.jit(um.grad(f)),
    lambda f: um.grad(um.jit(um.grad(f))),
    lambda f: lambda x: um.jvp(f, (x,), (x,))[1],
    um.hessian,
    lambda f: lambda x: um.vjp(f, x)[1](x)[0],
]


@pytest.mark.parametrize("route", ROUTES)
def test_derivatives_are_those_of_the_function(backend: str, route: Any) -> None:
    x = um.tensor(0.75, dtype=um.float64)
    expected = route(f)(x)
    assert_close(route(um.checkpoint(f))(x), expected, scale=lambda g: g + 16)


def test_imperative_style_to_the_second_order(backend: str) -> None:
    found = []
    for function in (f, um.checkpoint(f)):
        x = um.tensor(0.75, dtype=um.float64, requires_grad=True)
        function(x * 1).backward(create_graph=True)
        slope, x.grad = x.grad, None
        slope.backward()
        found.append((slope.detach(), x.grad.detach()))
    assert_close(found[1], found[0], scale=lambda g: g + 16)


def test_tapes(backend: str) -> None:
    x = um.tensor(0.75)
    with um.GradientTape() as outer, um.GradientTape() as inner:
        outer.watch(x)
        inner.watch(x)
        y = um.checkpoint(f)(x)
        slope = inner.gradient(y, x)
    assert slope.item() == um.grad(f)(x).item()
    expected = um.grad(um.grad(f))(x)
    assert_close(outer.gradient(slope, x), expected, scale=lambda g: g + 16)


def test_it_is_computed_twice_only_for_gradients(backend: str) -> None:
    calls = []

    def counted(x: um.Tensor) -> um.Tensor:
        calls.append(x)
        return x * x

    again = um.checkpoint(counted)
    assert again(um.tensor(3.0)).item() == 9
    assert len(calls) == 1
    assert um.grad(again)(um.tensor(3.0)).item() == 6
    assert len(calls) == 3


def test_trees_and_what_has_no_gradient(backend: str) -> None:
    def g(tree: Any, *, flag: str, scale: um.Tensor) -> Any:
        assert flag == "yes"
        x = tree["x"] * scale
        return {"y": x * x, "largest": um.argmax(x), "word": flag}

    def loss(x: um.Tensor, scale: um.Tensor) -> um.Tensor:
        tree = {"x": x, "count": 3, "index": um.tensor([1])}
        result = um.checkpoint(g)(tree, flag="yes", scale=scale)
        assert result["largest"].item() == 1
        assert result["word"] == "yes"
        return um.sum(result["y"])

    by_x, by_scale = um.grad(loss, (0, 1))(um.tensor([1.0, 2.0]), um.tensor(3.0))
    assert by_x.tolist() == [18, 36]
    assert by_scale.item() == 30


# --- models ---------------------------------------------------------------------------


def model() -> um.Sequential:
    um.random.seed(0)
    made = um.Sequential(
        um.Dense(8, activation="tanh"),
        um.Dropout(0.5),
        um.nn.BatchNorm(),
        um.Dense(3),
    )
    made(um.ones((2, 4)))
    return made


def by_function(model: Any, run: Function, x: um.Tensor) -> Any:
    return um.value_and_grad(lambda model, x: um.sum(run(x) ** 2))(model, x)


def by_program(model: Any, run: Function, x: um.Tensor) -> Any:
    return um.jit(um.value_and_grad(lambda model, x: um.sum(run(x) ** 2)))(model, x)


def by_backward(model: Any, run: Function, x: um.Tensor) -> Any:
    value = um.sum(run(x) ** 2)
    value.backward()
    named = model.trainable_parameters().items()
    return value.detach(), {name: one.grad for name, one in named}


@pytest.mark.parametrize("style", [by_function, by_program, by_backward])
def test_models_with_dropout_and_running_statistics(backend: str, style: Any) -> None:
    x = um.tensor(np.random.default_rng(0).normal(size=(16, 4)), dtype="float32")
    found = []
    for wrap in (lambda one: one, um.checkpoint):
        one = model()
        results = [style(one, wrap(one), x) for _ in range(2)]
        found.append((results, one.state_dict()))
    assert_close(found[1], found[0], scale=lambda g: g + 16, length=64)


def test_random_numbers_without_a_key_are_kept(backend: str) -> None:
    def noisy(x: um.Tensor) -> um.Tensor:
        return um.sum(um.exp(x * um.random.uniform(4)))

    x = um.ones(4)
    um.random.seed(0)
    expected = um.grad(noisy)(x)
    um.random.seed(0)
    found = um.grad(um.checkpoint(noisy))(x)
    assert found.tolist() == expected.tolist()
    assert um.random.get_state() == (0, 1)


def test_parameters_that_are_closed_over(backend: str) -> None:
    weight, other = um.nn.Parameter(3.0), um.nn.Parameter(5.0)
    times = um.checkpoint(lambda x: x * x * weight * other)
    by_x, by_weight = um.grad(lambda x, w: times(x), (0, 1))(2.0, weight)
    assert (by_x.item(), by_weight.item()) == (60, 20)
    times(um.tensor(2.0)).backward()
    assert (weight.grad.item(), other.grad.item()) == (20, 12)


def test_a_graph_shows_what_is_computed(backend: str) -> None:
    x = um.tensor(1.0)
    plain, again = um.graph(f)(x), um.graph(um.checkpoint(f))(x)
    assert [one.operation for one in again.nodes] == [
        one.operation for one in plain.nodes
    ]


def test_what_is_no_function(backend: str) -> None:
    with pytest.raises(TypeError, match="a function is differentiated, not int"):
        um.checkpoint(3)  # type: ignore[arg-type]


# --- memory ---------------------------------------------------------------------------

SIZE = 2_000_000
STEPS = 12


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def deep(x: um.Tensor) -> um.Tensor:
    for _ in range(STEPS):
        x = um.sin(um.exp(x))
    return x


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_what_is_kept_for_the_way_back(backend: str) -> None:
    um.vjp(deep, um.zeros(1))
    x = um.zeros(SIZE)
    kept = []
    # The smaller first: what has been freed may stay with the process.
    for function in (um.checkpoint(deep), deep):
        before = resident()
        value, pull = um.vjp(function, x)
        kept.append((resident() - before) / (4 * SIZE))
        del value, pull
    # In arrays of the size of x: what is copied and in flight, or one for each step.
    assert kept[0] < STEPS / 2
    assert kept[1] > STEPS * 3 / 4


# --- what a function closes over ------------------------------------------------------


def by_variable(w: um.Tensor) -> Function:
    return lambda x: um.sin(x) * w


def by_list(w: um.Tensor) -> Function:
    parts = {"weights": [w, (w * 2.0, None)]}
    return lambda x: um.sin(x) * parts["weights"][0] + parts["weights"][1][0]


def by_another_function(w: um.Tensor) -> Function:
    def inner(x: um.Tensor, times: int) -> um.Tensor:
        return um.sin(x) * w if not times else inner(x * w, times - 1)

    return lambda x: inner(x, 2)


@pytest.mark.parametrize("made", [by_variable, by_list, by_another_function])
@pytest.mark.parametrize("mode", ["eager", "program"])
def test_gradients_reach_what_a_function_closes_over(
    backend: str, made: Any, mode: str
) -> None:
    x = um.tensor([0.5, -1.0, 2.0])

    def loss(w: um.Tensor, wrap: Any) -> um.Tensor:
        return um.sum(wrap(made(w))(x) ** 2)

    def plainly(function: Function) -> Function:
        return function

    w = um.tensor([1.5, 0.25, -1.0])
    outer = um.jit if mode == "program" else plainly
    for transformation in (um.grad, um.hessian):
        found = outer(transformation(lambda w: loss(w, um.checkpoint)))(w)
        expected = transformation(lambda w: loss(w, plainly))(w)
        assert_close(found, expected, family="network", scale=np.max, length=8)


def test_backward_and_tapes_reach_it_too(backend: str) -> None:
    x = um.tensor([0.5, -1.0, 2.0])
    w = um.tensor([1.5, 0.25, -1.0], requires_grad=True)
    um.sum(um.checkpoint(by_variable(w))(x)).backward()
    assert_close(w.grad, um.sin(x), length=2)
    v = w.detach()
    with um.GradientTape() as tape:
        tape.watch(v)
        y = um.sum(um.checkpoint(by_variable(v))(x))
    assert_close(tape.gradient(y, v), um.sin(x), length=2)

    def loss(w: um.Tensor) -> um.Tensor:
        return um.sum(um.checkpoint(by_variable(w))(x))

    rows = um.vmap(um.grad(loss))
    assert_close(rows(um.stack([v, v])), um.stack([um.sin(x)] * 2), length=2)


def test_what_is_detached_inside_stays_a_constant(backend: str) -> None:
    x = um.tensor([0.5, -1.0, 2.0])

    def loss(w: um.Tensor) -> um.Tensor:
        return um.sum(um.checkpoint(lambda x: um.sin(x) * w.detach() + w)(x))

    assert_close(um.grad(loss)(x), um.ones(3))


def test_a_variable_without_a_value_is_left_alone(backend: str) -> None:
    def later(x: um.Tensor) -> um.Tensor:
        return helper(x) if x.ndim else x

    scalar = um.grad(um.checkpoint(later))(um.tensor(2.0))
    assert scalar.item() == 1.0

    def helper(x: um.Tensor) -> um.Tensor:
        return x * 2.0

    assert um.checkpoint(later)(um.ones(2)).tolist() == [2, 2]
