"""Backends: which there are, which one new tensors are made on, loading."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from unifiedml._backend.errors import BackendError, BackendNotFoundError
from unifiedml._backend.protocol import (
    Backend,
    Engine,
    Native,
    NativeDType,
    required_members,
)
from unifiedml._dtypes import DTYPES, DType

__all__ = [
    "LoadedBackend",
    "available_backends",
    "get_backend",
    "set_backend",
    "use_backend",
]

GROUP: Final = "unifiedml.backends"
VARIABLE: Final = "UNIFIEDML_BACKEND"
PREFERENCE: Final = ("torch", "tensorflow")


class LoadedBackend:
    """A backend that has been imported and checked, with what the frontend caches.

    Attributes:
        name: The name of the entry point.
        ops: The backend itself.
        engine: ``ops.engine``.
        level: How many backends it stands before: 0 for one that computes itself.
        kernels: For each operation that has run, its function and the ids of the
            native data types that it takes as they are.
    """

    __slots__ = (
        "__weakref__",
        "_by_id",
        "_kept",
        "engine",
        "kernels",
        "level",
        "name",
        "ops",
    )

    def __init__(self, name: str, ops: Backend, level: int = 0) -> None:
        self.name = name
        self.level = level
        self.ops = ops
        self.engine: Engine | None = ops.engine
        self.kernels: dict[Any, tuple[Callable[..., Any], frozenset[int]]] = {}
        self._by_id = {id(native): DTYPES[d] for d, native in ops.dtypes.items()}
        # An id stays unique only as long as its object lives.
        self._kept: list[NativeDType] = list(ops.dtypes.values())

    def __repr__(self) -> str:
        return f"<backend {self.name!r}>"

    def dtype_of(self, native: Native) -> DType:
        """Return our data type of a native tensor."""
        dtype = native.dtype
        found = self._by_id.get(id(dtype))
        return found if found is not None else self._learn(dtype)

    def _learn(self, dtype: NativeDType) -> DType:
        for name, native in self.ops.dtypes.items():
            if native == dtype:
                self._kept.append(dtype)
                self._by_id[id(dtype)] = DTYPES[name]
                return DTYPES[name]
        raise TypeError(f"{dtype} of backend {self.name!r} is not a supported dtype")

    def native_dtype(self, dtype: DType) -> NativeDType:
        """Return the framework's own data type for ours.

        Raises:
            TypeError: The framework does not store this data type.
        """
        try:
            return self.ops.dtypes[dtype.name]
        except KeyError:
            raise TypeError(
                f"backend {self.name!r} cannot store {dtype.name}"
            ) from None


# --- which backends there are ------------------------------------------------


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def available_backends() -> tuple[str, ...]:
    """Return the names of the installed backends, without importing any.

    A backend whose framework is not installed is listed too: loading it says what
    to install.

    Example:
        >>> import unifiedml as um
        >>> um.available_backends()
        ('tensorflow', 'torch')
    """
    return tuple(sorted(_entries()))


_loaded: dict[str, LoadedBackend] = {}
# Importing a framework runs its own threads and import locks: one at a time.
_loading = threading.RLock()


def load(name: str) -> LoadedBackend:
    """Import, check and return the backend called ``name``; cached.

    Raises:
        BackendNotFoundError: No backend has that name.
        BackendError: It cannot be imported, or lacks members of the Protocol.
    """
    found = _loaded.get(name)
    if found is not None:
        return found
    with _loading:
        if name not in _loaded:
            backend = _load(name)
            for told in _told:
                told(backend)
            _loaded[name] = backend
        return _loaded[name]


_told: list[Callable[[LoadedBackend], object]] = []


def on_load(function: Callable[[LoadedBackend], object]) -> Callable[..., object]:
    """Have ``function`` called with each backend that is loaded from now on."""
    _told.append(function)
    return function


def loaded_backends() -> tuple[LoadedBackend, ...]:
    """Return the backends that have been loaded so far."""
    return tuple(_loaded.values())


def _load(name: str) -> LoadedBackend:
    entries = _entries()
    if name not in entries:
        known = ", ".join(repr(one) for one in sorted(entries)) or "none"
        raise BackendNotFoundError(
            f"there is no backend {name!r}; installed backends: {known}"
        )
    try:
        ops = entries[name].load()
    except ImportError as error:
        raise BackendError(
            f"backend {name!r} cannot be imported ({error}): "
            f"pip install 'unifiedml[{name}]'"
        ) from error
    except Exception as error:
        raise BackendError(
            f"backend {name!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    lacking = [member for member in required_members() if not hasattr(ops, member)]
    if lacking:
        raise BackendError(f"backend {name!r} lacks {', '.join(lacking)}")
    return LoadedBackend(name, ops)


# --- which one is current ----------------------------------------------------

_process_default: str | None = None
_current: ContextVar[str | None] = ContextVar("unifiedml_backend", default=None)


@cache
def _installed_default() -> str:
    entries = _entries()
    preferred = [name for name in PREFERENCE if name in entries]
    for name in preferred:
        if importlib.util.find_spec(name) is not None:
            return name
    others = sorted(set(entries) - set(preferred))
    if others:
        return others[0]
    raise BackendNotFoundError(
        "no backend can be used: install one with "
        + " or ".join(f"pip install 'unifiedml[{name}]'" for name in PREFERENCE)
    )


def _checked(name: str, source: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a backend is named by a string, not {name!r}")
    if name in _loaded:
        # Looking for entry points reads a file for each installed distribution.
        return name
    names = available_backends()
    if name not in names:
        known = ", ".join(repr(one) for one in names) or "none"
        raise BackendNotFoundError(
            f"{source} names no backend: {name!r}; installed backends: {known}"
        )
    return name


def get_backend() -> str:
    """Return the name of the backend that new tensors are made on.

    It is, in this order: that of the innermost ``use_backend``, that of the last
    ``set_backend``, that named by the environment variable ``UNIFIEDML_BACKEND``,
    ``"torch"`` if PyTorch is installed, else ``"tensorflow"``.

    Raises:
        BackendNotFoundError: The environment variable names no installed backend,
            or there is no backend at all.
    """
    name = _current.get() or _process_default
    if name is not None:
        return name
    named = os.environ.get(VARIABLE)
    if named:
        return _checked(named, f"environment variable {VARIABLE}")
    return _installed_default()


def set_backend(name: str) -> None:
    """Make new tensors on backend ``name`` from now on, in the whole process.

    Inside ``with use_backend(...)`` that context goes on to decide.

    Raises:
        BackendNotFoundError: No installed backend has that name.
        BackendError: The backend cannot be loaded.
    """
    global _process_default
    _process_default = load(_checked(name, "set_backend")).name


@contextmanager
def use_backend(name: str) -> Iterator[str]:
    """Make new tensors on backend ``name`` inside a ``with`` block.

    The choice belongs to the current thread and asyncio task. Operations on tensors
    that exist already run where those tensors are.

    Raises:
        BackendNotFoundError: No installed backend has that name.
        BackendError: The backend cannot be loaded.

    Example:
        >>> import unifiedml as um
        >>> with um.use_backend("tensorflow"):
        ...     x = um.zeros(3)
        >>> x.backend
        'tensorflow'
    """
    token = _current.set(load(_checked(name, "use_backend")).name)
    try:
        yield name
    finally:
        _current.reset(token)


def current() -> LoadedBackend:
    """Return the loaded backend that new tensors are made on."""
    return load(get_backend())
