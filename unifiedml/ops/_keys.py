"""Keys: what stands between the brackets, taken apart.

Whatever a key holds, it selects in two steps: slices and integers first, then arrays
of places along some of the dimensions that are left. Keys of Python's and NumPy's
numbers are worked out here and now, those of tensors by the tensors' backend.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unifiedml._backend.errors import TracedValueError
from unifiedml._dtypes import DTYPES
from unifiedml._rules.indexing import check_count, place_of, plain_slice
from unifiedml._rules.shapes import MAX_DIMS, Shape, broadcast_shapes, check_rank
from unifiedml._tensor import Tensor
from unifiedml.ops import _numbers
from unifiedml.ops.conversion import holds_tensors, stacked
from unifiedml.ops.selection import where

__all__ = [
    "Indices",
    "Places",
    "Selection",
    "element",
    "find",
    "places_along",
    "select",
]

Indices = Tensor | npt.NDArray[Any]

_SEQUENCES = (list, tuple, range, np.ndarray)


class Places(NamedTuple):
    """int64 indices, counted from the front, along one dimension.

    Attributes:
        dim: The dimension, among those that slices and integers leave.
        axis: The dimension of the tensor, for messages.
        size: Its size.
        indices: Where; if this is an array, all of them are in bounds.
    """

    dim: int
    axis: int
    size: int
    indices: Indices


class Selection(NamedTuple):
    """What a key selects of a tensor.

    Attributes:
        key: For each of the first dimensions an integer or a slice, as the backend's
            ``getitem`` takes them; empty if it selects everything.
        left: The shape that these leave.
        shape: The same with new dimensions of size 1.
        places: The arrays, by dimension of ``shape``.
        drawn: The shape that they broadcast to.
        lead: How many dimensions of the result come before those of the arrays.
    """

    key: tuple[int | slice, ...]
    left: Shape
    shape: Shape
    places: tuple[Places, ...] = ()
    drawn: Shape = ()
    lead: int = 0

    @property
    def result(self) -> Shape:
        """The shape of what is selected."""
        if not self.places:
            return self.shape
        taken = {one.dim for one in self.places}
        rest = [n for dim, n in enumerate(self.shape) if dim not in taken]
        return (*rest[: self.lead], *self.drawn, *rest[self.lead :])

    def checked(self) -> Selection:
        """Return this, whose shapes have no more dimensions than tensors may have."""
        check_rank(self.shape)
        check_rank(self.result)
        return self


def select(x: Tensor, key: Any) -> Selection:
    """Return what ``key`` selects of ``x``.

    Raises:
        IndexError: An index is out of bounds, a mask has the wrong shape, there are
            too many indices, or something is none.
        ValueError: The result has too many dimensions.
        TypeError: An index is True or False, or a bound of a slice is no integer.
    """
    entries = [_entry(one) for one in (key if isinstance(key, tuple) else (key,))]
    sizes = check_rank(x.shape)
    used = sum(_width(one) for one in entries)
    check_count(entries, used, len(sizes))
    reader = _Reader(sizes)
    leads = [reader.read(entry, len(sizes) - used) for entry in entries]
    return reader.selection(_lead(leads)).checked()


def element(x: Tensor, key: Any) -> int | None:
    """Return the place of the one element that ``key`` names, in last-axis-first order.

    None if `select` has to look: all keys but those of more integers than tensors
    have dimensions, which only `reshape` gives them.

    Raises:
        IndexError: An index is out of bounds.
    """
    if not isinstance(key, tuple) or len(key) <= MAX_DIMS or len(key) != x.ndim:
        return None
    entries = [_entry(one) for one in key]
    if not all(isinstance(one, int) for one in entries):
        return None
    place = 0
    for axis, (one, size) in enumerate(zip(entries, x.shape, strict=True)):
        place = place * size + place_of(one, axis, size)
    return place


def _lead(leads: list[int | None]) -> int:
    """Return how many dimensions stay in front of those that arrays bring.

    Args:
        leads: How many dimensions each integer and array finds in front; None for
            other entries. If one of those stands between, the arrays' dimensions
            come first.
    """
    chosen = [number for number, lead in enumerate(leads) if lead is not None]
    if not chosen or chosen[-1] - chosen[0] >= len(chosen):
        return 0
    return leads[chosen[0]] or 0


class _Reader:
    """Reads the entries of a key from left to right."""

    def __init__(self, sizes: Shape) -> None:
        self._sizes = sizes
        self._key: list[int | slice] = []
        self._left: list[int] = []
        self._shape: list[int] = []
        self._places: list[Places] = []

    def read(self, entry: Any, spare: int) -> int | None:
        """Return how many dimensions an integer or array finds in front of it."""
        axis, lead = len(self._key), len(self._shape)
        if isinstance(entry, slice):
            self._keep(*plain_slice(entry, self._sizes[axis]))
        elif entry is None:
            self._shape.append(1)
        elif entry is Ellipsis:
            for size in self._sizes[axis : axis + spare]:
                self._keep(slice(0, size, 1), size)
        elif isinstance(entry, int):
            self._key.append(place_of(entry, axis, self._sizes[axis]))
            return lead
        else:
            self._take(entry)
            return lead
        return None

    def _keep(self, entry: slice, count: int) -> None:
        self._key.append(entry)
        self._left.append(count)
        self._shape.append(count)

    def _take(self, entry: Indices) -> None:
        for indices in _indices(entry, self._sizes, len(self._key)):
            dim, axis = len(self._shape), len(self._key)
            if _width(entry):
                size = self._sizes[axis]
                self._keep(slice(0, size, 1), size)
            else:
                # A 0-d mask is an index into a new dimension.
                size = 1
                self._shape.append(size)
            self._places.append(Places(dim, axis, size, indices))

    def selection(self, lead: int) -> Selection:
        """Return what has been read, what is not named being kept as it is."""
        rest = self._sizes[len(self._key) :]
        key = self._key
        while key and key[-1] == slice(0, self._sizes[len(key) - 1], 1):
            key.pop()
        return Selection(
            key=tuple(key),
            left=(*self._left, *rest),
            shape=(*self._shape, *rest),
            places=tuple(self._places),
            drawn=_drawn(self._places) if self._places else (),
            lead=lead,
        )


def _drawn(places: list[Places]) -> Shape:
    try:
        return broadcast_shapes(*(one.indices.shape for one in places))
    except ValueError as error:
        raise IndexError(f"the index arrays do not fit together: {error}") from None


# --- one entry ----------------------------------------------------------------------


def _entry(entry: Any) -> Any:
    """Return an int, slice, None, ellipsis, or an array or tensor of int or bool."""
    if type(entry) is int:
        return entry
    if entry is None or entry is Ellipsis or isinstance(entry, slice):
        return entry
    if isinstance(entry, bool | np.bool_):
        raise TypeError(
            "True and False are no indices: use a boolean tensor as a mask, or 0 and 1"
        )
    if isinstance(entry, _SEQUENCES):
        entry = _array(entry)
    if isinstance(entry, Tensor | np.ndarray):
        if entry.dtype.kind not in ("bool", "signed", "unsigned", *"biu"):
            raise IndexError(f"an index is an integer or bool, not {entry.dtype.name}")
        plain = isinstance(entry, np.ndarray) and not entry.ndim and not _is_mask(entry)
        return int(entry) if plain else entry
    try:
        return operator.index(entry)
    except TypeError:
        raise IndexError(
            f"{entry!r} is no index: use integers, slices, '...', None, boolean masks "
            "or integer arrays"
        ) from None


def _array(entry: Any) -> Indices:
    if isinstance(entry, np.ndarray):
        return entry
    if holds_tensors(entry):
        return stacked(entry)
    array = _numbers.array(entry, None, np.asarray)
    return array if array.size else array.astype(np.int64)


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, Tensor | np.ndarray) and entry.dtype.name == "bool"


def _width(entry: Any) -> int:
    """Return how many dimensions an entry takes."""
    if isinstance(entry, int | slice):
        return 1
    if entry is None or entry is Ellipsis:
        return 0
    return entry.ndim if _is_mask(entry) else 1


def _indices(entry: Indices, sizes: Shape, axis: int) -> Iterator[Indices]:
    """Yield the places of an array of integers, or for each dimension of a mask."""
    if not _is_mask(entry):
        yield places_along(entry, axis, sizes[axis])
        return
    covered = sizes[axis : axis + entry.ndim]
    # The standard lets a mask have sizes of 0, which select nothing.
    fits = all(n in (0, size) for n, size in zip(entry.shape, covered, strict=True))
    if not fits:
        raise IndexError(
            f"a mask of shape {entry.shape} does not fit dimensions {covered} of a "
            f"tensor of shape {sizes}"
        )
    mask = entry if entry.ndim else entry.reshape(1)
    yield from find(mask) if isinstance(mask, Tensor) else np.nonzero(mask)


def places_along(entry: Indices, axis: int, size: int) -> Indices:
    """Return integer indices counted from the front; of an array, checked."""
    if isinstance(entry, Tensor):
        index = entry.astype(DTYPES["int64"], copy=False)
        signed = entry.dtype.kind == "signed"
        return where(index < 0, index + size, index) if signed else index
    beyond = entry[(entry < -size) | (entry >= size)]
    if beyond.size:
        place_of(int(beyond[0]), axis, size)
    return np.where(entry < 0, entry + size, entry).astype(np.int64)


def find(x: Tensor) -> tuple[Tensor, ...]:
    """Return the int64 indices of what is true or not zero, one a dimension."""
    backend = x._backend
    check_rank(x.shape)
    if backend.ops.is_traced(x._native):
        raise TracedValueError("the size of a result")
    natives = backend.ops.nonzero(x.astype(DTYPES["bool"], copy=False)._native)
    return tuple(Tensor(native, backend) for native in natives)
