"""`um.where` of many elements, which PyTorch's backend chooses by their bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

SHAPES = {
    "alike": ((100, 128), (100, 128), (100, 128)),
    "numbers": ((100, 128), (), ()),
    "a number last": ((100, 128), (100, 128), ()),
    "a row and a column": ((100, 128), (128,), (100, 1)),
    "a condition that is spread": ((128,), (100, 128), (100, 1)),
    "few": ((10, 12), (10, 12), (10, 12)),
}


def drawn(name: str, dtype: str) -> tuple[Any, ...]:
    random = np.random.default_rng(12)
    first, second, third = SHAPES[name]
    numbers = [random.standard_normal(shape).astype(dtype) for shape in (second, third)]
    for one in numbers:
        if one.ndim == 2:
            one.flat[:5] = (np.nan, np.inf, -np.inf, -0.0, 1e-45)
    return random.random(first) < 0.5, *numbers


def summed(x: Any, shape: tuple[int, ...]) -> Any:
    """Return what a gradient of an operand that was spread to the shape of x is."""
    wide = (1,) * (x.ndim - len(shape)) + shape
    axes = tuple(n for n, size in enumerate(wide) if size != x.shape[n])
    return x.astype("float64").sum(axes, keepdims=True).reshape(shape)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["eager", "program"])
def test_choices_are_exact(backend: str, name: str, dtype: str, mode: str) -> None:
    condition, x, y = drawn(name, dtype)
    expected = np.where(condition, x, y)
    random = np.random.default_rng(13)
    cotangent = random.standard_normal(expected.shape).astype(dtype)

    def chosen(condition: um.Tensor, x: um.Tensor, y: um.Tensor, g: um.Tensor) -> Any:
        value, pullback = um.vjp(lambda x, y: um.where(condition, x, y), x, y)
        return value, *pullback(g)

    given = [um.asarray(one) for one in (condition, x, y, cotangent)]
    value, *gradients = (um.jit(chosen) if mode == "program" else chosen)(*given)
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(np.signbit(value.numpy()), np.signbit(expected))
    parts = np.where(condition, cotangent, 0), np.where(condition, 0, cotangent)
    for gradient, part in zip(gradients, parts, strict=True):
        assert_close(
            gradient,
            summed(part, gradient.shape),
            family="accumulation",
            scale=summed(np.abs(part), gradient.shape),
            length=part.size,
            pair=False,
            dtype=dtype,
        )


def test_its_gradients_have_gradients(backend: str) -> None:
    condition, x, _ = drawn("alike", "float32")
    x = um.asarray(np.nan_to_num(x, posinf=2.0, neginf=-2.0))
    keep = um.asarray(condition)

    def loss(x: um.Tensor) -> um.Tensor:
        return um.sum(um.where(keep, x * x, x) ** 2)

    product = um.grad(lambda x: um.sum(um.grad(loss)(x)))(x)
    # A sum of terms of one sign, each of four products.
    expected = np.where(condition, 12 * x.numpy() ** 2, np.float32(2))
    assert_close(product, expected, length=12)
