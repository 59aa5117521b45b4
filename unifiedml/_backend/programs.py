"""What the frontend asks of a framework that has programs: part of the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from unifiedml._backend.objects import Array, Cell, Native, Program, Traced

__all__ = ["Programs"]


class Programs(Protocol):
    """The part of `Backend` that traces functions."""

    fused: Mapping[str, Callable[..., None]]
    """Kernels that make the step of an optimizer in place, by the optimizer's name.

    ``"adam"``: lists of cells of parameters, gradients, lists of cells of both moments;
    rate and epsilon, corrected for the number of steps, 0-d; beta_1, beta_2; a 0-d
    factor for the parameters before the step, or None; and a 0-d bool that says to
    change nothing, or None. No backend must have any.
    """

    trace: Callable[[Traced, Sequence[Native], bool], Program] | None
    """Calls a function with stand-ins for the inputs, and returns it as a program.

    Nothing is written to cells meanwhile. The last argument says whether the
    framework's compiler makes the program. A function that needs the values of its
    inputs raises `TracedValueError`. None: the framework has no programs, functions run
    op by op, and nobody asks for cells and what follows."""

    def cell(self, x: Native, /) -> Cell: ...
    def untraced(self) -> AbstractContextManager[object]:
        """Return a context in which nothing becomes part of the program."""
        ...

    def host_value(
        self, read: Callable[[Sequence[int]], Array], like: Array, device: str, /
    ) -> Native:
        """Return a stand-in, while tracing, for what ``read`` returns at each run.

        ``read`` is given its shape. ``like`` has this shape and the data type.
        """
        ...

    # Control flow, asked for while a function is traced only. What functions are given
    # and return are sequences of natives; they may use what is outside.
    def apart(self, function: Callable[[], None], /) -> Sequence[Native]:
        """Call a function such that nothing it computes is part of the program.

        Returns what it uses from outside.
        """
        ...

    def is_watched(self, x: Native, /) -> bool:
        """Tell whether a tape records what is computed from ``x``."""
        ...

    def cond(
        self,
        condition: Native,
        true: Callable[..., Sequence[Native]],
        false: Callable[..., Sequence[Native]],
        operands: Sequence[Native],
        /,
    ) -> Sequence[Native]:
        """Return what one of two functions of the operands returns."""
        ...

    def while_loop(
        self,
        condition: Callable[..., Native],
        body: Callable[..., Sequence[Native]],
        state: Sequence[Native],
        constants: Sequence[Native],
        /,
    ) -> Sequence[Native]:
        """Return the last state; both functions take state and constants."""
        ...

    def scan(
        self,
        step: Callable[..., tuple[Sequence[Native], Sequence[Native]]],
        carry: Sequence[Native],
        slices: Sequence[Native],
        constants: Sequence[Native],
        length: int,
        reverse: bool,
        /,
    ) -> tuple[Sequence[Native], Sequence[Native]]:
        """Return the last carry, and results stacked.

        ``step`` takes carry, one slice each and constants, and returns carry and
        results.
        """
        ...

    random_words: Callable[[int, Native, int], Native] | None
    """A kernel of the random stream, if the framework has one: called with a key, a
    draw (0-d int64) and a count, it returns the first words of the draw, int64."""
