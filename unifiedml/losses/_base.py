"""What all losses share: operands, weights, the reduction."""

from __future__ import annotations

from typing import Any, Final, Protocol

from unifiedml._backend.registry import use_backend
from unifiedml._dtypes import DTYPES
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import common_backend
from unifiedml.ops.conversion import asarray
from unifiedml.ops.manipulation import reshape
from unifiedml.ops.reduction import mean, sum
from unifiedml.ops.selection import maximum

__all__ = ["Loss", "get"]

_FLOAT32: Final = DTYPES["float32"]

_SHORT: Final = {"mae": "mean_absolute_error", "mse": "mean_squared_error"}

EPSILON: Final = 1e-7
"""Probabilities are kept this far from 0 and 1, as in Keras, so that a logarithm is
finite. From logits nothing is cut off: prefer ``from_logits=True``."""


class Loss(Protocol):
    """A function of what is true and what a model returns."""

    def __call__(self, y_true: Any, y_pred: Any, /, **options: Any) -> Tensor:
        """Return the loss."""
        ...


def check_predictions(name: str, y_pred: Any) -> None:
    """Raise if predictions are not a real floating-point tensor."""
    if not isinstance(y_pred, Tensor):
        raise TypeError(
            f"{name}: y_pred is what a model returns, a tensor, not "
            f"{type(y_pred).__name__}"
        )
    if y_pred.dtype.kind != "float":
        raise TypeError(
            f"{name}: y_pred is real floating-point, not {y_pred.dtype.name}"
        )


def beside(name: str, what: str, values: Any, y_pred: Tensor) -> Tensor:
    """Return ``values`` as a tensor where ``y_pred`` is."""
    if isinstance(values, Tensor):
        common_backend(name, (y_pred, values))
        return values
    with use_backend(y_pred.backend):
        try:
            return asarray(values, device=y_pred.device)
        except TypeError as error:
            raise TypeError(f"{name}: {what}: {error}") from None


def same_shape(name: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Return what is true and predicted, of one shape and one data type.

    A loss of 16-bit predictions is computed in float32 and rounded once, at the end.
    """
    check_predictions(name, y_pred)
    true = beside(name, "y_true", y_true, y_pred)
    if true.shape != y_pred.shape:
        raise ValueError(
            f"{name}: y_true has shape {true.shape} and y_pred {y_pred.shape}: they "
            "must be equal"
        )
    if true.dtype.kind == "complex":
        raise TypeError(f"{name}: y_true is real, not {true.dtype.name}")
    pred: Tensor = widened(y_pred)
    return true.astype(pred.dtype), pred


def widened(x: Tensor) -> Tensor:
    """Return ``x``, in float32 if it has 16 bits."""
    return x.astype(_FLOAT32) if x.dtype.bits < 32 else x


def reduced(
    name: str,
    losses: Tensor,
    y_pred: Tensor,
    sample_weight: Operand | None,
    reduction: str,
    kept: Tensor | None = None,
) -> Tensor:
    """Return weighted losses, of shape ``(batch, ...)``, reduced, in the dtype asked.

    Args:
        name: The loss, for messages.
        losses: One for each element.
        y_pred: The predictions as they were given: their data type is the result's.
        sample_weight: One for each example, or None.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        kept: Which losses count; the others are 0, and the mean is over these. By
            default all.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"{name}: reduction is 'mean', 'sum' or 'none', not {reduction!r}"
        )
    if sample_weight is not None:
        weight = beside(name, "sample_weight", sample_weight, losses)
        if weight.ndim > 1 or weight.shape not in ((), losses.shape[:1]):
            raise ValueError(
                f"{name}: sample_weight has shape {weight.shape}, which is not one "
                f"weight for each of the {losses.shape[0] if losses.ndim else 1} "
                "examples"
            )
        missing = (1,) * (losses.ndim - weight.ndim)
        weight = reshape(weight.astype(losses.dtype), weight.shape + missing)
        losses = losses * weight
    if reduction != "none":
        if not losses.size:
            raise ValueError(f"{name}: there are no examples")
        if reduction == "sum":
            losses = sum(losses)
        elif kept is None:
            losses = mean(losses)
        else:
            count = sum(kept.astype(losses.dtype))
            losses = sum(losses) / maximum(count, 1.0)
    return losses if losses.dtype is y_pred.dtype else losses.astype(y_pred.dtype)


def get(loss: str | Loss, /) -> Loss:
    """Return the loss of a name, or what is one already.

    ``"mse"`` and ``"mae"`` are short for ``"mean_squared_error"`` and
    ``"mean_absolute_error"``.

    Raises:
        ValueError: There is none of that name.
        TypeError: It is neither a name nor a function.

    Example:
        >>> import unifiedml as um
        >>> um.losses.get("huber").__name__
        'huber'
    """
    from unifiedml import losses

    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"a loss is a function or its name, not {loss!r}")
    names = sorted(set(losses.__all__) - {"Loss", "get"})
    loss = _SHORT.get(loss, loss)
    if loss not in names:
        raise ValueError(
            f"there is no loss {loss!r}: choose from {', '.join(names)}, or pass a "
            "function of (y_true, y_pred)"
        )
    found: Loss = getattr(losses, loss)
    return found
