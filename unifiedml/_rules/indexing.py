"""Indexing: what stands between the brackets, brought to a few plain forms."""

from __future__ import annotations

import operator
from typing import Any

Shape = tuple[int, ...]


def expand_ellipsis(key: tuple[Any, ...], used: int, ndim: int) -> tuple[Any, ...]:
    """Return ``key`` with its ellipsis written out, and full slices at the end.

    Args:
        key: The entries between the brackets.
        used: How many dimensions its entries take, without the ellipsis.
        ndim: How many the tensor has.

    Raises:
        IndexError: There are too many entries, or several ellipses.
    """
    if used > ndim:
        raise IndexError(
            f"too many indices: {used} for a tensor of {ndim} dimensions"
        )
    places = [place for place, entry in enumerate(key) if entry is Ellipsis]
    if len(places) > 1:
        raise IndexError("an index can only have one ellipsis ('...')")
    place = places[0] if places else len(key)
    fill = (slice(None),) * (ndim - used)
    return key[:place] + fill + key[place + 1 :]


def check_integer(index: Any, axis: int, size: int) -> int:
    """Return an integer index counted from the front.

    Raises:
        IndexError: It is out of bounds.
    """
    place = operator.index(index)
    if not -size <= place < size:
        raise IndexError(
            f"index {place} is out of bounds for axis {axis} with size {size}"
        )
    return place % size


def check_slice(entry: slice, size: int) -> slice:
    """Return a slice with plain bounds; ``stop`` is None for "to the front's end".

    Raises:
        TypeError: A bound is not an integer.
        ValueError: The step is zero.
    """
    start, stop, step = entry.indices(size)
    if step < 0 and stop < 0:
        return slice(start, None, step)
    return slice(start, stop, step)


def slice_length(entry: slice, size: int) -> int:
    """Return how many elements a slice takes of ``size``."""
    return len(range(*entry.indices(size)))
