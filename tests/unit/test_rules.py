"""The rules in plain Python: broadcasting, axes, shapes, indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.exceptions import AxisError

from unifiedml._rules.axes import normalize_axes, normalize_axis
from unifiedml._rules.indexing import place_of, plain_slice
from unifiedml._rules.shapes import (
    as_shape,
    broadcast_shapes,
    matmul_shape,
    reshape_shape,
)
from unifiedml.testing import shapes

Shape = tuple[int, ...]


@given(st.lists(shapes(max_side=3), max_size=4))
@example([(1, 0), (3, 1)])
def test_broadcasting_is_numpys(given: list[Shape]) -> None:
    try:
        expected = np.broadcast_shapes(*given)
    except ValueError:
        with pytest.raises(ValueError, match="cannot broadcast shapes .* differ and"):
            broadcast_shapes(*given)
    else:
        assert broadcast_shapes(*given) == expected


@given(shapes(max_dims=3, max_side=3), shapes(max_dims=3, max_side=3))
def test_matmul_shapes_are_numpys(first: Shape, second: Shape) -> None:
    try:
        expected = (np.zeros(first) @ np.zeros(second)).shape
    except ValueError:
        with pytest.raises(ValueError, match="cannot"):
            matmul_shape(first, second)
    else:
        assert matmul_shape(first, second) == expected


@given(shapes(max_side=4), st.lists(st.integers(-2, 6), max_size=4))
@example((0, 3), [3, -1])
@example((0,), [0, -1])
@example((2, 6), [-1, 3])
def test_reshaping_is_numpys(shape: Shape, target: list[int]) -> None:
    try:
        expected = np.zeros(shape).reshape(target).shape
    except ValueError:
        with pytest.raises(ValueError, match="cannot reshape"):
            reshape_shape(shape, target)
    else:
        # NumPy takes any negative number for the size that is left.
        if min(target, default=0) >= -1:
            assert reshape_shape(shape, target) == expected


@given(st.integers(0, 6), st.data())
def test_slices_keep_their_elements(size: int, data: st.DataObject) -> None:
    bound = st.none() | st.integers(-9, 9)
    steps = st.none() | st.integers(-7, 7).filter(bool)
    entry = data.draw(st.builds(slice, bound, bound, steps))
    plain, count = plain_slice(entry, size)
    numbers = list(range(size))
    assert numbers[plain] == numbers[entry]
    assert count == len(numbers[entry])
    assert 0 <= plain.start <= max(size - 1, 0)
    assert plain.stop is None or 0 <= plain.stop <= size
    assert (plain.stop is None) <= (plain.step < 0)


@pytest.mark.parametrize("entry", [slice(0, 2, 0), slice(1.5), slice(None, "a")])
def test_malformed_slices_are_refused(entry: slice) -> None:
    with pytest.raises((TypeError, ValueError)):
        plain_slice(entry, 3)


def test_integer_indices() -> None:
    assert [place_of(index, 0, 3) for index in range(-3, 3)] == [0, 1, 2, 0, 1, 2]
    for index in (3, -4):
        with pytest.raises(
            IndexError, match=f"index {index} is out of bounds for axis"
        ):
            place_of(index, 1, 3)


def test_axes() -> None:
    assert normalize_axes(None, 3) == (0, 1, 2)
    assert normalize_axes((), 3) == ()
    assert normalize_axes(-1, 3) == (2,)
    assert normalize_axes([2, -3], 3) == (0, 2)
    with pytest.raises(ValueError, match="names a dimension twice"):
        normalize_axes((0, -3), 3)
    with pytest.raises(AxisError, match="axis 3 is out of range .* 3 dimensions"):
        normalize_axis(3, 3)
    with pytest.raises(IndexError, match="0 dimensions$"):
        normalize_axis(0, 0)
    with pytest.raises(TypeError, match="axis must be an integer, not 1.0"):
        normalize_axis(1.0, 3)


@pytest.mark.parametrize(
    ("given", "shape"), [(3, (3,)), ((), ()), ([2, np.int8(0)], (2, 0))]
)
def test_shapes(given: Any, shape: Shape) -> None:
    assert as_shape(given) == shape


@pytest.mark.parametrize(
    ("given", "error"),
    [(-1, ValueError), ((2, -1), ValueError), (1.0, TypeError), ("ab", TypeError),
     (None, TypeError)],
)  # fmt: skip
def test_malformed_shapes_are_refused(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="a shape"):
        as_shape(given)
