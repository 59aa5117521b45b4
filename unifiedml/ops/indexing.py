"""Indexing: ``x[key]``, ``x[key] = value``, `take`, `nonzero`.

Keys are integers, slices of any step, ``...``, ``None``, boolean masks and integer
arrays, with NumPy's meaning. Slices and integers go to the backend as they are;
arrays become flat positions, so that one gather and one scatter serve every case.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unifiedml._dtypes import DTYPES
from unifiedml._rules.axes import normalize_axis
from unifiedml._rules.indexing import (
    check_integer,
    check_slice,
    expand_ellipsis,
    slice_length,
)
from unifiedml._rules.shapes import broadcast_shapes
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, Op, apply, as_strong, as_tensors, execute
from unifiedml.ops.creation import from_array
from unifiedml.ops.manipulation import broadcast_to, permute_dims, reshape
from unifiedml.ops.selection import where

__all__ = ["nonzero", "take"]


def _positions(x: Tensor, indices: Tensor, axis: int) -> None:
    size = x.shape[axis]
    values = indices.numpy()
    bad = values[(values < 0) | (values >= size)]
    if bad.size:
        # Negative indices have been counted from the front before.
        index = int(bad[0]) - (size if bad[0] < 0 else 0)
        raise IndexError(
            f"index {index} is out of bounds for axis {axis} with size {size}"
        )


def _places(x: Tensor, indices: Tensor, updates: Tensor) -> None:
    _positions(x, indices, 0)


_GETITEM = Op("getitem", ANY)
_NONZERO = Op("nonzero", ANY)
_SCATTER = Op("scatter", ANY, explain=_places)
_TAKE = Op("take", ANY, explain=_positions)


# --- public functions -----------------------------------------------------------------


def take(x: Operand, indices: Operand, /, *, axis: int | None = None) -> Tensor:
    """Return the slices of ``x`` at ``indices`` along ``axis``.

    Args:
        x: A tensor.
        indices: Integers of any shape; negative ones count from the end.
        axis: The dimension; may be left out if ``x`` is 1-d.

    Returns:
        A tensor with ``axis`` replaced by the shape of ``indices``.

    Raises:
        IndexError: An index is out of bounds.
        ValueError: ``axis`` is left out and ``x`` is not 1-d.

    Example:
        >>> import unifiedml as um
        >>> um.take(um.tensor([10, 20, 30]), um.tensor([2, -1, 0])).tolist()
        [30, 30, 10]
    """
    (x,) = as_tensors(_TAKE, x)
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take of shape {x.shape} needs an axis")
        axis = 0
    place = normalize_axis(axis, x.ndim)
    index = _index_tensor(indices, x)
    found = _take(x, _from_front(index, x.shape[place]), place)
    shape = x.shape
    return reshape(found, (*shape[:place], *index.shape, *shape[place + 1 :]))


def nonzero(x: Operand, /) -> tuple[Tensor, ...]:
    """Return the int64 indices of the elements that are not zero, one a dimension.

    Raises:
        ValueError: ``x`` is 0-d.

    Example:
        >>> import unifiedml as um
        >>> [x.tolist() for x in um.nonzero(um.tensor([0, 5, 0, 7]))]
        [[1, 3]]
    """
    (x,) = as_tensors(_NONZERO, x)
    if not x.ndim:
        raise ValueError("nonzero needs at least one dimension")
    return _nonzero(x)


def _nonzero(x: Tensor) -> tuple[Tensor, ...]:
    backend = x._backend
    natives = backend.ops.nonzero(x.astype(DTYPES["bool"])._native)
    return tuple(Tensor(native, backend) for native in natives)


def _take(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Gather along one axis; ``indices`` of any shape are flattened."""
    function = x._backend.ops.take
    return execute(_TAKE, function, (x, reshape(indices, (-1,))), (axis,))


def _index_tensor(indices: Any, x: Tensor) -> Tensor:
    index = as_strong("an index", indices, x._backend, x.device)
    if not isinstance(index, Tensor):
        index = from_array(np.asarray(index), x._backend, x.device)
    if not index.dtype.is_integer:
        raise IndexError(f"an index is an integer, not {index.dtype.name}")
    return index.astype(DTYPES["int64"])


def _from_front(index: Tensor, size: int) -> Tensor:
    return where(index < 0, index + size, index)


# --- x[key] -------------------------------------------------------------------------------


def getitem(x: Tensor, key: Any) -> Tensor:
    """Return ``x[key]``."""
    entries = _entries(x, key)
    if not any(isinstance(entry, Tensor) for entry in entries):
        return _basic(x, entries)
    return _advanced(x, entries)


def _entries(x: Tensor, key: Any) -> tuple[Any, ...]:
    """Return the entries of ``key``: int, slice, None, or a tensor (masks resolved)."""
    given = key if isinstance(key, tuple) else (key,)
    entries: list[Any] = []
    used = 0
    for entry in given:
        found = _entry(x, entry, used)
        entries += found
        used += sum(1 for one in found if one is not None and one is not Ellipsis)
    return expand_ellipsis(tuple(entries), used, x.ndim)


def _entry(x: Tensor, entry: Any, axis: int) -> list[Any]:
    if entry is None or entry is Ellipsis or isinstance(entry, slice):
        return [entry]
    if isinstance(entry, bool | np.bool_):
        raise TypeError(
            "True and False are no indices: use a boolean tensor as a mask, or 0 and 1"
        )
    if isinstance(entry, int | np.integer):
        return [int(entry)]
    if isinstance(entry, list | np.ndarray):
        array = np.asarray(entry)
        if array.size == 0 and isinstance(entry, list):
            array = array.astype(np.int64)
        if array.dtype.kind not in "iub":
            raise IndexError(f"an index is an integer or bool, not {array.dtype}")
        entry = from_array(array, x._backend, x.device)
    if not isinstance(entry, Tensor):
        raise IndexError(
            f"{entry!r} is no index: use integers, slices, '...', None, boolean masks "
            "or integer arrays"
        )
    if entry.dtype.kind == "bool":
        return _mask_indices(x, entry, axis)
    return [_index_tensor(entry, x)]


def _mask_indices(x: Tensor, mask: Tensor, axis: int) -> list[Any]:
    if not mask.ndim:
        # A 0-d mask adds a dimension of size 1 or 0, and takes none.
        raise IndexError("a mask needs at least one dimension beside other indices")
    covered = x.shape[axis : axis + mask.ndim]
    if covered != mask.shape:
        raise IndexError(
            f"a mask of shape {mask.shape} does not fit dimensions {covered} of a "
            f"tensor of shape {x.shape}"
        )
    return list(_nonzero(mask))


def _basic(x: Tensor, entries: tuple[Any, ...]) -> Tensor:
    shape = x.shape
    key: list[int | slice] = []
    result: list[int] = []
    for entry in entries:
        axis = len(key)
        if entry is None:
            result.append(1)
        elif isinstance(entry, slice):
            key.append(check_slice(entry, shape[axis]))
            result.append(slice_length(entry, shape[axis]))
        else:
            key.append(check_integer(entry, axis, shape[axis]))
    full = all(
        isinstance(entry, slice) and entry == slice(0, size, 1)
        for entry, size in zip(key, shape, strict=True)
    )
    picked = x if full else apply(_GETITEM, (x,), tuple(key))
    if None in entries:
        return reshape(picked, tuple(result))
    return Tensor(x._native, x._backend, x._node) if picked is x else picked


def _advanced(x: Tensor, entries: tuple[Any, ...]) -> Tensor:
    """Index with arrays: slices first, then one gather over their dimensions."""
    # An integer beside arrays is an array of that one index.
    mixed = [
        _index_tensor(entry, x) if isinstance(entry, int) else entry
        for entry in entries
    ]
    kept = [slice(None) if isinstance(one, Tensor) else one for one in mixed]
    x = _basic(x, tuple(kept))
    # Every entry is now one dimension of x.
    places = [place for place, one in enumerate(mixed) if isinstance(one, Tensor)]
    shape = x.shape
    arrays = [_from_front(mixed[place], shape[place]) for place in places]
    _check_bounds(arrays, [shape[place] for place in places], places)
    drawn = broadcast_shapes(*(array.shape for array in arrays))
    flat = _flat_index(arrays, [shape[place] for place in places], drawn)
    others = [place for place in range(len(shape)) if place not in places]
    adjacent = places == list(range(places[0], places[0] + len(places)))
    lead = [place for place in others if adjacent and place < places[0]]
    rest = [place for place in others if place not in lead]
    moved = permute_dims(x, (*lead, *places, *rest))
    count = math.prod(shape[place] for place in places)
    head = tuple(shape[place] for place in lead)
    tail = tuple(shape[place] for place in rest)
    joined = reshape(moved, (*head, count, *tail))
    return reshape(_take(joined, flat, len(lead)), (*head, *drawn, *tail))


def _check_bounds(arrays: list[Tensor], sizes: list[int], axes: list[int]) -> None:
    """Raise for an index out of bounds, which a flat position could hide."""
    for array, size, axis in zip(arrays, sizes, axes, strict=True):
        if array.device == "cpu":
            values = array.numpy()
            bad = values[(values < 0) | (values >= size)]
            if bad.size:
                index = int(bad[0]) - (size if bad[0] < 0 else 0)
                raise IndexError(
                    f"index {index} is out of bounds for axis {axis} with size {size}"
                )


def _flat_index(
    arrays: list[Tensor], sizes: list[int], shape: tuple[int, ...]
) -> Tensor:
    flat = arrays[0]
    for array, size in zip(arrays[1:], sizes[1:], strict=True):
        flat = flat * size + array
    return broadcast_to(flat, shape)


# --- x[key] = value --------------------------------------------------------------------------


def setitem(x: Tensor, key: Any, value: Any) -> Tensor:
    """Return ``x`` with ``value`` in the places ``key``, differentiable in both."""
    (new,) = as_tensors(Op("setitem", ANY), value, beside=(x,))
    if new.dtype is not x.dtype:
        _check_assignable(x, value, new)
        new = new.astype(x.dtype)
    mask = _whole_mask(x, key)
    if mask is not None and not new.ndim:
        return where(mask, new, x)
    shape = x.shape
    count = math.prod(shape)
    numbers = np.arange(count, dtype=np.int64).reshape(shape)
    places = getitem(from_array(numbers, x._backend, x.device), key)
    try:
        fits = broadcast_shapes(new.shape, places.shape) == places.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"cannot put a value of shape {new.shape} into places of shape "
            f"{places.shape}"
        )
    updates = reshape(broadcast_to(new, places.shape), (-1,))
    flat = apply(_SCATTER, (reshape(x, (-1,)), reshape(places, (-1,)), updates))
    return reshape(flat, shape)


def _check_assignable(x: Tensor, value: Any, new: Tensor) -> None:
    """Refuse a value whose kind the data type cannot hold: nothing is lost silently."""
    order = {"bool": 0, "signed": 1, "unsigned": 1, "float": 2, "complex": 3}
    weak = isinstance(value, bool | int | float | complex)
    if order[new.dtype.kind] > order[x.dtype.kind] or (
        new.dtype.kind == "bool" and x.dtype.kind != "bool"
    ):
        what = repr(value) if weak else f"values of {new.dtype.name}"
        raise TypeError(
            f"cannot put {what} into a tensor of {x.dtype.name}: convert one of them"
        )
    if weak and x.dtype.is_integer:
        from unifiedml.ops._dispatch import constant

        constant(value, x.dtype, x._backend, x.device)


def _whole_mask(x: Tensor, key: Any) -> Tensor | None:
    if isinstance(key, Tensor) and key.dtype.kind == "bool" and key.shape == x.shape:
        return key
    return None
