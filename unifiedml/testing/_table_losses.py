"""The parity table: softmax and losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    EXACT,
    magnitude,
    whole_gradient,
)
from unifiedml.testing._strategies import arrays, dtypes, shapes

__all__ = ["LINES"]

Array = npt.NDArray[Any]
REAL: Final = "real floating"

# --- softmax ---


def softmax(x: Array, axis: int = -1) -> Array:
    """Return ``exp(x) / sum(exp(x))``."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return np.asarray(e / np.sum(e, axis=axis, keepdims=True))


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Return its logarithm."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    log = np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    return np.asarray(shifted - log)


def _softmax_rounding(call: Any, result: Array) -> Any:
    (x,), axis = call.args, call.kwargs["axis"]
    spread = magnitude(np.max(x, axis=axis, keepdims=True) - x)
    size = x.shape[axis]
    return [
        ("softmax", {"scale": magnitude(result), "length": size, "condition": spread})
    ]


def _log_softmax_rounding(call: Any, result: Array) -> Any:
    (x,), axis = call.args, call.kwargs["axis"]
    top = np.max(magnitude(x), axis=axis, keepdims=True, initial=1)
    scale = np.maximum(magnitude(result), top)
    return [("log_softmax", {"scale": scale, "length": x.shape[axis]})]


@st.composite
def _rows(draw: st.DrawFn, elements: Any = "moderate") -> Call:
    shape = draw(shapes(1, 5 if elements == "moderate" else 3, min_side=1, max_side=3))
    x = draw(arrays(shape, dtypes(REAL), elements=elements))
    return Call(x, axis=draw(st.integers(-x.ndim, x.ndim - 1)))


@st.composite
def _classes(draw: st.DrawFn) -> Call:
    x = draw(
        arrays(
            shapes(0, 3, max_side=3), dtypes("integral", "float32"), elements="smooth"
        )
    )
    return Call(x, draw(st.integers(0, 5)), dtype=draw(dtypes(REAL, "int64", "bool")))


def one_hot(x: Array, num_classes: int, dtype: Any) -> Array:
    """Return ones at the classes ``x``."""
    return np.asarray(x[..., None] == np.arange(num_classes), dtype=np.float64)


ACTIVATIONS: Final[list[Line]] = [
    Line(
        "softmax",
        um.softmax,
        _rows(),
        _softmax_rounding,
        softmax,
        _rows("smooth"),
        (0,),
        whole_gradient(),
    ),
    Line(
        "log_softmax",
        um.log_softmax,
        _rows(),
        _log_softmax_rounding,
        log_softmax,
        _rows("smooth"),
        (0,),
        whole_gradient(),
    ),
    Line(
        "one_hot",
        um.one_hot,
        _classes(),
        EXACT,
        one_hot,
        no_gradient="its operand is integers",
    ),
]

# --- losses ---


def reduce(losses: Array, sample_weight: Array | None, reduction: str) -> Array:
    """Weight and reduce the losses of examples, as all losses do."""
    if sample_weight is not None:
        losses = losses * sample_weight.reshape(-1, *(1,) * (losses.ndim - 1))
    functions: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "none": np.asarray}
    return np.asarray(functions[reduction](losses))


def _loss(formula: Callable[..., Array]) -> Callable[..., Array]:
    def oracle(
        true: Array,
        predicted: Array,
        sample_weight: Array | None = None,
        *,
        reduction: str = "mean",
        **options: Any,
    ) -> Array:
        return reduce(formula(true, predicted, **options), sample_weight, reduction)

    return oracle


def _huber(true: Array, predicted: Array, delta: float) -> Array:
    d = np.abs(predicted - true)
    return np.asarray(np.where(d <= delta, d**2 / 2, delta * (d - delta / 2)))


def _sparse(true: Array, predicted: Array, from_logits: bool) -> Array:
    log = log_softmax(predicted) if from_logits else np.log(predicted)
    return -np.take_along_axis(log, true[..., None], -1)[..., 0]


def _categorical(true: Array, predicted: Array, from_logits: bool) -> Array:
    log = log_softmax(predicted) if from_logits else np.log(predicted)
    return np.asarray(-np.sum(true * log, axis=-1))


def _binary(true: Array, predicted: Array, from_logits: bool) -> Array:
    if from_logits:
        yes, no = -np.logaddexp(0, -predicted), -np.logaddexp(0, predicted)
    else:
        yes, no = np.log(predicted), np.log1p(-predicted)
    return np.asarray(-(true * yes + (1 - true) * no))


def _focal(
    true: Array, predicted: Array, from_logits: bool, gamma: float, alpha: float
) -> Array:
    p = np.exp(-np.logaddexp(0, -predicted)) if from_logits else predicted
    wrong = true * (1 - p) + (1 - true) * p
    weight = true * alpha + (1 - true) * (1 - alpha)
    return np.asarray(weight * wrong**gamma * _binary(true, predicted, from_logits))


def _kl(true: Array, predicted: Array, from_logits: bool) -> Array:
    entropy = np.sum(true * np.log(np.where(true == 0, 1, true)), axis=-1)
    return np.asarray(entropy + _categorical(true, predicted, from_logits))


def _cosine(true: Array, predicted: Array) -> Array:
    lengths = np.linalg.norm(true, axis=-1) * np.linalg.norm(predicted, axis=-1)
    return np.asarray(-np.sum(true * predicted, axis=-1) / lengths)


def _hinge(true: Array, predicted: Array) -> Array:
    return np.asarray(np.maximum(1 - true * predicted, 0))


def _loss_rounding(call: Any, result: Array) -> Any:
    """Logarithms have absolute errors in proportion to the logits."""
    true, predicted, *weight = call.args
    top = float(np.max(magnitude(predicted), initial=1))
    top *= float(np.max(magnitude(true), initial=1)) if true.dtype.kind == "f" else 1.0
    factor = max([1.0, *(float(np.max(w, initial=0)) for w in weight if w is not None)])
    count = predicted.size if call.kwargs.get("reduction") != "none" else 1
    scale = float(np.max(magnitude(result), initial=0))
    if call.kwargs.get("reduction") == "sum" or call.kwargs.get("reduction") is None:
        factor *= predicted.size
    return [
        ("log_softmax", {"scale": 4 * (scale + factor * top), "length": max(1, count)})
    ]


@st.composite
def _examples(draw: st.DrawFn, kind: str, kinds: tuple[str, ...] = (REAL,)) -> Call:
    """Draw the arguments of a loss; ``kind`` says what labels and options it takes."""
    name = draw(dtypes(*kinds))
    batch, size = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    from_logits = draw(st.booleans())
    probable = kind == "counts" or (kind in ("sparse", "dense") and not from_logits)
    elements: Any = "probability" if probable else "smooth"
    predicted = draw(arrays((batch, size), name, elements=elements))
    if elements == "probability":
        predicted = (predicted * np.asarray(0.875, predicted.dtype)) + np.asarray(
            0.0625, predicted.dtype
        )
    if kind == "sparse":
        whole_numbers = draw(
            st.lists(st.integers(0, size - 1), min_size=batch, max_size=batch)
        )
        true = np.asarray(whole_numbers, np.int64)
    elif kind == "distance":
        # At least 1/8 away from a kink of a distance to the predictions.
        steps = draw(arrays((batch, size), "int64", elements="smooth"))
        true = (predicted.astype(np.float64) + steps + 0.375).astype(predicted.dtype)
    elif kind == "signs":
        signs = st.lists(st.sampled_from([-1, 1]), min_size=size, max_size=size)
        true = np.asarray([draw(signs) for _ in range(batch)], np.int64)
    elif kind == "vectors":
        true = draw(arrays((batch, size), name, elements="smooth"))
    else:
        true = draw(arrays((batch, size), name, elements="probability"))
    weight = draw(st.none() | arrays((batch,), name, elements="probability"))
    options: dict[str, Any] = {
        "reduction": draw(st.sampled_from(["mean", "sum", "none"]))
    }
    if kind in ("sparse", "dense"):
        options["from_logits"] = from_logits
    return Call(true, predicted, weight, **options)


def _loss_line(
    name: str, kind: str, formula: Callable[..., Array], **fixed: Any
) -> Line:
    def function(true: Any, predicted: Any, weight: Any, **options: Any) -> Any:
        loss = getattr(um.losses, name)
        return loss(true, predicted, sample_weight=weight, **options, **fixed)

    def oracle(true: Array, predicted: Array, weight: Any, **options: Any) -> Array:
        return _loss(formula)(true, predicted, weight, **options, **fixed)

    calls = _examples(kind)
    return Line(
        f"losses.{name}",
        function,
        calls,
        _loss_rounding,
        oracle,
        _examples(kind, ("float32", "float64")),
        (1,),
        whole_gradient(4),
    )


LOSSES: Final[list[Line]] = [
    _loss_line("mean_squared_error", "distance", lambda t, p: (t - p) ** 2),
    _loss_line("mean_absolute_error", "distance", lambda t, p: np.abs(t - p)),
    _loss_line("huber", "distance", _huber, delta=1.25),
    _loss_line("sparse_categorical_crossentropy", "sparse", _sparse),
    _loss_line("categorical_crossentropy", "dense", _categorical),
    _loss_line("binary_crossentropy", "dense", _binary),
    _loss_line("binary_focal_crossentropy", "dense", _focal, gamma=1.5, alpha=0.25),
    _loss_line("kl_divergence", "dense", _kl),
    _loss_line("hinge", "signs", _hinge),
    _loss_line("squared_hinge", "signs", lambda t, p: _hinge(t, p) ** 2),
    _loss_line("cosine_similarity", "vectors", _cosine),
    _loss_line("log_cosh", "distance", lambda t, p: np.log(np.cosh(p - t))),
    _loss_line("poisson", "counts", lambda t, p: p - t * np.log(p + 1e-7)),
]

LINES: Final[list[Line]] = [*ACTIVATIONS, *LOSSES]
"""Softmax and losses."""
