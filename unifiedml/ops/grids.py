"""Functions of the places in a matrix or grid: diagonals, triangles, coordinates."""

from __future__ import annotations

import operator

import numpy as np

from unifiedml._rules.shapes import as_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, Op, as_tensor, as_tensors
from unifiedml.ops.conversion import from_array
from unifiedml.ops.indexing import take
from unifiedml.ops.manipulation import broadcast_to, reshape
from unifiedml.ops.selection import where

__all__ = ["diag", "meshgrid", "tril", "triu"]

_GRID = Op("broadcast_to", ANY)


def meshgrid(*arrays: Operand, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Return the coordinates of a grid, one tensor a dimension.

    Args:
        *arrays: The coordinates along each dimension, 1-d or 0-d, data types as they
            are.
        indexing: "xy": the first two dimensions of the results are swapped, as images
            are indexed; "ij": they are not.

    Raises:
        ValueError: A coordinate has more dimensions, or ``indexing`` is none.

    Example:
        >>> import unifiedml as um
        >>> x, y = um.meshgrid(um.tensor([1, 2, 3]), um.tensor([10, 20]))
        >>> x.tolist(), y.tolist()
        ([[1, 2, 3], [1, 2, 3]], [[10, 10, 10], [20, 20, 20]])
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing is 'xy' or 'ij', not {indexing!r}")
    lines = [as_tensors(_GRID, x, beside=arrays)[0] for x in arrays]
    for x in lines:
        if x.ndim > 1:
            raise ValueError(f"coordinates are 1-d, not of shape {x.shape}")
    places = list(range(len(lines)))
    if indexing == "xy":
        places[:2] = reversed(places[:2])
    shape = tuple(lines[place].size for place in places)
    return tuple(
        broadcast_to(_line(x, places.index(number), len(lines)), shape)
        for number, x in enumerate(lines)
    )


def _line(x: Tensor, place: int, ndim: int) -> Tensor:
    sizes = [1] * ndim
    sizes[place] = x.size
    return reshape(x, tuple(sizes))


def tril(x: Operand, /, *, k: int = 0) -> Tensor:
    """Return matrices with zeros above the ``k``-th diagonal.

    Raises:
        ValueError: ``x`` has less than two dimensions.

    Example:
        >>> import unifiedml as um
        >>> um.tril(um.ones((2, 2))).tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """
    x = as_tensor(_GRID, x)
    return where(_ahead(x, operator.index(k)), False, x)


def triu(x: Operand, /, *, k: int = 0) -> Tensor:
    """Return matrices with zeros below the ``k``-th diagonal.

    Raises:
        ValueError: ``x`` has less than two dimensions.

    Example:
        >>> import unifiedml as um
        >>> um.triu(um.ones((2, 2))).tolist()
        [[1.0, 1.0], [0.0, 1.0]]
    """
    x = as_tensor(_GRID, x)
    return where(_ahead(x, operator.index(k) - 1), x, False)


def _ahead(x: Tensor, k: int) -> Tensor:
    """Return which elements of a matrix are above the ``k``-th diagonal."""
    if x.ndim < 2:
        raise ValueError(f"a matrix has two dimensions, unlike shape {x.shape}")
    rows, columns = x.shape[-2:]
    # A diagonal far outside is as good as one just outside.
    offset = max(-rows - 1, min(k, columns + 1))
    down = from_array(np.arange(rows)[:, None] + offset, x._backend, x.device)
    return down < from_array(np.arange(columns), x._backend, x.device)


def diag(x: Operand, /, *, k: int = 0) -> Tensor:
    """Return a matrix with ``x`` on a diagonal, or the diagonal of a matrix.

    Args:
        x: A vector or a matrix; ``linalg.diagonal`` takes stacks of matrices.
        k: Which diagonal: the main one, or one above (positive) or below it.

    Raises:
        ValueError: ``x`` has another number of dimensions.

    Example:
        >>> import unifiedml as um
        >>> um.diag(um.tensor([1, 2])).tolist()
        [[1, 0], [0, 2]]
        >>> um.diag(um.tensor([[1, 2], [3, 4]]), k=1).tolist()
        [2]
    """
    x = as_tensor(_GRID, x)
    offset = operator.index(k)
    if x.ndim == 2:
        rows, columns = x.shape
        offset = min(max(offset, -rows), columns)
        first = np.arange(max(0, -offset), rows)
        first = first[: max(0, columns - max(0, offset))]
        return take(reshape(x, (rows * columns,)), first * columns + first + offset)
    if x.ndim != 1:
        raise ValueError(f"diag takes a vector or a matrix, not shape {x.shape}")
    (side, _) = as_shape((x.size + abs(offset),) * 2)
    zeros = from_array(np.zeros((side, side), x.dtype.numpy), x._backend, x.device)
    first = np.arange(x.size)
    return zeros.at[first + max(0, -offset), first + max(0, offset)].set(x)
