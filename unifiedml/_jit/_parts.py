"""What modules consisted of when a program was traced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from unifiedml import _place
from unifiedml._parameter import Parameter
from unifiedml._tree import is_module

if TYPE_CHECKING:
    from unifiedml.nn import Module

__all__ = ["Parts"]

# The mode is asked for at each run; the others say nothing of what a module does.
_APART: Final = frozenset({"training", "_place", "_settled", "_prediction", "_trainer"})
_PLAIN: Final = (bool, int, float, complex, str, bytes, type(None))
Keys = dict[str, Any]


class Parts:
    """The attributes of modules, which a program has taken for constants.

    Numbers and words are compared by value, other things by identity. What a module
    changed while it was traced, such as a counter, is no part of what it depends on.
    """

    def __init__(self) -> None:
        self._before: list[tuple[Module, Keys]] = []
        self._after: list[tuple[Module, Keys, set[str]]] = []
        self._containers: list[tuple[Any, list[int]]] = []
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
                if before.get(name) != key and not _is_part(vars(module)[name])
            }
            kept = {name: key for name, key in after.items() if name not in changed}
            self._after.append((module, kept, changed))
        self._note()

    def _note(self) -> None:
        self._edits = _place.edits
        self._containers = [
            (one, _ids(one))
            for module, keys, _ in self._after
            for name in keys
            for one in _containers(vars(module)[name])
        ]

    def are_same(self) -> bool:
        """Tell whether the modules still consist of the same."""
        if self._edits == _place.edits:
            for container, ids in self._containers:
                if _ids(container) != ids:
                    break
            else:
                return True
        for module, keys, changed in self._after:
            now = _keys(module)
            for name in changed & now.keys():
                if not _is_part(vars(module)[name]):
                    del now[name]
            if now != keys:
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


def _key(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        # 0.0 equals -0.0 and False, and NaN nothing.
        return type(value), repr(value)
    if isinstance(value, list | tuple):
        return type(value), [*map(_key, value)]
    if isinstance(value, dict):
        return dict, [(name, _key(one)) for name, one in value.items()]
    return _Same(value)


def _is_part(value: Any) -> bool:
    """Tell whether a value is, or holds, a module or a parameter."""
    if isinstance(value, list | tuple):
        return any(map(_is_part, value))
    if isinstance(value, dict):
        return any(map(_is_part, value.values()))
    return isinstance(value, Parameter) or is_module(value)


def _containers(value: Any) -> Iterator[Any]:
    """Yield what may be changed in place, from the outside in."""
    if isinstance(value, list | dict):
        yield value
    if isinstance(value, list | tuple):
        for one in value:
            yield from _containers(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _containers(one)


def _ids(container: Any) -> list[int]:
    if isinstance(container, dict):
        return [*map(id, container), *map(id, container.values())]
    return [*map(id, container)]
