"""Six to eight dimensions, sizes of 1 alternating: values and gradients of every kind.

TensorFlow's kernels have limits of their own (five alternating dimensions to
broadcast, seven for argmax, five for softmax), which must not show.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import unifiedml as um
from unifiedml.testing import assert_parity

Array = np.ndarray[Any, Any]

BINARY = (
    "add subtract multiply divide maximum minimum pow atan2 floor_divide remainder "
    "less equal logical_xor"
).split()
REDUCTIONS = "sum mean prod max min any all var std logsumexp".split()


@st.composite
def _beside(draw: st.DrawFn) -> tuple[Array, Array]:
    """Draw two arrays whose sizes of 1 alternate, or stand anywhere."""
    ndim = draw(st.integers(6, 8))
    if draw(st.booleans()):
        first = [place % 2 for place in range(ndim)]
        second = [1 - one for one in first]
    else:
        bits = st.lists(st.integers(0, 1), min_size=ndim, max_size=ndim)
        first, second = draw(bits), draw(bits)
    x, y = (_filled([1 + bit for bit in bits]) for bits in (first, second))
    return x, y[0] if second[0] == 0 and draw(st.booleans()) else y


def _filled(shape: list[int]) -> Array:
    count = int(np.prod(shape))
    return (1 + np.arange(count) % 7 / 4 + np.arange(count) / 64).reshape(shape)


def _has(name: str) -> bool:
    return hasattr(um, name)


@pytest.mark.parametrize("name", list(filter(_has, BINARY)))
@given(operands=_beside())
@settings(max_examples=8)
def test_broadcasting(name: str, operands: tuple[Array, Array]) -> None:
    x, y = operands
    if name.startswith("logical"):
        x, y = x > 2, y > 2
    assert_parity(getattr(um, name), x, y)


@given(operands=_beside())
@settings(max_examples=8)
def test_where_and_clip(operands: tuple[Array, Array]) -> None:
    x, y = operands
    assert_parity(lambda x, y: um.where(x < y, x * 2, y), x, y)
    assert_parity(lambda x, y: um.broadcast_arrays(x, y)[0], x, y)


@pytest.mark.parametrize("name", list(filter(_has, REDUCTIONS)))
@given(data=st.data())
@settings(max_examples=8)
def test_reductions(name: str, data: st.DataObject) -> None:
    ndim = data.draw(st.integers(6, 8))
    x = _filled([2] * ndim) / 4
    first = data.draw(st.integers(0, 1))
    axis = tuple(range(first, ndim, 2))
    if data.draw(st.booleans()):
        axis = tuple(data.draw(st.permutations(range(ndim)))[:3])
    if name in ("any", "all"):
        x = x > 1
    assert_parity(lambda x: getattr(um, name)(x, axis=axis), x)


ALONG: dict[str, Callable[..., Any]] = {
    "argmax": lambda x, axis: um.argmax(x, axis=axis),
    "argmin": lambda x, axis: um.argmin(x, axis=axis),
    "softmax": lambda x, axis: um.softmax(x, axis=axis),
    "log_softmax": lambda x, axis: um.log_softmax(x, axis=axis),
    "flip": lambda x, axis: um.flip(x, axis=axis),
    "roll": lambda x, axis: um.roll(x, 1, axis=axis),
    "repeat": lambda x, axis: um.repeat(x, 2, axis=axis),
    "concat": lambda x, axis: um.concat([x, x * 2], axis=axis),
    "stack": lambda x, axis: um.stack([x[0], x[1]], axis=axis),
    "unstack": lambda x, axis: um.unstack(x, axis=axis)[1],
    "moveaxis": lambda x, axis: um.moveaxis(x, axis, 0),
    "take": lambda x, axis: um.take(x, um.asarray([1, 0, 1]), axis=axis),
    "split": lambda x, axis: um.split(x, 2, axis=axis)[1],
    "squeeze": lambda x, axis: um.squeeze(um.sum(x, axis=axis, keepdims=True), axis),
    "take_along_axis": lambda x, axis: um.take_along_axis(
        x, um.argmax(x, axis=axis, keepdims=True), axis=axis
    ),
    "pad": lambda x, axis: um.pad(x, 1)[..., 1:],
    "edge": lambda x, axis: um.pad(
        x, [(int(one == axis), 0) for one in range(x.ndim)], mode="edge"
    ),
    "tile": lambda x, axis: um.tile(x, [1 + (one == axis) for one in range(x.ndim)]),
    "tril": lambda x, axis: um.tril(um.moveaxis(x, axis, -1)),
    "slice": lambda x, axis: um.moveaxis(x, axis, 0)[::-1, ..., 1],
    "mask": lambda x, axis: um.moveaxis(x, axis, 0)[um.asarray([False, True])],
    "elements": lambda x, axis: x[x > 2],
    "nonzero": lambda x, axis: um.nonzero(x > 2)[axis],
    "arrays": lambda x, axis: x[um.asarray([1, 0]), ..., um.asarray([0, 1])],
    "at": lambda x, axis: x.at[um.asarray([1, 1])].add(x),
    "at behind": lambda x, axis: x.at[..., um.asarray([1, 0])].max(x * 1.5),
    "matmul": lambda x, axis: x @ um.moveaxis(x, axis, 0),
    "astype": lambda x, axis: x.astype("float64"),
}


@pytest.mark.parametrize("name", ALONG)
@given(data=st.data())
@settings(max_examples=6)
def test_along_an_axis(name: str, data: st.DataObject) -> None:
    ndim = data.draw(st.integers(6, 8))
    axis = data.draw(st.integers(0, ndim - (2 if name == "stack" else 1)))
    x = _filled([2] * ndim)
    assert_parity(lambda x: ALONG[name](x, axis), x)


TOO_MANY: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda x: um.zeros((1,) * 9),
    "slice": lambda x: um.reshape(x, (1,) * 9)[0],
    "ellipsis": lambda x: um.reshape(x, (1,) * 9)[...],
    "half a key": lambda x: um.reshape(x, (1,) * 9)[0, 0, 0, 0, 0, 0, 0, 0, :],
    "at": lambda x: um.reshape(x, (1,) * 9).at[(0,) * 9].set(1),
    "nonzero": lambda x: um.nonzero(um.reshape(x, (1,) * 9)),
    "expand_dims": lambda x: um.expand_dims(x, axis=0),
    "broadcast_to": lambda x: um.broadcast_to(x, (2, *x.shape)),
    "stack": lambda x: um.stack([x, x]),
    "None": lambda x: x[None],
    "asarray": lambda x: um.asarray(np.ones((1,) * 9)),
    "nested": lambda x: um.asarray([x, x]),
    "take": lambda x: um.take(x, um.asarray([[0]]), axis=0),
    "index": lambda x: x[um.asarray([[0]])],
    "tile": lambda x: um.tile(x, (1,) * 9),
    "from_dlpack": lambda x: um.from_dlpack(np.ones((1,) * 9)),
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_more_than_eight(name: str, backend: str) -> None:
    x = um.ones((1,) * 8)
    with pytest.raises(ValueError, match="at most 8 dimensions, not the 9 of"):
        TOO_MANY[name](x)


@given(data=st.data())
@settings(max_examples=8)
def test_elements_beyond_eight(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 2), min_size=9, max_size=12))
    key = tuple(data.draw(st.integers(-size, size - 1)) for size in sizes)
    x = _filled([math.prod(sizes)])
    assert_parity(lambda x: um.reshape(x, sizes)[key], x)


@pytest.mark.parametrize("size", [9, 64])
def test_beyond_eight_and_back(size: int, backend: str) -> None:
    x = um.reshape(um.arange(4), (2, *(1,) * (size - 2), 2))
    assert x.shape == x.numpy().shape
    assert um.reshape(x, (4,)).tolist() == [0, 1, 2, 3]
    with pytest.raises(IndexError, match="axis 1 with size 1"):
        x[(1, 1, *(0,) * (size - 2))]
    with pytest.raises(TypeError, match="no indices"):
        x[(True, *(0,) * (size - 1))]


def test_what_a_kernel_refuses(backend: str) -> None:
    x = um.reshape(um.arange(512), (2,) * 9)
    # Right, or the library's own refusal: no error of the backend.
    with contextlib.suppress(ValueError):
        assert um.where(x > 3, x, 0)[(1,) * 9] == 511


def test_beyond_64(backend: str) -> None:
    with pytest.raises(ValueError, match="at most 64 dimensions, not the 65 of"):
        um.reshape(um.ones(1), (1,) * 65)
