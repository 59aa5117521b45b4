"""Programs that nobody has thought of: random graphs of operations, on every backend.

Each graph is a list of operations on what came before. Its value, its gradients and a
product with its Hessian are the same on all backends, in eager code, as a program, and
with control flow inside. Operations that would tear neighbouring numbers apart (a
rounding, the larger of two) have no place here: they have lines of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import unifiedml as um
from unifiedml.testing import assert_close
from unifiedml.testing._gradients import random_cotangent

Operation = tuple[str, int, int]

# All of them keep numbers of magnitude 2 below 4, and stretch differences by at most 3.
UNARY: dict[str, Callable[[um.Tensor], um.Tensor]] = {
    "sin": um.sin,
    "tanh": um.tanh,
    "sigmoid": um.sigmoid,
    "softplus of minus": lambda x: um.softplus(-x),
    "root": lambda x: um.sqrt(1.0 + x * x),
    "softmax": lambda x: um.softmax(x, axis=-1) if x.ndim else um.sin(x),
    "mean": lambda x: um.mean(x, axis=0) if x.ndim else x * 0.5,
    "norm": lambda x: um.tanh(um.sum(x * x)) + x * 0.5,
    "turned": lambda x: um.flip(
        um.reshape(um.permute_dims(x, range(x.ndim)[::-1]), x.shape)
    ),
    "first": lambda x: x[0] if x.ndim else x,
    "running": lambda x: um.cumulative_sum(x, axis=0) * 0.5 if x.ndim == 1 else x,
    "scan": lambda x: (
        um.scan(lambda c, a: (um.sin(c + a), c * a), x[0], x)[1] if x.ndim else x
    ),
    "cond": lambda x: um.cond(um.sum(x * x) > 0.3, um.sin, lambda x: x * 0.5, x),
    "while": lambda x: um.while_loop(
        lambda y: um.sum(y * y) > 0.3, lambda y: y * 0.5, x, max_steps=4
    ),
}
BINARY: dict[str, Callable[[um.Tensor, um.Tensor], um.Tensor]] = {
    "add": lambda x, y: (x + y) * 0.5,
    "subtract": lambda x, y: (x - y) * 0.5,
    "multiply": lambda x, y: x * um.tanh(y),
    "divide": lambda x, y: x / (1.0 + y * y),
    "matmul": lambda x, y: (
        um.tanh(x @ um.matrix_transpose(y))
        if x.ndim == y.ndim == 2
        else x + um.sum(um.sin(y)) * 0.1
    ),
    "hypot": lambda x, y: um.sqrt(x * x + y * y + 0.5) * 0.5,
    "logaddexp": lambda x, y: um.logaddexp(x, y) * 0.5,
}


@st.composite
def graphs(draw: st.DrawFn) -> list[Operation]:
    count = draw(st.integers(10, 40))
    names = st.sampled_from([*UNARY, *BINARY])
    # Counted from the last one: most of what is made is used, some of it twice.
    places = st.integers(1, 6)
    return [(draw(names), draw(places), draw(places)) for _ in range(count)]


def run(graph: list[Operation], x: um.Tensor, y: um.Tensor) -> um.Tensor:
    """Return what the graph makes of two tensors: one number, random weights in it."""
    made = [x, y]
    for name, first, second in graph:
        one = made[-min(first, len(made))]
        if name in UNARY:
            made.append(UNARY[name](one))
            continue
        other = made[-min(second, len(made))]
        fits = one.ndim == 2 == other.ndim and one.shape != other.shape
        other = um.mean(other) if fits else other
        made.append(BINARY[name](one, other))
    return made[-1]


def derivatives(graph: list[Operation]) -> Callable[..., list[um.Tensor]]:
    """Return the function of value, gradients and a product with the Hessian."""

    def weighed(x: um.Tensor, y: um.Tensor) -> um.Tensor:
        found = run(graph, x, y)
        return um.sum(um.asarray(random_cotangent(found.shape, seed=1)) * found)

    def slope(x: um.Tensor, y: um.Tensor) -> um.Tensor:
        gradients = um.grad(weighed, (0, 1))(x, y)
        weights = [um.asarray(random_cotangent(g.shape, seed=2)) for g in gradients]
        return um.sum(weights[0] * gradients[0]) + um.sum(weights[1] * gradients[1])

    def both(x: um.Tensor, y: um.Tensor) -> list[um.Tensor]:
        value = run(graph, x, y)
        return [value, *um.grad(weighed, (0, 1))(x, y), *um.grad(slope, (0, 1))(x, y)]

    return both


def arrays(seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    return random.uniform(-2, 2, (3, 3)), random.uniform(-2, 2, (3,))


def check(graph: list[Operation], seed: int) -> None:
    x, y = arrays(seed)
    found: dict[str, list[Any]] = {}
    for backend in um.available_backends():
        with um.use_backend(backend):
            function = derivatives(graph)
            for mode, made in (("eager", function), ("program", um.jit(function))):
                results = made(um.asarray(x), um.asarray(y))
                found[f"{backend}, {mode}"] = [one.numpy() for one in results]
    first, *others = found
    for other in others:
        for wanted, one in zip(found[first], found[other], strict=True):
            scale = float(np.max(np.abs(wanted), initial=1.0))
            # Each operation has a handful of others in its second derivative.
            assert_close(
                one,
                wanted,
                family="network",
                scale=scale,
                length=8 * len(graph),
                pair=True,
            )


@given(graphs(), st.integers(0, 2**32))
@settings(max_examples=6, deadline=None)
def test_random_graphs_agree(graph: list[Operation], seed: int) -> None:
    check(graph, seed)


@pytest.mark.slow
@given(graphs(), st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_many_random_graphs_agree(graph: list[Operation], seed: int) -> None:
    check(graph, seed)


@pytest.mark.parametrize("name", UNARY)
def test_a_wrong_operation_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = UNARY[name]

    def wrong(x: um.Tensor) -> um.Tensor:
        found = right(x)
        return found * (1 + 1e-9) if um.get_backend() == "torch" else found

    monkeypatch.setitem(UNARY, name, wrong)
    with pytest.raises(AssertionError):
        check([(name, 2, 2), ("sin", 1, 1)], seed=3)
