"""The parity table: convolutional, pooling, normalisation, recurrent layers..."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._parameter import lift
from unifiedml.testing import _oracles_windows as windows
from unifiedml.testing._arguments import distinct
from unifiedml.testing._line import Call, Line
from unifiedml.testing._oracles import sigmoid
from unifiedml.testing._rounding import whole, whole_gradient
from unifiedml.testing._strategies import arrays, dtypes
from unifiedml.testing._table_normalization import (
    attention,
    batch,
    group,
    layer,
    moments,
    rms,
)

__all__ = ["LINES"]

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


def _with_weights(make: Callable[[], Any], *names: str) -> Callable[..., Any]:
    """Return a function of an input and weights: a layer with these attributes."""

    def call(x: Any, *weights: Any) -> Any:
        made = make()
        made._build(x.shape[-1], made._make, x)
        own = [getattr(made, name) for name in names]
        for parameter, weight in zip(own, weights, strict=True):
            assert parameter.shape == weight.shape
        with lift(own, [weight._native for weight in weights]):
            return made(x)

    return call


@st.composite
def _drawn(draw: st.DrawFn, *sizes: Shape) -> Call:
    name = draw(dtypes("float32", "float64"))
    quarter = np.asarray(4, name)
    values = [draw(arrays(shape, name, elements="smooth")) for shape in sizes]
    return Call(*(value / quarter for value in values))


@st.composite
def _apart(draw: st.DrawFn, *sizes: Shape) -> Call:
    name = draw(dtypes("float32", "float64"))
    first, *others = sizes
    x = draw(distinct(first, name))
    return Call(x, *(draw(arrays(size, name, elements="smooth")) for size in others))


def _line(
    name: str,
    function: Callable[..., Any],
    oracle: Callable[..., Any],
    calls: Any,
    count: int,
    layers: int = 2,
    *,
    terms: Any = None,
    sums: Any = None,
) -> Line:
    return Line(
        f"nn.{name}",
        function,
        calls,
        whole(layers, terms),
        oracle,
        calls,
        tuple(range(count)),
        whole_gradient(layers, sums=sums),
    )


# --- convolution and pooling ---


def _convolution(name: str, rank: int, channels: int, kernel: Shape) -> Line:
    """Return the line of a convolutional layer of stride 2 with padding."""
    transposed, depthwise = "Transpose" in name, "Depthwise" in name
    operation = windows.conv_transpose if transposed else windows.conv
    operation = windows.depthwise_conv if depthwise else operation
    outputs = kernel[-2] if transposed else kernel[-1]
    outputs = 2 * kernel[-1] if depthwise else outputs
    size = 3 if rank == 1 else 2

    def make() -> Any:
        options: dict[str, Any] = {"strides": 2, "padding": "same"}
        if depthwise:
            options["depth_multiplier"] = kernel[-1]
        first = () if depthwise else (outputs,)
        return getattr(um.nn, name)(*first, size, activation="tanh", **options)

    def linear(x: Array, weights: Array, bias: Array) -> Array:
        return np.asarray(operation(x, weights, 2, "same") + bias)

    def oracle(x: Array, weights: Array, bias: Array) -> Array:
        return np.asarray(np.tanh(linear(x, weights, bias)))

    # Numeric gradients of larger ones take seconds.
    sizes = (1, *(4, 3, 2)[:rank], channels)
    calls = _drawn(sizes, (*(size,) * rank, *kernel), (outputs,))
    function = _with_weights(make, "kernel", "bias")

    def terms(*args: Array) -> Array:
        return linear(*map(np.abs, args))

    return _line(name, function, oracle, calls, 3, terms=terms, sums=linear)


def _pool(name: str, rank: int) -> Line:
    operation = windows.max_pool if "Max" in name else windows.average_pool
    return _line(
        name,
        lambda x: getattr(um.nn, name)(2, 1, "same")(x),
        lambda x: operation(x, 2, 1, "same"),
        _apart((1, *(3, 3, 2)[:rank], 2)),
        1,
    )


# --- normalisation ---


def _batch_norm(x: Any, gamma: Any, beta: Any) -> Any:
    """Return a step of training, then the layer outside of it."""
    made = um.nn.BatchNorm(dtype=x.dtype)
    call = _with_weights(lambda: made, "gamma", "beta")
    y = call(x, gamma, beta)
    made.eval()
    moving = (made.moving_mean, made.moving_variance)
    return [y, *(um.asarray(one) + 0.0 for one in moving), made(x)]


def _batch_oracle(x: Array, gamma: Array, beta: Array) -> list[Array]:
    mean, variance = moments(x, 0)
    moved, spread = 0.1 * mean, 0.9 + 0.1 * variance
    one, zero = np.ones_like(mean), np.zeros_like(mean)
    return [
        batch(x, mean, variance, 1, beta, gamma),
        moved,
        spread,
        batch(x, moved, spread, 1, zero, one),
    ]


# --- recurrence and attention ---


def _lstm(x: Array, kernel: Array, recurrent: Array, bias: Array) -> Array:
    units = len(recurrent)
    h = c = np.zeros((len(x), units))
    outputs = []
    for step in range(x.shape[1]):
        total = x[:, step] @ kernel + h @ recurrent + bias
        i, f, g, o = np.split(total, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1)


def _gru(x: Array, kernel: Array, recurrent: Array, bias: Array) -> Array:
    h = np.zeros((len(x), len(recurrent)))
    for step in range(x.shape[1]):
        z, r, n = np.split(x[:, step] @ kernel + bias[0], 3, axis=1)
        past_z, past_r, past_n = np.split(h @ recurrent + bias[1], 3, axis=1)
        keep = sigmoid(z + past_z)
        h = keep * h + (1 - keep) * np.tanh(n + sigmoid(r + past_r) * past_n)
    return h


def _attend(x: Array, q: Array, k: Array, v: Array, o: Array, b: Array) -> Array:
    heads = (len(x), -1, 2, q.shape[1] // 2)
    values = (x @ v + b).reshape(len(x), -1, 2, v.shape[1] // 2)
    query, key = (x @ q).reshape(heads), (x @ k).reshape(heads)
    found = attention(query, key, values, None, None, True)
    return np.asarray(found.reshape(len(x), x.shape[1], -1) @ o)


def _attended_terms(
    x: Array, q: Array, k: Array, v: Array, o: Array, b: Array
) -> Array:
    return np.asarray((abs(x) @ abs(v) + abs(b)).max(1) @ abs(o))


def _self_attention(x: Any, *weights: Any) -> Any:
    made = um.nn.MultiHeadAttention(2, 2, 1)
    names = ["query_kernel", "key_kernel", "value_kernel", "output_kernel"]
    made._build(x.shape[-1], made._make, x)
    own = [getattr(made, name) for name in (*names, "value_bias")]
    with lift(own, [weight._native for weight in weights]):
        return made(x, x, use_causal_mask=True)


_TABLE: Final = (4, 3)

LINES: Final[list[Line]] = [
    *(_convolution(f"Conv{rank}D", rank, 2, (2, 2)) for rank in (1, 2, 3)),
    *(_convolution(f"Conv{rank}DTranspose", rank, 2, (1, 2)) for rank in (1, 2, 3)),
    *(_convolution(f"DepthwiseConv{rank}D", rank, 2, (2, 2)) for rank in (1, 2)),
    *(_pool(f"MaxPool{rank}D", rank) for rank in (1, 2, 3)),
    *(_pool(f"AveragePool{rank}D", rank) for rank in (1, 2, 3)),
    _line(
        "LayerNorm",
        _with_weights(um.nn.LayerNorm, "gamma", "beta"),
        lambda x, gamma, beta: layer(x, gamma, beta, -1, 1e-5),
        _apart((2, 3), (3,), (3,)),
        3,
    ),
    _line(
        "RMSNorm",
        _with_weights(um.nn.RMSNorm, "gamma"),
        lambda x, gamma: rms(x, gamma, 1e-6),
        _apart((2, 3), (3,)),
        2,
    ),
    _line(
        "GroupNorm",
        _with_weights(lambda: um.nn.GroupNorm(2), "gamma", "beta"),
        lambda x, gamma, beta: group(x, 2, gamma, beta),
        _apart((2, 2, 4), (4,), (4,)),
        3,
    ),
    dataclasses.replace(
        _line(
            "BatchNorm", _batch_norm, _batch_oracle, _apart((4, 3), (3,), (3,)), 3, 4
        ),
        no_second="moving statistics are constants for gradients, but follow the input",
    ),
    Line(
        "nn.Embedding",
        lambda x, table: _embedded(x, table),
        st.builds(
            lambda x, call: Call(x, *call.args),
            arrays((2, 3), "int64", elements="probability"),
            _drawn(_TABLE),
        ),
        whole(),
        lambda x, table: table[x],
        st.builds(
            lambda x, call: Call(x, *call.args),
            arrays((2, 3), "int64", elements="probability"),
            _drawn(_TABLE),
        ),
        (1,),
        whole_gradient(),
    ),
    _line(
        "LSTM",
        _with_weights(
            lambda: um.nn.LSTM(2, return_sequences=True),
            "kernel",
            "recurrent_kernel",
            "bias",
        ),
        _lstm,
        _drawn((2, 3, 2), (2, 8), (2, 8), (8,)),
        4,
        6,
    ),
    _line(
        "GRU",
        _with_weights(lambda: um.nn.GRU(2), "kernel", "recurrent_kernel", "bias"),
        _gru,
        _drawn((2, 3, 2), (2, 6), (2, 6), (2, 6)),
        4,
        6,
    ),
    _line(
        "MultiHeadAttention",
        _self_attention,
        _attend,
        _drawn((2, 3, 3), (3, 4), (3, 4), (3, 2), (2, 3), (2,)),
        6,
        6,
        terms=_attended_terms,
    ),
]
"""Layers with weights of their own."""


def _embedded(x: Any, table: Any) -> Any:
    made = um.nn.Embedding(*table.shape)
    with lift([made.embeddings], [table._native]):
        return made(x)
