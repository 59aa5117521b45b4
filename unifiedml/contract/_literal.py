"""Arrays as text: ``float32[1, nan]``, ``int8[[1, 2]]``, ``bool True``, ``[2]``."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import DTYPES

__all__ = ["NAMES", "has_dtype", "parse"]

Array = npt.NDArray[Any]

NAMES: Final[dict[str, Any]] = {"nan": math.nan, "inf": math.inf, "np": np}
"""What literals and calls may use beside Python's own words."""


def _split(text: str) -> tuple[str, str]:
    """Return the name of the data type, empty if there is none, and the values."""
    for name in sorted(DTYPES, key=len, reverse=True):
        if text.startswith(name) and text[len(name) :][:1] in ("[", " "):
            return name, text[len(name) :].strip()
    return "", text


def has_dtype(text: str) -> bool:
    """Tell whether a literal names its data type.

    Example:
        >>> has_dtype("int8[1]"), has_dtype("[1]")
        (True, False)
    """
    return bool(_split(text)[0])


def parse(text: str, dtype: str) -> tuple[Array, str]:
    """Return the values, in double precision if they are floats, and the data type.

    Args:
        text: A literal: the name of a data type, if any, then nested lists of numbers,
            or one number, as Python writes them, with ``nan`` and ``inf``.
        dtype: The data type of a literal that names none.

    Example:
        >>> parse("[1, nan]", "float32")
        (array([ 1., nan]), 'float32')
        >>> parse("int8 3", "float32")
        (array(3, dtype=int8), 'int8')
    """
    name, values = _split(text)
    name = name or dtype
    wide = {"float": np.float64, "complex": np.complex128}
    kind: Any = wide.get(DTYPES[name].kind, DTYPES[name].numpy)
    # The literals are the package's own data, never a user's.
    return np.asarray(eval(values, dict(NAMES)), kind), name
