"""The Tensor as Python and NumPy see it: operators, conversions, text, containers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml._dtypes import DTYPES

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
EQUALITY = ("==", "!=")
FLOATING = ("/",)


@pytest.fixture(params=OPERATORS)
def symbol(request: pytest.FixtureRequest) -> str:
    """Each operator in turn."""
    return str(request.param)


# --- operators ------------------------------------------------------------------------


def test_operators(backend: str, symbol: str) -> None:
    dtype = "float64" if symbol in FLOATING else "int64"
    x, y = np.array([7, -5, 4], dtype), np.array([3, 2, 1], dtype)
    operate = OPERATORS[symbol]
    expected = np.asarray(operate(x, y))
    tensors = um.asarray(x), um.asarray(y)
    # NumPy's arrays are operands, on either side.
    for first, second in (tensors, (tensors[0], y), (x, tensors[1])):
        result = operate(first, second)
        assert isinstance(result, um.Tensor)
        np.testing.assert_array_equal(result.numpy(), expected, strict=True)


def test_operators_with_scalars(backend: str, symbol: str) -> None:
    if symbol == "@":
        return
    dtype = "float32" if symbol in FLOATING else "int32"
    x = np.array([7, 5, 4], dtype)
    tensor, operate = um.asarray(x), OPERATORS[symbol]
    for scalar in (2, np.int8(2), np.int64(2), np.array(2, dtype)):
        plain = x.dtype.type(2)
        for result, expected in (
            (operate(tensor, scalar), operate(x, plain)),
            (operate(scalar, tensor), operate(plain, x)),
        ):
            assert isinstance(result, um.Tensor)
            np.testing.assert_array_equal(result.numpy(), expected, strict=True)


@pytest.mark.parametrize("other", [None, "2", [1, 2, 3], (1,), {1}, object(), len])
def test_operators_refuse_other_types(backend: str, symbol: str, other: Any) -> None:
    x, operate = um.ones(3), OPERATORS[symbol]
    if symbol in EQUALITY:
        assert operate(x, other) is operate(other, x) is (symbol == "!=")
        return
    reason = "not supported between|unsupported operand|convert with um.asarray"
    with pytest.raises(TypeError, match=reason):
        operate(x, other)
    # Strings fill in what stands on the right of a %, if they have a place for it.
    if not (symbol == "%" and isinstance(other, str)):
        with pytest.raises(TypeError):
            operate(other, x)


def test_lists_are_not_repeated(backend: str) -> None:
    for run in (lambda: um.tensor(3) * [1, 2], lambda: [1, 2] * um.tensor(3)):
        with pytest.raises(TypeError, match="multiply takes tensors, .* not list"):
            run()


def test_operators_refuse_other_backends(backend: str, symbol: str) -> None:
    for other in um.available_backends():
        if other != backend:
            with pytest.raises(um.BackendMismatchError, match="to_backend"):
                OPERATORS[symbol](um.ones(3), um.ones(3).to_backend(other))


def test_operators_refuse_arrays_of_objects(backend: str) -> None:
    with pytest.raises(TypeError, match="is not a data type"):
        um.ones(2) + np.array([None, 1])


def test_the_other_class_may_know_better(backend: str) -> None:
    class Reflecting:
        def __radd__(self, other: Any) -> str:
            return "added"

        def __eq__(self, other: object) -> Any:
            return "compared"

        __hash__ = None  # type: ignore[assignment]

    assert um.ones(2) + Reflecting() == "added"  # type: ignore[comparison-overlap]
    assert (um.ones(2) == Reflecting()) == "compared"


@pytest.mark.parametrize(
    ("operate", "expected"),
    [(operator.neg, [-1, 2]), (operator.pos, [1, -2]), (abs, [1, 2]),
     (operator.invert, [-2, 1])],
)  # fmt: skip
def test_operators_of_one_operand(
    backend: str, operate: Callable[[Any], um.Tensor], expected: list[int]
) -> None:
    assert operate(um.tensor([1, -2])).tolist() == expected


def test_equality_needs_shapes_that_broadcast(backend: str) -> None:
    for compare in (operator.eq, operator.ne):
        with pytest.raises(
            ValueError, match=r"cannot broadcast shapes \(3,\) and \(2,\)"
        ):
            compare(um.ones(3), um.ones(2))


@pytest.mark.parametrize(
    "assign",
    [operator.iadd, operator.isub, operator.imul, operator.itruediv,
     operator.ifloordiv, operator.imod, operator.ipow],
)  # fmt: skip
def test_assigning_operators_leave_other_names_alone(
    backend: str, assign: Callable[[Any, Any], um.Tensor]
) -> None:
    x = um.tensor([4.0, 9.0])
    alias, part = x, x[0]
    before = x.tolist()
    x = assign(x, 2.0)
    assert x.tolist() != before
    assert alias.tolist() == before
    assert part.item() == 4


def test_assigning_operators_pass_gradients(backend: str) -> None:
    def grown(x: um.Tensor) -> um.Tensor:
        y = x
        y += 1.0
        y *= x
        y[0] *= 3.0
        return um.sum(y)

    assert um.grad(grown)(um.tensor([1.0, 2.0])).tolist() == [9, 5]


def test_arrays_cannot_be_assigned_to(backend: str) -> None:
    array = np.ones(2)
    with pytest.raises(TypeError):
        array += um.ones(2)
    array[:] = um.zeros(2)
    assert array.tolist() == [0, 0]


# --- as a Python object ---------------------------------------------------------------


def test_attributes(backend: str) -> None:
    x = um.zeros((2, 3, 4), dtype="int16")
    assert x.shape == (2, 3, 4)
    assert (x.ndim, x.size, len(x)) == (3, 24, 2)
    assert (x.dtype, x.device, x.backend) == (um.int16, "cpu", backend)
    assert x.mT.shape == (2, 4, 3)
    assert x[0].T.shape == (4, 3)
    assert not x.requires_grad
    assert x.grad is None
    for shape in ((3,), (2, 3, 4), ()):
        with pytest.raises(ValueError, match="T needs 2 dimensions, not shape"):
            _ = um.zeros(shape).T
    with pytest.raises(ValueError, match=r"a matrix has two dimensions, unlike shape"):
        _ = um.zeros(3).mT


def test_the_namespace(backend: str) -> None:
    x = um.ones(2)
    assert x.__array_namespace__() is um
    assert x.__array_namespace__(api_version="2025.12") is um
    with pytest.raises(ValueError, match="'2099.12' is not supported"):
        x.__array_namespace__(api_version="2099.12")


def test_tensors_are_no_keys(backend: str) -> None:
    for use in (hash, lambda x: {x}, lambda x: {x: 1}):
        with pytest.raises(TypeError, match="unhashable type: 'Tensor'"):
            use(um.ones(2))


@pytest.mark.parametrize("dtype", tuple(DTYPES))
def test_python_scalars(backend: str, dtype: str) -> None:
    one, zero = um.ones((), dtype=dtype), um.zeros((), dtype=dtype)
    assert bool(one) is True
    assert bool(zero) is False
    assert complex(one) == 1
    kind = {"b": bool, "i": int, "u": int, "f": float, "c": complex}[
        np.zeros(1, DTYPES[dtype].numpy).dtype.kind if dtype != "bfloat16" else "f"
    ]
    assert type(one.item()) is type(one.tolist()) is kind
    assert type(um.ones(1, dtype=dtype).item()) is kind
    if kind is complex:
        for convert in (int, float):
            with pytest.raises(TypeError):
                convert(one)
    else:
        assert type(int(one)) is int
        assert type(float(one)) is float
        assert (int(one), float(zero)) == (1, 0)
    if kind is int:
        assert [10, 20][one] == 20
        assert hex(one) == "0x1"
    else:
        with pytest.raises(TypeError, match=f"an index is an integer, not {dtype}"):
            operator.index(one)


@pytest.mark.parametrize("shape", [(1,), (1, 1), (2,), (0,)])
def test_only_zero_dimensional_tensors_are_scalars(
    backend: str, shape: tuple[int, ...]
) -> None:
    x = um.ones(shape, dtype="int64")
    for convert in (int, float, complex, operator.index):
        with pytest.raises(TypeError, match="needs a 0-d tensor, not shape"):
            convert(x)
    with pytest.raises(ValueError, match="the truth of a tensor of shape .* ambiguous"):
        bool(x)


def test_item(backend: str) -> None:
    assert um.tensor([[3]]).item() == 3
    assert math.isnan(um.tensor(math.nan).item())
    for shape in ((2,), (0,)):
        with pytest.raises(ValueError, match=r"item\(\) needs one element, not shape"):
            um.ones(shape).item()


def test_containers(backend: str) -> None:
    x = um.tensor([[1, 2], [3, 4]])
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert 3 in x
    assert um.tensor(4) in x
    assert 5 not in x
    _, second = x
    assert second.tolist() == [3, 4]
    assert next(reversed(x)).tolist() == [3, 4]
    with pytest.raises(
        TypeError, match="equal takes tensors, NumPy arrays and numbers"
    ):
        assert None in x
    with pytest.raises(TypeError, match=r"a 0-d tensor has no len\(\)"):
        len(um.tensor(1))
    with pytest.raises(TypeError, match="cannot iterate over a 0-d tensor"):
        iter(um.tensor(1))


def test_format(backend: str) -> None:
    assert f"{um.tensor(1.5):.3f}" == "1.500"
    assert f"{um.tensor([7]):04d}" == "0007"
    assert f"{um.tensor([1, 2])}" == repr(um.tensor([1, 2])) == str(um.tensor([1, 2]))
    with pytest.raises(ValueError, match="needs one element"):
        f"{um.ones(2):.3f}"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: um.tensor([1.0, 2.5]), "Tensor([1. , 2.5], dtype=float32, backend=@)"),
        (lambda: um.tensor(3), "Tensor(3, dtype=int64, backend=@)"),
        (lambda: um.tensor([True]), "Tensor([ True], dtype=bool, backend=@)"),
        (
            lambda: um.tensor([1.5], requires_grad=True),
            "Tensor([1.5], dtype=float32, backend=@, requires_grad=True)",
        ),
        (
            lambda: um.tensor([[1, 2], [3, 4]]),
            "Tensor([[1, 2],\n        [3, 4]], dtype=int64, backend=@)",
        ),
        (
            lambda: um.arange(2000),
            (
                "Tensor([   0,    1,    2, ..., 1997, 1998, 1999], "
                "shape=(2000,), dtype=int64, backend=@)"
            ),
        ),
        (
            lambda: um.zeros((0, 3)),
            "Tensor([], shape=(0, 3), dtype=float32, backend=@)",
        ),
        (
            lambda: um.ones(1, dtype="bfloat16"),
            "Tensor([1], dtype=bfloat16, backend=@)",
        ),
        (
            lambda: um.tensor([1 + 2j]),
            "Tensor([1.+2.j], dtype=complex64, backend=@)",
        ),
    ],
)
def test_text(backend: str, make: Callable[[], um.Tensor], text: str) -> None:
    assert repr(make()) == text.replace("@", repr(backend))


# --- methods --------------------------------------------------------------------------


def test_reshape(backend: str) -> None:
    x = um.arange(6)
    for args in ((2, 3), ((2, 3),), ([2, 3],), (2, -1), (-1, 3), (um.tensor(2), 3)):
        assert x.reshape(*args).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x.reshape(6, 1).reshape(-1).shape == (6,)
    assert um.tensor([3]).reshape().shape == um.tensor([3]).reshape(()).shape == ()
    with pytest.raises(
        ValueError, match=r"cannot reshape \(6,\) to \(4,\): 6 elements"
    ):
        x.reshape(4)


def test_reductions(backend: str) -> None:
    x = um.tensor([[1.0, 2.0], [3.0, 6.0]])
    assert x.sum().item() == 12
    assert x.mean(0).tolist() == [2, 4]
    assert x.max(axis=1, keepdims=True).tolist() == [[2], [6]]
    assert x.min(-1).tolist() == [1, 3]


def test_moving(backend: str) -> None:
    x = um.ones(2)
    assert x.to("cpu").device == x.to_device("cpu").device == "cpu"
    for device in ("gpu:77", "tpu", "nowhere"):
        with pytest.raises(ValueError, match="has no device"):
            x.to(device)


def test_astype(backend: str) -> None:
    x = um.tensor([1.9, -1.9])
    for dtype in (um.int32, "int32", np.int32, np.dtype("int32")):
        assert x.astype(dtype).dtype is um.int32
    assert x.astype(float).dtype is um.float32
    assert um.astype(x, "float32") is not x
    assert um.astype(x, "float32", copy=False) is x
    assert um.astype(np.ones(2), "int8").dtype is um.int8
    with pytest.raises(TypeError, match="is not a data type"):
        x.astype("float")


def test_weak_references(backend: str) -> None:
    import weakref

    x = um.ones(2)
    reference = weakref.ref(x)
    assert reference() is x
    with pytest.raises(AttributeError):
        x.note = 1  # type: ignore[attr-defined]
