"""From arguments to tensors: what all samplers share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unifiedml import _philox
from unifiedml._backend.devices import resolve_device
from unifiedml._dtypes import DTYPES, DType, as_dtype, iinfo
from unifiedml._recording import Within
from unifiedml._rules.shapes import as_shape
from unifiedml._tensor import Tensor
from unifiedml._tracing import tracing
from unifiedml.ops.conversion import asarray
from unifiedml.random._keys import Key, LaterKey, as_key, draw_number, run

P = ParamSpec("P")
Shape: TypeAlias = int | Sequence[int]
Draw: TypeAlias = int | Tensor | Callable[[], int]
"""A number, or, while a program is traced, what returns it at each run."""

OnHost: TypeAlias = Callable[[int, int, int], NDArray[Any]]
OnTensors: TypeAlias = Callable[[int, Tensor, int], Tensor]


class Repeated:
    """Draws that are made once, and are the same in every block after the first."""

    def __init__(self) -> None:
        self._made: list[Tensor] = []
        self._next = 0

    def draw(self, make: Callable[[], Tensor]) -> Tensor:
        """Return the next draw, made now if it is a new one."""
        if self._next == len(self._made):
            self._made.append(make())
        self._next += 1
        return self._made[self._next - 1]

    def again(self) -> Within[Repeated | None]:
        """Return a context in which the draws are those of the first such block."""
        self._next = 0
        return Within(_repeated, self)


_repeated: ContextVar[Repeated | None] = ContextVar("unifiedml_repeated", default=None)


def _repeatable(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Return a function whose draws can be had once more; see `Repeated`."""

    @wraps(function)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        repeated = _repeated.get()
        if repeated is None:
            return function(*args, **kwargs)
        return repeated.draw(lambda: function(*args, **kwargs))

    return drawn


@_repeatable
def sample(
    shape: Shape,
    key: Key | None,
    draw: Draw,
    dtype: DType,
    device: str | None,
    on_host: OnHost,
    on_tensors: OnTensors,
) -> Tensor:
    """Draws by whichever of the two implementations ``draw`` asks for."""
    dims = as_shape(shape)
    count = math.prod(dims)
    trace = tracing.get()
    if trace is not None and (
        key is None or isinstance(key, LaterKey) or callable(draw)
    ):

        def now(dims: Sequence[int]) -> NDArray[Any]:
            here = key.now() if isinstance(key, LaterKey) else key
            known, number = _stream(here, _number(draw))
            values = on_host(known.value, number, math.prod(dims)).reshape(dims)
            return np.asarray(values).astype(dtype.numpy)

        if not callable(draw):
            _number(draw)
        like = np.zeros(dims, dtype.numpy)
        return trace.host(now, like, resolve_device(device, trace.backend))
    key, number = _stream(key, draw)
    if isinstance(number, Tensor):
        number = number if device is None else number.to(device)
        return on_tensors(key.value, number, count).astype(dtype).reshape(dims)
    return asarray(
        on_host(key.value, number, count).reshape(dims), dtype=dtype, device=device
    )


def _stream(key: Key | None, draw: Any) -> tuple[Key, Any]:
    """The key and the checked draw; without a key, the next draw of the run."""
    if isinstance(draw, Tensor):
        if draw.ndim != 0 or not draw.dtype.is_integer:
            raise ValueError(
                "a tensor that numbers a draw is a 0-d integer, "
                f"not {draw.dtype.name} of shape {draw.shape}"
            )
        number: int | Tensor = draw.astype(DTYPES["int64"])
    else:
        number = draw_number(draw)
    if key is not None:
        return as_key(key), number
    if isinstance(number, Tensor) or number != 0:
        raise ValueError(
            f"draw={draw} without a key: the draws of the run's own key are counted; "
            "pass key=um.random.key(...) to choose a draw"
        )
    return run.take()


def _number(draw: Draw) -> int:
    """The number of a draw that is made on the host while a program runs."""
    if callable(draw):
        return draw()
    if isinstance(draw, Tensor):
        raise TypeError(
            "inside um.jit a tensor numbers the draws of a key that is known: pass "
            "an int, or um.random.key(...) with a Python number"
        )
    return draw_number(draw)


def host_only(name: str, reason: str) -> OnTensors:
    def refuse(key: int, draw: Tensor, count: int) -> Tensor:
        raise ValueError(
            f"{name} cannot number its draw by a tensor: {reason}. Draw outside the "
            "compiled program, with an int, and pass the numbers in"
        )

    return refuse


# Checks -----------------------------------------------------------------------------


def float_dtype(name: str, dtype: DType | str | None) -> DType:
    kind = DTYPES["float32"] if dtype is None else as_dtype(dtype)
    if kind.name not in _philox.SIGNIFICAND:
        raise TypeError(
            f"{name} makes real floating-point numbers, not {kind.name}: choose from "
            + ", ".join(_philox.SIGNIFICAND)
        )
    return kind


def check_bounds(low: float, high: float, dtype: _philox.FloatName) -> None:
    if not low <= high:
        raise ValueError(f"uniform needs low <= high, not low={low} and high={high}")
    rounded = [float(_philox.round_to(np.float64(x), dtype)) for x in (low, high)]
    if not math.isfinite(rounded[1] - rounded[0]):
        raise ValueError(
            f"uniform needs bounds whose difference is finite in {dtype}, "
            f"not low={low} and high={high}"
        )


def check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} lies in [0, 1], not {value}")


def check_integers(low: int, high: int, dtype: DType) -> None:
    if not dtype.is_integer:
        raise TypeError(
            f"randint makes integers, not {dtype.name}: choose an integer dtype"
        )
    if not 0 < high - low <= 2**31:
        raise ValueError(
            f"randint needs low < high <= low + 2**31, not low={low} and high={high}"
        )
    limits = iinfo(dtype)
    if low < limits.min or high - 1 > limits.max:
        raise ValueError(
            f"randint from {low} to {high - 1} does not fit into {dtype.name}, which "
            f"holds {limits.min} to {limits.max}"
        )
