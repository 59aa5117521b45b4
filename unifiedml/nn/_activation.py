"""Activations, by name and as a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from unifiedml._tensor import Tensor
from unifiedml.nn._input import as_input
from unifiedml.nn._module import Module
from unifiedml.ops import activations, nn
from unifiedml.ops.trigonometry import tanh

__all__ = ["Activation", "Function", "resolve"]

Function = Callable[[Tensor], Tensor]


def linear(x: Tensor) -> Tensor:
    """Return ``x``."""
    return x


_BY_NAME: Final[dict[str, Function]] = {
    function.__name__: function
    for function in (
        activations.celu,
        activations.glu,
        activations.hard_shrink,
        activations.hard_sigmoid,
        activations.hard_silu,
        activations.hard_tanh,
        activations.mish,
        activations.soft_shrink,
        activations.softsign,
        activations.sparse_plus,
        activations.squareplus,
        activations.tanh_shrink,
        nn.elu,
        nn.gelu,
        nn.leaky_relu,
        linear,
        nn.log_sigmoid,
        nn.log_softmax,
        nn.relu,
        nn.relu6,
        nn.selu,
        nn.sigmoid,
        nn.silu,
        nn.softmax,
        nn.softplus,
        tanh,
    )
}


def resolve(activation: str | Function | None) -> Function | None:
    """Return the activation of a name, or what is one already.

    Raises:
        ValueError: There is none of that name.
        TypeError: It is neither a name nor a function.
    """
    if activation is None or activation == "linear":
        return None
    if callable(activation):
        return activation
    if not isinstance(activation, str):
        raise TypeError(f"an activation is a function or its name, not {activation!r}")
    if activation not in _BY_NAME:
        raise ValueError(
            f"there is no activation {activation!r}: choose from "
            f"{', '.join(sorted(_BY_NAME))}, or pass a function"
        )
    return _BY_NAME[activation]


class Activation(Module):
    """Applies an activation.

    Args:
        function: A function of one tensor, or the name of one, such as ``"relu"``.

    Shape:
        Any, and the same.

    Raises:
        ValueError: There is no activation of that name.
        TypeError: The input is no tensor.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Activation("relu")(um.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, function: str | Function) -> None:
        self.function = resolve(function)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of ``x``."""
        x = as_input(self, x)
        return x if self.function is None else self.function(x)

    def _describe(self) -> str:
        return getattr(self.function, "__name__", "linear")
