"""The parity table: optimizers with scales of their own, clipping of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import EXACT, magnitude, whole_gradient
from unifiedml.testing._strategies import arrays, dtypes, shapes
from unifiedml.testing._table_models import optimizer

__all__ = ["LINES"]

Array = npt.NDArray[Any]

# --- rules ---


def rmsprop(
    w: Array,
    *gradients: Array,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
    centered: bool,
    weight_decay: float,
) -> Array:
    """Tieleman and Hinton (2012), in PyTorch's form."""
    v, m, b = (np.zeros_like(w) for _ in range(3))
    for g in gradients:
        g = g + weight_decay * w
        v = rho * v + (1 - rho) * g**2
        m = rho * m + (1 - rho) * g
        root = np.sqrt(np.maximum(v - m**2, 0) if centered else v)
        b = momentum * b + g / (root + epsilon)
        w = w - learning_rate * b
    return w


def adagrad(
    w: Array,
    *gradients: Array,
    learning_rate: float,
    epsilon: float,
    weight_decay: float,
) -> Array:
    """Duchi, Hazan and Singer (2011)."""
    a = np.zeros_like(w)
    for g in gradients:
        g = g + weight_decay * w
        a = a + g**2
        w = w - learning_rate * g / (np.sqrt(a) + epsilon)
    return w


def adadelta(
    w: Array,
    *gradients: Array,
    learning_rate: float,
    rho: float,
    epsilon: float,
    weight_decay: float,
) -> Array:
    """Zeiler (2012), algorithm 1."""
    v, d = np.zeros_like(w), np.zeros_like(w)
    for g in gradients:
        g = g + weight_decay * w
        v = rho * v + (1 - rho) * g**2
        δ = g * np.sqrt(d + epsilon) / np.sqrt(v + epsilon)
        d = rho * d + (1 - rho) * δ**2
        w = w - learning_rate * δ
    return w


def adamax(
    w: Array,
    *gradients: Array,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
) -> Array:
    """Kingma and Ba (2015), algorithm 2."""
    m, u = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        g = g + weight_decay * w
        m = beta_1 * m + (1 - beta_1) * g
        u = np.maximum(beta_2 * u, np.abs(g))
        w = w - learning_rate / (1 - beta_1**t) * m / (u + epsilon)
    return w


_DECAY: Final = (0.0, 0.125)

OPTIMIZERS: Final[list[Line]] = [
    optimizer(
        "RMSprop",
        rmsprop,
        learning_rate=(0.01, 0.25),
        rho=(0.99, 0.5),
        momentum=(0.0, 0.75),
        epsilon=(1e-8, 0.125),
        centered=(False, True),
        weight_decay=_DECAY,
    ),
    optimizer(
        "Adagrad",
        adagrad,
        learning_rate=(0.01, 0.5),
        epsilon=(1e-10, 0.125),
        weight_decay=_DECAY,
    ),
    optimizer(
        "Adadelta",
        adadelta,
        learning_rate=(1.0, 0.25),
        rho=(0.9, 0.5),
        epsilon=(1e-6, 0.125),
        weight_decay=_DECAY,
    ),
    optimizer(
        "Adamax",
        adamax,
        learning_rate=(0.002, 0.25),
        beta_1=(0.9, 0.5),
        beta_2=(0.999, 0.75),
        epsilon=(1e-8, 0.125),
        weight_decay=_DECAY,
    ),
]

# --- clipping ---


def _stacked(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any, y: Any, limit: float) -> Any:
        # A structure of any kind, with a parameter that has no gradient.
        clipped = function({"x": x, "rest": [y, None]}, limit)
        assert clipped["rest"][1] is None
        return um.stack([clipped["x"], clipped["rest"][0]])

    return run


def global_norm(*grads: Array) -> Array:
    """Return the Euclidean norm of all of them."""
    return np.asarray(np.sqrt(np.sum(np.square(np.abs(np.stack(grads))))))


def _by_global_norm(*grads: Array, limit: float) -> Array:
    norm = float(global_norm(*grads))
    factor = limit / max(norm, limit) if np.isfinite(norm) else np.nan
    return np.stack(grads) * factor


def _by_norm(*grads: Array, limit: float) -> Array:
    return np.stack([_by_global_norm(one, limit=limit)[0] for one in grads])


@st.composite
def _pairs(draw: st.DrawFn, /, elements: Any, **options: tuple[float, ...]) -> Call:
    smooth = elements == "smooth"
    shape = draw(shapes(0, 2, min_side=int(smooth), max_side=3))
    name = draw(dtypes("real floating"))
    drawn = [draw(arrays(shape, name, elements=elements)) for _ in range(2)]
    if not smooth and drawn[0].size and draw(st.integers(0, 5)) == 5:
        drawn[0].flat[0] = draw(st.sampled_from([np.nan, np.inf]))
    chosen = {key: draw(st.sampled_from(values)) for key, values in options.items()}
    return Call(*drawn, **chosen)


def _norm_rounding(call: Any, result: Array) -> Any:
    count = max(1, 2 * call.args[0].size)
    return [("moments", {"scale": magnitude(result), "length": count})]


def _is_off_limits(call: Call) -> bool:
    """Tell whether elements and norms stay on one side of the limit in differences."""
    limit = call.kwargs["limit"]
    norms = [global_norm(*call.args), *(global_norm(one) for one in call.args)]
    sizes = [*norms, *np.abs(np.stack(call.args)).flat]
    return all(abs(float(size) / limit - 1) > 0.1 for size in sizes)


def _clipped(name: str, oracle: Callable[..., Any], rounding: Any) -> Line:
    limits = (0.75, 1.375, 300.0)
    return Line(
        f"optim.{name}",
        _stacked(getattr(um.optim, name)),
        _pairs("moderate", limit=limits),
        rounding,
        oracle,
        _pairs("smooth", limit=(0.0625 * 17, 1.4375, 300.0)).filter(_is_off_limits),
        (0, 1),
        whole_gradient(),
    )


CLIPPING: Final[list[Line]] = [
    Line(
        "optim.global_norm",
        lambda *grads: um.optim.global_norm(list(grads)),
        _pairs("moderate"),
        _norm_rounding,
        global_norm,
        _pairs("smooth"),
        (0, 1),
        whole_gradient(),
    ),
    _clipped("clip_by_global_norm", _by_global_norm, _norm_rounding),
    _clipped("clip_by_norm", _by_norm, _norm_rounding),
    _clipped(
        "clip_by_value",
        lambda *grads, limit: np.clip(np.stack(grads), -limit, limit),
        EXACT,
    ),
]

LINES: Final[list[Line]] = [*OPTIMIZERS, *CLIPPING]
"""Optimizers beside SGD and Adam, and what clips gradients."""
