"""Batches on their way to a model, small ones several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, rebuild
from unifiedml.ops.repetition import split
from unifiedml.train._data import Batch, Data, IterableData

__all__ = ["loaded"]


def loaded(
    data: Data, batch_size: int, epoch: int | None, convert: Callable[[Batch], Batch]
) -> Iterator[tuple[Batch, Batch]]:
    """Yield batches as they were given, and what they are converted to.

    Args:
        data: What is cut into batches.
        batch_size: How many examples a batch has; iterables know better.
        epoch: The number that shuffles the examples, or None.
        convert: Makes tensors of arrays, row by row: it may be given several batches
            at once.
    """
    if isinstance(data, IterableData):
        for batch in data.batches():
            yield batch, convert(batch)
        return
    for index, count in data.places(batch_size, epoch):
        rows = data.rows(index)
        yield from zip(
            _batches(rows, count), _batches(convert(rows), count), strict=True
        )


def _batches(rows: Batch, count: int) -> Iterator[Batch]:
    return map(Batch, *(_cut(part, count) for part in rows))


def _cut(tree: Any, count: int) -> list[Any]:
    """Return ``count`` equal parts of a tree of arrays, along their first axis."""
    if tree is None or count == 1:
        return [tree] * count
    if isinstance(tree, np.ndarray):
        plain = np.asarray(tree)  # a matrix has two dimensions for ever
        return list(plain.reshape(count, len(plain) // count, *plain.shape[1:]))
    if isinstance(tree, Tensor):
        return list(split(tree, count))
    parts = (_cut(leaf, count) for leaf in leaves(tree))
    return [rebuild(tree, one) for one in zip(*parts, strict=True)]
