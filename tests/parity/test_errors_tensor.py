"""What goes wrong with tensors goes wrong alike: same exception, same sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.exceptions import AxisError

import unifiedml as um

BACKENDS = um.available_backends()


def x() -> um.Tensor:
    """Return a tensor of shape (2, 3)."""
    return um.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def put(key: Any, value: Any, dtype: str = "float32") -> None:
    """Write into a tensor of shape (2, 3)."""
    x().astype(dtype)[key] = value


def at(*index: int) -> um.Tensor:
    return um.tensor(index)


CASES: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    # indexing
    "int": (lambda: x()[2], IndexError),
    "negative int": (lambda: x()[0, -4], IndexError),
    "tensor int": (lambda: x()[um.tensor(5)], IndexError),
    "list": (lambda: x()[[0, 2]], IndexError),
    "list of axis 1": (lambda: x()[:, [0, -4]], IndexError),
    "array": (lambda: x()[np.array([-3])], IndexError),
    "tensor": (lambda: x()[at(0, 5)], IndexError),
    "negative tensor": (lambda: x()[at(-3)], IndexError),
    "tensor of axis 1": (lambda: x()[0, at(1, 7)], IndexError),
    "two tensors": (lambda: x()[at(0, 1), at(1, 3)], IndexError),
    "two tensors, wrapping": (lambda: x()[at(0, 1), at(-4, 1)], IndexError),
    "empty dimension": (lambda: um.zeros((0, 3))[0], IndexError),
    "tensor of an empty dimension": (lambda: um.zeros((0, 3))[at(0)], IndexError),
    "nothing to take": (lambda: um.zeros((2, 0))[at(2)], IndexError),
    "no broadcasting": (lambda: x()[at(0, 1), at(0, 1, 1)], IndexError),
    "too many": (lambda: x()[0, 0, 0], IndexError),
    "too many, masks": (lambda: x()[um.ones((2, 3)) > 0, 0], IndexError),
    "two ellipses": (lambda: x()[..., ...], IndexError),
    "mask": (lambda: x()[um.tensor([True, False, True])], IndexError),
    "mask array": (lambda: x()[np.ones((3, 2), bool)], IndexError),
    "mask behind": (lambda: x()[..., um.tensor([True, False])], IndexError),
    "mask of nothing": (lambda: um.zeros((2, 0))[um.ones(3) > 0], IndexError),
    "float": (lambda: x()[1.5], IndexError),
    "float tensor": (lambda: x()[um.ones(1)], IndexError),
    "float list": (lambda: x()[[0.5]], IndexError),
    "string": (lambda: x()["a"], IndexError),
    "object": (lambda: x()[{}], IndexError),
    "True": (lambda: x()[True], TypeError),
    "np.True": (lambda: x()[np.True_, 0], TypeError),
    "step 0": (lambda: x()[::0], ValueError),
    "slice of floats": (lambda: x()[0.5:], TypeError),
    "uneven list": (lambda: x()[[[0], [0, 1]]], ValueError),
    "take": (lambda: um.take(x(), at(3), axis=1), IndexError),
    "take behind": (lambda: um.take(x(), at(-4), axis=-1), IndexError),
    "take array": (lambda: um.take(x(), np.array([9]), axis=0), IndexError),
    "take float": (lambda: um.take(x(), um.ones(1), axis=0), IndexError),
    "take without axis": (lambda: um.take(x(), at(0)), ValueError),
    "take of axis 2": (lambda: um.take(x(), at(0), axis=2), AxisError),
    "nonzero": (lambda: um.nonzero(um.tensor(1)), ValueError),
    # writing
    "put int": (lambda: put(2, 0.0), IndexError),
    "put tensor": (lambda: put(at(0, 5), 0.0), IndexError),
    "put negative tensor": (lambda: put((0, at(-4)), 0.0), IndexError),
    "put two tensors": (lambda: put((at(0), at(3)), 0.0), IndexError),
    "put mask": (lambda: put(um.ones(3) > 0, 0.0), IndexError),
    "put shape": (lambda: put(0, um.ones(2)), ValueError),
    "put more dimensions": (lambda: put(0, um.ones((2, 3))), ValueError),
    "put under a mask": (lambda: put(x() > 1, um.ones(2)), ValueError),
    "put complex": (lambda: put(0, 1j), TypeError),
    "put float": (lambda: put(0, 1.5, "int8"), TypeError),
    "put large": (lambda: put(0, 300, "int8"), OverflowError),
    "put floats": (lambda: put(0, x()[0], "int8"), TypeError),
    "put list": (lambda: put(0, [1.0, 2.0, 3.0]), TypeError),
    "put into a leaf": (
        lambda: um.tensor([1.0], requires_grad=True).__setitem__(0, 2.0),
        RuntimeError,
    ),
    # creation
    "ragged": (lambda: um.asarray([[1], [1, 2]]), ValueError),
    "none": (lambda: um.asarray(None), TypeError),
    "text": (lambda: um.asarray([["a"]]), TypeError),
    "overflow": (lambda: um.asarray([256], dtype="uint8"), OverflowError),
    "lossy": (lambda: um.asarray([1.5], dtype="int8"), TypeError),
    "dtype": (lambda: um.zeros(2, dtype="real"), TypeError),
    "device": (lambda: um.zeros(2, device="tpu"), ValueError),
    "shape": (lambda: um.zeros((2, -1)), ValueError),
    "copy": (lambda: um.asarray([1], copy=False), ValueError),
    "dlpack": (lambda: um.from_dlpack([1]), TypeError),
    "arange": (lambda: um.arange(0, 1, 0), ValueError),
    "stack of shapes": (lambda: um.asarray([x(), x()[0]]), ValueError),
    # data types
    "promotion": (lambda: at(1) + um.tensor([1], dtype="uint64"), TypeError),
    "bool": (lambda: (x() > 1) + (x() > 1), TypeError),
    "scalar": (lambda: um.ones(1, dtype="uint8") - 256, OverflowError),
    "astype": (lambda: um.tensor([1j]).astype("float32"), TypeError),
    "exp of integers": (lambda: um.exp(at(1)), TypeError),
    "bits of floats": (lambda: x() & x(), TypeError),
    "max of complex": (lambda: um.max(um.tensor([1j])), TypeError),
    "division by zero": (lambda: at(1, 2) // at(1, 0), ZeroDivisionError),
    "uint64 by zero": (
        lambda: um.ones(2, dtype="uint64") % um.zeros(2, dtype="uint64"),
        ZeroDivisionError,
    ),
    "requires_grad": (lambda: um.tensor([1], requires_grad=True), TypeError),
    # operators and conversions
    "broadcasting": (lambda: x() + um.ones(2), ValueError),
    "broadcasting of ==": (lambda: x() == um.ones((3, 2)), ValueError),
    "broadcasting of where": (
        lambda: um.where(um.ones(2) > 0, x(), 0.0), ValueError,
    ),
    "where of floats": (lambda: um.where(x(), x(), x()), TypeError),
    "list operand": (lambda: x() + [1.0], TypeError),
    "None operand": (lambda: x() * None, TypeError),
    "matmul": (lambda: x() @ x(), ValueError),
    "matmul of scalars": (lambda: x() @ um.tensor(1.0), ValueError),
    "bool()": (lambda: bool(x()), ValueError),
    "int()": (lambda: int(x()), TypeError),
    "index": (lambda: range(um.tensor(1.0)), TypeError),
    "item": (lambda: x().item(), ValueError),
    "len": (lambda: len(um.tensor(1.0)), TypeError),
    "iter": (lambda: list(um.tensor(1.0)), TypeError),
    "in": (lambda: "a" in x(), TypeError),
    "T": (lambda: x()[0].T, ValueError),
    "hash": (lambda: hash(x()), TypeError),
    # shapes
    "reshape": (lambda: um.reshape(x(), (4, -1)), ValueError),
    "reshape twice -1": (lambda: x().reshape(-1, -1), ValueError),
    "reshape to floats": (lambda: x().reshape(2.0, 3.0), TypeError),
    "permute": (lambda: um.permute_dims(x(), (0, 0)), ValueError),
    "permute out of range": (lambda: um.permute_dims(x(), (0, 2)), AxisError),
    "squeeze": (lambda: um.squeeze(x(), axis=0), ValueError),
    "expand_dims": (lambda: um.expand_dims(x(), axis=4), AxisError),
    "flip": (lambda: um.flip(x(), axis=2), AxisError),
    "flip twice": (lambda: um.flip(x(), axis=(0, -2)), ValueError),
    "broadcast_to": (lambda: um.broadcast_to(x(), (2, 2)), ValueError),
    "broadcast_to less": (lambda: um.broadcast_to(x(), (3,)), ValueError),
    "broadcast_to -1": (lambda: um.broadcast_to(x(), (-1, 3)), ValueError),
    "broadcast_arrays": (lambda: um.broadcast_arrays(x(), um.ones(2)), ValueError),
    "concat": (lambda: um.concat([x(), um.ones((2, 2))], axis=0), ValueError),
    "concat ranks": (lambda: um.concat([x(), um.ones(0)]), ValueError),
    "concat of nothing": (lambda: um.concat([]), ValueError),
    "concat of axis 2": (lambda: um.concat([x(), x()], axis=2), AxisError),
    "stack": (lambda: um.stack([x(), x()[0]]), ValueError),
    "stack of nothing": (lambda: um.stack([]), ValueError),
    "clip": (lambda: um.clip(at(1), 0.5, 2.5), TypeError),
    "max of nothing": (lambda: um.max(um.zeros((0, 2)), axis=0), ValueError),
}  # fmt: skip


def failure(run: Callable[[], Any]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one is the question
        run()
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_errors_are_the_same(name: str) -> None:
    run, expected = CASES[name]
    sentences = set()
    for backend in BACKENDS:
        with um.use_backend(backend):
            error = failure(run)
        assert type(error) is expected, f"{backend}: {error!r}"
        sentences.add(str(error).replace(repr(backend), "this"))
    (sentence,) = sentences
    # What the frontend does not explain begins with the operands, and says "failed".
    assert "failed on backend" not in sentence
    assert len(sentence.split()) > 2


def test_mixing_backends_names_both_and_the_way_out() -> None:
    first, second = (um.ones(3).to_backend(name) for name in ("torch", "tensorflow"))
    for run in (
        lambda: first + second,
        lambda: um.where(first > 0, first, second),
        lambda: um.concat([first, second]),
        lambda: first[um.astype(second, "int64")],
        lambda: first[second > 0],
        lambda: first.__setitem__(0, second[0]),
        lambda: first.__setitem__(second > 0, 1.0),
        lambda: um.take(first, um.astype(second, "int64")),
        lambda: um.full_like(first, second[0]),
    ):
        error = failure(run)
        assert type(error) is um.BackendMismatchError
        for part in ("'torch'", "'tensorflow'", "to_backend"):
            assert part in str(error)
