"""Data cut into batches, without a framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifiedml.train._data import ArrayData, Batch, IterableData, as_arrays, as_data
from unifiedml.train._loading import loaded


@given(
    length=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    epoch=st.none() | st.integers(0, 3),
)
def test_batches_hold_every_example_once_beside_its_target(
    length: int, batch_size: int, epoch: int | None
) -> None:
    x = np.arange(length)
    data = as_data({"a": x, "b": (x * 2)[:, None]}, x * 3, x * 4)
    seen: list[int] = []

    def convert(batch: Batch) -> Batch:
        seen.append(len(batch.y))
        return Batch(batch.x, batch.y * 2, None)

    pairs = list(loaded(data, batch_size, epoch, convert))
    batches = [batch for batch, _ in pairs]
    assert len(batches) == data.count(batch_size)
    # Batches are small here: all that are whole are converted at once.
    whole, rest = divmod(length, batch_size)
    assert seen == [one for one in (whole * batch_size, rest) if one]
    for batch, converted in pairs:
        np.testing.assert_array_equal(converted.y, batch.y * 2)
        assert converted.weight is None
    assert [len(b.y) for b in batches[:-1]] == [batch_size] * (len(batches) - 1)
    order = np.concatenate([b.x["a"] for b in batches])
    assert sorted(order) == list(range(length))
    if epoch is None:
        assert list(order) == list(range(length))
    for b in batches:
        np.testing.assert_array_equal(b.x["b"][:, 0], b.x["a"] * 2)
        np.testing.assert_array_equal(b.y, b.x["a"] * 3)
        np.testing.assert_array_equal(b.weight, b.x["a"] * 4)


@pytest.mark.parametrize(
    ("wide", "batch_size", "counts"),
    [(4, 10, [64, 36]), (2**12, 10, [3] * 33 + [1]), (2**16, 10, [1] * 100)],
)
def test_large_batches_are_drawn_one_by_one(
    wide: int, batch_size: int, counts: list[int]
) -> None:
    data = as_data(np.broadcast_to(np.uint8(0), (1000, wide)))
    assert isinstance(data, ArrayData)
    assert [count for _, count in data.places(batch_size, 0)] == counts


@pytest.mark.parametrize(
    ("length", "fraction", "first"), [(10, 0.2, 8), (10, 0.25, 7), (3, 0.5, 1)]
)
def test_split(length: int, fraction: float, first: int) -> None:
    data = as_data(np.arange(length), np.arange(length))
    assert isinstance(data, ArrayData)
    train, validation = data.split(fraction)
    assert list(train.x) == list(train.y) == list(range(first))
    assert list(validation.x) == list(range(first, length))
    assert (train.length, validation.length) == (first, length - first)


@pytest.mark.parametrize(
    ("value", "shape"),
    [([1, 2], (2,)), ([[1.0], [2.0]], (2, 1)), ((1, 2), (2,)), ([(1, 2)], (1, 2))],
)
def test_nested_numbers_are_an_array(value: Any, shape: tuple[int, ...]) -> None:
    assert as_arrays(value).shape == shape


def test_structures_stay_structures() -> None:
    a = np.ones(2)
    assert as_arrays(a) is a
    assert as_arrays([a, a]) == [a, a]  # by identity
    found = as_arrays({"x": [1, 2], "y": ([1.0], [2.0])})
    assert found["x"].shape == (2,)
    assert isinstance(found["y"], tuple)
    assert as_arrays(None) is None


def test_iterables() -> None:
    x = np.ones((2, 3))
    data = as_data([(x, [1, 2]), [x, [1, 2], [0.5, 1.0]], ([[1.0, 2.0]],)])
    assert isinstance(data, IterableData)
    assert data.count(32) == 3
    first, second, third = data.batches()
    assert first.weight is None
    assert first.y.tolist() == [1, 2]
    assert second.weight.tolist() == [0.5, 1.0]
    assert third.x.shape == (1, 2)
    assert third.y is None
    assert as_data(iter([x])).count(1) is None
