"""One step of an optimizer, op by op or as part of a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from unifiedml import _imperative
from unifiedml._dtypes import DTYPES, DType
from unifiedml._jit._trace import Deferred, Trace
from unifiedml._parameter import Buffer, Parameter
from unifiedml._tensor import Tensor
from unifiedml.ops.selection import where

if TYPE_CHECKING:
    from unifiedml.optim._base import Optimizer

__all__ = ["Change", "Kept", "Numbers", "State", "rounded", "traced_step", "wide"]

State = Mapping[str, Tensor]
Numbers = Mapping[str, Any]
"""Numbers of one step by name: floats, or 0-d tensors inside `unifiedml.jit`."""

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

    def count(self) -> None:
        """Note that a step has been taken."""
        self.steps += 1


@lru_cache(maxsize=256)
def rounded(number: float, dtype: DType) -> float:
    """Return a number as a real floating-point data type holds it."""
    return float(np.asarray(number).astype(dtype.numpy))


def wide(x: Tensor) -> Tensor:
    """Return ``x`` in the data type that steps are computed in.

    In 16 bits epsilon would be 0, and small steps would vanish earlier.
    """
    return x.astype(_FLOAT32) if x.dtype.bits < 32 else x


@dataclass(eq=False)
class Change:
    """The step of one parameter."""

    parameter: Parameter
    kept: Kept
    gradient: Tensor

    @property
    def dtype(self) -> DType:
        """The data type that the step is computed in."""
        dtype = self.parameter.dtype
        return _FLOAT32 if dtype.bits < 32 else dtype

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
    trace.conditions.append(_unchanged(optimizer))
    trace.after(partial(_count, optimizer))
    groups: dict[tuple[int, DType, str], list[Change]] = {}
    for one in changes:
        place = (one.kept.steps + trace.effects.count(one.kept.count), one.dtype)
        groups.setdefault((*place, one.parameter.device), []).append(one)
    for (_, dtype, device), group in groups.items():
        kept = [one.kept for one in group]
        ahead = trace.effects.count(kept[0].count) + 1
        trace.conditions.append(partial(_agree, kept))
        numbers = partial(_numbers, trace, optimizer, kept[0], ahead, dtype)
        for each in kept:
            trace.after(each.count)
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
    trace: Trace,
    optimizer: Optimizer,
    kept: Kept,
    ahead: int,
    dtype: DType,
    device: str,
) -> Numbers:
    """Return the numbers of the step that comes ``ahead`` of those taken, as inputs."""
    return {
        name: trace.host(
            partial(_number, optimizer, kept, ahead, name, dtype),
            np.zeros((), dtype.numpy),
            device,
        )
        for name in optimizer.numbers(1, dtype)
    }


def _number(
    optimizer: Optimizer, kept: Kept, ahead: int, name: str, dtype: DType
) -> Any:
    numbers = optimizer.numbers(kept.steps + ahead, dtype)
    return np.asarray(numbers[name], dtype.numpy)


def _agree(kept: Sequence[Kept]) -> bool:
    """Tell whether all have taken the same number of steps."""
    return all(one.steps == kept[0].steps for one in kept)


def _count(optimizer: Optimizer) -> None:
    optimizer.iterations += 1


def _unchanged(optimizer: Optimizer) -> Callable[[], bool]:
    """Return what tells whether the rule still reads and changes the same."""
    own = vars(optimizer)
    # The rate and the number of steps are given to each run.
    plain = [
        (name, value)
        for name, value in own.items()
        if isinstance(value, bool | int | float | str)
        and name not in ("iterations", "_learning_rate")
    ]
    parameters, kept = optimizer._parameters, optimizer._kept
    ids = [*map(id, parameters)], [*map(id, kept)]

    def unchanged() -> bool:
        for name, value in plain:
            if own.get(name) != value:
                return False
        return (
            [*map(id, optimizer._parameters)],
            [*map(id, optimizer._kept)],
        ) == ids

    return unchanged
