"""The fraction of right answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unifiedml._tensor import Tensor
from unifiedml.metrics._base import Mean

__all__ = ["Accuracy"]


class Accuracy:
    """The fraction of examples whose class was found.

    Predictions of several classes, shape ``(..., classes)``, are right where the
    largest stands at the true class (the first of equal ones); labels are integers of
    shape ``(...)`` or ``(..., 1)``, or one probability a class. A single prediction,
    shape ``(..., 1)`` or that of the labels, is a probability: right where
    ``y_pred > threshold`` says what the label says. Labels that are bool are 0 and 1.

    Args:
        threshold: Above it, a single probability means yes; 0 for logits.
        name: What it is called in logs.

    Raises:
        ValueError: Labels and predictions do not fit.

    Example:
        >>> import unifiedml as um
        >>> accuracy = um.metrics.Accuracy()
        >>> accuracy.update(um.tensor([1, 0]), um.tensor([[0.1, 0.9], [0.2, 0.8]]))
        >>> accuracy.result()
        0.5
    """

    def __init__(self, threshold: float = 0.5, *, name: str = "accuracy") -> None:
        self.threshold = threshold
        self.name = name
        self._mean = Mean()

    def update(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        right = self._right(_array(y_true), _array(y_pred))
        if not right.size:
            return
        if sample_weight is None:
            self._mean.add(int(np.count_nonzero(right)) / right.size, right.size)
            return
        weight = _array(sample_weight).astype(np.float64)
        weight = weight.reshape(weight.shape + (1,) * (right.ndim - weight.ndim))
        weight = np.broadcast_to(weight, right.shape)
        total = float(weight.sum())
        if total:
            self._mean.add(float((right * weight).sum() / total), total)

    def _right(
        self, true: npt.NDArray[Any], predicted: npt.NDArray[Any]
    ) -> npt.NDArray[np.bool_]:
        classes = predicted.shape[-1] if predicted.ndim else 1
        sparse = (*predicted.shape[:-1], 1)
        single = classes == 1 or predicted.ndim < 2
        if true.shape == predicted.shape and single:
            return np.asarray((predicted > self.threshold) == (true > self.threshold))
        if true.shape == predicted.shape:
            return np.asarray(true.argmax(-1) == predicted.argmax(-1))
        if classes == 1 and true.shape == predicted.shape[:-1]:
            return self._right(true[..., None], predicted)
        if true.shape == sparse:
            true = true[..., 0]
        if true.shape == predicted.shape[:-1]:
            return np.asarray(predicted.argmax(-1) == true)
        raise ValueError(
            f"accuracy: labels of shape {true.shape} do not fit predictions of shape "
            f"{predicted.shape}"
        )

    def result(self) -> float:
        """Return the fraction of right answers since the last `reset`."""
        return self._mean.result()

    def reset(self) -> None:
        """Forget all examples."""
        self._mean.reset()


def _array(values: Any) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = (
        values.numpy() if isinstance(values, Tensor) else np.asarray(values)
    )
    return array.astype(np.float32) if array.dtype.kind == "V" else array
