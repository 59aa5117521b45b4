"""One step of training, and what a compiled model knows."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from unifiedml import losses, metrics, optim
from unifiedml._backend.devices import resolve_device
from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend, current
from unifiedml._dtypes import DTYPES, DType
from unifiedml._imperative import no_grad
from unifiedml._parameter import Buffer, Parameter
from unifiedml._tensor import Tensor
from unifiedml._tracing import tracing
from unifiedml._tree import are_same
from unifiedml.autodiff import value_and_grad
from unifiedml.losses import Loss
from unifiedml.metrics import Metric
from unifiedml.ops.comparison import isfinite
from unifiedml.ops.selection import where
from unifiedml.optim import Optimizer
from unifiedml.train._data import Batch, as_arrays, to_tensors
from unifiedml.train._errors import NonFiniteLossError
from unifiedml.train._measures import Measures
from unifiedml.train._program import Step

if TYPE_CHECKING:
    from unifiedml.nn._module import Module

__all__ = ["Home", "Trainer", "home_of", "size_of"]


class Home(NamedTuple):
    """Where and in which floating-point data type a model computes."""

    backend: LoadedBackend
    device: str
    dtype: DType

    def tensors(self, batch: Batch) -> Batch:
        """Return a batch as tensors there."""
        return Batch(*(to_tensors(tree, *self) for tree in batch))


def home_of(model: Module) -> Home:
    """Return where a model's first floating-point parameter is, and its data type.

    Before a model knows its sizes: where new tensors are.
    """
    modules = model.modules()
    for module in modules:
        for _, one in module._children():
            if isinstance(one, Parameter) and one.dtype.kind == "float":
                return Home(one._backend, one.device, one.dtype)
    dtypes = (getattr(module, "dtype", None) for module in modules)
    chosen = (dtype for dtype in dtypes if isinstance(dtype, DType))
    wanted = next(chosen, DTYPES["float32"])
    return Home(current(), resolve_device(None, current()), wanted)


class Trainer:
    """A model with its optimizer, loss and metrics.

    Args:
        model: The model.
        optimizer: An optimizer or its name.
        loss: A loss or its name.
        metrics_: Metrics or their names.
        run_eagerly: Whether to run steps op by op.
        jit_compile: Whether the framework's compiler makes the steps.

    Raises:
        ValueError: There is no optimizer, loss or metric of that name, or two metrics
            have one name.
        TypeError: There is no loss, or metrics are no sequence.
    """

    def __init__(
        self,
        model: Module,
        optimizer: str | Optimizer,
        loss: str | Loss | None,
        metrics_: Sequence[str | Metric],
        run_eagerly: bool,
        jit_compile: bool,
    ) -> None:
        if loss is None:
            raise TypeError("compile needs a loss, such as loss='mean_squared_error'")
        if isinstance(metrics_, str) or not isinstance(metrics_, Sequence):
            raise TypeError(
                f"metrics is a list, such as ['accuracy'], not {metrics_!r}"
            )
        self.model = model
        self.optimizer = optim.get(optimizer)
        self.loss = losses.get(loss)
        self.metrics = [metrics.get(metric) for metric in metrics_]
        names = [metric.name for metric in self.metrics]
        if len({"loss", *names}) <= len(names):
            raise ValueError(f"metrics need names of their own, not {names}")
        self._known: tuple[list[str], list[Any]] | None = None
        self._buffers: list[Buffer] = []
        options = {"eager": run_eagerly, "compiler": jit_compile}
        self._train = Step(self._step, **options)
        self.test = Step(self._test, **options)

    # --- steps ---------------------------------------------------------------------

    def prepare(self, batch: Batch) -> Home:
        """Have a model of unknown sizes learn them, and the optimizer its parameters.

        Returns:
            Where the model is.

        Raises:
            ValueError: There is nothing to train, or the optimizer has parameters that
                are not the model's.
        """
        names, parts = self._parts()
        # To look through a model five times would cost more than a small step.
        known = self._known
        if known is None or names != known[0] or not are_same(parts, known[1]):
            self._learn(batch)
            self._known = self._parts()
        return home_of(self.model)

    def _parts(self) -> tuple[list[str], list[Any]]:
        """Return what a model and its optimizer consist of, and the model's names."""
        children = [one for part in self.model.modules() for one in part._children()]
        names = [name for name, _ in children]
        return names, [*(one for _, one in children), *self.optimizer.parameters]

    def _learn(self, batch: Batch) -> None:
        try:
            parameters = self.model.parameters()
        except ValueError:
            parameters = []
        if not parameters:
            # Its layers are to be made, or do not know their sizes.
            with self.model._mode(False), no_grad():
                self.model(home_of(self.model).tensors(batch).x)
            parameters = self.model.parameters()
        self._bind(parameters)
        own = {id(one) for one in parameters}
        if not all(id(one) in own for one in self.optimizer.parameters):
            raise ValueError(
                "the optimizer was made with parameters that are not the model's: make "
                "one for this model"
            )
        if not self.optimizer.parameters:
            raise ValueError("there is nothing to train: no trainable parameters")
        buffers = (one for _, one in self.model.named_buffers())
        self._buffers = [one for one in buffers if one.dtype.is_differentiable]
        self.model._settle()

    def _bind(self, parameters: list[Parameter]) -> None:
        """Have the optimizer train the model's parameters, unless the user chose some.

        What a compiled model has given an optimizer follows that model, and goes over
        to another that has some of it. What is given elsewhere is the user's choice,
        also where all of it is frozen.
        """
        now = self.optimizer._parameters
        if now and now is not self.optimizer._given:
            return
        is_new = self._known is None
        if now and is_new and {id(one) for one in parameters}.isdisjoint(map(id, now)):
            return  # another model's, which `_learn` refuses
        # Programs hold on to the list: a new one would have them traced again.
        if not are_same(parameters, now):
            self.optimizer.bind(parameters)
            self.optimizer._given = self.optimizer._parameters

    def begin(self, given: Batch) -> tuple[Tensor, Tensor]:
        """Begin a training step on a batch of tensors.

        Returns:
            The loss, and what the model returned: a GPU may still be at work on them.
        """
        return self._train(given)

    def finish(self, loss: Tensor) -> float:
        """Wait for a step's end, and return its loss.

        Raises:
            NonFiniteLossError: The loss is not finite; no parameter was changed, nor a
                floating-point buffer.
        """
        value = float(loss)
        if not math.isfinite(value):
            self.optimizer.take_back()
            raise NonFiniteLossError(value)
        return value

    def _step(self, given: Batch) -> tuple[Tensor, Tensor]:
        before = [one._native for one in self._buffers]
        differentiated = value_and_grad(self._objective, has_aux=True)
        (loss, predicted), gradients = differentiated(self.optimizer.parameters, given)
        skip = ~isfinite(loss)
        self._restore(before, skip)
        self.optimizer.apply(gradients, skip=skip)
        return loss, predicted

    def _restore(self, before: Sequence[Native], skip: Tensor) -> None:
        """Give the buffers that the model has written their values back, to skip."""
        with no_grad():
            for one, native in zip(self._buffers, before, strict=True):
                # What was not written is the same object, also in a program.
                if one._native is not native:
                    old = Tensor(native, one._backend)
                    one.replace(where(skip, old, one.detach()))

    def _test(self, given: Batch) -> tuple[Tensor, Tensor]:
        predicted = self.model(given.x)
        return self.compute_loss(given, predicted), predicted

    def _objective(self, _: list[Parameter], given: Batch) -> tuple[Tensor, Tensor]:
        predicted = self.model(given.x)
        return self.compute_loss(given, predicted), predicted

    def compute_loss(self, given: Batch, predicted: Tensor) -> Tensor:
        """Return the loss of a batch of tensors."""
        trace = tracing.get()
        if trace is not None:
            trace.depends_on(self.loss)
        if given.y is None:
            raise ValueError("the loss needs y: what the model should return")
        if given.weight is None:
            return self.loss(given.y, predicted)
        return self.loss(given.y, predicted, sample_weight=given.weight)

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any) -> dict[str, float]:
        """Take one training step on a batch; see `Trainable.train_on_batch`."""
        batch = Batch(*(as_arrays(tree) for tree in (x, y, sample_weight)))
        home = self.prepare(batch)
        with self.model._mode(True):
            loss, predicted = self.begin(home.tensors(batch))
            value = self.finish(loss)
        measures = self.measures()
        measures.add(batch, predicted, value)
        return measures.logs()

    def measures(self) -> Measures:
        """Return what adds up loss and metrics, apart from all that runs beside it.

        The metrics themselves are those of ``fit``, which may be running: its callbacks
        may evaluate, and so may other threads.
        """
        return Measures(copy.deepcopy(self.metrics))


def size_of(tree: Any) -> int:
    """Return how many examples a batch has."""
    while isinstance(tree, Mapping | list | tuple):
        tree = next(iter(tree.values() if isinstance(tree, Mapping) else tree))
    return tree.shape[0] if tree.ndim else 1
