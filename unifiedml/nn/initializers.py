"""Initial values of parameters.

An initializer is called with a shape and, by keyword, the data type, the device and a
random key, and returns a tensor. Where a function or an object is expected, the name
of one of the functions here will do.

For a kernel of shape ``(..., inputs, outputs)``, *fan in* is the number of inputs and
*fan out* the number of outputs, each times the sizes of the leading dimensions (those
of a convolution's window).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final

from unifiedml import random
from unifiedml._dtypes import DType
from unifiedml._rules.shapes import Shape
from unifiedml._tensor import Tensor
from unifiedml.ops.creation import full

__all__ = [
    "constant",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "uniform",
    "zeros",
]

Initializer = Callable[..., Tensor]


def zeros(
    shape: Shape, *, dtype: DType, device: str | None = None, key: random.Key
) -> Tensor:
    """Return zeros."""
    return full(shape, 0, dtype=dtype, device=device)


def ones(
    shape: Shape, *, dtype: DType, device: str | None = None, key: random.Key
) -> Tensor:
    """Return ones."""
    return full(shape, 1, dtype=dtype, device=device)


# Partial functions, not closures: a layer that keeps one can be pickled.


def constant(value: float) -> Initializer:
    """Return an initializer that gives ``value`` everywhere.

    Example:
        >>> import unifiedml as um
        >>> fill = um.nn.initializers.constant(0.5)
        >>> um.Dense(2, input_size=1, bias_initializer=fill).bias.tolist()
        [0.5, 0.5]
    """
    return partial(_fill, value)


def _fill(
    value: float,
    shape: Shape,
    *,
    dtype: DType,
    device: str | None = None,
    key: random.Key,
) -> Tensor:
    return full(shape, value, dtype=dtype, device=device)


def uniform(low: float = -0.05, high: float = 0.05) -> Initializer:
    """Return an initializer that draws from the uniform distribution.

    Example:
        >>> import unifiedml as um
        >>> draw = um.nn.initializers.uniform(0.0, 1.0)
        >>> um.Dense(2, input_size=1, kernel_initializer=draw).kernel.shape
        (1, 2)
    """
    return partial(random.uniform, low=low, high=high)


def normal(mean: float = 0.0, std: float = 0.05) -> Initializer:
    """Return an initializer that draws from the normal distribution.

    Example:
        >>> import unifiedml as um
        >>> draw = um.nn.initializers.normal(std=0.01)
        >>> um.Dense(2, input_size=1, kernel_initializer=draw).kernel.shape
        (1, 2)
    """
    return partial(random.normal, mean=mean, std=std)


def fans(shape: Shape) -> tuple[int, int]:
    """Return fan in and fan out of a kernel.

    Example:
        >>> from unifiedml.nn.initializers import fans
        >>> fans((3, 3, 16, 32))
        (144, 288)
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _symmetric(
    shape: Shape, variance: float, dtype: DType, device: str | None, key: random.Key
) -> Tensor:
    # A uniform distribution on [-a, a] has the variance a**2 / 3.
    limit = math.sqrt(3.0 * variance)
    return random.symmetric_uniform(
        shape, limit=limit, key=key, dtype=dtype, device=device
    )


def _gaussian(
    shape: Shape, variance: float, dtype: DType, device: str | None, key: random.Key
) -> Tensor:
    return random.normal(
        shape, std=math.sqrt(variance), key=key, dtype=dtype, device=device
    )


def glorot_uniform(
    shape: Shape, *, dtype: DType, device: str | None = None, key: random.Key
) -> Tensor:
    """Draw uniformly with variance ``2 / (fan in + fan out)``.

    Reference:
        Glorot and Bengio (2010), "Understanding the difficulty of training deep
        feedforward neural networks", equation 16.
    """
    return _symmetric(shape, 2.0 / max(1, sum(fans(shape))), dtype, device, key)


def glorot_normal(
    shape: Shape, *, dtype: DType, device: str | None = None, key: random.Key
) -> Tensor:
    """Draw from a normal distribution of variance ``2 / (fan in + fan out)``.

    Reference:
        Glorot and Bengio (2010), equation 12.
    """
    return _gaussian(shape, 2.0 / max(1, sum(fans(shape))), dtype, device, key)


def he_uniform(
    shape: Shape, *, dtype: DType, device: str | None = None, key: random.Key
) -> Tensor:
    """Draw uniformly with variance ``2 / fan in``, for layers with relu.

    Reference:
        He, Zhang, Ren and Sun (2015), "Delving Deep into Rectifiers", equation 10.
    """
    return _symmetric(shape, 2.0 / max(1, fans(shape)[0]), dtype, device, key)


def he_normal(
    shape: Shape, *, dtype: DType, device: str | None = None, key: random.Key
) -> Tensor:
    """Draw from a normal distribution of variance ``2 / fan in``.

    Reference:
        He, Zhang, Ren and Sun (2015), equation 10.
    """
    return _gaussian(shape, 2.0 / max(1, fans(shape)[0]), dtype, device, key)


def lecun_uniform(
    shape: Shape, *, dtype: DType, device: str | None = None, key: random.Key
) -> Tensor:
    """Draw uniformly with variance ``1 / fan in``.

    Reference:
        LeCun, Bottou, Orr and Müller (1998), "Efficient BackProp", equation 16.
    """
    return _symmetric(shape, 1.0 / max(1, fans(shape)[0]), dtype, device, key)


def lecun_normal(
    shape: Shape, *, dtype: DType, device: str | None = None, key: random.Key
) -> Tensor:
    """Draw from a normal distribution of variance ``1 / fan in``.

    Reference:
        LeCun, Bottou, Orr and Müller (1998), equation 16.
    """
    return _gaussian(shape, 1.0 / max(1, fans(shape)[0]), dtype, device, key)


_BY_NAME: Final[dict[str, Initializer]] = {
    function.__name__: function
    for function in (
        glorot_normal,
        glorot_uniform,
        he_normal,
        he_uniform,
        lecun_normal,
        lecun_uniform,
        ones,
        zeros,
    )
}


def get(initializer: str | Initializer, /) -> Initializer:
    """Return the initializer of a name, or what is one already.

    Raises:
        ValueError: There is none of that name.
        TypeError: It is neither a name nor a function.

    Example:
        >>> import unifiedml as um
        >>> um.nn.initializers.get("zeros").__name__
        'zeros'
    """
    if callable(initializer):
        return initializer
    if not isinstance(initializer, str):
        raise TypeError(
            f"an initializer is a function or its name, not {initializer!r}"
        )
    if initializer not in _BY_NAME:
        raise ValueError(
            f"there is no initializer {initializer!r}: choose from "
            f"{', '.join(sorted(_BY_NAME))}, or pass a function"
        )
    return _BY_NAME[initializer]
