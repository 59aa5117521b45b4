"""Attention, and the softmax of what a mask leaves."""

from __future__ import annotations

import math

import numpy as np

from unifiedml._dtypes import DTYPES, finfo
from unifiedml._rules.axes import normalize_axis
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import BOOL, REAL_FLOATING, Op, as_tensors
from unifiedml.ops.comparison import not_equal
from unifiedml.ops.conversion import from_array
from unifiedml.ops.linalg import matmul
from unifiedml.ops.logic import logical_and
from unifiedml.ops.manipulation import permute_dims
from unifiedml.ops.nn import softmax
from unifiedml.ops.selection import where

__all__ = ["dot_product_attention", "masked_softmax"]

_ATTENTION = Op("dot_product_attention", REAL_FLOATING)
_SOFTMAX = Op("masked_softmax", REAL_FLOATING)
_MASK = Op("a mask", BOOL)


def masked_softmax(x: Operand, mask: Operand, /, *, axis: int = -1) -> Tensor:
    """Return the softmax of the elements that ``mask`` leaves, and 0 elsewhere.

    Where it leaves none along ``axis``, all is 0, and so are the gradients.

    Args:
        x: A real floating-point tensor.
        mask: Bools of a shape that broadcasts with ``x``; False leaves out.
        axis: The dimension along which the result adds up to 1.

    Raises:
        TypeError: ``x`` is not real floating-point, or ``mask`` is not bool.
        ValueError: ``x`` is 0-d, or the shapes do not broadcast.

    Example:
        >>> import unifiedml as um
        >>> mask = um.tensor([[True, True, False], [False, False, False]])
        >>> um.masked_softmax(um.zeros((2, 3)), mask).tolist()
        [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    (x,) = as_tensors(_SOFTMAX, x, beside=(mask,))
    (mask,) = as_tensors(_MASK, mask, beside=(x,))
    if not x.ndim:
        raise ValueError(
            f"masked_softmax needs at least one dimension, unlike shape {x.shape}"
        )
    normalize_axis(axis, x.ndim)
    # The least number, not -inf: a row of it has a softmax, and gradients that are 0.
    left = where(mask, x, finfo(x.dtype).min)
    return where(mask, softmax(left, axis=axis), 0.0)


def dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    /,
    bias: Operand | None = None,
    mask: Operand | None = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
) -> Tensor:
    """Return ``softmax(query @ key.T * scale + bias) @ value``, for each head.

    A query that may look at no key gives 0, and gradients of 0. Memory grows with
    ``queries * keys``.

    Args:
        query: Shape ``(batch, queries, heads, size)``.
        key: Shape ``(batch, keys, heads, size)``.
        value: Shape ``(batch, keys, heads, values)``.
        bias: Added to the scores, of a shape that broadcasts to ``(batch, heads,
            queries, keys)``; -inf leaves a key out.
        mask: Bools of such a shape; False leaves a key out.
        scale: What the scores are multiplied by; default: ``1 / sqrt(size)``.
        is_causal: Whether query ``i`` looks at the keys 0 to ``i`` only.

    Returns:
        Shape ``(batch, queries, heads, values)``.

    Raises:
        TypeError: ``mask`` is not bool, or another operand not real floating-point.
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> x = um.ones((1, 2, 1, 4))
        >>> um.dot_product_attention(x, x, x, is_causal=True).shape
        (1, 2, 1, 4)

    Reference:
        Vaswani et al. (2017), "Attention Is All You Need", section 3.2.1.
    """
    q, k, v = as_tensors(_ATTENTION, query, key, value)
    _check_shapes(q, k, v)
    dtype = q.dtype
    if dtype.bits == 16:
        q, k, v = (x.astype(DTYPES["float32"]) for x in (q, k, v))
    q, v = (permute_dims(x, (0, 2, 1, 3)) for x in (q, v))
    scores = matmul(q * _scale(q, scale), permute_dims(k, (0, 2, 3, 1)))
    weights = attention_weights(scores, bias, mask, is_causal)
    return permute_dims(matmul(weights, v), (0, 2, 1, 3)).astype(dtype, copy=False)


def _scale(query: Tensor, scale: float | None) -> float:
    if scale is not None:
        return scale
    return 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0


def attention_weights(
    scores: Tensor, bias: Operand | None, mask: Operand | None, is_causal: bool
) -> Tensor:
    """Return the softmax of scores ``(batch, heads, queries, keys)`` under masks."""
    allowed: Tensor | None = None
    if bias is not None:
        (added,) = as_tensors(Op("bias", REAL_FLOATING), bias, beside=(scores,))
        added = added.astype(scores.dtype, copy=False)
        # A NaN is no mask: it is seen in the result.
        allowed = not_equal(added, -math.inf)
        scores = scores + where(allowed, added, 0.0)
    if mask is not None:
        (given,) = as_tensors(_MASK, mask, beside=(scores,))
        allowed = given if allowed is None else logical_and(allowed, given)
    if is_causal:
        seen = np.tri(*scores.shape[-2:], dtype=np.bool_)
        lower = from_array(seen, scores._backend, scores.device)
        allowed = lower if allowed is None else logical_and(allowed, lower)
    if allowed is None:
        return softmax(scores, axis=-1)
    return masked_softmax(scores, allowed)


def _check_shapes(query: Tensor, key: Tensor, value: Tensor) -> None:
    shapes = query.shape, key.shape, value.shape
    fit = (
        all(len(shape) == 4 for shape in shapes)
        and query.shape[0] == key.shape[0] == value.shape[0]
        and query.shape[2:] == key.shape[2:]
        and key.shape[1:3] == value.shape[1:3]
    )
    if not fit:
        raise ValueError(
            "dot_product_attention takes a query of shape (batch, queries, heads, "
            "size), a key of shape (batch, keys, heads, size) and a value of shape "
            f"(batch, keys, heads, values), not {shapes[0]}, {shapes[1]} and "
            f"{shapes[2]}"
        )
