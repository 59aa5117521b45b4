"""Reductions, softmax and cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from unifiedml_tensorflow._elementwise import isnan, multiply, where
from unifiedml_tensorflow._import import integers, kernel, tf
from unifiedml_tensorflow._shape import concat, getitem, permute_dims, reshape

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "log_softmax",
    "max",
    "mean",
    "min",
    "prod",
    "softmax",
    "sparse_cross_entropy",
    "sum",
]

Tensor = Any
Axes = tuple[int, ...]

Reduction = Callable[[Tensor, Axes, bool], Tensor]


_BROADCAST_RANK: Final = 5
_ARGUMENT_RANK: Final = 7


def _over_axes(function: Callable[..., Tensor]) -> Reduction:
    def reduce(x: Tensor, axes: Axes, keepdims: bool, /) -> Tensor:
        if x.ndim <= _BROADCAST_RANK or len(axes) < 2:
            return function(x, integers(axes), keepdims)
        # The derivative broadcasts, five alternating dimensions at most.
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        sizes = [x.shape[axis] for axis in kept]
        shape = (math.prod(sizes), math.prod(x.shape[axis] for axis in axes))
        rows = reshape(permute_dims(x, (*kept, *axes)), shape)
        if keepdims:
            sizes = [1 if axis in axes else x.shape[axis] for axis in range(x.ndim)]
        return reshape(function(rows, integers((1,)), False), tuple(sizes))

    return reduce


all = _over_axes(kernel(tf.raw_ops.All))
any = _over_axes(kernel(tf.raw_ops.Any))
max = _over_axes(kernel(tf.raw_ops.Max))
_mean = _over_axes(kernel(tf.raw_ops.Mean))
min = _over_axes(kernel(tf.raw_ops.Min))
sum = _over_axes(kernel(tf.raw_ops.Sum))

_prod = _over_axes(kernel(tf.raw_ops.Prod))
_argmax = kernel(tf.raw_ops.ArgMax)
_argmin = kernel(tf.raw_ops.ArgMin)
_log_softmax = kernel(tf.raw_ops.LogSoftmax)
_softmax = kernel(tf.raw_ops.Softmax)
_cross_entropy = kernel(tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits)


def mean(x: Tensor, axes: Axes, keepdims: bool, /) -> Tensor:
    found = _mean(x, axes, keepdims)
    # TensorFlow: the mean of no complex numbers is 0, of no real ones NaN.
    nothing = x.dtype.is_complex and 0 in x.shape
    return found + complex("nan+nanj") if nothing else found


def prod(x: Tensor, axes: Axes, keepdims: bool, /) -> Tensor:
    if x.dtype.is_integer:
        return _prod(x, axes, keepdims)
    # The second derivative of the kernel divides by the elements, which may be zero.
    for axis in reversed(axes):
        x = _product(x, axis)
    if keepdims:
        return x
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def _product(x: Tensor, axis: int) -> Tensor:
    """Multiply one half by the other until one element is left, or none."""
    whole = (slice(0, None, 1),) * axis
    while (size := x.shape[axis]) > 1:
        half, odd = size // 2, size % 2
        first = getitem(x, (*whole, slice(0, half, 1)))
        second = getitem(x, (*whole, slice(half, 2 * half, 1)))
        rest = [getitem(x, (*whole, slice(size - 1, size, 1)))] if odd else []
        x = concat((multiply(first, second), *rest), axis)
    return x if size else _prod(x, (axis,), True)


def _first(search: Callable[..., Tensor], x: Tensor, axis: int) -> Tensor:
    found = search(x, integers(axis))
    if not x.dtype.is_floating:
        return found
    # TensorFlow passes over NaN; the contract takes the first one.
    nan = isnan(x)
    first = _argmax(tf.cast(nan, tf.uint8), integers(axis))
    return where(any(nan, (axis,), False), first, found)


def _in_three(function: Callable[..., Tensor], x: Tensor, axis: int) -> Tensor:
    # The kernels take seven dimensions.
    if x.ndim <= _ARGUMENT_RANK:
        return _first(function, x, axis)
    ahead, behind = tuple(x.shape[:axis]), tuple(x.shape[axis + 1 :])
    shape = (math.prod(ahead), x.shape[axis], math.prod(behind))
    found = _first(function, reshape(x, shape), 1)
    return reshape(found, (*ahead, *behind))


def argmax(x: Tensor, axis: int, /) -> Tensor:
    return _in_three(_argmax, x, axis)


def argmin(x: Tensor, axis: int, /) -> Tensor:
    return _in_three(_argmin, x, axis)


def _rows(function: Callable[[Tensor], Tensor], x: Tensor, axis: int) -> Tensor:
    """Apply a function of matrix rows along any axis of any rank."""
    shape = tuple(x.shape)
    last = len(shape) - 1
    if axis != last:
        # Swapping with the last one is its own inverse.
        order = [*range(last + 1)]
        order[axis], order[last] = last, axis
        swap = tuple(order)
        rows = _rows(function, permute_dims(x, swap), last)
        return permute_dims(rows, swap)
    if 0 in shape:
        return x
    if 0 < last < _BROADCAST_RANK:
        return function(x)
    rows = reshape(x, (-1, shape[-1]))
    return reshape(function(rows), shape)


def softmax(x: Tensor, axis: int, /) -> Tensor:
    return _rows(_softmax, x, axis)


def log_softmax(x: Tensor, axis: int, /) -> Tensor:
    return _rows(_log_softmax, x, axis)


def sparse_cross_entropy(logits: Tensor, labels: Tensor, /) -> Tensor:
    return _cross_entropy(logits, labels).loss
