"""Special functions of statistics, element by element."""

from __future__ import annotations

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import REAL_FLOATING, Op, unary

__all__ = [
    "erf",
    "erfc",
]

_ERF = Op("erf", REAL_FLOATING)
_ERFC = Op("erfc", REAL_FLOATING)


def erf(x: Operand, /) -> Tensor:
    """Return the error function.

    Example:
        >>> import unifiedml as um
        >>> um.erf(um.tensor([0.0])).tolist()
        [0.0]

    Reference:
        NIST Digital Library of Mathematical Functions, 7.2.1.
    """
    return unary(_ERF, x)


def erfc(x: Operand, /) -> Tensor:
    """Return ``1 - erf(x)``, accurate where it is small.

    Example:
        >>> import unifiedml as um
        >>> um.erfc(um.tensor([0.0])).tolist()
        [1.0]

    Reference:
        NIST Digital Library of Mathematical Functions, 7.2.2.
    """
    return unary(_ERFC, x)
