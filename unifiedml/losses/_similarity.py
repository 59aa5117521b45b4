"""Losses of distributions, of margins and of directions."""

from __future__ import annotations

from typing import Final

from unifiedml._tensor import Operand, Tensor
from unifiedml.losses._base import EPSILON, reduced, same_shape
from unifiedml.ops.arithmetic import square
from unifiedml.ops.exponential import log, sqrt
from unifiedml.ops.nn import log_softmax, relu
from unifiedml.ops.reduction import sum
from unifiedml.ops.selection import clip, where

__all__ = ["cosine_similarity", "hinge", "kl_divergence", "squared_hinge"]

_VECTORS: Final = "y_pred needs a dimension to add up over"


def kl_divergence(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    from_logits: bool = False,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``sum(y_true * log(y_true / y_pred))`` over classes.

    A class of probability 0 adds nothing.

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
        >>> true, predicted = um.tensor([[1.0, 0.0]]), um.tensor([[0.5, 0.5]])
        >>> round(um.losses.kl_divergence(true, predicted).item(), 4)
        0.6931

    Reference:
        Kullback and Leibler (1951), "On Information and Sufficiency".
    """
    name = "kl_divergence"
    true, pred = same_shape(name, y_true, y_pred)
    if not true.ndim:
        raise ValueError(f"{name}: {_VECTORS}")
    none = true == 0
    wanted = log(where(none, 1.0, true))
    logarithm = log_softmax(pred) if from_logits else log(clip(pred, EPSILON, 1.0))
    losses = sum(where(none, 0.0, true * (wanted - logarithm)), axis=-1)
    return reduced(name, losses, y_pred, sample_weight, reduction)


def hinge(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of ``max(1 - y_true * y_pred, 0)``; its gradient at 1 is 0.

    Arguments and errors are those of `mean_squared_error`, but that ``y_true`` is 1 or
    -1. Labels 0 and 1 are not converted, as Keras does when it sees no other.

    Example:
        >>> import unifiedml as um
        >>> um.losses.hinge(um.tensor([1.0, -1.0]), um.tensor([0.5, 0.5])).item()
        1.0
    """
    true, pred = same_shape("hinge", y_true, y_pred)
    losses = relu(1.0 - true * pred)
    return reduced("hinge", losses, y_pred, sample_weight, reduction)


def squared_hinge(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of ``max(1 - y_true * y_pred, 0)**2``.

    Arguments and errors are those of `hinge`.

    Example:
        >>> import unifiedml as um
        >>> um.losses.squared_hinge(
        ...     um.tensor([1.0, -1.0]), um.tensor([0.5, 0.5])
        ... ).item()
        1.25
    """
    true, pred = same_shape("squared_hinge", y_true, y_pred)
    losses = square(relu(1.0 - true * pred))
    return reduced("squared_hinge", losses, y_pred, sample_weight, reduction)


def cosine_similarity(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return minus the cosine of the angle between two vectors, of the last dimension.

    As in Keras, -1 is best: a loss is made small. Where a vector is 0, so are the loss
    and its gradient. Arguments and errors are those of `mean_squared_error`.

    Example:
        >>> import unifiedml as um
        >>> true, predicted = um.tensor([[3.0, 4.0]]), um.tensor([[6.0, 8.0]])
        >>> um.losses.cosine_similarity(true, predicted).item()
        -1.0
    """
    name = "cosine_similarity"
    true, pred = same_shape(name, y_true, y_pred)
    if not true.ndim:
        raise ValueError(f"{name}: {_VECTORS}")
    losses = -sum(_direction(true) * _direction(pred), axis=-1)
    return reduced(name, losses, y_pred, sample_weight, reduction)


def _direction(x: Tensor) -> Tensor:
    """Return vectors divided by their length; 0 has no direction, and no gradient."""
    squares = sum(square(x), axis=-1, keepdims=True)
    none = squares == 0
    return where(none, 0.0, x / sqrt(where(none, 1.0, squares)))
