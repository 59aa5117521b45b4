"""What a program depends on: the structure of arguments, and what is static in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from unifiedml._backend.devices import get_device
from unifiedml._backend.registry import LoadedBackend, current, get_backend
from unifiedml._parameter import Parameter
from unifiedml._rules.shapes import Shape
from unifiedml._tensor import Tensor
from unifiedml.ops.conversion import from_array
from unifiedml.random import Key

__all__ = ["Arguments", "Shapes"]

Shapes = tuple[Shape, ...]


class Arguments:
    """The arguments of a call, taken apart.

    Attributes:
        tensors: What the program is given anew at each run, in order.
        keys: The random keys, likewise.
        signature: Equal for calls that one program serves: of what kind they are, and
            the shapes of the tensors.
        is_plain: Whether no tensor has a history or stands for something else.
    """

    __slots__ = ("_shapes", "is_plain", "keys", "signature", "tensors", "tree")

    def __init__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.tree = (args, dict(kwargs))
        self.tensors: list[Tensor] = []
        self.keys: list[Key] = []
        self._shapes: list[Shape] = []
        self.is_plain = True
        parts = self._part(self.tree)
        where = None if self.tensors else get_backend()
        self.signature = ((parts, where, get_device()), tuple(self._shapes))

    def _part(self, value: Any) -> Any:
        """Return what a part of the arguments contributes to the signature."""
        if isinstance(value, Parameter):
            return (id(value),)
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, list | tuple):
            return (type(value), *map(self._part, value))
        if isinstance(value, dict):
            return (dict, *((_exact(k), self._part(one)) for k, one in value.items()))
        if isinstance(value, np.ndarray):
            return self._tensor(from_array(value, current(), None))
        if isinstance(value, Key):
            self.keys.append(value)
            return Key
        try:
            hash(value)
        except TypeError:
            raise TypeError(
                f"um.jit takes tensors, modules, dicts, lists, tuples and values that "
                f"can be hashed, not {type(value).__name__}"
            ) from None
        return _exact(value)

    def _tensor(self, x: Tensor) -> Any:
        backend = x._backend
        if backend.level or x.requires_grad:
            self.is_plain = False
            return None
        if self.tensors and backend is not self.tensors[0]._backend:
            self.is_plain = False  # the operation that meets both will say so
        self.tensors.append(x)
        shape = x.shape
        self._shapes.append(shape)
        return (backend.name, x.dtype.name, len(shape), x.device)

    def backend(self) -> LoadedBackend:
        """Return where the program runs: where the first tensor is."""
        if self.tensors:
            return self.tensors[0]._backend
        found = _first_parameter(self.tree)
        return current() if found is None else found._backend

    def static(self) -> Any:
        """Return the arguments without tensors and keys."""
        return self.rebuilt(lambda number: None, lambda number: None)

    def rebuilt(
        self, tensor: Callable[[int], Any], key: Callable[[int], Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with tensors and keys replaced, by their numbers."""
        tensors = map(tensor, range(len(self.tensors)))
        keys = map(key, range(len(self.keys)))
        args, kwargs = _rebuilt(self.tree, tensors, keys)
        return args, kwargs


def _exact(value: Any) -> Any:
    """Return what equals that of a value which computes the same, and no other.

    1 equals 1.0 and True, 0.0 equals -0.0, and NaN nothing.
    """
    if isinstance(value, float | complex | np.inexact):
        return type(value), repr(value)
    if isinstance(value, tuple):
        return type(value), *map(_exact, value)
    if isinstance(value, frozenset):
        return type(value), frozenset(map(_exact, value))
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), *(_exact(getattr(value, f.name)) for f in fields(value))
    return type(value), value


# No inner function: one that calls itself keeps all that it sees for the collector.


def _rebuilt(value: Any, tensors: Iterator[Any], keys: Iterator[Any]) -> Any:
    if isinstance(value, Parameter):
        return value
    if isinstance(value, Tensor | np.ndarray):
        return next(tensors)
    if isinstance(value, Key):
        return next(keys)
    if isinstance(value, dict):
        return {name: _rebuilt(one, tensors, keys) for name, one in value.items()}
    if isinstance(value, list | tuple):
        parts = [_rebuilt(one, tensors, keys) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _first_parameter(tree: Any) -> Parameter | None:
    if isinstance(tree, Parameter):
        return tree
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    elif hasattr(tree, "parameters"):
        tree = tree.parameters
        tree = tree() if callable(tree) else tree
    if isinstance(tree, list | tuple):
        for one in tree:
            found = _first_parameter(one)
            if found is not None:
                return found
    return None
