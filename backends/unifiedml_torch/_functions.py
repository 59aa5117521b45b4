"""Special functions, and complex numbers from their parts."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ["atan2", "complex", "digamma", "erfinv", "lgamma"]

atan2 = torch.atan2
complex = torch.complex
erfinv = torch.erfinv


# --- PyTorch's own trigamma is off by 5e-10 in float64, its zeta function is not ------


def _trigamma(x: Tensor) -> Tensor:
    left = x <= 0
    right = torch.special.zeta(2.0, torch.where(left, 1 - x, x))
    right = torch.where(x == math.inf, 0.0, right)  # and not NaN
    # The sine of a large multiple of pi would have no digits.
    beside = torch.where(left, x - torch.round(x), 0.5)
    reflected = (math.pi / torch.sin(math.pi * beside)) ** 2
    return torch.where(left, reflected - right, right)


class _Digamma(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.digamma(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * _trigamma(x)


class _Lgamma(_Digamma):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.lgamma(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * digamma(x)


def digamma(x: Tensor, /) -> Tensor:
    return _Digamma.apply(x)  # type: ignore[no-untyped-call,no-any-return]


def lgamma(x: Tensor, /) -> Tensor:
    return _Lgamma.apply(x)  # type: ignore[no-untyped-call,no-any-return]
