"""Shapes, order, joining and choosing: against NumPy, gradients included."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import unifiedml as um
from unifiedml._dtypes import DTYPES
from unifiedml.testing import (
    assert_close,
    axes,
    broadcastable_shapes,
    random_cotangent,
    shapes,
)

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
ranks = shapes(max_dims=6, max_side=3)


def numbered(shape: Shape, dtype: Any = "float32", start: int = 0) -> Array:
    """Return an array whose elements all differ."""
    return np.arange(start, start + math.prod(shape), dtype=dtype).reshape(shape)


def check(
    ours: Callable[[um.Tensor], um.Tensor],
    numpys: Callable[[Array], Array],
    shape: Shape,
    dtype: str = "float64",
) -> None:
    """Assert that values agree, and gradients of what only moves elements."""
    x = numbered(shape, dtype)
    expected = numpys(x)
    got = ours(um.tensor(x))
    np.testing.assert_array_equal(got.numpy(), expected, strict=True)
    cotangent = random_cotangent(expected.shape)
    places = numpys(numbered(shape, "int64"))
    moved = np.zeros(math.prod(shape))
    np.add.at(moved, places, cotangent)
    gradient = um.grad(lambda x: um.sum(ours(x) * um.tensor(cotangent)))(um.tensor(x))
    most = max(1, places.size)
    assert_close(
        gradient,
        moved.reshape(shape),
        family="accumulation",
        length=most,
        scale=4 * most,
    )


def divided(draw: st.DrawFn, count: int) -> Shape:
    """Draw a shape of ``count`` elements."""
    sizes = []
    while count > 1:
        size = draw(st.sampled_from([n for n in range(1, count + 1) if count % n == 0]))
        sizes.append(size)
        count //= size
        if len(sizes) == 5:
            break
    return (*sizes, *([count] if count != 1 else []))


# --- one tensor -----------------------------------------------------------------------


@given(ranks, st.data())
@example((0, 2), None)
def test_reshape(backend: str, shape: Shape, data: st.DataObject | None) -> None:
    count = math.prod(shape)
    target = (0,) if count == 0 else (count,)
    if data is not None and count:
        target = data.draw(st.composite(divided)(count))
    check(lambda x: um.reshape(x, target), lambda x: x.reshape(target), shape)
    if count:
        left = (*target, -1)
        check(lambda x: um.reshape(x, left), lambda x: x.reshape(left), shape)


@given(ranks.flatmap(lambda s: st.tuples(st.just(s), st.permutations(range(len(s))))))
def test_permute_dims(backend: str, case: tuple[Shape, list[int]]) -> None:
    shape, order = case
    mixed = [axis - len(shape) if axis % 2 else axis for axis in order]
    check(lambda x: um.permute_dims(x, mixed), lambda x: x.transpose(order), shape)


@given(shapes(min_dims=2, max_dims=5, max_side=3))
def test_matrix_transpose(backend: str, shape: Shape) -> None:
    check(um.matrix_transpose, np.matrix_transpose, shape)
    check(lambda x: x.mT, lambda x: x.mT, shape)


@given(ranks.flatmap(lambda s: st.tuples(st.just(s), axes(len(s)))))
@example(((2, 3), ()))
@example(((), None))
def test_flip(backend: str, case: tuple[Shape, Any]) -> None:
    shape, axis = case
    check(lambda x: um.flip(x, axis=axis), lambda x: np.flip(x, axis), shape)


@pytest.mark.parametrize("dtype", tuple(DTYPES))
def test_moving_elements_of_every_data_type(backend: str, dtype: str) -> None:
    x = np.arange(6).reshape(2, 3).astype(DTYPES[dtype].numpy)
    tensor = um.asarray(x)
    for got, expected in (
        (um.flip(tensor), np.flip(x)),
        (um.permute_dims(tensor, (1, 0)), x.T),
        (um.reshape(tensor, (3, 2)), x.reshape(3, 2)),
        (um.broadcast_to(tensor[:, :1], (2, 3)), np.broadcast_to(x[:, :1], (2, 3))),
        (um.concat([tensor, tensor]), np.concatenate([x, x])),
        (um.stack([tensor, tensor], axis=1), np.stack([x, x], 1)),
        (um.expand_dims(tensor, axis=0), x[None]),
        (
            um.where(tensor == tensor[0], tensor, tensor[1]),
            np.where(x == x[0], x, x[1]),
        ),
    ):
        assert got.numpy().dtype == x.dtype
        assert got.numpy().tobytes() == np.ascontiguousarray(expected).tobytes()


@given(shapes(max_dims=5, max_side=3), st.data())
def test_expand_dims(backend: str, shape: Shape, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    check(
        lambda x: um.expand_dims(x, axis=axis), lambda x: np.expand_dims(x, axis), shape
    )


@given(shapes(max_dims=5, max_side=2), st.data())
def test_squeeze(backend: str, shape: Shape, data: st.DataObject) -> None:
    single = [axis for axis, size in enumerate(shape) if size == 1]
    axis = data.draw(st.sets(st.sampled_from(single)) if single else st.just(set()))
    mixed = tuple(one - len(shape) if one % 2 else one for one in axis)
    check(lambda x: um.squeeze(x, axis=mixed), lambda x: np.squeeze(x, mixed), shape)


@given(broadcastable_shapes(2, max_dims=6, max_side=3))
def test_broadcasting(backend: str, case: Any) -> None:
    first, second = case.input_shapes
    result = case.result_shape
    check(
        lambda x: um.broadcast_to(x, result),
        lambda x: np.broadcast_to(x, result),
        first,
    )
    x, y = numbered(first), numbered(second, start=5)
    both = um.broadcast_arrays(um.tensor(x), um.tensor(y, dtype="int8"))
    assert isinstance(both, tuple)
    assert [one.dtype.name for one in both] == ["float32", "int8"]
    for one, expected in zip(both, np.broadcast_arrays(x, y), strict=True):
        np.testing.assert_array_equal(one.numpy(), expected)


@given(broadcastable_shapes(2, max_dims=8, max_side=2))
@example(None)
def test_operators_broadcast_at_any_rank(backend: str, case: Any) -> None:
    first, second = ((1, 2) * 4, (2, 1) * 4) if case is None else case.input_shapes
    x, y = numbered(first), numbered(second, start=5)
    tensors = um.tensor(x), um.tensor(y)
    for ours, numpys in (
        (um.add, np.add), (um.maximum, np.maximum), (um.less, np.less),
        (um.floor_divide, np.floor_divide),
    ):  # fmt: skip
        got = ours(*tensors).numpy()
        np.testing.assert_array_equal(got, numpys(x, y), strict=True)
    squares = um.pow(tensors[0], um.remainder(tensors[1], 3.0)).numpy()
    assert_close(squares, np.power(x, y % 3), family="power")
    got = um.where(um.tensor(x % 2 == 0), *tensors)
    np.testing.assert_array_equal(got.numpy(), np.where(x % 2 == 0, x, y), strict=True)
    gradient = um.grad(lambda x: um.sum(x * tensors[1]))(tensors[0])
    assert gradient.shape == first
    total = np.sum(np.broadcast_to(y, (x + y).shape), dtype="float64")
    assert_close(
        um.sum(gradient), total, family="accumulation", length=max(1, (x + y).size),
        dtype="float32",
    )  # fmt: skip


# --- several tensors ------------------------------------------------------------------


@given(shapes(min_dims=1, max_dims=5, max_side=3), st.data())
def test_concat(backend: str, shape: Shape, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    arrays = []
    for number, size in enumerate(sizes):
        one = list(shape)
        one[axis] = size
        arrays.append(numbered(tuple(one), start=100 * number))
    expected = np.concatenate(arrays, axis)
    tensors = [um.tensor(one) for one in arrays]
    np.testing.assert_array_equal(um.concat(tensors, axis=axis).numpy(), expected)
    cotangent = random_cotangent(expected.shape, "float32")
    gradients = um.grad(
        lambda xs: um.sum(um.concat(xs, axis=axis) * um.tensor(cotangent))
    )(tensors)
    for got, part in zip(
        gradients, np.split(cotangent, np.cumsum(sizes)[:-1], axis), strict=True
    ):
        np.testing.assert_array_equal(got.numpy(), part)


def test_concat_of_everything(backend: str) -> None:
    joined = um.concat([um.ones((2, 1)), um.tensor(5, dtype="int8")], axis=None)
    assert joined.tolist() == [1, 1, 5]
    assert um.concat([np.ones(1), um.zeros(1, dtype="float64")]).dtype is um.float64


@given(shapes(max_dims=4, max_side=3), st.integers(1, 3), st.data())
def test_stack(backend: str, shape: Shape, count: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    arrays = [numbered(shape, start=100 * number) for number in range(count)]
    tensors = [um.tensor(one) for one in arrays]
    expected = np.stack(arrays, axis)
    np.testing.assert_array_equal(um.stack(tensors, axis=axis).numpy(), expected)
    cotangent = random_cotangent(expected.shape, "float32")
    gradients = um.grad(
        lambda xs: um.sum(um.stack(xs, axis=axis) * um.tensor(cotangent))
    )(tensors)
    for place, got in enumerate(gradients):
        np.testing.assert_array_equal(got.numpy(), np.take(cotangent, place, axis))


# --- choosing -------------------------------------------------------------------------


@given(broadcastable_shapes(3, max_dims=4, max_side=3))
def test_where(backend: str, case: Any) -> None:
    condition = numbered(case.input_shapes[0], "int64") % 2 == 0
    x, y = (numbered(shape, start=k) for k, shape in enumerate(case.input_shapes[1:]))
    got = um.where(um.tensor(condition), um.tensor(x), um.tensor(y))
    np.testing.assert_array_equal(got.numpy(), np.where(condition, x, y), strict=True)


def test_gradients_of_where(backend: str) -> None:
    chosen = um.tensor([True, False, True])
    cotangent = um.tensor([1.0, 10.0, 100.0])
    gradients = um.grad(
        lambda x, y: um.sum(um.where(chosen, x, y) * cotangent), argnums=(0, 1)
    )(um.tensor([1.0, 2.0, 3.0]), um.tensor(5.0))
    assert gradients[0].tolist() == [1, 0, 100]
    assert gradients[1].item() == 10


def test_where_with_scalars(backend: str) -> None:
    chosen = um.tensor([True, False])
    assert um.where(chosen, 1, 2).dtype is um.int64
    assert um.where(chosen, 1, 2.5).tolist() == [1, 2.5]
    assert um.where(chosen, um.ones(2, dtype="int8"), 0).dtype is um.int8
    assert um.where(True, 1, um.ones(2)).tolist() == [1, 1]


@pytest.mark.parametrize(("low", "high"), [(1, 4), (None, 4), (1, None), (4, 1)])
@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8"])
def test_clip(backend: str, low: Any, high: Any, dtype: str) -> None:
    x = numbered((6,), dtype)
    np.testing.assert_array_equal(
        um.clip(um.tensor(x), low, high).numpy(), np.clip(x, low, high), strict=True
    )


def test_clip_by_tensors(backend: str) -> None:
    x = um.tensor([[1.0, 5.0, 9.0]])
    low, high = um.tensor([[2.0], [6.0]]), um.tensor(8.0)
    assert um.clip(x, low, high).tolist() == [[2, 5, 8], [6, 6, 8]]


# --- recorded, too --------------------------------------------------------------------


def test_history_is_kept(backend: str) -> None:
    x = um.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = um.stack([um.flip(x), x.T, x.mT], axis=1)
    y = um.concat([y, um.expand_dims(um.broadcast_to(x[0], (2, 2)), axis=1)], axis=1)
    y = um.squeeze(um.reshape(um.permute_dims(y, (1, 0, 2)), (4, 1, 4)), axis=1)
    weights = np.arange(16.0, dtype="f4").reshape(4, 4)
    um.sum(y * um.tensor(weights)).backward()
    numbers = np.arange(4).reshape(2, 2)
    parts = [
        np.flip(numbers),
        numbers.T,
        numbers.T,
        np.broadcast_to(numbers[0], (2, 2)),
    ]
    expected = np.zeros(4)
    np.add.at(expected, np.stack(parts).reshape(-1), weights.reshape(-1))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy().ravel(), expected)


def test_more_differences_than_elements_are_none_at_once(backend: str) -> None:
    assert um.diff(um.arange(5), n=10**18).shape == (0,)


def test_pads_of_eight_dimensions_at_one_end(backend: str) -> None:
    array = np.arange(4.0).reshape((1, 2, 1, 1, 1, 1, 2, 1))
    for axis in range(8):
        for width in ((1, 0), (0, 1)):
            widths = [width if place == axis else (0, 0) for place in range(8)]
            found = um.pad(um.asarray(array), widths)
            np.testing.assert_array_equal(found, np.pad(array, widths))


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
@pytest.mark.parametrize("keepdims", [True, False])
def test_products_of_nothing_keep_their_shape(
    backend: str, axis: Any, keepdims: bool
) -> None:
    array = np.zeros((0, 3))

    def product(x: um.Tensor) -> um.Tensor:
        return um.prod(x, axis=axis, keepdims=keepdims)

    expected = np.prod(array, axis=axis, keepdims=keepdims)
    y, pullback = um.vjp(product, um.asarray(array))
    np.testing.assert_array_equal(y, expected)
    assert y.shape == expected.shape
    assert pullback(y)[0].shape == (0, 3)
