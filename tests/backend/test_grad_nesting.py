"""Gradients of gradients, and of functions that close over tensors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

FLOATS = [um.float16, um.bfloat16, um.float32, um.float64]


class Line(NamedTuple):
    slope: Any
    offset: Any


# --- closures and constants -----------------------------------------------------------


def test_a_tensor_that_is_closed_over_is_a_constant(backend: str) -> None:
    x = um.tensor(3.0)
    assert um.grad(lambda y: x * y)(x).item() == 3
    leaf = um.tensor(3.0, requires_grad=True)
    assert um.grad(lambda y: leaf * y)(leaf).item() == 3
    assert um.grad(um.grad(lambda y: leaf * y * y))(leaf).item() == 6
    assert leaf.grad is None


def test_arguments_that_are_not_used_have_zero_gradients(backend: str) -> None:
    used, unused = um.grad(lambda a, b: a * 2, (0, 1))(
        um.tensor(1.0), um.tensor([[1.0, 2.0]], dtype=um.float64)
    )
    assert used.item() == 2
    assert unused.tolist() == [[0, 0]]
    assert unused.dtype is um.float64


def test_a_value_computed_from_constants_has_zero_gradients(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    value, gradient = um.value_and_grad(lambda _: um.sum(x))(x)
    assert value.item() == 3
    assert gradient.tolist() == [0, 0]
    assert um.grad(lambda _: um.tensor(7.0))(x).tolist() == [0, 0]


def test_the_identity_has_the_gradient_one(backend: str) -> None:
    value, gradient = um.value_and_grad(lambda x: x)(um.tensor(7.0))
    assert (value.item(), gradient.item()) == (7, 1)


# --- nesting --------------------------------------------------------------------------


def test_derivatives_of_all_orders(backend: str) -> None:
    def fourth_power(x: um.Tensor) -> um.Tensor:
        return x * x * x * x

    derivative: Callable[..., um.Tensor] = fourth_power
    for expected in (81, 4 * 27, 12 * 9, 24 * 3, 24, 0):
        assert derivative(um.tensor(3.0)).item() == expected
        derivative = um.grad(derivative)


def test_third_order_of_a_transcendental_function(backend: str) -> None:
    x = np.array([0.25, -1.5])

    def total(f: Callable[..., um.Tensor]) -> Callable[..., um.Tensor]:
        return lambda x: um.sum(f(x))

    first = um.grad(total(lambda x: um.sin(x) * um.exp(x)))
    third = um.grad(total(um.grad(total(first))))(um.tensor(x))
    expected = 2 * np.exp(x) * (np.cos(x) - np.sin(x))
    assert_close(third, expected, scale=lambda g: g + 8 * np.exp(x), pair=False)


def test_an_inner_gradient_sees_the_outer_variable(backend: str) -> None:
    def outer(x: um.Tensor) -> um.Tensor:
        # d/dy (x·y²) at y = x is 2x²
        return um.grad(lambda y: x * y * y)(x)

    assert um.grad(outer)(um.tensor(3.0)).item() == 12


def test_an_inner_gradient_by_another_variable(backend: str) -> None:
    def mixed(x: um.Tensor, y: um.Tensor) -> um.Tensor:
        return um.grad(lambda x: x * x * y * y)(x)

    by_x, by_y = um.grad(mixed, (0, 1))(um.tensor(3.0), um.tensor(5.0))
    assert (by_x.item(), by_y.item()) == (50, 60)


def test_extra_results_of_an_inner_gradient_are_differentiated(backend: str) -> None:
    def outer(x: um.Tensor) -> um.Tensor:
        (value, extra), slope = um.value_and_grad(
            lambda y: (y * y, y * y * y), has_aux=True
        )(x)
        return value + extra + slope

    assert um.grad(outer)(um.tensor(2.0)).item() == 4 + 12 + 2


def test_a_gradient_inside_of_a_tape(backend: str) -> None:
    x = um.tensor(3.0)
    with um.GradientTape() as tape:
        tape.watch(x)
        slope = um.grad(lambda y: y * y * y)(x)
    assert slope.item() == 27
    assert tape.gradient(slope, x).item() == 18


def test_a_tape_inside_of_a_gradient(backend: str) -> None:
    def slope(x: um.Tensor) -> um.Tensor:
        with um.GradientTape() as tape:
            tape.watch(x)
            y = x * x * x
        return tape.gradient(y, x)

    assert um.grad(slope)(um.tensor(3.0)).item() == 18
    assert um.grad(um.grad(slope))(um.tensor(3.0)).item() == 6


def test_a_gradient_penalty_on_a_model(backend: str, model: Any) -> None:

    def penalty(model: Any, x: um.Tensor) -> um.Tensor:
        slope = um.grad(lambda x: um.sum(model(x) ** 2))(x)
        return um.sum(slope * slope)

    gradient = um.grad(penalty)(model, um.tensor([1.0, -1.0]))
    # slope = 2(wx + b)w; d/dw (slope²) = 2·slope·2(2wx + b), d/db = 2·slope·2w
    w, x, b = np.array([2.0, 3.0]), np.array([1.0, -1.0]), 1.0
    slope = 2 * (w * x + b) * w
    assert gradient["weight"].tolist() == list(4 * slope * (2 * w * x + b))
    assert gradient["bias"].item() == np.sum(4 * slope * w)


def test_after_an_exception_nothing_is_recorded_any_more(backend: str) -> None:
    leaf = um.tensor(3.0, requires_grad=True)

    def fail(x: um.Tensor) -> um.Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        um.grad(lambda x: um.grad(fail)(x))(leaf)
    y = leaf * leaf
    y.backward()
    assert leaf.grad.item() == 6
    assert um.grad(lambda x: x * x)(leaf).item() == 6


def test_threads_differentiate_one_model_at_once(backend: str, model: Any) -> None:
    gradient = um.value_and_grad(lambda model, x: um.sum(model(x) ** 2))
    failures: list[Any] = []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        with um.use_backend(backend):
            x = um.tensor([float(number), 1.0])
        start.wait()
        for _ in range(30):
            value, found = gradient(model, x)
            expected = (2 * number + 1) ** 2 + 16
            slope = [2 * (2 * number + 1) * number, 8]
            if value.item() != expected or found["weight"].tolist() != slope:
                failures.append((number, value.item(), found["weight"].tolist()))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert model.weight.tolist() == [2, 3]
