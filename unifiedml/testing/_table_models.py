"""The parity table: layers, optimizers, metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._parameter import lift
from unifiedml.testing._arguments import unary
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    EXACT,
    Rounding,
    Terms,
    accumulated,
    elementwise_gradient,
    linear_gradient,
    magnitude,
    whole,
    whole_gradient,
)
from unifiedml.testing._strategies import arrays, dtypes, shapes

__all__ = ["LINES"]

Array = npt.NDArray[Any]
REAL: Final = "real floating"

# --- layers ---


def dense(x: Any, kernel: Any, bias: Any, activation: str | None) -> Any:
    """Return what `um.Dense` gives with this kernel and bias."""
    layer = um.Dense(kernel.shape[1], activation, input_size=kernel.shape[0])
    assert layer.kernel is not None
    assert layer.bias is not None
    with lift([layer.kernel, layer.bias], [kernel._native, bias._native]):
        return layer(x)


def _dense(x: Array, kernel: Array, bias: Array, activation: str | None) -> Array:
    y = x @ kernel + bias
    return np.tanh(y) if activation == "tanh" else y


@st.composite
def _layer_inputs(draw: st.DrawFn) -> Call:
    name = draw(st.sampled_from(["float32", "float64"]))
    batch, size, units = (draw(st.integers(1, 4)) for _ in range(3))
    lead = draw(st.sampled_from([(batch,), (2, batch), ()]))
    drawn = [
        draw(arrays(shape, name, elements="smooth")) / np.asarray(4, name)
        for shape in ((*lead, size), (size, units), (units,))
    ]
    return Call(*drawn, activation=draw(st.sampled_from([None, "tanh"])))


def _dense_rounding(call: Any, result: Array) -> Any:
    x, kernel, bias = map(magnitude, call.args)
    return [
        ("accumulation", {"scale": x @ kernel + bias, "length": x.shape[-1] + 1}),
        ("transcendental", {"scale": magnitude(result)}),
    ]


DROPOUT_SEED: Final = 7


def dropout(x: Any, rate: float) -> Any:
    """Return two calls of a layer in training and one out of it."""
    um.random.seed(DROPOUT_SEED)
    layer = um.Dropout(rate)
    first, second = layer(x), layer(x)
    return um.stack([first, second, layer.eval()(x)])


def _dropout(x: Array, rate: float) -> Array:
    from unifiedml.testing._table_random import keep

    key = um.random.key(DROPOUT_SEED, "layer", ".dropout")
    masks = [keep(x.shape, rate, key=key, draw=draw) for draw in (0, 1)]
    fraction = round(rate * 2**16) / 2**16
    scale = 1 / (1 - fraction) if fraction < 1 else 0.0
    return np.stack([*(np.where(mask, x * scale, 0) for mask in masks), x])


def _two_layers(x: Any, kernel: Any, bias: Any, activation: str | None) -> Any:
    """Return what a model of several layers gives for a batch."""
    model = um.Sequential(
        um.Dense(kernel.shape[1], activation, input_size=kernel.shape[0]),
        um.nn.Activation("softplus"),
        um.Flatten(),
    )
    parameters = model.parameters()
    with lift(parameters, [kernel._native, bias._native]):
        return model(um.expand_dims(x, axis=0))


def _two_layers_oracle(x: Array, kernel: Array, bias: Array, activation: Any) -> Array:
    return np.logaddexp(0, _dense(x, kernel, bias, activation)).reshape(1, -1)


_SMALL: Final = unary(REAL, elements="smooth", max_dims=3, min_dims=1)

LAYERS: Final[list[Line]] = [
    Line(
        "nn.Dense",
        dense,
        _layer_inputs(),
        _dense_rounding,
        _dense,
        _layer_inputs(),
        (0, 1, 2),
        whole_gradient(),
    ),
    Line(
        "nn.Dropout",
        dropout,
        _SMALL.map(lambda call: Call(*call.args, rate=0.25)),
        lambda call, result: [("sqrt", {"scale": magnitude(result)})],
        _dropout,
        _SMALL.map(lambda call: Call(*call.args, rate=0.5)),
        (0,),
        linear_gradient(),
    ),
    Line(
        "nn.Flatten",
        lambda x: um.Flatten()(x),
        unary(REAL, "int64"),
        EXACT,
        lambda x: x.reshape(len(x), math.prod(x.shape[1:])) if x.ndim else None,
        _SMALL,
        (0,),
        linear_gradient(),
    ),
    Line(
        "nn.Activation",
        lambda x, name: um.nn.Activation(name)(x),
        _SMALL.map(lambda call: Call(*call.args, name="tanh")),
        lambda call, result: [("transcendental", {"scale": magnitude(result)})],
        lambda x, name: np.tanh(x),
        _SMALL.map(lambda call: Call(*call.args, name="tanh")),
        (0,),
        elementwise_gradient(),
    ),
    Line(
        "nn.Sequential",
        _two_layers,
        _layer_inputs(),
        whole(3),
        _two_layers_oracle,
        _layer_inputs(),
        (0, 1, 2),
        whole_gradient(3),
    ),
]

# --- optimizers ---


def _steps(name: str) -> Callable[..., Any]:
    rule = getattr(um.optim, name)
    # Outside of programs, the steps of a rule of the user's run op by op.
    users = type(name, (rule,), {"__module__": "users"})

    def run(w: Any, *gradients: Any, **options: Any) -> Any:
        found = []
        for kind in (rule, users):
            parameter = um.nn.Parameter(w)
            optimizer = kind([parameter], **options)
            for gradient in gradients:
                optimizer.step([gradient])
            found.append(parameter.detach())
        return um.stack(found)

    return run


def sgd(
    w: Array,
    *gradients: Array,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> Array:
    """Sutskever et al. (2013), in PyTorch's form."""
    b = np.zeros_like(w)
    for g in gradients:
        g = g + weight_decay * w
        b = momentum * b + g
        w = w - learning_rate * (g + momentum * b if nesterov else b)
    return w


def adam(
    w: Array,
    *gradients: Array,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
    decoupled: bool = False,
) -> Array:
    """Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019), algorithm 2."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            w = w - learning_rate * weight_decay * w
        else:
            g = g + weight_decay * w
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        corrected = m / (1 - beta_1**t)
        root = np.sqrt(v / (1 - beta_2**t))
        w = w - learning_rate * corrected / (root + epsilon)
    return w


@st.composite
def _runs(draw: st.DrawFn, /, **choices: tuple[Any, ...]) -> Call:
    name, shape = draw(dtypes("float32", "float64")), draw(shapes(0, 2, max_side=4))
    drawn = [draw(arrays(shape, name, elements="smooth")) for _ in range(4)]
    options = {key: draw(st.sampled_from(values)) for key, values in choices.items()}
    if not options.get("momentum", 1):
        options["nesterov"] = False
    return Call(*drawn, **options)


def _optimizer_rounding(oracle: Callable[..., Any]) -> Rounding:
    def rounding(call: Any, result: Array) -> Terms:
        w, *gradients = call.args
        # Parameters may have been larger on the way.
        sizes = [
            magnitude(oracle(w, *gradients[:count], **call.kwargs))
            for count in range(len(gradients) + 1)
        ]
        scale = np.max([np.ones_like(sizes[0]), *sizes], axis=0)
        return [("optimizer", {"scale": scale, "length": len(gradients)})]

    return rounding


_ADAM: Final[dict[str, tuple[Any, ...]]] = {
    "learning_rate": (0.001, 0.25),
    "beta_1": (0.9, 0.5),
    "beta_2": (0.999, 0.75),
    "epsilon": (1e-8, 0.125),
    "weight_decay": (0.0, 0.125),
}
_STEP: Final = "a step is not differentiated"


def optimizer(
    name: str, oracle: Callable[..., Any], **choices: tuple[Any, ...]
) -> Line:
    return Line(
        f"optim.{name}",
        _steps(name),
        _runs(**choices),
        _optimizer_rounding(oracle),
        lambda *xs, **options: np.stack([oracle(*xs, **options)] * 2),
        no_gradient=_STEP,
    )


OPTIMIZERS: Final[list[Line]] = [
    optimizer(
        "SGD",
        sgd,
        learning_rate=(0.01, 0.5),
        momentum=(0.0, 0.75),
        nesterov=(True, False),
        weight_decay=(0.0, 0.125),
    ),
    optimizer("Adam", adam, **_ADAM),
    optimizer(
        "AdamW", lambda *xs, **options: adam(*xs, **options, decoupled=True), **_ADAM
    ),
]

# --- metrics ---


@st.composite
def _predictions(draw: st.DrawFn) -> Call:
    batch, classes = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    predicted = draw(arrays((batch, classes), "float32", elements="probability"))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=batch, max_size=batch))
    return Call(np.asarray(labels, np.int64), predicted)


def _accuracy(true: Any, predicted: Any) -> float:
    accuracy = um.metrics.Accuracy()
    accuracy.update(true, predicted)
    accuracy.update(true[:1], predicted[:1])
    return float(accuracy.result())


def _accuracy_oracle(true: Array, predicted: Array) -> float:
    right = predicted.argmax(-1) == true
    return float(np.mean([*right, right[0]]))


def _mean(x: Any) -> float:
    mean = um.metrics.Mean()
    for value in x:
        mean.add(float(value), weight=2.0)
    return float(mean.result())


def _mean_of(x: Array) -> float:
    return float(np.mean(x)) if x.size else float("nan")


METRICS: Final[list[Line]] = [
    Line(
        "metrics.Accuracy",
        _accuracy,
        _predictions(),
        whole(),
        _accuracy_oracle,
        no_gradient="it counts",
    ),
    Line(
        "metrics.Mean",
        _mean,
        unary("float32", elements="unit", min_dims=1, max_dims=1),
        accumulated(_mean_of, lambda x: x.size),
        _mean_of,
        no_gradient="it returns a Python number",
    ),
]

LINES: Final[list[Line]] = [*LAYERS, *OPTIMIZERS, *METRICS]
"""Layers, optimizers, metrics."""
