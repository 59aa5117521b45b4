"""Hypothesis strategies for the arguments of a call: what the parity table draws from.

Arrays are drawn small, with edge values and ties; some are repeated to a length at
which frameworks take their vectorised loops, with a rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import as_dtype
from unifiedml.testing._line import Call
from unifiedml.testing._strategies import (
    Elements,
    arrays,
    axes,
    broadcastable_shapes,
    dtypes,
    shapes,
)

__all__ = ["FLOATS", "binary", "distinct", "operands", "reduced", "special", "unary"]

Array = npt.NDArray[Any]
Calls = st.SearchStrategy[Call]
FLOATS = "real floating"
LONG = 37
"""Longer than the vectors of any processor, and no multiple of them."""


def unary(
    *kinds: str, elements: Elements = "any", max_dims: int = 5, min_dims: int = 0
) -> Calls:
    """Return a strategy for calls of one array."""

    @st.composite
    def calls(draw: st.DrawFn) -> Call:
        dtype = draw(dtypes(*kinds))
        chosen = _defined(dtype, elements)
        x = draw(arrays(_shapes(min_dims, max_dims), dtype, elements=chosen))
        return Call(draw(_lengthened(x)) if min_dims < 2 else x)

    return calls()


def binary(
    *kinds: str,
    elements: Elements = "any",
    right: Elements | None = None,
    mixed: bool = True,
    max_dims: int = 5,
) -> Calls:
    """Return a strategy for calls of two arrays that broadcast, or a number.

    Args:
        *kinds: Of the data types.
        elements: Of the arrays.
        right: Of the second one, if they differ.
        mixed: Whether the data types may differ.
        max_dims: Of the result.
    """

    @st.composite
    def calls(draw: st.DrawFn) -> Call:
        first = draw(dtypes(*kinds))
        second = draw(dtypes(*kinds)) if mixed and draw(_rarely()) else first
        if _inexact(first, second):
            second = first
        x, y = draw(operands((first, second), (elements, right or elements), max_dims))
        if mixed and draw(_rarely()):
            return Call(x, draw(_numbers(first)))
        return Call(x, y)

    return calls()


@st.composite
def operands(
    draw: st.DrawFn,
    names: Sequence[str],
    elements: Sequence[Elements],
    max_dims: int = 5,
    side: int = 3,
) -> tuple[Array, ...]:
    """Draw arrays of these data types, of shapes that broadcast."""
    if draw(_rarely()):
        same = draw(shapes(0, 2, max_side=side))
        chosen: Sequence[tuple[int, ...]] = [same] * len(names)
    else:
        found = broadcastable_shapes(len(names), max_dims=max_dims, max_side=side)
        chosen = draw(found).input_shapes
    drawn = [
        draw(arrays(shape, name, elements=_defined(name, one)))
        for shape, name, one in zip(chosen, names, elements, strict=True)
    ]
    if draw(_rarely()) and all(x.size for x in drawn):
        return tuple(np.resize(x, LONG) for x in drawn)
    return tuple(drawn)


def reduced(
    *kinds: str,
    elements: Elements = "moderate",
    infinite: bool = False,
    nonempty: bool = False,
    integer_axis: bool = False,
    max_dims: int = 5,
    options: st.SearchStrategy[dict[str, Any]] | None = None,
) -> Calls:
    """Return a strategy for calls of an array with ``axis`` and ``keepdims``.

    Args:
        *kinds: Of the data types.
        elements: Of the array.
        infinite: Whether some elements are NaN or infinite.
        nonempty: Whether there is an element.
        integer_axis: Whether ``axis`` is one integer or None.
        max_dims: Of the array.
        options: Further options.
    """

    @st.composite
    def calls(draw: st.DrawFn) -> Call:
        shape = shapes(0, max_dims, min_side=int(nonempty), max_side=3)
        x = draw(arrays(shape, draw(dtypes(*kinds)), elements=elements))
        x = draw(_lengthened(x))
        if infinite:
            x = draw(special(x))
        axis = axes(x.ndim)
        if integer_axis:
            axis = st.none() | st.integers(-x.ndim, x.ndim - 1) if x.ndim else st.none()
        more = {} if options is None else draw(options)
        return Call(x, axis=draw(axis), keepdims=draw(st.booleans()), **more)

    return calls()


def special(x: Array) -> st.SearchStrategy[Array]:
    """Return a strategy for ``x`` with some elements NaN or infinite, rarely.

    Not for complex numbers: what parts infinity divided by a real number has is
    unspecified.
    """

    @st.composite
    def changed(draw: st.DrawFn) -> Array:
        if not x.size or x.dtype.kind in "iubc" or not draw(_rarely()):
            return x
        places = draw(st.lists(st.integers(0, x.size - 1), min_size=1, max_size=3))
        result = x.copy()
        for place in places:
            result.flat[place] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
        return result

    return changed()


@st.composite
def distinct(draw: st.DrawFn, shape: Any, dtype: Any = "float32") -> Array:
    """Draw an array of elements no two of which are closer than 1/2."""
    size = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    name = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype
    count = int(np.prod(size, dtype=int))
    order = np.asarray(draw(st.permutations(range(count))), dtype=np.float64)
    values = (order - count // 2) / 2 + 0.125
    return np.asarray(values.reshape(size).astype(as_dtype(name).numpy))


def _defined(dtype: str, elements: Elements) -> Elements:
    """Leave out infinite complex numbers, whose arithmetic is unspecified."""
    return "moderate" if "complex" in dtype and elements == "any" else elements


def _shapes(min_dims: int, max_dims: int) -> st.SearchStrategy[tuple[int, ...]]:
    return shapes(min_dims, max_dims, max_side=3)


def _rarely() -> st.SearchStrategy[bool]:
    # Failing examples shrink towards the first.
    return st.sampled_from([False, False, False, False, True])


def _lengthened(x: Array) -> st.SearchStrategy[Array]:
    if not x.size:
        return st.just(x)
    return st.sampled_from([x, x, x, np.resize(x, LONG)])


def _inexact(first: str, second: str) -> bool:
    """Tell whether promotion would round an integer to a floating-point number."""
    wide = {"int32", "int64", "uint32", "uint64"}
    small = {"float16", "bfloat16"}
    names = {first, second}
    floating = [n for n in names if "int" not in n and n != "bool"]
    integers = [n for n in names if "int" in n]
    if not floating or not integers:
        return False
    return bool(names & wide) or bool(names & small) or "16" in integers[0]


def _numbers(dtype: str) -> st.SearchStrategy[Any]:
    """Return a strategy for Python numbers that every floating-point type holds."""
    integers = st.sampled_from([0, 1, 2, 3, 100])
    if dtype == "bool":
        return st.booleans()
    if "int" in dtype:
        return integers
    return st.one_of(
        integers, st.sampled_from([0.0, 0.5, -1.5, -0.0, 2.0, float("inf")])
    )
