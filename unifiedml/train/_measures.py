"""The loss and the metrics of several batches."""

from __future__ import annotations

from collections.abc import Sequence

from unifiedml._tensor import Tensor
from unifiedml.metrics import Mean, Metric
from unifiedml.train._data import Batch

__all__ = ["Measures"]


class Measures:
    """Adds up the loss and the metrics of batches.

    Args:
        metrics: They forget what they have seen.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._loss = Mean()
        self._metrics = metrics
        for metric in metrics:
            metric.reset()

    def add(
        self, batch: Batch, predicted: Tensor, loss: float, examples: int = 1
    ) -> None:
        """Take a batch into account.

        Args:
            batch: The batch as it was given.
            predicted: What the model returned.
            loss: Its mean over the examples.
            examples: How many there are.
        """
        for metric in self._metrics:
            metric.update(batch.y, predicted, batch.weight)
        self._loss.add(loss, examples)

    def logs(self) -> dict[str, float]:
        """Return the loss and the metrics by name."""
        found = {metric.name: metric.result() for metric in self._metrics}
        return {"loss": self._loss.result(), **found}
