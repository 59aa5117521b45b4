"""The parity table: scans, segments, counting, and reductions that leave NaN out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._arguments import distinct, reduced, special
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    EXACT,
    accumulated,
    linear_gradient,
    magnitude,
    whole_gradient,
)
from unifiedml.testing._strategies import Elements, arrays, dtypes, shapes
from unifiedml.testing._table_reductions import INTEGER_RESULT, axes_of, terms, total

__all__ = ["LINES"]

Array = npt.NDArray[Any]

REAL: Final = "real floating"
COMPLEX: Final = "complex floating"
NUMBERS: Final = ("integral", REAL, COMPLEX)

# --- scans ---


def _wide(x: Array) -> Any:
    return {"b": np.int64, "i": np.int64, "u": np.uint64}.get(x.dtype.kind)


def running_sum(x: Array, axis: int = 0, include_initial: bool = False) -> Array:
    """Return NumPy's, of integers in 64 bits."""
    return np.cumulative_sum(
        x, axis=axis, dtype=_wide(x), include_initial=include_initial
    )


def running_product(x: Array, axis: int = 0, include_initial: bool = False) -> Array:
    """Return NumPy's, of integers in 64 bits."""
    return np.cumulative_prod(
        x, axis=axis, dtype=_wide(x), include_initial=include_initial
    )


def running_logsumexp(x: Array, axis: int = 0) -> Array:
    """Return NumPy's accumulated logaddexp."""
    return np.asarray(np.logaddexp.accumulate(x, axis=axis))


def length(x: Array, axis: int = 0, **options: Any) -> int:
    """Return how many elements a scan takes."""
    return int(x.shape[axis]) + 1


@st.composite
def _scanned(
    draw: st.DrawFn,
    *kinds: str,
    elements: Elements = "moderate",
    least: int = 0,
    initial: bool = False,
    infinite: bool = False,
) -> Call:
    shape = st.sampled_from([(37,)]) | shapes(1, 4, min_side=least, max_side=4)
    x = draw(arrays(shape, draw(dtypes(*kinds)), elements=elements))
    if infinite:
        x = draw(special(x))
    options: dict[str, Any] = {"axis": draw(st.integers(-x.ndim, x.ndim - 1))}
    if initial:
        options["include_initial"] = draw(st.booleans())
    return Call(x, **options)


@st.composite
def _steps(draw: st.DrawFn) -> Call:
    x = draw(distinct(shapes(1, 3, min_side=1, max_side=3), dtypes(REAL)))
    return Call(x, axis=draw(st.integers(-x.ndim, x.ndim - 1)))


@st.composite
def _differences(draw: st.DrawFn, *kinds: str) -> Call:
    call = draw(_scanned(*kinds, least=1))
    (x,), axis = call.args, call.kwargs["axis"]
    beside = {
        name: np.flip(x, axis) for name in ("prepend", "append") if draw(st.booleans())
    }
    return Call(x, draw(st.integers(0, 3)), axis, beside)


def _diff(x: Any, n: int, axis: int, beside: dict[str, Any]) -> um.Tensor:
    return um.diff(x, n=n, axis=axis, **beside)


def differences(x: Array, n: int, axis: int, beside: dict[str, Any]) -> Array:
    """Return NumPy's differences."""
    parts = [beside.get("prepend"), x, beside.get("append")]
    whole = np.concatenate([p for p in parts if p is not None], axis, dtype=x.dtype)
    return np.diff(whole, n, axis)


def _difference_rounding(call: Any, result: Array) -> Any:
    x, n, *_ = call.args
    scale = float(np.max(magnitude(x), initial=0)) * 2.0**n
    return [("accumulation", {"scale": scale, "length": n + 1})]


def _log_rounding(call: Any, result: Array) -> Any:
    largest = float(np.max(magnitude(call.args[0]), initial=1))
    scale = np.maximum(largest, magnitude(result))
    return [("log_softmax", {"scale": scale, "length": length(*call.args)})]


SCANS: Final[list[Line]] = [
    Line(
        "cumulative_sum",
        um.cumulative_sum,
        _scanned("bool", *NUMBERS, initial=True),
        accumulated(running_sum, length),
        running_sum,
        _scanned(REAL, COMPLEX, least=1, initial=True),
        (0,),
        linear_gradient(),
    ),
    Line(
        "cumulative_prod",
        um.cumulative_prod,
        _scanned("integral", REAL, elements="smooth", initial=True),
        accumulated(running_product, length, family="product"),
        running_product,
        _scanned(REAL, elements="unit", least=1),
        (0,),
        whole_gradient(),
    ),
    Line(
        "cumulative_logsumexp",
        um.cumulative_logsumexp,
        _scanned(REAL, infinite=True),
        _log_rounding,
        running_logsumexp,
        _scanned(REAL, elements="smooth", least=1),
        (0,),
        whole_gradient(),
    ),
    *(
        Line(
            name,
            getattr(um, name),
            _scanned("integral", REAL, elements="any"),
            EXACT,
            lambda x, axis, running=running: running.accumulate(x, axis=axis),
            _steps(),
            (0,),
            linear_gradient(selects=True),
        )
        for name, running in (
            ("cumulative_max", np.maximum),
            ("cumulative_min", np.minimum),
        )
    ),
    Line(
        "diff",
        _diff,
        _differences("bool", *NUMBERS),
        _difference_rounding,
        differences,
        _differences(REAL),
        (0,),
        whole_gradient(),
    ),
]

# --- segments and counting ---


@st.composite
def _segmented(
    draw: st.DrawFn,
    *kinds: str,
    elements: Elements = "moderate",
    apart: bool = False,
    infinite: bool = False,
) -> Call:
    shape = draw(shapes(1, 3, min_side=int(apart), max_side=4))
    if draw(st.booleans()) and not apart:
        shape = (37, *shape[1:])
    name = draw(dtypes(*kinds))
    x = draw(distinct(shape, name) if apart else arrays(shape, name, elements=elements))
    if infinite:
        x = draw(special(x))
    number = st.integers(-1, 3)
    ids = draw(st.lists(number, min_size=shape[0], max_size=shape[0]))
    none = 0 if max(ids, default=-1) < 0 else 5
    count = None if apart else draw(st.sampled_from([4, 6, None, none]))
    if apart:
        # An empty segment is infinite, and has no numeric derivative.
        ids = [*range(len(ids) // 2), *range(len(ids) - len(ids) // 2)]
    signed = draw(st.sampled_from(["int64", "int32", "int8"]))
    return Call(x, np.asarray(ids, signed), count)


def _each(
    function: Callable[[Array], Any], nothing: Any
) -> Callable[[Array, Array, int | None], Array]:
    """Return a reduction of NumPy's of each segment."""

    def oracle(x: Array, ids: Array, count: int | None) -> Array:
        number = int(ids.max(initial=-1)) + 1 if count is None else count
        result = np.empty((number, *x.shape[1:]), x.dtype)
        for one in range(number):
            chosen = x[ids == one]
            result[one] = function(chosen) if len(chosen) else nothing(x.dtype)
        return result

    return oracle


def _least(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _most(dtype: Any) -> Any:
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


segment_total = _each(
    lambda x: np.sum(x, axis=0, dtype=x.dtype), lambda dtype: dtype.type(0)
)
segment_product = _each(
    lambda x: np.prod(x, axis=0, dtype=x.dtype), lambda dtype: dtype.type(1)
)
segment_mean = _each(lambda x: np.mean(x, axis=0), lambda dtype: dtype.type(0))


def _slices(x: Array, ids: Array, count: int | None) -> int:
    return len(x) + 1


@st.composite
def _counted(draw: st.DrawFn) -> Call:
    x = draw(arrays(draw(st.integers(0, 9)), dtypes("integral"), elements="smooth"))
    least = draw(st.sampled_from([0, 3, 7, -1]))
    if draw(st.booleans()):
        return Call(x, None, least)
    weights = draw(arrays(len(x), dtypes(REAL), elements="moderate"))
    return Call(x, weights, least)


def _bincount(x: Any, weights: Any, minlength: int) -> um.Tensor:
    return um.bincount(x, weights=weights, minlength=minlength)


def counts(x: Array, weights: Array | None, minlength: int) -> Array:
    """Return NumPy's counts."""
    return np.bincount(x.astype(np.int64), weights, minlength)


@st.composite
def _binned(draw: st.DrawFn) -> Call:
    # Edges that every data type holds, so that each element is on one side.
    x = draw(arrays(shapes(0, 3), dtypes("integral", REAL), elements="moderate"))
    if draw(st.booleans()):
        return Call(x, np.asarray([-2.0, 0.0, 0.5, 3.0]))
    return Call(x, draw(st.sampled_from([1, 4, 8])), range=(-16.0, 16.0))


def binned(x: Array, bins: Any, range: Any = None) -> tuple[Array, Array]:
    """Return NumPy's histogram."""
    return np.histogram(x, bins, range)


SEGMENTS: Final[list[Line]] = [
    Line(
        "segment_sum",
        um.segment_sum,
        _segmented(*NUMBERS, infinite=True),
        accumulated(segment_total, _slices),
        segment_total,
        _segmented(REAL),
        (0,),
        linear_gradient(),
    ),
    Line(
        "segment_mean",
        um.segment_mean,
        _segmented(REAL, "int32"),
        accumulated(segment_mean, _slices),
        segment_mean,
        _segmented(REAL),
        (0,),
        linear_gradient(),
    ),
    Line(
        "segment_prod",
        um.segment_prod,
        _segmented("integral", REAL, elements="smooth"),
        accumulated(segment_product, _slices, family="product"),
        segment_product,
        _segmented(REAL, elements="unit"),
        (0,),
        whole_gradient(),
    ),
    *(
        Line(
            name,
            getattr(um, name),
            _segmented("integral", REAL, elements="any"),
            EXACT,
            _each(function, nothing),
            _segmented(REAL, apart=True),
            (0,),
            linear_gradient(selects=True),
        )
        for name, function, nothing in (
            ("segment_max", lambda x: np.max(x, axis=0), _least),
            ("segment_min", lambda x: np.min(x, axis=0), _most),
        )
    ),
    Line(
        "bincount",
        _bincount,
        _counted(),
        accumulated(
            lambda x, weights, least: counts(x, weights, max(least, 0)),
            lambda x, *_: len(x),
        ),
        counts,
        no_gradient="that of segment_sum, which computes it",
    ),
    Line(
        "histogram", um.histogram, _binned(), EXACT, binned, no_gradient=INTEGER_RESULT
    ),
]

# --- reductions ---


def _counting(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return np.asarray(np.count_nonzero(x, axis=axes_of(x, axis), keepdims=keepdims))


def known_total(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the sum of what is not NaN."""
    return total(np.where(x != x, 0, x), axis, keepdims)


def known_mean(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the mean of what is not NaN."""
    known = total(np.asarray(x == x), axis, keepdims)
    return np.asarray(known_total(x, axis, keepdims) / np.where(known, known, np.nan))


def _known(function: Callable[..., Any], nothing: float) -> Callable[..., Array]:
    def oracle(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        options: dict[str, Any] = {"axis": axes_of(x, axis), "keepdims": keepdims}
        if x.dtype.kind != "f":
            return np.asarray(function(x, **options))
        found = function(np.where(x != x, nothing, x), **options)
        return np.asarray(np.where(np.all(x != x, **options), np.nan, found))

    return oracle


def spread(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the range of values."""
    over = axes_of(x, axis)
    most = np.max(x, axis=over, keepdims=keepdims)
    return np.asarray(most - np.min(x, axis=over, keepdims=keepdims))


def weighted(x: Array, weights: Array, axis: Any, keepdims: bool) -> Array:
    """Return the weighted mean."""
    counted = np.broadcast_to(weights, x.shape)
    return np.asarray(
        total(x * weights, axis, keepdims) / total(counted, axis, keepdims)
    )


@st.composite
def _weighted(draw: st.DrawFn, elements: Elements = "moderate") -> Call:
    call = draw(reduced(REAL, elements=elements, nonempty=True, max_dims=3))
    (x,) = call.args
    weights = np.arange(1, x.size + 1).reshape(x.shape).astype(x.dtype)
    if x.ndim and draw(st.booleans()):
        weights = weights.reshape(-1)[: x.shape[-1]]
    return Call(x, weights, call.kwargs["axis"], call.kwargs["keepdims"])


def _average(x: Any, weights: Any, axis: Any, keepdims: bool) -> um.Tensor:
    return um.average(x, weights=weights, axis=axis, keepdims=keepdims)


_SMOOTH: Final = reduced(REAL, nonempty=True, max_dims=3)


@st.composite
def _peaks(draw: st.DrawFn) -> Call:
    x = draw(distinct(shapes(0, 3, min_side=1, max_side=3), dtypes(REAL)))
    return Call(x, keepdims=draw(st.booleans()))


REDUCTIONS: Final[list[Line]] = [
    Line(
        "count_nonzero",
        um.count_nonzero,
        reduced(elements="any"),
        EXACT,
        _counting,
        no_gradient=INTEGER_RESULT,
    ),
    Line(
        "nansum",
        um.nansum,
        reduced(*NUMBERS, infinite=True),
        accumulated(known_total, terms),
        known_total,
        _SMOOTH,
        (0,),
        linear_gradient(),
    ),
    Line(
        "nanmean",
        um.nanmean,
        reduced(REAL, "int32", infinite=True),
        accumulated(known_mean, terms),
        known_mean,
        _SMOOTH,
        (0,),
        linear_gradient(),
    ),
    *(
        Line(
            name,
            getattr(um, name),
            reduced("integral", REAL, elements="any", infinite=True),
            EXACT,
            _known(function, nothing),
            _peaks(),
            (0,),
            linear_gradient(selects=True),
        )
        for name, function, nothing in (
            ("nanmax", np.max, -np.inf),
            ("nanmin", np.min, np.inf),
        )
    ),
    Line(
        "ptp",
        um.ptp,
        reduced("integral", REAL),
        lambda call, result: [("arithmetic", {"scale": magnitude(result)})],
        spread,
        _peaks(),
        (0,),
        whole_gradient(),
    ),
    Line(
        "average",
        _average,
        _weighted(),
        accumulated(weighted, lambda x, weights, axis, keepdims: 2 * terms(x, axis)),
        weighted,
        _weighted("smooth"),
        (0, 1),
        whole_gradient(),
    ),
]

LINES: Final[list[Line]] = [*SCANS, *SEGMENTS, *REDUCTIONS]
"""Scans, segments, and the reductions beyond the standard."""
