"""Trigonometric and hyperbolic functions, element by element."""

from __future__ import annotations

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import FLOATING, Op, unary

__all__ = [
    "cos",
    "sin",
    "tanh",
]

_COS = Op("cos", FLOATING)
_SIN = Op("sin", FLOATING)
_TANH = Op("tanh", FLOATING)


def sin(x: Operand, /) -> Tensor:
    """Return the sine of an angle in radians.

    Example:
        >>> import unifiedml as um
        >>> um.sin(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_SIN, x)


def cos(x: Operand, /) -> Tensor:
    """Return the cosine of an angle in radians.

    Example:
        >>> import unifiedml as um
        >>> um.cos(um.tensor([0.0])).tolist()
        [1.0]
    """
    return unary(_COS, x)


def tanh(x: Operand, /) -> Tensor:
    """Return the hyperbolic tangent.

    Example:
        >>> import unifiedml as um
        >>> um.tanh(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_TANH, x)
