"""The parity table: shapes and indexing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._dtypes import as_dtype
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    EXACT,
    linear_gradient,
)
from unifiedml.testing._strategies import arrays, axes, dtypes, shapes
from unifiedml.testing._table_reductions import axes_of

__all__ = ["LINES", "METHODS", "any_array", "moved", "none_if_refused"]

Array = npt.NDArray[Any]

REAL: Final = "real floating"
COMPLEX: Final = "complex floating"

# --- shapes ---


def moved(
    name: str,
    function: Callable[..., Any],
    oracle: Callable[..., Any],
    calls: Callable[..., Any],
    argnums: tuple[int, ...] = (0,),
) -> Line:
    """Return the line of a function that moves elements without changing them.

    ``calls`` takes the kinds of data types to draw from.
    """

    def is_valid(call: Call) -> bool:
        try:
            oracle(*call.args, **call.kwargs)
        except (ValueError, IndexError):
            return False
        return True

    smooth = calls(REAL).filter(is_valid)
    return Line(
        name,
        function,
        calls(),
        EXACT,
        none_if_refused(oracle),
        smooth,
        argnums,
        linear_gradient(),
    )


def none_if_refused(oracle: Callable[..., Any]) -> Callable[..., Any]:
    """Return the oracle without an answer where NumPy has none."""

    def answer(*args: Any, **options: Any) -> Any:
        try:
            return oracle(*args, **options)
        except (ValueError, IndexError):
            return None

    return answer


@st.composite
def any_array(
    draw: st.DrawFn, *kinds: str, min_dims: int = 0, min_side: int = 0
) -> Array:
    """Draw an array of up to five dimensions, with ``kinds`` of up to three."""
    max_dims = 3 if kinds else 5
    shape = shapes(min_dims, max(max_dims, min_dims), min_side=min_side, max_side=3)
    return draw(arrays(shape, draw(dtypes(*kinds)), elements="moderate"))


@st.composite
def _reshapes(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    shape = draw(st.permutations([*x.shape, 1]))
    choices = [tuple(shape), (-1,), x.shape[::-1], (x.size,), (x.size + 1,), (7, -1)]
    return Call(x, draw(st.sampled_from(choices)))


@st.composite
def _permutations(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    order = draw(st.permutations(range(x.ndim)))
    signs = draw(st.booleans())
    return Call(x, tuple(one - x.ndim * signs for one in order))


@st.composite
def _with_axis(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    return Call(x, axis=draw(st.integers(-x.ndim - 1, x.ndim + 1)))


@st.composite
def _matrix(draw: st.DrawFn, *kinds: str) -> Call:
    return Call(draw(any_array(*kinds, min_dims=2)))


@st.composite
def _beside(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    return Call(x, np.zeros((2, *(1,) * x.ndim), np.int64))


@st.composite
def _squeezes(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    place = draw(st.integers(0, x.ndim))
    return Call(np.expand_dims(x, place), place - draw(st.booleans()) * (x.ndim + 1))


@st.composite
def _broadcasts(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    lead = draw(st.sampled_from([(), (2,), (0,), (3, 1)]))
    stretched = tuple(
        2 if size == 1 and draw(st.booleans()) else size for size in x.shape
    )
    return Call(x, draw(st.sampled_from([(*lead, *stretched), (*x.shape, 5)])))


@st.composite
def _several(draw: st.DrawFn, joined: bool, *kinds: str) -> Call:
    first = draw(any_array(*kinds, min_dims=int(joined)))
    axis = draw(st.integers(-first.ndim, first.ndim - 1)) if first.ndim else 0
    others = [first]
    for _ in range(draw(st.integers(0, 2))):
        shape = list(first.shape)
        if joined:
            shape[axis] = draw(st.integers(0, 2))
        name = as_dtype(first.dtype).name
        others.append(draw(arrays(tuple(shape), name, elements="moderate")))
    return Call(*others, axis=axis)


def _joined(*kinds: str) -> Any:
    return _several(True, *kinds)


def _stacked(*kinds: str) -> Any:
    return _several(False, *kinds)


@st.composite
def _flips(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds))
    return Call(x, axis=draw(axes(x.ndim)))


def _flip(x: Array, axis: Any = None) -> Array:
    return np.flip(x, axis=axes_of(x, axis))


def _concat(*xs: Any, axis: int | None) -> Any:
    return um.concat(list(xs), axis=axis)


def _stack(*xs: Any, axis: int) -> Any:
    return um.stack(list(xs), axis=axis)


SHAPES: Final[list[Line]] = [
    moved("reshape", um.reshape, np.reshape, _reshapes),
    moved("permute_dims", um.permute_dims, np.transpose, _permutations),
    moved(
        "matrix_transpose",
        um.matrix_transpose,
        lambda x: np.swapaxes(x, -1, -2),
        _matrix,
    ),
    moved("expand_dims", um.expand_dims, np.expand_dims, _with_axis),
    moved("squeeze", um.squeeze, np.squeeze, _squeezes),
    moved("broadcast_to", um.broadcast_to, np.broadcast_to, _broadcasts),
    moved(
        "broadcast_arrays",
        lambda *xs: um.broadcast_arrays(*xs)[0],
        lambda *xs: np.broadcast_arrays(*xs)[0],
        _beside,
    ),
    moved("flip", um.flip, _flip, _flips),
    moved("concat", _concat, lambda *xs, axis: np.concatenate(xs, axis), _joined),
    moved("stack", _stack, lambda *xs, axis: np.stack(xs, axis), _stacked),
]


# --- indexing ---


@st.composite
def _keys(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1, min_side=1))
    key: list[Any] = []
    for size in x.shape[: draw(st.integers(1, x.ndim))]:
        bound = st.none() | st.integers(-size - 1, size + 1)
        step = st.sampled_from([None, 1, -1, 2, -2])
        key.append(
            draw(
                st.integers(-size, size - 1)
                | st.builds(slice, bound, bound, step)
                | st.lists(st.integers(-size, size - 1), min_size=1, max_size=1)
                | st.none()
            )
        )
    while sum(one is not None for one in key) > x.ndim:
        key.pop()
    return Call(x, key=tuple(key))


@st.composite
def _takes(draw: st.DrawFn, *kinds: str) -> Call:
    x = draw(any_array(*kinds, min_dims=1, min_side=1))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    size = x.shape[axis]
    index = draw(arrays(shapes(0, 2, max_side=3), "int64", elements="smooth"))
    inside = index % size if draw(st.integers(0, 5)) else index
    return Call(x, np.asarray(inside, np.int64), axis=axis)


@st.composite
def _writes(draw: st.DrawFn, *kinds: str) -> Call:
    call = draw(_keys(*kinds))
    (x,) = call.args
    try:
        shape = x[call.kwargs["key"]].shape
    except IndexError:
        shape = ()
    value = draw(arrays(shape, as_dtype(x.dtype).name, elements="moderate"))
    return Call(x, value, **call.kwargs)


def _read(x: Any, key: Any) -> Any:
    return x[key]


def _written(x: Any, value: Any, key: Any) -> Any:
    copied = um.asarray(x, copy=True)
    copied[key] = value
    return copied


def _written_array(x: Array, value: Array, key: Any) -> Array:
    copied = x.copy()
    copied[key] = value
    return copied


@st.composite
def _some_zeros(draw: st.DrawFn) -> Call:
    shape = shapes(0, 4, max_side=3)
    return Call(draw(arrays(shape, dtypes("bool", "integral", REAL), elements="unit")))


INDEXING: Final[list[Line]] = [
    moved("Tensor.__getitem__", _read, _read, _keys),
    moved("Tensor.__setitem__", _written, _written_array, _writes, (0, 1)),
    moved("take", um.take, np.take, _takes),
    Line(
        "nonzero",
        um.nonzero,
        _some_zeros(),
        EXACT,
        none_if_refused(np.nonzero),
        no_gradient="the result is integers",
    ),
]


LINES: Final[list[Line]] = [*SHAPES, *INDEXING]
"""Every operation that moves elements without changing them."""


def _method(name: str, of: str, function: Callable[..., Any]) -> Line:
    (line,) = (one for one in LINES if one.name == of)
    return dataclasses.replace(line, name=f"Tensor.{name}", function=function)


METHODS: Final[list[Line]] = [
    _method("reshape", "reshape", lambda x, shape: x.reshape(shape)),
    _method("mT", "matrix_transpose", lambda x: x.mT),
]
"""The methods of tensors that call them."""
