"""Tensors of Python's numbers, of arrays, of sequences of tensors; copies."""

from __future__ import annotations

import array
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

import unifiedml as um
from unifiedml._dtypes import DTYPES

Array = npt.NDArray[Any]
EVERY = tuple(DTYPES)
FLOATS = ("float16", "bfloat16", "float32", "float64")


def check(got: um.Tensor, expected: Any, dtype: str) -> None:
    """Assert that a tensor has these values, bit by bit."""
    wanted = np.asarray(expected).astype(DTYPES[dtype].numpy)
    assert got.dtype is DTYPES[dtype]
    assert got.shape == wanted.shape
    assert got.numpy().tobytes() == wanted.tobytes()


# --- Python's numbers -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("obj", "dtype"),
    [
        (True, "bool"),
        (3, "int64"),
        (-(2**63), "int64"),
        (2**63, "uint64"),
        (2.5, "float32"),
        (-0.0, "float32"),
        (math.inf, "float32"),
        (math.nan, "float32"),
        (1e300, "float32"),
        (1 + 2j, "complex64"),
        (complex(-0.0, -0.0), "complex64"),
        ([], "float32"),
        ([[], []], "float32"),
        ([True, False], "bool"),
        ([True, 2], "int64"),
        ([1, 2.5], "float32"),
        ([True, 2.5], "float32"),
        ([1, 2j], "complex64"),
        ([-0.0, 0.0], "float32"),
        ([2**63, 1], "uint64"),
        ([2**64 - 1, 0], "uint64"),
        ([2**64, 1.5], "float32"),
        ((1, (2,))[1], "int64"),
        ([[1, 2], (3, 4)], "int64"),
        (range(3), "int64"),
        ([range(2), [5, 6]], "int64"),
    ],
)
def test_python_numbers_have_the_default_data_types(
    backend: str, obj: Any, dtype: str
) -> None:
    with np.errstate(over="ignore"):
        check(um.asarray(obj), np.asarray(obj, DTYPES[dtype].numpy), dtype)
        check(um.tensor(obj), np.asarray(obj, DTYPES[dtype].numpy), dtype)


@pytest.mark.parametrize(
    ("obj", "dtype"),
    [
        ([2**64 - 1, 2**63, 5], "uint64"),
        ([0, 255], "uint8"),
        ([-128, 127], "int8"),
        ([1, 0, 7], "bool"),
        ([0.0, 0.5, math.nan], "bool"),
        ([1, 2], "bfloat16"),
        ([1, 2.5], "float16"),
        ([1, 1.5, 2j], "complex128"),
        ([True], "int8"),
        ([], "int32"),
        (10**20, "float32"),
        ([10**20, 1], "float64"),
        (1e40, "float32"),
        (70000, "float16"),
        (1e300, "complex64"),
    ],
)
def test_python_numbers_take_the_data_type_asked_for(
    backend: str, obj: Any, dtype: str
) -> None:
    kind = "O" if np.asarray(obj).dtype.kind == "O" else DTYPES[dtype].numpy
    with np.errstate(over="ignore"):
        check(um.asarray(obj, dtype=dtype), np.asarray(obj, kind), dtype)
        check(um.asarray(obj, dtype=DTYPES[dtype].numpy), np.asarray(obj, kind), dtype)


@pytest.mark.parametrize(
    ("obj", "dtype", "error", "message"),
    [
        (128, "int8", OverflowError, "128 does not fit into int8, which holds -128"),
        ([0, -1], "uint64", OverflowError, "-1 does not fit into uint64"),
        (2**64, "uint64", OverflowError, "does not fit into uint64"),
        (2**64, None, OverflowError, "does not fit into uint64"),
        ([2**63, -1], None, OverflowError, "does not fit into int64"),
        (10**400, "float64", OverflowError, "of 401 digits does not fit into float64"),
        (1.0, "int32", TypeError, "float numbers do not fit into int32"),
        ([1j], "float32", TypeError, "complex numbers do not fit into float32"),
        ([1, 2.5], "int64", TypeError, "float numbers do not fit into int64"),
        (None, None, TypeError, "cannot make a tensor of NoneType"),
        ("1.0", None, TypeError, "cannot make a tensor of str"),
        (b"1", None, TypeError, "cannot make a tensor of bytes"),
        ([1, None], None, TypeError, "cannot make a tensor of NoneType"),
        ([1, "2"], None, TypeError, "cannot make a tensor of str"),
        ({1, 2}, None, TypeError, "cannot make a tensor of set"),
        ({"a": 1}, None, TypeError, "cannot make a tensor of dict"),
        (object(), None, TypeError, "cannot make a tensor of object"),
        (len, None, TypeError, "cannot make a tensor of builtin_function"),
        (np.array(["a"]), None, TypeError, "cannot make a tensor of ndarray of <U1"),
        (
            np.array([None]),
            None,
            TypeError,
            "cannot make a tensor of ndarray of object",
        ),
        (np.array(["2020"], "M8"), None, TypeError, "of ndarray of datetime64"),
        (
            [[1], [1, 2]],
            None,
            ValueError,
            r"a sequence of 1 at \[0\], a sequence of 2 at",
        ),
        ([1, [2]], None, ValueError, r"there is a number at \[0\], a sequence of 1 at"),
        (
            [[[1]], [[1, 2]]],
            None,
            ValueError,
            r"at \[0\]\[0\], a sequence of 2 at \[1\]",
        ),
        ([[1], np.ones((1, 1))], None, ValueError, r"at \[0\]\[0\], a sequence of 1"),
        (1, "float", TypeError, "'float' is not a data type: choose from bool"),
    ],
)
def test_what_cannot_be_a_tensor_is_refused(
    backend: str, obj: Any, dtype: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        um.asarray(obj, dtype=dtype)


# --- arrays ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", EVERY)
def test_arrays_keep_their_data_type(backend: str, dtype: str) -> None:
    x = np.arange(6).reshape(2, 3).astype(DTYPES[dtype].numpy)
    check(um.asarray(x), x, dtype)
    check(um.asarray(x[0, 1]), x[0, 1], dtype)
    check(um.asarray([x[0], x[1]]), x, dtype)
    check(um.asarray([list(row) for row in x]), x, dtype)


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "transposed": np.transpose,
    "negative strides": lambda x: x[::-1, ::-1],
    "gaps": lambda x: x[:, ::2],
    "columns first": np.asfortranarray,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "repeated": lambda x: np.broadcast_to(x[0], (4, 6)),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype),
    "0-d": lambda x: x[1, 1, ...],
    "zero-size": lambda x: x[:0],
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(
        x.dtype
    ),
    "subclass": lambda x: np.ma.array(x),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "int16", "complex128", "bfloat16"])
def test_arrays_of_any_layout(backend: str, layout: str, dtype: str) -> None:
    x = LAYOUTS[layout](np.arange(24).reshape(4, 6).astype(DTYPES[dtype].numpy))
    check(um.asarray(x), np.asarray(x), dtype)
    check(um.zeros(x.shape, dtype=dtype) + x, np.asarray(x), dtype)


class Exposing:
    """An array of another library that has an ``__array__`` only."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array([1.5, 2.5])


@pytest.mark.parametrize(
    ("obj", "dtype"),
    [
        (Exposing(), "float64"),
        (array.array("d", [1.5, 2.5]), "float64"),
        (memoryview(np.array([1.5, 2.5], "f4")), "float32"),
        ([np.float64(1.5), 2.5], "float64"),
        ([np.float16(1.5), 2.5], "float16"),
        ([np.array(1.5), np.float32(2.5)], "float64"),
        ([np.int8(1), 1.5], "float32"),
        (deque([1.5, 2.5]), "float64"),
        ([ml_dtypes.bfloat16(1.5), 2.5], "bfloat16"),
    ],
)
def test_other_arrays(backend: str, obj: Any, dtype: str) -> None:
    first = 1 if dtype == "float32" and isinstance(obj, list) else 1.5
    second = 1.5 if first == 1 else 2.5
    check(um.asarray(obj), [first, second], dtype)


def test_arrays_are_converted_as_by_astype(backend: str) -> None:
    check(um.asarray(np.array([1.9, -1.9]), dtype="int32"), [1, -1], "int32")
    check(um.asarray(np.array([-1, 300]), dtype="uint8"), [255, 44], "uint8")
    with pytest.raises(TypeError, match="cannot convert complex128 to float32"):
        um.asarray(np.array([1j]), dtype="float32")


def test_weak_numbers_beside_arrays_are_checked(backend: str) -> None:
    with pytest.raises(OverflowError, match="300 does not fit into int8"):
        um.asarray([np.int8(1), 300])
    with pytest.raises(TypeError, match="no data type holds all values of both"):
        um.asarray([np.int64(1), np.uint64(1)])
    assert um.asarray([np.uint64(2**63 + 1), 1]).tolist() == [2**63 + 1, 1]


# --- tensors --------------------------------------------------------------------------


def test_sequences_of_tensors_are_stacked(backend: str) -> None:
    x, y = um.tensor([1.0, 2.0]), um.tensor([3, 4], dtype="int8")
    check(um.asarray([x, y]), [[1, 2], [3, 4]], "float32")
    check(um.tensor(([x[0], 5], (y[1], 6.5))), [[1, 5], [4, 6.5]], "float32")
    check(um.asarray([x, np.ones(2)]), [[1, 2], [1, 1]], "float64")
    check(um.asarray([y[0], 2], dtype="float64"), [3, 2], "float64")
    with pytest.raises(ValueError, match="stack needs tensors of one shape"):
        um.asarray([x, 1.0])
    with pytest.raises(TypeError, match="asarray takes tensors, NumPy arrays and num"):
        um.asarray([x, [None, 1.0]])


def test_gradients_flow_through_sequences_of_tensors(backend: str) -> None:
    def weighted(x: um.Tensor) -> um.Tensor:
        return um.sum(um.asarray([x, 2 * x, 5.0]) * um.tensor([1.0, 10.0, 100.0]))

    assert um.grad(weighted)(um.tensor(3.0)).item() == 21


def test_a_sequence_of_tensors_stays_on_its_backend(backend: str) -> None:
    x = um.ones(2)
    for other in um.available_backends():
        with um.use_backend(other):
            assert um.asarray([x, x]).backend == backend
            if other != backend:
                with pytest.raises(um.BackendMismatchError, match="to_backend"):
                    um.asarray([x, um.ones(2)])


def test_copy(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    assert um.asarray(x) is x
    assert um.asarray(x, copy=False) is x
    assert um.asarray(x, dtype="float32", device="cpu", copy=False) is x
    copied = um.asarray(x, copy=True)
    x[0] = 5.0
    assert copied.tolist() == [1, 2]
    assert um.tensor(copied) is not copied
    with pytest.raises(ValueError, match="float32 on cpu cannot become int8 on cpu"):
        um.asarray(x, dtype="int8", copy=False)
    for obj in (1.0, [1.0], np.ones(2)):
        with pytest.raises(ValueError, match=f"of a {type(obj).__name__} needs a copy"):
            um.asarray(obj, copy=False)


def test_copies_pass_gradients(backend: str) -> None:
    def copied(x: um.Tensor) -> um.Tensor:
        return um.sum(um.asarray(x, copy=True) * um.tensor(x) * um.asarray(x))

    assert um.grad(copied)(um.tensor([1.0, 2.0])).tolist() == [3, 12]


def test_a_new_leaf_has_no_history(backend: str) -> None:
    x = um.tensor([1.0], requires_grad=True)
    y = um.tensor(x * 2, requires_grad=True)
    (y * 3).backward()
    assert y.grad is not None
    assert y.grad.tolist() == [3]
    assert x.grad is None
    with pytest.raises(TypeError, match="floating-point tensors"):
        um.tensor([1], requires_grad=True)


# --- nothing is shared with NumPy -----------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (64, 64), (1 << 18,)])
@pytest.mark.parametrize(
    "dtype", ["float32", "bool", "complex128", "bfloat16", "uint16"]
)
def test_no_memory_is_shared(backend: str, shape: tuple[int, ...], dtype: str) -> None:
    numpy = DTYPES[dtype].numpy
    x = np.zeros(shape, numpy)
    # Memory that starts at a multiple of 64 is what frameworks take over.
    size = max(x.nbytes, 1)
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    aligned = room[start : start + x.nbytes].view(numpy).reshape(shape)
    for source in (x, aligned):
        made = [um.asarray(source), um.asarray([source])[0], um.zeros((), dtype=dtype)]
        made += [
            um.where(um.tensor(True), source, made[0]),
            um.asarray(source, copy=True),
        ]
        source[...] = 1
        for tensor in made:
            assert not tensor.numpy().any()
        source[...] = 0
    tensor = um.asarray(x)
    for out in (tensor.numpy(), np.array(tensor), np.asarray(tensor)):
        assert out.flags.writeable
        out[...] = 1
        assert not tensor.numpy().any()
        assert not np.shares_memory(out, tensor.numpy())
