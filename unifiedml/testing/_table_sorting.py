"""The parity table: sorting, searching, sets and quantiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._dtypes import as_dtype
from unifiedml.testing._arguments import distinct, reduced
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    EXACT,
    Gradient,
    linear_gradient,
    magnitude,
    whole_gradient,
)
from unifiedml.testing._strategies import arrays, dtypes, shapes
from unifiedml.testing._table_reductions import axes_of

__all__ = ["LINES"]

Array = npt.NDArray[Any]

REAL: Final = "real floating"
COMPLEX: Final = "complex floating"
INTEGERS: Final = "the result is integers or bools"
CHOSEN: Final = "which elements are chosen depends on all: sort has the gradient"


def order(x: Array, axis: int = -1, descending: bool = False) -> Array:
    """Return NumPy's stable order; backwards, equal elements stay in turn."""
    if not descending:
        return np.argsort(x, axis=axis, stable=True)
    backwards = np.argsort(np.flip(x, axis), axis=axis, stable=True)
    return np.flip(x.shape[axis] - 1 - backwards, axis)


def ordered(x: Array, axis: int = -1, descending: bool = False) -> Array:
    """Return the elements in that order."""
    return np.take_along_axis(x, order(x, axis, descending), axis)


def largest(x: Array, k: int, axis: int = -1) -> tuple[Array, Array]:
    """Return the first of the elements in descending order, and where they are."""
    found = np.take(order(x, axis, True), range(k), axis)
    return np.take_along_axis(x, found, axis), found


def places(x: Array, values: Any, sorter: Any = None, side: Any = "left") -> Array:
    """Return NumPy's places, 0-d where the values are."""
    return np.asarray(np.searchsorted(x, values, side, sorter))


def unique(x: Array) -> tuple[Array, Array, Array, Array]:
    """Return what `unique_all` returns."""
    values, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    return values, first, inverse.reshape(x.shape), counts


def contained(x: Array, members: Array, invert: bool = False) -> Array:
    """Return whether elements equal any of the others."""
    return np.asarray(np.isin(x, members, invert=invert))


@st.composite
def _sorted(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(1, 4, max_side=4), dtypes("bool", "integral", REAL)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    return Call(x, axis=axis, descending=draw(st.booleans()))


@st.composite
def _unequal(draw: st.DrawFn) -> Call:
    x = draw(distinct(shapes(1, 3, min_side=1, max_side=3), dtypes(REAL)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    return Call(x, axis=axis, descending=draw(st.booleans()))


@st.composite
def _chosen(draw: st.DrawFn, smooth: bool) -> Call:
    if smooth:
        x = draw(distinct(shapes(1, 3, min_side=1, max_side=3), dtypes(REAL)))
    else:
        x = draw(arrays(shapes(1, 4, max_side=4), dtypes("integral", REAL)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    least = 1 if smooth else 0
    return Call(x, draw(st.integers(least, x.shape[axis])), axis=axis)


@st.composite
def _searched(draw: st.DrawFn) -> Call:
    name = draw(dtypes("integral", REAL))
    x = draw(arrays(draw(st.integers(0, 9)), name))
    values = draw(arrays(shapes(0, 3, max_side=3), name))
    side = draw(st.sampled_from(["left", "right"]))
    # NumPy does not know that bfloat16 has NaN, which come last.
    wide = x.astype(np.float32) if x.dtype.kind == "V" else x
    order = np.argsort(wide, stable=True)
    if draw(st.booleans()):
        return Call(x, values, order, side)
    return Call(x[order], values, None, side)


def _search(x: Any, values: Any, sorter: Any, side: str) -> um.Tensor:
    return um.searchsorted(x, values, side=side, sorter=sorter)


@st.composite
def _elements(draw: st.DrawFn) -> Call:
    name = draw(dtypes("bool", "integral", REAL, COMPLEX))
    kind: Any = "moderate" if "complex" in name else "any"
    return Call(draw(arrays(shapes(0, 3, max_side=5), name, elements=kind)))


@st.composite
def _members(draw: st.DrawFn) -> Call:
    (x,) = draw(_elements()).args
    kind: Any = "moderate" if x.dtype.kind == "c" else "any"
    name = as_dtype(x.dtype).name
    drawn = draw(arrays(shapes(0, 2, max_side=4), name, elements=kind))
    shared = x.reshape(-1)[: draw(st.integers(0, 3))]
    members = np.concatenate([drawn.reshape(-1), shared])
    return Call(x, members, invert=draw(st.booleans()))


def _of_values(gradient: Gradient) -> Gradient:
    """Return the gradient of the first of several results, the only smooth one."""

    def of_values(oracle: Any, *rest: Any) -> Any:
        def first(*args: Any, **kwargs: Any) -> Any:
            return oracle(*args, **kwargs)[0]

        return gradient(first, *rest)

    return of_values


# --- quantiles ---


def quantile(x: Array, q: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """Return NumPy's linear quantiles."""
    over = axes_of(x, axis)
    x = x if over else x[None]
    return np.asarray(
        np.quantile(x, q, axis=over or 0, keepdims=bool(over and keepdims))
    )


def percentile(x: Array, q: Any, **options: Any) -> Array:
    """Return quantiles for ``q`` in percent."""
    return quantile(x, np.asarray(q) / 100, **options)


def median(x: Array, **options: Any) -> Array:
    """Return the middle."""
    return quantile(x, 0.5, **options)


def _between_rounding(call: Any, result: Array) -> Any:
    scale = float(np.max(magnitude(call.args[0]), initial=0))
    return [("accumulation", {"scale": scale, "length": 2})]


def _with(values: Any, calls: Any) -> Any:
    return st.builds(
        lambda call, q: Call(*call.args, q, **call.kwargs),
        calls,
        st.sampled_from(values),
    )


@st.composite
def _apart(draw: st.DrawFn) -> Call:
    x = draw(distinct(shapes(1, 3, min_side=1, max_side=3), dtypes(REAL)))
    return Call(x, axis=draw(st.none() | st.integers(-x.ndim, x.ndim - 1)))


_FINITE: Final = reduced(REAL, nonempty=True)
_QUANTILES: Final = [0.5, 0.0, 1.0, 0.3, (0.25, 0.9), ()]
_PERCENTILES: Final = [50, 0.0, 100, 12.5, (25, 75)]


def _quantile_line(name: str, oracle: Callable[..., Any], values: Any) -> Line:
    calls, smooth = _FINITE, _apart()
    if values:
        calls = _with([one for one in values if one != ()], _FINITE)
        smooth = _with(values[:4], smooth)
    return Line(
        name,
        getattr(um, name),
        calls,
        _between_rounding,
        oracle,
        smooth,
        gradient=whole_gradient(),
    )


LINES: Final[list[Line]] = [
    Line("argsort", um.argsort, _sorted(), EXACT, order, no_gradient=INTEGERS),
    Line(
        "sort",
        um.sort,
        _sorted(),
        EXACT,
        ordered,
        _unequal(),
        (0,),
        linear_gradient(selects=True),
    ),
    Line(
        "topk",
        um.topk,
        _chosen(smooth=False),
        EXACT,
        largest,
        _chosen(smooth=True),
        (0,),
        _of_values(linear_gradient(selects=True)),
    ),
    Line("searchsorted", _search, _searched(), EXACT, places, no_gradient=INTEGERS),
    Line("unique_all", um.unique_all, _elements(), EXACT, unique, no_gradient=CHOSEN),
    Line(
        "unique_counts",
        um.unique_counts,
        _elements(),
        EXACT,
        lambda x: unique(x)[::3],
        no_gradient=CHOSEN,
    ),
    Line(
        "unique_inverse",
        um.unique_inverse,
        _elements(),
        EXACT,
        lambda x: unique(x)[::2],
        no_gradient=CHOSEN,
    ),
    Line(
        "unique_values",
        um.unique_values,
        _elements(),
        EXACT,
        lambda x: unique(x)[0],
        no_gradient=CHOSEN,
    ),
    Line("isin", um.isin, _members(), EXACT, contained, no_gradient=INTEGERS),
    _quantile_line("quantile", quantile, _QUANTILES),
    _quantile_line("percentile", percentile, _PERCENTILES),
    _quantile_line("median", median, None),
]
"""Every operation that sorts."""
