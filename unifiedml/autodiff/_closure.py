"""Tensors in the variables that a function closes over, as arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import CellType, FunctionType
from typing import Any

from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor

__all__ = ["tensors_behind", "with_others"]


def tensors_behind(function: Callable[..., Any]) -> list[Tensor]:
    """Return the tensors that ``function`` closes over, parameters aside.

    They are looked for in its variables, in lists, tuples and dicts there, and in what
    functions there close over in turn.
    """
    found: dict[int, Tensor] = {id(x): x for x in _tensors(function, set())}
    return list(found.values())


def _tensors(value: Any, seen: set[int]) -> Iterator[Tensor]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        if not isinstance(value, Parameter):
            yield value
        return
    for one in _inside(value):
        yield from _tensors(one, seen)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, FunctionType):
        return [cell.cell_contents for cell in _filled(value)]
    if type(value) is dict:
        return list(value.values())
    return list(value) if type(value) in (list, tuple) else []


def _filled(function: FunctionType) -> list[CellType]:
    """Return the variables that have a value yet."""

    def has_value(cell: CellType) -> bool:
        try:
            _ = cell.cell_contents
        except ValueError:
            return False
        return True

    return [cell for cell in function.__closure__ or () if has_value(cell)]


def with_others(
    function: Callable[..., Any], others: Mapping[int, Tensor]
) -> Callable[..., Any]:
    """Return a function that closes over other tensors, given by ``id``."""
    if not others:
        return function
    found: Callable[..., Any] = _replaced(function, dict(others))
    return found


def _replaced(value: Any, made: dict[int, Any]) -> Any:
    if id(value) in made:
        return made[id(value)]
    if isinstance(value, FunctionType) and value.__closure__:
        return _copied(value, made)
    inside = _inside(value)
    new = [_replaced(one, made) for one in inside]
    # A list that a function fills stays the one that others read.
    if all(one is other for one, other in zip(inside, new, strict=True)):
        return value
    if type(value) is dict:
        return dict(zip(value, new, strict=True))
    return type(value)(new)


def _copied(function: FunctionType, made: dict[int, Any]) -> FunctionType:
    before = function.__closure__ or ()
    cells = tuple(CellType() for _ in before)
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        cells,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    # Before its variables: one of them may be the function itself.
    made[id(function)] = copy
    filled = set(map(id, _filled(function)))
    for cell, old in zip(cells, before, strict=True):
        if id(old) in filled:
            cell.cell_contents = _replaced(old.cell_contents, made)
    return copy
