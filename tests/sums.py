"""What tests of programs share: operands, and the comparison of sums."""

from __future__ import annotations

from typing import Any

import numpy as np

import unifiedml as um
from unifiedml.testing import assert_close

__all__ = ["close", "values"]


def close(actual: Any, expected: Any, length: int = 64) -> None:
    """Compare sums of ``length`` terms of order 1, one after the other."""
    if isinstance(expected, list):
        expected = np.asarray(expected, "float32")
    assert_close(
        actual,
        expected,
        family="accumulation",
        scale=lambda size: np.maximum(1, size),
        length=length,
    )


def values(*shape: int) -> um.Tensor:
    """Return a float32 tensor of numbers between -1 and 1."""
    count = int(np.prod(shape))
    return um.asarray(np.sin(np.arange(count, dtype="float32") * 7.1).reshape(shape))
