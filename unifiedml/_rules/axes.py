"""Axes: from what users write to sorted, non-negative, distinct integers."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from numpy.exceptions import AxisError

Axis = int | Iterable[int] | None


def normalize_axis(axis: Any, ndim: int, name: str = "axis") -> int:
    """Return ``axis`` as an integer in ``range(ndim)``.

    Raises:
        TypeError: ``axis`` is not an integer.
        AxisError: ``axis`` is outside ``[-ndim, ndim)``.
    """
    if type(axis) is int and -ndim <= axis < ndim:
        return axis % ndim
    try:
        index = operator.index(axis)
    except TypeError:
        index = None
    # True is an integer of Python, and as an axis a mistake.
    if index is None or isinstance(axis, bool):
        raise TypeError(f"{name} must be an integer, not {axis!r}")
    if not -ndim <= index < ndim:
        raise AxisError(
            f"{name} {index} is out of range for a tensor of {ndim} dimensions"
            + (f": it must lie in [{-ndim}, {ndim - 1}]" if ndim else "")
        )
    return index % ndim


def normalize_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return ``axis`` as a sorted tuple of distinct integers; None means all.

    Raises:
        TypeError: An axis is not an integer.
        AxisError: An axis is outside ``[-ndim, ndim)``.
        ValueError: An axis is named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, str) or not isinstance(axis, Iterable):
        return (normalize_axis(axis, ndim),)
    given = tuple(axis)
    axes = tuple(normalize_axis(one, ndim) for one in given)
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis {given} names a dimension twice")
    return tuple(sorted(axes))
