"""Gradients of every differentiable line: repeated, empty and stretched operands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

import unifiedml as um
from unifiedml.testing import _parity, assert_close
from unifiedml.testing._line import Call, Line

CASES = [case for case in um.testing.conformance_cases() if not case.no_gradient]
SEVERAL = [case for case in CASES if len(case.argnums) > 1]

# Lines whose first two operands are never of one shape that both fit, with the reason.
APART = {
    "nn.GroupNorm": "the scale is a vector, the input is none",
    "nn.LSTM": "the input has three dimensions, the kernel has two",
    "nn.GRU": "the input has three dimensions, the kernel has two",
    "nn.MultiHeadAttention": "the input has three dimensions, the kernel has two",
    "group_normalization": "the scale is a vector, the input is none",
}

# Lines that do not pair the elements of their first two operands, by what they do.
UNPAIRED = {
    "a product sums over dimensions": (
        "matmul Tensor.__matmul__ tensordot vecdot inner kron linalg.cross "
        "linalg.outer linalg.multi_dot linalg.solve linalg.solve_triangular "
        "linalg.lstsq nn.Dense nn.Sequential nn.LSTM nn.GRU nn.MultiHeadAttention "
        "dot_product_attention"
    ),
    "a kernel slides over an input": (
        "conv conv_transpose depthwise_conv separable_conv nn.Conv1D nn.Conv2D "
        "nn.Conv3D nn.Conv1DTranspose nn.Conv2DTranspose nn.Conv3DTranspose "
        "nn.DepthwiseConv1D nn.DepthwiseConv2D"
    ),
    "a vector belongs to a dimension": (
        "average nn.LayerNorm nn.RMSNorm nn.GroupNorm nn.BatchNorm layer_normalization "
        "rms_normalization batch_normalization group_normalization"
    ),
    "an index says where values go": "Tensor.__setitem__ Tensor.at put_along_axis",
    "operands are a list, or one after the other": (
        "scan optim.global_norm optim.clip_by_global_norm optim.clip_by_norm "
        "optim.clip_by_value"
    ),
}
PAIRED = [
    case for case in SEVERAL if case.name not in " ".join(UNPAIRED.values()).split()
]


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


def given_twice(case: Line, call: Call) -> Call | None:
    """Return a call with one array as both first operands, if there is one."""
    first, second = case.argnums[:2]
    own = (np.shape(call.args[number]) for number in (first, second))
    for shape in ((2, 2), (3,), (2, 2, 2), (2,) * 4, (2,) * 5, *own):
        args = list(call.args)
        args[first] = np.linspace(0.6, 2.2, math.prod(shape)).reshape(shape)
        args[second] = args[first]
        same = Call(*args, **call.kwargs)
        if not any(refused(case, same, place) for place in _parity.places()):
            return same
    return None


def call_of_one_tensor(case: Line, examples: int) -> Call:
    """Return a call with one array as both first operands.

    Raises:
        NoSuchExample: So many calls have none.
    """
    quick = settings(database=None, phases=[Phase.generate], max_examples=examples)
    found: Call = find(
        case.smooth.map(partial(given_twice, case)),
        lambda call: call is not None and call.args[case.argnums[0]].size > 1,
        settings=quick,
    )
    return found


@pytest.mark.parametrize(
    "case", [case for case in SEVERAL if case.name not in APART], ids=str
)
def test_one_tensor_given_twice_gets_both_gradients(case: Line) -> None:
    same = call_of_one_tensor(case, 200)
    first, second = case.argnums[:2]

    def twice(x: um.Tensor, *rest: Any) -> Any:
        operands = list(rest)
        operands[first] = operands[second] = x
        return case.function(*operands, **same.kwargs)

    for place in _parity.places():
        apart = gradients(case, same, place)
        wanted = apart[0] + apart[1]
        args = (same.args[first], *same.args)
        (found,) = _parity.differentiate(twice, args, (0,), place)
        scale = np.abs(apart[0]) + np.abs(apart[1])
        assert_close(found, wanted, family="elementwise_gradient", scale=scale + 1)


@pytest.mark.parametrize(
    "case", [case for case in SEVERAL if case.name in APART], ids=str
)
def test_what_is_said_to_take_no_tensor_twice_takes_none(case: Line) -> None:
    with pytest.raises(NoSuchExample):
        call_of_one_tensor(case, 10)


def stretched(case: Line) -> tuple[Call, Call]:
    """Return calls with a column and a row, and with both stretched to a matrix."""
    call = calls_of(case)
    first, second = case.argnums[:2]
    column, row = np.asarray([[0.75], [1.3]]), np.asarray([[2.2, 0.6, 1.8]])
    args, whole = list(call.args), list(call.args)
    args[first], args[second] = column, row
    full = np.broadcast_arrays(column, row)
    whole[first], whole[second] = (np.array(x) for x in full)
    return Call(*args, **call.kwargs), Call(*whole, **call.kwargs)


@pytest.mark.parametrize("case", PAIRED, ids=str)
def test_stretched_operands_get_sums(case: Line) -> None:
    small, large = stretched(case)
    for place in _parity.places():
        assert same_values(case, small, large, place)
        some, all_ = gradients(case, small, place), gradients(case, large, place)
        for x, y, axis in zip(some[:2], all_[:2], (1, 0), strict=True):
            wanted = np.sum(y, axis=axis, keepdims=True)
            scale = np.sum(np.abs(y), axis=axis, keepdims=True) + 1
            assert_close(x, wanted, family="elementwise_gradient", scale=scale)


@pytest.mark.parametrize(
    "case", [case for case in SEVERAL if case not in PAIRED], ids=str
)
def test_what_is_said_to_pair_nothing_pairs_nothing(case: Line) -> None:
    small, large = stretched(case)
    for place in _parity.places():
        assert not same_values(case, small, large, place)


def test_what_is_apart_has_a_line() -> None:
    unpaired = " ".join(UNPAIRED.values()).split()
    assert len(unpaired) == len(set(unpaired))
    assert {*APART, *unpaired} <= {case.name for case in SEVERAL}
