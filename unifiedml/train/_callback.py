"""Callbacks: code that ``fit`` calls on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unifiedml.nn._module import Module

__all__ = ["Callback"]

Logs = dict[str, float]


class Callback:
    """The base of callbacks: override what you need.

    Attributes:
        model: The model that is trained; set before training begins.
        stop_training: Set it to True to end after the current epoch.

    Example:
        >>> import unifiedml as um
        >>> class Stop(um.train.Callback):
        ...     def on_epoch_end(self, epoch, logs):
        ...         self.stop_training = logs["loss"] < 0.01
    """

    model: Module
    stop_training: bool = False

    def on_train_begin(self) -> None:
        """Called before the first epoch."""

    def on_train_end(self) -> None:
        """Called at the end, also after an error, if `on_train_begin` was.

        All callbacks are called, whatever another raises; ``fit`` raises the first
        error.
        """

    def on_epoch_begin(self, epoch: int) -> None:
        """Called before each epoch; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Called after each epoch with its loss and metrics."""

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """Called after each step with the loss of its batch; counts from 0."""
