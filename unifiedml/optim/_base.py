"""What all optimizers share."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from unifiedml import _imperative
from unifiedml._backend.errors import TracedStateError
from unifiedml._backend.registry import use_backend
from unifiedml._dtypes import DType
from unifiedml._jit import Jitted
from unifiedml._parameter import Buffer, Parameter, pending_effects
from unifiedml._tensor import Tensor
from unifiedml._tracing import tracing, untraced
from unifiedml.ops._dispatch import common_backend
from unifiedml.ops.conversion import asarray
from unifiedml.ops.creation import zeros_like
from unifiedml.optim._options import Option, check_number, check_options
from unifiedml.optim._step import (
    Change,
    Kept,
    Numbers,
    State,
    Taken,
    steps_ahead,
    traced_step,
    wide,
    wide_dtype,
)

__all__ = ["Optimizer", "get"]

_PROGRAMS: Final = 8
_STEPS: Final = 16
"""So many programs are made at once, from then on one in so many steps: where other
parameters have gradients each time, programs do not pay."""


class Optimizer:
    """The base of optimizers: a subclass defines `slots`, `numbers` and `update`.

    Args:
        parameters: Parameters, as ``model.parameters()`` returns them, or None:
            ``model.compile`` then gives the optimizer those of the model.
        learning_rate: The size of a step, not negative; may be changed at any time.
        weight_decay: Factor of the L2 penalty, which is part of the gradient.

    Attributes:
        iterations: How many steps have been taken.

    Raises:
        TypeError: ``parameters`` are not parameters, or complex where the rule takes
            none such: all but `SGD`.
        ValueError: ``learning_rate`` is negative or not finite, a parameter is given
            twice, or its data type rounds an option out of its range, such as a
            ``beta_2`` to 1.
    """

    slots: tuple[str, ...] = ()
    """Names of the tensors that the rule keeps for each parameter; zeros at first."""

    kernel: str | None = None
    """The kernel of the backends that makes the step in place, if one has it."""

    takes_complex: bool = True
    """Whether the rule is right for complex parameters, as all linear rules are."""

    weight_decay = Option()

    _program: Jitted[..., None] | None = None

    _parameters: Sequence[Parameter] = ()

    # The list of parameters, if a compiled model has given it that: kept here, so that
    # other models know it, and copies.
    _given: Sequence[Parameter] | None = None

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
    ) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.iterations = 0
        self._parameters = []
        self._kept: list[Kept | None] = []
        self._counted: Sequence[Kept] = ()
        if parameters is not None:
            self.bind(parameters)

    @property
    def learning_rate(self) -> float:
        """The size of a step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if tracing.get() is not None:
            raise TracedStateError("the learning rate is set")
        self._learning_rate = check_number("learning_rate", value)

    def numbers(self, step: int, dtype: DType) -> Mapping[str, float]:
        """Return the numbers of a step that depend on the rate or on the count.

        Inside `unifiedml.jit` they are computed anew at each run, and everything else
        that `update` reads is a constant.

        Args:
            step: The number of this step of the parameter, 1 for the first.
            dtype: The data type that the step is computed in.
        """
        return {"learning_rate": self.learning_rate}

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, numbers: Numbers
    ) -> tuple[Tensor, State]:
        """Return the new value of a parameter and its new state.

        Args:
            gradient: Its gradient, that of the penalty included.
            state: The tensors named in `slots`.
            parameter: Its value.
            numbers: What `numbers` returns for this step.
        """
        raise TypeError(f"{type(self).__name__} defines no update rule")

    def kernel_options(self, numbers: Numbers, dtype: DType) -> tuple[Any, ...]:
        """Return what `kernel` is called with after the tensors of the parameters."""
        return ()

    def penalized(self, gradient: Tensor, parameter: Tensor) -> Tensor:
        """Return the gradient with that of the L2 penalty."""
        if not self.weight_decay:
            return gradient
        return gradient + parameter * self.weight_decay

    # --- parameters ----------------------------------------------------------------

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters that are changed: those given that are trainable now."""
        return [one for one in self._parameters if one.trainable]

    def bind(self, parameters: Iterable[Parameter]) -> None:
        """Change these parameters from now on; those it knows keep their state.

        Raises:
            TypeError: They are not parameters, or complex where the rule takes none
                such.
            ValueError: One is given twice, or its data type rounds an option out of
                its range, such as a ``beta_2`` to 1.
        """
        if isinstance(parameters, int | float):
            raise TypeError(
                f"an optimizer takes parameters first: write "
                f"{type(self).__name__}(learning_rate={parameters})"
            )
        if not isinstance(parameters, Iterable):
            raise TypeError(
                f"an optimizer takes parameters, not {type(parameters).__name__}: pass "
                "model.parameters()"
            )
        found = list(parameters)
        for one in found:
            if not isinstance(one, Parameter):
                raise TypeError(
                    f"an optimizer changes parameters, not {type(one).__name__}: pass "
                    "model.parameters()"
                )
            if one.trainable:
                self._check_kind(one)
        if len({id(one) for one in found}) < len(found):
            raise ValueError("a parameter is given twice: it would step twice")
        check_options(self, found)
        before = {
            id(one): kept
            for one, kept in zip(self._parameters, self._kept, strict=True)
        }
        self._parameters = found
        # They would hold on to what is gone.
        self._program, self._counted = None, ()
        self._kept = [before.get(id(one)) for one in found]

    def _check_kind(self, parameter: Parameter) -> None:
        if parameter.dtype.kind == "complex" and not self.takes_complex:
            raise TypeError(
                f"{type(self).__name__} is no rule for complex parameters, and one is "
                f"{parameter.dtype.name}: keep its real and imaginary parts as two "
                "parameters, or train it by SGD"
            )

    def zero_grad(self) -> None:
        """Forget the gradients that ``backward()`` has added up."""
        for parameter in self.parameters:
            parameter.grad = None

    # --- a step --------------------------------------------------------------------

    def step(self, grads: Any = None) -> None:
        """Change the parameters by one step.

        Args:
            grads: One gradient a (trainable) parameter, in their order, in any
                structure (a list, the dict that `value_and_grad` returns for a model,
                ...). A parameter whose gradient is None stays as it is, and so does
                its state. Left out: what ``backward()`` has added up in ``.grad``.

        Raises:
            RuntimeError: There are no parameters, or no gradients.
            ValueError: The number of gradients or a shape differs.
            TypeError: A gradient is no tensor, or of another data type, or a parameter
                that is not frozen any more is complex where the rule takes none such.
            BackendMismatchError: A gradient is on another backend.

        Where it raises, nothing has been changed.

        The steps of the optimizers here are programs also outside of `unifiedml.jit`,
        which kernels of the framework make in place; each set of parameters that have
        gradients is traced once. A rule of your own runs op by op.
        """
        self.apply(grads)

    def apply(self, grads: Any, skip: Tensor | None = None) -> None:
        """Change the parameters by one step; see `step`.

        Args:
            grads: The gradients.
            skip: A 0-d bool tensor: whether to leave everything as it is.
        """
        if not self._parameters:
            raise RuntimeError(
                "the optimizer has no parameters: pass model.parameters() when it is "
                "made, or give it to model.compile"
            )
        gradients = self._gradients(grads, self.parameters)
        if tracing.get() is None and self._is_for_programs():
            if self._program is None:
                self._program = _program_of(self)
            if self._program.traces < _PROGRAMS + self.iterations // _STEPS:
                self._program(gradients, skip)
                return
        self._change(gradients, skip)

    def _is_for_programs(self) -> bool:
        # A rule of the user's may print, or look at values: it runs op by op.
        own = type(self).__module__.startswith("unifiedml.")
        return own and all(one.dtype.kind == "float" for one in self._parameters)

    def _change(
        self, gradients: Sequence[Tensor | None], skip: Tensor | None = None
    ) -> None:
        places = [place for place, one in enumerate(self._parameters) if one.trainable]
        changes = [
            Change(self._parameters[place], self._kept_for(place), gradient)
            for place, gradient in zip(places, gradients, strict=True)
            if gradient is not None
        ]
        trace = tracing.get()
        if trace is not None:
            traced_step(trace, self, changes, skip)
            return
        effects = pending_effects()
        waiting = steps_ahead(effects or ())
        with _imperative.no_grad():
            for one in changes:
                number = one.kept.steps + waiting[id(one.kept)] + 1
                one.make(self, self.numbers(number, one.dtype), skip)
        taken = Taken(lambda: self, [one.kept for one in changes])
        if effects is None:
            taken()
        else:
            effects.append(taken)

    def __getstate__(self) -> dict[str, Any]:
        # Copies make programs of their own.
        return {key: one for key, one in vars(self).items() if key != "_program"}

    def take_back(self) -> None:
        """Do not count the last step, which changed nothing."""
        self.iterations -= 1
        for kept in self._counted:
            kept.steps -= 1
        self._counted = ()

    def _kept_for(self, place: int) -> Kept:
        """Return what is kept for a parameter, where the parameter is now."""
        parameter = self._parameters[place]
        kept = self._kept[place]
        if kept is None:
            # It may have been frozen when it was given.
            self._check_kind(parameter)
            with untraced():
                zero = zeros_like(wide(parameter.detach()))
                state = {name: Buffer(zero) for name in self.slots}
            kept = self._kept[place] = Kept(0, state)
        for one in kept.state.values():
            if (one.backend, one.device) != (parameter.backend, parameter.device):
                with untraced():
                    one._move(parameter._backend, parameter.device)
        return kept

    def _gradients(
        self, grads: Any, parameters: Sequence[Parameter]
    ) -> Sequence[Tensor | None]:
        if grads is None:
            found = [parameter.grad for parameter in parameters]
            if all(gradient is None for gradient in found):
                raise RuntimeError(
                    "there are no gradients: call loss.backward() before step(), or "
                    "pass the gradients of um.value_and_grad"
                )
            return found
        given = list(_flat(grads))
        if len(given) != len(parameters):
            raise ValueError(f"{len(given)} gradients for {len(parameters)} parameters")
        for place, (parameter, gradient) in enumerate(
            zip(parameters, given, strict=True)
        ):
            if gradient is not None:
                _check(place, parameter, gradient)
        return given

    # --- state ---------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs, as NumPy arrays and numbers.

        It has ``"iterations"``, ``"learning_rate"`` and ``"parameters"``: for each
        parameter None, if it has not been changed yet, or a dict of its ``"steps"``
        and of the arrays of the rule.
        """
        return {
            "iterations": self.iterations,
            "learning_rate": self.learning_rate,
            "parameters": [
                None
                if kept is None
                else {
                    "steps": kept.steps,
                    **{name: one.numpy() for name, one in kept.state.items()},
                }
                for kept in self._kept
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the run that saved ``state`` stopped; on any backend.

        The arrays are converted to the data types that the steps are computed in.

        Raises:
            ValueError: It belongs to other parameters or to another rule.
            TypeError: Arrays are complex, and the parameter is not.

        Where it raises, nothing has been changed.
        """
        saved: list[Mapping[str, Any] | None] = state["parameters"]
        if len(saved) != len(self._parameters):
            raise ValueError(
                f"the state of {len(saved)} parameters does not fit "
                f"{len(self._parameters)}"
            )
        kept = [
            None if one is None else self._loaded(place, one)
            for place, one in enumerate(saved)
        ]
        iterations = int(state["iterations"])
        self.learning_rate = state["learning_rate"]
        self.iterations = iterations
        self._kept = kept
        self._program, self._counted = None, ()

    def _loaded(self, place: int, saved: Mapping[str, Any]) -> Kept:
        parameter = self._parameters[place]
        if set(saved) != {"steps", *self.slots}:
            raise ValueError(
                f"the state of parameter {place} has {', '.join(sorted(saved))}: it is "
                f"not one of {type(self).__name__}"
            )
        for name in self.slots:
            if saved[name].shape != parameter.shape:
                raise ValueError(
                    f"{name} of parameter {place} has shape {saved[name].shape}, the "
                    f"parameter {parameter.shape}"
                )
        dtype, device = wide_dtype(parameter.dtype), parameter.device
        with use_backend(parameter.backend):
            tensors = {
                name: Buffer(asarray(saved[name], dtype=dtype, device=device))
                for name in self.slots
            }
        return Kept(int(saved["steps"]), tensors)


def _program_of(optimizer: Optimizer) -> Jitted[..., None]:
    """Return the step of an optimizer as a program, which does not keep it alive."""
    whose = weakref.ref(optimizer)

    def change(gradients: Sequence[Tensor | None], skip: Tensor | None) -> None:
        one = whose()
        assert one is not None
        one._change(gradients, skip)

    return Jitted(change, compiler=False, warns=False)


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
    if not isinstance(gradient, Tensor):
        raise TypeError(f"gradient {place} is a {type(gradient).__name__}, no tensor")
    if gradient._backend is not parameter._backend:
        common_backend(f"gradient {place} and its parameter", (parameter, gradient))
    if gradient.shape != parameter.shape:
        raise ValueError(
            f"gradient {place} has shape {gradient.shape}, its parameter "
            f"{parameter.shape}"
        )
    if gradient.dtype is not parameter.dtype:
        raise TypeError(
            f"gradient {place} is {gradient.dtype.name}, its parameter "
            f"{parameter.dtype.name}: convert with astype first"
        )


def get(optimizer: str | Optimizer, /) -> Optimizer:
    """Return the optimizer of a name with its defaults, or what is one already.

    Raises:
        ValueError: There is none of that name.
        TypeError: It is neither an optimizer nor a name.

    Example:
        >>> import unifiedml as um
        >>> um.optim.get("adam").learning_rate
        0.001
    """
    from unifiedml import optim

    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str):
        raise TypeError(f"an optimizer is one, or its name, not {optimizer!r}")
    members = [getattr(optim, name) for name in optim.__all__]
    known: dict[str, Callable[[], Optimizer]] = {
        one.__name__.lower(): one
        for one in members
        if isinstance(one, type) and one is not Optimizer
    }
    if optimizer.lower() not in known:
        raise ValueError(
            f"there is no optimizer {optimizer!r}: choose from "
            f"{', '.join(known)}, or pass an optimizer"
        )
    return known[optimizer.lower()]()
