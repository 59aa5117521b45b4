"""Losses of regression."""

from __future__ import annotations

import math

from unifiedml._tensor import Operand, Tensor
from unifiedml.losses._base import EPSILON, reduced, same_shape
from unifiedml.ops.arithmetic import abs, square
from unifiedml.ops.exponential import log
from unifiedml.ops.nn import softplus
from unifiedml.ops.selection import where

__all__ = [
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson",
]


def mean_squared_error(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of ``(y_true - y_pred)**2``.

    Args:
        y_true: Shape ``(batch, ...)``.
        y_pred: The same shape, real floating-point.
        sample_weight: Shape ``(batch,)``.
        reduction: ``"mean"`` (over all elements), ``"sum"`` or ``"none"``.

    Raises:
        ValueError: The shapes differ, or there are no examples.
        TypeError: ``y_pred`` is not a real floating-point tensor.

    Example:
        >>> import unifiedml as um
        >>> um.losses.mean_squared_error(um.zeros(2), um.tensor([1.0, 3.0])).item()
        5.0
    """
    name = "mean_squared_error"
    true, pred = same_shape(name, y_true, y_pred)
    return reduced(name, square(pred - true), y_pred, sample_weight, reduction)


def mean_absolute_error(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of ``abs(y_true - y_pred)``; its gradient at 0 is 0.

    Arguments and errors are those of `mean_squared_error`.

    Example:
        >>> import unifiedml as um
        >>> um.losses.mean_absolute_error(um.zeros(2), um.tensor([1.0, -3.0])).item()
        2.0
    """
    name = "mean_absolute_error"
    true, pred = same_shape(name, y_true, y_pred)
    return reduced(name, abs(pred - true), y_pred, sample_weight, reduction)


def huber(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    delta: float = 1.0,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of ``d**2 / 2`` where ``d <= delta``, else of the tangent.

    There ``d = abs(y_true - y_pred)`` and the tangent is ``delta * (d - delta / 2)``.

    Args:
        y_true: Shape ``(batch, ...)``.
        y_pred: The same shape, real floating-point.
        delta: Where the square turns into a line, positive and finite.
        sample_weight: Shape ``(batch,)``.
        reduction: ``"mean"`` (over all elements), ``"sum"`` or ``"none"``.

    Raises:
        ValueError: ``delta`` is out of range, and as `mean_squared_error`.

    Example:
        >>> import unifiedml as um
        >>> um.losses.huber(um.zeros(2), um.tensor([1.0, 3.0])).item()
        1.5

    Reference:
        Huber (1964), "Robust Estimation of a Location Parameter".
    """
    if not 0 < delta < math.inf:
        raise ValueError(f"huber: delta is positive and finite, not {delta}")
    true, pred = same_shape("huber", y_true, y_pred)
    distance = abs(pred - true)
    near = distance <= delta
    # A far distance squared could overflow and spoil the other branch's gradient.
    square_part = square(where(near, distance, 0.0)) * 0.5
    losses = where(near, square_part, (distance - 0.5 * delta) * delta)
    return reduced("huber", losses, y_pred, sample_weight, reduction)


def log_cosh(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of ``log(cosh(y_pred - y_true))``, whose gradient is tanh.

    Arguments and errors are those of `mean_squared_error`.

    Example:
        >>> import unifiedml as um
        >>> loss = um.losses.log_cosh(um.zeros(2), um.tensor([1.0, -1.0]))
        >>> round(loss.item(), 4)
        0.4338
    """
    true, pred = same_shape("log_cosh", y_true, y_pred)
    d = pred - true
    # log((eᵈ + e⁻ᵈ) / 2) without exponentials that overflow.
    losses = d + softplus(d * -2.0) - math.log(2.0)
    return reduced("log_cosh", losses, y_pred, sample_weight, reduction)


def poisson(
    y_true: Operand,
    y_pred: Tensor,
    /,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of ``y_pred - y_true * log(y_pred + 1e-7)``.

    That is minus the logarithm of the probability of the counts ``y_true`` where
    ``y_pred`` are expected, up to a constant. Arguments and errors are those of
    `mean_squared_error`; ``y_pred`` is not negative.

    Example:
        >>> import unifiedml as um
        >>> um.losses.poisson(um.tensor([0.0, 0.0]), um.tensor([1.0, 3.0])).item()
        2.0
    """
    true, pred = same_shape("poisson", y_true, y_pred)
    losses = pred - true * log(pred + EPSILON)
    return reduced("poisson", losses, y_pred, sample_weight, reduction)
