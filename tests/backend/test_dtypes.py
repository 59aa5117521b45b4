"""All data types compute, on every backend, as the standard and NumPy say."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unifiedml as um
from unifiedml._dtypes import DTYPES
from unifiedml._rules.promotion import promote
from unifiedml.testing import arrays, assert_close

Array = npt.NDArray[Any]
EVERY = tuple(DTYPES)
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
FLOATS = ("float16", "bfloat16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
BINARY = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "equal": operator.eq,
}


def edges(dtype: str) -> Array:
    """Return the values where integer arithmetic goes wrong first."""
    limits = um.iinfo(DTYPES[dtype])
    middle = 2 ** (limits.bits - 1)
    values = [0, 1, 2, 3, 7, middle - 1, limits.max // 3, limits.max - 1, limits.max]
    values += [limits.min, limits.min + 1, -1, -2, -7] if limits.min else [middle]
    return np.array(values, dtype)


def pairs(dtype: str) -> tuple[Array, Array]:
    """Return every pair of `edges`."""
    first, second = np.meshgrid(edges(dtype), edges(dtype))
    return first.ravel(), second.ravel()


# --- storage and casts ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", EVERY)
@given(data=st.data())
@settings(max_examples=settings().max_examples // 4)
def test_values_survive_the_way_in_and_out(
    backend: str, dtype: str, data: st.DataObject
) -> None:
    x = data.draw(arrays((3, 2), dtype))
    tensor = um.asarray(x)
    assert tensor.dtype is DTYPES[dtype]
    got = tensor.numpy()
    assert got.dtype == x.dtype
    assert got.tobytes() == x.tobytes()


def castable(first: str, second: str) -> Array:
    """Return values of the first data type that the second can hold, rounded."""
    source, target = DTYPES[first], DTYPES[second]
    if source.kind == "bool" or target.kind == "bool":
        return np.array([0, 1, 1, 0]).astype(source.numpy)
    if source.is_integer:
        return edges(first)
    values: list[Any] = [0.0, 1.0, 1.5, 2.5, 100.75]
    if target.kind != "unsigned":
        values += [-1.0, -1.5, -100.75]
    if not target.is_integer:
        values += [np.inf, -np.inf, np.nan, 1e5, 1e30, 1e-3]
    if source.kind == "complex" and target.kind == "complex":
        values += [1.5 + 2.5j, 3j]
    with np.errstate(over="ignore"):
        return np.array(values).astype(source.numpy)


@pytest.mark.parametrize("first", EVERY)
def test_casts_are_numpys(backend: str, first: str) -> None:
    for second in EVERY:
        if DTYPES[first].kind == "complex" and second not in (*COMPLEX, "bool"):
            with pytest.raises(TypeError, match=f"cannot convert {first} to {second}"):
                um.zeros(1, dtype=first).astype(second)
            continue
        x = castable(first, second)
        with np.errstate(over="ignore"):
            expected = x.astype(DTYPES[second].numpy)
        got = um.asarray(x).astype(second)
        assert got.dtype is DTYPES[second]
        assert_close(got, expected, family="exact", name=f"{first} to {second}")


@pytest.mark.parametrize(
    ("value", "dtype", "result"),
    [
        (1e19, "uint64", 10**19),
        (2.0**63, "uint64", 2**63),
        (4e9, "uint32", 4 * 10**9),
        (65535.0, "uint16", 65535),
        (-(2.0**63), "int64", -(2**63)),
    ],
)
def test_large_floats_become_integers(
    backend: str, value: float, dtype: str, result: int
) -> None:
    assert um.tensor(value, dtype="float64").astype(dtype).item() == result


def test_what_is_not_zero_is_true(backend: str) -> None:
    x = um.tensor([0.0, -0.0, 0.5, float("nan"), float("inf")])
    assert x.astype(um.bool).tolist() == [False, False, True, True, True]
    z = um.tensor([0j, 2j, 1 + 0j])
    assert z.astype(um.bool).tolist() == [False, True, True]


@pytest.mark.parametrize("second", [*FLOATS, *COMPLEX])
@pytest.mark.parametrize("first", [*FLOATS, *COMPLEX])
def test_gradients_pass_casts(backend: str, first: str, second: str) -> None:
    if first in COMPLEX and second in FLOATS:
        return
    x = um.tensor([1.0, -2.0], dtype=first)
    weight = um.tensor([0.5, 2.0], dtype=second)
    gradient = um.grad(lambda x: um.real(um.sum(x.astype(second) * weight)))(x)
    assert gradient.dtype is x.dtype
    assert gradient.tolist() == [0.5, 2.0]


# --- promotion ------------------------------------------------------------------------


@pytest.mark.parametrize("first", [name for name in EVERY if name != "bool"])
def test_operators_promote(backend: str, first: str) -> None:
    for second in EVERY[1:]:
        x, y = um.ones(2, dtype=first), um.ones((), dtype=second)
        try:
            expected = promote(first, second)
        except TypeError:
            with pytest.raises(
                TypeError, match="no data type holds all values of both"
            ):
                x + y
            continue
        for result in (x + y, y * x, um.where(um.tensor(True), x, y)):
            assert result.dtype is DTYPES[expected], f"{first} with {second}"
        assert um.concat([x, um.reshape(y, (1,))]).dtype is DTYPES[expected]
        # NumPy arrays count like tensors, of any rank.
        assert (x + y.numpy()).dtype is DTYPES[expected]
        assert bool(um.all((x + y) == 2))


@pytest.mark.parametrize("dtype", EVERY[1:])
@pytest.mark.parametrize("scalar", [True, 1, 1.0, 1j, np.float64(1), np.int8(1)])
def test_scalars_are_weak(backend: str, dtype: str, scalar: Any) -> None:
    x = um.ones(2, dtype=dtype)
    expected = um.result_type(x, scalar)
    plain = scalar.item() if isinstance(scalar, np.generic) else scalar
    for result in (x + scalar, scalar + x, um.where(um.tensor(True), x, scalar)):
        assert result.dtype is expected
    for result in (x * scalar, scalar * x):
        assert result.dtype is expected
        assert result.tolist() == [plain, plain]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_out_of_range_are_refused(backend: str, dtype: str) -> None:
    x = um.zeros(1, dtype=dtype)
    limits = um.iinfo(x)
    for fits in (limits.min, limits.max, np.array(limits.max, dtype)[()]):
        assert (x + fits).tolist() == (fits + x).tolist() == [int(fits)]
    for beyond in (limits.min - 1, limits.max + 1):
        for run in (lambda b: x + b, lambda b: b - x, lambda b: um.maximum(x, b)):
            with pytest.raises(
                OverflowError, match=f"{beyond} does not fit into {dtype}"
            ):
                run(beyond)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_comparison_with_any_integer_is_exact(backend: str, dtype: str) -> None:
    x = um.asarray(edges(dtype))
    limits = um.iinfo(x)
    values = [int(one) for one in edges(dtype)]
    others = [limits.min - 1, limits.max + 1, 0, -(10**30), limits.max, 10**30]
    for other in (*others, np.int64(-1), np.uint64(2**64 - 1)):
        for compare in (operator.eq, operator.ne, operator.lt, operator.le,
                        operator.gt, operator.ge):  # fmt: skip
            expected = [compare(value, int(other)) for value in values]
            assert compare(x, other).tolist() == expected
            assert compare(other, x).tolist() == [
                compare(int(other), value) for value in values
            ]


def test_huge_integers_beside_floats(backend: str) -> None:
    x = um.ones(1)
    assert (x * 10**30).tolist() == [float(np.float32(1e30))]
    with pytest.raises(OverflowError, match="401 digits does not fit into float32"):
        x * 10**400


def test_the_sign_of_zero_and_the_kind_of_one_are_told_apart(backend: str) -> None:
    one, zero = um.ones(1), um.zeros(1)
    assert [np.signbit((one * z).item()) for z in (0.0, -0.0, 0.0)] == [0, 1, 0]
    imaginary = [((zero + z).numpy().imag[0]) for z in (complex(0, 0.0), 0.5j)]
    assert imaginary == [0, 0.5]
    kinds = [(um.ones(1, dtype="int8") * k).dtype.name for k in (1, 1.0, True, 1 + 0j)]
    assert kinds == ["int8", "float32", "int8", "complex64"]
    z = um.zeros(1, dtype="complex64")
    parts = [
        um.where(True, s, z).item().imag for s in (complex(1, 0), complex(1, -0.0))
    ]
    assert [np.signbit(part) for part in parts] == [False, True]


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "negative"])
def test_bool_does_no_arithmetic(backend: str, name: str) -> None:
    x = um.tensor([True, False])
    operands = (x,) if name == "negative" else (x, x)
    with pytest.raises(TypeError, match="data type, not bool: convert with astype"):
        getattr(um, name)(*operands)
    if name != "negative":
        with pytest.raises(TypeError, match="data type, not bool: convert with astype"):
            getattr(um, name)(x, 1)


def test_integers_are_divided_in_the_default_float(backend: str) -> None:
    for dtype in INTEGERS:
        quotient = um.tensor([7, 1], dtype=dtype) / um.tensor([2, 4], dtype=dtype)
        assert quotient.dtype is um.float32
        assert quotient.tolist() == [3.5, 0.25]
    assert (um.tensor([1]) / 4).tolist() == [0.25]


# --- integer arithmetic, against Python's integers ------------------------------------


def wrapped(value: int, dtype: str) -> int:
    """Return an integer modulo the range of ``dtype``."""
    limits = um.iinfo(DTYPES[dtype])
    return (value - limits.min) % 2**limits.bits + limits.min


ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "maximum": max,
    "minimum": min,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
}
COMPARISONS = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", [*ARITHMETIC, *COMPARISONS])
def test_integer_arithmetic(backend: str, name: str, dtype: str) -> None:
    x, y = pairs(dtype)
    result = getattr(um, name)(um.asarray(x), um.asarray(y))
    exact = (ARITHMETIC | COMPARISONS)[name]
    values = zip(x.tolist(), y.tolist(), strict=True)
    if name in COMPARISONS:
        assert result.dtype is um.bool
        assert result.tolist() == [exact(a, b) for a, b in values]
    else:
        assert result.dtype is DTYPES[dtype]
        assert result.tolist() == [wrapped(exact(a, b), dtype) for a, b in values]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_integer_division(backend: str, name: str, dtype: str) -> None:
    x, y = pairs(dtype)
    x, y = x[y != 0], y[y != 0]
    exact = operator.floordiv if name == "floor_divide" else operator.mod
    expected = [
        wrapped(exact(a, b), dtype) for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    result = getattr(um, name)(um.asarray(x), um.asarray(y))
    assert result.dtype is DTYPES[dtype]
    assert result.tolist() == expected


@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
@given(x=arrays(5, "uint64"), y=arrays(5, "uint64", elements="positive"))
def test_division_of_uint64(backend: str, name: str, x: Array, y: Array) -> None:
    result = getattr(um, name)(um.asarray(x), um.asarray(y))
    np.testing.assert_array_equal(result.numpy(), getattr(np, name)(x, y))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_division_by_zero(backend: str, dtype: str) -> None:
    x, zero = um.tensor([7, 0], dtype=dtype), um.zeros(2, dtype=dtype)
    for run in (operator.floordiv, operator.mod):
        for divisor in (zero, 0):
            with pytest.raises(ZeroDivisionError, match="integer division by zero"):
                run(x, divisor)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_powers(backend: str, dtype: str) -> None:
    x = edges(dtype)
    for exponent in (0, 1, 2, 3, 5, 62, 63, 64):
        expected = [wrapped(value**exponent, dtype) for value in x.tolist()]
        assert (um.asarray(x) ** exponent).tolist() == expected
        tensor = um.full((), exponent, dtype=dtype)
        assert (um.asarray(x) ** tensor).tolist() == expected


def test_huge_powers_of_uint64(backend: str) -> None:
    x = edges("uint64")
    y = np.array([2**63, 2**63 + 1, 2**64 - 1, 2**62], "uint64")
    for exponent in y.tolist():
        expected = [pow(value, exponent, 2**64) for value in x.tolist()]
        power = um.asarray(x) ** um.tensor(exponent, dtype="uint64")
        assert power.tolist() == expected


@pytest.mark.parametrize("dtype", INTEGERS)
def test_shifts(backend: str, dtype: str) -> None:
    bits = um.iinfo(DTYPES[dtype]).bits
    x = edges(dtype)
    for count in (0, 1, 3, bits - 1, bits, bits + 1, 100):
        left = [wrapped(value << count, dtype) for value in x.tolist()]
        right = [value >> count for value in x.tolist()]
        for other in (count, um.full(x.shape, count, dtype=dtype)):
            assert (um.asarray(x) << other).tolist() == left
            assert (um.asarray(x) >> other).tolist() == right
    for shift in (operator.lshift, operator.rshift):
        with pytest.raises(ValueError, match="cannot be moved by -1 places"):
            shift(um.asarray(x), -1)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_functions_of_one_operand(backend: str, dtype: str) -> None:
    x = edges(dtype)
    tensor, values = um.asarray(x), x.tolist()
    functions: dict[str, Callable[[int], int]] = {
        "abs": abs,
        "negative": operator.neg,
        "positive": operator.pos,
        "sign": lambda v: (v > 0) - (v < 0),
        "square": lambda v: v * v,
        "bitwise_invert": operator.invert,
        "floor": int,
        "ceil": int,
        "round": int,
        "trunc": int,
    }
    for name, exact in functions.items():
        result = getattr(um, name)(tensor)
        assert result.dtype is tensor.dtype
        assert result.tolist() == [wrapped(exact(value), dtype) for value in values]
    assert not um.any(um.isnan(tensor) | um.isinf(tensor)).item()
    assert um.all(um.isfinite(tensor)).item()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_reductions(backend: str, dtype: str) -> None:
    x = edges(dtype)
    tensor, values = um.asarray(x), x.tolist()
    assert um.max(tensor).item() == max(values)
    assert um.min(tensor).item() == min(values)
    assert um.argmax(tensor).item() == values.index(max(values))
    assert um.argmin(tensor).item() == values.index(min(values))
    assert um.argmax(tensor).dtype is um.int64
    total = "uint64" if dtype in UNSIGNED else "int64"
    assert um.sum(tensor).dtype is um.prod(tensor).dtype is DTYPES[total]
    assert um.sum(tensor).item() == wrapped(sum(values), total)
    product = um.prod(tensor[1:4] + 3)
    assert product.item() == wrapped(4 * 5 * 6, total)
    rows = um.asarray(np.stack([x, x[::-1]]))
    assert um.max(rows, axis=1).tolist() == [max(values)] * 2


@pytest.mark.parametrize("dtype", INTEGERS)
def test_clipping_integers(backend: str, dtype: str) -> None:
    x = edges(dtype)
    for low, high in ((1, 7), (None, 3), (2, None), (None, None)):
        got = um.clip(um.asarray(x), low, high)
        expected = x if low is high is None else np.clip(x, low, high)
        np.testing.assert_array_equal(got.numpy(), expected, strict=True)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_matrix_products(backend: str, dtype: str) -> None:
    x = edges(dtype)[:9].reshape(3, 3)
    exact = x.astype(object) @ x.astype(object)
    expected = [[wrapped(int(v), dtype) for v in row] for row in exact]
    result = um.asarray(x) @ um.asarray(x)
    assert result.dtype is DTYPES[dtype]
    assert result.tolist() == expected


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
def test_bits_of_bool(backend: str, name: str) -> None:
    x, y = np.array([True, True, False, False]), np.array([True, False, True, False])
    result = getattr(um, name)(um.asarray(x), um.asarray(y))
    np.testing.assert_array_equal(result.numpy(), getattr(np, name)(x, y), strict=True)
    assert (~um.asarray(x)).tolist() == [False, False, True, True]


# --- floating-point types that are not everywhere -------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX])
@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
@settings(max_examples=settings().max_examples // 4)
def test_floats_compute_in_their_data_type(
    backend: str, name: str, dtype: str, data: st.DataObject
) -> None:
    x, y = (data.draw(arrays(4, dtype, elements="moderate")) for _ in range(2))
    got = getattr(um, name)(um.asarray(x), um.asarray(y))
    with np.errstate(over="ignore"):
        expected = np.asarray(BINARY[name](x, y))
    assert_close(got, expected, family="arithmetic")
