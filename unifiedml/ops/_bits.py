"""uint64 in the bits of int64: what differs from signed arithmetic.

Sums, products and the bitwise operations of two's complement do not depend on the
sign. What does is composed here of operations on int64 tensors, for frameworks that
store uint64 but cannot compute it.
"""

from __future__ import annotations

from unifiedml._tensor import Tensor
from unifiedml.ops._dispatch import SIGN
from unifiedml.ops.selection import where

__all__ = ["floor_divide", "magnitude", "power", "remainder", "right_shift", "sign"]


def magnitude(x: Tensor) -> Tensor:
    """Return the absolute value."""
    return x


def sign(x: Tensor) -> Tensor:
    """Return 0 or 1."""
    return (x != 0).astype("int64")


def floor_divide(x: Tensor, y: Tensor) -> Tensor:
    """Divide half of ``x``, which is not negative, and correct the quotient by one.

    Reference:
        Warren (2012), Hacker's Delight, 2nd edition, section 9-3.
    """
    huge = y < 0
    divisor = where(huge, 1, y)
    double = (right_shift(x, 1) // divisor) << 1
    quotient = double + _holds(x - double * divisor, divisor)
    return where(huge, _holds(x, y), quotient)


def remainder(x: Tensor, y: Tensor) -> Tensor:
    """Return what `floor_divide` leaves."""
    return x - floor_divide(x, y) * y


def right_shift(x: Tensor, y: Tensor | int) -> Tensor:
    """Move without copying the sign."""
    # Counts from 2**63 are negative here.
    count = where((y >= 0) & (y < 64), y, 64) if isinstance(y, Tensor) else y
    return (x >> count) & ~(where(True, -1, x) << (64 - count))


def power(x: Tensor, y: Tensor) -> Tensor:
    """Raise modulo 2**64, where a power repeats after 2**62 steps, or is 0 at last."""
    huge = y < 0
    result = x ** where(huge, y & (2**62 - 1), y)
    return where(huge & ((x & 1) == 0), 0, result)


def _holds(x: Tensor, y: Tensor) -> Tensor:
    """Return 1 where ``x`` is not less than ``y``, else 0."""
    return ((x ^ SIGN) >= (y ^ SIGN)).astype("int64")
