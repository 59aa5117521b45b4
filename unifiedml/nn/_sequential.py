"""Layers in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from unifiedml._tensor import Tensor
from unifiedml.nn._module import Module

__all__ = ["Sequential"]

Layer = Module | Callable[[Tensor], Tensor]


class Sequential(Module):
    """Layers in a row: each takes what the one before returns.

    Args:
        layers: Modules or functions of one tensor, one by one or in a list.

    Example:
        >>> import unifiedml as um
        >>> model = um.Sequential(um.Flatten(), um.Dense(2), um.softmax)
        >>> model(um.zeros((5, 2, 2))).shape
        (5, 2)
    """

    def __init__(self, *layers: Layer | Sequence[Layer]) -> None:
        flat: list[Layer] = []
        for one in layers:
            flat += one if isinstance(one, list | tuple) else [one]  # type: ignore[list-item]
        for layer in flat:
            if not callable(layer):
                raise TypeError(
                    f"a layer is a module or a function, not {type(layer).__name__}"
                )
        self.layers = flat

    def forward(self, x: Tensor) -> Tensor:
        """Return what the last layer returns."""
        for layer in self.layers:
            x = layer(x)
        return x

    def append(self, layer: Layer) -> None:
        """Add a layer at the end."""
        self.layers = [*self.layers, layer]

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)
