"""Products of matrices and vectors."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence

from unifiedml._rules.axes import normalize_axis
from unifiedml._rules.shapes import broadcast_shapes, matmul_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import NUMERIC, Op, as_tensors, binary
from unifiedml.ops.manipulation import (
    broadcast_to,
    expand_dims,
    matrix_transpose,
    permute_dims,
    reshape,
    squeeze,
)
from unifiedml.ops.parts import conj

__all__ = ["inner", "kron", "matmul", "tensordot", "vecdot"]


def _explain(x1: Tensor, x2: Tensor) -> None:
    matmul_shape(x1.shape, x2.shape)


_MATMUL = Op("matmul", NUMERIC, explain=_explain)


def matmul(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the matrix product ``x1 @ x2``.

    Args:
        x1: Shape ``(..., n, k)`` or ``(k,)``.
        x2: Shape ``(..., k, m)`` or ``(k,)``.

    Returns:
        Shape ``(..., n, m)``, the dimensions of 1-d operands left out; batch
        dimensions broadcast.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> um.matmul(um.ones((2, 3)), um.ones((3, 4))).shape
        (2, 4)
    """
    if isinstance(x1, Tensor) and isinstance(x2, Tensor):
        first, second = x1.shape, x2.shape
        if len(first) > 1 and len(second) > 1 and first[-1] == second[-2]:
            return binary(_MATMUL, x1, x2)
    x1, x2 = as_tensors(_MATMUL, x1, x2)
    first, second = x1.shape, x2.shape
    matmul_shape(first, second)
    left = expand_dims(x1, axis=0) if len(first) == 1 else x1
    right = expand_dims(x2, axis=1) if len(second) == 1 else x2
    result = binary(_MATMUL, left, right)
    axes = [-2] * (len(first) == 1) + [-1] * (len(second) == 1)
    return squeeze(result, axis=axes) if axes else result


def tensordot(
    x1: Operand,
    x2: Operand,
    /,
    *,
    axes: int | tuple[Sequence[int], Sequence[int]] = 2,
) -> Tensor:
    """Return the sum of products over dimensions of both operands.

    Args:
        x1: A numeric tensor.
        x2: Another one.
        axes: How many dimensions to sum over, the last of ``x1`` and the first of
            ``x2``; or two sequences that name them in pairs.

    Returns:
        The other dimensions of ``x1``, then those of ``x2``.

    Raises:
        ValueError: The sizes of a pair differ, or a dimension is named twice.

    Example:
        >>> import unifiedml as um
        >>> um.tensordot(um.ones((2, 3)), um.ones((3, 4)), axes=1).shape
        (2, 4)
    """
    x1, x2 = as_tensors(Op("tensordot", NUMERIC), x1, x2)
    first, second = _pairs(axes, x1.shape, x2.shape)
    rest1 = [n for n in range(x1.ndim) if n not in first]
    rest2 = [n for n in range(x2.ndim) if n not in second]
    size = math.prod(x1.shape[n] for n in first)
    outer1, outer2 = ([x.shape[n] for n in r] for x, r in ((x1, rest1), (x2, rest2)))
    left = reshape(permute_dims(x1, (*rest1, *first)), (math.prod(outer1), size))
    right = reshape(permute_dims(x2, (*second, *rest2)), (size, math.prod(outer2)))
    return reshape(matmul(left, right), (*outer1, *outer2))


def _pairs(
    axes: int | tuple[Sequence[int], Sequence[int]],
    shape1: tuple[int, ...],
    shape2: tuple[int, ...],
) -> tuple[list[int], list[int]]:
    """Return the dimensions of both operands that are summed over, in pairs."""
    if isinstance(axes, bool):
        raise TypeError(f"axes are counted or named by integers, not {axes}")
    if not isinstance(axes, Iterable):
        count = operator.index(axes)
        if not 0 <= count <= min(len(shape1), len(shape2)):
            raise ValueError(
                f"tensordot sums over {count} dimensions of shapes {shape1} and "
                f"{shape2}, which have fewer or cannot have so many"
            )
        axes = range(len(shape1) - count, len(shape1)), range(count)
    given1, given2 = (tuple(one) for one in axes)
    first = [normalize_axis(axis, len(shape1)) for axis in given1]
    second = [normalize_axis(axis, len(shape2)) for axis in given2]
    if len(set(first)) < len(first) or len(set(second)) < len(second):
        raise ValueError(f"axes {given1} and {given2} name a dimension twice")
    sizes1, sizes2 = [shape1[n] for n in first], [shape2[n] for n in second]
    if sizes1 != sizes2:
        raise ValueError(
            f"tensordot cannot pair axes {given1} of shape {shape1} with {given2} of "
            f"{shape2}: sizes {sizes1} and {sizes2} differ"
        )
    return first, second


def vecdot(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Tensor:
    """Return the sum of ``conj(x1) * x2`` over one dimension.

    Args:
        x1: A numeric tensor.
        x2: Another one; they broadcast, but not along ``axis``.
        axis: The dimension, counted from the end.

    Raises:
        ValueError: The sizes at ``axis`` differ, or the shapes do not broadcast.

    Example:
        >>> import unifiedml as um
        >>> um.vecdot(um.tensor([1, 2]), um.tensor([3, 4])).item()
        11
    """
    x1, x2 = as_tensors(Op("vecdot", NUMERIC), x1, x2)
    fewest = min(x1.ndim, x2.ndim)
    place = normalize_axis(axis, fewest) - fewest
    if x1.shape[place] != x2.shape[place]:
        raise ValueError(
            f"vecdot needs equal sizes along axis {axis}, unlike shapes {x1.shape} "
            f"and {x2.shape}"
        )
    shape = broadcast_shapes(x1.shape, x2.shape)
    if x1.dtype.kind == "complex":
        x1 = conj(x1)
    order = [n for n in range(len(shape)) if n != len(shape) + place]
    order.append(len(shape) + place)
    rows, columns = (permute_dims(broadcast_to(x, shape), order) for x in (x1, x2))
    left, right = expand_dims(rows, axis=-2), expand_dims(columns, axis=-1)
    return squeeze(matmul(left, right), axis=(-2, -1))


def inner(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the sums of products over the last dimensions, nothing conjugated.

    Args:
        x1: Shape ``(..., n)``.
        x2: Shape ``(..., n)``.

    Returns:
        The other dimensions of ``x1``, then those of ``x2``; the product if one of the
        operands is 0-d.

    Raises:
        ValueError: The sizes of the last dimensions differ.

    Example:
        >>> import unifiedml as um
        >>> um.inner(um.ones((2, 3)), um.ones((4, 3))).shape
        (2, 4)
    """
    x1, x2 = as_tensors(Op("inner", NUMERIC), x1, x2)
    if not x1.ndim or not x2.ndim:
        return x1 * x2
    return tensordot(x1, x2, axes=([-1], [-1]))


def kron(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the Kronecker product: each element of ``x1`` times all of ``x2``.

    Args:
        x1: Shape ``(m1, ..., mk)``.
        x2: Shape ``(n1, ..., nk)``; the shorter shape gets leading ones.

    Returns:
        Shape ``(m1 * n1, ..., mk * nk)``.

    Example:
        >>> import unifiedml as um
        >>> um.kron(um.tensor([1, 10]), um.tensor([1, 2])).tolist()
        [1, 2, 10, 20]
    """
    x1, x2 = as_tensors(Op("kron", NUMERIC), x1, x2)
    ndim = max(x1.ndim, x2.ndim)
    first = (1,) * (ndim - x1.ndim) + x1.shape
    second = (1,) * (ndim - x2.ndim) + x2.shape
    table = reshape(x1, (x1.size, 1)) * reshape(x2, (1, x2.size))
    pairs = reshape(table, first + second)
    between = [
        n for pair in zip(range(ndim), range(ndim, 2 * ndim), strict=True) for n in pair
    ]
    shape = tuple(m * n for m, n in zip(first, second, strict=True))
    return reshape(permute_dims(pairs, between), shape)


def adjoint(x: Tensor) -> Tensor:
    """Return the conjugate transposes of a stack of matrices."""
    transposed = matrix_transpose(x)
    return conj(transposed) if x.dtype.kind == "complex" else transposed
