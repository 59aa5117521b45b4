"""Windows that slide over an input: sizes, strides, padding, the shape of the result.

Shapes are channels-last, ``(batch, *spatial, channels)``, with one to three spatial
dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

from unifiedml._rules.options import positive_integer
from unifiedml._rules.shapes import Shape

__all__ = [
    "DataFormat",
    "Padding",
    "Pads",
    "Sizes",
    "Windows",
    "conv_windows",
    "is_channels_first",
    "nearest",
    "per_dimension",
    "pool_windows",
    "to_first",
    "to_last",
    "transposed_windows",
    "two_nearest",
]

Sizes: TypeAlias = tuple[int, ...]
Pads: TypeAlias = tuple[tuple[int, int], ...]
Padding: TypeAlias = Literal["valid", "same"]
DataFormat: TypeAlias = Literal["channels_last", "channels_first"]


class Windows(NamedTuple):
    """Where windows lie, one entry for each spatial dimension.

    Attributes:
        sizes: Of one window.
        strides: From one window to the next.
        pads: Elements that are added before and after the input.
        dilations: From one element of a window to the next.
        groups: Into how many parts the channels are divided.
        shape: Of the result.
    """

    sizes: Sizes
    strides: Sizes
    pads: Pads
    dilations: Sizes
    groups: int
    shape: Shape

    def lifted(self) -> Windows:
        """Return the same over an input with a dimension of size 1 in front.

        The stride of that dimension makes no difference: some kernels want all strides
        to be equal.
        """
        return Windows(
            (1, *self.sizes),
            (self.strides[0], *self.strides),
            ((0, 0), *self.pads),
            (1, *self.dilations),
            self.groups,
            (self.shape[0], 1, *self.shape[1:]),
        )


def conv_windows(
    name: str,
    shape: Shape,
    kernel: Shape,
    strides: Any,
    padding: str | Pads,
    dilation_rate: Any,
) -> Windows:
    """Return the windows of a convolution.

    Args:
        name: Of the operation, for messages.
        shape: Of the input, ``(batch, *spatial, channels)``.
        kernel: Shape ``(*sizes, channels / groups, filters)``.
        strides: One for all dimensions, or one each.
        padding: ``"valid"``, ``"same"``, or how much before and after.
        dilation_rate: As ``strides``.

    Raises:
        ValueError: The shapes do not fit, or an option is none that there is.

    Example:
        >>> conv_windows("conv", (2, 8, 8, 3), (3, 3, 3, 4), 2, "same", 1).shape
        (2, 4, 4, 4)
    """
    rank = _rank(name, shape, kernel)
    sizes, channels, filters = kernel[:rank], shape[-1], kernel[-1]
    inner = kernel[-2]
    _check_not_empty(name, kernel, channels)
    if channels % inner:
        raise ValueError(
            f"{name}: a kernel of shape {kernel} takes {inner} channels, or several "
            f"groups of as many, and the input of shape {shape} has {channels}"
        )
    groups = channels // inner
    _check_groups(name, groups, filters, "filters")
    found = _slide(name, shape[1:-1], sizes, strides, padding, dilation_rate)
    strides, pads, dilations, spatial = found
    result = (shape[0], *spatial, filters)
    return Windows(sizes, strides, pads, dilations, groups, result)


def pool_windows(
    name: str, shape: Shape, pool_size: Any, strides: Any, padding: str
) -> Windows:
    """Return the windows of a pooling; without strides they lie side by side.

    Raises:
        ValueError: The shapes do not fit, or an option is none that there is.

    Example:
        >>> pool_windows("max_pool", (2, 5, 5, 3), 2, None, "valid").shape
        (2, 2, 2, 3)
    """
    rank = len(shape) - 2
    if not 1 <= rank <= 3:
        raise ValueError(f"{name} takes {_INPUTS}, not an input of shape {shape}")
    sizes = per_dimension("pool_size", pool_size, rank)
    strides = sizes if strides is None else strides
    found = _slide(name, shape[1:-1], sizes, strides, padding, 1)
    strides, pads, dilations, spatial = found
    result = (shape[0], *spatial, shape[-1])
    return Windows(sizes, strides, pads, dilations, 1, result)


def transposed_windows(
    name: str,
    shape: Shape,
    kernel: Shape,
    strides: Any,
    padding: str,
    dilation_rate: Any,
    groups: int,
) -> Windows:
    """Return the windows that the input's elements are spread over.

    They are those of the convolution from the result back to the input: "same" makes
    the result ``strides`` times as large as the input, "valid" keeps all that a window
    reaches.

    Args:
        name: Of the operation, for messages.
        shape: Of the input, ``(batch, *spatial, channels)``.
        kernel: Shape ``(*sizes, filters / groups, channels)``.
        strides: One for all dimensions, or one each.
        padding: ``"valid"`` or ``"same"``.
        dilation_rate: As ``strides``.
        groups: Into how many parts the channels are divided.

    Raises:
        ValueError: The shapes do not fit, or an option is none that there is.

    Example:
        >>> transposed_windows("", (2, 4, 4, 3), (3, 3, 5, 3), 2, "same", 1, 1).shape
        (2, 8, 8, 5)
    """
    rank = _rank(name, shape, kernel)
    sizes, channels = kernel[:rank], shape[-1]
    _check_not_empty(name, kernel, channels)
    if kernel[-1] != channels:
        raise ValueError(
            f"{name}: a kernel of shape {kernel} takes {kernel[-1]} channels, and the "
            f"input of shape {shape} has {channels}"
        )
    groups = positive_integer("groups", groups)
    _check_groups(name, groups, channels, "channels")
    strides = per_dimension("strides", strides, rank)
    dilations = per_dimension("dilation_rate", dilation_rate, rank)
    same = _is_same(padding)
    pads, spatial = [], []
    for n, k, s, d in zip(shape[1:-1], sizes, strides, dilations, strict=True):
        beyond = max((k - 1) * d + 1 - s, 0)
        spatial.append(n * s + (beyond if n and not same else 0))
        pads.append((beyond // 2, beyond - beyond // 2) if same else (0, 0))
    result = (shape[0], *spatial, kernel[-2] * groups)
    return Windows(sizes, strides, tuple(pads), dilations, groups, result)


def per_dimension(name: str, value: Any, rank: int) -> Sizes:
    """Return an option, a positive integer or one for each dimension, as a tuple.

    Raises:
        ValueError: It is neither.

    Example:
        >>> per_dimension("strides", 2, 3)
        (2, 2, 2)
    """
    if not isinstance(value, Iterable):
        return (positive_integer(name, value),) * rank
    given = tuple(value)
    if len(given) != rank:
        raise ValueError(
            f"{name} is one integer, or {rank} of them for {rank} spatial dimensions, "
            f"not {value!r}"
        )
    return tuple(positive_integer(name, one) for one in given)


def is_channels_first(data_format: str | None) -> bool:
    """Tell whether channels come before the spatial dimensions; None is after.

    Raises:
        ValueError: It is no data format.
    """
    if data_format in (None, "channels_last"):
        return False
    if data_format == "channels_first":
        return True
    raise ValueError(
        f"data_format is 'channels_last' or 'channels_first', not {data_format!r}"
    )


def to_last(ndim: int) -> tuple[int, ...]:
    """Return the order of dimensions that moves channels from second place to last."""
    return (0, *range(2, ndim), 1)


def to_first(ndim: int) -> tuple[int, ...]:
    """Return the order of dimensions that moves channels from last place to second."""
    return (0, ndim - 1, *range(1, ndim - 1))


_INPUTS = (
    "inputs with one to three spatial dimensions, (batch, *spatial, channels) or, "
    "with data_format='channels_first', (batch, channels, *spatial)"
)


def _rank(name: str, shape: Shape, kernel: Shape) -> int:
    rank = len(shape) - 2
    if not 1 <= rank <= 3:
        raise ValueError(f"{name} takes {_INPUTS}, not an input of shape {shape}")
    if len(kernel) != rank + 2:
        raise ValueError(
            f"{name}: an input of shape {shape} needs a kernel of {rank + 2} "
            f"dimensions, not one of shape {kernel}"
        )
    return rank


def _check_not_empty(name: str, kernel: Shape, channels: int) -> None:
    if 0 in kernel or not channels:
        raise ValueError(
            f"{name} needs channels, filters and windows of at least one element; the "
            f"input has {channels} channels, the kernel the shape {kernel}"
        )


def _check_groups(name: str, groups: int, count: int, what: str) -> None:
    if count % groups:
        raise ValueError(f"{name}: {count} {what} do not fall into {groups} groups")


def _is_same(padding: Any) -> bool:
    if padding not in ("valid", "same"):
        raise ValueError(f"padding is 'valid' or 'same', not {padding!r}")
    return bool(padding == "same")


def _slide(
    name: str,
    spatial: Shape,
    sizes: Sizes,
    strides: Any,
    padding: str | Pads,
    dilation_rate: Any,
) -> tuple[Sizes, Pads, Sizes, Shape]:
    """Return strides, padding, dilations and the spatial shape of the result."""
    strides = per_dimension("strides", strides, len(spatial))
    dilations = per_dimension("dilation_rate", dilation_rate, len(spatial))
    reaches = tuple((k - 1) * d + 1 for k, d in zip(sizes, dilations, strict=True))
    if isinstance(padding, tuple):
        pads = padding
    elif _is_same(padding):
        pads = tuple(map(_same_pads, spatial, reaches, strides))
    else:
        pads = ((0, 0),) * len(spatial)
    result = []
    for n, reach, stride, pad in zip(spatial, reaches, strides, pads, strict=True):
        left = n + sum(pad) - reach
        if left < 0 and n:
            raise ValueError(
                f"{name}: windows that reach over {reaches} elements do not fit into "
                f"an input of spatial shape {spatial} with padding {padding!r}"
            )
        result.append(left // stride + 1 if n else 0)
    if 0 in spatial and not (isinstance(padding, str) and _is_same(padding)):
        raise ValueError(
            f"{name}: windows that reach over {reaches} elements do not fit into an "
            f"input of spatial shape {spatial}"
        )
    return strides, pads, dilations, tuple(result)


def _same_pads(size: int, reach: int, stride: int) -> tuple[int, int]:
    """Return the padding that makes ``ceil(size / stride)`` windows fit.

    Where it is odd, the additional element comes after the input, as in TensorFlow.
    """
    count = -(-size // stride)
    total = max((count - 1) * stride + reach - size, 0) if size else 0
    return total // 2, total - total // 2


def nearest(size: int, count: int) -> list[int]:
    """Return, for each of ``count`` new pixels, the old one that its centre lies in.

    Example:
        >>> nearest(2, 3)
        [0, 1, 1]
    """
    return [(2 * i + 1) * size // (2 * count) for i in range(count)]


def two_nearest(size: int, count: int) -> tuple[list[int], list[int], list[float]]:
    """Return the two old pixels around each new one, and how far it is from the first.

    Example:
        >>> two_nearest(2, 4)
        ([0, 0, 0, 1], [1, 1, 1, 1], [0.0, 0.25, 0.75, 0.0])
    """
    low, high, weights = [], [], []
    for i in range(count):
        # The centre of the new pixel, in units of 1 / (2 * count) old pixels.
        whole, rest = divmod(max((2 * i + 1) * size - count, 0), 2 * count)
        last = whole >= size - 1
        low.append(size - 1 if last else whole)
        high.append(size - 1 if last else whole + 1)
        weights.append(0.0 if last else rest / (2 * count))
    return low, high, weights
