"""Errors that concern backends."""

from __future__ import annotations

import linecache
import sys
from types import FrameType

__all__ = [
    "BackendError",
    "BackendMismatchError",
    "BackendNotFoundError",
    "FreedError",
    "TracedStateError",
    "TracedValueError",
]


class BackendError(RuntimeError):
    """A backend cannot be loaded, is incomplete, or failed in an operation."""


class BackendNotFoundError(BackendError, LookupError):
    """No backend of that name is installed."""


class BackendMismatchError(BackendError, TypeError):
    """The operands of one operation live on different backends."""


class FreedError(RuntimeError):
    """``backward()`` went a second time through a history that has been freed."""

    def __init__(self) -> None:
        super().__init__(
            "backward() a second time through the same history: what the first pass "
            "needed has been freed; call backward(retain_graph=True) the first time"
        )


class TracedValueError(TypeError):
    """Python wants to know a value where a tensor has none, or several.

    While `unifiedml.jit` traces a function, tensors stand for values that come when
    the program runs; inside `unifiedml.vmap`, for one value an example.

    Args:
        wanted: What needs the value.
        why: What runs the function.
    """

    def __init__(self, wanted: str = "Python", why: str = "um.jit traces") -> None:
        super().__init__(
            f"{wanted} needs the values of a tensor, but there are none while {why} "
            f"the function{_place()}: choose with um.where(condition, a, b), "
            f"leave this part outside, or pass what decides as a Python number"
        )


class TracedStateError(RuntimeError):
    """A program is being traced, and something is made or set that would outlive it.

    `unifiedml.jit` runs a function once; later runs of the program would not do it.

    Args:
        done: What is made or set.
    """

    def __init__(self, done: str) -> None:
        super().__init__(
            f"{done} while um.jit traces the function{_place()}: no run of the program "
            "would do it again; do it outside of the jitted function"
        )


class HostValueError(TracedStateError):
    """Something comes from the host inside control flow that is part of a program.

    Args:
        name: Of the control flow.
    """

    def __init__(self, name: str) -> None:
        RuntimeError.__init__(
            self,
            "random numbers and steps of optimizers come from outside of a program, "
            f"and {name} inside um.jit decides inside it{_place()}: draw the numbers "
            "before and pass them as operands, take the step after",
        )


def _place() -> str:
    """Return where in the user's code this happens."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in _LIBRARIES:
            name, line = frame.f_code.co_filename, frame.f_lineno
            text = linecache.getline(name, line).strip()
            return f", at {name}:{line}" + (f" (`{text}`)" if text else "")
        frame = frame.f_back
    return ""


_LIBRARIES = frozenset(
    "unifiedml unifiedml_torch unifiedml_tensorflow torch tensorflow contextlib "
    "functools numpy".split()
)


def interrupted(error: BaseException) -> KeyboardInterrupt | None:
    """Return the user's interrupt that Python's own calls have hidden in an error.

    A call into a framework that returns while one is pending raises a SystemError.
    Others may follow an interrupt that has been handled: they stay what they are.
    """
    if not isinstance(error, SystemError):
        return None
    hidden = error.__cause__ or error.__context__
    return hidden if isinstance(hidden, KeyboardInterrupt) else None
