"""Checks of options that many classes have."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["positive_integer"]


def positive_integer(name: str, value: Any) -> int:
    """Return an option as an int.

    Raises:
        ValueError: It is not a positive integer.

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
    return number
