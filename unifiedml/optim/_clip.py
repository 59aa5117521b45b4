"""Gradients made smaller before a step."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, Final

from unifiedml._dtypes import DTYPES
from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, map_tree
from unifiedml.ops.arithmetic import abs, square
from unifiedml.ops.comparison import isfinite
from unifiedml.ops.exponential import sqrt
from unifiedml.ops.reduction import sum
from unifiedml.ops.selection import clip, maximum, where
from unifiedml.optim._options import check_number

__all__ = ["clip_by_global_norm", "clip_by_norm", "clip_by_value", "global_norm"]

_FLOAT32: Final = DTYPES["float32"]


def global_norm(grads: Any, /) -> Tensor:
    """Return the Euclidean norm of all gradients taken together, a 0-d tensor.

    Args:
        grads: Tensors in any structure of dicts, lists and tuples; None is left out.

    Raises:
        ValueError: There is no gradient.

    Example:
        >>> import unifiedml as um
        >>> um.optim.global_norm([um.tensor([3.0]), um.tensor([4.0])]).item()
        5.0
    """
    squares = leaves(_mapped(_square_sum, grads))
    if not squares:
        raise ValueError("there are no gradients to take a norm of")
    return sqrt(functools.reduce(operator.add, squares))


def clip_by_global_norm(grads: Any, max_norm: float, /) -> Any:
    """Return gradients scaled by one factor, so that their global norm is at most this.

    The factor is ``max_norm / max(norm, max_norm)``, exactly 1 where nothing is to be
    done. Where the norm is not finite, all gradients are NaN, which is noticed.

    Args:
        grads: Tensors in any structure of dicts, lists and tuples; None stays None.
        max_norm: Positive.

    Raises:
        ValueError: ``max_norm`` is not positive and finite, or there is no gradient.

    Example:
        >>> import unifiedml as um
        >>> grads = {"w": um.tensor([3.0, 4.0]), "b": None}
        >>> clipped = um.optim.clip_by_global_norm(grads, 2.5)
        >>> clipped["w"].tolist(), clipped["b"]
        ([1.5, 2.0], None)

    Reference:
        Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent
        neural networks", algorithm 1.
    """
    limit = check_number("max_norm", max_norm, positive=True)
    factor = _factor(global_norm(grads), limit)
    return _mapped(lambda one: _scaled(one, factor), grads)


def clip_by_norm(grads: Any, max_norm: float, /) -> Any:
    """Return gradients each of which is scaled to have at most this norm.

    Arguments and errors are those of `clip_by_global_norm`, each gradient apart.

    Example:
        >>> import unifiedml as um
        >>> grads = [um.tensor([3.0, 4.0]), um.tensor([1.0])]
        >>> [one.tolist() for one in um.optim.clip_by_norm(grads, 2.5)]
        [[1.5, 2.0], [1.0]]
    """
    limit = check_number("max_norm", max_norm, positive=True)
    return _mapped(
        lambda one: _scaled(one, _factor(sqrt(_square_sum(one)), limit)), grads
    )


def clip_by_value(grads: Any, limit: float, /) -> Any:
    """Return gradients with all elements in ``[-limit, limit]``; NaN stays NaN.

    Args:
        grads: Tensors in any structure of dicts, lists and tuples; None stays None.
        limit: Positive.

    Raises:
        ValueError: ``limit`` is not positive and finite.

    Example:
        >>> import unifiedml as um
        >>> um.optim.clip_by_value([um.tensor([3.0, -0.5])], 1.0)[0].tolist()
        [1.0, -0.5]
    """
    bound = check_number("limit", limit, positive=True)
    return _mapped(lambda one: clip(one, -bound, bound), grads)


def _square_sum(gradient: Tensor) -> Tensor:
    # In 16 bits the square of 256 is infinite.
    wide = gradient.astype(_FLOAT32) if gradient.dtype.bits < 32 else gradient
    return sum(square(abs(wide)))


def _factor(norm: Tensor, limit: float) -> Tensor:
    return where(isfinite(norm), limit / maximum(norm, limit), float("nan"))


def _scaled(gradient: Tensor, factor: Tensor) -> Tensor:
    return (gradient * factor.astype(gradient.dtype)).astype(gradient.dtype)


def _mapped(function: Callable[[Tensor], Tensor], grads: Any) -> Any:
    """Return the same structure of changed gradients, None kept where it is."""

    def changed(gradient: Any) -> Tensor:
        if not isinstance(gradient, Tensor):
            raise TypeError(
                f"a gradient is a tensor or None, not {type(gradient).__name__}"
            )
        return function(gradient)

    return map_tree(changed, grads)
