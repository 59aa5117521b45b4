"""Every operation under `unifiedml.vmap` gives what a loop over the examples gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml._backend.protocol import required_members
from unifiedml._vmap._batching import Batching
from unifiedml._vmap._rules import LOOPED, RULES
from unifiedml.testing import _parity
from unifiedml.testing._gradients import random_cotangent
from unifiedml.testing._line import Call, Comparison, Line
from unifiedml.testing._rounding import float64

SIZE = 3

NO_BATCH: dict[str, str] = {
    **dict.fromkeys(
        ("nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"),
        "the shape of the result depends on values",
    ),
    **dict.fromkeys(
        ("segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum")
        + ("repeat", "bincount", "histogram"),
        "sizes are read from the values",
    ),
    "tensor": "its line makes a NumPy array first; asarray is the same",
    **{
        case.name: "a NumPy array stands on the left"
        for case in um.testing.conformance_cases()
        if case.name.startswith("Tensor.__r") and "the left" in case.no_gradient
    },
}
"""Lines that have no batch, and why."""

CASES = [
    case
    for case in um.testing.conformance_cases()
    if not case.name.startswith(("nn.", "optim.", "metrics.", "random."))
    and case.name not in NO_BATCH
]


def examples(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array, and others of the same elements in another order."""
    flat = x.reshape(-1)
    others = [np.roll(flat, shift).reshape(x.shape) for shift in range(SIZE)]
    return np.stack(others) if x.size else np.zeros((SIZE, *x.shape), x.dtype)


def compare(case: Line, call: Call, axes: tuple[int | None, ...]) -> bool:
    """Compare one call, and tell whether there was something to compare."""
    function = partial(case.function, **call.kwargs)
    batch = [
        x if axis is None else examples(x)
        for x, axis in zip(call.args, axes, strict=True)
    ]
    place = _parity.Place(um.get_backend(), "cpu")

    def example(number: int) -> list[Any]:
        pairs = zip(batch, axes, strict=True)
        return [x if axis is None else np.asarray(x[number]) for x, axis in pairs]

    loop = [_parity.evaluate(function, example(n), place) for n in range(SIZE)]
    if any(one.error is not None for one in loop):
        return False
    mapped = _parity.tensors(batch, place)
    found = dict(_parity.leaves(um.vmap(function, axes)(*mapped)))
    for number, one in enumerate(loop):
        assert found.keys() == one.leaves.keys()
        for path, expected in one.leaves.items():
            actual = found[path][number]
            assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
            with np.errstate(all="ignore"):
                given = Call(*map(float64, example(number)), **call.kwargs)
                terms = case.rounding(given, float64(expected))
            title = f"{place}: example {number} of {call}"
            Comparison(
                np.asarray(actual), expected, terms, title, place, pair=True
            ).judge()
    return True


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_batch_is_a_loop(backend: str, case: Line) -> None:
    compared = 0
    calls = [
        call
        for call in case.drawn(16)
        if any(isinstance(x, np.ndarray) for x in call.args)
    ]
    for call in calls:
        places = [n for n, x in enumerate(call.args) if isinstance(x, np.ndarray)]
        every = tuple(0 if n in places else None for n in range(len(call.args)))
        one = tuple(0 if n == places[-1] else None for n in range(len(call.args)))
        compared += compare(case, call, every)
        if len(places) > 1:
            compare(case, call, one)
        if compared:
            return
    assert compared or not calls, "every call is refused"


def gradient(case: Line, call: Call) -> Callable[..., Any]:
    """Return the gradient of a weighted sum by the first argument of a line's."""
    function = partial(case.function, **call.kwargs)

    def loss(*args: Any) -> um.Tensor:
        results = list(_parity.tensor_leaves(function(*args)))
        weights = [
            um.asarray(random_cotangent(x.shape, x.dtype, n))
            for n, x in enumerate(results)
            if x.dtype.is_differentiable
        ]
        return _parity.total(results, weights)

    return um.grad(loss, case.argnums[0])


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.no_gradient], ids=str
)
def test_gradients_of_a_batch_are_those_of_a_loop(backend: str, case: Line) -> None:
    place = _parity.Place(backend, "cpu")
    smooth = dataclasses.replace(case, calls=case.smooth)
    for call in smooth.drawn(4)[:1]:
        axes = tuple(0 if isinstance(x, np.ndarray) else None for x in call.args)
        batch = [
            x if axis is None else np.stack([x] * SIZE)
            for x, axis in zip(call.args, axes, strict=True)
        ]
        alone = _parity.evaluate(gradient(case, call), call.args, place)
        if alone.error is not None:
            continue
        (expected,) = alone.leaves.values()
        found = um.vmap(gradient(case, call), axes)(*_parity.tensors(batch, place))
        largest = float(np.max(np.abs(expected), initial=1))
        terms = [("network", {"scale": largest, "length": 8})]
        for one in found.numpy():
            Comparison(one, expected, terms, str(call), place, pair=True).judge()


# --- the rules ------------------------------------------------------------------------

DELEGATED = frozenset(
    "cell device devices dlpack_device dtypes from_dlpack from_numpy full fused "
    "host_value missing paused to_dlpack trace untraced "
    "apart cond is_watched scan while_loop".split()
)
"""What concerns no batch, or (the last step of an export) is refused for one; control
flow of batches is Python's."""


def test_every_member_has_a_rule() -> None:
    own = {name for name in vars(Batching) if not name.startswith("_")}
    known = (
        own | RULES.keys() | LOOPED | DELEGATED | {"engine", "random_words", "whole"}
    )
    missing = sorted(set(required_members()) - known)
    assert not missing, f"give each a rule: {missing}"
    assert not RULES.keys() & LOOPED
