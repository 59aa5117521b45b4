"""What a tensor inside `unifiedml.vmap` holds."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from unifiedml._backend.protocol import Native, NativeDType
from unifiedml._backend.registry import LoadedBackend

if TYPE_CHECKING:
    from unifiedml._vmap._batching import Batching

__all__ = ["Batched", "batching", "innermost", "refuse_batched"]

batching: Final[ContextVar[LoadedBackend | None]] = ContextVar(
    "unifiedml_batching", default=None
)
"""The innermost backend of batches in this thread and task."""


class Batched:
    """One value for each example: a native tensor, the examples along the first axis.

    Attributes:
        native: The tensor.
        owner: The backend that made this.
        dtype: The data type.
    """

    __slots__ = ("dtype", "native", "owner")

    def __init__(self, native: Native, owner: Batching) -> None:
        self.native = native
        self.owner = owner
        self.dtype: NativeDType = native.dtype


def refuse_batched(native: Native) -> None:
    """Raise if ``native``, which is about to be kept, differs between examples."""
    if isinstance(native, Batched):
        raise RuntimeError(
            "inside um.vmap a parameter or buffer would get a value for each example: "
            "return the value instead, and write to it outside; layers that keep "
            "statistics take model.eval()"
        )


def innermost(backend: LoadedBackend) -> LoadedBackend:
    """Return the backend of batches that stands before ``backend`` here, or itself."""
    found = batching.get()
    if found is None or found.name != backend.name or found.level <= backend.level:
        return backend
    return found
