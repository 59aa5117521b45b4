"""Floating-point numbers by their parts: signs, neighbours, what is not finite."""

from __future__ import annotations

import numpy as np

from unifiedml._dtypes import finfo
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    NUMERIC,
    REAL,
    REAL_FLOATING,
    Op,
    as_tensor,
    as_tensors,
    broadcastable,
)
from unifiedml.ops._steps import bits_of, from_bits, join
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.comparison import isnan
from unifiedml.ops.parts import imag, real
from unifiedml.ops.selection import where

__all__ = ["copysign", "heaviside", "nan_to_num", "nextafter", "signbit"]

_COPYSIGN = Op("copysign", REAL_FLOATING, explain=broadcastable)
_HEAVISIDE = Op("heaviside", REAL_FLOATING, explain=broadcastable)
_NAN_TO_NUM = Op("nan_to_num", NUMERIC)
_NEXTAFTER = Op("nextafter", REAL_FLOATING, explain=broadcastable)
_SIGNBIT = Op("signbit", REAL)


def signbit(x: Operand, /) -> Tensor:
    """Tell which elements have the sign bit set: the negative ones, -0.0, some NaN.

    Example:
        >>> import unifiedml as um
        >>> um.signbit(um.tensor([0.0, -0.0, -1.0])).tolist()
        [False, True, True]
    """
    x = as_tensor(_SIGNBIT, x)
    return x < 0 if x.dtype.is_integer else bits_of(x) < 0


def copysign(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the magnitude of ``x1`` with the sign of ``x2``, those of zeros included.

    The gradient for ``x1`` is the product of both signs, 0 where ``x1`` is 0; that for
    ``x2`` is 0.

    Example:
        >>> import unifiedml as um
        >>> um.copysign(um.tensor([1.0, 2.0]), um.tensor([-0.0, 3.0])).tolist()
        [-1.0, 2.0]
    """
    first, second = as_tensors(_COPYSIGN, x1, x2)
    size = _abs(first)
    return where(signbit(second), -size, size)


def nextafter(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the number next to ``x1`` in the direction of ``x2``.

    Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.nextafter(um.tensor([1.0]), 2.0).item() - 1 == um.finfo("float32").eps
        True
    """
    first, second = (x.detach() for x in as_tensors(_NEXTAFTER, x1, x2))
    bits = bits_of(first)
    # Magnitudes are ordered as their bits are.
    moved = where((first < second) == (first > 0), bits + 1, bits - 1)
    least = bits_of(second) & -(2 ** (first.dtype.bits - 1)) | 1
    found = from_bits(where(first == 0, least, moved), first)
    found = where(first == second, second, found)
    return where(isnan(first) | isnan(second), first + second, found)


def heaviside(x1: Operand, x2: Operand, /) -> Tensor:
    """Return 0 where ``x1`` is negative, 1 where it is positive, ``x2`` where it is 0.

    NaN stays. The gradient for ``x1`` is 0, that for ``x2`` is 1 where ``x1`` is 0.

    Example:
        >>> import unifiedml as um
        >>> um.heaviside(um.tensor([-1.0, 0.0, 2.0]), 0.5).tolist()
        [0.0, 0.5, 1.0]
    """
    first, second = as_tensors(_HEAVISIDE, x1, x2)
    step = (first > 0).astype(first.dtype)
    chosen = where(first == 0, second, step)
    return where(isnan(first), first.detach(), chosen)


def nan_to_num(
    x: Operand,
    /,
    *,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    """Return ``x`` with numbers in the place of NaN and infinities.

    The gradient is 0 where an element was replaced. Integers stay as they are, and
    complex numbers change in each part.

    Args:
        x: A numeric tensor.
        nan: What replaces NaN.
        posinf: What replaces infinity; default: the largest number.
        neginf: What replaces negative infinity; default: the smallest number.

    Example:
        >>> import unifiedml as um
        >>> um.nan_to_num(
        ...     um.tensor([1.0, float("nan"), float("inf")]), posinf=9
        ... ).tolist()
        [1.0, 0.0, 9.0]
    """
    x = as_tensor(_NAN_TO_NUM, x)
    for name, value in (("nan", nan), ("posinf", posinf), ("neginf", neginf)):
        if value is not None and not isinstance(value, int | float | np.number):
            raise TypeError(f"{name} is a number, not {value!r}")
    if x.dtype.is_integer:
        return x._twin()
    if x.dtype.kind == "complex":
        parts = (
            nan_to_num(part, nan=nan, posinf=posinf, neginf=neginf)
            for part in (real(x), imag(x))
        )
        return join(*parts)
    most = finfo(x.dtype).max
    x = where(isnan(x), nan, x)
    x = where(x == float("inf"), most if posinf is None else posinf, x)
    return where(x == float("-inf"), -most if neginf is None else neginf, x)
