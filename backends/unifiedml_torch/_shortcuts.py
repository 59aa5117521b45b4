"""Kernels of what the frontend composes elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["shortcuts"]


# --- x times the normal distribution function of x ------------------------------------


def _share(x: Tensor) -> Tensor:
    return torch.erfc(x * -math.sqrt(0.5)) * 0.5


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        share = _share(x)
        # Saved although it is no result: derivatives of derivatives compute it anew.
        ctx.save_for_backward(x, share)
        return x * share

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        x, share = ctx.saved_tensors
        if torch.is_grad_enabled():
            share = _share(x)
        density = torch.exp(x * x * -0.5)
        return g * torch.addcmul(share, x, density, value=1 / math.sqrt(2 * math.pi))


def _gelu(x: Tensor, /) -> Tensor:
    if torch.is_grad_enabled() and x.requires_grad:
        return _Gelu.apply(x)  # type: ignore[no-untyped-call,no-any-return]
    return x * _share(x)


# --- normalisation --------------------------------------------------------------------


def _layer_norm(x: Tensor, scale: Tensor, offset: Tensor, epsilon: float, /) -> Tensor:
    return F.layer_norm(x, scale.shape, scale, offset, epsilon)


# --- recurrence: oneDNN's kernel, or PyTorch's loop in C++ ----------------------------

layer: Final = torch.ops.aten.mkldnn_rnn_layer.default
layer_backward: Final = torch.ops.aten.mkldnn_rnn_layer_backward.default


def recorded_layer(*args: Any) -> tuple[Tensor, ...]:
    """Run oneDNN's kernel with its workspace, which it makes for histories only."""
    with torch.enable_grad():
        found: tuple[Tensor, ...] = layer(*args)
    return found


def _lstm(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, /) -> Tensor:
    start = x.new_zeros(1, x.shape[0], recurrent.shape[0])
    weights = [kernel.mT, recurrent.mT, bias, torch.zeros_like(bias)]
    # cuDNN's kernel has no second derivatives.
    with torch.backends.cudnn.flags(enabled=False):
        y, _, _ = torch.lstm(
            x, (start, start), weights, True, 1, 0.0, True, False, batch_first=True
        )
    return y


shortcuts: Final[Mapping[str, Callable[..., Tensor]]] = {
    "gelu": _gelu,
    "layer_norm": _layer_norm,
    "lstm": _lstm,
}
