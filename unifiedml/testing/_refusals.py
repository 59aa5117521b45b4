"""What a wrong call must do: raise a documented error, the same on every backend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

import unifiedml as um
from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.registry import available_backends, use_backend
from unifiedml._dtypes import as_dtype
from unifiedml.testing._parity import Outcome, Place, leaves
from unifiedml.testing._wrong import Elsewhere, Wrong, wrong_calls

__all__ = ["DOCUMENTED", "check", "faults", "outcome"]

DOCUMENTED: Final[frozenset[type[BaseException]]] = frozenset(
    {
        TypeError,
        ValueError,
        IndexError,
        np.exceptions.AxisError,
        OverflowError,
        ZeroDivisionError,
        np.linalg.LinAlgError,
        BackendMismatchError,
    }
)
"""The exceptions that wrong arguments raise: Python's, NumPy's, and one of our own."""

_LEAKS: Final = re.compile(
    r"\btorch\b|tensorflow|\btf\b|aten|\[Op:|Eager|CUDA|\bDT_|"
    r"object at 0x|C long|C ssize_t|ufunc|ndarray|built-in|Node:|_dispatch|"
    r"NotImplemented|<function|<lambda>|_[a-z_]+\(\) |NoneType: None",
    re.IGNORECASE,
)
"""What only a framework, or our own insides, would say."""


def check(
    name: str,
    function: Callable[..., Any],
    call: tuple[tuple[Any, ...], dict[str, Any]],
    where: Sequence[Place],
) -> list[str]:
    """Return what the backends do wrong with wrong calls made of a right one."""
    found = []
    for wrong in wrong_calls(name, function, *call):
        outcomes = [outcome(function, wrong, place) for place in where]
        for fault in faults(wrong, outcomes):
            lines = [f"{fault}: {wrong!r}", *(f"    {one}" for one in outcomes)]
            found.append("\n".join(lines))
    return found


def outcome(function: Callable[..., Any], wrong: Wrong, place: Place) -> Outcome:
    """Return what a call gives on one backend: its results or its exception."""
    others = [name for name in available_backends() if name != place.backend]

    def tensor(arg: Any) -> Any:
        if isinstance(arg, np.ndarray):
            return um.asarray(arg)
        if isinstance(arg, Elsewhere):
            with use_backend(others[0]):
                return um.asarray(arg.array)
        return arg

    with place.here():
        args = [tensor(arg) for arg in wrong.args]
        try:
            result = function(*args, **wrong.kwargs)
            # Python's operators may return anything: NotImplemented, for one.
            return Outcome(
                {path: leaf for path, leaf in leaves(result) if leaf.dtype.kind != "O"}
            )
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            return Outcome({}, type(error), str(error))


def faults(wrong: Wrong, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield what is wrong with how the backends met a wrong call."""
    first = outcomes[0]
    shown = {_told(one) for one in outcomes}
    if len(shown) > 1:
        yield "backends differ"
    if wrong.refused and first.error is None:
        yield "accepted"
    if first.error is None:
        return
    if first.error is ZeroDivisionError:
        return  # it says all there is to say
    if first.error not in DOCUMENTED:
        yield f"{first.error.__name__} is not documented"
    if isinstance(wrong.value, Elsewhere):
        if first.error is not BackendMismatchError:
            yield "does not say that the backends differ"
        return
    leak = _LEAKS.search(_neutral(first.message))
    if leak:
        yield f"says {leak.group()!r}"
    if not any(name in first.message for name in names_of(wrong)):
        yield "does not name what is wrong"


def _told(one: Outcome) -> str:
    return _neutral(str(one))


def _neutral(message: str) -> str:
    """Return a message with names of backends left out, which it may mention."""
    names = "|".join(map(re.escape, available_backends()))
    return re.sub(rf"'({names})'", "...", message)


def names_of(wrong: Wrong) -> Iterator[str]:
    """Yield the words by which a message can name the wrong argument."""
    if isinstance(wrong.place, str):
        yield wrong.place
    for value in (wrong.value, *wrong.args, *wrong.kwargs.values()):
        yield from _names(value)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, np.ndarray):
        yield as_dtype(value.dtype).name
        yield str(value.shape)
        yield from (str(size) for size in value.shape)
        yield from (str(one) for one in value.reshape(-1)[:4].tolist())
        yield f"{value.ndim} dimension"
    else:
        yield from (type(value).__name__, str(value), repr(value))
        yield from ("0 dimension", "shape ()")
    if isinstance(value, list | tuple) or (isinstance(value, str) and len(value) > 1):
        for one in value:
            yield from _names(one)
