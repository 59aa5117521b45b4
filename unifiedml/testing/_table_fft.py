"""The parity table: Fourier transforms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._arguments import Calls
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import EXACT, Terms, linear_gradient, whole_gradient
from unifiedml.testing._strategies import arrays, axes, dtypes, shapes

__all__ = ["LINES"]

Array = npt.NDArray[Any]
REAL: Final = ("float32", "float64")
COMPLEX: Final = ("complex64", "complex128")
_NORMS: Final = st.sampled_from(["backward", "ortho", "forward"])


@st.composite
def _one(draw: st.DrawFn, names: tuple[str, ...], least: int = 1) -> Call:
    name = draw(st.sampled_from(names))
    shape = draw(st.sampled_from([(5,), (2, 4), (3, 1, 2), (0, 3), (2, 2, 1, 1, 3)]))
    # Of nothing there is no transform; others of a stack may be nothing.
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    # Of nothing there is no transform: 0 numbers, or 1 frequency of 2 (1 - 1).
    sizes = st.integers(least, 7)
    n = draw(st.none() | sizes if shape[axis] >= least else sizes)
    x = draw(arrays(shape, name, elements="moderate"))
    return Call(x, n=n, axis=axis, norm=draw(_NORMS))


@st.composite
def _several(draw: st.DrawFn, names: tuple[str, ...]) -> Call:
    name = draw(st.sampled_from(names))
    shape = draw(shapes(1, 3, min_side=2, max_side=4))
    places = draw(st.permutations(range(len(shape))))
    chosen = tuple(places[: draw(st.integers(1, len(shape)))])
    s = draw(st.none() | st.just(tuple(range(2, 2 + len(chosen)))))
    x = draw(arrays(shape, name, elements="moderate"))
    return Call(x, s=s, axes=chosen, norm=draw(_NORMS))


@st.composite
def _shifted(draw: st.DrawFn, *names: str) -> Call:
    x = draw(
        arrays(shapes(1, 4, max_side=4), draw(dtypes(*names)), elements="moderate")
    )
    return Call(x, axes=draw(axes(x.ndim)))


def _rounding(call: Any, result: Array) -> Terms:
    """Return the rounding of a transform: that of the sum of all it may add up."""
    x = call.args[0]
    total = float(np.sum(np.abs(x)))
    count = max(2, x.size, 2 * result.size)
    scale = 2 * total * (math.sqrt(count) if call.kwargs["norm"] == "forward" else 1)
    return [("fft", {"scale": scale * 2, "length": count})]


def _line(name: str, calls: Callable[[tuple[str, ...]], Calls], kind: str) -> Line:
    names = REAL if kind == "real" else COMPLEX + REAL
    smooth = REAL if kind == "real" else COMPLEX
    return Line(
        f"fft.{name}",
        getattr(um.fft, name),
        calls(names),
        _rounding,
        getattr(np.fft, name),
        calls(smooth),
        (0,),
        whole_gradient(8),
    )


@st.composite
def _frequencies(draw: st.DrawFn) -> Call:
    return Call(draw(st.integers(0, 9)), d=draw(st.sampled_from([1.0, 0.5, 2.0])))


def _frequency_line(name: str, oracle: Callable[..., Any]) -> Line:
    def rounding(call: Any, result: Array) -> Terms:
        return [("arithmetic", {"scale": np.abs(result)})]

    return Line(
        f"fft.{name}",
        getattr(um.fft, name),
        _frequencies(),
        rounding,
        oracle,
        no_gradient="its arguments are numbers",
    )


def _shift_line(name: str) -> Line:
    return Line(
        f"fft.{name}",
        getattr(um.fft, name),
        _shifted(),
        EXACT,
        getattr(np.fft, name),
        _shifted("real floating"),
        (0,),
        linear_gradient(),
    )


LINES: Final[list[Line]] = [
    _line("fft", _one, "complex"),
    _line("ifft", _one, "complex"),
    _line("rfft", _one, "real"),
    _line("irfft", lambda names: _one(names, 2), "complex"),
    _line("hfft", lambda names: _one(names, 2), "complex"),
    _line("ihfft", _one, "real"),
    _line("fftn", _several, "complex"),
    _line("ifftn", _several, "complex"),
    _line("rfftn", _several, "real"),
    _line("irfftn", _several, "complex"),
    _frequency_line("fftfreq", np.fft.fftfreq),
    _frequency_line("rfftfreq", np.fft.rfftfreq),
    _shift_line("fftshift"),
    _shift_line("ifftshift"),
]
"""Every transform, and what goes with them."""
