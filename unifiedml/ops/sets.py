"""Sets: the unique elements of a tensor, and membership.

All by one stable sort. As in the Array API standard NaNs are all different, for they
do not equal each other, and -0.0 and 0.0 are the same.
"""

from __future__ import annotations

from typing import NamedTuple

from unifiedml._dtypes import DTYPES
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, Op, apply, as_tensors
from unifiedml.ops._keys import find
from unifiedml.ops._order import places_like
from unifiedml.ops.indexing import take
from unifiedml.ops.manipulation import concat, reshape
from unifiedml.ops.parts import imag, real
from unifiedml.ops.scan import cumulative_sum
from unifiedml.ops.selection import clip
from unifiedml.ops.sorting import argsort, searchsorted, sort

__all__ = [
    "isin",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]

_SCATTER = Op("scatter", ANY)
_UNIQUE = Op("unique", ANY)


class UniqueAll(NamedTuple):
    """What `unique_all` returns.

    Attributes:
        values: The unique elements, sorted.
        indices: Where each occurs first in the flattened tensor.
        inverse_indices: For each element of the tensor, which of ``values`` it is.
        counts: How often each occurs.

    Example:
        >>> import unifiedml as um
        >>> um.unique_all(um.tensor([2, 1, 2])).counts.tolist()
        [1, 2]
    """

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns: as `UniqueAll`.

    Example:
        >>> import unifiedml as um
        >>> um.unique_counts(um.tensor([2, 1, 2])).counts.tolist()
        [1, 2]
    """

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns: as `UniqueAll`.

    Example:
        >>> import unifiedml as um
        >>> um.unique_inverse(um.tensor([2, 1, 2])).inverse_indices.tolist()
        [1, 0, 1]
    """

    values: Tensor
    inverse_indices: Tensor


class _Runs:
    """The runs of equal elements of a sorted tensor."""

    def __init__(self, x: Operand) -> None:
        (self._whole,) = as_tensors(_UNIQUE, x)
        self._flat = reshape(self._whole, (-1,))
        self._size = self._flat.size
        self._order = _order(self._flat)
        ordered = take(self._flat, self._order)
        later = ordered[1:] != ordered[:-1]
        self._is_first = concat([places_like(later, min(self._size, 1)) == 0, later])
        (self._starts,) = find(self._is_first)

    def indices(self) -> Tensor:
        return take(self._order, self._starts)

    def values(self) -> Tensor:
        return take(self._flat, self.indices())

    def counts(self) -> Tensor:
        ends = places_like(self._starts, self._size + 1)[self._size :]
        return concat([self._starts[1:], ends])[: self._starts.size] - self._starts

    def inverse_indices(self) -> Tensor:
        number = cumulative_sum(self._is_first) - 1
        found = apply(_SCATTER, (self._order, self._order, number))
        return reshape(found, self._whole.shape)


def _order(x: Tensor) -> Tensor:
    """Return what sorts ``x``, complex numbers by their real part first."""
    if x.dtype.kind != "complex":
        return argsort(x)
    by_imag = argsort(imag(x))
    return take(by_imag, argsort(take(real(x), by_imag)))


def unique_all(x: Operand, /) -> UniqueAll:
    """Return the unique elements, where they are, and how often.

    Args:
        x: A tensor of any data type; more dimensions than one are flattened.

    Returns:
        Its fields ``values``, ``indices``, ``inverse_indices``, ``counts``: see
        `UniqueAll`.

    Example:
        >>> import unifiedml as um
        >>> found = um.unique_all(um.tensor([3, 1, 3]))
        >>> [field.tolist() for field in found]
        [[1, 3], [1, 0], [1, 0, 1], [1, 2]]
    """
    runs = _Runs(x)
    return UniqueAll(
        runs.values(), runs.indices(), runs.inverse_indices(), runs.counts()
    )


def unique_counts(x: Operand, /) -> UniqueCounts:
    """Return the unique elements, sorted, and how often each occurs.

    Example:
        >>> import unifiedml as um
        >>> [field.tolist() for field in um.unique_counts(um.tensor([3, 1, 3]))]
        [[1, 3], [1, 2]]
    """
    runs = _Runs(x)
    return UniqueCounts(runs.values(), runs.counts())


def unique_inverse(x: Operand, /) -> UniqueInverse:
    """Return the unique elements, sorted, and which of them each element is.

    Example:
        >>> import unifiedml as um
        >>> [field.tolist() for field in um.unique_inverse(um.tensor([3, 1, 3]))]
        [[1, 3], [1, 0, 1]]
    """
    runs = _Runs(x)
    return UniqueInverse(runs.values(), runs.inverse_indices())


def unique_values(x: Operand, /) -> Tensor:
    """Return the unique elements, sorted.

    Example:
        >>> import unifiedml as um
        >>> um.unique_values(um.tensor([3, 1, 3])).tolist()
        [1, 3]
    """
    return _Runs(x).values()


def isin(x1: Operand, x2: Operand, /, *, invert: bool = False) -> Tensor:
    """Tell for each element of ``x1`` whether it equals an element of ``x2``.

    Args:
        x1: A tensor or a number.
        x2: A tensor of any shape, or a number.
        invert: Tell whether it equals none.

    Returns:
        Bools of the shape of ``x1``.

    Example:
        >>> import unifiedml as um
        >>> um.isin(um.tensor([1, 2, 3]), um.tensor([3, 1])).tolist()
        [True, False, True]
    """
    x1, x2 = as_tensors(Op("isin", ANY), x1, x2)
    found = _contained(reshape(x1, (-1,)), reshape(x2, (-1,)))
    return reshape(~found if invert else found, x1.shape)


def _contained(x: Tensor, members: Tensor) -> Tensor:
    if not members.size:
        return (places_like(x, x.size) < 0).astype(DTYPES["bool"])
    if x.dtype.kind == "complex":
        # Numbers of the unique elements stand for the elements.
        numbers = unique_inverse(concat([x, members])).inverse_indices
        return _contained(numbers[: x.size], numbers[x.size :])
    members = sort(members)
    nearest = clip(searchsorted(members, x), 0, members.size - 1)
    return take(members, nearest) == x
