"""``fit``: the loop over epochs and batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from unifiedml._rules.options import positive_integer
from unifiedml._tensor import Tensor
from unifiedml.train._callback import Callback
from unifiedml.train._data import ArrayData, Batch, Data, as_arrays, as_data, rows_of
from unifiedml.train._errors import NonFiniteLossError
from unifiedml.train._evaluate import evaluate_data
from unifiedml.train._history import History
from unifiedml.train._loading import loaded
from unifiedml.train._measures import Measures
from unifiedml.train._progress import Progress
from unifiedml.train._trainer import Home, Trainer, size_of

__all__ = ["Plan", "fit"]


@dataclass(frozen=True)
class Plan:
    """What ``fit`` was asked to do; see `Trainable.fit`."""

    batch_size: int
    epochs: int
    initial_epoch: int
    verbose: bool
    callbacks: Sequence[Callback]
    shuffle: bool
    class_weight: Mapping[int, float] | None

    def __post_init__(self) -> None:
        positive_integer("batch_size", self.batch_size)
        positive_integer("epochs", self.epochs)
        if not 0 <= self.initial_epoch < self.epochs:
            raise ValueError(
                f"initial_epoch is at least 0 and below epochs={self.epochs}, not "
                f"{self.initial_epoch!r}"
            )
        if isinstance(self.callbacks, Callback):
            raise TypeError(f"callbacks is a list: [{type(self.callbacks).__name__}()]")
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(
                    "callbacks are instances of um.train.Callback, not "
                    f"{type(callback).__name__}"
                )
        if not isinstance(self.class_weight, Mapping | None):
            raise TypeError(
                "class_weight is a dict of the numbers of classes and their factors, "
                f"not {type(self.class_weight).__name__}"
            )


def fit(
    trainer: Trainer,
    plan: Plan,
    x: Any,
    y: Any,
    sample_weight: Any,
    validation_split: float,
    validation_data: Any,
) -> History:
    """Train a model; see `Trainable.fit`."""
    data: Data = as_data(x, y, sample_weight)
    validation: Data | None = None
    if validation_data is not None:
        validation = as_data(*_parts(validation_data))
    elif validation_split:
        data, validation = _split(data, validation_split)
    history = History()
    ends: list[Callable[[], object]] = [trainer.model.eval]

    def epochs() -> None:
        for callback in plan.callbacks:
            callback.model = trainer.model
            callback.stop_training = False
            ends.append(callback.on_train_end)
            callback.on_train_begin()
        for epoch in range(plan.initial_epoch, plan.epochs):
            _epoch(trainer, plan, data, validation, epoch, history)
            if any(callback.stop_training for callback in plan.callbacks):
                break

    _call_all(chain([epochs], ends))
    return history


def _call_all(calls: Iterator[Callable[[], object]]) -> None:
    """Make each call, also after one that raises; raise the first error."""
    for call in calls:
        try:
            call()
        except BaseException as error:
            for later in calls:
                try:
                    later()
                except Exception as other:  # noqa: BLE001 - noted at the first error
                    error.add_note(f"afterwards: {type(other).__name__}: {other}")
            raise


def _epoch(
    trainer: Trainer,
    plan: Plan,
    data: Data,
    validation: Data | None,
    epoch: int,
    history: History,
) -> None:
    for callback in plan.callbacks:
        callback.on_epoch_begin(epoch)
    with Progress(f"epoch {epoch + 1}/{plan.epochs}", plan.verbose) as progress:
        progress.begin(data.count(plan.batch_size))
        logs = _steps(trainer, plan, data, epoch, history, progress)
        if validation is not None:
            found = evaluate_data(trainer, validation, plan.batch_size)
            logs |= {f"val_{name}": value for name, value in found.items()}
        progress.finish(logs)
    history.append(logs)
    for callback in plan.callbacks:
        callback.on_epoch_end(epoch, logs)


def _steps(
    trainer: Trainer,
    plan: Plan,
    data: Data,
    epoch: int,
    history: History,
    progress: Progress,
) -> dict[str, float]:
    """Take the steps of one epoch; return its loss and metrics."""
    measures = Measures(trainer.metrics)
    home: Home | None = None

    # A source may fill one array again and again: it is asked when a step is over.
    ahead = isinstance(data, ArrayData)

    def tensors(batch: Batch) -> Batch:
        nonlocal home
        if home is None:
            first = batch
            if ahead:  # The rows of several batches.
                some = slice(plan.batch_size)
                first = Batch(*(rows_of(part, some) for part in batch))
            home = trainer.prepare(first)
            trainer.model.train()
        return home.tensors(weighted(batch, plan.class_weight))

    order = epoch if plan.shuffle else None
    batches = loaded(data, plan.batch_size, order, tensors)
    coming = next(batches, None)
    number = 0
    while coming is not None:
        batch, given = coming
        loss, predicted = trainer.begin(given)
        if not number:
            # What the model has made as it first ran is trained, too.
            trainer.prepare(given)
        if ahead:  # On a GPU the step runs while the next batch is drawn.
            coming = next(batches, None)
        try:
            value = trainer.finish(loss)
        except NonFiniteLossError as error:
            raise NonFiniteLossError(error.loss, epoch + 1, number + 1) from None
        measures.add(batch, predicted, value, size_of(given.x))
        history.steps.append(value)
        progress.advance(measures.logs)
        for callback in plan.callbacks:
            callback.on_batch_end(number, {"loss": value})
        if not ahead:
            coming = next(batches, None)
        number += 1
    return measures.logs()


def _parts(data: Any) -> Sequence[Any]:
    """Return what `as_data` is given for ``validation_data``.

    A list whose items hold arrays themselves is a list of batches, as it is for ``x``.
    """
    is_parts = isinstance(data, list | tuple) and 2 <= len(data) <= 3
    if isinstance(data, list) and is_parts:
        is_parts = not all(isinstance(as_arrays(one), list | tuple) for one in data)
    return data if is_parts else (data,)


def _split(data: Data, fraction: float) -> tuple[ArrayData, ArrayData]:
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split is a fraction in [0, 1), not {fraction}")
    if not isinstance(data, ArrayData):
        raise ValueError(
            "validation_split needs arrays: give an iterable's own validation_data"
        )
    return data.split(fraction)


def weighted(batch: Batch, class_weight: Mapping[int, float] | None) -> Batch:
    """Return a batch with the weights of its classes; a class without one has 1.

    Raises:
        TypeError: Labels are not integers.
        ValueError: There is not one label for each example.
    """
    if class_weight is None:
        return batch
    labels = batch.y.numpy() if isinstance(batch.y, Tensor) else np.asarray(batch.y)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            "class_weight needs integer labels, the numbers of classes, not "
            f"{labels.dtype}"
        )
    if labels.shape not in ((len(labels),), (len(labels), 1)):
        raise ValueError(
            f"class_weight needs one label for each example, not shape {labels.shape}"
        )
    weight = np.asarray([class_weight.get(int(one), 1.0) for one in labels.flat])
    if batch.weight is not None:
        weight = weight * np.asarray(batch.weight)
    return batch._replace(weight=weight)
