"""Gradients of every differentiable line: repeated, empty and stretched operands."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, settings

import unifiedml as um
from unifiedml.testing import _parity, assert_close
from unifiedml.testing._line import Call, Line

CASES = [case for case in um.testing.conformance_cases() if not case.no_gradient]
SEVERAL = [case for case in CASES if len(case.argnums) > 1]


def calls_of(case: Line) -> Call:
    """Return one call of a line, one with elements."""

    def has_elements(call: Call) -> bool:
        return all(call.args[number].size for number in case.argnums)

    quick = settings(database=None, phases=[Phase.generate], max_examples=50)
    call: Call = find(case.smooth, has_elements, settings=quick)
    return call


def refused(case: Line, call: Call, place: _parity.Place) -> bool:
    function = partial(case.function, **call.kwargs)
    return _parity.evaluate(function, call.args, place).error is not None


def same_values(case: Line, one: Call, other: Call, place: _parity.Place) -> bool:
    """Tell whether two calls are accepted and have equal results."""
    function = partial(case.function, **one.kwargs)
    results = [_parity.evaluate(function, call.args, place) for call in (one, other)]
    if any(result.error is not None for result in results):
        return False
    leaves = [list(result.leaves.values()) for result in results]
    return all(map(np.array_equal, *leaves))


def gradients(case: Line, call: Call, place: _parity.Place) -> Sequence[Any]:
    function = partial(case.function, **call.kwargs)
    found = _parity.differentiate(function, call.args, case.argnums, place)
    for number, gradient in zip(case.argnums, found, strict=True):
        operand = call.args[number]
        assert gradient.shape == operand.shape, f"{case} at {place}, argument {number}"
        assert gradient.dtype == operand.dtype, f"{case} at {place}, argument {number}"
    return found


def emptied(x: Any, axis: int) -> Any:
    """Return an array without its elements along the first or the last axis."""
    if not x.ndim:
        return x
    return x[:0] if axis == 0 else x[..., :0]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_empty_operands_have_empty_gradients(case: Line) -> None:
    call = calls_of(case)
    where = _parity.places()
    for axis in (0, -1):
        args = list(call.args)
        for number in case.argnums:
            args[number] = emptied(call.args[number], axis)
        empty = Call(*args, **call.kwargs)
        answers = {refused(case, empty, place) for place in where}
        assert len(answers) == 1, f"{case}: not every backend refuses {empty}"
        if answers == {False}:
            for place in where:
                gradients(case, empty, place)


@pytest.mark.parametrize("case", SEVERAL, ids=str)
def test_one_tensor_given_twice_gets_both_gradients(case: Line) -> None:
    call = calls_of(case)
    first, second = case.argnums[:2]
    args = list(call.args)
    # Square, so that it fits a product of matrices, too.
    args[first] = args[second] = np.asarray([[0.75, 1.3], [2.2, 0.6]])
    same = Call(*args, **call.kwargs)
    for place in _parity.places():
        if refused(case, same, place):
            pytest.skip(f"{case} does not take the same operand twice")

        def twice(x: um.Tensor, *rest: Any) -> Any:
            operands = list(rest)
            operands[first] = operands[second] = x
            return case.function(*operands, **same.kwargs)

        apart = gradients(case, same, place)
        wanted = apart[0] + apart[1]
        (found,) = _parity.differentiate(twice, [args[first], *args], (0,), place)
        scale = np.abs(apart[0]) + np.abs(apart[1])
        assert_close(found, wanted, family="elementwise_gradient", scale=scale + 1)


@pytest.mark.parametrize("case", SEVERAL, ids=str)
def test_stretched_operands_get_sums(case: Line) -> None:
    call = calls_of(case)
    first, second = case.argnums[:2]
    column, row = np.asarray([[0.75], [1.3]]), np.asarray([[2.2, 0.6, 1.8]])
    args = list(call.args)
    args[first], args[second] = column, row
    stretched = Call(*args, **call.kwargs)
    args[first], args[second] = (np.array(x) for x in np.broadcast_arrays(column, row))
    whole = Call(*args, **call.kwargs)
    for place in _parity.places():
        if not same_values(case, stretched, whole, place):
            pytest.skip(f"{case} does not broadcast")
        small, large = gradients(case, stretched, place), gradients(case, whole, place)
        for x, y, axis in zip(small[:2], large[:2], (1, 0), strict=True):
            wanted = np.sum(y, axis=axis, keepdims=True)
            scale = np.sum(np.abs(y), axis=axis, keepdims=True) + 1
            assert_close(x, wanted, family="elementwise_gradient", scale=scale)
