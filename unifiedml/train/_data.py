"""Data for training: arrays cut into batches, and iterables of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from unifiedml import random
from unifiedml._backend.registry import LoadedBackend
from unifiedml._dtypes import DType
from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, map_tree
from unifiedml.ops.conversion import from_array
from unifiedml.ops.indexing import take

__all__ = ["ArrayData", "Batch", "Data", "IterableData", "as_data", "rows_of"]

Index = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """What one step is given; ``y`` and ``weight`` may be None."""

    x: Any
    y: Any
    weight: Any


def is_array(value: Any) -> bool:
    """Tell whether ``value`` holds examples along its first axis."""
    return isinstance(value, Tensor | np.ndarray)


def _length(name: str, tree: Any) -> int:
    lengths = set()
    for leaf in leaves(tree):
        if not leaf.ndim:
            raise ValueError(f"{name} is 0-d: it has no axis that counts the examples")
        lengths.add(int(leaf.shape[0]))
    if len(lengths) != 1:
        raise ValueError(f"the arrays of {name} have unequal lengths {sorted(lengths)}")
    return lengths.pop()


def rows_of(tree: Any, index: Index | slice) -> Any:
    def pick(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) or isinstance(index, slice):
            return leaf[index]
        return take(leaf, index, axis=0)

    return map_tree(pick, tree)


def _bytes(leaf: Any) -> int:
    if isinstance(leaf, Tensor):
        return leaf.size * leaf.dtype.numpy.itemsize
    return int(leaf.nbytes)


_TOGETHER: Final = 2**17
"""Batches of so many bytes are drawn at once: more would drive a model's own numbers
out of the cache."""

_MOST_TOGETHER: Final = 64


@dataclass(frozen=True)
class ArrayData:
    """Examples along the first axis of arrays.

    Attributes:
        x: Inputs.
        y: Targets, or None.
        weight: A factor for each example, or None.
        length: How many examples there are.
    """

    x: Any
    y: Any
    weight: Any
    length: int

    def places(
        self, batch_size: int, epoch: int | None
    ) -> Iterator[tuple[Index | slice, int]]:
        """Yield where examples are, and how many batches these make.

        Several batches where they are small; the last, perhaps smaller, is by itself.

        Args:
            batch_size: How many examples a batch has.
            epoch: Shuffles the examples, in an order that depends on the seed and this
                number alone; None leaves them in their own.
        """
        order: Index | None = None
        if epoch is not None:
            order = shuffled(self.length, epoch)
        most = self._together(batch_size)
        start = 0
        while start < self.length:
            count = max(1, min(most, (self.length - start) // batch_size))
            here = slice(start, start + count * batch_size)
            yield here if order is None else order[here], count
            start = here.stop

    def _together(self, batch_size: int) -> int:
        """Return how many batches are drawn at once."""
        total = sum(_bytes(leaf) for leaf in leaves([self.x, self.y, self.weight]))
        one = max(1, total * batch_size // self.length)
        return min(max(1, _TOGETHER // one), _MOST_TOGETHER)

    def rows(self, index: Index | slice) -> Batch:
        """Return the examples of some places."""
        parts = (self.x, self.y, self.weight)
        return Batch(*(rows_of(part, index) for part in parts))

    def split(self, fraction: float) -> tuple[ArrayData, ArrayData]:
        """Return the first examples, and the last ``fraction`` of them.

        Raises:
            ValueError: One part would be empty.
        """
        first = int(self.length * (1.0 - fraction))
        if not 0 < first < self.length:
            raise ValueError(
                f"validation_split={fraction} of {self.length} examples leaves "
                "nothing to train on, or nothing to validate"
            )
        return self._part(slice(0, first)), self._part(slice(first, self.length))

    def _part(self, places: slice) -> ArrayData:
        x, y, weight = (rows_of(one, places) for one in (self.x, self.y, self.weight))
        return ArrayData(x, y, weight, places.stop - places.start)

    def count(self, batch_size: int) -> int | None:
        """Return how many batches there are."""
        return -(-self.length // batch_size)


@dataclass(frozen=True)
class IterableData:
    """Batches that something else makes, anew for each epoch.

    Attributes:
        source: Yields ``x``, ``(x, y)`` or ``(x, y, weight)``.
    """

    source: Iterable[Any]

    def batches(self) -> Iterator[Batch]:
        """Yield the batches as they come."""
        empty = True
        for item in self.source:
            empty = False
            yield as_batch(item)
        if empty:
            raise ValueError(
                "the iterable has no batches (left): fit needs a list, or an object "
                "that starts anew for each epoch, not a generator that is used up"
            )

    def count(self, batch_size: int) -> int | None:
        """Return how many batches there are, if the source can tell."""
        return len(self.source) if isinstance(self.source, Sized) else None


Data = ArrayData | IterableData


def shuffled(length: int, epoch: int) -> Index:
    """Return the order of the examples in an epoch."""
    seed, _ = random.get_state()
    order = random.permutation(length, key=random.key(seed, "shuffle"), draw=epoch)
    index: Index = order.numpy()
    return index


def as_batch(item: Any) -> Batch:
    """Return what an iterable has yielded as a batch.

    Raises:
        ValueError: It is not ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.
    """
    item = as_arrays(item)
    parts = item if isinstance(item, list | tuple) else (item,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            "an iterable yields x, (x, y) or (x, y, sample_weight), not "
            f"{len(parts)} items"
        )
    return Batch(*parts, *[None] * (3 - len(parts)))


def as_data(x: Any, y: Any = None, weight: Any = None) -> Data:
    """Return ``x``, ``y`` and weights as data.

    Raises:
        TypeError: ``x`` is neither arrays nor an iterable of batches, or ``y`` is
            given with an iterable.
        ValueError: Lengths differ, or there are no examples.
    """
    given = as_arrays(x)
    if _is_tree_of_arrays(given):
        return _array_data(given, as_arrays(y), as_arrays(weight))
    if isinstance(x, Mapping | str | bytes) or not isinstance(x, Iterable):
        raise TypeError(
            "data is arrays with the examples along the first axis, or an iterable of "
            f"batches, not {type(x).__name__}"
        )
    if y is not None or weight is not None:
        raise TypeError(
            "an iterable yields batches (x, y) or (x, y, sample_weight): y and "
            "sample_weight cannot be given beside it"
        )
    if isinstance(x, list | tuple) and not x:
        raise ValueError("there are no examples: x is empty")
    return IterableData(x)


def as_arrays(value: Any) -> Any:
    """Return lists of numbers and other libraries' arrays as NumPy arrays.

    Tensors, NumPy arrays and what holds no numbers stay as they are; dicts, lists and
    tuples of arrays stay dicts, lists and tuples.
    """
    if isinstance(value, Tensor | np.ndarray):
        return value
    if isinstance(value, Mapping):
        return {key: as_arrays(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        if _is_numbers(value):
            return np.asarray(value)
        arrays = [as_arrays(one) for one in value]
        return arrays if isinstance(value, list) else tuple(arrays)
    return np.asarray(value) if hasattr(value, "__array__") else value


def _is_numbers(value: Any) -> bool:
    """Tell whether nested lists hold numbers; a tuple of lists is a batch, no array."""
    if isinstance(value, tuple):
        return bool(value) and all(_is_number(one) for one in value)
    if isinstance(value, list):
        return bool(value) and _is_numbers(value[0])
    return _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | complex | np.generic)


def _is_tree_of_arrays(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return bool(value) and all(is_array(one) for one in value)
    return is_array(value)


def _array_data(x: Any, y: Any, weight: Any) -> ArrayData:
    length = _length("x", x)
    for name, tree in (("y", y), ("sample_weight", weight)):
        if tree is None:
            continue
        if not leaves(tree) or not all(is_array(leaf) for leaf in leaves(tree)):
            raise TypeError(f"{name} is an array beside arrays x, not {tree!r}")
        other = _length(name, tree)
        if other != length:
            raise ValueError(
                f"x has {length} examples and {name} has {other}: the lengths along "
                "the first axis must be equal"
            )
    if not length:
        raise ValueError("there are no examples: x is empty along its first axis")
    return ArrayData(x, y, weight, length)


def to_tensors(
    tree: Any, backend: LoadedBackend, device: str, dtype: DType | None
) -> Any:
    """Return a batch as tensors; those that are tensors stay as they are.

    Args:
        tree: NumPy arrays, numbers and tensors.
        backend: Where to put arrays.
        device: Where to put arrays.
        dtype: Convert floating-point arrays to this.
    """

    def convert(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return leaf
        array = np.asarray(leaf)
        if dtype is not None and array.dtype.kind == "f":
            array = array.astype(dtype.numpy, copy=False)
        return from_array(array, backend, device)

    return map_tree(convert, tree)
