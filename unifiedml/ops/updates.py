"""``x.at[key].add(y)``: updates that return new tensors, as JAX spells them."""

from __future__ import annotations

from typing import Any

from unifiedml._tensor import Operand, Tensor
from unifiedml.ops import arithmetic, selection
from unifiedml.ops._dispatch import NUMERIC, REAL, SIGN, Op, apply
from unifiedml.ops.indexing import Scatter, getitem, setitem, updated

__all__ = ["At", "Place"]


def _lowest_bits(op: Op) -> Scatter:
    """Return a scatter that compares uint64 in int64 bits, the sign bit flipped."""

    def compared(rows: Tensor, places: Tensor, new: Tensor) -> Tensor:
        return apply(op, (rows ^ SIGN, places, new ^ SIGN)) ^ SIGN

    return compared


def _scatter(op: Op) -> Scatter:
    def scatter(rows: Tensor, places: Tensor, new: Tensor) -> Tensor:
        return apply(op, (rows, places, new))

    return scatter


_MAX_BITS = _lowest_bits(Op("scatter_max", REAL))
_MIN_BITS = _lowest_bits(Op("scatter_min", REAL))


def _max_bits(rows: Tensor, places: Tensor, new: Tensor) -> Tensor:
    return _MAX_BITS(rows, places, new)


def _min_bits(rows: Tensor, places: Tensor, new: Tensor) -> Tensor:
    return _MIN_BITS(rows, places, new)


_ADD = _scatter(Op("scatter_add", NUMERIC))
_MAX = _scatter(Op("scatter_max", REAL, bits=_max_bits))
_MIN = _scatter(Op("scatter_min", REAL, bits=_min_bits))
_MULTIPLY = _scatter(Op("scatter_multiply", NUMERIC))


class At:
    """What ``x.at`` is: waits for the key."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def __getitem__(self, key: Any, /) -> Place:
        return Place(self._tensor, key)


class Place:
    """A tensor and the places in it that are to be changed."""

    __slots__ = ("_key", "_tensor")

    def __init__(self, tensor: Tensor, key: Any) -> None:
        self._tensor = tensor
        self._key = key

    def get(self) -> Tensor:
        """Return what stands there: ``x[key]``."""
        return getitem(self._tensor, self._key)

    def set(self, values: Operand, /) -> Tensor:
        """Return the tensor with ``values`` in these places."""
        return setitem(self._tensor, self._key, values)

    def add(self, values: Operand, /) -> Tensor:
        """Return the tensor with ``values`` added in these places."""
        return updated(self._tensor, self._key, values, _ADD, arithmetic.add)

    def multiply(self, values: Operand, /) -> Tensor:
        """Return the tensor multiplied by ``values`` in these places."""
        return updated(self._tensor, self._key, values, _MULTIPLY, arithmetic.multiply)

    def max(self, values: Operand, /) -> Tensor:
        """Return the tensor with the larger of it and ``values`` in these places."""
        return updated(self._tensor, self._key, values, _MAX, selection.maximum)

    def min(self, values: Operand, /) -> Tensor:
        """Return the tensor with the smaller of it and ``values`` in these places."""
        return updated(self._tensor, self._key, values, _MIN, selection.minimum)
