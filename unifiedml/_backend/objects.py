"""What a backend makes, and what it is given: tapes, engines, cells, programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

Native: TypeAlias = Any
"""A tensor of the framework. It has a ``dtype`` that is compared by identity."""

NativeDType: TypeAlias = Any
Array: TypeAlias = npt.NDArray[Any]


class Tape(Protocol):
    """Records what is computed from watched tensors while it is entered."""

    def __enter__(self) -> Tape: ...
    def __exit__(self, *exception: object) -> None: ...

    def watch(self, x: Native, /) -> Native:
        """Return a stand-in for ``x``: what is computed from it is recorded.

        Nothing that holds ``x`` itself is affected, so a function that closes over
        ``x`` sees a constant there.
        """
        ...

    def gradient(
        self,
        outputs: Sequence[Native],
        inputs: Sequence[Native],
        cotangents: Sequence[Native],
    ) -> list[Native | None]:
        """Return the vector-Jacobian products for ``inputs`` that were watched.

        None stands where no output was computed from an input while the tape was
        entered; a function whose derivative is 0, such as ``floor``, counts. The
        result is itself recorded by the tapes that are still entered.
        """
        ...


class Engine(Protocol):
    """Gradients by a graph that native tensors themselves carry.

    A framework whose tensors remember their history (``requires_grad``) offers this
    object; for others the frontend keeps the history in small tapes. The stand-ins of
    a tape are constants here: no history starts at them.
    """

    def leaf(self, x: Native, /) -> Native:
        """Return a tensor with the value of ``x`` from which a history starts."""
        ...

    def is_recorded(self, x: Native, /) -> bool:
        """Tell whether ``x`` is a leaf or was computed from one."""
        ...

    def is_leaf(self, x: Native, /) -> bool:
        """Tell whether a history starts at ``x``."""
        ...

    def backward(
        self, x: Native, cotangent: Native, retain_graph: bool, create_graph: bool
    ) -> None:
        """Add the gradients of ``x`` to those of its leaves.

        The sum is a new tensor: one that `gradient_of` has returned never changes.

        Raises:
            FreedError: A pass without ``retain_graph`` went through here before.
        """
        ...

    def register_hook(self, x: Native, hook: Callable[[Native], Native], /) -> None:
        """Have ``hook`` called with the gradient that arrives at ``x`` in `backward`.

        What it returns goes on in its place.
        """
        ...

    def gradient_of(self, leaf: Native, /) -> Native | None:
        """Return the gradient that has been added up at ``leaf``, if any."""
        ...

    def set_gradient(self, leaf: Native, value: Native | None, /) -> None:
        """Replace the gradient at ``leaf``."""
        ...


class Cell(Protocol):
    """Holds the value of a parameter, for programs to change in place.

    What `write` was given and `read` has returned never changes: memory that others
    can see is copied before a program writes to it.
    """

    def write(self, x: Native, /) -> None: ...
    def read(self) -> Native:
        """Return the value; while a program is traced, a stand-in for it."""
        ...


class Program(Protocol):
    """A traced function: takes its tensors, writes to cells, returns its results."""

    def __call__(self, *inputs: Native) -> Sequence[Native]: ...
    def generalized(
        self, others: Sequence[Any], sizes: Sequence[int]
    ) -> Callable[[int], Program]:
        """Return what gives the program of any size of the arguments.

        Args:
            others: Programs of the same function, which like this one no compiler has
                made, for arguments that differ in one size alone.
            sizes: That size, for this program and the others: `SAMPLES` in all.

        Raises:
            ChangedError: They differ in more than what `number_of` finds; the returned
                function does where a number is no integer.
        """
        ...

    def text(self) -> str:
        """Return the operations, for people."""
        ...


Update: TypeAlias = tuple[Callable[..., None], tuple[Any, ...]]
"""A function of `Backend.fused`, and what it is called with at the end of a program."""

Traced: TypeAlias = Callable[
    ..., tuple[Sequence[Native], Sequence[tuple[Cell, Native]], Sequence[Update]]
]
"""What is traced: returns results, new values of cells, and updates of cells."""


__all__ = [
    "Array",
    "Cell",
    "Engine",
    "Native",
    "NativeDType",
    "Program",
    "Tape",
    "Traced",
    "Update",
]
