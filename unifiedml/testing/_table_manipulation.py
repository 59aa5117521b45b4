"""The parity table: rearranging, repeating, padding, and updates by index."""

from __future__ import annotations

from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._dtypes import as_dtype
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import EXACT, linear_gradient
from unifiedml.testing._strategies import dtypes
from unifiedml.testing._table_shapes import any_array, moved, none_if_refused

__all__ = ["LINES"]

Array = npt.NDArray[Any]

# --- the arguments ---


@st.composite
def _moves(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    count = draw(st.integers(0, x.ndim))
    sources = draw(st.permutations(range(x.ndim)))[:count]
    signs = draw(st.booleans())
    places = draw(st.permutations(range(x.ndim)))[:count]
    return Call(x, tuple(one - x.ndim * signs for one in sources), tuple(places))


@st.composite
def _swaps(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1))
    axis = st.integers(-x.ndim, x.ndim)
    return Call(x, draw(axis), draw(axis))


@st.composite
def _one(draw: st.DrawFn, *kinds: str) -> Call:
    return Call(draw(any_array(*kinds)))


@st.composite
def _along(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1, min_side=1))
    return Call(x, axis=draw(st.integers(-x.ndim, x.ndim)))


@st.composite
def _repeats(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    size = x.size if axis is None else x.shape[axis]
    # The error enumeration has negative ones.
    counts: Any = st.integers(0, 3)
    if draw(st.booleans()):
        counts = st.lists(st.integers(0, 2), min_size=size, max_size=size)
    drawn = draw(counts)
    repeats = drawn if isinstance(drawn, int) else np.asarray(drawn, np.int64)
    return Call(x, repeats, axis=axis)


@st.composite
def _tiles(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    counts = draw(st.lists(st.integers(0, 2), max_size=4))
    return Call(x, tuple(counts))


@st.composite
def _rolls(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    shift = st.integers(-7, 7)
    if not x.ndim or draw(st.booleans()):
        return Call(x, draw(shift))
    axes = draw(st.lists(st.integers(-x.ndim, x.ndim - 1), min_size=1, max_size=3))
    shifts = [draw(shift) for _ in axes]
    return Call(x, tuple(shifts), axis=tuple(axes))


@st.composite
def _sections(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    cuts = st.lists(st.integers(-2, 4), max_size=3)
    return Call(x, draw(st.integers(1, 4) | cuts), axis=axis)


@st.composite
def _pads(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1))
    width = st.integers(0, 4)
    pair = st.tuples(width, width)
    widths = st.integers(-1, 3) | pair | st.tuples(*[pair] * x.ndim)
    modes = ["constant", "edge", "reflect", "symmetric", "wrap"]
    return Call(x, draw(widths), mode=draw(st.sampled_from(modes)))


@st.composite
def _takes_along(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1, min_side=1))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    return Call(x, draw(_index(x.shape, axis)), axis=axis)


@st.composite
def _index(draw: st.DrawFn, shape: tuple[int, ...], axis: int) -> Array:
    sizes = list(shape)
    size, sizes[axis] = sizes[axis], draw(st.integers(0, 3))
    count = int(np.prod(sizes, dtype=int))
    # Rarely out of bounds.
    place = st.integers(-size, size - 1 if draw(st.integers(0, 5)) else size)
    places = draw(st.lists(place, min_size=count, max_size=count))
    return np.asarray(places, np.int64).reshape(sizes)


@st.composite
def _puts_along(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1, min_side=1))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    sizes = list(x.shape)
    # What stands twice is unspecified.
    order = draw(st.permutations(range(sizes[axis])))
    sizes[axis] = draw(st.integers(0, len(order)))
    line = [1] * x.ndim
    line[axis] = sizes[axis]
    index = np.asarray(order[: sizes[axis]], np.int64).reshape(line)
    values = np.resize(x, sizes) if x.size else np.zeros(sizes, x.dtype)
    return Call(x, np.broadcast_to(index, sizes).copy(), values[::1], axis=axis)


@st.composite
def _matrices(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=2))
    return Call(x, k=draw(st.integers(-5, 5)))


@st.composite
def _diagonals(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    shape = x.shape[:2] if x.ndim > 1 else x.shape
    return Call(
        x.reshape(-1)[: int(np.prod(shape))].reshape(shape)
        if x.size
        else np.zeros(shape, x.dtype),
        k=draw(st.integers(-4, 4)),
    )


@st.composite
def _lines(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    return Call(
        x.reshape(-1), np.arange(3.0), indexing=draw(st.sampled_from(["xy", "ij"]))
    )


# --- updates: small integers, so that sums and products are exact ---


@st.composite
def _updates(draw: st.DrawFn, *kinds: str) -> Call:
    how = draw(st.sampled_from(["add", "multiply", "max", "min"]))
    if kinds:
        how = "add"
    chosen = draw(dtypes(*(kinds or ("real floating", "integral"))))
    numpy = as_dtype(chosen).numpy
    size = draw(st.integers(1, 4))
    width = draw(st.sampled_from([(), (0,), (2,), (2, 3)]))
    x = draw(_small((size, *width)))
    index = draw(st.lists(st.integers(-size, size - 1), max_size=5))
    new = draw(_small((len(index), *width)))
    places = np.asarray(index, np.int64)
    return Call(x.astype(numpy), new.astype(numpy), index=places, how=how)


@st.composite
def _small(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape, dtype=int))
    drawn = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return np.asarray(drawn, np.float64).reshape(shape)


def _worked(x: Any, new: Any, index: Any, how: str) -> Any:
    return getattr(um.asarray(x).at[index], how)(new)


_UFUNCS: Final[dict[str, Any]] = {
    "add": np.add,
    "multiply": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


def _worked_array(x: Array, new: Array, index: Array, how: str) -> Array:
    changed = x.copy()
    _UFUNCS[how].at(changed, index, new)
    return changed


# --- oracles ---


def _swapped(x: Array, first: int, second: int) -> Array:
    return np.swapaxes(x, first, second)


def _put(x: Array, index: Array, values: Array, axis: int) -> Array:
    changed = x.copy()
    np.put_along_axis(changed, index, values, axis)
    return changed


def _roll(x: Array, shift: Any, axis: Any = None) -> Array:
    return np.roll(x, shift, axis)


def _tile(x: Array, counts: Any) -> Array:
    return np.tile(x, counts)


def _rejoined(cut: Any, joined: Any) -> Any:
    """Return a function that cuts and joins the parts, the last one first."""

    def rejoin(x: Any, sections: Any, axis: int) -> Any:
        return joined(list(cut(x, sections, axis=axis))[::-1], axis=axis)

    return rejoin


def _restacked(apart: Any, stack: Any) -> Any:
    return lambda x, axis: stack(apart(x, axis=axis)[::-1])


def _sequences(name: str, oracle: Any, least: float) -> Line:
    number = st.sampled_from([least, 1.0, 2.0, 3.0])
    return Line(
        name,
        lambda start, stop, num: getattr(um, name)(start, stop, num, dtype="float64"),
        st.builds(Call, number, number, num=st.integers(0, 6)),
        EXACT,
        oracle,
        no_gradient="made of numbers on the host",
    )


LINES: Final[list[Line]] = [
    moved("moveaxis", um.moveaxis, np.moveaxis, _moves),
    moved("swapaxes", um.swapaxes, _swapped, _swaps),
    moved("flatten", um.flatten, np.ravel, _one),
    moved("Tensor.flatten", lambda x: x.flatten(), np.ravel, _one),
    moved("Tensor.swapaxes", lambda x, a, b: x.swapaxes(a, b), _swapped, _swaps),
    moved("Tensor.squeeze", lambda x: x.squeeze(), np.squeeze, _one),
    moved(
        "unstack",
        _restacked(um.unstack, um.stack),
        _restacked(np.unstack, np.stack),
        _along,
    ),
    moved("repeat", um.repeat, np.repeat, _repeats),
    moved("tile", um.tile, _tile, _tiles),
    moved("roll", um.roll, _roll, _rolls),
    moved(
        "split",
        _rejoined(um.split, um.concat),
        _rejoined(np.split, np.concat),
        _sections,
    ),
    moved(
        "array_split",
        _rejoined(um.array_split, um.concat),
        _rejoined(np.array_split, np.concat),
        _sections,
    ),
    moved("pad", um.pad, np.pad, _pads),
    moved("take_along_axis", um.take_along_axis, np.take_along_axis, _takes_along),
    moved("put_along_axis", um.put_along_axis, _put, _puts_along, (0, 2)),
    moved("tril", um.tril, np.tril, _matrices),
    moved("triu", um.triu, np.triu, _matrices),
    moved("diag", um.diag, np.diag, _diagonals),
    moved("meshgrid", um.meshgrid, np.meshgrid, _lines),
    Line(
        "Tensor.at",
        _worked,
        _updates(),
        EXACT,
        none_if_refused(_worked_array),
        _updates("real floating"),
        (0, 1),
        linear_gradient(),
    ),
    _sequences("logspace", np.logspace, 0.0),
    _sequences("geomspace", np.geomspace, 0.5),
]
"""Operations that move elements, and updates."""
