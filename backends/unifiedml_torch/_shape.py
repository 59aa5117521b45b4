"""Shape, indexing and matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    "broadcast_to",
    "concat",
    "flip",
    "getitem",
    "matmul",
    "nonzero",
    "permute_dims",
    "reshape",
    "scatter",
    "take",
]

Shape = tuple[int, ...]

broadcast_to = torch.broadcast_to
flip = torch.flip
matmul = torch.matmul
permute_dims = torch.permute
reshape = torch.reshape


def concat(xs: Sequence[Tensor], axis: int, /) -> Tensor:
    return torch.cat(list(xs), dim=axis)


def getitem(x: Tensor, key: tuple[int | slice, ...], /) -> Tensor:
    # PyTorch has no negative steps: take the same elements forwards, then flip.
    forward: list[int | slice] = []
    flipped: list[int] = []
    place = 0
    for entry, size in zip(key, x.shape, strict=True):
        if isinstance(entry, slice):
            places = range(*entry.indices(size))
            if places.step < 0:
                flipped.append(place)
                places = places[::-1]
            entry = slice(places.start, places.stop, places.step)
            place += 1
        forward.append(entry)
    picked = x[tuple(forward)]
    return torch.flip(picked, flipped) if flipped else picked


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    return torch.nonzero(x, as_tuple=True)


def scatter(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
    return torch.index_put(x, (indices,), updates)


def take(x: Tensor, indices: Tensor, axis: int, /) -> Tensor:
    return torch.index_select(x, axis, indices)
