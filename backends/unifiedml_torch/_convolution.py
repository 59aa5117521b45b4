"""Convolution and pooling, channels last.

PyTorch counts channels first, but a tensor that is laid out channels last keeps its
layout in these kernels: its permutations are views, no tensor is copied but kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["average_pool", "conv", "conv_transpose", "max_pool"]

# TF32 keeps 10 of float32's 23 bits. PyTorch has it off for matrix products only.
torch.backends.cudnn.allow_tf32 = False

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

_CONV: Final = {2: F.conv2d, 3: F.conv3d}
_TRANSPOSE: Final = {2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL: Final = {2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL: Final = {2: F.avg_pool2d, 3: F.avg_pool3d}


def _first(x: Tensor) -> Tensor:
    return x.permute(0, x.ndim - 1, *range(1, x.ndim - 1))


def _last(x: Tensor) -> Tensor:
    return x.permute(0, *range(2, x.ndim), 1)


def _kernel(x: Tensor) -> Tensor:
    """Return a kernel with its filters and channels in front.

    In memory of that order: some gradients of a kernel refuse any other, of one filter
    in two dimensions, or of dilated ones in float64. It costs nothing that shows.
    """
    first = x.permute(x.ndim - 1, x.ndim - 2, *range(x.ndim - 2))
    return first.contiguous(memory_format=torch.contiguous_format)


def _padded_after(x: Tensor, pads: Pads) -> Tensor:
    """Return ``x`` with what ``pads`` have after it beyond what they have before."""
    flat = [size for low, high in reversed(pads) for size in (0, high - low)]
    return F.pad(x, flat) if any(flat) else x


def _before(pads: Pads) -> Sizes:
    return tuple(low for low, _ in pads)


def conv(
    x: Tensor,
    kernel: Tensor,
    strides: Sizes,
    pads: Pads,
    dilations: Sizes,
    groups: int,
    /,
) -> Tensor:
    function = _CONV[len(strides)]
    if any(low > high for low, high in pads):
        x = F.pad(_first(x), [size for pair in reversed(pads) for size in pair])
        return _last(function(x, _kernel(kernel), None, strides, 0, dilations, groups))
    x = _padded_after(_first(x), pads)
    low = _before(pads)
    return _last(function(x, _kernel(kernel), None, strides, low, dilations, groups))


def conv_transpose(
    x: Tensor,
    kernel: Tensor,
    spatial: Sizes,
    strides: Sizes,
    pads: Pads,
    dilations: Sizes,
    groups: int,
    /,
) -> Tensor:
    # PyTorch takes one padding from both ends; what is left of the end is sliced off.
    shape = tuple(x.shape[1:-1])
    reach = tuple(
        (k - 1) * d + 1 for k, d in zip(kernel.shape, dilations, strict=False)
    )
    low = _before(pads)
    whole = [
        (n - 1) * stride + k - 2 * pad
        for n, stride, k, pad in zip(shape, strides, reach, low, strict=True)
    ]
    more = tuple(max(n - m, 0) for n, m in zip(spatial, whole, strict=True))
    function = _TRANSPOSE[len(strides)]
    y = function(
        _first(x), _kernel(kernel), None, strides, low, more, groups, dilations
    )
    inside = (slice(n) for n in spatial)
    return _last(y)[(slice(None), *inside)]


def _pool(
    function: Callable[..., Tensor],
    x: Tensor,
    sizes: Sizes,
    strides: Sizes,
    pads: Pads,
    outside: float | None,
    **options: bool,
) -> Tensor:
    """Apply a pooling with PyTorch's own padding, or else pad with ``outside``."""
    low = _before(pads)
    # The strides of one channel can mean either layout. Channels last, GPUs read wrong
    # addresses for it (PyTorch 2.11).
    x = x.reshape(len(x), 1, *x.shape[1:-1]) if x.shape[-1] == 1 else _first(x)
    places = list(zip(x.shape[2:], sizes, strides, pads, strict=True))
    wanted = [(n + sum(pad) - k) // s for n, k, s, pad in places]
    steps = [(n + 2 * pad[0] - k) / s for n, k, s, pad in places]
    # In three dimensions, windows have to fit into the input without its padding.
    if len(sizes) == 2 or all(n >= k for n, k, _, _ in places):
        if [math.floor(step) for step in steps] == wanted:
            return _last(function(x, sizes, strides, low, **options))
        # A last window may begin inside and end outside, if there is one all inside.
        if min(steps) >= 0 and [math.ceil(step) for step in steps] == wanted:
            return _last(function(x, sizes, strides, low, ceil_mode=True, **options))
    flat = [size for pad in reversed(pads) for size in pad]
    y = function(F.pad(x, flat, value=outside or 0.0), sizes, strides)
    if outside is not None:
        return _last(y)
    inside = F.pad(torch.ones_like(x[:1, :1]), flat)
    return _last(y / function(inside, sizes, strides))


def max_pool(x: Tensor, sizes: Sizes, strides: Sizes, pads: Pads, /) -> Tensor:
    function = _MAX_POOL[len(sizes)]
    return _pool(function, x, sizes, strides, pads, -math.inf)


def average_pool(x: Tensor, sizes: Sizes, strides: Sizes, pads: Pads, /) -> Tensor:
    function = _AVERAGE_POOL[len(sizes)]
    return _pool(function, x, sizes, strides, pads, None, count_include_pad=False)
