"""The parity table: control flow."""

from __future__ import annotations

from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import whole, whole_gradient
from unifiedml.testing._strategies import arrays, dtypes

__all__ = ["LINES"]

Array = npt.NDArray[Any]
_STEPS: Final = 3


@st.composite
def _calls(draw: st.DrawFn, *shapes: tuple[int, ...], first: Any = None) -> Call:
    """Draw small arrays, behind what decides."""
    name = draw(dtypes("float32", "float64"))
    quarter = np.asarray(4, name)
    values = [draw(arrays(shape, name, elements="smooth")) for shape in shapes]
    decides = [] if first is None else [np.asarray(draw(first))]
    return Call(*decides, *(value / quarter for value in values))


def _cond(condition: Any, x: Any) -> Any:
    return um.cond(um.asarray(condition), lambda x: um.sin(x) * x, um.cos, x)


def _while(count: Any, x: Any) -> Any:
    def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
        return state[0] + 1, um.sin(state[1]) + state[1]

    state = um.while_loop(
        lambda state: state[0] < count, step, (0, um.asarray(x)), max_steps=_STEPS
    )
    return state[1]


def _while_oracle(count: Array, x: Array) -> Array:
    for _ in range(int(count)):
        x = np.sin(x) + x
    return x


def _scan(init: Any, x: Any) -> Any:
    def step(carry: Any, row: Any) -> tuple[Any, Any]:
        return um.sin(carry) * row + carry, carry * row

    last, found = um.scan(step, init, x)
    return um.concat([found, um.expand_dims(last, axis=0)])


def _scan_oracle(init: Array, x: Array) -> Array:
    carry, found = init, []
    for row in x:
        found.append(carry * row)
        carry = np.sin(carry) * row + carry
    return np.stack([*found, carry])


def _map(x: Any) -> Any:
    return um.map(lambda row: um.sum(row * row) * um.cos(row), x)


def _line(name: str, function: Any, oracle: Any, calls: Any, argnums: Any) -> Line:
    rounding, gradient = whole(4), whole_gradient(8)
    return Line(name, function, calls, rounding, oracle, calls, argnums, gradient)


LINES: Final[list[Line]] = [
    _line(
        "cond",
        _cond,
        lambda condition, x: np.sin(x) * x if condition else np.cos(x),
        _calls((2, 3), first=st.booleans()),
        (1,),
    ),
    _line(
        "while_loop",
        _while,
        _while_oracle,
        _calls((2, 3), first=st.integers(0, _STEPS)),
        (1,),
    ),
    _line("scan", _scan, _scan_oracle, _calls((2,), (3, 2)), (0, 1)),
    _line(
        "map",
        _map,
        lambda x: (x * x).sum(1, keepdims=True) * np.cos(x),
        _calls((3, 2)),
        (0,),
    ),
]
"""Control flow, Python's own and that of programs."""
