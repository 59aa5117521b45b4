"""Pooling: the largest element, or the mean, of windows; and resizing.

Inputs are ``(batch, *spatial, channels)`` with one to three spatial dimensions, or
``(batch, channels, *spatial)`` with ``data_format="channels_first"``. To pool a whole
image, reduce its dimensions: ``um.mean(x, axis=(1, 2))``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import DTYPES
from unifiedml._rules.windows import (
    DataFormat,
    Padding,
    Windows,
    nearest,
    per_dimension,
    pool_windows,
    two_nearest,
)
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, REAL_FLOATING, Op, apply, as_tensors
from unifiedml.ops._spatial import channels_last, in_layout, slid
from unifiedml.ops.conversion import from_array
from unifiedml.ops.indexing import take

__all__ = ["average_pool", "max_pool", "resize"]

_AVERAGE_POOL = Op("average_pool", REAL_FLOATING)
_MAX_POOL = Op("max_pool", REAL_FLOATING)
_RESIZE = Op("resize", REAL_FLOATING)
_RESIZE_NEAREST = Op("resize", ANY)

Steps = int | tuple[int, ...]


def max_pool(
    inputs: Operand,
    pool_size: Steps,
    /,
    strides: Steps | None = None,
    padding: Padding = "valid",
    *,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Return the largest element of each window, in each channel.

    A window with a NaN gives NaN. The gradient goes to the first of several largest
    elements, in the order of the dimensions. Padding is never the largest.

    Args:
        inputs: Shape ``(batch, *spatial, channels)``.
        pool_size: The size of a window; one number, or one for each dimension.
        strides: From one window to the next; default: windows lie side by side.
        padding: ``"valid"`` for windows inside the input only, ``"same"`` for a result
            of size ``ceil(size / stride)``.
        data_format: ``"channels_last"``, the default, or ``"channels_first"``.

    Returns:
        Shape ``(batch, *spatial, channels)``.

    Raises:
        TypeError: ``inputs`` is not real floating-point.
        ValueError: A window does not fit into the input.

    Example:
        >>> import unifiedml as um
        >>> um.max_pool(um.tensor([[[1.0], [3.0], [2.0], [0.0]]]), 2).tolist()
        [[[3.0], [2.0]]]
    """
    return _pooled(_MAX_POOL, inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Operand,
    pool_size: Steps,
    /,
    strides: Steps | None = None,
    padding: Padding = "valid",
    *,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Return the mean of each window, in each channel; padding does not count.

    Args:
        inputs: As in `max_pool`.
        pool_size: As in `max_pool`.
        strides: As in `max_pool`.
        padding: As in `max_pool`.
        data_format: As in `max_pool`.

    Returns:
        Shape ``(batch, *spatial, channels)``.

    Raises:
        TypeError: ``inputs`` is not real floating-point.
        ValueError: A window does not fit into the input.

    Example:
        >>> import unifiedml as um
        >>> um.average_pool(um.tensor([[[1.0], [3.0], [2.0], [0.0]]]), 2).tolist()
        [[[2.0], [1.0]]]
    """
    return _pooled(_AVERAGE_POOL, inputs, pool_size, strides, padding, data_format)


def _pooled(
    op: Op,
    inputs: Operand,
    pool_size: Steps,
    strides: Steps | None,
    padding: str,
    data_format: str | None,
) -> Tensor:
    (x,) = as_tensors(op, inputs)
    x = channels_last(x, data_format)
    found = pool_windows(op.name, x.shape, pool_size, strides, padding)

    def run(x: Tensor, at: Windows) -> Tensor:
        return apply(op, (x,), at.sizes, at.strides, at.pads)

    return in_layout(slid(run, x, found), data_format)


def resize(
    images: Operand,
    size: Steps,
    /,
    interpolation: Literal["bilinear", "nearest"] = "bilinear",
    *,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Return images, or signals or volumes, of another size.

    Pixel ``i`` of ``n`` is a square with its centre at ``(i + 1/2) / n``. A new pixel
    takes the old one that its centre lies in, or interpolates between the two nearest
    centres of each dimension; beyond the outermost centres the image is constant.
    Nothing is smoothed where an image gets smaller.

    Args:
        images: Shape ``(batch, *spatial, channels)``.
        size: The new size; one number, or one for each spatial dimension.
        interpolation: ``"bilinear"`` (linear in each dimension) or ``"nearest"``, which
            takes any data type.
        data_format: ``"channels_last"``, the default, or ``"channels_first"``.

    Returns:
        Shape ``(batch, *size, channels)``.

    Raises:
        TypeError: ``images`` is not real floating-point.
        ValueError: There is no such interpolation, or the images are empty.

    Example:
        >>> import unifiedml as um
        >>> um.resize(um.tensor([[[1.0], [2.0]]]), 4)[0, :, 0].tolist()
        [1.0, 1.25, 1.75, 2.0]
    """
    if interpolation not in ("bilinear", "nearest"):
        raise ValueError(
            f"interpolation is 'bilinear' or 'nearest', not {interpolation!r}"
        )
    (x,) = as_tensors(
        _RESIZE_NEAREST if interpolation == "nearest" else _RESIZE, images
    )
    x = channels_last(x, data_format)
    if not 3 <= x.ndim <= 5 or 0 in x.shape[1:-1]:
        raise ValueError(
            "resize takes images of shape (batch, *spatial, channels) with one to "
            f"three spatial dimensions and at least one pixel, not {x.shape}"
        )
    wide = x.astype(DTYPES["float32"]) if _is_narrow(x, interpolation) else x
    sizes = per_dimension("size", size, x.ndim - 2)
    for axis, count in enumerate(sizes, start=1):
        if count != x.shape[axis]:
            wide = _resized(wide, axis, count, interpolation)
    return in_layout(wide.astype(x.dtype, copy=False), data_format)


def _is_narrow(x: Tensor, interpolation: str) -> bool:
    return interpolation == "bilinear" and x.dtype.bits < 32


def _resized(x: Tensor, axis: int, count: int, interpolation: str) -> Tensor:
    size = x.shape[axis]
    if interpolation == "nearest":
        return take(x, np.asarray(nearest(size, count)), axis=axis)
    low, high, weight = map(np.asarray, two_nearest(size, count))
    shape = [1] * x.ndim
    shape[axis] = count
    beside: npt.NDArray[np.float64] = weight.reshape(shape)
    fraction = from_array(beside.astype(x.dtype.numpy), x._backend, x.device)
    first, second = take(x, low, axis=axis), take(x, high, axis=axis)
    return first * (1.0 - fraction) + second * fraction
