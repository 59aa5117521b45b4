"""Wrong calls, made from right ones: one argument is replaced by a mistake.

The calls that a line of the parity table draws are right (or nearly always). Each is
changed in one place, in the ways that users get it wrong: another data type, a shape
that does not fit, an axis out of range, a word where a number belongs. So a new
operation is covered by its line, with nothing to write.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import as_dtype

__all__ = ["Elsewhere", "Wrong", "wrong_calls"]

Array = npt.NDArray[Any]

KINDS: Final = ("bool", "int8", "uint64", "float16", "float32", "complex64")
"""A data type of each kind, and the two whose rules differ from their kind's."""

HUGE: Final = 10**30


class Nothing:
    """What no argument can be."""

    def __repr__(self) -> str:
        return "Nothing"


NOTHING: Final = Nothing()


class Elsewhere:
    """An array that is to be a tensor of another backend."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __repr__(self) -> str:
        return f"Elsewhere({self.array!r})"


@dataclass(frozen=True)
class Wrong:
    """A call with one argument replaced.

    Attributes:
        place: Which argument: its index or its name.
        value: What stands there now.
        args: All positional arguments.
        kwargs: All named ones.
        refused: Whether no operation can accept it.
    """

    place: int | str
    value: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    refused: bool = False

    def __repr__(self) -> str:
        given = [repr(arg) for arg in self.args]
        given += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"({', '.join(given)}) where {self.place} is wrong"


Mistake = tuple[Any, bool]


def wrong_calls(
    name: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Iterator[Wrong]:
    """Yield calls like this one, each with one argument that is or may be wrong.

    Args:
        name: The public name of what is called: a method's first argument is a tensor.
        function: What is called.
        args: Right positional arguments.
        kwargs: Right named arguments.
    """
    arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
    ndim = arrays[0].ndim if arrays else 0
    for place, arg in enumerate(args):
        for value, refused in mistakes(arg, several=len(arrays) > 1):
            if _is_pythons(name, place, value):
                continue
            changed = (*args[:place], value, *args[place + 1 :])
            yield Wrong(place, value, changed, kwargs, refused)
    for option, given in {**options(function, args), **kwargs}.items():
        for value, refused in named_mistakes(option, given, ndim):
            yield Wrong(option, value, args, {**kwargs, option: value}, refused)


def _is_pythons(name: str, place: int, value: Any) -> bool:
    """Tell whether Python, not the library, decides what such a call does."""
    if not name.startswith("Tensor.") or isinstance(value, np.ndarray):
        return False
    # The first has to be a tensor, or there is no method; anything is unequal to a
    # tensor; and a reflected operator sees NumPy arrays.
    reflected = name.startswith("Tensor.__r") and isinstance(value, Elsewhere)
    return place == 0 or reflected or name in ("Tensor.__eq__", "Tensor.__ne__")


def options(function: Callable[..., Any], args: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Return the options of a function that these arguments leave at their defaults."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return {}
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        args = ()
    return {
        p.name: p.default
        for p in parameters[len(args) :]
        if p.default is not p.empty and p.kind is not p.POSITIONAL_ONLY
    }


# --- by name ----------------------------------------------------------------------


def named_mistakes(name: str, given: Any, ndim: int) -> Iterator[Mistake]:
    """Yield what cannot stand for an option, by its name or else by its value."""
    if name in ("axis", "axes"):
        yield from ((axis, True) for axis in wrong_axes(ndim))
    elif name == "dtype":
        for dtype in ("real", "float", 3, object, np.dtype("U3"), NOTHING):
            yield dtype, True
    elif name == "device":
        yield from ((device, True) for device in ("tpu", "gpu:99", 3))
    else:
        yield from mistakes(given)


def wrong_axes(ndim: int) -> tuple[Any, ...]:
    """Return axes that a tensor of ``ndim`` dimensions, or one more, does not have."""
    return (ndim + 1, -ndim - 2, HUGE, 1.5, "0", True, [None], (0, 0), NOTHING)


# --- by value ---------------------------------------------------------------------


def mistakes(given: Any, several: bool = False) -> Iterator[Mistake]:
    """Yield what may be wrong in the place of a value, and whether it must be."""
    if isinstance(given, np.ndarray):
        yield from wrong_arrays(given)
        yield from (("text", True), (NOTHING, True), ({}, True))
        yield from ((None, False), ([1.0, "a"], False), (HUGE, False), (1j, False))
        if several:
            yield Elsewhere(given), True
    elif isinstance(given, bool):
        return
    elif isinstance(given, int):
        yield from ((n, False) for n in (-1, -7, 99, HUGE, -HUGE, 2.5, None, 1j))
        yield from (("1", True), (NOTHING, True))
    elif isinstance(given, float):
        yield from ((n, False) for n in (np.nan, np.inf, -1.0, HUGE, 1j, None))
        yield from (("1", True), (NOTHING, True))
    elif isinstance(given, str):
        yield from (("nonsense", True), (3, True), (NOTHING, True))
    elif isinstance(given, tuple | list) and all(type(n) is int for n in given):
        yield from wrong_sequences(type(given), given)


def wrong_sequences(kind: Any, given: Any) -> Iterator[Mistake]:
    """Yield sequences of integers: longer, shorter, out of range, of other things."""
    yield kind([*given, 5]), False
    yield kind(given[1:]), False
    yield kind([*given, *given]), False
    yield kind([-9, *given[1:]]), False
    yield kind([None, *given[1:]]), False
    for entry in (2.5, "a", NOTHING):
        yield kind([entry, *given[1:]]), True
    yield kind([HUGE, *given[1:]]), False
    yield "text", True
    yield NOTHING, True


def wrong_arrays(given: Array) -> Iterator[Mistake]:
    """Yield arrays of other data types, shapes and values."""
    own = as_dtype(given.dtype)
    for name in KINDS:
        if name != own.name:
            yield _converted(given, as_dtype(name).numpy), False
    for shape in wrong_shapes(given.shape):
        yield np.resize(given, shape), False
    if own.is_integer and given.size:
        limits = np.iinfo(given.dtype)
        for value in (limits.max, limits.min, 0):
            yield np.full_like(given, value), False


def _converted(array: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(all="ignore"):
        real = array.real if dtype.kind != "c" else array
        return np.asarray(real.astype(dtype))


def wrong_shapes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield shapes that an operation for ``shape`` may not take."""
    yield (2, *shape)
    yield (*shape, 7)
    yield ()
    yield (0, *shape[1:])
    if shape:
        yield (*shape[:-1], shape[-1] + 1)
        yield shape[1:]
