"""Linear systems, inverses and determinants.

All take stacks of matrices, ``(..., m, n)``, of float32, float64, complex64 and
complex128.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from unifiedml._dtypes import finfo
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import Op, apply, as_tensors, binary
from unifiedml.ops._known import is_known
from unifiedml.ops._matrices import (
    LinAlgError,
    broadcast_stacks,
    checked_size,
    factorization,
    matrices,
    one_result,
    refuse_singular,
    restored,
    results,
    stacked,
)
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.arithmetic import square
from unifiedml.ops.decompositions import svd, svdvals
from unifiedml.ops.linalg import adjoint, matmul
from unifiedml.ops.manipulation import (
    broadcast_to,
    expand_dims,
    matrix_transpose,
    reshape,
    squeeze,
)
from unifiedml.ops.reduction import prod, sum
from unifiedml.ops.selection import where

__all__ = [
    "LinAlgError",
    "LstsqResult",
    "SlogdetResult",
    "cond",
    "det",
    "inv",
    "lstsq",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "pinv",
    "slogdet",
    "solve",
    "solve_triangular",
]

_DET = factorization("det", partial(refuse_singular, "det"))
_SLOGDET = factorization("slogdet", partial(refuse_singular, "slogdet"))


def _explain(name: str, x: Tensor, *rest: object) -> None:
    refuse_singular(name, x)


_SOLVE = factorization("solve", partial(_explain, "solve"))


class SlogdetResult(NamedTuple):
    """What `slogdet` returns: ``det(x) == sign * exp(logabsdet)``."""

    sign: Tensor
    logabsdet: Tensor


class LstsqResult(NamedTuple):
    """What `lstsq` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _identity(x: Tensor) -> Tensor:
    """Return the identity in the shape of the square matrices ``x``, beside them."""
    one = np.eye(x.shape[-1], dtype=x.dtype.numpy)
    (found,) = as_tensors(_DET, one, beside=(x,))
    return broadcast_to(found, x.shape)


def solve(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the solution ``y`` of ``x1 @ y == x2``.

    Args:
        x1: Square matrices ``(..., n, n)``.
        x2: One vector ``(n,)``, or matrices ``(..., n, k)``; leading dimensions
            broadcast.

    Raises:
        LinAlgError: A matrix is singular.
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> a, b = um.tensor([[2.0, 0.0], [0.0, 4.0]]), um.tensor([2.0, 2.0])
        >>> um.linalg.solve(a, b).tolist()
        [1.0, 0.5]
    """
    x1, x2 = as_tensors(_SOLVE, x1, x2)
    (x1,) = matrices("solve", x1, square=True)
    vector = x2.ndim == 1
    (right,) = matrices("solve", expand_dims(x2, axis=1) if vector else x2)
    checked_size("solve", "a right-hand side", x1.shape, right.shape[-2])
    left, right = broadcast_stacks(x1, right)
    result = restored(binary(_SOLVE, stacked(left), stacked(right)), left)
    return squeeze(result, axis=-1) if vector else result


def solve_triangular(
    x1: Operand, x2: Operand, /, *, upper: bool, left: bool = True
) -> Tensor:
    """Return the solution ``y`` of ``x1 @ y == x2`` for triangular matrices.

    Args:
        x1: Matrices ``(..., n, n)``, of which one half is read. Zeros on the diagonal
            give infinity or NaN.
        x2: Matrices ``(..., n, k)``; leading dimensions broadcast.
        upper: Whether the upper half is read, or the lower.
        left: Whether ``x1`` stands left of ``y``; otherwise ``y @ x1 == x2`` is solved.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> factor = um.tensor([[2.0, 0.0], [1.0, 1.0]])
        >>> b = um.tensor([[2.0], [3.0]])
        >>> um.linalg.solve_triangular(factor, b, upper=False).tolist()
        [[1.0], [2.0]]
    """
    op = Op("solve_triangular", _SOLVE.kinds)
    x1, x2 = matrices("solve_triangular", *as_tensors(op, x1, x2))
    (x1,) = matrices("solve_triangular", x1, square=True)
    if not left:
        x1, x2, upper = matrix_transpose(x1), matrix_transpose(x2), not upper
    checked_size("solve_triangular", "a right-hand side", x1.shape, x2.shape[-2])
    first, second = broadcast_stacks(x1, x2)
    result = restored(apply(op, (stacked(first), stacked(second)), bool(upper)), first)
    return result if left else matrix_transpose(result)


def inv(x: Operand, /) -> Tensor:
    """Return the inverses of square matrices.

    Args:
        x: Matrices ``(..., n, n)``.

    Raises:
        LinAlgError: A matrix is singular.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.inv(um.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    (x,) = matrices("inv", x, square=True)
    try:
        return solve(x, _identity(x))
    except LinAlgError:
        refuse_singular("inv", x)
        raise


# --- determinants ---------------------------------------------------------------------


def slogdet(x: Operand, /) -> SlogdetResult:
    """Return the sign of the determinant, and the logarithm of its absolute value.

    Args:
        x: Matrices ``(..., n, n)``. Where one is singular, the sign is 0 and the
            logarithm -inf.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.slogdet(um.tensor([[0.0, 1.0], [1.0, 0.0]])).sign.item()
        -1.0
    """
    (x,) = matrices("slogdet", x, square=True)
    return SlogdetResult(*results(_SLOGDET, x))


def det(x: Operand, /) -> Tensor:
    """Return the determinants of square matrices.

    The gradient is the conjugate of the adjugate, transposed, also where a matrix is
    singular; there, derivatives beyond the second are not those of the determinant.

    Args:
        x: Matrices ``(..., n, n)``.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.det(um.tensor([[4.0, 0.0], [0.0, 5.0]])).item()
        20.0
    """
    (x,) = matrices("det", x, square=True)
    if not is_known(x):
        return _singular_det(x)
    try:
        return one_result(_DET, x)
    except LinAlgError:
        return _singular_det(x)


def _singular_det(x: Tensor) -> Tensor:
    """Return determinants some of which are 0, exact up to the second derivative.

    With ``x = U S Vᴴ``, and U and V held fixed, ``M = Uᴴ x V`` is diagonal here. So its
    determinant is the product of the diagonal, less ``M[i, j] M[j, i]`` times the rest
    of the diagonal for each pair, and terms of higher order.
    """
    u, _, vh = svd(x.detach())
    middle = matmul(adjoint(u), matmul(x, adjoint(vh)))
    n = x.shape[-1]
    diagonal = reshape(middle, (*x.shape[:-2], n * n))[..., :: n + 1]
    identity = _identity(x)
    taken = (identity[..., :, None, :] + identity[..., None, :, :]) != 0
    rest = prod(where(taken, 1.0, diagonal[..., None, None, :]), axis=-1)
    pairs = middle * matrix_transpose(middle) * (1 - identity) * rest
    value = prod(diagonal, axis=-1) - 0.5 * sum(pairs, axis=(-2, -1))
    value = value * (slogdet(u).sign * slogdet(vh).sign)
    # A determinant that underflows is as good as 0.
    least = math.log(2 * finfo(x.dtype).smallest_normal)
    singular = slogdet(x.detach()).logabsdet < least
    regular = one_result(_DET, where(singular[..., None, None], identity, x))
    return where(singular, value - value.detach(), regular)


# --- least squares --------------------------------------------------------------------


def _small(x: Tensor, s: Tensor, rtol: Operand | None) -> Tensor:
    """Tell which singular values ``s`` of ``x`` count as 0."""
    if rtol is None:
        rtol = max(x.shape[-2:]) * finfo(x.dtype).eps
    (limit,) = as_tensors(Op("rtol", frozenset({"float"})), rtol, beside=(x,))
    largest = s[..., :1]
    return s <= expand_dims(limit, axis=-1).astype(s.dtype) * largest


def matrix_rank(x: Operand, /, *, rtol: Operand | None = None) -> Tensor:
    """Return how many singular values are not negligible, as int64.

    Args:
        x: Matrices ``(..., m, n)``.
        rtol: Those are that are at most ``rtol`` times the largest: a number, or a
            tensor that broadcasts to ``(...)``. Default: ``max(m, n)`` times the eps of
            the data type.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.matrix_rank(um.ones((3, 3))).item()
        1
    """
    (x,) = matrices("matrix_rank", x)
    s = svdvals(x.detach())
    return sum(~_small(x, s, rtol), axis=-1)


def pinv(x: Operand, /, *, rtol: Operand | None = None) -> Tensor:
    """Return the Moore-Penrose pseudoinverses.

    The gradient is that of matrices of constant rank.

    Args:
        x: Matrices ``(..., m, n)``.
        rtol: Which singular values count as 0; as in `matrix_rank`.

    Returns:
        Matrices ``(..., n, m)``.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.pinv(um.tensor([[2.0, 0.0], [0.0, 0.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.0]]

    Reference:
        G. H. Golub and V. Pereyra, The differentiation of pseudo-inverses and nonlinear
        least squares problems whose variables separate, SIAM J. Numer. Anal. 10, 1973.
    """
    (x,) = matrices("pinv", x)
    u, s, vh = svd(x.detach(), full_matrices=False)
    small = _small(x, s, rtol)
    inverse = where(small, 0.0, 1 / where(small, 1.0, s))
    value = matmul(adjoint(vh) * inverse[..., None, :], adjoint(u))
    refined = _refined(x, _refined(x, value))
    return value + (refined - refined.detach())


def _refined(x: Tensor, p: Tensor) -> Tensor:
    """Return a pseudoinverse whose distance from that of ``x`` is the square of p's.

    The pseudoinverse is a fixed point, where the derivative by ``p`` is 0: so the first
    derivative by ``x`` is that of Golub and Pereyra, and those of two steps are exact
    up to the third.
    """
    left, right = matmul(x, p), matmul(p, x)
    wide = matmul(p, adjoint(left))
    high = matmul(adjoint(right), p)
    return (wide - matmul(wide, left)) + (high - matmul(right, high)) + matmul(right, p)


def lstsq(x1: Operand, x2: Operand, /, *, rtol: Operand | None = None) -> LstsqResult:
    """Return the solution ``y`` of least norm that minimises ``‖x1 @ y - x2‖``.

    Args:
        x1: Matrices ``(..., m, n)``.
        x2: One vector ``(m,)``, or matrices ``(..., m, k)``; leading dimensions
            broadcast.
        rtol: Which singular values count as 0; as in `matrix_rank`.

    Returns:
        The solution ``(..., n, k)`` or ``(..., n)``, the sums of squares
        ``(..., k)`` or ``(...)`` that remain, the rank, and the singular values.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> a = um.tensor([[1.0], [1.0]])
        >>> um.linalg.lstsq(a, um.tensor([1.0, 3.0])).solution.shape
        (1,)
    """
    x1, x2 = as_tensors(_SOLVE, x1, x2)
    (x1,) = matrices("lstsq", x1)
    if not x2.ndim:
        raise ValueError(f"lstsq needs right-hand sides, not shape {x2.shape}")
    vector = x2.ndim == 1
    right = expand_dims(x2, axis=1) if vector else x2
    checked_size("lstsq", "a right-hand side", x1.shape, right.shape[-2])
    solution = matmul(pinv(x1, rtol=rtol), right)
    left = square(_abs(matmul(x1, solution) - right))
    residuals = sum(left, axis=-2)
    if vector:
        solution, residuals = squeeze(solution, axis=-1), squeeze(residuals, axis=-1)
    s = svdvals(x1)
    rank = sum(~_small(x1, s.detach(), rtol), axis=-1)
    return LstsqResult(solution, residuals, rank, s)


def cond(x: Operand, /) -> Tensor:
    """Return the condition numbers: the largest by the smallest singular value.

    Args:
        x: Matrices ``(..., m, n)``; inf where one has not full rank.

    Raises:
        ValueError: There are no elements.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.cond(um.tensor([[4.0, 0.0], [0.0, 2.0]])).item()
        2.0
    """
    (x,) = matrices("cond", x)
    if 0 in x.shape[-2:]:
        raise ValueError(f"cond of shape {x.shape} has no singular values to compare")
    s = svdvals(x)
    return s[..., 0] / s[..., -1]


# --- products -------------------------------------------------------------------------


def matrix_power(x: Operand, n: int, /) -> Tensor:
    """Return ``x @ x @ ... @ x``, n times; of the inverse for a negative n.

    Args:
        x: Matrices ``(..., m, m)``.
        n: An integer. For 0, the result is the identity.

    Raises:
        LinAlgError: n is negative and a matrix singular.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.matrix_power(um.tensor([[1.0, 1.0], [0.0, 1.0]]), 3).tolist()
        [[1.0, 3.0], [0.0, 1.0]]
    """
    (x,) = matrices("matrix_power", x, square=True)
    count = operator.index(n)
    if count < 0:
        x, count = inv(x), -count
    result: Tensor | None = None
    while count:
        if count % 2:
            result = x if result is None else matmul(result, x)
        count //= 2
        x = matmul(x, x) if count else x
    return _identity(x) + 0 * x if result is None else result


def multi_dot(arrays: Sequence[Operand], /) -> Tensor:
    """Return the matrix product of several matrices, in the cheapest order.

    Args:
        arrays: Two matrices and more; the first and the last may be vectors.

    Raises:
        ValueError: There are less than two, or the shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.multi_dot([um.ones((2, 3)), um.ones((3, 4)), um.ones(4)]).shape
        (2,)
    """
    from unifiedml.ops.einsum import einsum

    tensors = as_tensors(Op("multi_dot", frozenset(_NUMBERS)), *arrays)
    if len(tensors) < 2:
        raise ValueError(f"multi_dot needs at least two matrices, not {len(tensors)}")
    for place, x in enumerate(tensors):
        inside = 0 < place < len(tensors) - 1
        if x.ndim != 2 and (inside or x.ndim != 1):
            raise ValueError(f"multi_dot needs matrices, not shape {x.shape}")
    letters = [chr(ord("a") + n) for n in range(len(tensors) + 1)]
    names = [letters[n] + letters[n + 1] for n in range(len(tensors))]
    if tensors[0].ndim == 1:
        names[0] = names[0][1:]
    if tensors[-1].ndim == 1:
        names[-1] = names[-1][:1]
    ends = (names[0][0] * (tensors[0].ndim == 2)) + names[-1][1:]
    return einsum(f"{','.join(names)}->{ends}", *tensors)


_NUMBERS = ("signed", "unsigned", "float", "complex")
