"""Reductions, softmax and cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unifiedml_tensorflow._elementwise import where
from unifiedml_tensorflow._import import kernel, tf

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

all = kernel(tf.raw_ops.All)
any = kernel(tf.raw_ops.Any)
max = kernel(tf.raw_ops.Max)
mean = kernel(tf.raw_ops.Mean)
min = kernel(tf.raw_ops.Min)
prod = kernel(tf.raw_ops.Prod)
sum = kernel(tf.raw_ops.Sum)

_argmax = kernel(tf.raw_ops.ArgMax)
_argmin = kernel(tf.raw_ops.ArgMin)
_is_nan = kernel(tf.raw_ops.IsNan)
_log_softmax = kernel(tf.raw_ops.LogSoftmax)
_reshape = kernel(tf.raw_ops.Reshape)
_softmax = kernel(tf.raw_ops.Softmax)
_cross_entropy = kernel(tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits)


def _first(search: Callable[..., Tensor], x: Tensor, axis: int) -> Tensor:
    if not x.dtype.is_floating:
        return search(x, axis)
    # TensorFlow passes over NaN; the contract takes the first one.
    nan = _is_nan(x)
    place = _argmax(tf.cast(nan, tf.uint8), axis)
    return where(any(nan, [axis]), place, search(x, axis))


def argmax(x: Tensor, axis: int, /) -> Tensor:
    return _first(_argmax, x, axis)


def argmin(x: Tensor, axis: int, /) -> Tensor:
    return _first(_argmin, x, axis)


def _rows(function: Callable[[Tensor], Tensor], x: Tensor, axis: int) -> Tensor:
    """Apply a function of matrix rows along any axis of any rank."""
    shape = tuple(x.shape)
    last = len(shape) - 1
    if axis != last:
        order = [place for place in range(last + 1) if place != axis] + [axis]
        back = [order.index(place) for place in range(last + 1)]
        return tf.transpose(_rows(function, tf.transpose(x, order), last), back)
    if last == 1:
        return function(x)
    if 0 in shape:
        return x
    # The kernel takes at most five dimensions.
    return _reshape(function(_reshape(x, [-1, shape[-1]])), shape)


def softmax(x: Tensor, axis: int, /) -> Tensor:
    return _rows(_softmax, x, axis)


def log_softmax(x: Tensor, axis: int, /) -> Tensor:
    return _rows(_log_softmax, x, axis)


def sparse_cross_entropy(logits: Tensor, labels: Tensor, /) -> Tensor:
    return _cross_entropy(logits, labels).loss
