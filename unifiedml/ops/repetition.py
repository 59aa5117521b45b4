"""Functions that repeat parts of a tensor, take it apart, or put more around it."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from unifiedml._rules.axes import normalize_axis
from unifiedml._rules.shapes import as_shape
from unifiedml._sizes import asked
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    ANY,
    Op,
    as_tensor,
    as_tensors,
    constant,
    promoted_dtype,
    several,
    unary,
)
from unifiedml.ops.indexing import getitem, take
from unifiedml.ops.manipulation import broadcast_to, concat, flatten, reshape

__all__ = ["array_split", "pad", "repeat", "roll", "split", "tile", "unstack"]

_GETITEM = Op("getitem", ANY)
_PAD = Op("pad", ANY)
_SPLIT = Op("split", ANY)


# --- more of the same -------------------------------------------------------------


def repeat(x: Operand, repeats: int | Operand, /, *, axis: int | None = None) -> Tensor:
    """Return each element of ``x`` several times, one beside the other.

    Args:
        x: A tensor.
        repeats: How often, or integers, one an element along ``axis`` (read on the
            host: the shape of the result depends on them).
        axis: The dimension; None repeats all elements, in one dimension.

    Raises:
        TypeError: ``repeats`` is no integer.
        ValueError: It is negative, or does not fit the size along ``axis``.

    Example:
        >>> import unifiedml as um
        >>> um.repeat(um.tensor([1, 2]), 2).tolist()
        [1, 1, 2, 2]
    """
    (x,) = as_tensors(_GETITEM, x, beside=(repeats,))
    if axis is None:
        x, axis = flatten(x), 0
    place = normalize_axis(axis, x.ndim)
    counts = _counts(repeats)
    size = x.shape[place]
    if not counts.ndim or counts.size == 1:
        return _stretched(x, place, int(counts.reshape(())), after=True)
    if counts.shape != (size,):
        raise ValueError(
            f"repeats has shape {counts.shape}, but axis {place} of shape {x.shape} "
            f"has {size} elements"
        )
    total = sum(map(int, counts))
    as_shape((*x.shape[:place], total, *x.shape[place + 1 :]))
    return take(x, np.repeat(np.arange(size), counts), axis=place)


def _counts(repeats: Any) -> Any:
    counts = repeats.numpy() if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.dtype.kind not in "iu" and counts.size:
        raise TypeError(f"repeats are integers, not {repeats!r}")
    if counts.ndim > 1:
        raise ValueError(f"repeats have at most one dimension, not {counts.shape}")
    if np.any(counts < 0):
        raise ValueError(f"repeats are not negative, unlike {int(counts.min())}")
    return counts.astype(np.int64)


def _stretched(x: Tensor, axis: int, count: int, *, after: bool) -> Tensor:
    """Return each element, or with ``after=False`` the whole of ``axis``, repeated."""
    shape = x.shape
    size = shape[axis]
    ahead = shape[: axis + after]
    # Joined to three dimensions, so that the rank does not grow.
    rows, width = math.prod(ahead), math.prod(shape[axis + after :])
    wide = broadcast_to(reshape(x, (rows, 1, width)), (rows, count, width))
    return reshape(wide, (*shape[:axis], size * count, *shape[axis + 1 :]))


def tile(x: Operand, repetitions: Sequence[int], /) -> Tensor:
    """Return ``x`` repeated as a whole along each dimension.

    Args:
        x: A tensor.
        repetitions: How often, from the last dimension on; the shorter of these and
            the shape is filled up with ones in front.

    Raises:
        ValueError: One of them is negative, or there are too many.

    Example:
        >>> import unifiedml as um
        >>> um.tile(um.tensor([1, 2]), (2, 2)).tolist()
        [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    x = as_tensor(_GETITEM, x)
    counts = as_shape(repetitions)
    ndim = max(x.ndim, len(counts))
    x = reshape(x, (1,) * (ndim - x.ndim) + x.shape)
    counts = (1,) * (ndim - len(counts)) + counts
    for axis in reversed(range(ndim)):
        if counts[axis] != 1:
            x = _stretched(x, axis, counts[axis], after=False)
    return x


def roll(
    x: Operand,
    /,
    shift: int | Sequence[int],
    *,
    axis: int | Sequence[int] | None = None,
) -> Tensor:
    """Return ``x`` with the elements moved on, those from the end to the beginning.

    Args:
        x: A tensor.
        shift: By how many places; one number for all axes, or one for each.
        axis: The dimensions; one that is named twice moves twice. None moves through
            all elements, last axis first.

    Raises:
        AxisError: A dimension is out of range.
        ValueError: There is another number of shifts than of axes.

    Example:
        >>> import unifiedml as um
        >>> um.roll(um.arange(5), 2).tolist()
        [3, 4, 0, 1, 2]
    """
    x = as_tensor(_GETITEM, x)
    if axis is None:
        if isinstance(shift, Iterable):
            raise ValueError(f"the shifts {tuple(shift)} need as many axes")
        return reshape(_rolled(flatten(x), operator.index(shift), 0), x.shape)
    axes: tuple[Any, ...] = (axis,)
    if isinstance(axis, Iterable) and not isinstance(axis, str):
        axes = tuple(axis)
    places = [normalize_axis(one, x.ndim) for one in axes]
    shifts = tuple(shift) if isinstance(shift, Iterable) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(
            f"the shifts {shifts} do not fit the axes {axes}: one for each"
        )
    result = x._twin()
    for one, by in zip(places, shifts, strict=True):
        result = _rolled(result, operator.index(by), one)
    return result


def _rolled(x: Tensor, shift: int, axis: int) -> Tensor:
    size = x.shape[axis]
    # The remainder, for all sizes that it takes as many turns of.
    cut = -shift - asked(operator.floordiv, -shift, size) * size if size else 0
    if not cut:
        return x
    lead = (slice(None),) * axis
    parts = [getitem(x, (*lead, slice(cut, None))), getitem(x, (*lead, slice(0, cut)))]
    return concat(parts, axis=axis)


# --- apart ------------------------------------------------------------------------


def unstack(x: Operand, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the slices of ``x`` along ``axis``, which they lack.

    Raises:
        AxisError: ``axis`` is out of range.

    Example:
        >>> import unifiedml as um
        >>> [one.tolist() for one in um.unstack(um.tensor([[1, 2], [3, 4]]))]
        [[1, 2], [3, 4]]
    """
    x = as_tensor(_GETITEM, x)
    place = normalize_axis(axis, x.ndim)
    shape = x.shape
    rest = (*shape[:place], *shape[place + 1 :])
    return tuple(reshape(one, rest) for one in _parts(x, (1,) * shape[place], place))


def split(
    x: Operand, sections: int | Sequence[int], /, *, axis: int = 0
) -> tuple[Tensor, ...]:
    """Return ``x`` cut along ``axis``.

    Args:
        x: A tensor.
        sections: How many parts of one size there are (not their size, as in
            ``torch.split``), or where to cut.
        axis: The dimension.

    Raises:
        ValueError: There are no parts, or the size is no multiple of their number;
            `array_split` allows that.

    Example:
        >>> import unifiedml as um
        >>> [part.tolist() for part in um.split(um.arange(4), 2)]
        [[0, 1], [2, 3]]
        >>> [part.tolist() for part in um.split(um.arange(4), [1])]
        [[0], [1, 2, 3]]
    """
    x = as_tensor(_GETITEM, x)
    place = normalize_axis(axis, x.ndim)
    if not isinstance(sections, Iterable):
        count = _section_count(sections)
        if x.shape[place] % count:
            raise ValueError(
                f"cannot cut {x.shape[place]} elements into {count} equal parts: "
                "array_split makes parts of unequal size"
            )
    return array_split(x, sections, axis=place)


_MOST_PARTS: Final = 2**16
"""Each part is a tensor: a mistyped number would fill the memory."""


def _section_count(sections: int) -> int:
    count = operator.index(sections)
    if count < 1:
        raise ValueError(f"there is at least one part, not {count}")
    if count > _MOST_PARTS:
        raise ValueError(f"{count} parts are more than the {_MOST_PARTS} allowed")
    return count


def array_split(
    x: Operand, sections: int | Sequence[int], /, *, axis: int = 0
) -> tuple[Tensor, ...]:
    """Return ``x`` cut along ``axis`` into parts of nearly one size; see `split`.

    The first parts are larger by one where the size is no multiple of the number.

    Example:
        >>> import unifiedml as um
        >>> [part.tolist() for part in um.array_split(um.arange(5), 2)]
        [[0, 1, 2], [3, 4]]
    """
    x = as_tensor(_GETITEM, x)
    place = normalize_axis(axis, x.ndim)
    size = x.shape[place]
    if isinstance(sections, Iterable):
        cuts = [operator.index(one) for one in sections]
    else:
        count = _section_count(sections)
        small, larger = divmod(size, count)
        cuts = [one * small + min(one, larger) for one in range(1, count)]
    bounds = [*zip([0, *cuts], [*cuts, size], strict=True)]
    if (
        all(start <= stop <= size for start, stop in bounds)
        and min(cuts, default=0) >= 0
    ):
        return _parts(x, tuple(stop - start for start, stop in bounds), place)
    lead = (slice(None),) * place
    return tuple(getitem(x, (*lead, slice(start, stop))) for start, stop in bounds)


def _parts(x: Tensor, sizes: tuple[int, ...], axis: int) -> tuple[Tensor, ...]:
    return several(_SPLIT, x, sizes, axis) if sizes else ()


# --- around -----------------------------------------------------------------------

_MODES: Final = ("constant", "edge", "reflect", "symmetric", "wrap")


def pad(
    x: Operand,
    pad_width: int | Sequence[Any],
    /,
    *,
    mode: str = "constant",
    constant_values: complex = 0,
) -> Tensor:
    """Return ``x`` with more elements before and behind it.

    Args:
        x: A tensor.
        pad_width: How many: one number for all sides, a pair (before, behind) for all
            dimensions, or such a pair for each.
        mode: What they are: "constant" numbers, the "edge" elements, or the tensor
            itself, mirrored with ("symmetric") or without ("reflect") its edge, or
            repeated ("wrap").
        constant_values: The number, of a kind that the data type of ``x`` can hold.

    Raises:
        OverflowError: ``constant_values`` does not fit into the data type of ``x``.
        TypeError: It is of another kind.
        ValueError: A width is negative, there is another number of them than of
            dimensions, ``mode`` is none, or there is nothing to repeat.

    Example:
        >>> import unifiedml as um
        >>> um.pad(um.tensor([1, 2, 3]), (1, 2)).tolist()
        [0, 1, 2, 3, 0, 0]
        >>> um.pad(um.tensor([1, 2, 3]), 1, mode="reflect").tolist()
        [2, 1, 2, 3, 2]

    Reference:
        ``numpy.pad``, whose modes these are.
    """
    x = as_tensor(_PAD, x)
    widths = _widths(pad_width, x.ndim)
    if mode not in _MODES:
        raise ValueError(f"{mode!r} is no mode of pad: choose from {', '.join(_MODES)}")
    filler = _filler(x, constant_values)
    if mode == "constant":
        return unary(_PAD, x, widths, filler) if widths else x
    for axis, width in enumerate(widths):
        if width != (0, 0):
            x = take(x, _places(x.shape, axis, width, mode), axis=axis)
    return x


def _filler(x: Tensor, value: complex) -> Any:
    if not isinstance(value, bool | int | float | complex):
        raise TypeError(f"constant_values is a number, not {value!r}")
    if x.dtype.kind == "bool" and value in (0, 1):
        value = bool(value)
    if promoted_dtype(_PAD, (x, value)) is not x.dtype:
        raise TypeError(f"{x.dtype.name} cannot hold the constant {value!r}")
    constant(value, x.dtype, x._backend, "cpu")
    return value


def _places(
    shape: tuple[int, ...], axis: int, width: tuple[int, int], mode: str
) -> Any:
    """Return where along ``axis`` each element of the result comes from."""
    if not shape[axis]:
        raise ValueError(
            f"axis {axis} of shape {shape} has no elements to go on with: only "
            "mode='constant' can pad it"
        )
    modes: Any = mode
    return np.pad(np.arange(shape[axis]), width, mode=modes)


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    given = np.asarray(pad_width)
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"pad_width consists of integers, not {pad_width!r}")
    try:
        pairs = np.broadcast_to(given, (ndim, 2)).tolist()
    except ValueError:
        raise ValueError(
            f"pad_width {pad_width!r} does not fit {ndim} dimensions: give a number, a "
            "pair, or a pair for each"
        ) from None
    if np.any(given < 0):
        raise ValueError(f"pad_width {pad_width!r} is negative: cut with x[1:-1]")
    return tuple((before, behind) for before, behind in pairs)
