"""Tensors, data types and devices."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt
import torch
from torch.utils import dlpack

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

dtypes: Final[dict[str, torch.dtype]] = {
    name: getattr(torch, name)
    for name in (
        "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 "
        "float32 float64 complex64 complex128"
    ).split()
}

_WIDE_UNSIGNED = frozenset({"uint16", "uint32", "uint64"})
_HALF = frozenset({"float16", "bfloat16"})
_COMPLEX = frozenset({"complex64", "complex128"})

# PyTorch stores these data types but has few kernels for them.
missing: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(("digamma", "lgamma"), _HALF),
    "average_pool": _HALF,  # of three dimensions
    # Of tiny numbers it returns 0.
    "erf": frozenset({"bfloat16"}),
    **dict.fromkeys(
        (
            "abs argmax argmin bitwise_invert bitwise_left_shift "
            "bitwise_right_shift clip cumulative_max cumulative_min cumulative_prod "
            "cumulative_sum floor_divide less less_equal matmul max maximum min "
            "minimum negative power power_constant prod remainder scatter scatter_max "
            "scatter_min segment_max segment_sum sign square sum"
        ).split(),
        _WIDE_UNSIGNED,
    ),
    # (1 + 0i) (inf + 0i), which is added, has a NaN for its imaginary part.
    **dict.fromkeys(("add", "subtract"), _WIDE_UNSIGNED | _COMPLEX),
    # Sums and products of many small numbers would stagnate.
    **dict.fromkeys(("scatter_add", "scatter_multiply"), _WIDE_UNSIGNED | _HALF),
}
if torch.cuda.is_available():
    for _name in "bitwise_and bitwise_or bitwise_xor multiply".split():
        missing[_name] = _WIDE_UNSIGNED


def is_native(x: object, /) -> bool:
    return isinstance(x, torch.Tensor)


@cache
def devices() -> tuple[str, ...]:
    return ("cpu", *(f"gpu:{index}" for index in range(torch.cuda.device_count())))


def device_of(x: torch.Tensor, /) -> str:
    if x.is_cpu:
        return "cpu"
    device = x.device
    return device.type if device.index is None else f"gpu:{device.index}"


def _device(name: str) -> torch.device:
    return torch.device(name.replace("gpu", "cuda"))


def to_device(x: torch.Tensor, device: str, /) -> torch.Tensor:
    return x.to(_device(device))


def shape_of(x: torch.Tensor, /) -> tuple[int, ...]:
    return tuple(x.shape)


def from_numpy(x: Array, device: str, /) -> torch.Tensor:
    if x.dtype == ml_dtypes.bfloat16:
        return from_numpy(x.view(np.int16), device).view(torch.bfloat16)
    # from_numpy shares memory with the array, which the user may write to.
    tensor = torch.from_numpy(x.copy())
    return tensor if device == "cpu" else tensor.to(_device(device))


def to_numpy(x: torch.Tensor, /) -> Array:
    here = x.detach().cpu()
    if here.dtype is torch.bfloat16:
        bits: Array = here.contiguous().view(torch.int16).numpy(force=True)
        return np.array(bits.view(ml_dtypes.bfloat16))
    # Conjugate and negative views are lazy, and so are the zeros that the derivative of
    # a sign is: NumPy needs them done.
    return np.array(here.numpy(force=True))


def from_dlpack(x: Any, /) -> torch.Tensor:
    # PyTorch has no negative strides, and would abort the process.
    if any(stride < 0 for stride in getattr(x, "strides", ())):
        raise BufferError("PyTorch shares memory with positive strides only")
    return dlpack.from_dlpack(x)


def to_dlpack(x: torch.Tensor, /) -> Any:
    return x.resolve_conj().resolve_neg().__dlpack__()


def dlpack_device(x: torch.Tensor, /) -> tuple[int, int]:
    kind, index = x.__dlpack_device__()
    return int(kind), int(index)


copy = torch.clone


def full(
    shape: tuple[int, ...], value: Any, dtype: torch.dtype, device: str, /
) -> torch.Tensor:
    return torch.full(shape, value, dtype=dtype, device=_device(device))


def cast(x: torch.Tensor, dtype: torch.dtype, /) -> torch.Tensor:
    return x.to(dtype)
