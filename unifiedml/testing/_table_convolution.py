"""The parity table: convolution, pooling, resizing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing import _oracles_windows as oracles
from unifiedml.testing._arguments import distinct
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import EXACT, accumulated, linear_gradient
from unifiedml.testing._strategies import arrays, dtypes

__all__ = ["LINES"]

Array = npt.NDArray[Any]
REAL: Final = "real floating"
Oracle = Callable[..., Any]


def refused(oracle: Oracle) -> Oracle:
    """Return the oracle without an answer where the shapes do not fit."""

    def answer(*args: Any, **options: Any) -> Any:
        try:
            return oracle(*args, **options)
        except ValueError:
            return None

    return answer


def _steps(rank: int, most: int = 3) -> st.SearchStrategy[Any]:
    one = st.integers(1, most)
    return one | st.tuples(*[one] * rank)


@st.composite
def _spatial(draw: st.DrawFn, smooth: bool) -> tuple[int, ...]:
    sides = st.integers(2, 5) if smooth else st.integers(0, 6)
    return tuple(draw(st.lists(sides, min_size=1, max_size=2 if smooth else 3)))


@st.composite
def _convolutions(
    draw: st.DrawFn, kind: str, smooth: bool, groups: bool = True
) -> Call:
    """Draw calls of a convolution; of those that are not smooth some do not fit."""
    rank = len(spatial := draw(_spatial(smooth)))
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    parts, inner, outer = (draw(st.integers(1, 2)) for _ in range(3))
    parts = parts if groups else 1
    most = 2 if smooth else 3
    sizes = tuple(draw(st.integers(1, most)) for _ in range(rank))
    channels = parts * inner
    last = {
        "conv": (inner, parts * outer),
        "conv_transpose": (outer, channels),
        "depthwise_conv": (channels, outer),
    }[kind]
    if not smooth and draw(st.integers(0, 9)) == 9:
        channels += 1
    options: dict[str, Any] = {
        "strides": draw(_steps(rank)),
        "padding": "same" if smooth else draw(st.sampled_from(["valid", "same"])),
        "dilation_rate": draw(_steps(rank, 2)),
        "data_format": draw(st.sampled_from([None, "channels_first"])),
    }
    if kind == "conv_transpose":
        options["groups"] = parts
    batch = draw(st.integers(int(smooth), 2))
    elements = "smooth" if smooth else "moderate"
    shape = (batch, *spatial, channels)
    x = draw(arrays(shape, name, elements=elements))  # type: ignore[arg-type]
    kernel = draw(arrays((*sizes, *last), name, elements=elements))  # type: ignore[arg-type]
    if options["data_format"]:
        x = np.moveaxis(x, -1, 1)
    return Call(np.ascontiguousarray(x), kernel, **options)


def _terms(x: Array, kernel: Array, **options: Any) -> int:
    """Return a bound on how many products one element is the sum of."""
    return kernel.size


def _gradient_terms(x: Array, kernel: Array, **options: Any) -> int:
    return max(x.size, 1) * kernel.size


def _convolution(name: str) -> Line:
    oracle = refused(getattr(oracles, name))
    return Line(
        name,
        getattr(um, name),
        _convolutions(name, False),
        accumulated(oracle, _terms),
        oracle,
        _convolutions(name, True),
        (0, 1),
        linear_gradient(_gradient_terms),
    )


@st.composite
def _separable(draw: st.DrawFn, smooth: bool) -> Call:
    call = draw(_convolutions("depthwise_conv", smooth))
    x, kernel = call.args
    outer = math.prod(kernel.shape[-2:])
    shape = (*(1,) * (kernel.ndim - 2), outer, draw(st.integers(1, 2)))
    elements: Any = "smooth" if smooth else "moderate"
    mix = draw(arrays(shape, um.asarray(x).dtype.name, elements=elements))
    return Call(x, kernel, mix, **call.kwargs)


def _separated(x: Array, kernel: Array, mix: Array, **options: Any) -> Array:
    y = oracles.depthwise_conv(x, kernel, **options)
    return oracles.conv(y, mix, data_format=options["data_format"])


# --- pooling ---


@st.composite
def _pools(draw: st.DrawFn, smooth: bool, apart: bool = False) -> Call:
    spatial = draw(_spatial(smooth))
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    shape = (draw(st.integers(int(smooth), 2)), *spatial, draw(st.integers(1, 2)))
    if apart:
        x = draw(distinct(shape, name))
    else:
        elements: Any = "smooth" if smooth else "moderate"
        x = draw(arrays(shape, name, elements=elements))
    steps = _steps(len(spatial))
    padding = "same" if smooth else draw(st.sampled_from(["valid", "same"]))
    return Call(
        x,
        draw(steps),
        strides=draw(st.none() | steps),
        padding=padding,
        data_format=draw(st.sampled_from([None, "channels_first"])),
    )


@st.composite
def _pools_of_anything(draw: st.DrawFn) -> Call:
    call = draw(_pools(False))
    x, size = call.args
    places = draw(st.lists(st.integers(0, max(x.size - 1, 0)), max_size=3))
    changed = x.copy()
    for place in places if x.size else ():
        changed.flat[place] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return Call(changed, size, **call.kwargs)


def _pool_terms(x: Array, size: Any, **options: Any) -> int:
    sizes = size if isinstance(size, tuple) else (size,) * (x.ndim - 2)
    return math.prod(sizes)


# --- resizing ---


@st.composite
def _resizes(draw: st.DrawFn, smooth: bool, interpolation: str) -> Call:
    spatial = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    linear = interpolation == "bilinear"
    kinds = ("float32", "float64") if smooth else ((REAL,) if linear else ())
    shape = (draw(st.integers(0, 2)), *spatial, draw(st.integers(0, 2)))
    elements: Any = "smooth" if smooth else "moderate"
    x = draw(arrays(shape, draw(dtypes(*kinds)), elements=elements))
    return Call(
        x,
        draw(_steps(len(spatial), 6)),
        interpolation=interpolation,
        data_format=None,
    )


def _resized(x: Array, size: Any, interpolation: str, data_format: str | None) -> Array:
    sizes = size if isinstance(size, tuple) else (size,) * (x.ndim - 2)
    for axis, count in enumerate(sizes, start=1):
        x = _resized_along(x, axis, count, interpolation)
    return x


def _resized_along(x: Array, axis: int, count: int, interpolation: str) -> Array:
    size = x.shape[axis]
    centres = (np.arange(count) + 0.5) * size / count
    if interpolation == "nearest":
        return np.asarray(np.take(x, np.floor(centres).astype(int), axis=axis))
    # The weight of an old pixel falls to 0 at its neighbours' centres.
    places = np.clip(centres - 0.5, 0, size - 1)
    weights = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size)))
    moved = np.moveaxis(x, axis, -1) @ weights.T
    return np.asarray(np.moveaxis(moved, -1, axis))


LINES: Final[list[Line]] = [
    _convolution("conv"),
    _convolution("conv_transpose"),
    _convolution("depthwise_conv"),
    Line(
        "separable_conv",
        um.separable_conv,
        _separable(False),
        accumulated(refused(_separated), lambda x, k, m, **o: k.size + m.size),
        refused(_separated),
        _separable(True),
        (0, 1, 2),
        linear_gradient(lambda x, k, m, **o: x.size * k.size * m.size),
    ),
    Line(
        "max_pool",
        um.max_pool,
        _pools_of_anything(),
        EXACT,
        refused(oracles.max_pool),
        _pools(True, apart=True),
        (0,),
        linear_gradient(selects=True),
    ),
    Line(
        "average_pool",
        um.average_pool,
        _pools(False),
        accumulated(refused(oracles.average_pool), _pool_terms),
        refused(oracles.average_pool),
        _pools(True),
        (0,),
        linear_gradient(),
    ),
    Line(
        "resize",
        um.resize,
        _resizes(False, "bilinear") | _resizes(False, "nearest"),
        accumulated(_resized, lambda x, size, **options: 2 ** (x.ndim - 1)),
        _resized,
        _resizes(True, "bilinear"),
        (0,),
        linear_gradient(),
    ),
]
"""Every operation whose windows slide over an input."""
