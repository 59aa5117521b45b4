"""The comparison of gradients of order 2 sees what first gradients do not show."""

from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing._line import Call, Line

(SIN,) = (case for case in um.testing.conformance_cases() if case.name == "sin")
POINTS = [np.asarray([0.7, -1.3], dtype) for dtype in ("float32", "float64")]


def changed(function: Any) -> Line:
    # A failing example that is not drawn cannot be shrunk, which would take long.
    smooth = st.sampled_from([Call(x) for x in POINTS])
    return dataclasses.replace(SIN, function=function, smooth=smooth)


def test_a_derivative_that_is_not_recorded_is_seen() -> None:
    def sin(x: um.Tensor) -> um.Tensor:
        # Its first gradient is right, its second one is zero.
        return um.sin(um.stop_gradient(x)) + um.stop_gradient(um.cos(x)) * (
            x - um.stop_gradient(x)
        )

    line = changed(sin)
    line.check_gradients(max_examples=4)
    with pytest.raises(AssertionError, match="order 2, by argument 0, of"):
        line.check_second_gradients(max_examples=4)


def test_a_relative_fault_of_1e_4_on_one_backend_is_seen() -> None:
    def sin(x: um.Tensor) -> um.Tensor:
        if um.get_backend() == "torch":
            return um.sin(x)
        square = (x - um.stop_gradient(x)) ** 2
        return um.sin(x) + 0.5e-4 * square * um.stop_gradient(um.sin(x))

    with pytest.raises(AssertionError, match="order 2, by argument 0, of"):
        changed(sin).check_second_gradients(max_examples=4)


def test_a_reason_leaves_a_line_out() -> None:
    def none(x: um.Tensor) -> um.Tensor:
        raise RuntimeError("called")

    line = dataclasses.replace(SIN, function=none, no_second="none")
    line.check_second_gradients(max_examples=1)


def test_second_derivatives_that_are_zero_are_numbers(backend: str) -> None:
    def slope(x: um.Tensor) -> um.Tensor:
        return um.sum(um.grad(lambda x: um.sum(um.abs(x)))(x))

    for dtype in ("float32", "bfloat16"):
        # PyTorch's derivative of a sign is a tensor without memory.
        x = um.asarray([0.5, -2.0], dtype=dtype)
        assert um.grad(slope)(x).numpy().tolist() == [0, 0]
