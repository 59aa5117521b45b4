"""Shapes of results, and the sentences that say why a shape cannot be."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any, Final

Shape = tuple[int, ...]

LARGEST: Final = 2**63 // 16
"""How many elements of the largest data type can be addressed."""

MAX_DIMS: Final = 8
"""Beyond, kernels of TensorFlow return uninitialised memory or end the process."""

MAX_RESHAPED: Final = 64
"""What `reshape` goes up to: NumPy stops there, TensorFlow ends the process at 255."""


def check_rank(shape: Shape, most: int = MAX_DIMS) -> Shape:
    """Return ``shape``.

    Raises:
        ValueError: It has too many dimensions.
    """
    if len(shape) > most:
        raise ValueError(
            f"a tensor has at most {most} dimensions, not the {len(shape)} of "
            f"shape {shape}: join some with reshape first"
        )
    return shape


def as_shape(shape: Any) -> Shape:
    """Return ``shape``, an integer or a sequence of integers, as a tuple.

    Raises:
        TypeError: An entry is not an integer.
        ValueError: An entry is negative, or there are too many of them or of elements.
    """
    result = _integers(shape)
    if any(entry < 0 for entry in result):
        raise ValueError(f"a shape has no negative entries, unlike {result}")
    _check_size(result)
    return check_rank(result)


def _integers(shape: Any) -> Shape:
    entries = (shape,)
    if isinstance(shape, Iterable) and not isinstance(shape, str):
        entries = tuple(shape)
    try:
        return tuple(operator.index(entry) for entry in entries)
    except TypeError:
        raise TypeError(f"a shape consists of integers, not {shape!r}") from None


def _check_size(shape: Shape) -> None:
    # Frameworks count in 64 bits, also the elements that a size of 0 makes vanish.
    if math.prod(entry or 1 for entry in shape) > LARGEST:
        raise ValueError(
            f"shape {shape} has more elements than fit into memory: {LARGEST} at most"
        )


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the shape that ``shapes`` broadcast to.

    Raises:
        ValueError: Two sizes differ and neither is 1.

    Example:
        >>> from unifiedml._rules.shapes import broadcast_shapes
        >>> broadcast_shapes((3, 1), (4,))
        (3, 4)
    """
    ndim = max((len(shape) for shape in shapes), default=0)
    result = [1] * ndim
    for shape in shapes:
        for axis, size in enumerate(shape, start=ndim - len(shape)):
            if size != 1 and result[axis] not in (1, size):
                listed = " and ".join(str(shape) for shape in shapes)
                raise ValueError(
                    f"cannot broadcast shapes {listed}: sizes {result[axis]} and "
                    f"{size} at dimension {axis - ndim} differ and neither is 1"
                )
            if size != 1:
                result[axis] = size
    return tuple(result)


def matmul_shape(first: Shape, second: Shape) -> Shape:
    """Return the shape of ``first @ second``.

    Raises:
        ValueError: An operand is 0-d, or the inner sizes differ, or the batch
            dimensions do not broadcast.
    """
    if not first or not second:
        raise ValueError(
            f"cannot multiply shapes {first} and {second}: matmul needs at least "
            "one dimension; use * for scalars"
        )
    inner = second[-2] if len(second) > 1 else second[0]
    if first[-1] != inner:
        where = "second to last" if len(second) > 1 else "only"
        raise ValueError(
            f"cannot multiply shapes {first} and {second}: the last dimension of "
            f"the first, {first[-1]}, must equal the {where} of the second, {inner}"
        )
    batch = broadcast_shapes(first[:-2], second[:-2])
    return batch + first[-2:-1] + (second[-1:] if len(second) > 1 else ())


def reshape_shape(shape: Shape, target: Any) -> Shape:
    """Return ``target`` with its one ``-1`` replaced by the size that is left.

    Raises:
        TypeError: An entry is not an integer.
        ValueError: The number of elements differs, or more than one size is -1.
    """
    wanted = _integers(target)
    if any(entry < -1 for entry in wanted) or wanted.count(-1) > 1:
        raise ValueError(
            f"cannot reshape {shape} to {wanted}: sizes are non-negative, and at "
            "most one may be -1 (the size that is left)"
        )
    check_rank(wanted, MAX_RESHAPED)
    count = math.prod(shape)
    known = math.prod(entry for entry in wanted if entry != -1)
    if -1 in wanted and known and count % known == 0:
        return tuple(count // known if entry == -1 else entry for entry in wanted)
    if -1 in wanted or known != count:
        raise ValueError(
            f"cannot reshape {shape} to {wanted}: {count} elements do not fit"
        )
    return wanted


def concat_shape(shapes: list[Shape], axis: int) -> Shape:
    """Return the shape of ``shapes`` joined along ``axis``.

    Raises:
        ValueError: The shapes differ elsewhere than at ``axis``.
    """
    first = shapes[0]
    for shape in shapes[1:]:
        same = len(shape) == len(first) and all(
            a == b
            for place, (a, b) in enumerate(zip(shape, first, strict=True))
            if place != axis
        )
        if not same:
            raise ValueError(
                f"cannot join shapes {first} and {shape} along axis {axis}: all "
                "other dimensions must be equal"
            )
    return first[:axis] + (sum(shape[axis] for shape in shapes),) + first[axis + 1 :]
