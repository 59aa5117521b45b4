"""A choice between operands, element by element."""

from __future__ import annotations

from unifiedml._dtypes import iinfo
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    ANY,
    BOOL,
    REAL,
    Op,
    apply,
    as_tensor,
    as_tensors,
    binary,
    broadcastable,
    number_beside,
)

__all__ = [
    "clip",
    "maximum",
    "minimum",
    "where",
]

_CLIP = Op("clip", REAL, order=True, explain=broadcastable)
_MAXIMUM = Op("maximum", REAL, order=True, explain=broadcastable)
_MINIMUM = Op("minimum", REAL, order=True, explain=broadcastable)
_WHERE = Op("where", ANY, explain=broadcastable)
_CONDITION = Op("where", BOOL)


def maximum(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the larger operand, NaN if either is NaN.

    Where both are equal, each gets half of the gradient.

    Example:
        >>> import unifiedml as um
        >>> um.maximum(um.tensor([1.0, 5.0]), 3.0).tolist()
        [3.0, 5.0]
    """
    return binary(_MAXIMUM, x1, x2)


def minimum(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the smaller operand, NaN if either is NaN.

    Where both are equal, each gets half of the gradient.

    Example:
        >>> import unifiedml as um
        >>> um.minimum(um.tensor([1.0, 5.0]), 3.0).tolist()
        [1.0, 3.0]
    """
    return binary(_MINIMUM, x1, x2)


def clip(
    x: Operand, /, min: Operand | None = None, max: Operand | None = None
) -> Tensor:
    """Return ``x`` limited to the closed interval from ``min`` to ``max``.

    The gradient passes where ``min <= x <= max``, the ends included. Where ``min``
    is larger than ``max`` the result is ``max``. The result has the data type of
    ``x``.

    Raises:
        TypeError: A bound is of a kind that the data type of ``x`` cannot hold.

    Example:
        >>> import unifiedml as um
        >>> um.clip(um.tensor([-1.0, 0.5, 2.0]), 0.0, 1.0).tolist()
        [0.0, 0.5, 1.0]
    """
    x = as_tensor(_CLIP, x)
    limits = iinfo(x.dtype) if x.dtype.is_integer else None
    low: Operand = limits.min if limits else float("-inf")
    high: Operand = limits.max if limits else float("inf")
    low, high = low if min is None else min, high if max is None else max
    low, high = number_beside(x, low), number_beside(x, high)
    operands = as_tensors(_CLIP, x, low, high)
    if operands[0].dtype is not x.dtype:
        raise TypeError(
            f"clip returns the data type of x, {x.dtype.name}, which cannot hold "
            f"bounds of {operands[0].dtype.name}: convert x or the bounds"
        )
    return apply(_CLIP, operands)


def where(condition: Operand, x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1`` where ``condition`` is true, else ``x2``.

    Gradients flow to the chosen elements only. An infinite derivative in the branch
    that was not chosen still spoils the result (0 times infinity): make that
    branch's input safe with an inner ``where``.

    Raises:
        TypeError: ``condition`` is not bool.

    Example:
        >>> import unifiedml as um
        >>> um.where(um.tensor([True, False]), 1.0, 2.0).tolist()
        [1.0, 2.0]
    """
    if isinstance(x1, Tensor):
        x2 = number_beside(x1, x2)
    elif isinstance(x2, Tensor):
        x1 = number_beside(x2, x1)
    if (
        isinstance(condition, Tensor)
        and isinstance(x1, Tensor)
        and isinstance(x2, Tensor)
        and condition._backend is x1._backend is x2._backend
        and x1._native.dtype is x2._native.dtype
        and condition.dtype.kind == "bool"
    ):
        return apply(_WHERE, (condition, x1, x2))
    (chosen,) = as_tensors(_CONDITION, condition, beside=(x1, x2))
    first, second = as_tensors(_WHERE, x1, x2, beside=(chosen,))
    return apply(_WHERE, (chosen, first, second))
