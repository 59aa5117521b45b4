"""``requires_grad``, ``backward()``, ``.grad``, ``no_grad``."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close, random_cotangent


def leaf(*values: float) -> um.Tensor:
    return um.tensor(list(values) if len(values) > 1 else values[0], requires_grad=True)


# --- values ---------------------------------------------------------------------------


def test_the_gradient_of_a_scalar(backend: str) -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = um.sum(x * x * x)
    assert y.requires_grad
    assert x.grad is None
    y.backward()
    assert x.grad.tolist() == [3, 12, 27]
    assert not x.grad.requires_grad


def test_a_random_cotangent(backend: str) -> None:
    x = np.linspace(-2, 2, 6).reshape(2, 3)
    cotangent = random_cotangent((2, 3))
    leaf = um.tensor(x, requires_grad=True)
    (um.sin(leaf) * leaf).backward(um.tensor(cotangent))
    expected = cotangent * (np.cos(x) * x + np.sin(x))
    assert_close(leaf.grad, expected, scale=lambda g: g + 4, pair=False)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64", "complex64"])
def test_gradients_have_the_data_type_of_their_leaf(backend: str, name: str) -> None:
    x = um.tensor([1.0, -3.0], dtype=name, requires_grad=True)
    um.real(um.sum(x * x).astype("complex64")).backward()
    assert x.grad.dtype.name == name
    assert x.grad.tolist() == [2, -6]


def test_one_leaf_in_both_places_of_an_operation(backend: str) -> None:
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.item() == 6
    (x + x).backward()
    assert x.grad.item() == 8


def test_a_computed_tensor_in_both_places(backend: str) -> None:
    x = leaf(3.0)
    y = x * 2
    (y * y * y).backward()
    assert x.grad.item() == 3 * 36 * 2


def test_branches_that_meet_again(backend: str) -> None:
    x = leaf(2.0)
    trunk = x * x
    left, right = trunk * 3, trunk * trunk
    (left * right + trunk).backward()
    # 3x⁶ + x²
    assert x.grad.item() == 18 * 32 + 4


def test_several_leaves(backend: str) -> None:
    x, y, constant = leaf(1.0, 2.0), leaf(5.0), um.tensor(7.0)
    um.sum(x * y * constant).backward()
    assert x.grad.tolist() == [35, 35]
    assert y.grad.item() == 21
    assert constant.grad is None


def test_matrices_by_a_random_cotangent(backend: str) -> None:
    random = np.random.default_rng(0)
    x, w = random.normal(size=(3, 4)), random.normal(size=(4, 2))
    cotangent = random_cotangent((3, 2))
    a, b = (um.tensor(array, requires_grad=True) for array in (x, w))
    (a @ b).backward(um.tensor(cotangent))
    assert_close(a.grad, cotangent @ w.T, family="accumulation", scale=12, length=2)
    assert_close(b.grad, x.T @ cotangent, family="accumulation", scale=12, length=3)


def test_a_chain_of_thousands(backend: str) -> None:
    x = leaf(1.0)
    y = x
    for _ in range(3000):
        y = y + x
    y.backward()
    assert x.grad.item() == 3001
    del y  # which takes the whole chain with it


def test_a_ladder_of_two_paths_each(backend: str) -> None:
    """Each rung is visited once: walking all paths would take 2**60 steps."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert x.grad.item() == 1


def test_through_indices_and_integers(backend: str) -> None:
    x = leaf(1.0, 2.0, 3.0)
    picked = um.take(x, um.tensor([2, 0, 2]))
    steps = um.floor(x).astype(um.int64)
    assert not steps.requires_grad
    um.sum(picked * steps.astype(um.float32)).backward()
    assert x.grad.tolist() == [2, 0, 1 + 3]


def test_leaves_of_another_data_type(backend: str) -> None:
    x = leaf(1.5, 2.0)
    um.sum(x.astype(um.float64) ** 2).backward()
    assert x.grad.dtype is um.float32
    assert x.grad.tolist() == [3, 4]


# --- .grad ----------------------------------------------------------------------------


def test_gradients_add_up_until_they_are_forgotten(backend: str) -> None:
    x = leaf(3.0)
    (x * x).backward()
    (x * 5).backward()
    assert x.grad.item() == 11
    x.grad = None
    assert x.grad is None
    (x * 5).backward()
    assert x.grad.item() == 5
    x.grad = um.zeros_like(x)
    (x * 7).backward()
    assert x.grad.item() == 7


def test_gradients_are_values(backend: str) -> None:
    """A later pass changes no gradient that somebody holds, and no one theirs."""
    x = leaf(3.0, 4.0)
    given = um.tensor([1.0, 2.0])
    (x * 1).backward(given)
    held = x.grad
    (x * 1).backward(given)
    assert held.tolist() == [1, 2]
    assert given.tolist() == [1, 2]
    assert x.grad.tolist() == [2, 4]
    held[0] = 7.0
    x.grad[0] = 7.0
    assert x.grad.tolist() == [2, 4]
    x.grad = held
    held[1] = 8.0
    assert x.grad.tolist() == [7, 2]
    (x * 1).backward(given)
    assert held.tolist() == [7, 8]


def test_a_gradient_is_scaled_in_place(backend: str) -> None:
    x = leaf(3.0)
    (x * x).backward()
    x.grad *= 0.5
    assert x.grad.item() == 3


def test_only_leaves_hold_gradients(backend: str) -> None:
    x = leaf(3.0)
    y = x * x
    y.backward()
    assert y.grad is None
    y.grad = None
    with pytest.raises(RuntimeError, match="only leaves .* this tensor is computed"):
        y.grad = um.tensor(1.0)
    with pytest.raises(RuntimeError, match="only leaves .* this tensor is a constant"):
        um.tensor(1.0).grad = um.tensor(1.0)


def test_a_gradient_fits_its_leaf(backend: str) -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"grad has shape \(\) .* the tensor \(2,\)"):
        x.grad = um.tensor(1.0)
    with pytest.raises(ValueError, match="data type float64, the tensor .* float32"):
        x.grad = um.zeros(2, dtype=um.float64)
    with pytest.raises(TypeError, match="grad is a tensor, not float"):
        x.grad = 0.0


# --- leaves and constants -------------------------------------------------------------


def test_detach_leaves_the_history_behind(backend: str) -> None:
    x = leaf(3.0)
    y = x * x
    assert not y.detach().requires_grad
    (y.detach() * x).backward()
    assert x.grad.item() == 9
    assert x.detach().item() == 3
    assert x.requires_grad


def test_requires_grad_is_switched_on_and_off(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    assert not x.requires_grad
    x.requires_grad = True
    um.sum(x * x).backward()
    assert x.grad.tolist() == [2, 4]
    x.requires_grad = False
    assert not x.requires_grad
    assert not (x * x).requires_grad
    assert x.grad is None
    with pytest.raises(RuntimeError, match="on leaves only: use detach"):
        (leaf(1.0) * 2).requires_grad = False


def test_a_leaf_made_of_a_computed_tensor_starts_anew(backend: str) -> None:
    x = leaf(3.0)
    y = um.tensor(x * x, requires_grad=True)
    (y * y).backward()
    assert y.grad.item() == 18
    assert x.grad is None


def test_integers_have_no_gradients(backend: str) -> None:
    message = "only floating-point tensors have gradients, not int64: convert"
    with pytest.raises(TypeError, match=message):
        um.tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match=message):
        um.tensor([1, 2]).requires_grad = True


def test_writes_into_leaves_are_refused(backend: str) -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(
        RuntimeError, match=r"its gradient would be lost; write into x.det"
    ):
        x[0] = 5.0
    assert x.tolist() == [1, 2]


def test_writes_into_computed_tensors_are_differentiated(backend: str) -> None:
    x, v = leaf(1.0, 2.0, 3.0), leaf(7.0)
    y = x * 2
    before = y * y
    y[1] = v * v
    after = um.sum(y * um.tensor([1.0, 10.0, 100.0]))
    (um.sum(before) + after).backward()
    # before = 4x², after = 2a + 10v² + 200c
    assert x.grad.tolist() == [8 + 2, 16, 24 + 200]
    assert v.grad.item() == 140


def test_a_write_turns_a_constant_into_a_computed_tensor(backend: str) -> None:
    v = leaf(7.0)
    y = um.zeros(3)
    y[1] = v
    assert y.requires_grad
    y.backward(um.tensor([1.0, 10.0, 100.0]))
    assert v.grad.item() == 10


def test_repeated_writes(backend: str) -> None:
    x = leaf(2.0)
    y = um.zeros(2)
    for step in range(50):
        y[step % 2] = y[(step + 1) % 2] + x
    um.sum(y).backward()
    assert x.grad.item() == 50 + 49


def test_operators_with_assignment_rebind(backend: str) -> None:
    x = leaf(2.0)
    y = x
    y *= 3
    assert x.item() == 2
    y.backward()
    assert x.grad.item() == 3


def test_the_sign_of_a_leaf_survives_pickling(backend: str) -> None:
    x = leaf(1.0, 2.0)
    um.sum(x * x).backward()
    for twin in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert twin.requires_grad
        assert twin.grad is None
        um.sum(twin).backward()
        assert twin.grad.tolist() == [1, 1]
    computed = pickle.loads(pickle.dumps(x * 2))
    assert not computed.requires_grad


# --- parameters -----------------------------------------------------------------------


def test_parameters_are_leaves(backend: str) -> None:
    p = um.nn.Parameter([1.0, 2.0])
    assert p.requires_grad
    assert p.grad is None
    um.sum(p * p * p).backward()
    assert p.grad.tolist() == [3, 12]
    p.grad = None
    assert p.grad is None


@pytest.mark.parametrize(
    "use",
    [
        lambda p: um.exp(p * 0),
        lambda p: p + 1,
        lambda p: um.concat([p, um.zeros(1)]),
        lambda p: p[0],
    ],
)
def test_a_value_that_is_drawn_in_the_first_use_is_a_leaf(
    backend: str, use: Callable[[um.Tensor], um.Tensor]
) -> None:
    p = um.nn.Parameter(shape=(2,), initializer=lambda shape, **_: um.full(shape, 3.0))
    assert p.requires_grad
    assert p.grad is None
    assert not p.is_made
    assert use(p).requires_grad
    um.sum(p * p).backward()
    assert p.grad.tolist() == [6, 6]


def test_a_new_value_keeps_the_gradient_and_begins_a_new_history(backend: str) -> None:
    for change in (
        lambda p: p.assign(um.tensor([5.0, 6.0])),
        lambda p: p.replace(um.tensor([5.0, 6.0])),
    ):
        p = um.nn.Parameter([1.0, 2.0])
        um.sum(p * p).backward()
        before = um.sum(p * p)
        change(p)
        assert p.grad.tolist() == [2, 4]
        before.backward()
        assert p.grad.tolist() == [2, 4], "of a value that is no more"
        um.sum(p * p).backward()
        assert p.grad.tolist() == [12, 16]


def test_writing_changes_a_parameter_itself(backend: str) -> None:
    p = um.nn.Parameter([1.0, 2.0])
    same = p
    p[0] = 5.0
    p += 1
    assert p is same
    assert p.tolist() == [6, 3]
    um.sum(p * p).backward()
    assert p.grad.tolist() == [12, 6]


def test_frozen_parameters_are_constants(backend: str) -> None:
    p = um.nn.Parameter([1.0, 2.0])
    um.sum(p * p).backward()
    for freeze in ("trainable", "requires_grad"):
        setattr(p, freeze, False)
        assert not p.trainable
        assert not p.requires_grad
        assert not (p * p).requires_grad
        assert p.grad is None
        p.grad = None
        p.assign(p * 1)
        assert not (p * p).requires_grad
        setattr(p, freeze, True)
        assert p.trainable
        um.sum(p * p).backward()
        assert p.grad is not None
    buffer = um.nn.Buffer([1.0])
    assert not (buffer * 2).requires_grad
    integers = um.nn.Parameter([1, 2])
    assert not integers.requires_grad
    with pytest.raises(TypeError, match="only floating-point parameters .* not int64"):
        integers.requires_grad = True


def test_moving_to_the_same_place_changes_nothing(backend: str) -> None:
    model = um.Sequential(um.Dense(1, input_size=1))
    um.sum(model(um.ones((1, 1)))).backward()
    model.to("cpu").to_backend(backend)
    assert [p.grad.tolist() for p in model.parameters()] == [[[1]], [1]]
    um.sum(model(um.ones((1, 1)))).backward()
    assert [p.grad.tolist() for p in model.parameters()] == [[[2]], [2]]


def test_a_training_loop(backend: str) -> None:
    slope = um.nn.Parameter(0.0)
    optimizer = um.SGD([slope], learning_rate=0.25)
    x = um.tensor([1.0, -1.0])
    errors = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = um.mean((slope * x - 8 * x) ** 2)
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    assert errors == [64, 16, 4, 1]
    assert slope.item() == 7.5


def test_recording_ends_with_the_pass(backend: str) -> None:
    x = um.tensor(2.0, requires_grad=True)
    (x * x * x).backward(create_graph=True)
    # A pass that still recorded would keep the history of this one.
    gradient = um.grad(lambda y: y * y * y)(um.tensor(3.0))
    assert float(gradient) == 27
    assert not getattr(gradient._native, "requires_grad", False)


def test_what_the_framework_has_freed_is_freed(backend: str) -> None:
    x = um.tensor([1.0, 2.0], requires_grad=True)
    y = um.sum(um.sin(x) * x)
    if backend == "torch":
        y.native.backward()
    else:
        y.backward()
    with pytest.raises(RuntimeError) as found:
        y.backward()
    assert type(found.value).__name__ == "FreedError"


def test_gradient_descent_by_hand(backend: str) -> None:
    """As PyTorch's tutorials write it, with tensors and in-place operators."""
    x = um.asarray(np.linspace(-1, 1, 8, dtype="float32"))
    y = 2.0 * x + 0.5
    w, b = (um.tensor(0.0, requires_grad=True) for _ in range(2))
    held = [w, b]
    for _ in range(100):
        loss = ((w * x + b - y) ** 2).mean()
        loss.backward()
        with um.no_grad():
            for one in held:
                one -= 0.5 * one.grad
                assert one.requires_grad
                assert one.grad is not None
                one.grad = None
    assert held == [w, b]
    assert abs(float(w) - 2.0) < 1e-3
    assert abs(float(b) - 0.5) < 1e-3


def test_in_place_operators_change_leaves_inside_no_grad_only(backend: str) -> None:
    x = um.tensor([1.0, 2.0], requires_grad=True)
    same = x
    (x * x).sum().backward()
    with um.no_grad():
        x += 1.0
        x *= um.tensor([2.0, 4.0])
        x /= 2.0
        with pytest.raises(ValueError, match=r"shape \(2,\) cannot take .* \(3, 2\)"):
            x += um.ones((3, 2))
        with pytest.raises(TypeError):
            x += "one"
    assert x is same
    assert x.tolist() == [2.0, 6.0]
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 4.0]
    x += 1.0
    assert x is not same
    assert same.tolist() == [2.0, 6.0]
    x.sum().backward()
    assert same.grad is not None
    assert same.grad.tolist() == [3.0, 5.0]
    with um.no_grad():
        z = y = um.ones(2)
        z += 1.0
    assert y.tolist() == [1.0, 1.0]
