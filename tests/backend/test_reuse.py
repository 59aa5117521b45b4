"""Programs write results where operands are over, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close
from unifiedml.testing._gradients import random_cotangent


def views_of_what_is_over(x: um.Tensor) -> Any:
    y = um.exp(x)
    return um.permute_dims(y, (1, 0)) * 2.0 + y[0]


def a_matrix_and_its_transpose(x: um.Tensor) -> Any:
    y = um.exp(x)
    return y * um.permute_dims(y, (1, 0))


def what_is_returned(x: um.Tensor) -> Any:
    y = x * 3.0
    return y, um.negative(y)


def second_operands(x: um.Tensor) -> Any:
    return x - um.exp(x), x / um.exp(x), x * um.exp(x)


def rows_beside_the_whole(x: um.Tensor) -> Any:
    y = x + 1.0
    return y * y[:, :1] + um.flip(y, axis=0) * y


def given_twice(x: um.Tensor) -> Any:
    y = x * 3.0
    return um.negative(y), y, um.square(y) + y


def what_was_given(x: um.Tensor) -> Any:
    y = um.negative(x)
    return y, um.abs(x), x * 2.0


def parts(x: um.Tensor) -> Any:
    low, high = um.split(um.exp(x), 2, axis=1)
    return um.negative(low) + high, um.concat([high, um.log(low)], axis=1)


def constants(x: um.Tensor) -> Any:
    fixed = um.arange(12.0).reshape((3, 4))
    return um.negative(fixed) * 2.0 + x, um.exp(fixed * 0.1), fixed


def spread(x: um.Tensor) -> Any:
    row = um.sum(x, axis=0)
    return row + x, um.negative(um.broadcast_to(um.exp(row), (3, 4))) * x


def weights(shape: tuple[int, ...]) -> um.Tensor:
    return um.asarray(random_cotangent(shape).astype("float32"))


@pytest.mark.parametrize(
    "function",
    [
        views_of_what_is_over,
        a_matrix_and_its_transpose,
        what_is_returned,
        second_operands,
        rows_beside_the_whole,
        given_twice,
        what_was_given,
        parts,
        constants,
        spread,
    ],
)
@pytest.mark.parametrize("compiler", [False, True])
def test_a_program_writes_only_where_nobody_reads(
    backend: str, function: Any, compiler: bool
) -> None:
    square = function in (views_of_what_is_over, a_matrix_and_its_transpose)
    shape = (4, 4) if square else (3, 4)
    array = np.random.default_rng(3).standard_normal(shape).astype("float32")

    def with_gradient(x: um.Tensor) -> Any:
        def total(x: um.Tensor) -> um.Tensor:
            found = function(x)
            results = found if isinstance(found, tuple) else (found,)
            weighed = (um.sum(one * weights(one.shape)) for one in results)
            return sum(weighed, um.zeros(()))

        return function(x), um.grad(total)(x)

    expected = with_gradient(um.asarray(array))
    program = um.jit(with_gradient, compiler=compiler)
    x = um.asarray(array)
    for _ in range(3):
        found = program(x)
        assert_close(found, expected, family="network", length=16, scale=np.max)
        np.testing.assert_array_equal(x.numpy(), array)


def test_results_take_the_place_of_operands(backend: str) -> None:
    program = um.jit(lambda x: um.exp(um.sin(x) * 2.0 + 1.0))
    x = um.ones((3,))
    text = program.lower(x).text()
    assert program(x).shape == (3,)
    if backend == "torch":
        assert text.count("_(") == 3, text


def test_a_program_takes_memory_in_any_order(backend: str) -> None:
    array = np.random.default_rng(15).standard_normal((6, 4)).astype("float32")

    def f(x: um.Tensor) -> um.Tensor:
        return um.sum(um.exp(um.reshape(um.sin(x) * 2.0, (-1,))) * um.reshape(x, (-1,)))

    whole = um.value_and_grad(f)
    program = um.jit(whole)
    given = [
        um.asarray(array),
        um.from_dlpack(np.asfortranarray(array)),
        um.permute_dims(um.asarray(array.T.copy()), (1, 0)),
        um.from_dlpack(np.broadcast_to(array[:1], (6, 4))),
    ]
    for first in (0, 1):
        for x in (*given[first:], *given):
            expected, found = whole(x), program(x)
            assert_close(found, expected, family="network", scale=np.max, length=24)
        program = um.jit(whole)
        program(given[3])


def test_a_program_takes_parameters_in_any_order(backend: str) -> None:
    layer = um.Dense(4, input_size=6)
    layer(um.ones((1, 6)))
    rows = np.random.default_rng(16).standard_normal((4, 6)).astype("float32")
    program = um.jit(lambda x: um.reshape(x @ um.sin(layer.kernel), (-1,)))
    x = um.asarray(rows)
    for kernel in (
        um.asarray(rows.T.copy()),
        um.permute_dims(um.asarray(rows), (1, 0)),
    ):
        layer.kernel.assign(kernel)
        expected = um.reshape(x @ um.sin(kernel), (-1,))
        assert_close(program(x), expected, family="network", scale=np.max, length=6)
