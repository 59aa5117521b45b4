"""Shape, indexing and matrix products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor

__all__ = [
    "broadcast_to",
    "concat",
    "flip",
    "getitem",
    "matmul",
    "nonzero",
    "pad",
    "permute_dims",
    "reshape",
    "scatter",
    "scatter_add",
    "scatter_max",
    "scatter_min",
    "scatter_multiply",
    "setitem",
    "split",
    "take",
]

Shape = tuple[int, ...]

Key = tuple[int | slice, ...]

broadcast_to = torch.broadcast_to


def _matmul_of_integers(x: Tensor, y: Tensor, /) -> Tensor:
    if not x.is_cuda or x.is_floating_point() or x.is_complex():
        return torch.matmul(x, y)
    rows = x.unsqueeze(0) if x.ndim == 1 else x
    columns = y.unsqueeze(1) if y.ndim == 1 else y
    products = rows.unsqueeze(-1) * columns.unsqueeze(-3)
    result = products.sum(-2, dtype=x.dtype)
    result = result.squeeze(-1) if y.ndim == 1 else result
    return result.squeeze(-1 if y.ndim == 1 else -2) if x.ndim == 1 else result


# On a GPU there is no kernel for integers.
matmul = _matmul_of_integers if torch.cuda.is_available() else torch.matmul
permute_dims = torch.permute
reshape = torch.reshape


def pad(x: Tensor, widths: tuple[tuple[int, int], ...], value: Any, /) -> Tensor:
    # Last dimension first.
    flat = [width for pair in reversed(widths) for width in pair]
    return torch.constant_pad_nd(x, flat, value)


def concat(xs: Sequence[Tensor], axis: int, /) -> Tensor:
    return torch.cat(list(xs), dim=axis)


# Stored, but without kernels that move them.
_SAME_BITS: Final = {
    torch.uint16: torch.int16,
    torch.uint32: torch.int32,
    torch.uint64: torch.int64,
}


def flip(x: Tensor, axes: tuple[int, ...], /) -> Tensor:
    if x.dtype in _SAME_BITS:
        return torch.flip(x.view(_SAME_BITS[x.dtype]), axes).view(x.dtype)
    return torch.flip(x, axes)


def _forwards(x: Tensor, key: Key) -> tuple[Key, tuple[int, ...]]:
    """Return a key of the same elements without negative steps, and what to flip.

    PyTorch has no negative steps.
    """
    forward: list[int | slice] = []
    backwards: list[int] = []
    axis = 0
    for entry, size in zip(key, x.shape, strict=False):
        if isinstance(entry, slice):
            if entry.step < 0:
                places = range(*entry.indices(size))[::-1]
                entry = slice(places.start, places.stop, places.step)
                backwards.append(axis)
            axis += 1
        forward.append(entry)
    return tuple(forward), tuple(backwards)


def split(x: Tensor, sizes: tuple[int, ...], axis: int, /) -> Sequence[Tensor]:
    return torch.split(x, list(sizes), axis)


def getitem(x: Tensor, key: Key, /) -> Tensor:
    key, backwards = _forwards(x, key)
    return flip(x[key], backwards) if backwards else x[key]


def setitem(x: Tensor, value: Tensor, key: Key, /) -> Tensor:
    key, backwards = _forwards(x, key)
    changed = x.clone()
    changed[key] = flip(value, backwards) if backwards else value
    return changed


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    return torch.nonzero(x, as_tuple=True)


def scatter(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
    # index_put would count negative indices, which are out of bounds, from the end.
    return torch.index_copy(x, 0, indices, updates)


def scatter_add(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
    return torch.index_add(x, 0, indices, updates)


def _scatter(kind: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    # torch.index_reduce warns that it may change.
    def scatter(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
        places = indices[:, None].expand_as(updates)
        return torch.scatter_reduce(x, 0, places, updates, kind)

    return scatter


scatter_max = _scatter("amax")
scatter_min = _scatter("amin")
scatter_multiply = _scatter("prod")


def take(x: Tensor, indices: Tensor, axis: int, /) -> Tensor:
    if x.dtype in _SAME_BITS:
        return take(x.view(_SAME_BITS[x.dtype]), indices, axis).view(x.dtype)
    if x.dtype in (torch.float16, torch.bfloat16):
        # Gradients of one element add up, and would stagnate.
        return torch.index_select(x.float(), axis, indices).to(x.dtype)
    return torch.index_select(x, axis, indices)
