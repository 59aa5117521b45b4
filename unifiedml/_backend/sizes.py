"""Numbers of programs that depend on one size of their arguments.

A program that was traced at three sizes, and did the same each time but for numbers, is
one program of any size: each number is a polynomial of it, which two of them determine
and the third confirms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from types import CellType, FunctionType
from typing import Any, Final

import numpy as np

__all__ = [
    "SAMPLES",
    "ChangedError",
    "Nested",
    "Number",
    "are_alike",
    "merged",
    "nested",
    "number_of",
]

SAMPLES: Final = 3
"""How many sizes it takes to know what a number depends on."""


class ChangedError(Exception):
    """Programs of several sizes differ in more than numbers that depend on the size."""


@dataclass(frozen=True)
class Number:
    """``square * size**2 + factor * size + constant``.

    Attributes:
        kind: What it is: ``int``, or ``float`` for one that holds an integer.
    """

    square: Fraction
    factor: Fraction
    constant: Fraction
    kind: type[int | float] = int

    def at(self, size: int) -> int | float:
        """Return the number at a size.

        Raises:
            ChangedError: It is no integer there, such as half of an odd size.
        """
        value = (self.square * size + self.factor) * size + self.constant
        if value.denominator != 1:
            raise ChangedError
        return self.kind(value.numerator)


def number_of(values: Sequence[int | float], sizes: Sequence[int]) -> Number:
    """Return what has these values at three different sizes.

    Raises:
        ChangedError: There is no polynomial with at most two terms.
    """
    kinds = {type(value) for value in values}
    kind = kinds.pop()
    if kinds or kind not in (int, float):
        raise ChangedError
    if not all(math.isfinite(one) and int(one) == one for one in values):
        raise ChangedError
    v, w, last = map(Fraction, values)
    a, b, _ = map(Fraction, sizes)
    slope = (w - v) / (b - a)
    squares = (w - v) / (b * b - a * a)
    bent = (w / b - v / a) / (b - a)
    for number in (
        Number(Fraction(0), slope, v - slope * a, kind),
        Number(squares, Fraction(0), v - squares * a * a, kind),
        Number(bent, v / a - bent * a, Fraction(0), kind),
    ):
        if (number.square * sizes[-1] + number.factor) * sizes[-1] + (
            number.constant
        ) == last:
            return number
    raise ChangedError


@dataclass(frozen=True, eq=False)
class Nested:
    """An array that at each size is a part of the largest one, from a corner of it.

    Such are the numbers from 0, masks of triangles, and tables of which a size takes so
    many rows.

    Attributes:
        largest: That array.
        shape: How much of it there is.
        at_end: Along which axes the last elements are taken, not the first.
    """

    largest: Any
    shape: tuple[Number | int, ...]
    at_end: tuple[bool, ...]

    def at(self, size: int) -> Any:
        """Return the array at a size.

        Raises:
            ChangedError: It is larger than the largest there.
        """
        shape = [int(n.at(size)) if isinstance(n, Number) else n for n in self.shape]
        if any(n > most for n, most in zip(shape, self.largest.shape, strict=True)):
            raise ChangedError
        return self.largest[_corner(shape, self.largest.shape, self.at_end)]


def nested(
    arrays: Sequence[Any], sizes: Sequence[int], are_same: Callable[[Any, Any], bool]
) -> Nested:
    """Return what is these arrays at three different sizes.

    Args:
        arrays: Arrays of one data type.
        sizes: The sizes.
        are_same: Tells whether two arrays of one shape have the same elements.

    Raises:
        ChangedError: They are no corners of the largest, or have other dimensions.
    """
    if len({array.ndim for array in arrays}) > 1 or not arrays[0].ndim:
        raise ChangedError
    by_axis = zip(*(array.shape for array in arrays), strict=True)
    shape = tuple(merged(each, sizes) for each in by_axis)
    largest = max(arrays, key=lambda array: math.prod(array.shape))
    changing = [isinstance(one, Number) for one in shape]
    for at_end in (False, True):
        ends = tuple(at_end and one for one in changing)
        if all(
            are_same(array, largest[_corner(array.shape, largest.shape, ends)])
            for array in arrays
        ):
            return Nested(largest, shape, ends)
    raise ChangedError


def _corner(
    shape: Sequence[int], largest: Sequence[int], at_end: Sequence[bool]
) -> tuple[slice, ...]:
    return tuple(
        slice(most - n, most) if end else slice(n)
        for n, most, end in zip(shape, largest, at_end, strict=True)
    )


def are_alike(one: Any, other: Any) -> bool:
    """Tell whether two functions of one text close over the same.

    Numbers and words are compared by value, others by identity, or as they say.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(are_alike, one, other))
    if isinstance(one, dict):
        return are_alike(list(one.items()), list(other.items()))
    if isinstance(one, partial):
        return are_alike(
            (one.func, one.args, one.keywords), (other.func, other.args, other.keywords)
        )
    if isinstance(one, CellType):
        return are_alike(one.cell_contents, other.cell_contents)
    if isinstance(one, FunctionType):
        return one.__code__ is other.__code__ and are_alike(
            (one.__closure__, one.__defaults__, one.__kwdefaults__),
            (other.__closure__, other.__defaults__, other.__kwdefaults__),
        )
    if isinstance(one, np.ndarray):
        kinds = {(x.dtype, x.shape) for x in (one, other)}
        return len(kinds) == 1 and one.tobytes() == other.tobytes()
    # NaN equals nothing: then they are taken for different.
    return (one == other) is True


def merged(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return what values of one place have in common: the value, or a `Number`.

    0.0 is not -0.0, and NaN is NaN.

    Raises:
        ChangedError: They are others, and no numbers that depend on the size.
    """
    first = values[0]
    if isinstance(first, float | complex):
        same = all(type(x) is type(first) and repr(x) == repr(first) for x in values)
    else:
        same = all(type(x) is type(first) and x == first for x in values)
    return first if same else number_of(values, sizes)
