"""Devices: their names, and which one new tensors are made on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from unifiedml._backend.registry import LoadedBackend, current

__all__ = ["get_device", "resolve_device", "set_device", "use_device"]

_process_default = "cpu"
_current: ContextVar[str | None] = ContextVar("unifiedml_device", default=None)


def get_device() -> str:
    """Return the name of the device that new tensors are made on.

    It is, in this order: that of the innermost ``use_device``, that of the last
    ``set_device``, ``"cpu"``.

    Example:
        >>> import unifiedml as um
        >>> um.get_device()
        'cpu'
    """
    return _current.get() or _process_default


def set_device(device: str) -> None:
    """Make new tensors on ``device`` from now on, in the whole process.

    Inside ``with use_device(...)`` that context goes on to decide.

    Args:
        device: ``"cpu"``, ``"gpu"``, ``"gpu:1"``.

    Raises:
        TypeError: ``device`` is no string.
        ValueError: The current backend has no such device.
    """
    global _process_default
    _process_default = resolve_device(device, current())


@contextmanager
def use_device(device: str) -> Iterator[str]:
    """Make new tensors on ``device`` inside a ``with`` block.

    New are tensors of numbers and NumPy arrays and initial values of parameters.
    Operations on tensors that exist already run where those tensors are. The choice
    belongs to the current thread and asyncio task.

    Args:
        device: ``"cpu"``, ``"gpu"``, ``"gpu:1"``.

    Raises:
        TypeError: ``device`` is no string.
        ValueError: The current backend has no such device. If another backend comes
            to make a tensor and has none, that raises it.

    Example:
        >>> import unifiedml as um
        >>> with um.use_device("cpu"):
        ...     x = um.zeros(3)
        >>> x.device
        'cpu'
    """
    token = _current.set(resolve_device(device, current()))
    try:
        yield get_device()
    finally:
        _current.reset(token)


def resolve_device(device: str | None, backend: LoadedBackend) -> str:
    """Return a device's full name: ``"cpu"``, ``"gpu:0"``, ...

    Args:
        device: A name, or None for where new tensors are made.
        backend: What must have the device.

    Raises:
        TypeError: ``device`` is no string.
        ValueError: The backend has no such device.
    """
    if device is None:
        device = get_device()
    if device == "cpu":
        return "cpu"
    if not isinstance(device, str):
        raise TypeError(f"a device is named by a string, not {device!r}")
    kind, _, number = device.partition(":")
    kind = {"cuda": "gpu"}.get(kind.lower(), kind.lower())
    name = "cpu" if kind == "cpu" and number in ("", "0") else f"{kind}:{number or 0}"
    devices = backend.ops.devices()
    if name not in devices:
        raise ValueError(
            f"backend {backend.name!r} has no device {device!r}: it has "
            + ", ".join(repr(one) for one in devices)
        )
    return name
