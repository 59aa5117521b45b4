"""Logic and bits, element by element."""

from __future__ import annotations

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops import _bits
from unifiedml.ops._dispatch import (
    BITS,
    BOOL,
    INTEGER,
    Op,
    binary,
    broadcastable,
    unary,
)

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
]

_AND = Op("bitwise_and", BITS, explain=broadcastable)
_INVERT = Op("bitwise_invert", BITS)
_LEFT = Op("bitwise_left_shift", INTEGER, explain=broadcastable)
_OR = Op("bitwise_or", BITS, explain=broadcastable)
_RIGHT = Op(
    "bitwise_right_shift", INTEGER, bits=_bits.right_shift, explain=broadcastable
)
_XOR = Op("bitwise_xor", BITS, explain=broadcastable)
_LOGICAL_AND = Op("logical_and", BOOL, explain=broadcastable)
_LOGICAL_NOT = Op("logical_not", BOOL)
_LOGICAL_OR = Op("logical_or", BOOL, explain=broadcastable)
_LOGICAL_XOR = Op("logical_xor", BOOL, explain=broadcastable)


def logical_not(x: Operand, /) -> Tensor:
    """Return ``not x`` of a bool tensor.

    Example:
        >>> import unifiedml as um
        >>> um.logical_not(um.tensor([True, False])).tolist()
        [False, True]
    """
    return unary(_LOGICAL_NOT, x)


def logical_and(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 and x2`` of bool tensors.

    Example:
        >>> import unifiedml as um
        >>> um.logical_and(um.tensor([True, False]), True).tolist()
        [True, False]
    """
    return binary(_LOGICAL_AND, x1, x2)


def logical_or(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 or x2`` of bool tensors.

    Example:
        >>> import unifiedml as um
        >>> um.logical_or(um.tensor([True, False]), False).tolist()
        [True, False]
    """
    return binary(_LOGICAL_OR, x1, x2)


def logical_xor(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where exactly one of two bool tensors is true.

    Example:
        >>> import unifiedml as um
        >>> um.logical_xor(um.tensor([True, False]), True).tolist()
        [False, True]
    """
    return binary(_LOGICAL_XOR, x1, x2)


def bitwise_invert(x: Operand, /) -> Tensor:
    """Return every bit inverted; ``not x`` for bool.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_invert(um.tensor([0, 1])).tolist()
        [-1, -2]
    """
    return unary(_INVERT, x)


def bitwise_and(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 & x2``, bit by bit.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_and(um.tensor([6]), 3).tolist()
        [2]
    """
    return binary(_AND, x1, x2)


def bitwise_or(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 | x2``, bit by bit.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_or(um.tensor([6]), 3).tolist()
        [7]
    """
    return binary(_OR, x1, x2)


def bitwise_xor(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 ^ x2``, bit by bit.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_xor(um.tensor([6]), 3).tolist()
        [5]
    """
    return binary(_XOR, x1, x2)


def bitwise_left_shift(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the bits of ``x1`` moved up by ``x2`` places; 0 past the width.

    Raises:
        ValueError: ``x2`` is a negative Python integer.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_left_shift(um.tensor([1]), 3).tolist()
        [8]
    """
    _check_count(x2)
    return binary(_LEFT, x1, x2)


def bitwise_right_shift(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the bits of ``x1`` moved down by ``x2`` places, the sign kept.

    Raises:
        ValueError: ``x2`` is a negative Python integer.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_right_shift(um.tensor([8, -8]), 2).tolist()
        [2, -2]
    """
    _check_count(x2)
    return binary(_RIGHT, x1, x2)


def _check_count(count: Operand) -> None:
    if isinstance(count, int) and count < 0:
        raise ValueError(f"bits cannot be moved by {count} places: count from 0")
