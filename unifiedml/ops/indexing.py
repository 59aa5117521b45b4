"""Indexing: ``x[key]``, ``x[key] = value``, `take`, `nonzero`.

Keys are integers, slices of any step, ``...``, ``None``, boolean masks and integer
arrays, with NumPy's meaning. Slices and integers go to the backend as they are; arrays
become flat positions along one dimension, so that one gather and one scatter serve
every case.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from unifiedml._backend.errors import BackendError
from unifiedml._dtypes import DTYPES, DType
from unifiedml._rules.axes import normalize_axis
from unifiedml._rules.indexing import place_of
from unifiedml._rules.promotion import DEFAULTS
from unifiedml._rules.shapes import Shape, broadcast_shapes
from unifiedml._tensor import Operand, Tensor
from unifiedml._tracing import tracing
from unifiedml.ops._dispatch import (
    ANY,
    Op,
    apply,
    as_strong,
    as_tensor,
    as_tensors,
    common_backend,
    constant,
    execute,
    unary,
)
from unifiedml.ops._keys import (
    Indices,
    Places,
    Selection,
    element,
    find,
    places_along,
    select,
)
from unifiedml.ops._known import is_known, known_values
from unifiedml.ops.conversion import from_array
from unifiedml.ops.manipulation import broadcast_to, permute_dims, reshape
from unifiedml.ops.selection import where

__all__ = ["nonzero", "put_along_axis", "take", "take_along_axis"]

_GETITEM = Op("getitem", ANY)
_NONZERO = Op("nonzero", ANY)
_SCATTER = Op("scatter", ANY)
_SETITEM = Op("setitem", ANY)
_TAKE = Op("take", ANY)

_RANK = {"bool": 0, "signed": 1, "unsigned": 1, "float": 2, "complex": 3}


def take(x: Operand, indices: Operand, /, *, axis: int | None = None) -> Tensor:
    """Return the slices of ``x`` at ``indices`` along ``axis``.

    Args:
        x: A tensor.
        indices: Integers of any shape; negative ones count from the end.
        axis: The dimension; may be left out if ``x`` is 1-d.

    Returns:
        A tensor with ``axis`` replaced by the shape of ``indices``.

    Raises:
        IndexError: An index is out of bounds, or no integer.
        ValueError: ``axis`` is left out and ``x`` is not 1-d.

    Example:
        >>> import unifiedml as um
        >>> um.take(um.tensor([10, 20, 30]), um.tensor([2, -1, 0])).tolist()
        [30, 30, 10]
    """
    rows = _direct(x, indices, axis)
    if rows is not None:
        return rows
    (x,) = as_tensors(_TAKE, x, beside=(indices,))
    if axis is None and x.ndim != 1:
        raise ValueError(f"take of shape {x.shape} needs an axis")
    place = normalize_axis(0 if axis is None else axis, x.ndim)
    index = _integers(indices)
    places = places_along(index, place, x.shape[place])
    along = Places(place, place, x.shape[place], places)
    found = Selection((), x.shape, x.shape, (along,), places.shape, place)
    found.checked()
    return _gathered(x, found)


def _direct(x: Operand, indices: Operand, axis: int | None) -> Tensor | None:
    """Return rows at int64 indices, where the kernel can be trusted to check them.

    None where it cannot, or has raised: somebody has to look.
    """
    if not isinstance(x, Tensor) or not isinstance(indices, Tensor):
        return None
    backend, shape = x._backend, x.shape
    if (
        indices._backend is not backend
        or backend.level
        or backend.ops.devices() != ("cpu",)
        or tracing.get() is not None
        or type(axis) is not int
        or not 0 <= axis < len(shape)
        or 0 in shape
        or indices.ndim != 1
        or indices.dtype.name != "int64"
    ):
        return None
    try:
        return execute(_TAKE, backend.ops.take, (x, indices), (axis,))
    except BackendError:
        return None


def take_along_axis(x: Operand, indices: Operand, /, *, axis: int = -1) -> Tensor:
    """Return elements of ``x`` along ``axis``, other ones for each place beside it.

    Args:
        x: A tensor.
        indices: Integers with as many dimensions; they broadcast with ``x``, but along
            ``axis``. Negative ones count from the end.
        axis: The dimension.

    Returns:
        A tensor of the broadcast shape. Gradients of elements that are taken several
        times are added up.

    Raises:
        IndexError: An index is out of bounds, or no integer.
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([[10, 30, 20], [60, 40, 50]])
        >>> um.take_along_axis(x, um.tensor([[1], [0]])).tolist()
        [[30], [60]]
    """
    (x,) = as_tensors(_TAKE, x, beside=(indices,))
    index = _integers(indices)
    place = normalize_axis(axis, x.ndim)
    around = _around(x.shape, index.shape, place)
    x = broadcast_to(x, (*around[:place], x.shape[place], *around[place:]))
    return getitem(x, _along(x.shape, index, place, around))


def put_along_axis(
    x: Operand, indices: Operand, values: Operand, /, *, axis: int
) -> Tensor:
    """Return ``x`` with elements along ``axis`` replaced; see `take_along_axis`.

    Unlike NumPy's, it leaves ``x`` as it is. If an index stands twice, one of its
    values wins, and which is unspecified.

    Args:
        x: A tensor.
        indices: Where to put something, as `take_along_axis` takes them; they broadcast
            to ``x``, but along ``axis``.
        values: What, broadcast to the shape of ``indices``.
        axis: The dimension.

    Raises:
        IndexError: An index is out of bounds, or no integer.
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([[10, 30, 20], [60, 40, 50]])
        >>> um.put_along_axis(x, um.tensor([[1], [0]]), 99, axis=1).tolist()
        [[10, 99, 20], [99, 40, 50]]
    """
    (x,) = as_tensors(_SETITEM, x, beside=(indices, values))
    index = _integers(indices)
    place = normalize_axis(axis, x.ndim)
    around = _around(x.shape, index.shape, place)
    if around != (*x.shape[:place], *x.shape[place + 1 :]):
        raise ValueError(f"indices of shape {index.shape} do not fit shape {x.shape}")
    return setitem(x, _along(x.shape, index, place, around), values)


def _around(shape: Shape, index: Shape, axis: int) -> Shape:
    """Return the shape that all but ``axis`` broadcast to."""
    if len(shape) != len(index):
        raise ValueError(
            f"indices need as many dimensions as the tensor of shape {shape}, unlike "
            f"shape {index}"
        )
    lean = (one[:axis] + one[axis + 1 :] for one in (shape, index))
    return broadcast_shapes(*lean)


def _along(shape: Shape, index: Indices, axis: int, around: Shape) -> tuple[Any, ...]:
    """Return a key of arrays, those beside ``axis`` counting through."""
    ndim = len(shape)

    def counting(dim: int) -> Any:
        sizes = [1] * ndim
        sizes[dim] = shape[dim]
        return np.arange(shape[dim]).reshape(sizes)

    return tuple(index if dim == axis else counting(dim) for dim in range(ndim))


def _integers(indices: Operand) -> Indices:
    index = indices if isinstance(indices, Tensor) else np.asarray(indices)
    if index.dtype.kind not in ("signed", "unsigned", "i", "u"):
        raise IndexError(f"an index is an integer, not {index.dtype.name}")
    return index


def nonzero(x: Operand, /) -> tuple[Tensor, ...]:
    """Return the int64 indices of the elements that are not zero, one a dimension.

    Raises:
        ValueError: ``x`` is 0-d.

    Example:
        >>> import unifiedml as um
        >>> [x.tolist() for x in um.nonzero(um.tensor([0, 5, 0, 7]))]
        [[1, 3]]
    """
    x = as_tensor(_NONZERO, x)
    if not x.ndim:
        raise ValueError("nonzero needs at least one dimension, not shape ()")
    return find(x)


# --- x[key] -----------------------------------------------------------------------


def getitem(x: Tensor, key: Any) -> Tensor:
    """Return ``x[key]``."""
    place = element(x, key)
    if place is not None:
        return getitem(reshape(x, (-1,)), place)
    selection = select(x, key)
    if not selection.places:
        return _sliced(x, selection)
    (x,) = as_tensors(_GETITEM, x, beside=[one.indices for one in selection.places])
    return _gathered(_sliced(x, selection), selection)


def _sliced(x: Tensor, selection: Selection) -> Tensor:
    """Return what the slices and integers leave."""
    part = unary(_GETITEM, x, selection.key) if selection.key else x
    if selection.left != selection.shape:
        return reshape(part, selection.shape)
    return x._twin() if part is x else part


def _gathered(x: Tensor, selection: Selection) -> Tensor:
    """Return what the arrays take: one gather along their dimensions, made one."""
    dims = [one.dim for one in selection.places]
    first, count = dims[0], len(dims)
    if dims[-1] - first >= count:
        x, first = permute_dims(x, _to_front(dims, x.ndim)), 0
    head, tail = x.shape[:first], x.shape[first + count :]
    shape = (*head, *selection.drawn, *tail)
    if 0 in x.shape:
        # There is nothing to take: no kernel needs to look, and so they do not.
        _check_bounds(selection.places)
        result = _reshaped(x, shape)
    else:
        size = math.prod(one.size for one in selection.places)
        found = _taken(_reshaped(x, (*head, size, *tail)), selection, first)
        result = _reshaped(found, shape)
    if first == selection.lead:
        return result
    drawn = range(first, first + len(selection.drawn))
    return permute_dims(result, _to_front(drawn, result.ndim))


def _taken(x: Tensor, selection: Selection, axis: int) -> Tensor:
    indices = _flat(x, selection)
    try:
        return execute(_TAKE, x._backend.ops.take, (x, indices), (axis,))
    except BackendError:
        _check_bounds(selection.places)
        raise


def _flat(x: Tensor, selection: Selection) -> Tensor:
    """Return the arrays as one, 1-d: places along their dimensions, made one."""
    if len(selection.places) > 1 or x.device != "cpu":
        # A place within the joined dimension may be none in each of them, and only
        # kernels of the CPU raise for what is out of bounds.
        _check_bounds(selection.places)
    first, *others = selection.places
    flat = first.indices
    for one in others:
        flat = flat * one.size + one.indices
    if others and isinstance(flat, Tensor) and not is_known(flat):
        # While a program is traced nothing can be checked: it will be none here, too.
        for one in selection.places:
            beyond = (one.indices < 0) | (one.indices >= one.size)
            flat = where(beyond, math.prod(one.size for one in selection.places), flat)
    if not isinstance(flat, Tensor):
        return from_array(flat.reshape(-1), x._backend, x.device)
    return _reshaped(flat, (math.prod(flat.shape),))


def _check_bounds(places: tuple[Places, ...]) -> None:
    for one in places:
        if isinstance(one.indices, Tensor):
            values = known_values(one.indices)
            if values is None:
                continue
            bad = values[(values < 0) | (values >= one.size)]
            if bad.size:
                # Negative indices have been counted from the front before.
                index = int(bad[0]) - (one.size if bad[0] < 0 else 0)
                place_of(index, one.axis, one.size)


def _reshaped(x: Tensor, shape: Shape) -> Tensor:
    return x if x.shape == shape else reshape(x, shape)


def _to_front(axes: Any, ndim: int) -> tuple[int, ...]:
    return (*axes, *(axis for axis in range(ndim) if axis not in axes))


# --- x[key] = value ---------------------------------------------------------------


def setitem(x: Tensor, key: Any, value: Any) -> Tensor:
    """Return ``x`` with ``value`` in the places ``key``, differentiable in both."""
    new = _assigned(x, value)
    mask = _leading_mask(x, key) if not new.ndim else None
    if mask is not None:
        return where(mask, new, x)
    selection = select(x, key)
    beside = (new, *(one.indices for one in selection.places))
    (x,) = as_tensors(_SETITEM, x, beside=beside)
    new = _fitted(new, selection.result)
    if not selection.places:
        return _with_slice(x, selection, new)
    part = _sliced(x, selection)
    return _with_slice(x, selection, _with_rows(part, selection, new, scattered))


Scatter = Callable[[Tensor, Tensor, Tensor], Tensor]


def scattered(rows: Tensor, places: Tensor, new: Tensor) -> Tensor:
    """Return a matrix with rows replaced: a `Scatter`."""
    return apply(_SCATTER, (rows, places, new))


def updated(
    x: Tensor, key: Any, value: Any, scatter: Scatter, combine: Callable[..., Tensor]
) -> Tensor:
    """Return ``x`` with ``value`` worked into the places ``key``.

    Args:
        x: A tensor.
        key: Where; see this module's text.
        value: What, in a data type that that of ``x`` can hold.
        scatter: How it works into rows that may be named several times.
        combine: How it works into elements, each named once.
    """
    new = _assigned(x, value)
    selection = select(x, key)
    beside = (new, *(one.indices for one in selection.places))
    (x,) = as_tensors(_SETITEM, x, beside=beside)
    new = _fitted(new, selection.result)
    part = _sliced(x, selection)
    if not selection.places:
        return _with_slice(x, selection, combine(part, new))
    return _with_slice(x, selection, _with_rows(part, selection, new, scatter))


def _assigned(x: Tensor, value: Any) -> Tensor:
    """Return a value in the data type of ``x``, if that can hold its kind."""
    backend = common_backend("setitem", (x, value))
    new = as_strong("setitem", value, backend, x.device)
    if isinstance(new, Tensor):
        _check_kind(x, new.dtype, f"values of {new.dtype.name}")
        if new.device != x.device:
            raise ValueError(
                f"cannot put values on {new.device} into a tensor on {x.device}: "
                "move one with x.to(device) first"
            )
        return new.astype(x.dtype, copy=False)
    _check_kind(x, DTYPES[DEFAULTS[type(new)]], repr(new))
    return constant(new, x.dtype, backend, x.device)


def _check_kind(x: Tensor, dtype: DType, what: str) -> None:
    if _RANK[dtype.kind] > _RANK[x.dtype.kind]:
        raise TypeError(
            f"cannot put {what} into a tensor of {x.dtype.name}: convert one of them"
        )


def _fitted(new: Tensor, shape: Shape) -> Tensor:
    """Return a value broadcast to the places it is for."""
    # As in NumPy, further dimensions of size 1 in front do not count.
    spare = max(0, new.ndim - len(shape))
    lean = new.shape[spare:] if set(new.shape[:spare]) <= {1} else new.shape
    try:
        fits = broadcast_shapes(lean, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"cannot put a value of shape {new.shape} into places of shape {shape}"
        )
    new = _reshaped(new, lean)
    return new if lean == shape else broadcast_to(new, shape)


def _leading_mask(x: Tensor, key: Any) -> Tensor | None:
    """Return a mask of the first dimensions, to broadcast, if ``key`` is one."""
    if not isinstance(key, Tensor) or key.dtype.kind != "bool":
        return None
    if key.shape != x.shape[: key.ndim]:
        return None
    return _reshaped(key, key.shape + (1,) * (x.ndim - key.ndim))


def _with_slice(x: Tensor, selection: Selection, new: Tensor) -> Tensor:
    """Put what the slices and integers leave back into its place."""
    new = _reshaped(new, selection.left)
    return apply(_SETITEM, (x, new), selection.key) if selection.key else new


def _with_rows(
    x: Tensor, selection: Selection, new: Tensor, scatter: Scatter
) -> Tensor:
    """Put ``new`` where the arrays say: one scatter, their dimensions in front."""
    order = _to_front([one.dim for one in selection.places], x.ndim)
    moved = x if order == tuple(range(x.ndim)) else permute_dims(x, order)
    count = len(selection.places)
    width = math.prod(moved.shape[count:])
    rows = _reshaped(moved, (math.prod(moved.shape[:count]), width))
    drawn = range(selection.lead, selection.lead + len(selection.drawn))
    if selection.lead:
        new = permute_dims(new, _to_front(drawn, new.ndim))
    new = _reshaped(new, (math.prod(selection.drawn), width))
    if 0 in rows.shape:
        _check_bounds(selection.places)
        return x
    places = _flat(x, selection)
    try:
        changed = scatter(rows, places, new)
    except BackendError:
        _check_bounds(selection.places)
        raise
    result = _reshaped(changed, moved.shape)
    back = tuple(order.index(axis) for axis in range(x.ndim))
    return result if moved is x else permute_dims(result, back)
