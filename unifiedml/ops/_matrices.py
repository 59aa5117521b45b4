"""What operations on matrices share: checks, stacks of any rank, the adjoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from unifiedml._rules.shapes import broadcast_shapes
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import FLOATING, Op, as_tensors, several, unary
from unifiedml.ops._known import known_values
from unifiedml.ops.manipulation import broadcast_to, reshape

LinAlgError = np.linalg.LinAlgError

Array = np.ndarray[Any, Any]
Explain = Callable[..., None]


def factorization(name: str, explain: Explain) -> Op:
    """Return an operation on floating-point matrices that values may make fail."""
    return Op(name, FLOATING, explain=explain)


def matrices(name: str, *operands: Operand, square: bool = False) -> tuple[Tensor, ...]:
    """Return operands as stacks of matrices of one data type, of 32 bits and more.

    Raises:
        TypeError: The data type is another one.
        ValueError: One has less than two dimensions, or is not square where it must be.
    """
    tensors = as_tensors(Op(name, FLOATING), *operands)
    precise(name, tensors[0])
    for x in tensors:
        if x.ndim < 2:
            raise ValueError(
                f"{name} needs matrices of two dimensions, or stacks of them, not "
                f"shape {x.shape}"
            )
        if square and x.shape[-1] != x.shape[-2]:
            raise ValueError(f"{name} needs square matrices, not shape {x.shape}")
    return tensors


def precise(name: str, x: Tensor) -> None:
    """Raise for float16 and bfloat16, in which algorithms of matrices mean nothing."""
    if x.dtype.name in ("float16", "bfloat16"):
        raise TypeError(
            f"{name} needs float32, float64, complex64 or complex128, not "
            f"{x.dtype.name}: convert with astype first"
        )


def stacked(x: Tensor) -> Tensor:
    """Return matrices in one stack: frameworks' derivatives know few dimensions."""
    return reshape(x, (math.prod(x.shape[:-2]), *x.shape[-2:])) if x.ndim > 3 else x


def restored(y: Tensor, x: Tensor) -> Tensor:
    """Return results of ``stacked(x)`` in the dimensions that ``x`` has before two."""
    return reshape(y, (*x.shape[:-2], *y.shape[1:])) if x.ndim > 3 else y


def one_result(op: Op, x: Tensor, *static: Any) -> Tensor:
    """Apply an operation of matrices to stacks of any rank."""
    return restored(unary(op, stacked(x), *static), x)


def results(op: Op, x: Tensor, *static: Any) -> tuple[Tensor, ...]:
    """Apply an operation of matrices with several results to stacks of any rank."""
    return tuple(restored(y, x) for y in several(op, stacked(x), *static))


def broadcast_stacks(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return stacks of matrices with their leading dimensions broadcast."""
    batch = broadcast_shapes(*(x.shape[:-2] for x in tensors))
    return tuple(
        x if x.shape[:-2] == batch else broadcast_to(x, batch + x.shape[-2:])
        for x in tensors
    )


def refuse_infinite(name: str, x: Tensor) -> None:
    """Raise if a matrix holds NaN or infinity: an ``explain`` of `Op`."""
    values = known_values(x)
    if values is not None and not np.isfinite(values).all():
        place = _first(~np.isfinite(values).all((-2, -1)))
        raise LinAlgError(
            f"{name} needs finite numbers: a matrix{place} holds NaN or inf"
        )


def refuse_singular(name: str, x: Tensor) -> None:
    """Raise for the matrix nearest to a singular one: an ``explain`` of `Op`."""
    refuse_infinite(name, x)
    known = _wide(x)
    if known is None:
        return
    values = np.linalg.svd(known, compute_uv=False)
    if values.size:
        ratio = values[..., -1] / np.where(values[..., 0] == 0, 1, values[..., 0])
        place = _first(ratio == np.min(ratio))
        raise LinAlgError(
            f"{name}: a matrix{place} is singular; use um.linalg.lstsq or pinv for "
            "the solution of least norm"
        )


def refuse_indefinite(name: str, x: Tensor) -> None:
    """Raise for the least definite matrix: an ``explain`` of `Op`."""
    refuse_infinite(name, x)
    known = _wide(x)
    if known is None:
        return
    values = np.linalg.eigvalsh(known)
    if values.size:
        least = values[..., 0]
        place = _first(least == np.min(least))
        raise LinAlgError(
            f"{name} needs positive definite matrices: the smallest eigenvalue of one"
            f"{place} is {np.min(least):.3g}"
        )


def _wide(x: Tensor) -> Array | None:
    values = known_values(x)
    if values is None:
        return None
    return values.astype(np.result_type(values.dtype, np.float64))


def _first(found: Any) -> str:
    """Return where the first true element is, as words."""
    if not np.ndim(found):
        return ""
    return f" (number {int(np.argmax(found))} of {np.size(found)})"


def checked_size(name: str, wanted: str, first: Sequence[int], second: int) -> None:
    """Raise if the rows of a right-hand side do not fit the matrix."""
    if first[-2] != second:
        raise ValueError(
            f"{name}: matrices of shape {tuple(first)} need {wanted} with {first[-2]} "
            f"rows, not {second}"
        )
