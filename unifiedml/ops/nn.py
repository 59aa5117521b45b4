"""Functions of neural networks: activations and `one_hot`.

All take a real floating-point tensor of any shape and return one of the same shape
and data type. In float16 and bfloat16 those made of several steps are computed in
float32 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import numpy as np

from unifiedml._dtypes import DTYPES, DType, as_dtype
from unifiedml._rules.axes import normalize_axis
from unifiedml._rules.shapes import as_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    REAL_FLOATING,
    Op,
    as_tensor,
    as_tensors,
    execute,
    unary,
)
from unifiedml.ops.comparison import equal
from unifiedml.ops.conversion import from_array
from unifiedml.ops.exponential import expm1
from unifiedml.ops.manipulation import expand_dims
from unifiedml.ops.selection import where
from unifiedml.ops.special import erfc

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "one_hot",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
]

_ACTIVATION = Op("an activation", REAL_FLOATING)
_GELU = Op("gelu", REAL_FLOATING)
_LOG_SOFTMAX = Op("log_softmax", REAL_FLOATING)
_RELU = Op("relu", REAL_FLOATING)
_SIGMOID = Op("sigmoid", REAL_FLOATING)
_SOFTMAX = Op("softmax", REAL_FLOATING)
_SOFTPLUS = Op("softplus", REAL_FLOATING)


Options = ParamSpec("Options")


def _rounded_once(
    function: Callable[Concatenate[Tensor, Options], Tensor],
) -> Callable[Concatenate[Operand, Options], Tensor]:
    """Compute 16-bit floats in float32, so that only the result is rounded."""

    @wraps(function)
    def wide(x: Operand, /, *args: Options.args, **options: Options.kwargs) -> Tensor:
        x = as_tensor(_ACTIVATION, x)
        if x.dtype.bits > 16:
            return function(x, *args, **options)
        found = function(x.astype(DTYPES["float32"]), *args, **options)
        return found.astype(x.dtype)

    return wide


def relu(x: Operand, /) -> Tensor:
    """Return ``max(x, 0)``; its gradient at 0 is 0.

    Example:
        >>> import unifiedml as um
        >>> um.relu(um.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return unary(_RELU, x)


@_rounded_once
def relu6(x: Tensor, /) -> Tensor:
    """Return ``min(max(x, 0), 6)``; its gradient at both ends is 0.

    Example:
        >>> import unifiedml as um
        >>> um.relu6(um.tensor([-1.0, 2.0, 8.0])).tolist()
        [0.0, 2.0, 6.0]

    Reference:
        Krizhevsky (2010), "Convolutional Deep Belief Networks on CIFAR-10".
    """
    return where(x >= 6.0, 6.0, relu(x))


@_rounded_once
def leaky_relu(x: Tensor, /, *, negative_slope: float = 0.01) -> Tensor:
    """Return ``x`` where it is positive, else ``negative_slope * x``.

    The gradient at 0 is ``negative_slope``.

    Example:
        >>> import unifiedml as um
        >>> um.leaky_relu(um.tensor([-1.0, 2.0]), negative_slope=0.5).tolist()
        [-0.5, 2.0]

    Reference:
        Maas, Hannun and Ng (2013), "Rectifier Nonlinearities Improve Neural Network
        Acoustic Models".
    """
    return where(x > 0, x, x * negative_slope)


@_rounded_once
def elu(x: Tensor, /, *, alpha: float = 1.0) -> Tensor:
    """Return ``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    The gradient at 0 is ``alpha``.

    Example:
        >>> import unifiedml as um
        >>> um.elu(um.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]

    Reference:
        Clevert, Unterthiner and Hochreiter (2016), "Fast and Accurate Deep Network
        Learning by Exponential Linear Units".
    """
    positive = x > 0
    # exp of a large x would overflow and spoil the gradient of the other branch.
    return where(positive, x, expm1(where(positive, 0.0, x)) * alpha)


SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@_rounded_once
def selu(x: Tensor, /) -> Tensor:
    """Return the scaled exponential linear unit, ``scale * elu(x, alpha)``.

    The gradient at 0 is ``scale * alpha``.

    Example:
        >>> import unifiedml as um
        >>> um.selu(um.tensor([0.0])).tolist()
        [0.0]

    Reference:
        Klambauer, Unterthiner, Mayr and Hochreiter (2017), "Self-Normalizing Neural
        Networks", which derives both constants.
    """
    return elu(x, alpha=SELU_ALPHA) * SELU_SCALE


def sigmoid(x: Operand, /) -> Tensor:
    """Return ``1 / (1 + exp(-x))``.

    Example:
        >>> import unifiedml as um
        >>> um.sigmoid(um.tensor([0.0])).tolist()
        [0.5]
    """
    return unary(_SIGMOID, x)


def softplus(x: Operand, /) -> Tensor:
    """Return ``log(1 + exp(x))``, without overflow.

    Example:
        >>> import unifiedml as um
        >>> um.softplus(um.tensor([1000.0])).tolist()
        [1000.0]
    """
    return unary(_SOFTPLUS, x)


def log_sigmoid(x: Operand, /) -> Tensor:
    """Return ``log(sigmoid(x))``, without overflow.

    Example:
        >>> import unifiedml as um
        >>> um.log_sigmoid(um.tensor([-1000.0])).tolist()
        [-1000.0]
    """
    x = as_tensor(_ACTIVATION, x)
    return -softplus(-x)


@_rounded_once
def silu(x: Tensor, /) -> Tensor:
    """Return ``x * sigmoid(x)``, also called swish.

    Example:
        >>> import unifiedml as um
        >>> um.silu(um.tensor([0.0])).tolist()
        [0.0]

    Reference:
        Elfwing, Uchibe and Doya (2018), "Sigmoid-weighted linear units for neural
        network function approximation in reinforcement learning".
    """
    return x * sigmoid(x)


@_rounded_once
def gelu(x: Tensor, /, *, approximate: bool = False) -> Tensor:
    """Return ``x`` times the normal distribution function of ``x``.

    Args:
        x: A real floating-point tensor.
        approximate: Use the paper's approximation by the hyperbolic tangent.

    Example:
        >>> import unifiedml as um
        >>> um.gelu(um.tensor([0.0])).tolist()
        [0.0]

    Reference:
        Hendrycks and Gimpel (2016), "Gaussian Error Linear Units".
    """
    if approximate:
        # (1 + tanh(u)) / 2 = sigmoid(2 u), which keeps its precision far left.
        inner = x * (1.0 + 0.044715 * x * x)
        return x * sigmoid(inner * (2.0 * math.sqrt(2.0 / math.pi)))
    kernel = x._backend.ops.shortcuts.get("gelu")
    if kernel is not None:
        return execute(_GELU, kernel, (x,), ())
    # The frameworks' own gelu loses all digits far left of 0; erfc does not.
    return x * 0.5 * erfc(x * -math.sqrt(0.5))


def softmax(x: Operand, /, *, axis: int = -1) -> Tensor:
    """Return ``exp(x) / sum(exp(x))`` along ``axis``, without overflow.

    Raises:
        ValueError: ``x`` is 0-d.

    Example:
        >>> import unifiedml as um
        >>> um.softmax(um.tensor([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """
    return _along(_SOFTMAX, x, axis)


def log_softmax(x: Operand, /, *, axis: int = -1) -> Tensor:
    """Return ``log(softmax(x))`` along ``axis``, without overflow.

    Raises:
        ValueError: ``x`` is 0-d.

    Example:
        >>> import unifiedml as um
        >>> um.log_softmax(um.tensor([1000.0, 0.0])).tolist()
        [0.0, -1000.0]
    """
    return _along(_LOG_SOFTMAX, x, axis)


def _along(op: Op, x: Operand, axis: int) -> Tensor:
    x = as_tensor(op, x)
    ndim = x.ndim
    if not ndim:
        raise ValueError(f"{op.name} needs at least one dimension, not shape ()")
    return unary(op, x, normalize_axis(axis, ndim))


def one_hot(
    x: Operand, /, num_classes: int, *, dtype: DType | str = "float32"
) -> Tensor:
    """Return ones at the classes ``x`` and zeros elsewhere.

    Args:
        x: Integers of shape ``(...)``; one outside ``range(num_classes)`` gives a row
            of zeros.
        num_classes: How many classes there are.
        dtype: The data type of the result.

    Returns:
        Shape ``(..., num_classes)``.

    Raises:
        TypeError: ``x`` are not integers.

    Example:
        >>> import unifiedml as um
        >>> um.one_hot(um.tensor([1, 0]), 3).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    from unifiedml.ops._dispatch import INTEGER

    (x,) = as_tensors(Op("one_hot", INTEGER), x)
    if num_classes < 0:
        raise ValueError(f"there cannot be {num_classes} classes")
    (count,) = as_shape((num_classes,))
    classes = from_array(np.arange(count), x._backend, x.device)
    hot = equal(expand_dims(x, axis=-1), classes)
    return hot.astype(as_dtype(dtype))
