"""Indexing: integers and slices counted from the front, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def check_count(key: Sequence[Any], used: int, ndim: int) -> None:
    """Raise for a key that no tensor of ``ndim`` dimensions has.

    Args:
        key: The entries between the brackets.
        used: How many dimensions its entries take, without the ellipsis.
        ndim: How many the tensor has.

    Raises:
        IndexError: There are too many entries, or several ellipses.
    """
    if used > ndim:
        raise IndexError(f"too many indices: {used} for a tensor of {ndim} dimensions")
    if sum(entry is Ellipsis for entry in key) > 1:
        raise IndexError("an index can only have one ellipsis ('...')")


def place_of(index: int, axis: int, size: int) -> int:
    """Return an integer index counted from the front.

    Raises:
        IndexError: It is out of bounds.
    """
    if not -size <= index < size:
        raise IndexError(
            f"index {index} is out of bounds for axis {axis} with size {size}"
        )
    return index % size


def plain_slice(entry: slice, size: int) -> tuple[slice, int]:
    """Return a slice with non-negative bounds in range, and how many it takes.

    A stop of None means that a negative step goes on to the first element. An empty
    slice is ``0:0:1``.

    Raises:
        TypeError: A bound is not an integer.
        ValueError: The step is zero.
    """
    places = range(*entry.indices(size))
    count = len(places)
    if count < 2:
        start = places[0] if places else 0
        return slice(start, start + count, 1), count
    stop = places.stop if places.stop >= 0 else None
    return slice(places.start, stop, places.step), count
