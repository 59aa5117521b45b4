"""What all metrics share."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from unifiedml._tensor import Tensor

__all__ = ["Mean", "Metric", "get"]


@runtime_checkable
class Metric(Protocol):
    """Adds up batches, and tells the value of all together.

    ``fit`` counts its steps with the metric that ``compile`` was given. ``evaluate``,
    validation and ``train_on_batch`` count with copies (`copy.deepcopy`), since they
    may run in the middle of ``fit``, or in several threads.
    """

    name: str

    def update(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Take a batch into account.

        Args:
            y_true: What is true, as it was given to ``fit``: an array or a tensor.
            y_pred: What the model returned.
            sample_weight: One number for each example, or None.
        """
        ...

    def result(self) -> float:
        """Return the value of all batches since the last `reset`."""
        ...

    def reset(self) -> None:
        """Forget all batches."""
        ...


class Mean:
    """A weighted mean of numbers, added up in float64 on the host.

    Example:
        >>> import unifiedml as um
        >>> mean = um.metrics.Mean()
        >>> mean.add(1.0, weight=3)
        >>> mean.add(5.0)
        >>> mean.result()
        2.0
    """

    def __init__(self) -> None:
        self.reset()

    def add(self, value: float, weight: float = 1.0) -> None:
        """Take a number into account."""
        self._total += value * weight
        self._weight += weight

    def result(self) -> float:
        """Return the mean; NaN of nothing."""
        return self._total / self._weight if self._weight else float("nan")

    def reset(self) -> None:
        """Forget all numbers."""
        self._total = 0.0
        self._weight = 0.0


def get(metric: str | Metric, /) -> Metric:
    """Return the metric of a name, or what is one already.

    Raises:
        ValueError: There is none of that name.

    Example:
        >>> import unifiedml as um
        >>> um.metrics.get("accuracy").name
        'accuracy'
    """
    from unifiedml.metrics._accuracy import Accuracy

    if isinstance(metric, str) and metric == "accuracy":
        return Accuracy()
    if isinstance(metric, Metric) and not isinstance(metric, type):
        return metric
    raise ValueError(
        f"there is no metric {metric!r}: choose 'accuracy', or pass a metric"
    )
