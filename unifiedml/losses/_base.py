"""What all losses share: operands, weights, the reduction."""

from __future__ import annotations

from typing import Any, Protocol

from unifiedml._backend.registry import use_backend
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops.creation import asarray
from unifiedml.ops.manipulation import reshape
from unifiedml.ops.reduction import mean, sum

__all__ = ["Loss", "get"]


class Loss(Protocol):
    """A function of what is true and what a model returns."""

    def __call__(self, y_true: Any, y_pred: Any, /, **options: Any) -> Tensor:
        """Return the loss."""
        ...


def beside(y_pred: Tensor, values: Any) -> Tensor:
    """Return ``values`` as a tensor where ``y_pred`` is."""
    if not isinstance(y_pred, Tensor):
        raise TypeError(
            f"y_pred is what a model returns, a tensor, not {type(y_pred).__name__}"
        )
    if isinstance(values, Tensor):
        return values
    with use_backend(y_pred.backend):
        return asarray(values, device=y_pred.device)


def check_float(name: str, y_pred: Tensor) -> None:
    """Raise if predictions are not floating-point."""
    if not isinstance(y_pred, Tensor):
        raise TypeError(
            f"{name}: y_pred is what a model returns, a tensor, not "
            f"{type(y_pred).__name__}"
        )
    if y_pred.dtype.kind != "float":
        raise TypeError(
            f"{name}: y_pred is real floating-point, not {y_pred.dtype.name}"
        )


def same_shape(name: str, y_true: Any, y_pred: Tensor) -> Tensor:
    """Return ``y_true`` as a tensor of the shape and data type of ``y_pred``."""
    check_float(name, y_pred)
    true = beside(y_pred, y_true)
    if true.shape != y_pred.shape:
        raise ValueError(
            f"{name}: y_true has shape {true.shape} and y_pred {y_pred.shape}: they "
            "must be equal"
        )
    return true.astype(y_pred.dtype)


def reduced(
    name: str, losses: Tensor, sample_weight: Operand | None, reduction: str
) -> Tensor:
    """Return weighted losses, of shape ``(batch, ...)``, reduced."""
    if sample_weight is not None:
        weight = beside(losses, sample_weight).astype(losses.dtype)
        if weight.ndim > 1 or weight.shape not in ((), losses.shape[:1]):
            raise ValueError(
                f"{name}: sample_weight has shape {weight.shape}, which is not one "
                f"weight for each of the {losses.shape[0] if losses.ndim else 1} "
                "examples"
            )
        missing = (1,) * (losses.ndim - weight.ndim)
        losses = losses * reshape(weight, weight.shape + missing)
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ValueError(
            f"{name}: reduction is 'mean', 'sum' or 'none', not {reduction!r}"
        )
    if not losses.size:
        raise ValueError(f"{name}: there are no examples")
    return mean(losses) if reduction == "mean" else sum(losses)


def get(loss: str | Loss, /) -> Loss:
    """Return the loss of a name, or what is one already.

    Raises:
        ValueError: There is none of that name.

    Example:
        >>> import unifiedml as um
        >>> um.losses.get("huber").__name__
        'huber'
    """
    from unifiedml import losses

    if callable(loss):
        return loss
    names = sorted(set(losses.__all__) - {"Loss", "get"})
    if loss not in names:
        raise ValueError(
            f"there is no loss {loss!r}: choose from {', '.join(names)}, or pass a "
            "function of (y_true, y_pred)"
        )
    found: Loss = getattr(losses, loss)
    return found
