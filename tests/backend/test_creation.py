"""Filled tensors and sequences of numbers, of every data type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import unifiedml as um
from unifiedml._dtypes import DTYPES
from unifiedml.testing import shapes

Array = npt.NDArray[Any]
EVERY = tuple(DTYPES)
FLOATS = ("float16", "bfloat16", "float32", "float64")


def check(got: um.Tensor, expected: Any, dtype: str) -> None:
    """Assert that a tensor has these values, bit by bit."""
    wanted = np.asarray(expected).astype(DTYPES[dtype].numpy)
    assert got.dtype is DTYPES[dtype]
    assert got.shape == wanted.shape
    assert got.numpy().tobytes() == wanted.tobytes()


# --- filled ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("shape", [(), 3, (0,), (2, 0, 3), [2, 3]])
def test_filled(backend: str, dtype: str, shape: Any) -> None:
    for make, value in ((um.zeros, 0), (um.ones, 1), (um.empty, 0)):
        check(make(shape, dtype=dtype), np.full(shape, value), dtype)
    check(um.full(shape, 1, dtype=dtype), np.full(shape, 1), dtype)
    like = um.asarray(np.full(shape, 3).astype(DTYPES[dtype].numpy))
    for make, value in ((um.zeros_like, 0), (um.ones_like, 1), (um.empty_like, 0)):
        check(make(like), np.full(shape, value), dtype)
        check(make(like, dtype="int8"), np.full(shape, value), "int8")
    check(um.full_like(like, 1), np.full(shape, 1), dtype)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(True, "bool"), (7, "int64"), (2.5, "float32"), (1j, "complex64"),
     (-0.0, "float32"), (math.nan, "float32"), (np.float64(2.5), "float32"),
     (np.array(7, "int8"), "int64"), (2**63, "uint64")],
)  # fmt: skip
def test_full_has_the_default_data_type(backend: str, value: Any, dtype: str) -> None:
    check(um.full((2, 2), value), np.full((2, 2), value), dtype)


@pytest.mark.parametrize(
    ("value", "dtype", "error", "message"),
    [
        (300, "int8", OverflowError, "300 does not fit into int8"),
        (2.5, "int8", TypeError, "float numbers do not fit into int8"),
        ("1", None, TypeError, "fill_value is a number, not str"),
        (None, None, TypeError, "fill_value is a number, not NoneType"),
        ([1, 2], None, ValueError, r"fill_value is one number, not of shape \(2,\)"),
        (2**64, None, OverflowError, "does not fit into uint64"),
    ],
)
def test_full_refuses(
    backend: str, value: Any, dtype: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        um.full(2, value, dtype=dtype)


def test_full_of_a_tensor(backend: str) -> None:
    value = um.tensor(3, dtype="int8")
    check(um.full((2,), value), [3, 3], "int8")
    check(um.full((2,), value, dtype="float64"), [3, 3], "float64")
    check(um.full_like(um.ones(2), value), [3, 3], "float32")
    assert um.grad(lambda x: um.sum(um.full((2, 2), x)))(um.tensor(1.0)).item() == 4
    with pytest.raises(ValueError, match="fill_value is one number"):
        um.full(2, um.ones(2))


@pytest.mark.parametrize("shape", [-1, (2, -1), 2.0, (1.0,), "ab", None])
def test_malformed_shapes(backend: str, shape: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="a shape"):
        um.zeros(shape)


def test_devices(backend: str) -> None:
    for name in ("cpu", "CPU", "cpu:0", None):
        assert um.zeros(2, device=name).device == "cpu"
        assert um.asarray([1.0], device=name).device == "cpu"
    for make in (um.zeros, um.eye, um.arange):
        with pytest.raises(ValueError, match="has no device 'gpu:77': it has 'cpu'"):
            make(2, device="gpu:77")
    with pytest.raises(TypeError, match="a device is named by a string, not 0"):
        um.zeros(2).to(0)  # type: ignore[arg-type]


# --- sequences ------------------------------------------------------------------------


@given(
    st.integers(-20, 20), st.none() | st.integers(-20, 20),
    st.integers(-5, 5).filter(bool),
)  # fmt: skip
@example(5, None, 1)
@example(0, -3, 1)
def test_arange_of_integers(
    backend: str, start: int, stop: int | None, step: int
) -> None:
    expected = (
        np.arange(0, start, step) if stop is None else np.arange(start, stop, step)
    )
    got = um.arange(start, step=step) if stop is None else um.arange(start, stop, step)
    check(got, expected, "int64")


@given(st.floats(-9, 9), st.floats(-9, 9), st.sampled_from([0.1, -0.25, 1.0, 3.7]))
@example(1.0, 1.3, 0.1)
@example(0.0, 1.0, 0.01)
def test_arange_of_floats(backend: str, start: float, stop: float, step: float) -> None:
    count = max(0, math.ceil((stop - start) / step))
    expected = [start + k * step for k in range(count)]
    check(um.arange(start, stop, step), expected, "float32")
    check(um.arange(start, stop, step, dtype="float64"), expected, "float64")


@pytest.mark.parametrize("dtype", EVERY[1:])
def test_arange_of_any_data_type(backend: str, dtype: str) -> None:
    check(um.arange(3, dtype=dtype), [0, 1, 2], dtype)
    check(um.arange(1, 7, 2, dtype=dtype), [1, 3, 5], dtype)


def test_arange_at_the_ends_of_64_bits(backend: str) -> None:
    top = 2**64
    assert um.arange(top - 2, top, dtype="uint64").tolist() == [top - 2, top - 1]
    assert um.arange(top - 1, 0, -(2**63), dtype="uint64").tolist() == [
        top - 1, 2**63 - 1,
    ]  # fmt: skip
    assert um.arange(-(2**63), 2**63, 2**62).tolist() == [
        -(2**63), -(2**62), 0, 2**62,
    ]  # fmt: skip
    assert um.arange(2**53 + 1, 2**53 + 2, dtype="float64").tolist() == [2.0**53]
    assert um.arange(np.int64(2)).dtype is um.int64
    assert um.arange(um.tensor(2)).dtype is um.int64
    assert um.arange(np.float32(2)).dtype is um.float32


@pytest.mark.parametrize(
    ("args", "dtype", "error", "message"),
    [
        ((0, 5, 0), None, ValueError, "the step of arange cannot be 0"),
        ((300,), "int8", OverflowError, "299 does not fit into int8"),
        ((-1, 2), "uint8", OverflowError, "-1 does not fit into uint8"),
        ((2**63, 2**63 + 1), None, OverflowError, "does not fit into int64"),
        ((math.inf,), None, ValueError, "arange needs real, finite numbers"),
        ((0, math.nan), None, ValueError, "arange needs real, finite numbers"),
        ((1j,), None, ValueError, "arange needs real, finite numbers"),
        (("3",), None, TypeError, "start is a number, not str"),
        ((0, None, None), None, TypeError, "step is a number, not NoneType"),
    ],
)
def test_arange_refuses(
    backend: str, args: Any, dtype: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        um.arange(*args, dtype=dtype)


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(0, 20), st.booleans())
def test_linspace(
    backend: str, start: float, stop: float, num: int, endpoint: bool
) -> None:
    expected = np.linspace(start, stop, num, endpoint=endpoint)
    got = um.linspace(start, stop, num, endpoint=endpoint, dtype="float64")
    um.testing.assert_close(
        got, expected, family="arithmetic", scale=lambda x: max(abs(start), abs(stop))
    )
    assert um.linspace(start, stop, num).dtype is um.float32
    if num > 1 and endpoint:
        assert got[0].item() == start
        assert got[-1].item() == stop


def test_linspace_of_other_numbers(backend: str) -> None:
    check(um.linspace(0, 4, 5), [0, 1, 2, 3, 4], "float32")
    check(um.linspace(0, 2j, 3), [0, 1j, 2j], "complex64")
    check(um.linspace(0, 4, np.int64(3), dtype="int32"), [0, 2, 4], "int32")
    check(um.linspace(-3e38, 3e38, 3), [-3e38, 0, 3e38], "float32")
    largest = um.finfo(um.float64).max
    check(
        um.linspace(-largest, largest, 3, dtype="float64"), [-largest, 0, largest],
        "float64",
    )  # fmt: skip
    with pytest.raises(ValueError, match="no negative entries"):
        um.linspace(0, 1, -1)
    with pytest.raises(TypeError, match="a shape consists of integers, not 2.0"):
        um.linspace(0, 1, 2.0)  # type: ignore[arg-type]


@given(st.integers(0, 4), st.none() | st.integers(0, 4), st.integers(-6, 6))
def test_eye(backend: str, rows: int, columns: int | None, k: int) -> None:
    check(um.eye(rows, columns, k=k), np.eye(rows, columns, k=k), "float32")


@pytest.mark.parametrize("dtype", EVERY)
def test_eye_of_every_data_type(backend: str, dtype: str) -> None:
    check(um.eye(2, dtype=dtype), np.eye(2), dtype)


@given(shapes(max_dims=3))
def test_shapes_of_filled_tensors(backend: str, shape: tuple[int, ...]) -> None:
    x = um.full(shape, 2)
    assert x.shape == shape
    assert all(type(size) is int for size in x.shape)
    assert (x.ndim, x.size) == (len(shape), math.prod(shape))
