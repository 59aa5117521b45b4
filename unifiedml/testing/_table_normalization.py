"""The parity table: normalisation and attention."""

from __future__ import annotations

import math
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._arguments import distinct
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    magnitude,
    whole,
    whole_gradient,
)
from unifiedml.testing._strategies import arrays, dtypes, shapes

__all__ = ["LINES", "attention", "batch", "group", "layer", "moments", "rms"]

Array = npt.NDArray[Any]
REAL: Final = "real floating"


def _mean(x: Array, axes: tuple[int, ...], keepdims: bool = True) -> Array:
    """Return the mean, without NumPy's warning that there is none of nothing."""
    count = np.float64(math.prod(x.shape[axis] for axis in axes))
    return np.asarray(np.sum(x, axes, keepdims=keepdims) / count)


def _standard(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    centred = x - _mean(x, axes)
    variance = _mean(centred**2, axes)
    return np.asarray(centred / np.sqrt(variance + epsilon))


def _condition(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """Return ``|mean| / sigma``."""
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return np.asarray(np.abs(mean) / np.sqrt(variance + epsilon))


def layer(x: Array, gamma: Array, beta: Array, axis: int, epsilon: float) -> Array:
    return _standard(x, (axis,), epsilon) * gamma + beta


@st.composite
def _layers(draw: st.DrawFn, smooth: bool) -> Call:
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    shape = draw(shapes(1, 3, min_side=2 if smooth else 0, max_side=4))
    size = shape[-1:]
    elements = arrays(shape, name, elements="smooth")
    x = draw(distinct(shape, name) if smooth else elements)
    gamma, beta = (draw(arrays(size, name, elements="smooth")) for _ in range(2))
    return Call(x, gamma, beta, axis=-1, epsilon=draw(st.sampled_from([1e-5, 0.125])))


def _layer_rounding(call: Any, result: Array) -> Any:
    x, gamma, beta = call.args
    epsilon, axes = call.kwargs["epsilon"], (-1,)
    if not x.size:
        return [("exact", {"scale": 0})]
    y = _standard(x, axes, epsilon)
    scale = np.maximum(1, magnitude(y)) * magnitude(gamma)
    condition = np.broadcast_to(_condition(x, axes, epsilon), x.shape)
    return [
        (
            "normalisation",
            {"scale": scale, "length": x.shape[-1], "condition": condition},
        ),
        ("arithmetic", {"scale": scale + magnitude(beta)}),
    ]


def rms(x: Array, scale: Array, epsilon: float) -> Array:
    size = np.sqrt(_mean(x**2, (-1,)) + epsilon)
    return np.asarray(x / size * scale)


@st.composite
def _with_scale(draw: st.DrawFn, smooth: bool) -> Call:
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    shape = draw(shapes(1, 3, min_side=int(smooth), max_side=4))
    x = draw(arrays(shape, name, elements="smooth"))
    return Call(x, draw(arrays(shape[-1:], name, elements="smooth")), epsilon=1e-6)


@st.composite
def _batches(draw: st.DrawFn, smooth: bool) -> Call:
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    shape = draw(shapes(2, 3, min_side=int(smooth), max_side=3))
    axis = draw(st.integers(0, len(shape) - 1))
    x = draw(arrays(shape, name, elements="smooth"))
    vectors = [
        draw(arrays(shape[axis : axis + 1], name, elements="smooth")) for _ in range(4)
    ]
    mean, variance, offset, scale = vectors
    return Call(x, mean, abs(variance), axis, offset, scale)


def batch(
    x: Array, mean: Array, variance: Array, axis: int, offset: Array, scale: Array
) -> Array:
    shape = [1] * x.ndim
    shape[axis] = -1
    m, v, b, g = (one.reshape(shape) for one in (mean, variance, offset, scale))
    return np.asarray((x - m) / np.sqrt(v + 1e-5) * g + b)


def _batch_rounding(call: Any, result: Array) -> Any:
    x, mean, variance, axis, offset, scale = call.args
    sizes = batch(
        magnitude(x), -magnitude(mean), variance, axis, abs(offset), abs(scale)
    )
    return [("accumulation", {"scale": magnitude(sizes), "length": 8})]


@st.composite
def _groups(draw: st.DrawFn, smooth: bool) -> Call:
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    groups, each = draw(st.integers(1, 2)), draw(st.integers(2, 3))
    spatial = draw(shapes(0, 2, min_side=1, max_side=2))
    shape = (draw(st.integers(1, 2)), *spatial, groups * each)
    vectors = [draw(arrays(shape[-1:], name, elements="smooth")) for _ in range(2)]
    return Call(draw(distinct(shape, name)), groups, *vectors)


def group(x: Array, groups: int, gamma: Array, beta: Array) -> Array:
    apart = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    return _standard(apart, (1, 3), 1e-5).reshape(x.shape) * gamma + beta


@st.composite
def _some(draw: st.DrawFn, /, smooth: bool, **options: Any) -> Call:
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    shape = draw(shapes(1, 3, min_side=int(smooth), max_side=4))
    x = draw(arrays(shape, name, elements="smooth"))
    chosen = {key: draw(value) for key, value in options.items()}
    return Call(x, **chosen)


def _normalized(x: Array) -> Array:
    norm = np.sqrt((x**2).sum(-1, keepdims=True))
    return np.asarray(x / np.maximum(norm, 1e-12))


def moments(x: Array, axes: int) -> tuple[Array, Array]:
    centred = x - _mean(x, (axes,))
    return _mean(x, (axes,), False), _mean(centred**2, (axes,), False)


def _moments_rounding(call: Any, result: Array) -> Any:
    (x,) = call.args
    scale = np.maximum(1, magnitude(x).max(initial=0)) ** 2
    return [("moments", {"scale": scale, "length": max(1, x.shape[0])})]


def _local(x: Array, depth_radius: int, beta: float) -> Array:
    channels = np.arange(x.shape[-1])
    near = np.abs(channels[:, None] - channels) <= depth_radius
    return np.asarray(x / (1 + (x**2) @ near) ** beta)


# --- attention ---


def _softmax(x: Array, mask: Array) -> Array:
    left = np.where(mask, x, -np.inf)
    top = np.max(left, axis=-1, keepdims=True, initial=-1e300)
    weights = np.where(mask, np.exp(np.where(mask, x, top) - top), 0)
    total = weights.sum(-1, keepdims=True)
    return np.asarray(weights / np.where(total == 0, 1, total))


def _rms_terms(x: Array, scale: Array, epsilon: float) -> float:
    """Return the largest factor of a cotangent: of one element, terms cancel."""
    squares = np.mean(np.square(x), axis=-1, keepdims=True) + epsilon
    return float(np.max(np.abs(scale) / np.sqrt(squares), initial=1))


@st.composite
def _masked(draw: st.DrawFn, smooth: bool) -> Call:
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    shape = draw(shapes(1, 3, min_side=int(smooth), max_side=4))
    x = draw(arrays(shape, name, elements="smooth"))
    return Call(x, draw(arrays(shape, "bool")))


@st.composite
def _attentions(draw: st.DrawFn, smooth: bool) -> Call:
    name = draw(dtypes("float32", "float64") if smooth else dtypes(REAL))
    batch, heads, size, values = (draw(st.integers(1, 2)) for _ in range(4))
    queries, keys = draw(st.integers(1, 3)), draw(st.integers(int(smooth), 3))

    def drawn(*shape: int) -> Array:
        return draw(arrays(shape, name, elements="smooth"))

    bias = drawn(batch, 1, queries, keys)
    if draw(st.booleans()) and bias.size:
        bias[0, 0, 0] = -np.inf
    return Call(
        drawn(batch, queries, heads, size),
        drawn(batch, keys, heads, size),
        drawn(batch, keys, heads, values),
        draw(st.sampled_from([None, bias])),
        draw(st.none() | arrays((batch, heads, queries, keys), "bool")),
        is_causal=draw(st.booleans()),
    )


def attention(
    q: Array, k: Array, v: Array, bias: Any, mask: Any, is_causal: bool
) -> Array:
    scores = np.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.shape[-1])
    allowed = np.ones(scores.shape, bool)
    if bias is not None:
        scores = scores + bias
        allowed = allowed & (scores > -np.inf)
    if mask is not None:
        allowed = allowed & mask
    if is_causal:
        allowed = allowed & np.tri(*scores.shape[-2:]).astype(bool)
    return np.asarray(np.einsum("bhqk,bkhd->bqhd", _softmax(scores, allowed), v))


def _line(
    name: str,
    oracle: Any,
    calls: Any,
    rounding: Any,
    argnums: tuple[int, ...] = (0,),
    terms: Any = None,
) -> Line:
    return Line(
        name,
        getattr(um, name),
        calls(False),
        rounding,
        oracle,
        calls(True),
        argnums,
        whole_gradient(4, terms),
    )


_RADII: Final = st.integers(1, 3)
_POWERS: Final = st.sampled_from([0.5, 0.75])

LINES: Final[list[Line]] = [
    _line("layer_normalization", layer, _layers, _layer_rounding, (0, 1, 2)),
    _line("rms_normalization", rms, _with_scale, whole(4), (0, 1), _rms_terms),
    _line("batch_normalization", batch, _batches, _batch_rounding, (0, 1, 4, 5)),
    _line("group_normalization", group, _groups, whole(8), (0, 2, 3)),
    _line("normalize", _normalized, _some, whole(4)),
    _line(
        "local_response_normalization",
        _local,
        lambda smooth: _some(smooth, depth_radius=_RADII, beta=_POWERS),
        whole(4),
    ),
    Line(
        "moments",
        um.moments,
        _some(False, axes=st.just(0)),
        _moments_rounding,
        moments,
        _some(True, axes=st.just(0)),
        (0,),
        whole_gradient(4),
    ),
    _line("masked_softmax", _softmax, _masked, whole(4)),
    _line("dot_product_attention", attention, _attentions, whole(8), (0, 1, 2)),
]
"""Normalisation and attention."""
