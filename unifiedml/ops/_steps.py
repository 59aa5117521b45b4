"""What compositions of several steps share: one rounding, bits, complex parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from unifiedml._dtypes import DTYPES
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import REAL_FLOATING, Op, apply, as_tensors, broadcastable

__all__ = ["bits_of", "from_bits", "join", "rounded_once"]

_BITCAST: Final = Op("bitcast", frozenset({"signed", "float"}))
_COMPLEX: Final = Op("complex", REAL_FLOATING, explain=broadcastable)
_WIDTHS: Final = {16: "int16", 32: "int32", 64: "int64"}


def rounded_once(
    op: Op, function: Callable[..., Tensor], *operands: Operand, **options: Any
) -> Tensor:
    """Return ``function(*operands)``, in 16-bit floats computed in float32."""
    tensors = as_tensors(op, *operands)
    dtype = tensors[0].dtype
    if dtype.kind != "float" or dtype.bits > 16:
        return function(*tensors, **options)
    wide = (x.astype(DTYPES["float32"]) for x in tensors)
    return function(*wide, **options).astype(dtype)


def bits_of(x: Tensor) -> Tensor:
    """Return the bits of floating-point numbers as signed integers."""
    integer = DTYPES[_WIDTHS[x.dtype.bits]]
    return apply(_BITCAST, (x.detach(),), x._backend.native_dtype(integer))


def from_bits(x: Tensor, like: Tensor) -> Tensor:
    """Return the numbers of the data type of ``like`` that have the bits ``x``."""
    return apply(_BITCAST, (x,), x._backend.native_dtype(like.dtype))


def join(real: Tensor, imag: Tensor) -> Tensor:
    """Return the complex numbers of these parts."""
    return apply(_COMPLEX, (real, imag))
