"""Every operation as a program gives what it gives eagerly; see `unifiedml.jit`.

Comparisons are those of the parity table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml._backend.registry import load
from unifiedml.testing import _parity
from unifiedml.testing._line import Call, Comparison, Line
from unifiedml.testing._rounding import float64

Function = Callable[..., Any]

PLACES = [
    place for place in _parity.places() if load(place.backend).ops.trace is not None
]


def traced(
    function: Function, args: tuple[Any, ...], place: _parity.Place
) -> dict[str, Any]:
    """Return the arrays of a call whose arrays are inputs of a program."""
    arrays = [n for n, arg in enumerate(args) if isinstance(arg, np.ndarray)]

    @um.jit
    def program(*tensors: um.Tensor) -> Any:
        assert load(place.backend).ops.is_traced(tensors[0].native)
        given = list(args)
        for n, x in zip(arrays, tensors, strict=True):
            given[n] = x
        return function(*given)

    with place.here():
        tensors = [um.asarray(args[n]) for n in arrays]
        return dict(_parity.leaves(program(*tensors)))


# --- the table ----------------------------------------------------------------------

NO_VALUES: dict[str, str] = {
    "nonzero": "the shape of the result depends on values",
    **dict.fromkeys(
        ("unique_all", "unique_counts", "unique_inverse", "unique_values"),
        "the shape of the result depends on values",
    ),
    **dict.fromkeys(
        ("segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum"),
        "how many segments there are, and which are left out, is read from the numbers",
    ),
    "repeat": "how often is read on the host: it is the size of the result",
    **dict.fromkeys(("bincount", "histogram"), "the bins are read from the values"),
    "tensor": "its line makes a NumPy array first; asarray is the same",
    **{
        case.name: "a NumPy array stands on the left: there are no values to make it of"
        for case in um.testing.conformance_cases()
        if case.name.startswith("Tensor.__r") and "the left" in case.no_gradient
    },
}
"""Operations that need values, and why: no graph can hold them, um.jit refuses them."""

STATEFUL = ("nn.", "optim.", "metrics.", "random.")

CASES = [
    case
    for case in um.testing.conformance_cases()
    if not case.name.startswith(STATEFUL) and case.name not in NO_VALUES
]


def right_calls(case: Line) -> list[Call]:
    """Return calls with arrays that the operation does not refuse."""
    return [call for call in case.drawn(16) if has_arrays(call)]


def has_arrays(call: Call) -> bool:
    return any(isinstance(x, np.ndarray) for x in call.args)


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_traced_results_are_the_eager_ones(case: Line, place: _parity.Place) -> None:
    compared, calls = 0, right_calls(case)
    for call in calls:
        function = partial(case.function, **call.kwargs)
        eager = _parity.evaluate(function, call.args, place)
        if eager.error is not None:
            continue
        found = traced(function, call.args, place)
        assert found.keys() == eager.leaves.keys()
        for path, expected in eager.leaves.items():
            actual = found[path]
            assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
            with np.errstate(all="ignore"):
                terms = case.rounding(call.float64(), float64(expected))
            title = f"{place}: traced against eager, of {call}"
            Comparison(actual, expected, terms, title, place, pair=True).judge()
        compared += 1
        if compared == 2:
            return
    assert compared or not calls, "every call is refused"


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.no_gradient], ids=str
)
def test_traced_gradients_are_right(case: Line) -> None:
    traced = [place.backend for place in PLACES]
    case.check_gradients(traced, max_examples=3, traced=True)


# --- errors ---------------------------------------------------------------------------

REFUSED: dict[str, Function] = {
    "integers": lambda x: um.ones((2, 3), dtype="int64") // x,
    "powers": lambda x: um.ones((2, 3), dtype="int64") ** x,
    "floats": lambda x: um.ones((2, 3)) + x,
}


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("name", REFUSED)
def test_errors_are_explained_without_values(name: str, place: _parity.Place) -> None:
    with pytest.raises(ValueError, match="cannot broadcast shapes"):
        traced(REFUSED[name], (np.array([1, 0]),), place)
