"""One step of an optimizer, op by op or as part of a program."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from unifiedml import _imperative
from unifiedml._dtypes import DTYPES, DType
from unifiedml._jit._trace import Deferred, Trace
from unifiedml._parameter import Buffer, Parameter
from unifiedml._rules.shapes import Shape
from unifiedml._tensor import Tensor
from unifiedml._tree import are_same
from unifiedml.ops.selection import where

if TYPE_CHECKING:
    from unifiedml.optim._base import Optimizer

__all__ = [
    "Change",
    "Kept",
    "Numbers",
    "State",
    "Taken",
    "rounded",
    "steps_ahead",
    "traced_step",
    "wide",
    "wide_dtype",
]

State = Mapping[str, Tensor]
Numbers = Mapping[str, Any]
"""Numbers of one step by name: floats, or 0-d tensors inside `unifiedml.jit`."""

T = TypeVar("T")
Whose = Callable[[], "Optimizer | None"]

_FLOAT32: Final = DTYPES["float32"]


@dataclass(eq=False)
class Kept:
    """What is kept for one parameter.

    Attributes:
        steps: How many steps it has taken: those without a gradient do not count.
        state: The tensors of the rule, by name.
    """

    steps: int
    state: dict[str, Buffer]


@dataclass(eq=False)
class Taken:
    """What is counted when a step has been taken.

    Attributes:
        whose: Returns the optimizer.
        kept: What is kept for the parameters that were changed.
    """

    whose: Whose
    kept: Sequence[Kept]

    def __call__(self) -> None:
        """Count it."""
        optimizer = _alive(self.whose)
        optimizer.iterations += 1
        for one in self.kept:
            one.steps += 1
        optimizer._counted = self.kept


def steps_ahead(effects: Iterable[Callable[[], None]]) -> Counter[int]:
    """Return how many steps of each parameter wait to be counted, by ``id`` of `Kept`.

    Args:
        effects: What is to happen at the end of the program.
    """
    taken = [one for one in effects if isinstance(one, Taken)]
    return Counter(id(kept) for one in taken for kept in one.kept)


@lru_cache(maxsize=256)
def rounded(number: float, dtype: DType) -> float:
    """Return a number as a real floating-point data type holds it."""
    with np.errstate(over="ignore"):
        return float(np.asarray(number).astype(dtype.numpy))


def wide_dtype(dtype: DType) -> DType:
    """Return the data type that steps of parameters of ``dtype`` are computed in.

    In 16 bits epsilon would be 0, and small steps would vanish earlier.
    """
    return _FLOAT32 if dtype.bits < 32 else dtype


def wide(x: Tensor) -> Tensor:
    """Return ``x`` in the data type that steps are computed in."""
    return x.astype(wide_dtype(x.dtype), copy=False)


@dataclass(eq=False)
class Change:
    """The step of one parameter."""

    parameter: Parameter
    kept: Kept
    gradient: Tensor

    @property
    def dtype(self) -> DType:
        """The data type that the step is computed in."""
        return wide_dtype(self.parameter.dtype)

    def make(self, optimizer: Optimizer, numbers: Numbers, skip: Tensor | None) -> None:
        """Compute the new value and state, and write them."""
        value = wide(self.parameter.detach())
        gradient = optimizer.penalized(wide(self.gradient.detach()), value)
        state = {name: one.detach() for name, one in self.kept.state.items()}
        new, fresh = optimizer.update(gradient, state, value, numbers)
        if skip is not None:
            new = where(skip, value, new)
            fresh = {name: where(skip, state[name], fresh[name]) for name in fresh}
        self.parameter.replace(new.astype(self.parameter.dtype, copy=False))
        for name, one in fresh.items():
            self.kept.state[name].replace(one)


def traced_step(
    trace: Trace, optimizer: Optimizer, changes: Sequence[Change], skip: Tensor | None
) -> None:
    """Make a step part of the program that is being traced.

    What counts steps is on the host: it moves on after each run of the program, and
    the numbers that depend on it are given to each run.
    """
    # A program does not keep an optimizer alive that has it.
    whose = weakref.ref(optimizer)
    trace.conditions.append(_unchanged(whose))
    waiting = steps_ahead(trace.effects)
    trace.after(Taken(whose, [one.kept for one in changes]))
    groups: dict[tuple[int, DType, str], list[Change]] = {}
    for one in changes:
        place = (one.kept.steps + waiting[id(one.kept)], one.dtype)
        groups.setdefault((*place, one.parameter.device), []).append(one)
    for (_, dtype, device), group in groups.items():
        kept = [one.kept for one in group]
        ahead = waiting[id(kept[0])] + 1
        trace.conditions.append(partial(_agree, kept))
        numbers = partial(_numbers, trace, whose, kept[0], ahead, dtype)
        _change(trace, optimizer, group, numbers, device, skip)


def _change(
    trace: Trace,
    optimizer: Optimizer,
    group: Sequence[Change],
    numbers: Callable[[str], Numbers],
    device: str,
    skip: Tensor | None,
) -> None:
    def compute() -> None:
        with _imperative.no_grad():
            given = numbers(device)
            for one in group:
                one.make(optimizer, given, skip)

    kernel = trace.backend.ops.fused.get(optimizer.kernel or "")
    narrow = any(one.parameter.dtype.bits < 32 for one in group)
    # A compiler fuses the operations themselves.
    if kernel is None or trace.compiled or narrow:
        compute()
        return
    ws = [one.parameter for one in group]
    with _imperative.no_grad():
        gradients = [
            optimizer.penalized(one.gradient.detach(), one.parameter.detach())
            for one in group
        ]
    slots = [[one.kept.state[name] for one in group] for name in optimizer.slots]
    changed: list[Parameter] = [*ws, *(one for slot in slots for one in slot)]
    # A kernel reads its numbers on the host, without waiting for the device.
    options = optimizer.kernel_options(numbers("cpu"), group[0].dtype)
    arguments = [ws, gradients, *slots, *options, skip]
    trace.defer(Deferred(changed, compute, kernel, arguments))


def _numbers(
    trace: Trace, whose: Whose, kept: Kept, ahead: int, dtype: DType, device: str
) -> Numbers:
    """Return the numbers of the step that comes ``ahead`` of those taken, as inputs."""
    # Graphs of TensorFlow stay for the collector; what they call should not.
    which = weakref.ref(kept)
    return {
        name: trace.host(
            partial(_number, whose, which, ahead, name, dtype),
            np.zeros((), dtype.numpy),
            device,
        )
        for name in _alive(whose).numbers(1, dtype)
    }


def _number(
    whose: Whose,
    which: Callable[[], Kept | None],
    ahead: int,
    name: str,
    dtype: DType,
    _: Shape,
) -> Any:
    numbers = _alive(whose).numbers(_alive(which).steps + ahead, dtype)
    return np.asarray(numbers[name], dtype.numpy)


def _agree(kept: Sequence[Kept]) -> bool:
    """Tell whether all have taken the same number of steps."""
    return all(one.steps == kept[0].steps for one in kept)


def _alive(reference: Callable[[], T | None]) -> T:
    found = reference()
    assert found is not None, "programs are run by what has their optimizer"
    return found


# The rate and the number of steps are given to each run.
_APART: Final = frozenset(
    {"iterations", "_learning_rate", "_parameters", "_kept", "_counted", "_program"}
)


def _unchanged(whose: Whose) -> Callable[[], bool]:
    """Return what tells whether the rule still reads and changes the same."""
    optimizer = _alive(whose)
    options = {name: one for name, one in vars(optimizer).items() if name not in _APART}
    parameters, kept = list(optimizer._parameters), list(optimizer._kept)
    trained = [one.trainable for one in parameters]

    def unchanged() -> bool:
        own = vars(_alive(whose))
        for name, value in options.items():
            now = own.get(name)
            if now is not value and not (
                isinstance(value, bool | int | float | str)
                and type(now) is type(value)
                and now == value
            ):
                return False
        return (
            len(own) - ("_program" in own) == len(options) + len(_APART) - 1
            and are_same(own["_parameters"], parameters)
            and are_same(own["_kept"], kept)
            and [one.trainable for one in parameters] == trained
        )

    return unchanged
