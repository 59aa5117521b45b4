"""Devices: the default one, and that every operation keeps to those of its operands.

A machine without a GPU has PyTorch's fake tensors: they have a device, a data type and
a shape, and kernels check all three, but no values.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml._backend.registry import load
from unifiedml.testing import _parity

FAKE = _parity.Place("torch", "gpu:0")

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="fake devices are PyTorch's"
)


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from torch._subclasses.fake_tensor import FakeTensorMode

    from unifiedml.ops import _dispatch

    ops = load("torch").ops
    monkeypatch.setattr(ops, "devices", lambda: ("cpu", FAKE.device))
    # Programs, which steps of optimizers are, need a device that is there.
    monkeypatch.setattr("unifiedml.optim._base._PROGRAMS", -9)
    # Constants that were made before are no fakes, and fakes are for one test.
    _dispatch._constant.cache_clear()
    # A history on a device that is not there ends the process.
    with FakeTensorMode(), FAKE.here(), um.no_grad():
        yield
    _dispatch._constant.cache_clear()


def outcome(function: Callable[..., Any], args: Any) -> str:
    """Return what there is to object to in how a function treats devices."""
    try:
        result = function(*_parity.tensors(args, FAKE))
    # A call is refused, asks for values, which fakes have not, or for CUDA itself.
    except Exception as error:  # noqa: BLE001 - whatever else it objects to
        message = str(error)
        return message if "operands are on devices" in message else ""
    elsewhere = [x for x in _parity.tensor_leaves(result) if x.device != FAKE.device]
    return f"a result is on {elsewhere[0].device}" if elsewhere else ""


LINES = {case.name: case for case in um.testing.conformance_cases()}

HOST = {
    "metrics.Accuracy": "counts on the host",
    "metrics.Mean": "sums on the host",
}


@needs_torch
@pytest.mark.usefixtures("fake_gpu")
@pytest.mark.parametrize("name", sorted(LINES.keys() - HOST))
def test_operations_keep_to_the_device(name: str) -> None:
    case = LINES[name]
    for call in case.drawn(3):
        objection = outcome(partial(case.function, **call.kwargs), call.args)
        assert not objection, call


@needs_torch
@pytest.mark.usefixtures("fake_gpu")
@pytest.mark.parametrize(
    "stray",
    [
        lambda x: x + um.zeros(x.shape, device="cpu"),
        lambda x: um.matmul(x, um.ones((3, 2), device="cpu")),
        lambda x: x.to("cpu"),
    ],
)
def test_what_strays_is_found(stray: Callable[..., Any]) -> None:
    assert outcome(stray, (np.ones((2, 3), "float32"),))


# --- the default device ---------------------------------------------------------------


@needs_torch
@pytest.mark.usefixtures("fake_gpu")
def test_new_tensors_are_made_on_the_device_in_use() -> None:
    made = [um.zeros(2), um.arange(3), um.asarray(np.ones(2)), um.tensor([1.0])]
    layer = um.nn.Dense(2, input_size=3)
    assert {x.device for x in [*made, layer.kernel, layer.bias]} == {"gpu:0"}
    assert um.get_device() == "gpu:0"
    with um.use_device("cpu"):
        assert um.zeros(2).device == um.get_device() == "cpu"
        assert um.zeros(2, device="gpu").device == "gpu:0"
        # A tensor decides where what is beside it goes.
        assert (um.zeros(2, device="gpu") + np.ones(2)).device == "gpu:0"


@needs_torch
@pytest.mark.usefixtures("fake_gpu")
def test_a_layer_is_made_where_its_first_input_is() -> None:
    with um.use_device("cpu"):
        dense, norm = um.nn.Dense(2), um.nn.BatchNorm()
        norm(dense(um.zeros((2, 3), device="gpu")))
        own = [*dense.parameters(), *norm.parameters(), norm.moving_mean]
    assert {x.device for x in own} == {"gpu:0"}


@pytest.mark.parametrize("name", ["tpu", "gpu:99"])
def test_a_device_that_is_not_there(backend: str, name: str) -> None:
    for choose in (um.set_device, um.use_device(name).__enter__):
        with pytest.raises(ValueError, match=f"'{backend}' has no device '{name}'"):
            choose(*[name][: choose is um.set_device])
    with pytest.raises(TypeError, match="a device is named by a string, not 3"):
        um.set_device(3)  # type: ignore[arg-type]
    assert um.get_device() == "cpu"


def test_a_device_of_the_process(backend: str) -> None:
    um.set_device("cpu:0")
    assert um.get_device() == um.zeros(1).device == "cpu"
