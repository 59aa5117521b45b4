"""Flattening and activations as layers."""

from __future__ import annotations

import math

from unifiedml._tensor import Tensor
from unifiedml.nn._activation import Activation as Function
from unifiedml.nn._activation import resolve
from unifiedml.nn._module import Module
from unifiedml.ops.manipulation import reshape

__all__ = ["Activation", "Flatten"]


class Flatten(Module):
    """Makes one dimension of all but the first, which counts the examples.

    Shape:
        ``(batch, ...)`` to ``(batch, features)``.

    Raises:
        ValueError: The input is 0-d.

    Example:
        >>> import unifiedml as um
        >>> um.Flatten()(um.zeros((2, 3, 4))).shape
        (2, 12)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` of shape ``(batch, features)``."""
        if not x.ndim:
            raise ValueError("Flatten needs a dimension that counts the examples")
        return reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Activation(Module):
    """Applies an activation.

    Args:
        function: A function of one tensor, or the name of one, such as ``"relu"``.

    Shape:
        Any, and the same.

    Raises:
        ValueError: There is no activation of that name.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Activation("relu")(um.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, function: str | Function) -> None:
        self.function = resolve(function)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of ``x``."""
        return x if self.function is None else self.function(x)

    def _describe(self) -> str:
        return getattr(self.function, "__name__", "linear")
