"""Sizes that remember what was asked about them, while a program is traced."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NamedTuple

from unifiedml._tracing import tracing

# `int()` would ask.
_plain: Final = int.__int__

__all__ = ["Question", "Size", "asked", "pinned", "seen"]


class Question(NamedTuple):
    """What the user's code has asked about sizes, and what it was told.

    Attributes:
        function: What it wanted to know; `operator.index` for the very number.
        operands: Of which numbers.
        answer: What it was told. A program of all sizes tells the same.
    """

    function: Callable[..., Any]
    operands: tuple[Any, ...]
    answer: Any


class Size(int):
    """A size as the user's code sees it.

    The code may take another way for another size. So each comparison and remainder is
    a question that a program of all sizes asks anew; what makes any other number of a
    size asks for the size itself. Python hides some from us: what counts by a size in
    C, such as ``range`` and ``math.gcd``. The library's own code asks by `asked`.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (_plain(self),)


def asked(function: Callable[..., Any], *operands: int) -> Any:
    """Return the answer to a question of the library's own about sizes."""
    numbers = tuple(map(_plain, operands))
    answer = function(*numbers)
    trace = tracing.get()
    if trace is not None and trace.questions is not None:
        trace.questions.append(Question(function, numbers, answer))
    return answer


def seen(size: int) -> int:
    """Return a size for the code that asked the library for it."""
    return Size(size) if type(size) is int and _is_noted() else size


def pinned(size: int) -> int:
    """Return a size, and note that the code which asked depends on this very size."""
    if _is_noted():
        _note(operator.index, (size,), size)
    return size


_BETWEEN: Final = frozenset(
    f"unifiedml.{name}" for name in ("_parameter", "_sizes", "_tensor", "_value")
)


def _is_noted() -> bool:
    """Tell whether a trace notes questions, and it is not the library that asks."""
    trace = tracing.get()
    if trace is None or trace.questions is None:
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        frame = frame.f_back
    name: str = "" if frame is None else frame.f_globals.get("__name__", "")
    return name.partition(".")[0] != "unifiedml"


def _note(function: Callable[..., Any], operands: tuple[Any, ...], answer: Any) -> None:
    trace = tracing.get()
    assert trace is not None
    assert trace.questions is not None
    trace.questions.append(Question(function, tuple(map(_plain, operands)), answer))


def _computes(name: str) -> Callable[..., Any]:
    """Return a method whose result is a size, too."""
    plain = getattr(int, name)

    def method(self: Size, *others: Any) -> Any:
        found = plain(self, *others)
        if type(found) is int:
            return Size(found)
        pinned(_plain(self))
        return found

    return method


def _asks(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method whose result is the answer to a question."""
    plain = getattr(int, name)

    def method(self: Size, *others: Any) -> Any:
        found = plain(self, *others)
        if found is NotImplemented:
            pinned(_plain(self))
        elif _is_noted():
            _note(function, (self, *others), found)
        return found

    return method


def _divides(name: str, place: int) -> Callable[..., Any]:
    """Return a method whose result is a size, if the remainder is the same."""
    plain = getattr(int, name)

    def method(self: Size, other: Any) -> Any:
        found = plain(self, other)
        if found is NotImplemented:
            pinned(_plain(self))
            return found
        if _is_noted():
            numbers = (_plain(self), _plain(other))[:: 1 - 2 * place]
            _note(operator.mod, numbers, operator.mod(*numbers))
        return tuple(map(Size, found)) if isinstance(found, tuple) else Size(found)

    return method


def _pins(name: str) -> Callable[..., Any]:
    """Return a method whose result depends on the very size."""
    plain = getattr(int, name)

    def method(self: Size, *others: Any) -> Any:
        pinned(_plain(self))
        return plain(self, *others)

    return method


for _name in "add radd sub rsub mul rmul neg pos abs".split():
    setattr(Size, f"__{_name}__", _computes(f"__{_name}__"))
for _name in "eq ne lt le gt ge".split():
    setattr(Size, f"__{_name}__", _asks(f"__{_name}__", getattr(operator, _name)))
Size.__bool__ = _asks("__bool__", operator.truth)  # type: ignore[method-assign]
for _name in "floordiv mod divmod".split():
    setattr(Size, f"__{_name}__", _divides(f"__{_name}__", 0))
    setattr(Size, f"__r{_name}__", _divides(f"__r{_name}__", 1))
for _name in (
    "truediv rtruediv pow rpow lshift rlshift rshift rrshift and rand or ror xor rxor "
    "invert int float hash round trunc floor ceil str repr format"
).split():
    setattr(Size, f"__{_name}__", _pins(f"__{_name}__"))
for _name in "bit_count bit_length to_bytes as_integer_ratio conjugate".split():
    setattr(Size, _name, _pins(_name))
