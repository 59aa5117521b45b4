"""``x[key]`` and ``x[key] = value`` mean what they mean in NumPy, with gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import unifiedml as um
from unifiedml.testing import random_cotangent, shapes

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
EXAMPLES = settings().max_examples
EVERY_DTYPE = (*INTEGERS, "bool", "float16", "bfloat16", "float32", "float64")


def numbered(shape: Shape, dtype: str = "float32") -> Array:
    """Return an array whose elements all differ."""
    return np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)


# --- keys -----------------------------------------------------------------------------


def slices(size: int) -> st.SearchStrategy[slice]:
    bound = st.none() | st.integers(-size - 2, size + 2)
    steps = st.sampled_from([None, 1, 2, 3, -1, -2, -5])
    return st.builds(slice, bound, bound, steps)


@st.composite
def index_arrays(draw: st.DrawFn, size: int, drawn: Shape) -> Array:
    """Draw integers in range, negative ones too, that broadcast to ``drawn``."""
    shape = drawn
    if size:
        shape = tuple(draw(st.sampled_from([n, 1])) for n in drawn)
        shape = shape[draw(st.integers(0, len(shape))) :]
    dtype = draw(st.sampled_from(INTEGERS))
    low = 0 if dtype[0] == "u" else -size
    count = int(np.prod(shape))
    place = st.integers(low, max(size, 1) - 1)
    places = st.lists(place, min_size=count, max_size=count)
    return np.array(draw(places), dtype).reshape(shape)


@st.composite
def masks(draw: st.DrawFn, shape: Shape) -> Array:
    count = int(np.prod(shape))
    values = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return np.array(values, bool).reshape(shape)


@st.composite
def entries(draw: st.DrawFn, shape: Shape, drawn: Shape | None) -> list[Any]:
    """Draw entries that take all dimensions of ``shape``."""
    key: list[Any] = []
    while shape:
        size = shape[0]
        options: list[st.SearchStrategy[Any]] = [slices(size), st.none()]
        if size:
            options.append(st.integers(-size, size - 1))
        if drawn is not None:
            if size or 0 in drawn:
                options.append(index_arrays(size, drawn))
            options.append(masks(shape[: draw(st.integers(0, 2))]))
        entry = draw(st.one_of(options))
        key.append(entry)
        is_mask = isinstance(entry, np.ndarray) and entry.dtype == bool
        shape = shape[entry.ndim if is_mask else entry is not None :]
    return key


@st.composite
def keys(draw: st.DrawFn, shape: Shape, arrays: bool = True) -> tuple[Any, ...]:
    """Draw a key for a tensor of ``shape``, of NumPy's arrays.

    Masks and arrays may be drawn that do not broadcast: then NumPy raises, too.
    """
    drawn = None
    if arrays:
        drawn = draw(st.sampled_from([(), (2,), (3,), (2, 3), (1, 2), (0,)]))
    first = draw(st.integers(0, len(shape)))
    head = draw(entries(shape[:first], drawn))
    if draw(st.booleans()):
        return tuple(head)
    last = draw(st.integers(first, len(shape)))
    return (*head, ..., *draw(entries(shape[last:], drawn)))


@st.composite
def cases(draw: st.DrawFn, arrays: bool = True) -> tuple[Shape, tuple[Any, ...]]:
    shape = draw(shapes(max_dims=5, max_side=4))
    return shape, draw(keys(shape, arrays))


def flavoured(key: tuple[Any, ...], kind: str) -> Any:
    """Return a key with its arrays as tensors, as lists, or as they are."""

    def convert(entry: Any) -> Any:
        if not isinstance(entry, np.ndarray):
            return entry
        if kind == "list" and entry.ndim and (entry.size or entry.dtype.kind != "b"):
            return entry.tolist()
        return um.asarray(entry) if kind == "tensor" else entry

    result = tuple(convert(entry) for entry in key)
    return result[0] if len(result) == 1 else result


KINDS = st.sampled_from(["tensor", "array", "list"])


def outcome(run: Callable[[], Array]) -> Array | None:
    """Return what NumPy answers, None where it raises IndexError."""
    try:
        return run()
    except IndexError:
        return None


def within_eight(places: Array, key: tuple[Any, ...]) -> bool:
    """Tell whether a key needs eight dimensions at most, one for each 0-d mask."""
    masks = sum(isinstance(one, np.ndarray) and not one.ndim for one in key)
    return places.ndim + masks <= 8


# --- values ---------------------------------------------------------------------------


@given(cases(arrays=False))
@settings(max_examples=2 * EXAMPLES)
@example(((3, 0), (slice(None, None, -1), None, slice(5, None, -2))))
@example(((4,), (slice(-9, None, -1),)))
def test_slices_and_integers(backend: str, case: tuple[Shape, Any]) -> None:
    shape, key = case
    x = numbered(shape)
    np.testing.assert_array_equal(um.tensor(x)[key].numpy(), x[key], strict=True)


@given(cases(), KINDS)
@settings(max_examples=4 * EXAMPLES)
@example(((2, 3, 4), (0, slice(None), np.array([0, 1, 2]))), "array")
@example(((2, 3, 4), (np.array([0, 1]), slice(None), np.array([0, 3]))), "tensor")
@example(((2, 3, 4), (slice(None), np.array([[0], [2]]), np.array([0, 3]))), "list")
@example(((2, 3, 4), (slice(None), np.array([0, 1]), ..., np.array([0, 3]))), "list")
@example(((2, 3), (..., np.array([True, False, True]))), "tensor")
@example(((2, 3), (np.array(True), slice(1, 3))), "tensor")
@example(((), (np.array(False),)), "array")
@example(((0, 3), (np.zeros((0, 3), bool),)), "tensor")
@example(((2, 3), (np.zeros((0, 3), bool),)), "tensor")
@example(((3, 2), (np.array([255 - 253], "uint8"),)), "tensor")
def test_arrays_and_masks(backend: str, case: tuple[Shape, Any], kind: str) -> None:
    shape, key = case
    x = numbered(shape, "int32")
    expected = outcome(lambda: x[key])
    if expected is None:
        with pytest.raises(IndexError):
            um.tensor(x)[flavoured(key, kind)]
    else:
        got = um.tensor(x)[flavoured(key, kind)].numpy()
        np.testing.assert_array_equal(got, expected, strict=True)


@pytest.mark.parametrize("dtype", [*EVERY_DTYPE, "complex64", "complex128"])
def test_every_data_type(backend: str, dtype: str) -> None:
    x = numbered((3, 4), "int64") % 2 if dtype == "bool" else numbered((3, 4), "int64")
    tensor = um.tensor(x).astype(dtype)
    for key in (1, slice(None, None, -2), ([0, 2], [1, 1]), (..., [True, False] * 2)):
        np.testing.assert_array_equal(tensor[key].numpy(), tensor.numpy()[key])
        changed, expected = tensor.astype(dtype), tensor.numpy()
        changed[key] = tensor[key][..., ::-1]
        expected[key] = expected[key][..., ::-1]
        np.testing.assert_array_equal(changed.numpy(), expected)
    assert tensor[0].dtype is um.result_type(dtype)


@given(cases(), KINDS, st.data())
@settings(max_examples=4 * EXAMPLES)
@example(((2, 3, 4), (0, slice(None), np.array([0, 1, 2]))), "array", None)
@example(((2, 3, 4), (slice(None), np.array([0, 2]), None)), "tensor", None)
@example(((2, 3, 4), (slice(None, None, -1), np.array([0, 2]))), "list", None)
@example(((), (np.array(True),)), "tensor", None)
@example(((), (...,)), "tensor", None)
def test_setitem(
    backend: str, case: tuple[Shape, Any], kind: str, data: st.DataObject | None
) -> None:
    shape, key = case
    x = numbered(shape)
    places = outcome(lambda: numbered(shape, "int64")[key])
    tensor = um.tensor(x)
    if places is None:
        with pytest.raises(IndexError):
            tensor[flavoured(key, kind)] = 0.0
        return
    assume(within_eight(places, key))
    # Which of several values for one place wins is not specified.
    repeated = len(set(places.flat)) < places.size
    value_shape = places.shape
    if data is not None:
        value_shape = tuple(data.draw(st.sampled_from([n, 1])) for n in places.shape)
        value_shape = value_shape[data.draw(st.integers(0, len(value_shape))) :]
    value = -1.0 - numbered(() if repeated else value_shape)
    tensor[flavoured(key, kind)] = um.tensor(value)
    x[key] = value
    np.testing.assert_array_equal(tensor.numpy(), x, strict=True)


def test_a_value_may_have_further_dimensions_of_size_one(backend: str) -> None:
    x = um.zeros((2, 3))
    x[0] = um.ones((1, 1, 3))
    assert x.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_iteration(backend: str) -> None:
    x = numbered((3, 2))
    rows = [row.numpy() for row in um.tensor(x)]
    np.testing.assert_array_equal(rows, x)
    assert list(um.zeros((0, 2))) == []


def test_indices_from_zero_dimensional_things(backend: str) -> None:
    x = um.tensor([10, 20, 30])
    for two in (2, np.int8(2), np.array(2), um.tensor(2), um.tensor(2, dtype="uint8")):
        assert x[two].shape == ()
        assert x[two].item() == 30
    assert x[um.tensor(1) : um.tensor(3)].tolist() == [20, 30]


def test_lists_of_tensors(backend: str) -> None:
    x = um.tensor([10, 20, 30])
    assert x[[um.tensor(2), 0]].tolist() == [30, 10]


# --- gradients ------------------------------------------------------------------------


@given(cases(), KINDS)
@settings(max_examples=2 * EXAMPLES)
@example(((2, 3, 4), (0, slice(None), np.array([0, 0, 2]))), "array")
@example(((5,), (np.array([1, 1, 1, -1]),)), "tensor")
@example(((2, 3), (slice(None, None, -1),)), "tensor")
def test_gradient_of_getitem(backend: str, case: tuple[Shape, Any], kind: str) -> None:
    shape, key = case
    x = numbered(shape)
    taken = outcome(lambda: x[key])
    if taken is None:
        return
    cotangent = random_cotangent(taken.shape, "float64")
    expected = np.zeros(shape)
    np.add.at(expected, key, cotangent)
    key = flavoured(key, kind)

    def weighted(x: um.Tensor) -> um.Tensor:
        return um.sum(x[key] * um.tensor(cotangent))

    x64 = um.tensor(x, dtype="float64")
    um.testing.assert_close(
        um.grad(weighted)(x64), expected, family="accumulation", length=8
    )
    leaf = um.tensor(x64, requires_grad=True)
    weighted(leaf).backward()
    um.testing.assert_close(leaf.grad, expected, family="accumulation", length=8)


@given(cases(), KINDS)
@settings(max_examples=2 * EXAMPLES)
@example(((2, 3, 4), (0, slice(None), np.array([0, 1, 2]))), "array")
@example(((2, 3, 4), (slice(None), np.array([0, 2]))), "tensor")
@example(((2, 3), (slice(None, None, -1),)), "tensor")
@example(((2, 3), (np.array([[True, False, True], [False, False, True]]),)), "tensor")
def test_gradient_of_setitem(backend: str, case: tuple[Shape, Any], kind: str) -> None:
    shape, key = case
    places = outcome(lambda: numbered(shape, "int64")[key])
    if places is None or len(set(places.flat)) < places.size:
        return
    assume(within_eight(places, key))
    cotangent = random_cotangent(shape, "float64")
    for_x = cotangent.copy()
    for_x[key] = 0
    for_value = cotangent[key]
    key = flavoured(key, kind)

    def weighted(x: um.Tensor, value: um.Tensor) -> um.Tensor:
        y = x * 1.0
        y[key] = value
        return um.sum(y * um.tensor(cotangent))

    x = um.tensor(numbered(shape), dtype="float64")
    value = um.tensor(-1.0 - numbered(places.shape), dtype="float64")
    gradients = um.grad(weighted, argnums=(0, 1))(x, value)
    np.testing.assert_array_equal(gradients[0].numpy(), for_x)
    np.testing.assert_array_equal(gradients[1].numpy(), for_value)
    x, value = (um.tensor(one, requires_grad=True) for one in (x, value))
    weighted(x, value).backward()
    for one, expected in ((x, for_x), (value, for_value)):
        # What was overwritten altogether is not behind the result: it has no gradient.
        got = np.zeros(one.shape) if one.grad is None else one.grad.numpy()
        np.testing.assert_array_equal(got, expected)


def test_gradient_of_a_scalar_written_under_a_mask(backend: str) -> None:
    mask = um.tensor([True, False, True])

    def written(x: um.Tensor, value: um.Tensor) -> um.Tensor:
        y = x * 1.0
        y[mask] = value
        return um.sum(y * um.tensor([1.0, 10.0, 100.0]))

    x, value = um.tensor([1.0, 2.0, 3.0]), um.tensor(5.0)
    for_x, for_value = um.grad(written, argnums=(0, 1))(x, value)
    assert for_x.tolist() == [0, 10, 0]
    assert for_value.item() == 101


def test_a_function_may_write_into_its_argument(backend: str) -> None:
    def first_cut(x: um.Tensor) -> um.Tensor:
        x[0] = 0.0
        return um.sum(x * x)

    x = um.tensor([1.0, 2.0])
    assert um.grad(first_cut)(x).tolist() == [0, 4]
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_gradients_of_a_repeated_element_do_not_stagnate(
    backend: str, dtype: str
) -> None:
    index = um.zeros(4096, dtype="int64")
    x = um.ones(1, dtype=dtype)
    assert um.grad(lambda x: um.sum(um.take(x, index)))(x).item() == 4096
    assert um.grad(lambda x: um.sum(x[index]))(x).item() == 4096


# --- setitem is an operation on values ------------------------------------------------


def test_writing_rebinds_this_object_alone(backend: str) -> None:
    x = um.zeros((2, 2))
    row, same, other = x[0], x, um.asarray(x, copy=True)
    flipped, transposed = um.flip(x), x.T
    x[0, 0] = 1.0
    assert x[0, 0].item() == same[0, 0].item() == 1
    for unchanged in (row, other, flipped, transposed):
        assert um.sum(unchanged).item() == 0


@pytest.mark.parametrize(
    "same",
    [
        um.sum,
        um.flip,
        um.real,
        um.positive,
        um.round,
        um.tensor,
        um.stop_gradient,
        lambda x: x[()],
        lambda x: x[...],
        lambda x: um.reshape(x, ()),
        lambda x: um.broadcast_to(x, ()),
        lambda x: um.broadcast_arrays(x)[0],
        lambda x: um.astype(x, "float32"),
        lambda x: x.to("cpu"),
        lambda x: x.to_backend(x.backend),
        lambda x: um.squeeze(x, axis=()),
        lambda x: um.permute_dims(x, ()),
        lambda x: um.max(x),
    ],
)
def test_no_operation_returns_its_operand(
    backend: str, same: Callable[[um.Tensor], um.Tensor]
) -> None:
    x = um.tensor(3.0)
    y = same(x)
    y[()] = 5.0
    assert x.item() == 3


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", 1),
        ("float32", True),
        ("int8", 127),
        ("int8", True),
        ("uint64", 2**64 - 1),
        ("bool", False),
        ("complex64", 1),
        ("complex64", 2.5),
    ],
)
def test_scalars_take_the_data_type(backend: str, dtype: str, value: Any) -> None:
    x = um.zeros(2, dtype=dtype)
    x[1] = value
    assert x.dtype is um.result_type(dtype)
    assert x.tolist() == [0, value]


@pytest.mark.parametrize(
    ("dtype", "value", "error"),
    [
        ("int8", 128, OverflowError),
        ("uint8", -1, OverflowError),
        ("int64", 2**63, OverflowError),
        ("int32", 1.5, TypeError),
        ("int32", np.float32(1), TypeError),
        ("float32", 1j, TypeError),
        ("bool", 1, TypeError),
        ("float32", [1.0], TypeError),
        ("float32", None, TypeError),
        ("float32", "1", TypeError),
    ],
)
def test_values_that_lose_their_kind_are_refused(
    backend: str, dtype: str, value: Any, error: type[Exception]
) -> None:
    x = um.zeros(2, dtype=dtype)
    with pytest.raises(error):
        x[0] = value
    if isinstance(value, float | complex):
        with pytest.raises(error):
            x[0] = um.tensor(value)
    assert x.tolist() == [0, 0]


def test_values_of_lesser_kinds_are_converted(backend: str) -> None:
    x = um.zeros(4)
    x[0] = um.tensor(1, dtype="int8")
    x[1] = um.tensor(2.5, dtype="float64")
    x[2:] = np.array([3, 4], dtype="uint16")
    assert x.dtype is um.float32
    assert x.tolist() == [1, 2.5, 3, 4]


# --- take and nonzero -----------------------------------------------------------------


@given(shapes(min_dims=1, max_dims=4, min_side=1), st.data(), KINDS)
def test_take(backend: str, shape: Shape, data: st.DataObject, kind: str) -> None:
    x = numbered(shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    drawn = data.draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
    index = data.draw(index_arrays(shape[axis], drawn))
    tensor = um.asarray(index) if kind == "tensor" else index
    got = um.take(um.tensor(x), tensor, axis=axis).numpy()
    np.testing.assert_array_equal(got, np.take(x, index, axis=axis), strict=True)


@given(shapes(min_dims=1, max_dims=4), st.data())
def test_nonzero(backend: str, shape: Shape, data: st.DataObject) -> None:
    x = data.draw(masks(shape))
    got = um.nonzero(um.tensor(x))
    for one, expected in zip(got, np.nonzero(x), strict=True):
        np.testing.assert_array_equal(one.numpy(), expected, strict=True)
    assert len(um.nonzero(um.tensor(x).astype("float32"))) == len(shape)
