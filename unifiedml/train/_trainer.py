"""One step of training, and what a compiled model knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unifiedml import losses, metrics, optim
from unifiedml._backend.registry import current, use_backend
from unifiedml._dtypes import DTYPES, DType
from unifiedml._imperative import no_grad
from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml.autodiff import value_and_grad
from unifiedml.losses import Loss
from unifiedml.metrics import Metric
from unifiedml.optim import Optimizer
from unifiedml.train._data import Batch, to_tensors
from unifiedml.train._errors import NonFiniteLossError

if TYPE_CHECKING:
    from unifiedml.nn._module import Module

__all__ = ["Trainer"]


class Trainer:
    """A model with its optimizer, loss and metrics.

    Args:
        model: The model.
        optimizer: An optimizer or its name.
        loss: A loss or its name.
        metrics_: Metrics or their names.

    Raises:
        ValueError: There is no optimizer, loss or metric of that name.
        TypeError: There is no loss.
    """

    def __init__(
        self,
        model: Module,
        optimizer: str | Optimizer,
        loss: str | Loss | None,
        metrics_: Sequence[str | Metric],
    ) -> None:
        if loss is None:
            raise TypeError(
                "compile needs a loss, such as loss='mean_squared_error'"
            )
        self.model = model
        self.optimizer = optim.get(optimizer)
        self.loss = losses.get(loss)
        self.metrics = [metrics.get(metric) for metric in metrics_]
        self._bound: list[Parameter] = []

    # --- where and in which data type the model computes ----------------------------

    def place(self) -> tuple[str, str, DType]:
        """Return backend, device and floating data type of the model's parameters.

        Before a model knows its sizes: those of new tensors.
        """
        for module in self.model.modules():
            for _, one in module._children():
                if isinstance(one, Parameter) and one.dtype.kind == "float":
                    return one.backend, one.device, one.dtype
        dtype = next(
            (m.dtype for m in self.model.modules() if hasattr(m, "dtype")), None
        )
        if not isinstance(dtype, DType) or dtype.kind != "float":
            dtype = DTYPES["float32"]
        return current().name, "cpu", dtype

    def tensors(self, batch: Batch) -> Batch:
        """Return a batch as tensors where the model is."""
        backend, device, dtype = self.place()
        with use_backend(backend):
            return Batch(*(to_tensors(tree, dtype, device) for tree in batch))

    # --- steps -----------------------------------------------------------------------

    def prepare(self, batch: Batch) -> None:
        """Have a model of unknown sizes learn them, and the optimizer its parameters."""
        try:
            parameters = list(self.model.trainable_parameters().values())
        except ValueError:
            with self.model._mode(False), no_grad():
                self.model(self.tensors(batch).x)
            parameters = list(self.model.trainable_parameters().values())
        before = {id(one) for one in self.optimizer.parameters}
        if before != {id(one) for one in parameters}:
            self.optimizer.bind(parameters)

    def step(self, batch: Batch) -> tuple[float, Batch, Tensor]:
        """Take one training step.

        Returns:
            The loss, the batch as tensors, and what the model returned.

        Raises:
            NonFiniteLossError: The loss is not finite; nothing was changed.
        """
        given = self.tensors(batch)
        (loss, predicted), gradients = self._gradient(given)
        value = float(loss)
        if not math.isfinite(value):
            raise NonFiniteLossError(value)
        self.optimizer.step(gradients)
        return value, given, predicted

    def _gradient(self, batch: Batch) -> tuple[tuple[Tensor, Tensor], Any]:
        def objective(model: Module) -> tuple[Tensor, Tensor]:
            predicted = model(batch.x)
            return self.compute_loss(batch, predicted), predicted

        result: tuple[tuple[Tensor, Tensor], Any] = value_and_grad(
            objective, has_aux=True
        )(self.model)
        return result

    def compute_loss(self, batch: Batch, predicted: Tensor) -> Tensor:
        """Return the loss of a batch of tensors."""
        if batch.y is None:
            raise ValueError("the loss needs y: what the model should return")
        if batch.weight is None:
            return self.loss(batch.y, predicted)
        return self.loss(batch.y, predicted, sample_weight=batch.weight)

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any) -> dict[str, float]:
        """Take one training step on a batch; see `Trainable.train_on_batch`."""
        batch = Batch(x, y, sample_weight)
        self.prepare(batch)
        with self.model._mode(True):
            loss, given, predicted = self.step(batch)
        self.reset_metrics()
        self.update_metrics(given, predicted)
        return {"loss": loss, **self.metric_results()}

    # --- metrics ----------------------------------------------------------------------

    def reset_metrics(self) -> None:
        """Forget what the metrics have seen."""
        for metric in self.metrics:
            metric.reset()

    def update_metrics(self, batch: Batch, predicted: Tensor) -> None:
        """Show the metrics a batch."""
        for metric in self.metrics:
            metric.update(batch.y, predicted, batch.weight)

    def metric_results(self) -> dict[str, float]:
        """Return the metrics by name."""
        return {metric.name: metric.result() for metric in self.metrics}


def size_of(tree: Any) -> int:
    """Return how many examples a batch of tensors has."""
    if isinstance(tree, Tensor):
        return tree.shape[0] if tree.ndim else 1
    values = list(tree.values()) if isinstance(tree, dict) else list(tree)
    return size_of(values[0])
