"""Convolutions, in one, two and three dimensions.

As in all of deep learning the kernel is not mirrored, so this is the correlation of
signal processing. Inputs are ``(batch, *spatial, channels)``, or ``(batch, channels,
*spatial)`` with ``data_format="channels_first"``; kernels are the same for both. Both
give the same numbers.

``padding="same"`` makes the result ``ceil(size / stride)`` long; an odd element of
padding comes after the input, not before it. float16 and bfloat16 are added up in
float32.
"""

from __future__ import annotations

from unifiedml._rules.windows import (
    DataFormat,
    Padding,
    Pads,
    Windows,
    conv_windows,
    transposed_windows,
)
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import REAL_FLOATING, Op, apply, as_tensors
from unifiedml.ops._spatial import channels_last, in_layout, lifted, slid
from unifiedml.ops.manipulation import reshape

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]

_CONV = Op("conv", REAL_FLOATING)
_CONV_TRANSPOSE = Op("conv_transpose", REAL_FLOATING)
_DEPTHWISE = Op("depthwise_conv", REAL_FLOATING)
_SEPARABLE = Op("separable_conv", REAL_FLOATING)

Steps = int | tuple[int, ...]


def conv(
    inputs: Operand,
    kernel: Operand,
    /,
    strides: Steps = 1,
    padding: Padding | Pads = "valid",
    *,
    data_format: DataFormat | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Return the convolution of ``inputs`` with ``kernel``.

    Args:
        inputs: Shape ``(batch, *spatial, channels)``, with one to three spatial
            dimensions.
        kernel: Shape ``(*sizes, channels / groups, filters)``. Where it has fewer
            channels than the input, these fall into groups, each with its own part of
            the filters.
        strides: From one window to the next; one number, or one for each dimension.
        padding: ``"valid"`` for windows inside the input only, ``"same"`` for a result
            as large as the input (divided by the strides), or a tuple of pairs: zeros
            before and after each spatial dimension.
        data_format: ``"channels_last"``, the default, or ``"channels_first"``.
        dilation_rate: From one element of a window to the next.

    Returns:
        Shape ``(batch, *spatial, filters)``.

    Raises:
        TypeError: The operands are not real floating-point.
        ValueError: The shapes do not fit, a window does not fit into the input, or
            there are no channels.

    Example:
        >>> import unifiedml as um
        >>> um.conv(um.ones((1, 3, 3, 1)), um.ones((2, 2, 1, 1)))[0, :, :, 0].tolist()
        [[4.0, 4.0], [4.0, 4.0]]

    Reference:
        Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep
        learning".
    """
    x, w = as_tensors(_CONV, inputs, kernel)
    x = channels_last(x, data_format)
    found = conv_windows("conv", x.shape, w.shape, strides, padding, dilation_rate)
    return in_layout(_convolved(x, w, found), data_format)


def _convolved(x: Tensor, kernel: Tensor, windows: Windows) -> Tensor:
    def run(x: Tensor, at: Windows) -> Tensor:
        w = kernel if kernel.ndim == x.ndim else lifted(kernel, 0)
        static = (at.strides, at.pads, at.dilations, at.groups)
        return apply(_CONV, (x, w), *static)

    return slid(run, x, windows)


def depthwise_conv(
    inputs: Operand,
    kernel: Operand,
    /,
    strides: Steps = 1,
    padding: Padding | Pads = "valid",
    *,
    data_format: DataFormat | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Return the convolution of each channel with its own filters.

    Args:
        inputs: Shape ``(batch, *spatial, channels)``.
        kernel: Shape ``(*sizes, channels, multiplier)``: so many filters a channel.
        strides: As in `conv`.
        padding: As in `conv`.
        data_format: As in `conv`.
        dilation_rate: As in `conv`.

    Returns:
        Shape ``(batch, *spatial, channels * multiplier)``, the filters of the first
        channel first.

    Raises:
        TypeError: The operands are not real floating-point.
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([[[1.0, 10.0], [2.0, 20.0]]])
        >>> um.depthwise_conv(x, um.ones((2, 2, 1))).tolist()
        [[[3.0, 30.0]]]

    Reference:
        Sifre (2014), "Rigid-motion scattering for image classification", section 6.2.
    """
    x, w = as_tensors(_DEPTHWISE, inputs, kernel)
    x = channels_last(x, data_format)
    w = _by_channel("depthwise_conv", x, w)
    name = "depthwise_conv"
    found = conv_windows(name, x.shape, w.shape, strides, padding, dilation_rate)
    return in_layout(_convolved(x, w, found), data_format)


def _by_channel(name: str, x: Tensor, kernel: Tensor) -> Tensor:
    """Return a kernel of one group for each channel."""
    if kernel.ndim != x.ndim or x.ndim < 3 or kernel.shape[-2] != x.shape[-1]:
        raise ValueError(
            f"{name} takes inputs of shape (batch, *spatial, channels) and a kernel of "
            f"shape (*sizes, channels, multiplier), not {x.shape} and {kernel.shape}"
        )
    *sizes, channels, multiplier = kernel.shape
    return reshape(kernel, (*sizes, 1, channels * multiplier))


def separable_conv(
    inputs: Operand,
    depthwise_kernel: Operand,
    pointwise_kernel: Operand,
    /,
    strides: Steps = 1,
    padding: Padding | Pads = "valid",
    *,
    data_format: DataFormat | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Return a `depthwise_conv` followed by a `conv` that mixes the channels.

    Args:
        inputs: Shape ``(batch, *spatial, channels)``.
        depthwise_kernel: Shape ``(*sizes, channels, multiplier)``.
        pointwise_kernel: Shape ``(*ones, channels * multiplier, filters)``.
        strides: Of the first convolution, as in `conv`.
        padding: Of the first convolution, as in `conv`.
        data_format: As in `conv`.
        dilation_rate: Of the first convolution, as in `conv`.

    Returns:
        Shape ``(batch, *spatial, filters)``.

    Raises:
        TypeError: The operands are not real floating-point.
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([[[1.0, 10.0], [2.0, 20.0]]])
        >>> um.separable_conv(x, um.ones((2, 2, 1)), um.ones((1, 2, 1))).tolist()
        [[[33.0]]]

    Reference:
        Chollet (2017), "Xception: Deep Learning with Depthwise Separable
        Convolutions".
    """
    x, w, v = as_tensors(_SEPARABLE, inputs, depthwise_kernel, pointwise_kernel)
    mixed = depthwise_conv(
        x,
        w,
        strides,
        padding,
        data_format=data_format,
        dilation_rate=dilation_rate,
    )
    return conv(mixed, v, data_format=data_format)


def conv_transpose(
    inputs: Operand,
    kernel: Operand,
    /,
    strides: Steps = 1,
    padding: Padding = "valid",
    *,
    data_format: DataFormat | None = None,
    dilation_rate: Steps = 1,
    groups: int = 1,
) -> Tensor:
    """Return what a convolution's gradient makes of ``inputs``: an enlarged image.

    Each element of the input is multiplied with the kernel, and the products are added
    up ``strides`` apart. For ``"same"``, what lies beyond ``strides`` times the size of
    the input is cut off, half before and, if it is odd, one element more after.

    Args:
        inputs: Shape ``(batch, *spatial, channels)``.
        kernel: Shape ``(*sizes, filters / groups, channels)``.
        strides: How far apart; one number, or one for each dimension.
        padding: ``"valid"`` for a result of size ``size * stride + max(reach - stride,
            0)``, where a kernel of size k reaches over ``(k - 1) * dilation_rate + 1``
            elements; ``"same"`` for ``size * stride``.
        data_format: As in `conv`.
        dilation_rate: As in `conv`.
        groups: Into how many parts the channels of the input are divided.

    Returns:
        Shape ``(batch, *spatial, filters)``.

    Raises:
        TypeError: The operands are not real floating-point.
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([[[1.0], [2.0]]])
        >>> um.conv_transpose(x, um.ones((2, 1, 1)), 2)[0, :, 0].tolist()
        [1.0, 1.0, 2.0, 2.0]

    Reference:
        Zeiler, Krishnan, Taylor and Fergus (2010), "Deconvolutional networks".
    """
    x, w = as_tensors(_CONV_TRANSPOSE, inputs, kernel)
    x = channels_last(x, data_format)
    found = transposed_windows(
        "conv_transpose", x.shape, w.shape, strides, padding, dilation_rate, groups
    )

    def run(x: Tensor, at: Windows) -> Tensor:
        filters = w if w.ndim == x.ndim else lifted(w, 0)
        static = (at.shape[1:-1], at.strides, at.pads, at.dilations, at.groups)
        return apply(_CONV_TRANSPOSE, (x, filters), *static)

    return in_layout(slid(run, x, found), data_format)
