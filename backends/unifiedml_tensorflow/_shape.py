"""Shape, indexing and matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unifiedml_tensorflow._import import kernel, tf

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

Tensor = Any

broadcast_to = kernel(tf.raw_ops.BroadcastTo)
flip = kernel(tf.raw_ops.ReverseV2)
permute_dims = kernel(tf.raw_ops.Transpose)
reshape = kernel(tf.raw_ops.Reshape)
take = kernel(tf.raw_ops.GatherV2)

_batch_matmul = kernel(tf.raw_ops.BatchMatMulV2)
_matmul = kernel(tf.raw_ops.MatMul)
_scatter = kernel(tf.raw_ops.TensorScatterUpdate)


def concat(xs: Sequence[Tensor], axis: int, /) -> Tensor:
    return tf.concat(list(xs), axis)


def getitem(x: Tensor, key: tuple[int | slice, ...], /) -> Tensor:
    return x[key]


def matmul(x: Tensor, y: Tensor, /) -> Tensor:
    if x.ndim == y.ndim == 2:
        return _matmul(x, y)
    return _batch_matmul(x, y)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    return tuple(tf.unstack(tf.where(x), axis=1))


def scatter(x: Tensor, indices: Tensor, updates: Tensor, /) -> Tensor:
    return _scatter(x, reshape(indices, [-1, 1]), updates)
