"""Programs for arguments of many shapes: `um.jit(..., dynamic=True)`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

SIZES = [6, 4, 5, 4, 3, 6, 4]


def close(actual: Any, expected: Any) -> None:
    assert_close(
        actual,
        expected,
        family="accumulation",
        scale=lambda size: np.maximum(1, size),
        length=len(SIZES) * 64,
    )


def made() -> tuple[um.Sequential, um.optim.Optimizer]:
    um.random.seed(0)
    model = um.Sequential(
        um.Dense(5, "tanh", input_size=3), um.nn.BatchNorm(), um.Dropout(0.3)
    )
    model(um.ones((2, 3)))
    return model, um.Adam(model.parameters(), learning_rate=0.1)


def step(model: um.Module, optimizer: um.optim.Optimizer, y: Any, x: Any) -> um.Tensor:
    def loss(model: um.Module) -> um.Tensor:
        logits = model(x)
        return um.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)

    value, gradients = um.value_and_grad(loss)(model)
    optimizer.step(gradients)
    return value


def batch(size: int) -> tuple[um.Tensor, um.Tensor]:
    y = np.arange(size) % 5
    x = np.sin(np.arange(size * 3, dtype="float32")).reshape(size, 3)
    return um.asarray(y), um.asarray(x)


def test_sizes_of_all_kinds_train_as_they_do_without(backend: str) -> None:
    runs = []
    for f in (step, um.jit(step), um.jit(step, dynamic=True)):
        model, optimizer = made()
        losses = [float(f(model, optimizer, *batch(size))) for size in SIZES]
        runs.append((np.asarray(losses, "float32"), model.state_dict()))
        assert optimizer.iterations == len(SIZES)
        assert [kept.steps for kept in optimizer._kept if kept] == [len(SIZES)] * 4
    for losses, state in runs[1:]:
        close(losses, runs[0][0])
        for name, value in runs[0][1].items():
            close(state[name], value)


def test_what_differs_for_each_size_is_traced_when_it_has_come_often(
    backend: str,
) -> None:
    traced = []

    @um.jit(dynamic=True)
    def f(x: um.Tensor) -> um.Tensor:
        traced.append(len(x))
        return x * 2.0

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in range(3, 103):
            assert f(um.ones(size)).tolist() == [2.0] * size
        assert f.traces == 6
        assert traced == list(range(3, 103))
        for number in range(10):
            f(um.ones(50))
            assert f.traces == (6 if number < 7 else 7)
    assert len(traced) == 100 + 8


def test_results_have_no_history_and_arguments_stay(backend: str) -> None:
    weight = um.nn.Parameter(um.ones(3))

    @um.jit(dynamic=True)
    def f(x: um.Tensor) -> tuple[um.Tensor, um.Tensor]:
        x += 1.0
        return x * weight[: x.shape[0]], weight

    f(um.ones(3))
    f._families.is_hopeful = lambda kind: False  # type: ignore[method-assign]
    x = um.ones(2)
    found, same = f(x)
    assert found.tolist() == [2.0, 2.0]
    assert x.tolist() == [1.0, 1.0]
    assert not found.requires_grad
    assert not same.requires_grad
    assert type(same) is um.Tensor


def test_a_step_that_raises_changes_nothing(backend: str) -> None:
    def twice(model: um.Module, optimizer: Any, y: Any, x: um.Tensor) -> None:
        step(model, optimizer, y, x)
        step(model, optimizer, y, x)
        if len(x) == 4:
            raise ArithmeticError

    model, optimizer = made()
    f = um.jit(twice, dynamic=True)
    f(model, optimizer, *batch(6))
    f._families.is_hopeful = lambda kind: False  # type: ignore[method-assign]
    before = model.state_dict(), optimizer.state_dict()
    y, x = batch(4)
    with pytest.raises(ArithmeticError):
        f(model, optimizer, y, x)
    with pytest.raises(IndexError, match="label 5 is out of range"):
        f(model, optimizer, y + 2, x)
    np.testing.assert_equal((model.state_dict(), optimizer.state_dict()), before)
    f(model, optimizer, *batch(5))
    assert optimizer.iterations == 4

    other, same = made()
    for size in (6, 5):
        twice(other, same, *batch(size))
    for name, value in other.state_dict().items():
        close(model.state_dict()[name], value)


def test_the_program_of_a_rare_size_can_be_read(backend: str) -> None:
    f = um.jit(um.matmul, dynamic=True)
    f(um.ones((2, 3)), um.ones((3, 2)))
    assert f.lower(um.ones((4, 3)), um.ones((3, 4))).text()
    assert f.traces == 2
