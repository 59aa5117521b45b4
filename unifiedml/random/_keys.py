"""Keys, and the state of a run: a seed and a count of calls."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from unifiedml import _philox
from unifiedml._backend.errors import TracedStateError, TracedValueError
from unifiedml._backend.sizes import are_alike
from unifiedml._tensor import Tensor
from unifiedml._tracing import tracing

# Keys -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """Names a stream of random numbers: 64 bits, on the host.

    Attributes:
        value: An int in [0, 2**64). Make keys by `key`, `fold_in` and `split`.
    """

    value: int

    def __post_init__(self) -> None:
        value = as_integer(self.value, "the value of a key")
        if not 0 <= value < 2**64:
            raise ValueError(
                f"the value of a key lies in [0, 2**64), not {value}: "
                "um.random.key(seed) makes a key of any int"
            )
        object.__setattr__(self, "value", value)

    def __repr__(self) -> str:
        return f"Key({self.value:#018x})"


class LaterKey(Key):
    """A key that a program is given when it runs.

    Args:
        now: Returns the key of the present run.
    """

    __slots__ = ("now",)
    now: Callable[[], Key]

    def __init__(self, now: Callable[[], Key]) -> None:
        object.__setattr__(self, "now", now)

    @property
    def value(self) -> int:
        """There is none yet."""
        raise TracedValueError("a random key")

    def __eq__(self, other: object) -> bool:
        """Two are equal if they will be, in programs that are given equal keys."""
        return isinstance(other, LaterKey) and are_alike(self.now, other.now)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Key(of a program)"


def key(seed: int, /, *path: int | str) -> Key:
    """Return the key of a path under a seed.

    Args:
        seed: Any int.
        path: Ints and strings that say what the key is for. Different paths have
            unrelated keys.

    Raises:
        TypeError: The seed is no int, or a part of the path neither int nor str.

    Example:
        >>> import unifiedml as um
        >>> um.random.key(7, "dropout", 3)
        Key(0xec2ce06442707402)
    """
    parts = [
        part
        if isinstance(part, str)
        else as_integer(part, "a part of a path that is no str")
        for part in path
    ]
    return Key(_philox.derive(as_integer(seed, "a seed"), *parts))


def fold_in(key: Key, data: int, /) -> Key:
    """Return a new key made of a key and a number, such as an epoch's.

    Args:
        key: The key to start from.
        data: An int in [0, 2**64).

    Raises:
        ValueError: ``data`` is out of range.

    Example:
        >>> import unifiedml as um
        >>> um.random.fold_in(um.random.Key(0x9900BA201207F675), 5)
        Key(0xbd50122dd955abde)
    """
    data = as_integer(data, "what is folded into a key")
    if not 0 <= data < 2**64:
        raise ValueError(f"what is folded into a key lies in [0, 2**64), not {data}")
    if isinstance(key, LaterKey):
        return LaterKey(lambda: fold_in(key.now(), data))
    return Key(_philox.fold_in(as_key(key).value, data))


def split(key: Key, n: int = 2, /) -> tuple[Key, ...]:
    """Return ``n`` new keys: ``fold_in(key, 0)`` to ``fold_in(key, n - 1)``.

    Raises:
        ValueError: ``n`` is negative.

    Example:
        >>> import unifiedml as um
        >>> weights, noise = um.random.split(um.random.key(0))
    """
    count = as_integer(n, "the number of keys to split into")
    if count < 0:
        raise ValueError(f"a key cannot be split into {count} keys: choose n >= 0")
    return tuple(fold_in(key, data) for data in range(count))


def layer_key(path: str, /) -> Key:
    """Return the key of a layer or parameter at a path in its model.

    It depends on the current seed and on the path alone, not on the order in which
    layers are made.

    Args:
        path: Such as ``"encoder.0.dropout"``.
    """
    seed, trace = run.seed, tracing.get()
    if trace is not None:
        trace.conditions.append(lambda: run.seed == seed)
    return _layer_key(seed, path)


@lru_cache(maxsize=4096)
def _layer_key(seed: int, path: str) -> Key:
    return key(seed, "layer", path)


# The state of a run -----------------------------------------------------------------


class _Run:
    """Seed and number of calls without a key; the lock makes every call distinct."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seed = self.step = 0

    def set(self, seed: int, step: int) -> None:
        with self.lock:
            self.seed, self.step = seed, step

    def take(self) -> tuple[Key, int]:
        """Return the key and the number of a draw that no one else gets."""
        with self.lock:
            seed, draw = self.seed, self.step
            self.step += 1
        return run_key(seed), draw


run: Final = _Run()


@lru_cache(maxsize=16)
def run_key(seed: int) -> Key:
    return key(seed, "global")


def seed(seed: int, /) -> None:
    """Start the run's stream afresh: the state becomes ``(seed, 0)``.

    The state belongs to the process. Threads that draw without a key get different
    numbers each, in the order of their calls; give them keys to make that order
    irrelevant. What has been drawn already, such as a model's initial values, stays.

    Args:
        seed: Any int. The seed is 0 until this is called.

    Raises:
        TypeError: The seed is no int.

    Example:
        >>> import unifiedml as um
        >>> um.random.seed(42)
        >>> um.random.get_state()
        (42, 0)
    """
    if tracing.get() is not None:
        raise TracedStateError("the seed is set")
    run.set(as_integer(seed, "a seed"), 0)


def get_state() -> tuple[int, int]:
    """Return ``(seed, step)``: all that a checkpoint needs to resume the stream."""
    with run.lock:
        return run.seed, run.step


def set_state(state: tuple[int, int], /) -> None:
    """Return to a state of `get_state`; the next draw is the one that followed it.

    Raises:
        TypeError: The state is not a pair of ints.
        ValueError: The step is negative.

    Example:
        >>> import unifiedml as um
        >>> state = um.random.get_state()
        >>> first = um.random.uniform(3)
        >>> um.random.set_state(state)
        >>> um.random.uniform(3).tolist() == first.tolist()
        True
    """
    try:
        seed, step = state
    except (TypeError, ValueError):
        raise TypeError(f"a state is a pair (seed, step), not {state!r}") from None
    run.set(as_integer(seed, "a seed"), draw_number(step))


# Checks -----------------------------------------------------------------------------


def as_integer(value: Any, name: str) -> int:
    try:
        if isinstance(value, bool | np.bool_ | Tensor):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is an int, not {value!r}") from None


def as_key(value: Any) -> Key:
    if not isinstance(value, Key):
        raise TypeError(
            f"a key is made by um.random.key, fold_in or split, it is not {value!r}"
        )
    return value


def draw_number(value: Any) -> int:
    number = as_integer(value, "the number of a draw")
    if not 0 <= number < _philox.FOLD_DRAW:
        raise ValueError(f"the number of a draw lies in [0, 2**63), not {number}")
    return number
