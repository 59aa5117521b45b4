"""``fit``: the loop over epochs and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unifiedml._tensor import Tensor
from unifiedml.metrics import Mean
from unifiedml.train._callback import Callback
from unifiedml.train._data import ArrayData, Batch, Data, as_data
from unifiedml.train._errors import NonFiniteLossError
from unifiedml.train._evaluate import evaluate_data
from unifiedml.train._history import History
from unifiedml.train._progress import Progress
from unifiedml.train._trainer import Trainer, size_of

__all__ = ["fit"]


def fit(
    trainer: Trainer,
    x: Any,
    y: Any,
    *,
    batch_size: int,
    epochs: int,
    verbose: bool,
    callbacks: Sequence[Callback],
    validation_split: float,
    validation_data: Any,
    shuffle: bool,
    class_weight: Mapping[int, float] | None,
    sample_weight: Any,
) -> History:
    """Train a model; see `Trainable.fit`."""
    check_positive("batch_size", batch_size)
    check_positive("epochs", epochs)
    data: Data = as_data(x, y, sample_weight)
    validation: Data | None = None
    if validation_data is not None:
        validation = as_data(*_triple(validation_data))
    elif validation_split:
        data, validation = _split(data, validation_split)
    history = History()
    for callback in callbacks:
        callback.model = trainer.model
        callback.stop_training = False
        callback.on_train_begin()
    try:
        for epoch in range(epochs):
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            with Progress(f"epoch {epoch + 1}/{epochs}", verbose) as progress:
                logs = _epoch(
                    trainer,
                    data,
                    batch_size,
                    epoch,
                    shuffle,
                    class_weight,
                    callbacks,
                    history,
                    progress,
                )
                if validation is not None:
                    found = evaluate_data(trainer, validation, batch_size)
                    logs |= {f"val_{name}": value for name, value in found.items()}
                progress.finish(logs)
            history.append(logs)
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs)
            if any(callback.stop_training for callback in callbacks):
                break
    finally:
        trainer.model.eval()
        for callback in callbacks:
            callback.on_train_end()
    return history


def _epoch(
    trainer: Trainer,
    data: Data,
    batch_size: int,
    epoch: int,
    shuffle: bool,
    class_weight: Mapping[int, float] | None,
    callbacks: Sequence[Callback],
    history: History,
    progress: Progress,
) -> dict[str, float]:
    """Take the steps of one epoch; return its loss and metrics."""
    trainer.reset_metrics()
    trainer.model.train()
    mean = Mean()
    progress.begin(data.count(batch_size))
    for number, batch in enumerate(data.batches(batch_size, epoch if shuffle else None)):
        if class_weight is not None:
            batch = _weighted(batch, class_weight)
        if not number:
            trainer.prepare(batch)
        try:
            loss, given, predicted = trainer.step(batch)
        except NonFiniteLossError as error:
            raise NonFiniteLossError(error.loss, epoch + 1, number + 1) from None
        trainer.update_metrics(given, predicted)
        mean.add(loss, size_of(given.x))
        history.steps.append(loss)
        logs = {"loss": mean.result(), **trainer.metric_results()}
        progress.advance(logs)
        for callback in callbacks:
            callback.on_batch_end(number, {"loss": loss})
    return {"loss": mean.result(), **trainer.metric_results()}


def check_positive(name: str, value: int) -> None:
    """Raise if an option is not a positive integer."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is a positive integer, not {value!r}")


def _triple(data: Any) -> tuple[Any, ...]:
    if isinstance(data, tuple) and 2 <= len(data) <= 3:
        return data
    return (data,)


def _split(data: Data, fraction: float) -> tuple[ArrayData, ArrayData]:
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split is a fraction in (0, 1), not {fraction}")
    if not isinstance(data, ArrayData):
        raise ValueError(
            "validation_split needs arrays: give an iterable's own validation_data"
        )
    return data.split(fraction)


def _weighted(batch: Batch, class_weight: Mapping[int, float]) -> Batch:
    labels = batch.y.numpy() if isinstance(batch.y, Tensor) else np.asarray(batch.y)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"class_weight needs integer labels, the numbers of classes, not "
            f"{labels.dtype}"
        )
    weight = np.asarray(
        [class_weight.get(int(label), 1.0) for label in labels.reshape(len(labels))],
        dtype=np.float64,
    )
    if batch.weight is not None:
        given = batch.weight
        weight = weight * (
            given.numpy() if isinstance(given, Tensor) else np.asarray(given)
        )
    return batch._replace(weight=weight)
