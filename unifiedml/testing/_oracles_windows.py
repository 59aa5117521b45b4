"""Convolution and pooling of NumPy arrays, for the parity table: plain definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unifiedml._rules.windows import (
    Windows,
    conv_windows,
    pool_windows,
    transposed_windows,
)
from unifiedml._rules.windows import is_channels_first as first

__all__ = ["average_pool", "conv", "conv_transpose", "depthwise_conv", "max_pool"]

Array = npt.NDArray[Any]


def _places(at: Windows, spatial: tuple[int, ...]) -> Array:
    """Return where each element of each window lies in the padded, flat input.

    Shape ``(windows, elements)``.
    """
    grids = []
    for axis, count in enumerate(spatial):
        starts = np.arange(count) * at.strides[axis]
        grids.append(starts[:, None] + np.arange(at.sizes[axis]) * at.dilations[axis])
    padded = _padded_sizes(at, grids)
    flat = np.zeros((1, 1), np.int64)
    for grid, size in zip(grids, padded, strict=True):
        both = flat[:, None, :, None] * size + grid[None, :, None, :]
        flat = both.reshape(flat.shape[0] * len(grid), -1)
    return flat


def _padded_sizes(at: Windows, grids: list[Array]) -> list[int]:
    return [int(grid.max(initial=0)) + 1 for grid in grids]


def _windows(x: Array, at: Windows, spatial: tuple[int, ...], value: float) -> Array:
    """Return ``(batch, windows, elements, channels)`` of an input."""
    pads = [(0, 0), *at.pads, (0, 0)]
    padded = np.pad(x, pads, constant_values=value)
    grids = [
        (n - 1) * stride + (size - 1) * apart + 1
        for n, stride, size, apart in zip(
            spatial, at.strides, at.sizes, at.dilations, strict=True
        )
    ]
    inside = padded[(slice(None), *(slice(n) for n in grids))]
    flat = inside.reshape(len(x), -1, x.shape[-1])
    return np.asarray(flat[:, _places(at, spatial)])


def _layout(x: Array, data_format: str | None) -> Array:
    return np.moveaxis(x, 1, -1) if first(data_format) else x


def _back(x: Array, data_format: str | None) -> Array:
    return np.moveaxis(x, -1, 1) if first(data_format) else x


def conv(
    x: Array,
    kernel: Array,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Array:
    """Return the sum over each window of its elements times the kernel's."""
    x = _layout(x, data_format)
    at = conv_windows("conv", x.shape, kernel.shape, strides, padding, dilation_rate)
    if 0 in at.shape:
        return _back(np.zeros(at.shape, np.result_type(x, kernel)), data_format)
    seen = _windows(x, at, at.shape[1:-1], 0.0)
    batch, count, elements, channels = seen.shape
    grouped = seen.reshape(batch, count, elements, at.groups, channels // at.groups)
    filters = kernel.reshape(elements, channels // at.groups, at.groups, -1)
    y = np.einsum("bwegc,ecgf->bwgf", grouped, filters)
    return _back(y.reshape(at.shape), data_format)


def depthwise_conv(x: Array, kernel: Array, *args: Any, **options: Any) -> Array:
    """Return the convolution of each channel with its own filters."""
    *sizes, channels, multiplier = kernel.shape
    return conv(x, kernel.reshape(*sizes, 1, channels * multiplier), *args, **options)


def conv_transpose(
    x: Array,
    kernel: Array,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    groups: int = 1,
) -> Array:
    """Return the sum of the kernels, one for each element of ``x`` and times it."""
    x = _layout(x, data_format)
    at = transposed_windows(
        "", x.shape, kernel.shape, strides, padding, dilation_rate, groups
    )
    if 0 in at.shape:
        return _back(np.zeros(at.shape, np.result_type(x, kernel)), data_format)
    spatial, channels = x.shape[1:-1], x.shape[-1]
    reach = [
        (n - 1) * stride + (size - 1) * apart + 1
        for n, stride, size, apart in zip(
            spatial, at.strides, at.sizes, at.dilations, strict=True
        )
    ]
    parts = x.reshape(len(x), -1, groups, channels // groups)
    filters = kernel.reshape(-1, kernel.shape[-2], groups, channels // groups)
    terms = np.einsum("bwgc,efgc->bwegf", parts, filters)
    terms = terms.reshape(len(x), *terms.shape[1:3], -1)
    whole = np.zeros((len(x), int(np.prod(reach)), at.shape[-1]), terms.dtype)
    places = _places(at, spatial)
    rows = np.arange(len(x)).reshape(-1, *(1,) * places.ndim)
    np.add.at(whole, (rows, places[None]), terms)
    whole = whole.reshape(len(x), *reach, -1)
    lows = [low for low, _ in at.pads]
    ends = [
        (0, max(0, low + n - size))
        for low, n, size in zip(lows, at.shape[1:-1], reach, strict=True)
    ]
    whole = np.pad(whole, [(0, 0), *ends, (0, 0)])
    cut = (slice(low, low + n) for low, n in zip(lows, at.shape[1:-1], strict=True))
    return _back(whole[(slice(None), *cut)], data_format)


def max_pool(
    x: Array,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Return the largest element of each window."""
    x = _layout(x, data_format)
    at = pool_windows("max_pool", x.shape, pool_size, strides, padding)
    if 0 in at.shape:
        return _back(np.zeros(at.shape), data_format)
    seen = _windows(x, at, at.shape[1:-1], -np.inf)
    return _back(np.max(seen, axis=2).reshape(at.shape), data_format)


def average_pool(
    x: Array,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Return the mean of each window's elements that are no padding."""
    x = _layout(x, data_format)
    at = pool_windows("average_pool", x.shape, pool_size, strides, padding)
    if 0 in at.shape:
        return _back(np.zeros(at.shape), data_format)
    total = _windows(x, at, at.shape[1:-1], 0.0).sum(2)
    inside = _windows(np.ones_like(x), at, at.shape[1:-1], 0.0).sum(2)
    return _back((total / inside).reshape(at.shape), data_format)
