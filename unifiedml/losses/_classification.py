"""Cross-entropies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unifiedml._dtypes import DTYPES
from unifiedml._tensor import Operand, Tensor
from unifiedml.losses._base import (
    EPSILON,
    beside,
    check_predictions,
    reduced,
    same_shape,
    widened,
)
from unifiedml.ops._dispatch import REAL_FLOATING, Op, execute, kernel
from unifiedml.ops._known import known_values
from unifiedml.ops.conversion import from_array
from unifiedml.ops.exponential import log
from unifiedml.ops.manipulation import reshape
from unifiedml.ops.nn import log_softmax, sigmoid, softplus
from unifiedml.ops.reduction import sum
from unifiedml.ops.selection import clip, where

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
]


def _check_labels(logits: Tensor, labels: Tensor) -> None:
    values = known_values(labels)
    if values is None:
        return
    classes = logits.shape[-1]
    bad = values[(values < 0) | (values >= classes)]
    if bad.size:
        raise IndexError(
            f"sparse_categorical_crossentropy: label {int(bad[0])} is out of range "
            f"for {classes} classes: labels are 0 to {classes - 1}"
        )


_SPARSE = Op("sparse_cross_entropy", REAL_FLOATING, explain=_check_labels, reads=True)
_TAKE = Op("take", REAL_FLOATING)


def sparse_categorical_crossentropy(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    from_logits: bool = False,
    ignore_index: int | None = None,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``-log(probability of the true class)``, for integer labels.

    Args:
        y_true: Class numbers, integers of shape ``(...)`` or ``(..., 1)``.
        y_pred: Shape ``(..., classes)``, real floating-point: probabilities, or
            logits.
        from_logits: Whether ``y_pred`` are logits.
        ignore_index: The label of examples that do not count: their loss is 0, and the
            mean is over the others (0 if there are none). By default there is no such
            label, not even -100 as in PyTorch.
        sample_weight: Shape ``(batch,)``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        TypeError: Labels are not integers (NaN is none), or ``y_pred`` is not a real
            floating-point tensor.
        ValueError: The shapes do not fit, or there are no examples.
        IndexError: A label is not in ``range(classes)``.

    Example:
        >>> import unifiedml as um
        >>> logits = um.tensor([[0.0, 0.0]])
        >>> loss = um.losses.sparse_categorical_crossentropy(
        ...     [1], logits, from_logits=True
        ... )
        >>> round(loss.item(), 4)
        0.6931
    """
    name = "sparse_categorical_crossentropy"
    check_predictions(name, y_pred)
    labels = _labels(name, y_true, y_pred)
    kept = None
    if ignore_index is not None:
        kept = labels != ignore_index
        labels = where(kept, labels, 0)
    pred = widened(y_pred)
    if from_logits:
        losses = _sparse_from_logits(pred, labels)
    else:
        chosen = _chosen(pred, labels)
        losses = -log(clip(chosen, EPSILON, 1.0 - EPSILON))
    if kept is not None:
        losses = where(kept, losses, 0.0)
    return reduced(name, losses, y_pred, sample_weight, reduction, kept)


def _sparse_from_logits(logits: Tensor, labels: Tensor) -> Tensor:
    if not labels.size:
        return sum(logits, axis=-1)
    function, _ = kernel(_SPARSE, logits._backend)
    if labels.ndim == 1:
        return execute(_SPARSE, function, (logits, labels), ())
    rows = (reshape(logits, (-1, logits.shape[-1])), reshape(labels, (-1,)))
    return reshape(execute(_SPARSE, function, rows, ()), labels.shape)


def _chosen(pred: Tensor, labels: Tensor) -> Tensor:
    """Return the prediction for each label's class."""
    _check_labels(pred, labels)
    classes = pred.shape[-1]
    flat = reshape(labels, (-1,))
    rows = from_array(np.arange(flat.size) * classes, pred._backend, pred.device)
    # Where a program cannot check its labels, what is none of them has no place at all.
    places = where((flat < 0) | (flat >= classes), pred.size, rows + flat)
    flat_pred = reshape(pred, (-1,))
    chosen = execute(_TAKE, pred._backend.ops.take, (flat_pred, places), (0,))
    return reshape(chosen, labels.shape)


def _labels(name: str, y_true: Any, y_pred: Tensor) -> Tensor:
    labels = beside(name, "y_true", y_true, y_pred)
    if not labels.dtype.is_integer:
        raise TypeError(
            f"{name}: labels are integers, the numbers of classes, not "
            f"{labels.dtype.name}; for one probability a class use "
            "categorical_crossentropy"
        )
    shape = y_pred.shape
    if labels.shape == (*shape[:-1], 1) and labels.shape != shape[:-1]:
        labels = reshape(labels, shape[:-1])
    if not shape or labels.shape != shape[:-1]:
        raise ValueError(
            f"{name}: y_true has shape {labels.shape} and y_pred {shape}: y_pred needs "
            "one more dimension, which counts the classes"
        )
    return labels.astype(DTYPES["int64"])


def categorical_crossentropy(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    from_logits: bool = False,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``-sum(y_true * log(y_pred))`` over classes, for probabilities as labels.

    A class of label 0 adds nothing, also where its prediction is 0. The gradient is
    the true derivative also for labels that do not sum to 1.

    Args:
        y_true: Shape ``(..., classes)``, one probability a class.
        y_pred: The same shape, real floating-point: probabilities, or logits.
        from_logits: Whether ``y_pred`` are logits.
        sample_weight: Shape ``(batch,)``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        TypeError: ``y_pred`` is not a real floating-point tensor.
        ValueError: The shapes differ, or there are no examples.

    Example:
        >>> import unifiedml as um
        >>> logits = um.tensor([[0.0, 0.0]])
        >>> loss = um.losses.categorical_crossentropy(
        ...     um.tensor([[0.5, 0.5]]), logits, from_logits=True
        ... )
        >>> round(loss.item(), 4)
        0.6931
    """
    name = "categorical_crossentropy"
    true, pred = same_shape(name, y_true, y_pred)
    if not true.ndim:
        raise ValueError(f"{name}: y_pred needs a dimension that counts the classes")
    if from_logits:
        logarithm = log_softmax(pred)
    else:
        logarithm = log(clip(pred, EPSILON, 1.0 - EPSILON))
    losses = -sum(where(true == 0, 0.0, true * logarithm), axis=-1)
    return reduced(name, losses, y_pred, sample_weight, reduction)


def binary_crossentropy(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    from_logits: bool = False,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred)``.

    Args:
        y_true: Shape ``(batch, ...)``, probabilities of yes, usually 0 or 1.
        y_pred: The same shape, real floating-point: probabilities, or logits.
        from_logits: Whether ``y_pred`` are logits.
        sample_weight: Shape ``(batch,)``.
        reduction: ``"mean"`` (over all elements), ``"sum"`` or ``"none"``.

    Raises:
        TypeError: ``y_pred`` is not a real floating-point tensor.
        ValueError: The shapes differ, or there are no examples.

    Example:
        >>> import unifiedml as um
        >>> loss = um.losses.binary_crossentropy([1.0], um.tensor([0.5]))
        >>> round(loss.item(), 4)
        0.6931
    """
    name = "binary_crossentropy"
    true, pred = same_shape(name, y_true, y_pred)
    losses = _binary(true, pred, from_logits)
    return reduced(name, losses, y_pred, sample_weight, reduction)


def _binary(true: Tensor, pred: Tensor, from_logits: bool) -> Tensor:
    if from_logits:
        # Each half keeps its precision where the other one cancels.
        return true * softplus(-pred) + (1.0 - true) * softplus(pred)
    p = clip(pred, EPSILON, 1.0 - EPSILON)
    return -(true * log(p) + (1.0 - true) * log(1.0 - p))


def binary_focal_crossentropy(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    from_logits: bool = False,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return `binary_crossentropy` times ``(1 - p)**gamma``: what is easy counts less.

    There ``p`` is the probability of what is true, ``y_pred`` or ``1 - y_pred``.

    Args:
        y_true: Shape ``(batch, ...)``, probabilities of yes, usually 0 or 1.
        y_pred: The same shape, real floating-point: probabilities, or logits.
        gamma: The focusing exponent, not negative; 0 for none.
        alpha: In [0, 1], the weight of yes, that of no being ``1 - alpha``; by default
            neither is weighted.
        from_logits: Whether ``y_pred`` are logits.
        sample_weight: Shape ``(batch,)``.
        reduction: ``"mean"`` (over all elements), ``"sum"`` or ``"none"``.

    Raises:
        TypeError: ``y_pred`` is not a real floating-point tensor.
        ValueError: ``gamma`` or ``alpha`` is out of range, the shapes differ, or there
            are no examples.

    Example:
        >>> import unifiedml as um
        >>> loss = um.losses.binary_focal_crossentropy([1.0], um.tensor([0.5]))
        >>> round(loss.item(), 4)
        0.1733

    Reference:
        Lin, Goyal, Girshick, He and Dollár (2017), "Focal Loss for Dense Object
        Detection", equations 4 and 5.
    """
    name = "binary_focal_crossentropy"
    if not 0 <= gamma < math.inf:
        raise ValueError(f"{name}: gamma is finite and not negative, not {gamma}")
    if alpha is not None and not 0 <= alpha <= 1:
        raise ValueError(f"{name}: alpha is in [0, 1], not {alpha}")
    true, pred = same_shape(name, y_true, y_pred)
    p = sigmoid(pred) if from_logits else pred
    wrong = true * (1.0 - p) + (1.0 - true) * p
    # The derivative of a root is infinite at 0.
    losses = clip(wrong, EPSILON, 1.0) ** gamma * _binary(true, pred, from_logits)
    if alpha is not None:
        losses = losses * (true * alpha + (1.0 - true) * (1.0 - alpha))
    return reduced(name, losses, y_pred, sample_weight, reduction)
