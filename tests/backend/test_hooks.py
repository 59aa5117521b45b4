"""Hooks on gradients, `zero_grad`, and Jacobians and pauses of tapes."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import unifiedml as um

# --- hooks ----------------------------------------------------------------------------


def test_a_hook_sees_the_whole_gradient_once_in_each_pass(backend: str) -> None:
    seen: list[Any] = []
    x = um.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    z = um.sum(y * y + y)  # used before it gets its hook, and twice
    y.register_hook(lambda gradient: seen.append(gradient.tolist()))
    for _ in range(2):
        z.backward(retain_graph=True)
    assert seen == [[7, 13], [7, 13]]
    assert x.grad.tolist() == [42, 78]


@pytest.mark.parametrize("where", ["leaf", "operation", "result"])
def test_what_a_hook_returns_goes_on(backend: str, where: str) -> None:
    x = um.tensor(2.0, requires_grad=True)
    y = x * 3
    z = y * y
    places = {"leaf": x, "operation": y, "result": z}
    places[where].register_hook(lambda gradient: gradient * 10)
    places[where].register_hook(lambda gradient: gradient + 1)
    z.backward()
    # dz/dy = 2y = 12, dy/dx = 3
    assert x.grad.item() == {"leaf": 361, "operation": 363, "result": 11 * 36}[where]


def test_gradients_add_up_after_the_hook(backend: str) -> None:
    x = um.tensor(2.0, requires_grad=True)
    x.register_hook(lambda gradient: gradient * 10)
    (x * 3).backward()
    (x * 5).backward()
    assert x.grad.item() == 80


def test_a_hook_can_be_removed(backend: str) -> None:
    x = um.tensor(2.0, requires_grad=True)
    first = x.register_hook(lambda gradient: gradient * 10)
    x.register_hook(lambda gradient: gradient + 1)
    first.remove()
    first.remove()
    (x * 3).backward()
    assert x.grad.item() == 4


def test_hooks_in_passes_of_higher_order(backend: str) -> None:
    x = um.tensor(2.0, requires_grad=True)
    y = x * 1
    y.register_hook(lambda gradient: gradient * gradient)
    (y**3).backward(create_graph=True)
    slope, x.grad = x.grad, None
    assert slope.item() == 144  # (3x²)²
    slope.backward()
    # The derivative 36x³ passes the hook of y in turn: the first part comes through y.
    assert x.grad.item() == (36 * 8) ** 2


def test_one_of_several_results(backend: str) -> None:
    x = um.tensor([[2.0, 0.0], [0.0, 3.0]], requires_grad=True)
    values, _ = um.linalg.eigh(x)
    values.register_hook(lambda gradient: gradient * 0)
    um.sum(values).backward()
    assert np.all(x.grad.numpy() == 0)


def test_parameters_keep_their_hooks(backend: str) -> None:
    parameter = um.nn.Parameter(1.0)
    removed = parameter.register_hook(lambda gradient: gradient * 100)
    parameter.register_hook(lambda gradient: gradient * 10)
    (parameter * 3).backward()
    assert parameter.grad.item() == 3000
    removed.remove()
    parameter.grad = None
    parameter.assign(2.0)
    (parameter * parameter).backward()
    assert parameter.grad.item() == 40
    optimizer = um.SGD([parameter], learning_rate=0.5)
    optimizer.step()
    assert parameter.item() == -18
    optimizer.zero_grad()
    (parameter * 3).backward()
    assert parameter.grad.item() == 30


def test_hooks_belong_to_backward(backend: str) -> None:
    parameter = um.nn.Parameter(3.0)
    parameter.register_hook(lambda gradient: gradient * 10)
    assert um.grad(lambda p: p * p)(parameter).item() == 6


def test_hooks_that_do_not_fit(backend: str) -> None:
    constant, x = um.tensor(1.0), um.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="which this tensor does not require"):
        constant.register_hook(print)
    with um.no_grad(), pytest.raises(RuntimeError, match="does not require"):
        (x * 2).register_hook(print)
    with pytest.raises(TypeError, match="a hook is a function, not int"):
        x.register_hook(3)  # type: ignore[arg-type]
    for wrong, error in ((3.0, TypeError), (constant, ValueError)):
        hook = x.register_hook(lambda _, wrong=wrong: wrong)  # type: ignore[misc]
        with pytest.raises(error, match="what a hook returns"):
            um.sum(x * x).backward()
        hook.remove()
    x.register_hook(lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    y = um.sum(x)
    with pytest.raises(ZeroDivisionError):
        y.backward()


def test_a_hook_dies_with_its_tensor(backend: str) -> None:
    class Big:
        alive = 0

        def __init__(self) -> None:
            Big.alive += 1

        def __del__(self) -> None:
            Big.alive -= 1

        def __call__(self, gradient: um.Tensor) -> None:
            pass

    x = um.tensor(1.0, requires_grad=True)
    y = x * 2
    y.register_hook(Big())
    y.backward()
    del y
    gc.collect()
    assert Big.alive == 0


# --- zero_grad ------------------------------------------------------------------------


def test_models_forget_their_gradients(backend: str) -> None:
    model = um.Sequential(um.Dense(2), um.Dense(1))
    um.sum(model(um.ones((3, 4)))).backward()
    assert all(one.grad is not None for one in model.parameters())
    model.zero_grad()
    assert all(one.grad is None for one in model.parameters())


# --- tapes ----------------------------------------------------------------------------


def test_the_jacobian_of_a_tape(backend: str) -> None:
    x, w = um.tensor([1.0, 2.0]), um.nn.Parameter(3.0)
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = um.stack([x * x * w, x])
    found = tape.jacobian(y, {"x": x, "w": w})
    assert found["x"].tolist() == [[[6, 0], [0, 12]], [[1, 0], [0, 1]]]
    assert found["w"].tolist() == [[1, 4], [0, 0]]
    model = um.Sequential(um.Dense(2))
    with um.GradientTape(persistent=True) as tape:
        y = model(um.ones((1, 3)))
    matrices = tape.jacobian(y, model)
    assert [one.shape for one in matrices.values()] == [(1, 2, 3, 2), (1, 2, 2)]


def test_jacobians_of_tapes_nest(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    with um.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with um.GradientTape() as inner:
            inner.watch(x)
            y = um.sum(x**3)
        slope = inner.gradient(y, x)
    assert outer.jacobian(slope, x).tolist() == [[6, 0], [0, 12]]
    assert outer.jacobian(y, x).tolist() == [3, 12]


def test_jacobians_of_tapes_refuse(backend: str) -> None:
    x, z = um.tensor([1.0, 2.0]), um.tensor([1j])
    with um.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(RuntimeError, match="make the tape with persistent=True"):
        tape.jacobian(y, x)
    with um.GradientTape(persistent=True) as tape:
        tape.watch(z)
        w = z * z
    with pytest.raises(ValueError, match=r"has not been watched"):
        tape.jacobian(w, x)
    with pytest.raises(TypeError, match="only a holomorphic function"):
        tape.jacobian(w, z)
    with pytest.raises(TypeError, match="the target is a floating-point tensor"):
        tape.jacobian(um.argmax(x), x)


def test_a_tape_pauses(backend: str) -> None:
    x = um.tensor(3.0)
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            constant = y * x
            assert tape.gradient(y, x).item() == 6
        z = y * constant
        with tape.stop_recording(), pytest.raises(RuntimeError, match="belongs inside"):
            tape.stop_recording()
    assert tape.gradient(z, x).item() == 6 * 27
    assert tape.gradient(constant, x).item() == 0
    with pytest.raises(RuntimeError, match="belongs inside the tape's with block"):
        tape.stop_recording()


def test_a_result_that_nobody_uses_has_no_gradient(backend: str) -> None:
    x = um.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    used, unused = um.split(x, 2)
    unused.register_hook(lambda gradient: pytest.fail("there is none"))
    um.sum(used).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]
