"""Reductions, softmax and cross-entropy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

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

Axes = tuple[int, ...]

all = torch.all
any = torch.any
# torch.max(dim=...) gives the whole gradient to one of several largest elements.
max = torch.amax
min = torch.amin
mean = torch.mean

softmax = torch.softmax
log_softmax = torch.log_softmax


def argmax(x: Tensor, axis: int, /) -> Tensor:
    return torch.argmax(x, dim=axis)


def argmin(x: Tensor, axis: int, /) -> Tensor:
    return torch.argmin(x, dim=axis)


def sum(x: Tensor, axes: Axes, keepdims: bool, /) -> Tensor:
    if x.is_floating_point():
        return torch.sum(x, axes, keepdims)
    # Left to itself, PyTorch returns int64 for narrower integers.
    return torch.sum(x, axes, keepdims, dtype=x.dtype)


def prod(x: Tensor, axes: Axes, keepdims: bool, /) -> Tensor:
    # torch.prod takes one dimension at a time.
    for axis in reversed(axes):
        x = torch.prod(x, dim=axis, keepdim=keepdims)
    return x


def sparse_cross_entropy(logits: Tensor, labels: Tensor, /) -> Tensor:
    # F.cross_entropy takes some label for ignore_index, by default -100, and gives it a
    # loss of 0.
    return -F.log_softmax(logits, -1).gather(1, labels[:, None])[:, 0]
