"""Normalisation: mean 0 and variance 1, or length 1, along some dimensions.

Means and variances are taken in two passes, which loses no digits to a large mean, and
variances divide by the number of elements. float16 and bfloat16 are computed in float32
and rounded once.
"""

from __future__ import annotations

import math

from unifiedml._dtypes import DTYPES
from unifiedml._rules.axes import Axis, normalize_axes, normalize_axis
from unifiedml._rules.options import positive_integer
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import REAL_FLOATING, Op, as_tensors, execute
from unifiedml.ops.arithmetic import square
from unifiedml.ops.creation import zeros_like
from unifiedml.ops.exponential import sqrt
from unifiedml.ops.indexing import getitem
from unifiedml.ops.manipulation import concat, reshape
from unifiedml.ops.reduction import mean as _mean
from unifiedml.ops.reduction import sum as _sum
from unifiedml.ops.selection import maximum, where

__all__ = [
    "batch_normalization",
    "group_normalization",
    "layer_normalization",
    "local_response_normalization",
    "moments",
    "normalize",
    "rms_normalization",
]

_LAYER = Op("layer_normalization", REAL_FLOATING)


def _operands(
    name: str, *given: Operand | None, needed: int = 1
) -> tuple[Tensor | None, ...]:
    """Return operands of one data type, in float32 at least; None stays None.

    The first ``needed`` of them are no options: None is refused.
    """
    present = [x for n, x in enumerate(given) if n < needed or x is not None]
    found = iter(as_tensors(Op(name, REAL_FLOATING), *present))
    tensors = (None if x is None else next(found) for x in given)
    return tuple(None if x is None else _wide(x) for x in tensors)


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype.bits > 16 else x.astype(DTYPES["float32"])


def _narrow(x: Tensor, like: Operand) -> Tensor:
    """Return a result in the data type of its input, if that is a 16-bit one."""
    if isinstance(like, Tensor) and like.dtype.bits == 16:
        return x.astype(like.dtype)
    return x


def _near_zero(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return ``x`` less a constant, about its mean: as good to normalise.

    The mean of what is large is rounded, to more than small deviations from it. What is
    left has a mean near 0, where nothing is lost.
    """
    return x - _mean(x, axis=axes, keepdims=True).detach()


def _standardized(x: Tensor, axes: tuple[int, ...], epsilon: float) -> Tensor:
    x = _near_zero(x, axes)
    centred = x - _mean(x, axis=axes, keepdims=True)
    variance = _mean(square(centred), axis=axes, keepdims=True)
    return centred / sqrt(variance + epsilon)


def _beside(x: Tensor, vector: Tensor, axes: tuple[int, ...], name: str) -> Tensor:
    """Return a scale or an offset of the shape of ``axes`` in the rank of ``x``."""
    sizes = tuple(x.shape[axis] for axis in axes)
    if vector.shape != sizes:
        raise ValueError(
            f"{name} of an input of shape {x.shape} along axis {axes} has the shape "
            f"{sizes}, not {vector.shape}"
        )
    return reshape(vector, [n if i in axes else 1 for i, n in enumerate(x.shape)])


def _scaled(
    x: Tensor, axes: tuple[int, ...], scale: Tensor | None, offset: Tensor | None
) -> Tensor:
    if scale is not None:
        x = x * _beside(x, scale, axes, "the scale")
    return x if offset is None else x + _beside(x, offset, axes, "the offset")


def moments(
    x: Operand, /, axes: Axis, *, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """Return mean and variance over ``axes``.

    Args:
        x: A real floating-point tensor.
        axes: The dimensions to reduce; None for all.
        keepdims: Leave the reduced dimensions with size 1.

    Returns:
        The mean and the biased variance, which divides by the number of elements.

    Raises:
        TypeError: ``x`` is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> mean, variance = um.moments(um.tensor([1.0, 3.0]), 0)
        >>> mean.item(), variance.item()
        (2.0, 1.0)
    """
    (wide,) = _operands("moments", x)
    assert wide is not None
    places = normalize_axes(axes, wide.ndim)
    mean = _mean(wide, axis=places, keepdims=True)
    variance = _mean(square(wide - mean), axis=places, keepdims=True)
    kept = [n for i, n in enumerate(wide.shape) if i not in places]
    found = (
        (mean, variance)
        if keepdims
        else tuple(reshape(one, kept) for one in (mean, variance))
    )
    return _narrow(found[0], x), _narrow(found[1], x)


def layer_normalization(
    x: Operand,
    /,
    gamma: Operand | None = None,
    beta: Operand | None = None,
    *,
    axis: Axis = -1,
    epsilon: float = 1e-5,
) -> Tensor:
    """Return ``(x - mean) / sqrt(variance + epsilon) * gamma + beta``.

    Args:
        x: A real floating-point tensor.
        gamma: The scale, of the shape of the dimensions ``axis``; default: 1.
        beta: The offset, of the same shape; default: 0.
        axis: The dimensions whose elements are normalised together.
        epsilon: Added to the variance.

    Raises:
        TypeError: An operand is not real floating-point.
        ValueError: ``gamma`` or ``beta`` has another shape.

    Example:
        >>> import unifiedml as um
        >>> um.layer_normalization(um.tensor([1.0, 3.0]), epsilon=0.0).tolist()
        [-1.0, 1.0]

    Reference:
        Ba, Kiros and Hinton (2016), "Layer Normalization".
    """
    wide, scale, offset = _operands("layer_normalization", x, gamma, beta)
    assert wide is not None
    axes = normalize_axes(axis, wide.ndim)
    y = _by_one_kernel(wide, axes, scale, offset, epsilon)
    if y is None:
        y = _scaled(_standardized(wide, axes, epsilon), axes, scale, offset)
    return _narrow(y, x)


def _by_one_kernel(
    x: Tensor,
    axes: tuple[int, ...],
    scale: Tensor | None,
    offset: Tensor | None,
    epsilon: float,
) -> Tensor | None:
    kernel = x._backend.ops.shortcuts.get("layer_norm")
    last = tuple(range(x.ndim - len(axes), x.ndim))
    if kernel is None or scale is None or offset is None or not x.size or axes != last:
        return None
    fit = bool(axes) and scale.shape == offset.shape == x.shape[axes[0] :]
    if not fit or not isinstance(epsilon, int | float):
        return None
    # Kernels lose digits to a large mean.
    return execute(_LAYER, kernel, (_near_zero(x, axes), scale, offset), (epsilon,))


def rms_normalization(
    x: Operand,
    /,
    scale: Operand | None = None,
    *,
    axis: Axis = -1,
    epsilon: float = 1e-6,
) -> Tensor:
    """Return ``x / sqrt(mean(x**2) + epsilon) * scale``.

    Args:
        x: A real floating-point tensor.
        scale: Of the shape of the dimensions ``axis``; default: 1.
        axis: The dimensions whose elements are normalised together.
        epsilon: Added to the mean square.

    Raises:
        TypeError: An operand is not real floating-point.
        ValueError: ``scale`` has another shape.

    Example:
        >>> import unifiedml as um
        >>> um.rms_normalization(um.tensor([2.0, -2.0]), epsilon=0.0).tolist()
        [1.0, -1.0]

    Reference:
        Zhang and Sennrich (2019), "Root Mean Square Layer Normalization".
    """
    wide, factor = _operands("rms_normalization", x, scale)
    assert wide is not None
    axes = normalize_axes(axis, wide.ndim)
    size = _mean(square(wide), axis=axes, keepdims=True)
    return _narrow(_scaled(wide / sqrt(size + epsilon), axes, factor, None), x)


def batch_normalization(
    x: Operand,
    mean: Operand,
    variance: Operand,
    /,
    axis: int = -1,
    offset: Operand | None = None,
    scale: Operand | None = None,
    *,
    epsilon: float = 1e-5,
) -> Tensor:
    """Return ``(x - mean) / sqrt(variance + epsilon) * scale + offset``.

    Args:
        x: A real floating-point tensor.
        mean: Of the elements of each place along ``axis``, a vector; see `moments`.
        variance: Of the same, a vector.
        axis: The dimension of the channels.
        offset: A vector of the same size; default: 0.
        scale: A vector of the same size; default: 1.
        epsilon: Added to the variance.

    Raises:
        TypeError: An operand is not real floating-point.
        ValueError: A vector has another shape.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([[1.0], [3.0]])
        >>> mean, variance = um.moments(x, 0)
        >>> um.batch_normalization(x, mean, variance, epsilon=0.0).tolist()
        [[-1.0], [1.0]]

    Reference:
        Ioffe and Szegedy (2015), "Batch Normalization: Accelerating Deep Network
        Training by Reducing Internal Covariate Shift".
    """
    found = _operands("batch_normalization", x, mean, variance, scale, offset, needed=3)
    wide, centre, spread, factor, shift = found
    assert wide is not None
    assert centre is not None
    assert spread is not None
    axes = (normalize_axis(axis, wide.ndim),)
    centre = _beside(wide, centre, axes, "the mean")
    spread = _beside(wide, spread, axes, "the variance")
    y = (wide - centre) / sqrt(spread + epsilon)
    return _narrow(_scaled(y, axes, factor, shift), x)


def group_normalization(
    x: Operand,
    groups: int,
    /,
    gamma: Operand | None = None,
    beta: Operand | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> Tensor:
    """Return each example with each group of its channels normalised.

    As many groups as channels give instance normalisation, one group normalises all
    of an example.

    Args:
        x: Shape ``(batch, *spatial, channels)``.
        groups: How many; divides the number of channels.
        gamma: The scale of each channel; default: 1.
        beta: The offset of each channel; default: 0.
        axis: The dimension of the channels; not that of the batch, the first.
        epsilon: Added to the variance.

    Raises:
        TypeError: An operand is not real floating-point.
        ValueError: The channels do not fall into so many groups, or ``gamma`` or
            ``beta`` has another shape.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([[1.0, 3.0, 10.0, 30.0]])
        >>> um.group_normalization(x, 2, epsilon=0.0).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]

    Reference:
        Wu and He (2018), "Group Normalization".
    """
    wide, scale, offset = _operands("group_normalization", x, gamma, beta)
    assert wide is not None
    place = normalize_axis(axis, wide.ndim)
    channels, count = wide.shape[place], positive_integer("groups", groups)
    if channels % count or not place:
        raise ValueError(
            f"group_normalization: an input of shape {wide.shape} has not {count} "
            f"groups of channels along axis {place}"
        )
    shape = (*wide.shape[:place], count, channels // count, *wide.shape[place + 1 :])
    together = tuple(i for i in range(1, len(shape)) if i != place)
    y = _standardized(reshape(wide, shape), together, epsilon)
    return _narrow(_scaled(reshape(y, wide.shape), (place,), scale, offset), x)


def normalize(x: Operand, /, *, axis: Axis = -1, epsilon: float = 1e-12) -> Tensor:
    """Return ``x / max(norm, epsilon)`` with the Euclidean norm along ``axis``.

    The gradient of the norm at zero is zero.

    Args:
        x: A real floating-point tensor.
        axis: The dimensions of one vector.
        epsilon: What shorter vectors are divided by.

    Raises:
        TypeError: ``x`` is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.normalize(um.tensor([3.0, 0.0])).tolist()
        [1.0, 0.0]
    """
    (wide,) = _operands("normalize", x)
    assert wide is not None
    axes = normalize_axes(axis, wide.ndim)
    total = _sum(square(wide), axis=axes, keepdims=True)
    there = total > 0
    norm = where(there, sqrt(where(there, total, 1.0)), total)
    return _narrow(wide / maximum(norm, epsilon), x)


def local_response_normalization(
    x: Operand,
    /,
    depth_radius: int = 5,
    *,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
) -> Tensor:
    """Return ``x / (bias + alpha * sum(x**2))**beta``, sums over near channels.

    Args:
        x: Shape ``(..., channels)``.
        depth_radius: How many channels to each side.
        bias: See above.
        alpha: See above; it is not divided by the number of channels.
        beta: See above.

    Raises:
        TypeError: ``x`` is not real floating-point.
        ValueError: ``depth_radius`` is not positive, or ``x`` is 0-d.

    Example:
        >>> import unifiedml as um
        >>> um.local_response_normalization(um.ones((1, 3)), 2).tolist()
        [[0.5, 0.5, 0.5]]

    Reference:
        Krizhevsky, Sutskever and Hinton (2012), "ImageNet Classification with Deep
        Convolutional Neural Networks", section 3.3.
    """
    (wide,) = _operands("local_response_normalization", x)
    assert wide is not None
    radius = positive_integer("depth_radius", depth_radius)
    if not wide.ndim:
        raise ValueError(
            "local_response_normalization needs a dimension of channels, unlike shape "
            f"{wide.shape}"
        )
    channels = wide.shape[-1]
    squares = square(wide)
    total = squares
    for apart in range(1, min(radius, channels - 1) + 1):
        gap = zeros_like(getitem(squares, (..., slice(apart))))
        after = getitem(squares, (..., slice(apart, None)))
        before = getitem(squares, (..., slice(channels - apart)))
        total = total + concat([after, gap], axis=-1) + concat([gap, before], axis=-1)
    base = bias + alpha * total
    size = sqrt(base) if math.isclose(beta, 0.5) else base**beta
    return _narrow(wide / size, x)
