"""``evaluate`` and ``predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unifiedml._imperative import no_grad
from unifiedml._rules.options import positive_integer
from unifiedml._tensor import Tensor
from unifiedml.train._data import Batch, Data, as_data
from unifiedml.train._loading import loaded
from unifiedml.train._progress import Progress
from unifiedml.train._trainer import Trainer, home_of, size_of

if TYPE_CHECKING:
    from unifiedml.nn._module import Module

__all__ = ["evaluate", "evaluate_data", "predict"]


def evaluate(
    trainer: Trainer,
    x: Any,
    y: Any,
    *,
    batch_size: int,
    sample_weight: Any,
    verbose: bool,
) -> dict[str, float]:
    """Return loss and metrics on data; see `Trainable.evaluate`."""
    positive_integer("batch_size", batch_size)
    data = as_data(x, y, sample_weight)
    with Progress("evaluate", verbose) as progress:
        progress.begin(data.count(batch_size))
        return evaluate_data(trainer, data, batch_size, progress)


def evaluate_data(
    trainer: Trainer, data: Data, batch_size: int, progress: Progress | None = None
) -> dict[str, float]:
    """Return loss and metrics on data, in evaluation mode."""
    measures = trainer.measures()
    home = home_of(trainer.model)
    with trainer.model._mode(False), no_grad():
        for batch, given in loaded(data, batch_size, None, home.tensors):
            loss, predicted = trainer.test(given)
            measures.add(batch, predicted, float(loss), size_of(given.x))
            if progress is not None:
                progress.advance(measures.logs)
    return measures.logs()


def predict(
    model: Module, x: Any, *, batch_size: int, verbose: bool
) -> npt.NDArray[Any]:
    """Return what a model returns for ``x``; see `Trainable.predict`."""
    positive_integer("batch_size", batch_size)
    data = as_data(x)
    home = home_of(model)

    def inputs(batch: Batch) -> Batch:
        return home.tensors(Batch(batch.x, None, None))

    step = model._predictor()
    found: list[npt.NDArray[Any]] = []
    with Progress("predict", verbose) as progress, model._mode(False), no_grad():
        progress.begin(data.count(batch_size))
        for _, given in loaded(data, batch_size, None, inputs):
            result = step(given.x)
            if not isinstance(result, Tensor) or not result.ndim:
                raise TypeError(
                    "predict needs a model that returns one tensor with the examples "
                    f"along its first axis, not {result!r}"
                )
            found.append(result.numpy())
            progress.advance(dict)
    return np.concatenate(found)
