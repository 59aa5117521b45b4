"""The parity table: conversion and creation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._dtypes import as_dtype
from unifiedml.testing._arguments import unary
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    elementwise,
    float64,
    whole_gradient,
)
from unifiedml.testing._strategies import arrays, dtypes, shapes

__all__ = ["LINES", "METHODS"]

Array = npt.NDArray[Any]

REAL: Final = "real floating"
COMPLEX: Final = "complex floating"

# --- conversion and creation ---

NO_OPERAND: Final = "it has no floating-point operand"


@st.composite
def _casts(draw: st.DrawFn) -> Call:
    name = draw(dtypes())
    x = draw(arrays(shapes(0, 3, max_side=3), name, elements="smooth"))
    if draw(st.booleans()):
        x = np.abs(x) if "complex" not in name and name != "bool" else x
    wanted = draw(dtypes())
    negative = x.dtype.kind in "fiV" and bool(np.any(float64(x) < 0))
    # Negative numbers have no defined value in unsigned integers.
    return Call(x, "float32" if wanted.startswith("u") and negative else wanted)


@st.composite
def _ranges(draw: st.DrawFn) -> Call:
    numbers = st.integers(-5, 20) | st.sampled_from([0.0, 0.5, -1.25, 3.75])
    step = draw(st.sampled_from([1, 2, -1, 0.5, 0.25, -1.5, 0]))
    dtype = draw(st.sampled_from([None, "int32", "float32", "float64"]))
    return Call(draw(numbers), draw(numbers), step, dtype=dtype)


@st.composite
def _spaces(draw: st.DrawFn) -> Call:
    numbers = st.sampled_from([0.0, 0.5, -1.25, 3.0, 1e6, -7])
    dtype = draw(st.sampled_from([None, "float32", "float64"]))
    count, endpoint = draw(st.integers(0, 9)), draw(st.booleans())
    return Call(draw(numbers), draw(numbers), count, dtype=dtype, endpoint=endpoint)


@st.composite
def _filled(draw: st.DrawFn, value: bool) -> Call:
    shape, dtype = draw(shapes(0, 4)), draw(dtypes())
    numbers = st.sampled_from([0, 1, 2, 1.5, True, -0.0, math.inf])
    return Call(shape, *([draw(numbers)] if value else []), dtype=dtype)


@st.composite
def _like(draw: st.DrawFn, value: bool) -> Call:
    x = draw(arrays(shapes(0, 4, max_side=3), dtypes(), elements="moderate"))
    wanted = draw(st.none() | dtypes())
    return Call(x, *([draw(st.sampled_from([0, 1]))] if value else []), dtype=wanted)


def _shaped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with the values of its result set to zero: they are free."""

    def zeroed(*args: Any, **options: Any) -> Any:
        return um.zeros_like(function(*args, **options))

    return zeroed


def _created(name: str, calls: Any, **options: Any) -> Line:
    function = options.pop("function", getattr(um, name))
    return Line(name, function, calls, no_gradient=NO_OPERAND, **options)


@st.composite
def _identities(draw: st.DrawFn) -> Call:
    sizes = [draw(st.integers(0, 4)), draw(st.none() | st.integers(0, 4))]
    return Call(*sizes, k=draw(st.integers(-4, 4)), dtype=draw(dtypes()))


CREATION: Final[list[Line]] = [
    Line(
        "astype",
        um.astype,
        _casts(),
        elementwise("arithmetic"),
        None,
        _casts().filter(
            lambda call: (
                as_dtype(call.args[0].dtype).kind == "float"
                and call.args[1] in ("float32", "float64", "float16")
            )
        ),
        (0,),
        whole_gradient(),
    ),
    _created("asarray", unary(), oracle=lambda x: x),
    _created(
        "tensor", unary(), function=lambda x: um.tensor(x.numpy()), oracle=lambda x: x
    ),
    _created("arange", _ranges()),
    _created(
        "linspace",
        _spaces(),
        rounding=lambda call, result: [
            ("arithmetic", {"scale": max(map(abs, call.args[:2])) * 4})
        ],
        oracle=lambda start, stop, count, *, dtype, endpoint: np.linspace(
            start, stop, count, endpoint=endpoint
        ),
    ),
    _created("eye", _identities()),
    _created("full", _filled(True)),
    _created("zeros", _filled(False)),
    _created("ones", _filled(False)),
    _created("empty", _filled(False), function=_shaped(um.empty)),
    _created("full_like", _like(True)),
    _created("zeros_like", _like(False)),
    _created("ones_like", _like(False)),
    _created("empty_like", _like(False), function=_shaped(um.empty_like)),
]

LINES: Final[list[Line]] = CREATION
"""Every function that makes tensors, and `astype`."""


def _method(name: str, of: str, function: Callable[..., Any]) -> Line:
    (line,) = (one for one in LINES if one.name == of)
    return dataclasses.replace(line, name=f"Tensor.{name}", function=function)


METHODS: Final[list[Line]] = [
    _method("astype", "astype", lambda x, dtype: x.astype(dtype)),
]
"""The methods of tensors that call them."""
