"""Convolution and pooling, channels last.

On the CPU, TensorFlow's own kernels differentiate no dilated or grouped convolution;
those of oneDNN, which some machines have for some data types, do. Where there are none,
kernels are widened with zeros and channels divided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from unifiedml_tensorflow._elementwise import isfinite, isnan, where
from unifiedml_tensorflow._import import integers, kernel, tf
from unifiedml_tensorflow._shape import reshape

__all__ = ["average_pool", "conv", "conv_transpose", "max_pool"]

Tensor = Any
Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]
raw = tf.raw_ops
_NONE: Final = (0, 0)

_average_pool = kernel(raw.AvgPool)
_conv = kernel(raw.Conv2D)
_conv_3d = kernel(raw.Conv3D)
_depthwise = kernel(raw.DepthwiseConv2dNative)
_max_pool = kernel(raw.MaxPool)
_pad = kernel(raw.Pad)
_sum = kernel(raw.Sum)
_transposed = kernel(raw.Conv2DBackpropInput)
_transposed_3d = kernel(raw.Conv3DBackpropInputV2)


def _all(sizes: Sizes) -> list[int]:
    """Return an option for all dimensions, batch and channels too."""
    return [1, *sizes, 1]


@cache
def _is_complete(dtype: Any, rank: int, device: str) -> bool:
    """Tell whether kernels differentiate dilated and grouped convolutions."""
    side, dilations = (3,) * rank, (2,) * rank
    with tf.init_scope(), tf.device(device):
        x, y = tf.ones((1, *side, 2), dtype), tf.ones((1, *(1,) * rank, 2), dtype)
        filters = tf.ones((*(2,) * rank, 1, 2), dtype)
        one, pads = (1,) * rank, ((0, 0),) * rank
        try:
            _filled(tuple(x.shape), filters, y, one, pads, dilations)
        except tf.errors.OpError:
            return False
    return True


def _wide(x: Tensor, dilations: Sizes) -> Tensor:
    """Return a kernel with zeros between its elements."""
    shape = list(x.shape)
    for axis, (size, apart) in enumerate(zip(shape, dilations, strict=False)):
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        rows = reshape(x, (before, size, after))
        rows = _pad(rows, [_NONE, _NONE, (0, (apart - 1) * after)])
        shape[axis] = (size - 1) * apart + 1
        rows = reshape(rows, (before, size * apart, after))
        x = reshape(rows[:, : shape[axis]], tuple(shape))
    return x


def _divided(x: Tensor, kernel: Tensor, groups: int) -> Any:
    parts = tf.split(x, groups, -1), tf.split(kernel, groups, -1)
    return zip(*parts, strict=True)


def _named(pads: Pads, dilations: Sizes = ()) -> tuple[str, list[int]]:
    """Return padding as kernels take it: without any those for 0 are slower."""
    flat = [size for pad in (_NONE, *pads, _NONE) for size in pad]
    plain = not any(flat) and max(dilations, default=1) == 1
    return ("VALID", []) if plain else ("EXPLICIT", flat)


def _slid(
    x: Tensor, kernel: Tensor, strides: Sizes, pads: Pads, dilations: Sizes
) -> Tensor:
    steps, apart = _all(strides), _all(dilations)
    if len(strides) == 2:
        padding, flat = _named(pads, dilations)
        return _conv(x, kernel, steps, padding, True, flat, "NHWC", apart)
    if any(map(any, pads)):
        x = _pad(x, [_NONE, *pads, _NONE])
    return _conv_3d(x, kernel, steps, "VALID", "NDHWC", apart)


def conv(
    x: Tensor,
    kernel: Tensor,
    strides: Sizes,
    pads: Pads,
    dilations: Sizes,
    groups: int,
    /,
) -> Tensor:
    rank = len(strides)
    if groups == 1 and max(dilations) == 1:
        return _slid(x, kernel, strides, pads, dilations)
    complete = _is_complete(x.dtype, rank, x.device)
    if max(dilations) > 1 and not complete:
        kernel, dilations = _wide(kernel, dilations), (1,) * rank
    if groups == x.shape[-1] and rank == 2 and max(dilations) == 1:
        return _by_channel(x, kernel, strides, pads)
    if groups == 1 or complete:
        return _slid(x, kernel, strides, pads, dilations)
    parts = _divided(x, kernel, groups)
    return tf.concat([_slid(a, k, strides, pads, dilations) for a, k in parts], -1)


def _by_channel(x: Tensor, kernel: Tensor, strides: Sizes, pads: Pads) -> Tensor:
    height, width, _, filters = kernel.shape
    channels = x.shape[-1]
    shape = (height, width, channels, filters // channels)
    # The kernel wants equal strides.
    down, right = strides
    step = down if down == right else 1
    filters = reshape(kernel, shape)
    y = _depthwise(x, filters, [1, step, step, 1], *_named(pads))
    return y if down == right else y[:, ::down, ::right]


def _filled(
    shape: Sizes,
    kernel: Tensor,
    x: Tensor,
    strides: Sizes,
    pads: Pads,
    dilations: Sizes,
) -> Tensor:
    """Return the gradient of a convolution for an input of ``shape``."""
    steps, apart = _all(strides), _all(dilations)
    if len(strides) == 2:
        padding, flat = _named(pads, dilations)
        return _transposed(
            integers(shape), kernel, x, steps, padding, True, flat, "NHWC", apart
        )
    wide = [n + sum(pad) for n, pad in zip(shape[1:-1], pads, strict=True)]
    sizes = integers((shape[0], *wide, shape[-1]))
    y = _transposed_3d(sizes, kernel, x, steps, "VALID", "NDHWC", apart)
    inside = zip(pads, shape[1:-1], strict=True)
    return y[(slice(None), *(slice(low, low + n) for (low, _), n in inside))]


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
    rank = len(strides)
    complete = _is_complete(x.dtype, rank, x.device)
    if max(dilations) > 1 and not complete:
        kernel, dilations = _wide(kernel, dilations), (1,) * rank
    channels = kernel.shape[-2]
    if groups == 1 or complete:
        shape = (x.shape[0], *spatial, channels * groups)
        return _filled(shape, kernel, x, strides, pads, dilations)
    shape = (x.shape[0], *spatial, channels)
    parts = _divided(x, kernel, groups)
    return tf.concat(
        [_filled(shape, k, a, strides, pads, dilations) for a, k in parts], -1
    )


# --- pooling ------------------------------------------------------------------------


def _padding(pads: Pads) -> str:
    return "SAME" if any(any(pad) for pad in pads) else "VALID"


def _by_planes(
    pool: Callable[..., Tensor], x: Tensor, sizes: Sizes, strides: Sizes, pads: Pads
) -> Tensor:
    """Apply a pooling to planes, and where there are three dimensions to what is left.

    The kernels for three have no float64; the gradient of that for the largest element
    gives each of several largest ones all.
    """
    if len(sizes) == 2:
        return pool(x, _all(sizes), _all(strides), _padding(pads))
    batch, depth, height, width, channels = x.shape
    planes = reshape(x, (batch * depth, height, width, channels))
    planes = _by_planes(pool, planes, sizes[1:], strides[1:], pads[1:])
    _, height, width, _ = planes.shape
    lines = reshape(planes, (batch, depth, height * width, channels))
    y = _by_planes(pool, lines, (sizes[0], 1), (strides[0], 1), (pads[0], _NONE))
    return reshape(y, (batch, y.shape[1], height, width, channels))


def max_pool(x: Tensor, sizes: Sizes, strides: Sizes, pads: Pads, /) -> Tensor:
    # TensorFlow passes over NaN, and returns the least number for windows of -inf. One
    # sum, a small part of the pooling, tells whether there is any.
    y = _by_planes(_max_pool, x, sizes, strides, pads)

    def careful() -> Tensor:
        nan = _by_planes(_max_pool, tf.cast(isnan(x), x.dtype), sizes, strides, pads)
        low = where(y <= x.dtype.min, tf.constant(-float("inf"), x.dtype), y)
        return where(nan > 0, tf.constant(float("nan"), x.dtype), low)

    total = _sum(tf.stop_gradient(x), integers(tuple(range(x.ndim))))
    # The pooling itself stands outside: inside of a branch it has slower kernels.
    finite = isfinite(total)
    if tf.executing_eagerly():
        return y if finite else careful()
    return tf.cond(finite, lambda: y, careful)


def average_pool(x: Tensor, sizes: Sizes, strides: Sizes, pads: Pads, /) -> Tensor:
    return _by_planes(_average_pool, x, sizes, strides, pads)
