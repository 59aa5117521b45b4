"""Errors that concern backends."""

from __future__ import annotations

__all__ = [
    "BackendError",
    "BackendMismatchError",
    "BackendNotFoundError",
]


class BackendError(RuntimeError):
    """A backend cannot be loaded, is incomplete, or failed in an operation."""


class BackendNotFoundError(BackendError, LookupError):
    """No backend of that name is installed."""


class BackendMismatchError(BackendError, TypeError):
    """The operands of one operation live on different backends."""
