"""Fourier transforms of one dimension; the inverse ones divide by its size."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["fft", "ifft", "irfft", "rfft"]


def fft(x: Tensor, axis: int, /) -> Tensor:
    return torch.fft.fft(x, dim=axis)


def ifft(x: Tensor, axis: int, /) -> Tensor:
    return torch.fft.ifft(x, dim=axis)


def rfft(x: Tensor, axis: int, /) -> Tensor:
    return torch.fft.rfft(x, dim=axis)


def irfft(x: Tensor, n: int, axis: int, /) -> Tensor:
    return torch.fft.irfft(x, n, dim=axis)
