"""What modules consisted of when a program was traced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from unifiedml import _place
from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml._tree import are_same, is_module

if TYPE_CHECKING:
    from unifiedml.nn import Module

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
    """The attributes of modules, which a program has taken for constants.

    Numbers and words are compared by value, other things by identity. What a module
    changed while it was traced, such as a counter, is no part of what it depends on.
    """

    def __init__(self) -> None:
        self._before: list[tuple[Module, Keys]] = []
        self._after: list[tuple[Module, Keys, set[str]]] = []
        self._containers: list[tuple[Any, list[Any]]] = []
        self._edits = -1

    def saw(self, module: Module) -> None:
        """Note what a module is before it runs."""
        self._before.append((module, _keys(module)))

    def settle(self) -> None:
        """Note what the modules are after they have run."""
        for module, before in self._before:
            after = _keys(module)
            changed = {
                name
                for name, key in after.items()
                if before.get(name) != key
                and _is_note(vars(module)[name], before.get(name, _NOTHING))
            }
            kept = {name: key for name, key in after.items() if name not in changed}
            self._after.append((module, kept, changed))
        self._before.clear()
        self._note()

    def _note(self) -> None:
        self._edits = _place.edits
        self._containers = [
            (one, _items(one))
            for module, keys, _ in self._after
            for name in keys
            for one in _containers(vars(module)[name])
        ]

    def are_same(self) -> bool:
        """Tell whether the modules still consist of the same."""
        if self._edits == _place.edits:
            for container, items in self._containers:
                if not are_same(_items(container), items):
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


def _keys(module: Module) -> Keys:
    return {
        name: _key(value) for name, value in vars(module).items() if name not in _APART
    }


def _key(value: Any, depth: int = 0) -> Any:
    if isinstance(value, float | complex):
        # 0.0 equals -0.0, and NaN nothing.
        return type(value), repr(value)
    if isinstance(value, _PLAIN):
        return type(value), value
    if _is_open(value, depth):
        return type(value), [_key(one, depth + 1) for one in _items(value)]
    return _Same(value)


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
    return not _is_part(value) and (before != _NOTHING or isinstance(value, Tensor))


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
