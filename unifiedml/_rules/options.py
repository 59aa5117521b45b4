"""Checks of options that many classes have."""

from __future__ import annotations

import operator
from typing import Any, Final

__all__ = ["positive_integer"]

LIMIT: Final = 2**31


def positive_integer(name: str, value: Any) -> int:
    """Return an option as an int.

    Raises:
        ValueError: It is not a positive integer below 2**31, which is what kernels
            count windows and strides with.

    Example:
        >>> positive_integer("units", 3)
        3
    """
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name} is a positive integer, not {value!r}")
    if number >= LIMIT:
        raise ValueError(f"{name} is less than {LIMIT}, not {value!r}")
    return number
