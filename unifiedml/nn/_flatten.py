"""Flattening."""

from __future__ import annotations

import math

from unifiedml._tensor import Tensor
from unifiedml.nn._input import as_input
from unifiedml.nn._module import Module
from unifiedml.ops.manipulation import reshape

__all__ = ["Flatten"]


class Flatten(Module):
    """Makes one dimension of all but the first, which counts the examples.

    Shape:
        ``(batch, ...)`` to ``(batch, features)``.

    Raises:
        ValueError: The input is 0-d.
        TypeError: The input is no tensor.

    Example:
        >>> import unifiedml as um
        >>> um.Flatten()(um.zeros((2, 3, 4))).shape
        (2, 12)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` of shape ``(batch, features)``."""
        shape = as_input(self, x).shape
        if not shape:
            raise ValueError("Flatten needs a dimension that counts the examples")
        return reshape(x, (shape[0], math.prod(shape[1:])))
