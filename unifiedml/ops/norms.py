"""Norms of vectors and matrices, traces, diagonals, cross and outer products."""

from __future__ import annotations

import math
import operator
from typing import Any, Literal

from unifiedml._dtypes import DTYPES, DType
from unifiedml._rules.axes import normalize_axes, normalize_axis
from unifiedml._rules.shapes import broadcast_shapes
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, FLOATING, NUMERIC, Op, as_tensor, as_tensors
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.arithmetic import square
from unifiedml.ops.decompositions import svdvals
from unifiedml.ops.exponential import sqrt
from unifiedml.ops.manipulation import (
    broadcast_to,
    permute_dims,
    reshape,
    stack,
)
from unifiedml.ops.parts import imag, real
from unifiedml.ops.reduction import max as _max
from unifiedml.ops.reduction import min as _min
from unifiedml.ops.reduction import sum
from unifiedml.ops.selection import where

__all__ = ["cross", "diagonal", "matrix_norm", "outer", "trace", "vector_norm"]

_VECTOR_NORM = Op("vector_norm", FLOATING)
_MATRIX_NORM = Op("matrix_norm", FLOATING)


def vector_norm(
    x: Operand,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    ord: float = 2,
) -> Tensor:
    """Return the p-norms ``sum(|x| ** p) ** (1 / p)`` over ``axis``.

    The gradient is 0 where all elements are, and by an element that is 0.

    Args:
        x: A floating-point tensor; float16 and bfloat16 are added up in float32.
        axis: The dimensions that make a vector; all by default.
        keepdims: Leave them with size 1.
        ord: p; ``inf`` is the largest absolute value, ``-inf`` the smallest, and 0 the
            number of elements that are not 0.

    Raises:
        ValueError: There is no element and ``ord`` is infinite and negative.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.vector_norm(um.tensor([3.0, 4.0])).item()
        5.0
    """
    x = as_tensor(_VECTOR_NORM, x)
    axes = normalize_axes(axis, x.ndim)
    if x.dtype.name in ("float16", "bfloat16"):
        wide = x.astype(DTYPES["float32"])
        return _norm(wide, axes, keepdims, ord).astype(x.dtype)
    return _norm(x, axes, keepdims, ord)


def _norm(x: Tensor, axes: tuple[int, ...], keepdims: bool, ord: float) -> Tensor:
    options: dict[str, Any] = {"axis": axes, "keepdims": keepdims}
    if ord == 2:
        return _root(sum(_squares(x), **options))
    if ord == 0:
        return sum(x != 0, **options).astype(_real(x))
    sizes = _abs(x)
    if ord == 1:
        return sum(sizes, **options)
    if math.isinf(ord):
        if ord > 0 and 0 in (x.shape[one] for one in axes):
            return sum(sizes, **options)
        return (_max if ord > 0 else _min)(sizes, **options)
    return _power_norm(sizes, ord, options)


def _power_norm(sizes: Tensor, ord: float, options: dict[str, Any]) -> Tensor:
    """Return the norm of absolute values; powers of 0 have no slope, or no value."""
    zero = sizes == 0
    powers = where(zero, 0.0, where(zero, 1.0, sizes) ** ord)
    total = sum(powers, **options)
    none = total == 0
    result = where(none, 0.0, where(none, 1.0, total) ** (1 / ord))
    if ord > 0:
        return result
    # One element of 0 makes a negative power infinite, and its root 0.
    found = sum(zero, **options) != 0
    return where(found, 0.0, where(none, float("inf"), result))


def _real(x: Tensor) -> DType:
    narrow = {"complex64": "float32", "complex128": "float64"}
    return DTYPES[narrow.get(x.dtype.name, x.dtype.name)]


def _squares(x: Tensor) -> Tensor:
    if x.dtype.kind != "complex":
        return square(x)
    return square(real(x)) + square(imag(x))


def _root(x: Tensor) -> Tensor:
    """Return the square root; its slope at 0 is infinite, and taken as 0."""
    zero = x == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, x)))


def matrix_norm(
    x: Operand,
    /,
    *,
    keepdims: bool = False,
    ord: float | Literal["fro", "nuc"] | None = "fro",
) -> Tensor:
    """Return norms of matrices ``(..., m, n)``.

    Args:
        x: A floating-point tensor.
        keepdims: Leave the last two dimensions with size 1.
        ord: ``"fro"`` (and None): the root of the sum of squares; ``"nuc"``: the sum of
            the singular values; 2 and -2: the largest and the smallest of them; 1 and
            -1: the largest and the smallest sum of absolute values in a column; ``inf``
            and ``-inf``: in a row.

    Raises:
        ValueError: There is no such norm, or no element for a smallest one.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.matrix_norm(um.tensor([[3.0, 0.0], [0.0, 4.0]]), ord=2).item()
        4.0
    """
    x = as_tensor(_MATRIX_NORM, x)
    if x.ndim < 2:
        raise ValueError(
            f"matrix_norm needs matrices of two dimensions, or stacks of them, not "
            f"shape {x.shape}"
        )
    if ord not in (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise ValueError(
            f"matrix_norm knows 'fro', 'nuc', 1, -1, 2, -2, inf and -inf, not {ord!r}"
        )
    if ord is None or ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    result = _matrix_norm(x, ord)
    return reshape(result, (*result.shape, 1, 1)) if keepdims else result


def _matrix_norm(x: Tensor, ord: Any) -> Tensor:
    if ord == "nuc":
        return sum(svdvals(x), axis=-1)
    if abs(ord) == 2:
        values = svdvals(x)
    else:
        values = sum(_abs(x), axis=-2 if abs(ord) == 1 else -1)
    if ord > 0:
        # The norm of a matrix without elements is 0.
        return _max(values, axis=-1) if values.shape[-1] else sum(values, axis=-1)
    return _min(values, axis=-1)


# --- diagonals ------------------------------------------------------------------------


def diagonal(x: Operand, /, *, offset: int = 0) -> Tensor:
    """Return the diagonals of matrices, ``(..., k)``.

    Args:
        x: Shape ``(..., m, n)``.
        offset: Which diagonal: above the main one, or below it if negative.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.diagonal(um.tensor([[1, 2], [3, 4]]), offset=1).tolist()
        [2]
    """
    (x,) = as_tensors(Op("diagonal", ANY), x)
    if x.ndim < 2:
        raise ValueError(f"diagonal needs two dimensions, not shape {x.shape}")
    k = operator.index(offset)
    m, n = x.shape[-2:]
    count = max(0, min(m + min(k, 0), n - max(k, 0)))
    rows = reshape(x, (math.prod(x.shape[:-2]), m * n))
    start = k if k >= 0 else -k * n
    found = rows[:, start : start + (count - 1) * (n + 1) + 1 : n + 1]
    if not count:
        found = rows[:, :0]
    return reshape(found, (*x.shape[:-2], count))


def trace(
    x: Operand, /, *, offset: int = 0, dtype: DType | str | None = None
) -> Tensor:
    """Return the sums of diagonals, ``(...)``; data types as in `sum`.

    Args:
        x: A numeric tensor of shape ``(..., m, n)``.
        offset: Which diagonal; as in `diagonal`.
        dtype: Convert to this data type first.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.trace(um.tensor([[1, 2], [3, 4]])).item()
        5
    """
    (x,) = as_tensors(Op("trace", NUMERIC), x)
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


# --- products of vectors --------------------------------------------------------------


def cross(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Tensor:
    """Return the cross products of vectors of three elements.

    Args:
        x1: A numeric tensor with 3 elements along ``axis``.
        x2: Another one; they broadcast.
        axis: The dimension of the vectors, counted from the end.

    Raises:
        ValueError: There are not 3 elements, or the shapes do not broadcast.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.cross(um.tensor([1, 0, 0]), um.tensor([0, 1, 0])).tolist()
        [0, 0, 1]
    """
    x1, x2 = as_tensors(Op("cross", NUMERIC), x1, x2)
    fewest = min(x1.ndim, x2.ndim)
    place = normalize_axis(axis, fewest) - fewest
    if x1.shape[place] != 3 or x2.shape[place] != 3:
        raise ValueError(
            f"cross needs 3 elements along axis {axis}, unlike shapes {x1.shape} and "
            f"{x2.shape}"
        )
    shape = broadcast_shapes(x1.shape, x2.shape)
    parts = [_split(broadcast_to(x, shape), len(shape) + place) for x in (x1, x2)]
    (a, b, c), (d, e, f) = parts
    found = stack([b * f - c * e, c * d - a * f, a * e - b * d])
    order = list(range(1, len(shape)))
    order.insert(len(shape) + place, 0)
    return permute_dims(found, order)


def _split(x: Tensor, axis: int) -> list[Tensor]:
    before = (slice(None),) * axis
    return [x[(*before, number)] for number in range(3)]


def outer(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the table of products of two vectors, ``(n, m)``.

    Args:
        x1: A numeric tensor of shape ``(n,)``.
        x2: Another one, of shape ``(m,)``.

    Example:
        >>> import unifiedml as um
        >>> um.linalg.outer(um.tensor([1, 2]), um.tensor([1, 10])).tolist()
        [[1, 10], [2, 20]]
    """
    x1, x2 = as_tensors(Op("outer", NUMERIC), x1, x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"outer needs vectors, not shapes {x1.shape} and {x2.shape}")
    return x1[:, None] * x2[None, :]
