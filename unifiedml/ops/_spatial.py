"""What convolutions and poolings share: layouts, one dimension, nothing at all."""

from __future__ import annotations

from collections.abc import Callable

from unifiedml._rules.windows import Windows, is_channels_first, to_first, to_last
from unifiedml._tensor import Tensor
from unifiedml.ops.manipulation import permute_dims, reshape, squeeze

__all__ = ["channels_last", "in_layout", "lifted", "slid"]


def channels_last(x: Tensor, data_format: str | None) -> Tensor:
    """Return an input channels last; shapes that are none come back for the check."""
    if is_channels_first(data_format) and x.ndim > 1:
        return permute_dims(x, to_last(x.ndim))
    return x


def in_layout(x: Tensor, data_format: str | None) -> Tensor:
    """Return a result, which is channels last, in the layout of its input."""
    return permute_dims(x, to_first(x.ndim)) if is_channels_first(data_format) else x


def lifted(x: Tensor, place: int) -> Tensor:
    """Return ``x`` with a dimension of size 1 at ``place``."""
    return reshape(x, (*x.shape[:place], 1, *x.shape[place:]))


def slid(
    run: Callable[[Tensor, Windows], Tensor], x: Tensor, windows: Windows
) -> Tensor:
    """Run a backend's function, which takes two or three spatial dimensions."""
    if 0 in windows.shape:
        # Frameworks refuse it, or return something of another shape.
        return reshape(x, windows.shape)
    if x.ndim == 3:
        return squeeze(run(lifted(x, 1), windows.lifted()), axis=1)
    return run(x, windows)
