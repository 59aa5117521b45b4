"""Recurrent layers as one kernel: oneDNN's, or PyTorch's loop in C++."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

__all__ = ["lstm"]

layer: Final = torch.ops.aten.mkldnn_rnn_layer.default
layer_backward: Final = torch.ops.aten.mkldnn_rnn_layer_backward.default


def recorded_layer(*args: Any) -> tuple[Tensor, ...]:
    """Run oneDNN's kernel with its workspace, which it makes for histories only."""
    with torch.enable_grad():
        found: tuple[Tensor, ...] = layer(*args)
    return found


def lstm(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, /) -> Tensor:
    start = x.new_zeros(1, x.shape[0], recurrent.shape[0])
    weights = [kernel.mT, recurrent.mT, bias, torch.zeros_like(bias)]
    # cuDNN's kernel has no second derivatives.
    with torch.backends.cudnn.flags(enabled=False):
        y, _, _ = torch.lstm(
            x, (start, start), weights, True, 1, 0.0, True, False, batch_first=True
        )
    return y
