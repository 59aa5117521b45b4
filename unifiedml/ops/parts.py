"""The parts of complex numbers."""

from __future__ import annotations

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import NUMERIC, Op, as_tensors, unary
from unifiedml.ops.arithmetic import positive

__all__ = [
    "conj",
    "imag",
    "real",
]

_CONJ = Op("conj", NUMERIC)
_IMAG = Op("imag", frozenset({"complex"}))
_REAL = Op("real", NUMERIC)


def real(x: Operand, /) -> Tensor:
    """Return the real part; a real tensor as it is.

    Example:
        >>> import unifiedml as um
        >>> um.real(um.tensor([1 + 2j])).tolist()
        [1.0]
    """
    (x,) = as_tensors(_REAL, x)
    return unary(_REAL, x) if x.dtype.kind == "complex" else positive(x)


def imag(x: Operand, /) -> Tensor:
    """Return the imaginary part of a complex tensor.

    Example:
        >>> import unifiedml as um
        >>> um.imag(um.tensor([1 + 2j])).tolist()
        [2.0]
    """
    return unary(_IMAG, x)


def conj(x: Operand, /) -> Tensor:
    """Return the complex conjugate; a real tensor as it is.

    Example:
        >>> import unifiedml as um
        >>> um.conj(um.tensor([1 + 2j])).tolist()
        [(1-2j)]
    """
    (x,) = as_tensors(_CONJ, x)
    return unary(_CONJ, x) if x.dtype.kind == "complex" else positive(x)
