"""Factorizations of matrices: Cholesky, QR, eigenvalues, singular values.

All take stacks of matrices, ``(..., m, n)``, of float32, float64, complex64 and
complex128, and raise `LinAlgError` for numbers that are not finite. Eigenvectors and
singular vectors are defined up to a factor of modulus 1 each: only what does not depend
on it is the same on every backend, and has a gradient. So it is where eigenvalues or
singular values are equal, with the vectors that belong to them.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._matrices import (
    factorization,
    matrices,
    one_result,
    refuse_indefinite,
    refuse_infinite,
    results,
)
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.creation import ones_like
from unifiedml.ops.linalg import adjoint, matmul
from unifiedml.ops.manipulation import concat
from unifiedml.ops.reduction import max
from unifiedml.ops.selection import where

__all__ = [
    "EigResult",
    "EighResult",
    "QRResult",
    "SVDResult",
    "cholesky",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "qr",
    "svd",
    "svdvals",
]

_CHOLESKY = factorization("cholesky", partial(refuse_indefinite, "cholesky"))
_EIG = factorization("eig", partial(refuse_infinite, "eig"))
_EIGH = factorization("eigh", partial(refuse_infinite, "eigh"))
_EIGVALS = factorization("eigvals", partial(refuse_infinite, "eigvals"))
_EIGVALSH = factorization("eigvalsh", partial(refuse_infinite, "eigvalsh"))


def _explain_qr(x: Tensor, complete: bool) -> None:
    refuse_infinite("qr", x)


_QR = factorization("qr", _explain_qr)
_SVD = factorization("svd", partial(refuse_infinite, "svd"))
_SVDVALS = factorization("svdvals", partial(refuse_infinite, "svdvals"))


class EigResult(NamedTuple):
    """What `eig` returns: ``x @ eigenvectors == eigenvectors * eigenvalues``."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class EighResult(NamedTuple):
    """What `eigh` returns: ``x @ eigenvectors == eigenvectors * eigenvalues``."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns: ``x == Q @ R``."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns: ``x == U * S @ Vh``."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Operand, /, *, upper: bool = False) -> Tensor:
    """Return the triangular factor L with ``x == L @ adjoint(L)``.

    Args:
        x: Hermitian positive definite matrices ``(..., n, n)``, of which the lower half
            is read. The gradient is that of a Hermitian matrix.
        upper: Return the upper factor ``adjoint(L)`` instead.

    Raises:
        LinAlgError: A matrix is not positive definite.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.cholesky(um.tensor([[4.0, 2.0], [2.0, 5.0]])).tolist()
        [[2.0, 0.0], [1.0, 2.0]]
    """
    (x,) = matrices("cholesky", x, square=True)
    factor = one_result(_CHOLESKY, _hermitian(x))
    return adjoint(factor) if upper else factor


def qr(x: Operand, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """Return Q with orthonormal columns and R upper triangular, ``x == Q @ R``.

    Args:
        x: Matrices ``(..., m, n)``. For gradients, the first ``min(m, n)`` columns must
            be linearly independent.
        mode: ``"reduced"``: Q is ``(..., m, k)`` and R ``(..., k, n)`` with
            ``k = min(m, n)``. ``"complete"``: Q is ``(..., m, m)`` and R as ``x``.

    Raises:
        ValueError: There is no such mode.

    Example:
        >>> import unifiedml as um
        >>> q, r = um.linalg.qr(um.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> [round(abs(value), 5) for value in r[0].tolist()]
        [5.0, 2.2]
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr has modes 'reduced' and 'complete', not {mode!r}")
    (x,) = matrices("qr", x)
    m, n = x.shape[-2:]
    if n > m:
        # The columns that are left are only multiplied.
        q, r = qr(x[..., :m])
        return QRResult(q, concat([r, matmul(adjoint(q), x[..., m:])], axis=-1))
    factor = _square_factor(x) if x.size else 1.0
    q, r = results(_QR, x * factor, False)
    r = r / factor
    if mode == "complete" and m > n:
        q = concat([q, _complement(q)], axis=-1)
        r = concat([r, 0 * x[..., n:, :].detach()], axis=-2)
    return QRResult(q, r)


def _square_factor(x: Tensor) -> Tensor:
    """Return powers of two that make matrices so small that squares are finite.

    TensorFlow's kernel adds up squares as they are.
    """
    sizes = _abs(x.detach())
    exponent = 64 if sizes.dtype.name == "float32" else 512
    largest = max(sizes, axis=(-2, -1), keepdims=True)
    return where(largest > 2.0 ** (exponent - 8), 2.0**-exponent, ones_like(largest))


def _complement(q: Tensor) -> Tensor:
    """Return orthonormal columns that complete those of ``q`` to a square matrix.

    They follow ``q`` by parallel transport, exactly up to the second derivative: the
    frameworks differentiate the first columns only.
    """
    fixed, _ = results(_QR, q.detach(), True)
    fixed = fixed.detach()[..., q.shape[-1] :]
    inside = matmul(adjoint(q), fixed)
    lengthened = matmul(fixed, 0.5 * matmul(adjoint(inside), inside)) + fixed
    return lengthened - matmul(q, matmul(adjoint(q), lengthened))


def svd(x: Operand, /, *, full_matrices: bool = True) -> SVDResult:
    """Return the singular value decomposition, ``x == U * S @ Vh``.

    Args:
        x: Matrices ``(..., m, n)``.
        full_matrices: Return square U and Vh, ``(..., m, m)`` and ``(..., n, n)``;
            otherwise ``(..., m, k)`` and ``(..., k, n)`` with ``k = min(m, n)``.

    Returns:
        U, the real singular values ``(..., k)`` in descending order, and Vh.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.svd(um.tensor([[0.0, 2.0], [1.0, 0.0]])).S.tolist()
        [2.0, 1.0]
    """
    (x,) = matrices("svd", x)
    u, s, vh = results(_SVD, x)
    if full_matrices:
        m, n = x.shape[-2:]
        if m > n:
            u = concat([u, _complement(u)], axis=-1)
        elif n > m:
            vh = concat([vh, adjoint(_complement(adjoint(vh)))], axis=-2)
    return SVDResult(u, s, vh)


def svdvals(x: Operand, /) -> Tensor:
    """Return the singular values ``(..., min(m, n))``, real and descending.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.svdvals(um.tensor([[0.0, 2.0], [1.0, 0.0]])).tolist()
        [2.0, 1.0]
    """
    (x,) = matrices("svdvals", x)
    return one_result(_SVDVALS, x)


def _hermitian(x: Tensor) -> Tensor:
    """Return ``x`` with a gradient that is Hermitian, whichever half a kernel reads."""
    half = 0.5 * x
    symmetric = half + adjoint(half)
    # The values stay exactly those of x, also where the half that is not read is large.
    return x.detach() + (symmetric - symmetric.detach())


def eigh(x: Operand, /) -> EighResult:
    """Return eigenvalues and eigenvectors of Hermitian matrices.

    Args:
        x: Hermitian matrices ``(..., n, n)``, of which the lower half is read. The
            gradient is that of a Hermitian matrix.

    Returns:
        The real eigenvalues ``(..., n)``, ascending, and the eigenvectors as the
        columns of ``(..., n, n)``, orthonormal.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.eigh(um.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues.tolist()
        [1.0, 2.0]
    """
    (x,) = matrices("eigh", x, square=True)
    return EighResult(*results(_EIGH, _hermitian(x)))


def eigvalsh(x: Operand, /) -> Tensor:
    """Return the real eigenvalues of Hermitian matrices, ascending; see `eigh`.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.eigvalsh(um.tensor([[2.0, 0.0], [0.0, 1.0]])).tolist()
        [1.0, 2.0]
    """
    (x,) = matrices("eigvalsh", x, square=True)
    return one_result(_EIGVALSH, _hermitian(x))


def eig(x: Operand, /) -> EigResult:
    """Return eigenvalues and eigenvectors of any square matrices, as complex numbers.

    Args:
        x: Matrices ``(..., n, n)``. For gradients, their eigenvalues must differ.

    Returns:
        The eigenvalues ``(..., n)``, in no particular order, and the eigenvectors as
        the columns of ``(..., n, n)``, of length 1.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.eig(um.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues.dtype
        unifiedml.complex64
    """
    (x,) = matrices("eig", x, square=True)
    return EigResult(*results(_EIG, x))


def eigvals(x: Operand, /) -> Tensor:
    """Return the complex eigenvalues of any square matrices; see `eig`.

    Example:
        >>> import unifiedml as um
        >>> found = um.linalg.eigvals(um.tensor([[0.0, 1.0], [-1.0, 0.0]]))
        >>> sorted(um.imag(found).tolist())
        [-1.0, 1.0]
    """
    (x,) = matrices("eigvals", x, square=True)
    return one_result(_EIGVALS, x)
