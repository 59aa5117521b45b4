"""Tensors, data types and devices."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unifiedml_tensorflow._import import kernel, tf

__all__ = [
    "cast",
    "copy",
    "device_of",
    "devices",
    "dlpack_device",
    "dtypes",
    "from_dlpack",
    "from_numpy",
    "full",
    "is_native",
    "missing",
    "shape_of",
    "to_device",
    "to_dlpack",
    "to_numpy",
]

Array = npt.NDArray[Any]
Tensor = Any

dtypes: Final[dict[str, Any]] = {
    name: getattr(tf, name)
    for name in (
        "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 "
        "float32 float64 complex64 complex128"
    ).split()
}

_UNSIGNED = frozenset({"uint8", "uint16", "uint32", "uint64"})
_NARROW = frozenset({"int8", "int16"})

missing: Final[dict[str, frozenset[str]]] = {
    "abs": _UNSIGNED,
    "matmul": _UNSIGNED | _NARROW,
    "negative": _UNSIGNED,
    "power": _UNSIGNED,
    "power_constant": _UNSIGNED,
    "sign": _UNSIGNED,
}

_GPUS: Final = len(tf.config.list_physical_devices("GPU"))


def is_native(x: object, /) -> bool:
    return isinstance(x, tf.Tensor | tf.Variable)


def devices() -> tuple[str, ...]:
    return ("cpu", *(f"gpu:{index}" for index in range(_GPUS)))


@cache
def _short_name(device: str) -> str:
    kind, _, index = device.rpartition("device:")[2].lower().partition(":")
    return f"gpu:{index}" if kind == "gpu" else "cpu"


def device_of(x: Tensor, /) -> str:
    return _short_name(x.device)


def _on(device: str) -> AbstractContextManager[Any]:
    # Without a GPU there is one place only, and the context costs 20 µs.
    if not _GPUS:
        return nullcontext()
    context: AbstractContextManager[Any] = tf.device(device.upper())
    return context


_identity = kernel(tf.raw_ops.Identity)


def to_device(x: Tensor, device: str, /) -> Tensor:
    with _on(device):
        return _identity(x)


def shape_of(x: Tensor, /) -> tuple[int, ...]:
    return tuple(x.shape)


def from_numpy(x: Array, device: str, /) -> Tensor:
    # An array would be shared where its memory is aligned; and a Python scalar or a
    # 0-d array of -0.0 must not go through TensorFlow's cache of scalars.
    with _on(device):
        return tf.constant(x.copy())


def to_numpy(x: Tensor, /) -> Array:
    return np.array(x.numpy())


def from_dlpack(x: Any, /) -> Tensor:
    return tf.experimental.dlpack.from_dlpack(x.__dlpack__())


def to_dlpack(x: Tensor, /) -> Any:
    return tf.experimental.dlpack.to_dlpack(x)


def dlpack_device(x: Tensor, /) -> tuple[int, int]:
    kind, index = x.__dlpack_device__()
    return int(kind), int(index)


def copy(x: Tensor, /) -> Tensor:
    # Identity would share the buffer.
    return tf.raw_ops.DeepCopy(x=x)


def full(shape: tuple[int, ...], value: Any, dtype: Any, device: str, /) -> Tensor:
    filler = np.asarray(value).astype(dtype.as_numpy_dtype)
    with _on(device):
        return tf.fill(shape, tf.constant(filler))


_cast = kernel(tf.raw_ops.Cast)


def cast(x: Tensor, dtype: Any, /) -> Tensor:
    return _cast(x, dtype)
