"""Errors that concern backends."""

from __future__ import annotations

__all__ = [
    "BackendError",
    "BackendMismatchError",
    "BackendNotFoundError",
    "FreedError",
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
