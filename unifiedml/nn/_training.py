"""The methods of a model that train it: Keras's ``compile``, ``fit`` and so on.

Here are the names and what they mean; the work is done in `unifiedml.train`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy.typing as npt

if TYPE_CHECKING:
    from unifiedml.losses import Loss
    from unifiedml.metrics import Metric
    from unifiedml.nn._module import Module
    from unifiedml.optim import Optimizer
    from unifiedml.train import Callback, History
    from unifiedml.train._program import Step
    from unifiedml.train._trainer import Trainer

Data = Any
"""A NumPy array, a tensor, or a nest of dicts, lists and tuples of them, with the
examples along the first axis; or an iterable of batches ``(x, y)`` or
``(x, y, sample_weight)``."""


class Trainable:
    """Gives a module ``compile``, ``fit``, ``evaluate``, ``predict``."""

    _trainer: Trainer | None = None
    _prediction: Step[..., Any] | None = None

    def compile(
        self,
        optimizer: str | Optimizer = "adam",
        loss: str | Loss | None = None,
        metrics: Sequence[str | Metric] = (),
        *,
        run_eagerly: bool = False,
        jit_compile: bool = False,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: An optimizer or the name of one. It is given the parameters of
                the model, also those of layers that are added later. Made with some of
                them, it trains those only, also where they are frozen at first.
            loss: A function of ``(y_true, y_pred)``, or the name of one in
                `unifiedml.losses`; ``"mse"`` and ``"mae"`` are names too.
            metrics: Metrics, or their names, such as ``"accuracy"``.
            run_eagerly: Run steps op by op: slower, but breakpoints and prints inside
                the model work at each step, and so does what it draws from Python's or
                NumPy's generators. Otherwise a step is a program; see `unifiedml.jit`.
                A model that cannot be one, since it branches on values, changes numbers
                of its own or keeps tensors, runs op by op, too, and a warning says so.
            jit_compile: Have the framework's compiler (Inductor, XLA) make the steps:
                faster still, after a first step that takes seconds.

        Raises:
            ValueError: There is no optimizer, loss or metric of that name, or two
                metrics have the same.
            TypeError: There is no loss, or metrics are no sequence.

        Example:
            >>> import unifiedml as um
            >>> model = um.Sequential(um.Dense(1, input_size=1))
            >>> model.compile(optimizer="sgd", loss="mean_squared_error")
        """
        from unifiedml.train._trainer import Trainer

        self._trainer = Trainer(
            cast("Module", self), optimizer, loss, metrics, run_eagerly, jit_compile
        )
        self._prediction = None

    def _predictor(self) -> Step[..., Any]:
        from unifiedml.train._program import Step

        if self._prediction is None:
            trainer = self._trainer
            eager = trainer is not None and not trainer.test.is_program
            self._prediction = Step(cast("Module", self), eager=eager)
        return self._prediction

    def _compiled(self) -> Trainer:
        if self._trainer is None:
            raise RuntimeError(
                "the model does not know how to train: call "
                "model.compile(optimizer=..., loss=...) first"
            )
        return self._trainer

    def fit(
        self,
        x: Data,
        y: Data = None,
        *,
        batch_size: int = 32,
        epochs: int = 1,
        verbose: bool = True,
        callbacks: Sequence[Callback] = (),
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Data = None,
    ) -> History:
        """Train the model.

        The order of the examples depends on the seed and the epoch, not on the
        backend. Afterwards the model is in evaluation mode.

        Arrays are read ahead: the next batch is drawn, and moved to a GPU, while that
        is at work on a step, and up to 64 small batches are drawn at once. An iterable
        is asked for its next batch when a step is over, since it may fill one array
        again and again.

        Args:
            x: Inputs, the examples along the first axis; or an iterable of batches
                ``(x, y)`` or ``(x, y, sample_weight)``, made anew for each epoch.
                Floating-point NumPy arrays are converted to the data type of the
                model's parameters.
            y: What the model should return; None with an iterable.
            batch_size: Examples a step; the last batch may be smaller.
            epochs: How often to go through the data, the epochs before
                ``initial_epoch`` included.
            verbose: Show a progress bar on stderr.
            callbacks: Told of the beginning and end of epochs and batches.
            validation_split: This fraction of the examples, the last ones, is not
                trained on but evaluated after each epoch.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)`` to evaluate
                after each epoch; or an iterable of batches, as for ``x``, such as a
                list ``[(x, y), (x, y)]``.
            shuffle: Take the examples in a new random order in each epoch.
            initial_epoch: The number of the first epoch, from 0: a run that stopped
                after two epochs goes on with 2, in the order that it would have had.
            class_weight: A factor for the loss of each class (integer labels); 1 where
                a class has none. Metrics do not count it.
            sample_weight: A factor for the loss of each example, shape
                ``(examples,)``; metrics count it too.

        Returns:
            The history of loss and metrics, one entry an epoch.

        Raises:
            RuntimeError: The model has not been compiled.
            ValueError: Lengths differ, there are no examples, or an argument is out
                of range.
            NonFiniteLossError: The loss is NaN or infinite; the parameters and the
                floating-point buffers, such as moving averages, are as they were
                before that step.

        Example:
            >>> import numpy as np, unifiedml as um
            >>> x = np.linspace(-1, 1, 64, dtype="float32")[:, None]
            >>> model = um.Sequential(um.Dense(1))
            >>> model.compile(um.SGD(learning_rate=0.1), "mean_squared_error")
            >>> history = model.fit(x, 3 * x, epochs=20, verbose=False)
            >>> history["loss"][-1] < history["loss"][0]
            True
        """
        from unifiedml.train._fit import Plan, fit

        trainer = self._compiled()
        plan = Plan(
            batch_size=batch_size,
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=verbose,
            callbacks=callbacks,
            shuffle=shuffle,
            class_weight=class_weight,
        )
        return fit(
            trainer, plan, x, y, sample_weight, validation_split, validation_data
        )

    def evaluate(
        self,
        x: Data,
        y: Data = None,
        *,
        batch_size: int = 32,
        sample_weight: Data = None,
        verbose: bool = False,
    ) -> dict[str, float]:
        """Return the loss and the metrics on data, in evaluation mode.

        Arguments and errors are those of `fit`. The loss is the mean over examples.
        """
        from unifiedml.train._evaluate import evaluate

        return evaluate(
            self._compiled(),
            x,
            y,
            batch_size=batch_size,
            sample_weight=sample_weight,
            verbose=verbose,
        )

    def predict(
        self, x: Data, *, batch_size: int = 32, verbose: bool = False
    ) -> npt.NDArray[Any]:
        """Return what the model returns for ``x``, in evaluation mode, as NumPy array.

        The model need not have been compiled.

        Args:
            x: Inputs, the examples along the first axis; or an iterable of batches
                of inputs.
            batch_size: Examples a step.
            verbose: Show a progress bar.

        Example:
            >>> import numpy as np, unifiedml as um
            >>> um.Sequential(um.Dense(2)).predict(np.zeros((5, 3))).shape
            (5, 2)
        """
        from unifiedml.train._evaluate import predict

        return predict(cast("Module", self), x, batch_size=batch_size, verbose=verbose)

    def train_on_batch(
        self, x: Data, y: Data, sample_weight: Data = None
    ) -> dict[str, float]:
        """Take one training step on a batch, and return its loss and metrics.

        Raises:
            NonFiniteLossError: The loss is NaN or infinite; no parameter was changed,
                nor a floating-point buffer.
        """
        return self._compiled().train_on_batch(x, y, sample_weight)
