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
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import float64

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


@pytest.mark.parametrize("case", CASES, ids=str)
@given(data=st.data())
@settings(max_examples=1, deadline=None)
def test_compute_gradient_of_tensorflow(case: Line, data: st.DataObject) -> None:
    call = drawn(data, case)
    with um.use_backend("tensorflow"):
        function, arrays = opened(case, call)
        for number in range(len(function(*map(tf.constant, arrays)))):
            exact, numeric = tf.test.compute_gradient(
                lambda *xs, number=number: function(*xs)[number], arrays
            )
            for one, other in zip(exact, numeric, strict=True):
                # The tolerances of PyTorch's checker: TensorFlow's returns both.
                np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


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
        return
    with um.use_backend("tensorflow"):
        function, arrays = opened(case, call)
        exact, numeric = tf.test.compute_gradient(lambda x: function(x)[0], arrays)
    assert np.max(np.abs(exact[0] - numeric[0])) > 1e-3
