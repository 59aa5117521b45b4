"""What all optimizers share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy.typing as npt

from unifiedml import _imperative
from unifiedml._backend.errors import BackendMismatchError
from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml._tree import expand
from unifiedml.ops.creation import asarray, zeros_like

__all__ = ["Optimizer", "get"]

State = dict[str, Tensor]


class Optimizer:
    """The base of optimizers: a subclass defines `slots` and `update`.

    Args:
        parameters: Parameters, as ``model.parameters()`` returns them, or None:
            ``model.compile`` then gives the optimizer those of the model.
        learning_rate: The size of a step, positive; may be changed at any time.

    Attributes:
        iterations: How many steps have been taken.

    Raises:
        TypeError: ``parameters`` are not parameters.
        ValueError: ``learning_rate`` is negative or not finite.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    """Names of the tensors that the rule keeps for each parameter; zeros at first."""

    def __init__(
        self, parameters: Iterable[Parameter] | None = None, *, learning_rate: float
    ) -> None:
        self.learning_rate = check_number("learning_rate", learning_rate)
        self.iterations = 0
        self._parameters: list[Parameter] = []
        self._states: list[State | None] = []
        if parameters is not None:
            self.bind(parameters)

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor
    ) -> tuple[Tensor, State]:
        """Return the new value of a parameter and its new state.

        ``self.iterations`` counts this step already: it is 1 in the first.
        """
        raise TypeError(f"{type(self).__name__} defines no update rule")

    # --- parameters ----------------------------------------------------------------

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters that are changed."""
        return list(self._parameters)

    def bind(self, parameters: Iterable[Parameter]) -> None:
        """Change these parameters from now on, with fresh state.

        Raises:
            TypeError: They are not parameters.
        """
        if isinstance(parameters, int | float):
            raise TypeError(
                f"an optimizer takes parameters first: write "
                f"{type(self).__name__}(learning_rate={parameters})"
            )
        found = list(parameters)
        for one in found:
            if not isinstance(one, Parameter):
                raise TypeError(
                    f"an optimizer changes parameters, not {type(one).__name__}: pass "
                    "model.parameters()"
                )
        self._parameters = [one for one in found if one.trainable]
        self._states = [None] * len(self._parameters)
        self.iterations = 0

    def zero_grad(self) -> None:
        """Forget the gradients that ``backward()`` has added up."""
        for parameter in self._parameters:
            parameter.grad = None

    # --- a step -----------------------------------------------------------------------

    def step(self, grads: Any = None) -> None:
        """Change the parameters by one step.

        Args:
            grads: One gradient a parameter, in their order, in any structure (a list,
                the dict that `value_and_grad` returns for a model, ...). A parameter
                whose gradient is None stays as it is, and so does its state. Left
                out: what ``backward()`` has added up in ``.grad``.

        Raises:
            RuntimeError: There are no parameters, or no gradients.
            ValueError: The number of gradients or a shape differs.
            BackendMismatchError: A gradient is on another backend.
        """
        if not self._parameters:
            raise RuntimeError(
                "the optimizer has no parameters: pass model.parameters() when it is "
                "made, or give it to model.compile"
            )
        gradients = self._gradients(grads)
        self.iterations += 1
        with _imperative.no_grad():
            for place, (parameter, gradient) in enumerate(
                zip(self._parameters, gradients, strict=True)
            ):
                if gradient is not None:
                    self._step_one(place, parameter, gradient)

    def _step_one(self, place: int, parameter: Parameter, gradient: Tensor) -> None:
        state = self._states[place]
        value = parameter.detach()
        if state is None:
            state = {name: zeros_like(value) for name in self.slots}
        new, self._states[place] = self.update(gradient.detach(), state, value)
        parameter.replace(new)

    def _gradients(self, grads: Any) -> list[Tensor | None]:
        if grads is None:
            found = [parameter.grad for parameter in self._parameters]
            if all(gradient is None for gradient in found):
                raise RuntimeError(
                    "there are no gradients: call loss.backward() before step(), or "
                    "pass the gradients of um.value_and_grad"
                )
            return found
        given = list(_flat(expand(grads)))
        if len(given) != len(self._parameters):
            raise ValueError(
                f"{len(given)} gradients for {len(self._parameters)} parameters"
            )
        for place, (parameter, gradient) in enumerate(
            zip(self._parameters, given, strict=True)
        ):
            _check(place, parameter, gradient)
        return given

    # --- state ------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs, as NumPy arrays and numbers."""
        return {
            "iterations": self.iterations,
            "learning_rate": self.learning_rate,
            "slots": [
                None if state is None else {k: v.numpy() for k, v in state.items()}
                for state in self._states
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the run that saved ``state`` stopped.

        Raises:
            ValueError: It belongs to another number of parameters.
        """
        saved: list[Mapping[str, npt.NDArray[Any]] | None] = state["slots"]
        if len(saved) != len(self._parameters):
            raise ValueError(
                f"the state of {len(saved)} parameters does not fit "
                f"{len(self._parameters)}"
            )
        self.iterations = int(state["iterations"])
        self.learning_rate = float(state["learning_rate"])
        self._states = [
            None
            if one is None
            else {name: like(parameter, values) for name, values in one.items()}
            for parameter, one in zip(self._parameters, saved, strict=True)
        ]


def like(parameter: Parameter, values: npt.NDArray[Any]) -> Tensor:
    """Return an array as a tensor beside ``parameter``."""
    from unifiedml._backend.registry import use_backend

    with use_backend(parameter.backend):
        return asarray(values, device=parameter.device)


def check_number(
    name: str, value: float, *, below: float = math.inf, positive: bool = False
) -> float:
    """Return an option as a float.

    Raises:
        ValueError: It is negative, not finite, or not below ``below``.
    """
    number = float(value)
    if not 0 <= number < below or (positive and not number):
        limit = "" if math.isinf(below) else f" and below {below:g}"
        sign = "positive" if positive else "not negative"
        raise ValueError(f"{name} is {sign}{limit}, not {value!r}")
    return number


def _flat(tree: Any) -> Iterator[Any]:
    """Yield the leaves of a tree, None included."""
    if isinstance(tree, Mapping):
        for one in tree.values():
            yield from _flat(one)
    elif isinstance(tree, list | tuple):
        for one in tree:
            yield from _flat(one)
    else:
        yield tree


def _check(place: int, parameter: Parameter, gradient: Any) -> None:
    if gradient is None:
        return
    if not isinstance(gradient, Tensor):
        raise TypeError(f"gradient {place} is a {type(gradient).__name__}, no tensor")
    if gradient._backend.name != parameter._backend.name:
        raise BackendMismatchError(
            f"gradient {place} is on backend {gradient.backend!r}, its parameter on "
            f"{parameter.backend!r}"
        )
    if gradient.shape != parameter.shape:
        raise ValueError(
            f"gradient {place} has shape {gradient.shape}, its parameter "
            f"{parameter.shape}"
        )


def get(optimizer: str | Optimizer, /) -> Optimizer:
    """Return the optimizer of a name with its defaults, or what is one already.

    Raises:
        ValueError: There is none of that name.

    Example:
        >>> import unifiedml as um
        >>> um.optim.get("adam").learning_rate
        0.001
    """
    from unifiedml.optim import SGD, Adam, AdamW

    if isinstance(optimizer, Optimizer):
        return optimizer
    known = {one.__name__.lower(): one for one in (SGD, Adam, AdamW)}
    if not isinstance(optimizer, str) or optimizer.lower() not in known:
        raise ValueError(
            f"there is no optimizer {optimizer!r}: choose from "
            f"{', '.join(known)}, or pass an optimizer"
        )
    return known[optimizer.lower()]()
