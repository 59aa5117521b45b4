"""The check that all layers begin with."""

from __future__ import annotations

from typing import Any

from unifiedml._tensor import Tensor

__all__ = ["as_input"]


def as_input(layer: object, x: Any, *, floating: bool = False) -> Tensor:
    """Return the input of a layer.

    Raises:
        TypeError: It is no tensor, or, if ``floating``, not real floating-point.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{layer!r} takes a tensor, not {type(x).__name__}: use um.asarray"
        )
    if floating and x.dtype.kind != "float":
        raise TypeError(
            f"{layer!r} takes a real floating-point tensor, not {x.dtype.name}: "
            "convert with astype first"
        )
    return x
