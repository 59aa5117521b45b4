"""What sorting and searching share: integers in the order of the elements.

One stable sort of signed integers serves every data type, with NaN as the largest
number and equal zeros.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from unifiedml._dtypes import DTYPES, iinfo
from unifiedml._tensor import Tensor
from unifiedml.ops._dispatch import REAL_FLOATING, SIGN, Op, execute, unary
from unifiedml.ops.conversion import from_array
from unifiedml.ops.manipulation import permute_dims, reshape
from unifiedml.ops.selection import where

__all__ = ["along_last", "key", "places_like", "with_axis_last"]

_BITCAST = Op("bitcast", REAL_FLOATING)
_TAKE = Op("take", frozenset())

_SIGNED: Final = {
    "bool": "int8",
    "uint8": "int16",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
    "float16": "int16",
    "bfloat16": "int16",
    "float32": "int32",
    "float64": "int64",
}


def key(x: Tensor) -> Tensor:
    """Return signed integers that have the order of the elements of ``x``."""
    if x.dtype.kind == "signed":
        return x
    wanted = DTYPES[_SIGNED[x.dtype.name]]
    if x.dtype.kind == "float":
        return _float_key(x.detach(), wanted.name)
    whole = x.astype(wanted)
    return whole ^ SIGN if x.dtype.name == "uint64" else whole


def _float_key(x: Tensor, integer: str) -> Tensor:
    """Return the bits, those below the sign flipped in negative numbers."""
    limits = iinfo(integer)
    native = x._backend.native_dtype(DTYPES[integer])
    # Adding zero turns -0.0, which equals it, into 0.0.
    bits = unary(_BITCAST, x + 0.0, native)
    ordered = bits ^ ((bits >> (limits.bits - 1)) & limits.max)
    return where(x != x, limits.max, ordered)


def with_axis_last(x: Tensor, axis: int) -> Tensor:
    """Return ``x`` with a dimension and the last one swapped, its own inverse."""
    last = x.ndim - 1
    if axis == last:
        return x
    order = [*range(last + 1)]
    order[axis], order[last] = last, axis
    return permute_dims(x, order)


def places_like(x: Tensor, count: int) -> Tensor:
    """Return ``range(count)`` beside ``x``."""
    return from_array(np.arange(count), x._backend, x.device)


def along_last(x: Tensor, indices: Tensor) -> Tensor:
    """Return the elements of each row of ``x`` at int64 ``indices`` of that row."""
    size, shape = x.shape[-1], indices.shape
    if not indices.size:
        return reshape(x[..., : shape[-1]], shape)
    rows = x.size // size
    flat = reshape(indices, (rows, shape[-1]))
    if rows > 1:
        flat = flat + reshape(places_like(x, rows) * size, (rows, 1))
    operands = (reshape(x, (-1,)), reshape(flat, (-1,)))
    return reshape(execute(_TAKE, x._backend.ops.take, operands, (0,)), shape)
