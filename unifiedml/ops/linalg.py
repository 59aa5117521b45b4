"""Linear algebra."""

from __future__ import annotations

from unifiedml._rules.shapes import matmul_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import NUMERIC, Op, as_tensors, binary
from unifiedml.ops.manipulation import expand_dims, squeeze

__all__ = ["matmul"]


def _explain(x1: Tensor, x2: Tensor) -> None:
    matmul_shape(x1.shape, x2.shape)


_MATMUL = Op("matmul", NUMERIC, explain=_explain)


def matmul(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the matrix product ``x1 @ x2``.

    Args:
        x1: Shape ``(..., n, k)`` or ``(k,)``.
        x2: Shape ``(..., k, m)`` or ``(k,)``.

    Returns:
        Shape ``(..., n, m)``, the dimensions of 1-d operands left out; batch
        dimensions broadcast.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> import unifiedml as um
        >>> um.matmul(um.ones((2, 3)), um.ones((3, 4))).shape
        (2, 4)
    """
    if isinstance(x1, Tensor) and isinstance(x2, Tensor):
        first, second = x1.shape, x2.shape
        if len(first) > 1 and len(second) > 1 and first[-1] == second[-2]:
            return binary(_MATMUL, x1, x2)
    x1, x2 = as_tensors(_MATMUL, x1, x2)
    first, second = x1.shape, x2.shape
    matmul_shape(first, second)
    left = expand_dims(x1, axis=0) if len(first) == 1 else x1
    right = expand_dims(x2, axis=1) if len(second) == 1 else x2
    result = binary(_MATMUL, left, right)
    axes = [-2] * (len(first) == 1) + [-1] * (len(second) == 1)
    return squeeze(result, axis=axes) if axes else result
