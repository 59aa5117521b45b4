"""Losses against their formulas in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import unifiedml as um
from unifiedml import losses
from unifiedml.testing import assert_close, numeric_vjp

Array = npt.NDArray[Any]
RNG = np.random.default_rng(1)
FLOATS = ["float16", "bfloat16", "float32", "float64"]


def log_softmax(x: Array) -> Array:
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def clipped(p: Array) -> Array:
    return np.clip(p, 1e-7, 1 - 1e-7)


def binary(t: Array, p: Array) -> Array:
    p = clipped(p)
    return -(t * np.log(p) + (1 - t) * np.log1p(-p))


def huber(t: Array, p: Array, delta: float = 1.0) -> Array:
    d = np.abs(t - p)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


LOGITS = RNG.standard_normal((6, 4)) * 2
PROBABILITIES = np.exp(log_softmax(LOGITS))
LABELS = np.asarray([0, 3, 1, 1, 2, 0])
SOFT = RNG.uniform(0, 1, (6, 4)) * [1.0, 0.0, 2.0, 1.0]  # not normalised, some 0
X, Y = RNG.standard_normal((2, 6, 4)) * 2

Oracle = Callable[[Array, Array], Array]
CASES: dict[str, tuple[Any, dict[str, Any], Array, Array, Oracle]] = {
    "mse": (losses.mean_squared_error, {}, Y, X, lambda t, p: (t - p) ** 2),
    "mae": (losses.mean_absolute_error, {}, Y, X, lambda t, p: np.abs(t - p)),
    "huber": (losses.huber, {}, Y, X, huber),
    "huber 3": (losses.huber, {"delta": 3.0}, Y, X, lambda t, p: huber(t, p, 3.0)),
    "sparse logits": (
        losses.sparse_categorical_crossentropy, {"from_logits": True}, LABELS, LOGITS,
        lambda t, p: -log_softmax(p)[np.arange(6), t],
    ),
    "sparse": (
        losses.sparse_categorical_crossentropy, {}, LABELS, PROBABILITIES,
        lambda t, p: -np.log(clipped(p))[np.arange(6), t],
    ),
    "soft logits": (
        losses.categorical_crossentropy, {"from_logits": True}, SOFT, LOGITS,
        lambda t, p: -(t * log_softmax(p)).sum(-1),
    ),
    "soft": (
        losses.categorical_crossentropy, {}, SOFT, PROBABILITIES,
        lambda t, p: -(t * np.log(clipped(p))).sum(-1),
    ),
    "binary logits": (
        losses.binary_crossentropy, {"from_logits": True}, PROBABILITIES, LOGITS,
        lambda t, p: t * np.logaddexp(0, -p) + (1 - t) * np.logaddexp(0, p),
    ),
    "binary": (losses.binary_crossentropy, {}, SOFT / 2, PROBABILITIES, binary),
}  # fmt: skip


def check(actual: Any, expected: Any, scale: float, dtype: str, **options: Any) -> None:
    assert_close(
        actual, expected, family="network", scale=scale, pair=False, dtype=dtype,
        length=4, **options,
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_values_and_reductions(backend: str, case: str, dtype: str) -> None:
    loss, options, true, pred, oracle = CASES[case]
    prediction = um.asarray(pred).astype(dtype)
    # What is rounded on the way in is not the loss's error.
    given = prediction.numpy().astype("float64")
    target = true if true.dtype.kind == "i" else um.asarray(true).astype(dtype).numpy()
    expected = oracle(target if true.dtype.kind == "i" else target.astype(float), given)
    scale = float(np.max(np.abs(expected)) + np.max(np.abs(given)))
    check(loss(target, prediction, reduction="none", **options), expected, scale, dtype)
    for weight in (np.asarray([0.0, 1.0, 2.0, 0.5, 1.0, 3.0]), 2.0):
        weighted = (expected.T * weight).T
        total = weighted.sum()
        for reduction, value in (("sum", total), ("mean", total / expected.size)):
            actual = loss(
                target,
                prediction,
                sample_weight=weight,
                reduction=reduction,
                **options,
            )
            size = scale * (6 if reduction == "sum" else 1) * expected.size * 3
            check(actual, value, size / (1 if reduction == "sum" else 6), dtype)
    check(loss(target, prediction, **options), expected.mean(), scale, dtype)


@pytest.mark.parametrize("case", CASES)
def test_gradients(backend: str, case: str) -> None:
    loss, options, true, pred, oracle = CASES[case]
    gradient = um.grad(lambda p: loss(true, p, **options))(um.asarray(pred))
    (exact,) = numeric_vjp(lambda p: oracle(true, p).mean(), [pred], 1.0)
    check(
        gradient, exact.value, float(np.abs(exact.value).max()), "float64",
        oracle_error=exact.error,
    )  # fmt: skip


def test_gradient_of_labels_that_do_not_sum_to_one(backend: str) -> None:
    gradient = um.grad(
        lambda x: losses.categorical_crossentropy([[3.0, 0.0]], x, from_logits=True)
    )(um.asarray([[0.0, 0.0]]))
    assert gradient.tolist() == [[-1.5, 1.5]]  # Σp · softmax − p


@pytest.mark.parametrize(
    "dtype", "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
)
@pytest.mark.parametrize("from_logits", [True, False])
def test_labels_of_all_integer_dtypes_and_shapes(
    backend: str, dtype: str, from_logits: bool
) -> None:
    loss = losses.sparse_categorical_crossentropy
    pred = um.asarray(LOGITS if from_logits else PROBABILITIES)
    expected = loss(LABELS, pred, from_logits=from_logits).item()
    for labels in (LABELS, LABELS[:, None]):
        given = um.asarray(labels.astype(dtype))
        assert loss(given, pred, from_logits=from_logits).item() == expected
    assert loss(LABELS.tolist(), pred, from_logits=from_logits).item() == expected


def test_labels_of_sequences(backend: str) -> None:
    x = RNG.standard_normal((2, 3, 4))
    t = RNG.integers(0, 4, (2, 3))
    for labels in (t, t[..., None]):
        found = losses.sparse_categorical_crossentropy(
            labels, um.asarray(x), from_logits=True, reduction="none"
        )
        expected = -np.take_along_axis(log_softmax(x), t[..., None], -1)[..., 0]
        check(found, expected, float(np.abs(x).max() + expected.max()), "float64")


def test_a_batch_of_one_column_is_not_squeezed_wrongly(backend: str) -> None:
    loss = losses.sparse_categorical_crossentropy
    found = loss([[0]], um.asarray([[[2.0, 1.0]]]), from_logits=True, reduction="none")
    assert found.shape == (1, 1)


@pytest.mark.parametrize("from_logits", [True, False])
def test_zero_times_infinity_is_zero(backend: str, from_logits: bool) -> None:
    pred = [[0.0, -math.inf]] if from_logits else [[1.0, 0.0]]
    value, gradient = um.value_and_grad(
        lambda p: losses.categorical_crossentropy(
            [[1.0, 0.0]], p, from_logits=from_logits
        )
    )(um.asarray(pred))
    check(value, 0.0, 1.0, "float32")
    assert np.isfinite(gradient.numpy()).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_probabilities_of_zero_and_one_are_clipped(backend: str, dtype: str) -> None:
    p = um.asarray([0.0, 1.0, 1.0, 0.0]).astype(dtype)
    found = losses.binary_crossentropy([1.0, 0.0, 1.0, 0.0], p, reduction="none")
    upper = float(np.float64(1) - 1e-7) if dtype == "float64" else 1 - 2.0**-23
    sure = -math.log(upper)
    expected = [-math.log(1e-7), -math.log(1 - upper), sure, sure]
    check(found, np.asarray(expected), 16.2, dtype)


@pytest.mark.parametrize("case", CASES)
def test_empty_batches(backend: str, case: str) -> None:
    loss, options, true, pred, _ = CASES[case]
    empty = um.asarray(pred[:0])
    assert loss(true[:0], empty, reduction="none", **options).shape[0] == 0
    with pytest.raises(ValueError, match="no examples"):
        loss(true[:0], empty, **options)


def test_a_user_function_and_names(backend: str) -> None:
    assert losses.get("huber") is losses.huber
    assert losses.get("mse") is losses.mean_squared_error
    assert losses.get("mae") is losses.mean_absolute_error
    assert losses.get(test_labels_of_sequences) is test_labels_of_sequences  # type: ignore[arg-type]
