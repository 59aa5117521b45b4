"""Functions of data types: conversion and promotion."""

from __future__ import annotations

from typing import Any

import numpy as np

from unifiedml._dtypes import DTYPES, DType, DTypeLike, as_dtype
from unifiedml._rules.promotion import promote, promote_scalar
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, Op, as_tensor, execute

__all__ = ["astype", "can_cast", "result_type"]

_CAST = Op("cast", ANY)


def astype(
    x: Operand, dtype: DTypeLike, /, *, copy: bool = True, device: str | None = None
) -> Tensor:
    """Return the values in another data type.

    Floats are truncated towards zero on the way to integers; NaN, infinities and
    values out of range give unspecified integers. Nonzero values are true.

    Args:
        x: A tensor.
        dtype: The wanted data type.
        copy: False: return ``x`` itself where its data type is right already.
        device: Where to put the result; default: where ``x`` is.

    Raises:
        TypeError: ``x`` is complex and ``dtype`` is real.

    Example:
        >>> import unifiedml as um
        >>> um.astype(um.tensor([1.9, -1.9]), um.int32).tolist()
        [1, -1]
    """
    wanted = as_dtype(dtype)
    x = as_tensor(_CAST, x)
    if device is not None:
        x = x.to(device)
    before = x.dtype
    if before is wanted:
        return x._twin() if copy else x
    if before.kind == "complex" and wanted.kind not in ("complex", "bool"):
        raise TypeError(
            f"cannot convert {before.name} to {wanted.name}: take real(x), imag(x) "
            "or abs(x) first"
        )
    backend = x._backend
    if wanted.kind == "bool":
        return x != 0
    native = backend.native_dtype(wanted)
    return execute(_CAST, backend.ops.cast, (x,), (native,))


def result_type(*operands: Operand | DTypeLike) -> DType:
    """Return the data type that tensors, data types and scalars are promoted to.

    Python and NumPy scalars are weak: they count where the others are of a lesser kind.

    Raises:
        TypeError: There is none, or only scalars were given.

    Example:
        >>> import unifiedml as um
        >>> um.result_type(um.int8, um.uint8)
        unifiedml.int16
    """
    strong, scalars = [], []
    for x in operands:
        plain = x.item() if isinstance(x, np.generic) else x
        if isinstance(plain, bool | int | float | complex):
            scalars.append(type(plain))
        else:
            strong.append(_dtype_of(plain).name)
    if not strong:
        raise TypeError("result_type needs at least one tensor or data type")
    name = promote(*strong)
    for kind in scalars:
        name = promote_scalar(name, kind)
    return DTYPES[name]


def _dtype_of(x: Any) -> DType:
    return as_dtype(getattr(x, "dtype", x))


def can_cast(from_: Tensor | DTypeLike, to: DTypeLike, /) -> bool:
    """Tell whether promotion could turn ``from_`` into ``to``.

    Example:
        >>> import unifiedml as um
        >>> um.can_cast(um.int8, um.int16), um.can_cast(um.int16, um.int8)
        (True, False)
    """
    before, after = _dtype_of(from_).name, as_dtype(to).name
    try:
        return promote(before, after) == after
    except TypeError:
        return False
