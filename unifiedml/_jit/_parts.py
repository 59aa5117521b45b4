"""What modules consisted of when a program was traced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from unifiedml import _place
from unifiedml._backend.errors import TracedStateError
from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml._tree import are_same, is_module

__all__ = ["Parts"]

# The mode is asked for at each run; the others say nothing of what a module does.
_APART: Final = frozenset({"training", "_place", "_settled", "_prediction", "_trainer"})
_PLAIN: Final = (bool, int, str, bytes, type(None))
_MOST: Final = 1000
"""Larger containers are data, and would take longer to look at than steps take."""
_DEEPEST: Final = 8
_NOTHING: Final = (type(None), None)
Keys = dict[str, Any]


class Parts:
    """The attributes of modules and other objects, which programs take for constants.

    Numbers, words and small arrays are compared by value, other things by identity.
    """

    def __init__(self) -> None:
        self._before: list[tuple[Any, dict[str, Any], Keys]] = []
        self._after: list[tuple[Any, Keys, set[str]]] = []
        self._inside: list[tuple[Any, Any]] = []
        self._edits = -1

    def saw(self, module: Any) -> None:
        """Note what a module, or another object, is before it runs."""
        self._before.append((module, dict(vars(module)), _keys(module)))

    def settle(self) -> None:
        """Note what the modules are after they have run, while they are traced.

        Raises:
            TracedStateError: One has changed a number, or keeps a tensor of the
                program: no run would do that. Modules are what they were before then.
        """
        noted = [
            (module, name)
            for module, before, keys in self._before
            for name, key in _keys(module).items()
            if keys.get(name) != key
            and _is_note(vars(module)[name], keys.get(name, _NOTHING))
        ]
        if noted:
            for module, before, _ in self._before:
                vars(module).clear()
                vars(module).update(before)
            (module, name), *_ = noted
            raise TracedStateError(
                f"{type(module).__name__} changes its attribute {name!r} (what runs "
                "are to change is a um.nn.Buffer)"
            )
        for module, _, before in self._before:
            after = _keys(module)
            changed = {
                name
                for name, key in after.items()
                if before.get(name) != key
                and before.get(name, _NOTHING) != _NOTHING
                and not _is_part(vars(module)[name])
            }
            kept = {name: key for name, key in after.items() if name not in changed}
            self._after.append((module, kept, changed))
        self._before.clear()
        self._note()

    def _note(self) -> None:
        self._edits = _place.edits
        self._inside = [
            (one, _inside(one))
            for module, keys, _ in self._after
            for name in keys
            for one in _containers(vars(module)[name])
        ]
        # Nobody is told when an attribute of what is no module is set.
        others = [one for one, _, _ in self._after if not is_module(one)]
        self._inside += [(vars(one), _inside(vars(one))) for one in others]

    def are_same(self) -> bool:
        """Tell whether the modules still consist of the same."""
        if self._edits == _place.edits:
            for one, inside in self._inside:
                if not _is_still(one, inside):
                    break
            else:
                return True
        for module, keys, changed in self._after:
            own = _keys(module)
            for name in changed & own.keys():
                if not _is_part(vars(module)[name]):
                    del own[name]
            if own != keys:
                return False
        self._note()
        return True


class _Same:
    """Equals what stands for the same object; holds on to it."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._value is other._value

    __hash__ = None  # type: ignore[assignment]


def _keys(module: Any) -> Keys:
    return {
        name: _key(value) for name, value in vars(module).items() if name not in _APART
    }


def _key(value: Any, depth: int = 0) -> Any:
    if isinstance(value, float | complex):
        # 0.0 equals -0.0, and NaN nothing.
        return type(value), repr(value)
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        return type(value), _Same(value._native)
    if _is_small(value):
        return value.dtype, value.shape, value.tobytes()
    if _is_open(value, depth):
        return type(value), [_key(one, depth + 1) for one in _items(value)]
    return _Same(value)


def _is_small(value: Any) -> bool:
    """Tell whether a value is an array that may be compared element by element."""
    return isinstance(value, np.ndarray) and (
        value.size <= _MOST and not value.dtype.hasobject
    )


def _is_open(value: Any, depth: int) -> bool:
    """Tell whether a container is looked into: not too large a one, nor too deep."""
    return isinstance(value, list | tuple | dict) and (
        len(value) <= _MOST and depth < _DEEPEST
    )


def _items(container: Any) -> list[Any]:
    if isinstance(container, dict):
        return [*container, *container.values()]
    return list(container)


def _is_note(value: Any, before: Any) -> bool:
    """Tell whether a module notes something as it runs, such as a count or a result.

    What was missing before may be made once, and read from then on.
    """
    if isinstance(value, Tensor):
        own = isinstance(value, Parameter)
        return not own and value._backend.ops.is_traced(value._native)
    number = isinstance(value, bool | int | float | complex | str)
    return number and before != _NOTHING


def _is_part(value: Any, depth: int = 0) -> bool:
    """Tell whether a value is, or holds, a module or a parameter."""
    if _is_open(value, depth):
        return any(_is_part(one, depth + 1) for one in _items(value))
    return isinstance(value, Parameter) or is_module(value)


def _containers(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield what may be changed in place, from the outside in."""
    if _is_open(value, depth):
        if not isinstance(value, tuple):
            yield value
        for one in _items(value):
            yield from _containers(one, depth + 1)
    elif _is_small(value) or (
        isinstance(value, Tensor) and not isinstance(value, Parameter)
    ):
        yield value


def _inside(one: Any) -> Any:
    """Return what is replaced where something is changed in place."""
    if isinstance(one, Tensor):
        return one._native
    return one.tobytes() if isinstance(one, np.ndarray) else _items(one)


def _is_still(one: Any, inside: Any) -> bool:
    if isinstance(one, Tensor):
        return one._native is inside
    if isinstance(one, np.ndarray):
        return bool(one.tobytes() == inside)
    return are_same(_items(one), inside)
