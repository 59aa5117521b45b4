"""Fourier transforms of one dimension; the inverse ones divide by its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unifiedml_tensorflow._import import integers, kernel, tf

__all__ = ["fft", "ifft", "irfft", "rfft"]

Tensor = Any

_fft = kernel(tf.raw_ops.FFT)
_ifft = kernel(tf.raw_ops.IFFT)
_irfft = kernel(tf.raw_ops.IRFFT)
_rfft = kernel(tf.raw_ops.RFFT)
_transpose = kernel(tf.raw_ops.Transpose)

_COMPLEX = {tf.float32: tf.complex64, tf.float64: tf.complex128}


def _along(function: Callable[..., Tensor], x: Tensor, axis: int) -> Tensor:
    """Apply a function of the last dimension along another one."""
    last = x.ndim - 1
    if axis == last:
        return function(x)
    # Swapping with the last one is its own inverse.
    order = [*range(last + 1)]
    order[axis], order[last] = last, axis
    swap = integers(tuple(order))
    return _transpose(function(_transpose(x, swap)), swap)


def fft(x: Tensor, axis: int, /) -> Tensor:
    return _along(_fft, x, axis)


def ifft(x: Tensor, axis: int, /) -> Tensor:
    return _along(_ifft, x, axis)


def rfft(x: Tensor, axis: int, /) -> Tensor:
    size = integers((x.shape[axis],))
    return _along(lambda x: _rfft(x, size, _COMPLEX[x.dtype]), x, axis)


def irfft(x: Tensor, n: int, axis: int, /) -> Tensor:
    size = integers((n,))
    return _along(lambda x: _irfft(x, size, x.dtype.real_dtype), x, axis)
