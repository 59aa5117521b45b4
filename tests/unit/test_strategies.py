"""The Hypothesis strategies draw what they promise, edges included."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as st

from unifiedml._dtypes import DTYPES, as_dtype, finfo, iinfo, isdtype
from unifiedml.testing import (
    arrays,
    axes,
    broadcastable_shapes,
    dtypes,
    seeds,
    shapes,
)
from unifiedml.tolerance import tiny

Array = np.ndarray[Any, Any]
ELEMENTS: list[Any] = [
    "any",
    "finite",
    "positive",
    "nonzero",
    "moderate",
    "smooth",
    "unit",
    "probability",
]
REALS = ["float32", "float64", "float16", "bfloat16"]
quick = settings(max_examples=30, deadline=None)
search = settings(
    max_examples=3000, deadline=None, database=None, phases=[Phase.generate]
)


def drawn(strategy: st.SearchStrategy[Any], condition: Callable[[Any], Any]) -> Any:
    return find(strategy, lambda value: bool(condition(value)), settings=search)


def parts(x: Array) -> list[Array]:
    """Real parts of double precision."""
    if x.dtype.kind == "c":
        return [x.real.astype(np.float64), x.imag.astype(np.float64)]
    return [x.astype(np.float64)]


# --- arrays


@pytest.mark.parametrize("elements", ELEMENTS)
@given(data=st.data(), shape=shapes(max_dims=3, max_side=3), dtype=dtypes())
@quick
def test_arrays_have_the_shape_and_dtype_asked_for(
    elements: Any, data: st.DataObject, shape: tuple[int, ...], dtype: str
) -> None:
    x = data.draw(arrays(shape, dtype, elements=elements))
    assert x.shape == shape
    assert x.dtype == as_dtype(dtype).numpy


@pytest.mark.parametrize("elements", ELEMENTS)
@pytest.mark.parametrize("dtype", [*REALS, "complex64", "complex128"])
@given(data=st.data())
@quick
def test_no_element_is_subnormal(
    dtype: str, elements: Any, data: st.DataObject
) -> None:
    x = data.draw(arrays((8,), dtype, elements=elements))
    for part in parts(x):
        assert not np.any((part != 0) & (np.abs(part) < tiny(dtype)))


@pytest.mark.parametrize("dtype", [*REALS, "complex64", "complex128"])
@given(data=st.data())
@quick
def test_elements_lie_where_they_should(dtype: str, data: st.DataObject) -> None:
    def draw(elements: Any) -> Array:
        x = data.draw(arrays((4,), dtype, elements=elements))
        return np.concatenate(parts(x))

    assert np.all(np.isfinite(draw("finite")))
    positive = draw("positive")
    assert np.all(np.isfinite(positive) & (positive > 0))
    nonzero = draw("nonzero")
    assert np.all(np.isfinite(nonzero) & (nonzero != 0))
    moderate = np.abs(draw("moderate"))
    assert np.all((moderate == 0) | ((moderate >= 2.0**-6) & (moderate <= 2.0**6)))
    assert np.all(np.abs(draw("unit")) <= 1)
    probability = draw("probability")
    assert np.all((probability >= 0) & (probability <= 1))
    smooth = draw("smooth")
    assert np.all(np.abs(smooth) < 4)
    assert np.all(np.abs(2 * smooth - np.round(2 * smooth)) / 2 >= 1 / 9)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
@given(data=st.data())
@quick
def test_integers_lie_where_they_should(dtype: str, data: st.DataObject) -> None:
    def draw(elements: Any) -> list[int]:
        return [int(v) for v in data.draw(arrays((4,), dtype, elements=elements))]

    assert all(v > 0 for v in draw("positive"))
    assert all(v != 0 for v in draw("nonzero"))
    assert all(abs(v) <= 64 for v in draw("moderate"))
    assert all(abs(v) <= 4 for v in draw("smooth"))
    assert all(abs(v) <= 1 for v in draw("unit"))
    assert all(v in (0, 1) for v in draw("probability"))


@pytest.mark.parametrize("dtype", REALS)
def test_every_edge_of_the_floating_point_numbers_is_drawn(dtype: str) -> None:
    strategy, info = arrays((2,), dtype), finfo(as_dtype(dtype))
    edges = [1.0, -1.0, info.max, -info.max, info.smallest_normal, np.inf, -np.inf]
    for edge in (*edges, -info.smallest_normal):
        drawn(strategy, lambda x, edge=edge: np.any(x == np.asarray(edge, x.dtype)))
    drawn(strategy, lambda x: np.any(np.isnan(x)))
    drawn(strategy, lambda x: np.any((x == 0) & np.signbit(x)))
    drawn(strategy, lambda x: np.any((x == 0) & ~np.signbit(x)))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64"])
def test_the_limits_of_integers_are_drawn(dtype: str) -> None:
    info = iinfo(as_dtype(dtype))
    for edge in {info.min, info.max, 0, 1} | ({-1} if info.min else set()):
        drawn(arrays((2,), dtype), lambda x, edge=edge: edge in x.tolist())


def test_edges_are_frequent() -> None:
    """In more than one array of fifty, not only in one of thousands."""
    frequent = {
        "float32": [np.inf, 0, 1, -1, 2.0**-126, -(2.0**-126), np.finfo("f4").max],
        "int64": [0, 1, -1, -(2**63), 2**63 - 1],
    }
    drawn = {dtype: many(arrays((4,), dtype)) for dtype in frequent}
    for dtype, edges in frequent.items():
        for edge in edges:
            assert sum(edge in x.tolist() for x in drawn[dtype]) >= 8, (dtype, edge)
    floats = drawn["float32"]
    assert sum(bool(np.isnan(x).any()) for x in floats) >= 8
    assert sum(bool(np.isfinite(x).all()) for x in floats) >= 100
    assert sum(len(set(x.tolist())) < 4 for x in floats) >= 100


def many(strategy: st.SearchStrategy[Any]) -> list[Any]:
    values = []

    @seed(1)
    @given(value=strategy)
    @settings(max_examples=400, deadline=None, database=None)
    def collect(value: Any) -> None:
        values.append(value)

    collect()
    return values


def test_arrays_of_one_value_are_drawn() -> None:
    strategy = arrays((6,), "float32", elements="moderate")
    constant = drawn(
        strategy, lambda x: len(set(x.tolist())) == 1 and x[0] not in (0, 1)
    )
    assert constant.shape == (6,)
    drawn(strategy, lambda x: len(set(x.tolist())) == 6)


def test_shape_and_dtype_may_be_strategies_or_dtypes() -> None:
    x = drawn(arrays(shapes(min_dims=2), dtypes("integral")), lambda x: x.size > 1)
    assert x.dtype.kind in "iu"
    assert x.ndim >= 2
    assert drawn(arrays(3, DTYPES["bfloat16"]), np.ndim).dtype == ml_dtypes.bfloat16
    assert drawn(arrays((), "bool"), lambda x: x).dtype == bool


def test_unknown_elements_are_named() -> None:
    wrong: Any = "huge"
    with pytest.raises(ValueError, match="no elements 'huge': choose from any, finite"):
        drawn(arrays(3, elements=wrong), np.ndim)


# --- shapes, axes, data types, seeds


def test_shapes_include_the_edges() -> None:
    drawn(shapes(), lambda shape: shape == ())
    drawn(shapes(), lambda shape: 0 in shape)
    drawn(shapes(max_dims=8), lambda shape: len(shape) == 8)
    drawn(shapes(), lambda shape: 1 in shape and max(shape) > 1)


@given(shape=shapes(1, 3, min_side=2, max_side=4))
@quick
def test_shapes_obey_their_limits(shape: tuple[int, ...]) -> None:
    assert 1 <= len(shape) <= 3
    assert all(2 <= side <= 4 for side in shape)


@given(drawn=broadcastable_shapes(3))
@quick
def test_broadcastable_shapes_broadcast(drawn: Any) -> None:
    assert len(drawn.input_shapes) == 3
    assert np.broadcast_shapes(*drawn.input_shapes) == drawn.result_shape


def test_broadcasting_is_not_trivial() -> None:
    drawn(
        broadcastable_shapes(2),
        lambda b: b.result_shape not in b.input_shapes and 0 not in b.result_shape,
    )


@given(data=st.data(), ndim=st.integers(0, 4))
@quick
def test_axes_are_valid(data: st.DataObject, ndim: int) -> None:
    axis = data.draw(axes(ndim))
    np.sum(np.ones((2,) * ndim), axis=axis)
    axis = data.draw(axes(ndim, none=False, integer=False))
    assert isinstance(axis, tuple)


def test_axes_of_every_kind_are_drawn() -> None:
    drawn(axes(3), lambda axis: axis is None)
    drawn(axes(3), lambda axis: axis == -3)
    drawn(axes(3), lambda axis: axis == ())
    drawn(axes(3), lambda axis: isinstance(axis, tuple) and len(axis) == 3)
    drawn(axes(3), lambda axis: isinstance(axis, tuple) and axis != tuple(sorted(axis)))
    assert drawn(axes(3, min_size=2, none=False, integer=False), len) is not None


@pytest.mark.parametrize(
    "kind", ["bool", "integral", "real floating", "complex floating", "numeric"]
)
def test_dtypes_are_of_the_kinds_asked_for(kind: str) -> None:
    names = {name for name, dtype in DTYPES.items() if isdtype(dtype, kind)}
    for name in names:
        drawn(dtypes(kind), lambda dtype, name=name: dtype == name)

    @given(dtype=dtypes(kind))
    @quick
    def check(dtype: str) -> None:
        assert dtype in names

    check()


def test_dtypes_may_be_named() -> None:
    for name in ("float16", "int8", "bool"):
        drawn(dtypes("bool", "int8", "real floating"), lambda d, name=name: d == name)
    with pytest.raises(ValueError, match="'decimal' is not a kind"):
        dtypes("decimal")


def test_failing_dtypes_shrink_to_float32() -> None:
    assert find(dtypes(), lambda dtype: True) == "float32"


def test_seeds_include_the_edges_of_machine_integers() -> None:
    for edge in (0, -1, 2**32, 2**64):
        drawn(seeds(), lambda value, edge=edge: value == edge)


# --- Hypothesis is optional


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_hypothesis_is_loaded_only_for_strategies() -> None:
    loaded = (
        "import sys, unifiedml.testing as t; t.assert_close(1.0, 1.0); "
        "print('hypothesis' in sys.modules); t.arrays; "
        "print('hypothesis' in sys.modules)"
    )
    assert run(loaded).split() == ["False", "True"]


def test_without_hypothesis_the_message_says_what_to_install() -> None:
    assert "pip install 'unifiedml[test]'" in run(
        "import sys; sys.modules['hypothesis'] = None\n"
        "import unifiedml.testing as t\n"
        "t.assert_close(1.0, 1.0)\n"
        "try: t.arrays\n"
        "except ImportError as error: print(error)\n"
    )


def test_every_public_name_exists() -> None:
    import unifiedml.testing as testing

    for name in testing.__all__:
        assert callable(getattr(testing, name))
        assert name in dir(testing)
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = testing.magic
