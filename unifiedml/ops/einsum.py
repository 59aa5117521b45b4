"""Sums of products in Einstein's notation: `einsum`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from unifiedml._rules.einsum import Labels, cheapest_pair, kept_labels, parse
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import NUMERIC, Op, as_tensors
from unifiedml.ops.linalg import matmul
from unifiedml.ops.manipulation import broadcast_to, permute_dims, reshape
from unifiedml.ops.reduction import sum

__all__ = ["einsum"]

_EINSUM = Op("einsum", NUMERIC)


def einsum(subscripts: str, /, *operands: Operand) -> Tensor:
    """Return the sum of products that ``subscripts`` describe.

    Each letter is a dimension; those that the result does not name are summed over. A
    letter twice in one operand takes its diagonal. ``...`` stands for any further
    dimensions, which broadcast. Without ``->``, the result has the dimensions of
    ``...`` and then the letters that occur once, sorted.

    Args:
        subscripts: Such as ``"ij,jk->ik"``.
        *operands: Numeric tensors; they are promoted. Several are multiplied pair by
            pair, each time the pair with the smallest product.

    Raises:
        ValueError: The subscripts are malformed or do not fit the shapes; a letter has
            two sizes, also if one is 1.

    Example:
        >>> import unifiedml as um
        >>> um.einsum("ij,jk", um.ones((2, 3)), um.ones((3, 4))).shape
        (2, 4)
        >>> um.einsum("ii->", um.tensor([[1, 2], [3, 4]])).item()
        5
    """
    if not isinstance(subscripts, str):
        raise TypeError(
            f"einsum takes subscripts such as 'ij,jk->ik' first, not "
            f"{type(subscripts).__name__}"
        )
    if not operands:
        raise ValueError("einsum needs at least one operand")
    tensors = as_tensors(_EINSUM, *operands)
    inputs, output, sizes = parse(subscripts, [x.shape for x in tensors])
    left = [_plain(*pair) for pair in zip(tensors, inputs, strict=True)]
    while len(left) > 1:
        names = [labels for _, labels in left]
        pair = cheapest_pair(names, output, sizes)
        (x, first), (y, second) = (left[place] for place in pair)
        kept = kept_labels(first, second, names, pair, output)
        left = [one for place, one in enumerate(left) if place not in pair]
        left.append(_product(x, first, y, second, kept))
    return _finished(*left[0], output, sizes)


def _plain(x: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """Return an operand with diagonals for repeated letters."""
    from unifiedml.ops.norms import diagonal

    for label in labels:
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            rest = [n for n in range(len(labels)) if n not in (first, second)]
            x = diagonal(permute_dims(x, (*rest, first, second)))
            labels = (*(labels[n] for n in rest), label)
    return x, labels


def _summed(x: Tensor, labels: Labels, kept: set[str]) -> tuple[Tensor, Labels]:
    """Return the sum over all labels but those that are kept."""
    axes = tuple(n for n, label in enumerate(labels) if label not in kept)
    if not axes:
        return x, labels
    total = sum(x, axis=axes, dtype=x.dtype)
    return total, tuple(label for label in labels if label in kept)


def _product(
    x: Tensor, first: Labels, y: Tensor, second: Labels, kept: set[str]
) -> tuple[Tensor, Labels]:
    """Return the product of two operands as that of two stacks of matrices."""
    x, first = _summed(x, first, kept | set(second))
    y, second = _summed(y, second, kept | set(first))
    shared = [label for label in first if label in second]
    batch = [label for label in shared if label in kept]
    inner = [label for label in shared if label not in kept]
    rows = [label for label in first if label not in second]
    columns = [label for label in second if label not in first]
    sizes = _joint(x, first, y, second)
    left = _arranged(x, first, (batch, rows, inner), sizes)
    right = _arranged(y, second, (batch, inner, columns), sizes)
    labels = (*batch, *rows, *columns)
    return reshape(matmul(left, right), tuple(sizes[one] for one in labels)), labels


def _joint(x: Tensor, first: Labels, y: Tensor, second: Labels) -> dict[str, int]:
    """Return the sizes of all labels; 1 gives way, in dimensions of an ellipsis."""
    sizes = dict(zip(first, x.shape, strict=True))
    for label, size in zip(second, y.shape, strict=True):
        if sizes.get(label, 1) == 1:
            sizes[label] = size
    return sizes


def _arranged(
    x: Tensor,
    labels: Labels,
    groups: Sequence[Sequence[str]],
    sizes: Mapping[str, int],
) -> Tensor:
    """Return an operand with each group of labels as one dimension, in this order."""
    order = [label for group in groups for label in group]
    moved = permute_dims(x, [labels.index(label) for label in order])
    full = broadcast_to(moved, tuple(sizes[label] for label in order))
    return reshape(full, tuple(math.prod(sizes[one] for one in g) for g in groups))


def _finished(
    x: Tensor, labels: Labels, output: Labels, sizes: Mapping[str, int]
) -> Tensor:
    x, labels = _summed(x, labels, set(output))
    moved = permute_dims(x, [labels.index(label) for label in output])
    return broadcast_to(moved, tuple(sizes[label] for label in output))
