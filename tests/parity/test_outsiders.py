"""Gradients as the frameworks' own checkers see them, by numeric differences of theirs.

Everything else here compares backends with oracles by tools of ours. These tools are
others': `torch.autograd.gradcheck` and `gradgradcheck`, `tf.test.compute_gradient`,
with their own steps and tolerances, on every line of the parity table with gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
import torch
from hypothesis import given, settings

import unifiedml as um
from unifiedml._tree import leaves
from unifiedml.testing import assert_close
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import float64
from unifiedml.tolerance import bound

EXEMPT = {
    "astype": "differences of float32 are too coarse for the checkers",
    "Tensor.astype": "the same",
    "nn.BatchNorm": "moving statistics are constants of the gradient alone",
}
CASES = [
    case
    for case in um.testing.conformance_cases()
    if case.smooth is not None and case.name not in EXEMPT
]
STEP = 2.0**-10  # TensorFlow's own
SECOND = [case for case in CASES if not case.no_second]


def drawn(data: st.DataObject, case: Line) -> Call:
    """Return a call that the checkers can take: none of its arrays is empty."""
    assert case.smooth is not None
    return data.draw(
        case.smooth.filter(lambda call: all(np.size(one) for one in call.args))
    )


def opened(case: Line, call: Call) -> tuple[Callable[..., Any], list[Any]]:
    """Return a function of native tensors, and the arrays to call it with."""
    args = [float64(one) for one in call.args]
    places = [n for n in case.argnums if np.asarray(args[n]).dtype.kind in "fc"]

    def function(*natives: Any) -> Sequence[Any]:
        given = [
            um.asarray(one) if isinstance(one, np.ndarray) else one for one in args
        ]
        for place, native in zip(places, natives, strict=True):
            given[place] = um.from_native(native)
        found = leaves(case.function(*given, **call.kwargs))
        return tuple(one.native for one in found if one.dtype.is_differentiable)

    return function, [np.array(args[place]) for place in places]


def on_torch(check: Any, case: Line, call: Call) -> None:
    with um.use_backend("torch"):
        function, arrays = opened(case, call)
        inputs = [torch.tensor(one, requires_grad=True) for one in arrays]
        assert check(function, inputs)


@pytest.mark.parametrize("case", CASES, ids=str)
@given(data=st.data())
@settings(max_examples=1, deadline=None)
def test_gradcheck_of_pytorch(case: Line, data: st.DataObject) -> None:
    on_torch(torch.autograd.gradcheck, case, drawn(data, case))


@pytest.mark.parametrize("case", SECOND, ids=str)
@given(data=st.data())
@settings(max_examples=1, deadline=None)
def test_gradgradcheck_of_pytorch(case: Line, data: st.DataObject) -> None:
    on_torch(torch.autograd.gradgradcheck, case, drawn(data, case))


def on_tensorflow(case: Line, call: Call) -> None:
    """Compare TensorFlow's two Jacobians: by its tape, and by differences."""
    with um.use_backend("tensorflow"):
        function, arrays = opened(case, call)
        results = [one.numpy() for one in function(*map(tf.constant, arrays))]
        for number, result in enumerate(results):

            def one_of(*xs: Any, number: int = number) -> Any:
                return function(*xs)[number]

            exact, fine = tf.test.compute_gradient(one_of, arrays, STEP)
            _, coarse = tf.test.compute_gradient(one_of, arrays, 2 * STEP)
            largest = float(np.max(np.abs(result), initial=1.0))
            rounding = bound("network", "float64", scale=largest, length=8) / STEP
            for one, near, far in zip(exact, fine, coarse, strict=True):
                # The error of central differences is a series in the square of the
                # step: a third of what halving it changes, and what follows is less.
                assert_close(
                    one,
                    near,
                    family="network",
                    scale=float(np.max(np.abs(one), initial=1.0)),
                    length=8,
                    oracle_error=np.abs(near - far) + rounding,
                )


@pytest.mark.parametrize("case", CASES, ids=str)
@given(data=st.data())
@settings(max_examples=1, deadline=None)
def test_compute_gradient_of_tensorflow(case: Line, data: st.DataObject) -> None:
    on_tensorflow(case, drawn(data, case))


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_a_wrong_gradient_is_found(backend: str) -> None:
    @um.custom_gradient
    def crooked(x: um.Tensor) -> Any:
        return um.sin(x), lambda g: g * um.cos(x) * 1.01

    (sine,) = (case for case in CASES if case.name == "sin")
    case = Line("crooked", crooked, sine.calls, sine.rounding, smooth=sine.smooth)
    call = Call(np.array([0.5, 1.0]))
    if backend == "torch":
        with pytest.raises(RuntimeError, match="Jacobian mismatch"):
            on_torch(torch.autograd.gradcheck, case, call)
    else:
        with pytest.raises(AssertionError, match="elements differ"):
            on_tensorflow(case, call)
