"""Tensors, data types and devices."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unifiedml_tensorflow._import import Eager, integers, kernel, tf

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
    "is_traced",
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
_HALF = frozenset({"float16", "bfloat16"})

# Softmax exists in 16 bits but rounds x - max(x) there: bfloat16 is off by 28 %.
missing: Final[dict[str, frozenset[str]]] = {
    "abs": _UNSIGNED,
    # Kernels of these add 16-bit floats up in 16 bits.
    **dict.fromkeys(("average_pool", "conv", "conv_transpose"), _HALF),
    **dict.fromkeys(("digamma", "erfinv", "floor_divide"), _HALF),
    "log_softmax": _HALF,
    "lgamma": frozenset({"bfloat16"}),
    "matmul": _UNSIGNED | _NARROW,
    "negative": _UNSIGNED,
    "power": _UNSIGNED,
    "power_constant": _UNSIGNED,
    # Sums and products of many small numbers would stagnate.
    "scatter_add": _HALF,
    "scatter_multiply": _HALF,
    "sign": _UNSIGNED,
    "softmax": _HALF,
    "softplus": _HALF,
}

_GPUS: Final = len(tf.config.list_physical_devices("GPU"))


def is_native(x: object, /) -> bool:
    return isinstance(x, tf.Tensor)


def is_traced(x: Tensor, /) -> bool:
    return not isinstance(x, Eager)


@cache
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
    if not tf.executing_eagerly():
        # The frontend keeps constants, and these would belong to one graph.
        with tf.init_scope():
            return from_numpy(x, device)
    # tf.constant copies arrays; what else takes them shares memory that is aligned.
    with _on(device):
        return tf.constant(x)


def to_numpy(x: Tensor, /) -> Array:
    # numpy() copies; of a 0-d tensor it returns a scalar.
    return np.asarray(x.numpy())


_CPU: Final = 1  # in DLPack
_ALIGNMENT: Final = 64


def from_dlpack(x: Any, /) -> Tensor:
    if x.__dlpack_device__()[0] == _CPU:
        # TensorFlow refuses strides, and kernels abort the process on memory that is
        # not aligned. Only NumPy tells where memory lies; it has no bfloat16.
        try:
            seen = np.from_dlpack(x)
        except RuntimeError as error:
            raise BufferError(str(error)) from error
        if not seen.flags.c_contiguous or seen.ctypes.data % _ALIGNMENT:
            raise BufferError("TensorFlow shares aligned memory without gaps only")
    return tf.experimental.dlpack.from_dlpack(x.__dlpack__())


def to_dlpack(x: Tensor, /) -> Any:
    return tf.experimental.dlpack.to_dlpack(x)


def dlpack_device(x: Tensor, /) -> tuple[int, int]:
    kind, index = x.__dlpack_device__()
    return int(kind), int(index)


_deep_copy = kernel(tf.raw_ops.DeepCopy)


def copy(x: Tensor, /) -> Tensor:
    # Identity would share the buffer, which matters outside of graphs alone.
    return _deep_copy(x) if tf.executing_eagerly() else _identity(x)


@tf.RegisterGradient("DeepCopy")
def _copied(operation: Any, gradient: Tensor) -> Tensor:
    # TensorFlow has none.
    return gradient


_fill = kernel(tf.raw_ops.Fill)


def full(shape: tuple[int, ...], value: Any, dtype: Any, device: str, /) -> Tensor:
    filler = np.asarray(value).astype(dtype.as_numpy_dtype)
    with _on(device):
        return _fill(integers(shape), tf.constant(filler))


_cast = kernel(tf.raw_ops.Cast)
_complex = kernel(tf.raw_ops.Complex)
_zeros_like = kernel(tf.raw_ops.ZerosLike)


def cast(x: Tensor, dtype: Any, /) -> Tensor:
    if dtype.is_complex and x.dtype.is_floating:
        # The gradient of the cast itself would warn of discarded imaginary parts.
        x = _cast(x, dtype.real_dtype)
        return _complex(x, _zeros_like(x), Tout=dtype)
    return _cast(x, dtype)
