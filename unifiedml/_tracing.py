"""Which trace is being made, for those that behave otherwise inside one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from unifiedml._jit._trace import Trace

__all__ = ["inside", "tracing", "untraced"]

tracing: Final[ContextVar[Trace | None]] = ContextVar("unifiedml_trace", default=None)
"""The trace of `unifiedml.jit` that is being made in this thread and task."""


inside: Final[ContextVar[str | None]] = ContextVar("unifiedml_inside", default=None)
"""The control flow whose function is being traced as a part of the program."""


def untraced() -> AbstractContextManager[object]:
    """Return a context in which nothing becomes part of a program that is traced."""
    trace = tracing.get()
    return nullcontext() if trace is None else trace.outside()
