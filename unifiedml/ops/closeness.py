"""Whether tensors are equal, or nearly."""

from __future__ import annotations

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, NUMERIC, Op, as_tensors, broadcastable
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.comparison import isfinite, isnan
from unifiedml.ops.creation import zeros
from unifiedml.ops.reduction import all as _all

__all__ = ["allclose", "array_equal", "isclose"]

_ISCLOSE = Op("isclose", NUMERIC, explain=broadcastable)
_ARRAY_EQUAL = Op("array_equal", ANY)


def isclose(
    x1: Operand,
    x2: Operand,
    /,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Tensor:
    """Tell where ``abs(x1 - x2) <= atol + rtol * abs(x2)``, or both are equal.

    Args:
        x1: A numeric tensor.
        x2: A tensor of a shape that broadcasts with it.
        rtol: How far apart they may be relative to ``x2``.
        atol: How far apart they may be in any case.
        equal_nan: Whether NaN is close to NaN.

    Example:
        >>> import unifiedml as um
        >>> um.isclose(um.tensor([1.0, 1.1]), 1.000001).tolist()
        [True, False]
    """
    first, second = as_tensors(_ISCLOSE, x1, x2)
    if first.dtype.is_integer:
        first, second = first.astype("float64"), second.astype("float64")
    limit = _abs(second) * rtol + atol
    near = isfinite(second) & (_abs(first - second) <= limit)
    close = near | (first == second)
    return close | (isnan(first) & isnan(second)) if equal_nan else close


def allclose(
    x1: Operand,
    x2: Operand,
    /,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Tensor:
    """Tell whether all elements are close: see `isclose`.

    Returns:
        A bool tensor of shape ``()``.

    Example:
        >>> import unifiedml as um
        >>> um.allclose(um.tensor([1.0, 2.0]), um.tensor([1.0, 2.000001])).item()
        True
    """
    return _all(isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan))


def array_equal(x1: Operand, x2: Operand, /, *, equal_nan: bool = False) -> Tensor:
    """Tell whether two tensors have the same shape and equal elements.

    Args:
        x1: A tensor.
        x2: Another.
        equal_nan: Whether NaN equals NaN.

    Returns:
        A bool tensor of shape ``()``.

    Example:
        >>> import unifiedml as um
        >>> um.array_equal(um.tensor([1, 2]), um.tensor([1, 2])).item()
        True
    """
    first, second = as_tensors(_ARRAY_EQUAL, x1, x2)
    if first.shape != second.shape:
        return zeros((), dtype="bool", device=first.device)
    same = first == second
    if equal_nan and first.dtype.is_differentiable:
        same = same | (isnan(first) & isnan(second))
    return _all(same)
