"""Data types and promotion, without a framework."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import unifiedml as um
from unifiedml._dtypes import DTYPES, DType, as_dtype
from unifiedml._rules.promotion import promote, promote_scalar

EVERY = tuple(DTYPES)
INTEGERS = tuple(name for name in EVERY if DTYPES[name].is_integer)
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
COMPLEX = ("complex64", "complex128")

# The standard's tables, one row for each first operand.
STANDARD = {
    "int8": "int8 int16 int32 int64 int16 int32 int64 -",
    "int16": "int16 int16 int32 int64 int16 int32 int64 -",
    "int32": "int32 int32 int32 int64 int32 int32 int64 -",
    "int64": "int64 int64 int64 int64 int64 int64 int64 -",
    "uint8": "int16 int16 int32 int64 uint8 uint16 uint32 uint64",
    "uint16": "int32 int32 int32 int64 uint16 uint16 uint32 uint64",
    "uint32": "int64 int64 int64 int64 uint32 uint32 uint32 uint64",
    "uint64": "- - - - uint64 uint64 uint64 uint64",
}
FLOATING = {
    "float32": "float32 float64 complex64 complex128",
    "float64": "float64 float64 complex128 complex128",
    "complex64": "complex64 complex128 complex64 complex128",
    "complex128": "complex128 complex128 complex128 complex128",
}
TABLE = {
    (first, second): result
    for table, columns in ((STANDARD, SIGNED + UNSIGNED), (FLOATING, FLOATING))
    for first, row in table.items()
    for second, result in zip(columns, row.split(), strict=True)
}


# --- promotion ----------------------------------------------------------------------


@pytest.mark.parametrize("pair", TABLE, ids="-".join)
def test_promotion_is_the_standards(pair: tuple[str, str]) -> None:
    if TABLE[pair] == "-":
        with pytest.raises(TypeError, match="no data type holds all values of both"):
            promote(*pair)
    else:
        assert promote(*pair) == TABLE[pair]


@pytest.mark.parametrize("first", EVERY)
def test_promotion_is_symmetric_and_idempotent(first: str) -> None:
    assert promote(first, first) == promote(first) == first
    for second in EVERY:
        results = set()
        for pair in ((first, second), (second, first)):
            try:
                results.add(promote(*pair))
            except TypeError:
                results.add("error")
        assert len(results) == 1


@pytest.mark.parametrize("dtype", EVERY)
def test_bool_gives_way_to_everything(dtype: str) -> None:
    assert promote("bool", dtype) == dtype


@pytest.mark.parametrize("pair", [*itertools.product(INTEGERS, FLOATS + COMPLEX)])
def test_integers_give_way_to_floats(pair: tuple[str, str]) -> None:
    assert promote(*pair) == pair[1]


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        ("float16", "bfloat16", "float32"),
        ("float16", "float32", "float32"),
        ("bfloat16", "float32", "float32"),
        ("bfloat16", "float64", "float64"),
        ("float16", "complex64", "complex64"),
        ("bfloat16", "complex64", "complex64"),
        ("float16", "complex128", "complex128"),
    ],
)
def test_sixteen_bits(first: str, second: str, result: str) -> None:
    assert promote(first, second) == result


def test_the_order_of_many_operands_does_not_matter() -> None:
    for names in itertools.permutations(("uint64", "int64", "float32", "bool")):
        assert promote(*names) == "float32"
    for names in itertools.permutations(("int8", "uint8", "uint16")):
        assert promote(*names) == "int32"
    for names in itertools.permutations(("complex64", "float64", "int8")):
        assert promote(*names) == "complex128"


@pytest.mark.parametrize("dtype", EVERY)
def test_scalars_are_weak(dtype: str) -> None:
    kind = DTYPES[dtype].kind
    integer, real = kind != "bool", kind in ("float", "complex")
    assert promote_scalar(dtype, bool) == dtype
    assert promote_scalar(dtype, int) == (dtype if integer else "int64")
    assert promote_scalar(dtype, float) == (dtype if real else "float32")
    wide = dtype in ("float64", "complex128")
    assert promote_scalar(dtype, complex) == ("complex128" if wide else "complex64")


# --- objects ------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_one_object_per_data_type(name: str) -> None:
    dtype = getattr(um, name)
    assert isinstance(dtype, DType)
    assert dtype is as_dtype(name) is as_dtype(dtype) is as_dtype(dtype.numpy)
    assert (
        dtype is as_dtype(dtype.numpy.newbyteorder(">")) is as_dtype(dtype.numpy.type)
    )
    assert copy.deepcopy(dtype) is pickle.loads(pickle.dumps(dtype)) is dtype
    assert repr(dtype) == f"unifiedml.{name}"
    assert len({dtype, *DTYPES.values()}) == 15
    assert dtype.bits == 8 * dtype.numpy.itemsize


def test_pythons_types_mean_the_defaults() -> None:
    kinds = (bool, int, float, complex)
    names = ["bool", "int64", "float32", "complex64"]
    assert [as_dtype(kind).name for kind in kinds] == names
    assert as_dtype(ml_dtypes.bfloat16) is um.bfloat16
    assert as_dtype(np.longlong) is um.int64


@pytest.mark.parametrize(
    "wrong",
    [None, "float", "int", "f4", "float8", 3, object, str, np.floating, np.dtype("O"),
     np.dtype("M8[s]"), np.dtype([("a", "f4")]), np.longdouble],
)  # fmt: skip
def test_what_names_no_data_type_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="is not a data type: choose from bool, int8"):
        as_dtype(wrong)


@pytest.mark.parametrize("name", [*FLOATS, *COMPLEX])
def test_finfo(name: str) -> None:
    dtype = getattr(um, name)
    info = um.finfo(dtype)
    part = {"complex64": "float32", "complex128": "float64"}.get(name, name)
    expected = ml_dtypes.finfo(DTYPES[part].numpy)
    assert info.dtype is DTYPES[part]
    for field in ("bits", "eps", "max", "min", "smallest_normal"):
        value = getattr(info, field)
        assert type(value) is (int if field == "bits" else float)
        assert value == float(getattr(expected, field))
    with pytest.raises(TypeError, match=f"needs an integer data type, not {name}"):
        um.iinfo(dtype)


@pytest.mark.parametrize("name", INTEGERS)
def test_iinfo(name: str) -> None:
    dtype = getattr(um, name)
    info, expected = um.iinfo(dtype), np.iinfo(name)
    assert (info.bits, info.max, info.min) == (
        expected.bits, expected.max, expected.min,
    )  # fmt: skip
    assert info.dtype is dtype
    with pytest.raises(TypeError, match=f"floating-point data type, not {name}"):
        um.finfo(dtype)


def test_limits_of_bool_are_refused() -> None:
    for function in (um.finfo, um.iinfo):
        with pytest.raises(TypeError, match="not bool"):
            function(um.bool)


KINDS = {
    "bool": ("bool",),
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": SIGNED + UNSIGNED,
    "real floating": FLOATS,
    "complex floating": COMPLEX,
    "numeric": SIGNED + UNSIGNED + FLOATS + COMPLEX,
}


@pytest.mark.parametrize("kind", KINDS)
def test_isdtype(kind: str) -> None:
    found = tuple(name for name in EVERY if um.isdtype(DTYPES[name], kind))
    assert set(found) == set(KINDS[kind])
    assert um.isdtype(um.bool, (kind, um.bool))
    assert not um.isdtype(um.bool, ("integral", um.int8))


def test_isdtype_refuses_other_kinds() -> None:
    with pytest.raises(ValueError, match="'floating' is not a kind: choose from bool"):
        um.isdtype(um.int8, "floating")


# --- result_type and can_cast ---------------------------------------------------------


@pytest.mark.parametrize("pair", TABLE, ids="-".join)
def test_result_type_of_data_types(pair: tuple[str, str]) -> None:
    if TABLE[pair] == "-":
        with pytest.raises(TypeError):
            um.result_type(*pair)
    else:
        assert um.result_type(*pair) is DTYPES[TABLE[pair]]
        assert um.result_type(DTYPES[pair[0]], pair[1]) is DTYPES[TABLE[pair]]


@pytest.mark.parametrize(
    ("operands", "result"),
    [
        ((um.int8, 300), "int8"),
        ((1, um.int8, 2.0), "float32"),
        ((um.float16, 1, True), "float16"),
        ((um.float16, 1j), "complex64"),
        ((um.float64, 1j), "complex128"),
        ((um.int8, np.float64(1)), "float32"),
        ((um.float32, np.float64(1)), "float32"),
        ((um.float32, np.ones(2)), "float64"),
        ((um.bool, True), "bool"),
        ((um.uint64, um.int8, um.float32), "float32"),
    ],
)
def test_result_type_with_scalars(operands: tuple[Any, ...], result: str) -> None:
    assert um.result_type(*operands) is DTYPES[result]


def test_result_type_needs_a_data_type() -> None:
    for nothing in ((), (1, 2.0)):
        with pytest.raises(TypeError, match="at least one tensor or data type"):
            um.result_type(*nothing)


@pytest.mark.parametrize("first", EVERY)
def test_can_cast_is_promotion(first: str) -> None:
    for second in EVERY:
        try:
            expected = promote(first, second) == second
        except TypeError:
            expected = False
        assert um.can_cast(DTYPES[first], DTYPES[second]) is expected


def test_can_cast_refuses_what_is_no_data_type() -> None:
    with pytest.raises(TypeError, match="is not a data type"):
        um.can_cast(um.int8, "float")
