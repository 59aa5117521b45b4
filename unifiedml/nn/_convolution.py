"""Convolutional layers."""

from __future__ import annotations

from typing import Any, ClassVar

from unifiedml._dtypes import DType
from unifiedml._parameter import Parameter
from unifiedml._rules.options import positive_integer
from unifiedml._rules.shapes import Shape
from unifiedml._rules.windows import is_channels_first, per_dimension
from unifiedml._tensor import Tensor
from unifiedml.nn import initializers
from unifiedml.nn._activation import Function, resolve
from unifiedml.nn._input import as_input
from unifiedml.nn._lazy import Lazy
from unifiedml.ops.convolution import conv, conv_transpose, depthwise_conv
from unifiedml.ops.manipulation import reshape

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
]

Steps = int | tuple[int, ...]


class _Convolution(Lazy):
    """``activation(convolution of x with a kernel + bias)``."""

    rank: ClassVar[int]
    kernel: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        *,
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        groups: int = 1,
        activation: str | Function | None = None,
        use_bias: bool = True,
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
        dtype: DType | str = "float32",
    ) -> None:
        self.filters = positive_integer("filters", filters)
        self.groups = positive_integer("groups", groups)
        self.kernel_size = per_dimension("kernel_size", kernel_size, self.rank)
        self.activation = resolve(activation)
        self.use_bias = use_bias
        self.padding = padding
        self.data_format = data_format
        self._options: dict[str, Any] = {
            "strides": per_dimension("strides", strides, self.rank),
            "padding": padding,
            "data_format": data_format,
            "dilation_rate": per_dimension("dilation_rate", dilation_rate, self.rank),
        }
        self._is_first = is_channels_first(data_format)
        self._kernel_initializer = initializers.get(kernel_initializer)
        self._bias_initializer = initializers.get(bias_initializer)
        self.kernel = self.bias = None
        self._begin(dtype)

    def _kernel_shape(self, channels: int) -> Shape:
        if channels % self.groups:
            raise ValueError(
                f"{self!r}: {channels} channels do not fall into {self.groups} groups"
            )
        return (*self.kernel_size, channels // self.groups, self.filters)

    def _outputs(self, channels: int) -> int:
        return self.filters

    def _make(self, channels: int) -> None:
        shape = self._kernel_shape(channels)
        if self.use_bias:
            size = (self._outputs(channels),)
            self.bias = self._parameter(size, self._bias_initializer)
        self.kernel = self._parameter(shape, self._kernel_initializer)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output."""
        x = as_input(self, x, floating=True)
        place = 1 if self._is_first else -1
        if x.ndim != self.rank + 2 or not x.shape[place]:
            raise ValueError(
                f"{self!r} takes inputs of {self.rank + 2} dimensions with at least "
                f"one channel, not of shape {x.shape}"
            )
        self._build(x.shape[place], self._make, x)
        if x.shape[place] != self._input_size:
            raise ValueError(
                f"{self!r} takes {self._input_size} channels, and an input of shape "
                f"{x.shape} has {x.shape[place]}"
            )
        assert self.kernel is not None
        result = self._convolve(x, self.kernel)
        if self.bias is not None:
            ones = (1,) * self.rank
            bias = self.bias
            result = result + (reshape(bias, (-1, *ones)) if self._is_first else bias)
        return result if self.activation is None else self.activation(result)

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return conv(x, kernel, **self._options)

    def _describe(self) -> str:
        return f"{self.filters}, kernel_size={self.kernel_size}"


class Conv1D(_Convolution):
    """A convolution of signals; arguments as of `Conv2D`.

    Shape:
        ``(batch, steps, channels)`` to ``(batch, steps, filters)``.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Conv1D(4, 3, padding="same")(um.ones((2, 8, 3))).shape
        (2, 8, 4)
    """

    rank = 1


class Conv2D(_Convolution):
    """A convolution of images.

    Args:
        filters: How many channels the result has.
        kernel_size: One number, or one for each dimension.
        strides: From one window to the next; one number, or one for each dimension.
        padding: ``"valid"`` or ``"same"``; see `um.conv`.
        data_format: ``"channels_last"``, the default, or ``"channels_first"``.
        dilation_rate: From one element of a window to the next.
        groups: Into how many parts the channels are divided.
        activation: A function of one tensor, or the name of one, such as ``"relu"``.
        use_bias: Whether to add a bias.
        kernel_initializer: How the kernel starts; see `um.nn.initializers`.
        bias_initializer: How the bias starts.
        dtype: Data type of the parameters.

    Attributes:
        kernel: Shape ``(*kernel_size, channels / groups, filters)``.
        bias: Shape ``(filters,)``, or None.

    Shape:
        ``(batch, height, width, channels)`` to ``(batch, height, width, filters)``.

    Raises:
        ValueError: The input has another number of dimensions or of channels.
        TypeError: The input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Conv2D(4, 3, strides=2)(um.ones((2, 9, 9, 3))).shape
        (2, 4, 4, 4)

    Reference:
        Defaults as in Keras: a Glorot-uniform kernel, a bias of zeros.
    """

    rank = 2


class Conv3D(_Convolution):
    """A convolution of volumes; arguments as of `Conv2D`.

    Shape:
        ``(batch, depth, height, width, channels)``, and the same with ``filters``.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Conv3D(4, 3)(um.ones((2, 5, 5, 5, 1))).shape
        (2, 3, 3, 3, 4)
    """

    rank = 3


class _Transpose(_Convolution):
    def _kernel_shape(self, channels: int) -> Shape:
        if self.filters % self.groups or channels % self.groups:
            raise ValueError(
                f"{self!r}: {channels} channels and {self.filters} filters do not fall "
                f"into {self.groups} groups"
            )
        return (*self.kernel_size, self.filters // self.groups, channels)

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return conv_transpose(x, kernel, groups=self.groups, **self._options)


class Conv1DTranspose(_Transpose):
    """A transposed convolution of signals; see `um.conv_transpose`.

    Arguments are those of `Conv2D`; the kernel has the shape ``(kernel_size, filters /
    groups, channels)``.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Conv1DTranspose(4, 3, 2, "same")(um.ones((2, 8, 3))).shape
        (2, 16, 4)
    """

    rank = 1


class Conv2DTranspose(_Transpose):
    """A transposed convolution of images; see `um.conv_transpose`.

    Arguments are those of `Conv2D`; the kernel has the shape ``(*kernel_size, filters /
    groups, channels)``.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Conv2DTranspose(4, 3, 2, "same")(um.ones((2, 8, 8, 3))).shape
        (2, 16, 16, 4)
    """

    rank = 2


class Conv3DTranspose(_Transpose):
    """A transposed convolution of volumes; see `um.conv_transpose`.

    Arguments are those of `Conv2D`; the kernel has the shape ``(*kernel_size, filters /
    groups, channels)``.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Conv3DTranspose(4, 2, 2)(um.ones((2, 3, 3, 3, 3))).shape
        (2, 6, 6, 6, 4)
    """

    rank = 3


class _Depthwise(_Convolution):
    def __init__(
        self,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        *,
        depth_multiplier: int = 1,
        **options: Any,
    ) -> None:
        self.depth_multiplier = positive_integer("depth_multiplier", depth_multiplier)
        super().__init__(depth_multiplier, kernel_size, strides, padding, **options)

    def _kernel_shape(self, channels: int) -> Shape:
        return (*self.kernel_size, channels, self.depth_multiplier)

    def _outputs(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return depthwise_conv(x, kernel, **self._options)


class DepthwiseConv1D(_Depthwise):
    """A convolution of each channel of signals; arguments as of `DepthwiseConv2D`.

    Example:
        >>> import unifiedml as um
        >>> um.nn.DepthwiseConv1D(3)(um.ones((2, 8, 3))).shape
        (2, 6, 3)
    """

    rank = 1


class DepthwiseConv2D(_Depthwise):
    """A convolution of each channel of images with its own filters.

    Args:
        kernel_size: One number, or one for each dimension.
        strides: From one window to the next.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: How many filters a channel has.
        options: Further ones of `Conv2D`, but ``groups``.

    Attributes:
        kernel: Shape ``(*kernel_size, channels, depth_multiplier)``.
        bias: Shape ``(channels * depth_multiplier,)``, or None.

    Example:
        >>> import unifiedml as um
        >>> um.nn.DepthwiseConv2D(3, depth_multiplier=2)(um.ones((2, 8, 8, 3))).shape
        (2, 6, 6, 6)
    """

    rank = 2
