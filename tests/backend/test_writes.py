"""Functions that write into their arguments: nobody else's tensors change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import unifiedml as um


def floats(values: Any) -> um.Tensor:
    return um.asarray(np.asarray(values, np.float64))


def in_each_way(f: Callable[[um.Tensor], um.Tensor], x: um.Tensor) -> list[Any]:
    """Return results in eager code, as a program, and of each example."""
    rows = floats([f(row).tolist() for row in x])
    return [rows.tolist(), um.vmap(um.jit(f))(x).tolist(), um.vmap(f)(x).tolist()]


def test_steps_of_a_scan(backend: str) -> None:
    def step(carry: um.Tensor, x: um.Tensor) -> tuple[um.Tensor, um.Tensor]:
        carry[0] = carry[0] + x
        return carry, carry

    start, xs = floats([0, 0]), floats([1, 2, 3])
    for run in (um.scan, um.jit(lambda *given: um.scan(step, *given[1:]))):
        last, results = run(step, start, xs)
        assert last.tolist() == [6, 0]
        assert results.tolist() == [[1, 0], [3, 0], [6, 0]]
    assert start.tolist() == [0, 0]


def test_branches(backend: str) -> None:
    def larger(x: um.Tensor) -> um.Tensor:
        x[0] = x[0] + 10.0
        return x

    def chosen(x: um.Tensor) -> um.Tensor:
        return um.cond(x[0] > 0, larger, lambda x: x * 1.0, x)

    x = floats([[1, 1], [-1, -1]])
    for found in in_each_way(chosen, x):
        assert found == [[11, 1], [-1, -1]]
    assert x.tolist() == [[1, 1], [-1, -1]]


def test_steps_of_a_loop(backend: str) -> None:
    def double(x: um.Tensor) -> um.Tensor:
        x[0] = x[0] * 2
        return x

    def looped(x: um.Tensor) -> um.Tensor:
        return um.while_loop(lambda x: x[0] < 10, double, x)

    x = floats([[1, 1], [20, 1]])
    for found in in_each_way(looped, x):
        assert found == [[16, 1], [20, 1]]
    assert x.tolist() == [[1, 1], [20, 1]]


def test_checkpoints(backend: str) -> None:
    def squared(x: um.Tensor) -> um.Tensor:
        x[0] = x[0] * x[0]
        return um.sum(x * x)

    x = floats([2, 3])
    assert um.grad(lambda x: um.checkpoint(squared)(x * 1.0))(x).tolist() == [32, 6]
    um.checkpoint(squared)(x)
    assert x.tolist() == [2, 3]
