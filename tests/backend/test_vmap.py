"""`vmap`: axes, nests, and what it composes with; its operations: tests/parity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

RNG = np.random.default_rng(26)
X = RNG.normal(size=(5, 3))
W = RNG.normal(size=(3, 3))


def close(actual: um.Tensor, expected: Any) -> None:
    options: dict[str, Any] = {"family": "network", "scale": np.max, "length": 8}
    assert_close(actual.numpy(), np.asarray(expected), pair=False, **options)


def loss(w: um.Tensor, x: um.Tensor) -> um.Tensor:
    return um.sum(um.tanh(w @ x) ** 2)


def test_axes(backend: str) -> None:
    x, w = um.asarray(X), um.asarray(W)
    close(um.vmap(lambda w, x: w @ x, (None, 0))(w, x), X @ W.T)
    close(um.vmap(lambda w, x: w @ x, (None, 1), 1)(w, x.T), W @ X.T)
    close(um.vmap(lambda w, x: w @ x, (None, -1), -1)(w, x.T), W @ X.T)
    close(um.vmap(um.multiply)(x, X), X * X)
    assert um.vmap(lambda: um.ones(2), (), axis_size=3)().shape == (3, 2)
    assert um.vmap(lambda x: um.ones(2))(x).shape == (5, 2)


def test_nests(backend: str) -> None:
    tree = {"a": um.asarray(X), "b": [um.asarray(W)]}

    def function(tree: Any, scale: float) -> Any:
        return {"sum": um.sum(tree["a"]) * scale, "pair": (tree["b"][0], tree["a"])}

    axes = ({"a": 0, "b": None}, None)
    found = um.vmap(function, axes, {"sum": 0, "pair": (None, 1)})(tree, 2.0)
    close(found["sum"], 2 * X.sum(1))
    assert found["pair"][0].shape == (3, 3)
    close(found["pair"][1], X.T)


def test_gradients_of_each_example(backend: str) -> None:
    x, w = um.asarray(X), um.asarray(W)
    slopes = [um.grad(loss)(w, x[n]).numpy() for n in range(5)]
    close(um.vmap(um.grad(loss), (None, 0))(w, x), slopes)
    whole = um.grad(lambda w: um.sum(um.vmap(loss, (None, 0))(w, x)))(w)
    close(whole, np.sum(slopes, 0))
    values, gradients = um.vmap(um.value_and_grad(loss), (None, 0))(w, x)
    close(gradients, slopes)
    assert values.shape == (5,)
    curved = um.vmap(um.hessian(lambda x: loss(w, x)))(x)
    close(curved, [um.hessian(lambda x: loss(w, x))(x[n]).numpy() for n in range(5)])


def test_a_model(backend: str) -> None:
    model = um.Sequential([um.nn.Dense(4, activation="tanh"), um.nn.Dense(1)])
    model(um.ones((1, 3)))
    x = um.asarray(X.astype("float32"))

    def penalized(model: um.Sequential, x: um.Tensor) -> um.Tensor:
        return um.sum(model(x)) + sum(
            (um.sum(one**2) for one in model.parameters()), um.zeros(())
        )

    found = um.vmap(um.grad(penalized), (None, 0))(model, x)
    for number in range(5):
        alone = um.grad(penalized)(model, x[number])
        assert found.keys() == alone.keys()
        for name, one in alone.items():
            close(found[name][number], one.numpy())


def test_batches_of_batches_and_programs(backend: str) -> None:
    table = um.vmap(um.vmap(um.multiply, (None, 0)), (0, None))
    assert (
        table(um.arange(3), um.arange(4)).tolist()
        == np.outer(range(3), range(4)).tolist()
    )
    x, w = um.asarray(X), um.asarray(W)
    each = um.vmap(um.grad(loss), (None, 0))
    jitted = um.jit(each)
    for _ in range(2):
        close(jitted(w, x), each(w, x).numpy())
    close(
        um.vmap(um.jit(loss), (None, 0))(w, x), um.vmap(loss, (None, 0))(w, x).numpy()
    )


def test_backward(backend: str) -> None:
    x = um.tensor(X, requires_grad=True)
    um.sum(um.vmap(lambda x: um.sum(x**3))(x)).backward()
    assert x.grad is not None
    close(x.grad, 3 * X**2)


def test_backward_to_what_is_the_same_for_all(backend: str) -> None:
    w, x = um.tensor(W, requires_grad=True), um.tensor(X)
    um.sum(um.vmap(loss, (None, 0))(w, x)).backward()
    model = um.nn.Dense(2, input_size=3, dtype="float64")
    assert w.grad is not None
    assert model.kernel is not None
    close(w.grad, um.grad(lambda w: um.sum(um.vmap(loss, (None, 0))(w, x)))(W).numpy())
    sums = np.broadcast_to(X.sum(0)[:, None], (3, 2))
    um.sum(um.vmap(model)(x)).backward()
    assert model.kernel.grad is not None
    close(model.kernel.grad, sums)
    model.kernel.grad = None
    um.sum(um.vmap(lambda m, x: m(x), (None, 0))(model, x)).backward()
    assert model.kernel.grad is not None
    close(model.kernel.grad, sums)
    # What is closed over would be lost on one backend.
    assert not um.vmap(lambda x: model(x))(x).requires_grad
    with pytest.raises(RuntimeError, match="requires gradients and is no argument"):
        um.vmap(lambda x: w @ x)(x)
    with pytest.raises(RuntimeError, match="inside um.vmap"):
        um.vmap(lambda x: x.backward())(um.ones(3))


def test_tapes_inside_and_around(backend: str) -> None:
    def slope(x: um.Tensor, w: um.Tensor) -> Any:
        with um.GradientTape() as tape:
            tape.watch((x, w))
            y = loss(w, x)
        return tape.gradient(y, (x, w))

    x, w = um.asarray(X), um.asarray(W)
    by_x, by_w = um.vmap(slope, (0, None))(x, w)
    close(by_x, um.vmap(um.grad(loss, 1), (None, 0))(w, x).numpy())
    close(by_w, um.vmap(um.grad(loss), (None, 0))(w, x).numpy())
    assert w.tolist() == W.tolist()
    with um.GradientTape() as tape:
        tape.watch(x)
        y = um.sum(um.vmap(loss, (None, 0))(w, x))
    close(tape.gradient(y, x), by_x.numpy())
    with um.GradientTape() as tape, pytest.raises(RuntimeError, match="around um.vmap"):
        um.vmap(tape.watch)(x)


def test_nothing_is_written_for_each_example(backend: str) -> None:
    layer = um.nn.BatchNorm()
    batch = um.asarray(RNG.normal(size=(2, 4, 3)).astype("float32"))
    layer(batch[0])
    assert layer.moving_mean is not None
    before = layer.moving_mean.tolist()
    for function in (um.vmap(layer), um.jit(um.vmap(layer))):
        with pytest.raises(RuntimeError, match="would get a value for each example"):
            function(batch)
        assert layer.moving_mean.tolist() == before
    layer.eval()
    assert um.vmap(layer)(batch).shape == (2, 4, 3)
    # One value for all is none of each: dropout counts its draws.
    dropout = um.nn.Dropout(0.5)
    first, second = (um.vmap(dropout)(um.ones((2, 64))).tolist() for _ in range(2))
    assert first[0] == first[1] != second[0]


def test_no_example_at_all(backend: str) -> None:
    empty = um.ones((0, 3))
    assert um.vmap(loss, (None, 0))(um.ones((3, 3)), empty).shape == (0,)
    ids = np.array([0, 0, 1])
    assert um.vmap(lambda x: um.segment_sum(x, ids))(empty).shape == (0, 2)
    assert um.vmap(um.grad(lambda x: um.sum(x**2)))(empty).shape == (0, 3)


def test_a_result_without_examples(backend: str) -> None:
    same, each = um.vmap(lambda x: (um.ones(2), x), out_axes=(None, 0))(um.asarray(X))
    assert (same.shape, each.shape) == ((2,), (5, 3))
    with pytest.raises(ValueError, match="differs between the examples"):
        um.vmap(um.abs, out_axes=None)(um.asarray(X))


def test_what_people_look_at_inside(backend: str) -> None:
    seen: list[str] = []

    def shown(x: um.Tensor) -> um.Tensor:
        seen.append(repr(x))
        return x

    um.vmap(shown)(um.asarray(X))
    assert seen[0].startswith("Tensor(of each example, shape=(3,), dtype=float64")
    with pytest.raises(TypeError, match="no tensor of the framework"):
        um.vmap(lambda x: x.native)(um.asarray(X))
    with pytest.raises(RuntimeError, match="um.graph"):
        um.vmap(um.graph(um.sin))(um.asarray(X))


def test_bad_values_are_those_of_the_operation(backend: str) -> None:
    singular = um.asarray(np.stack([np.eye(2), np.zeros((2, 2))]))
    with pytest.raises(np.linalg.LinAlgError, match="number 1 of 2. is singular"):
        um.vmap(um.linalg.inv)(singular)
    with pytest.raises(ZeroDivisionError):
        um.vmap(lambda x: 1 // x)(um.tensor([1, 0]))


def test_two_backends_do_not_mix(backend: str, other: str) -> None:
    x = um.asarray(X)
    with pytest.raises(um.BackendMismatchError, match="vmap: one operand is on"):
        um.vmap(um.add)(x, x.to_backend(other))
    with pytest.raises(um.BackendMismatchError, match="vmap: one operand is on"):
        um.vmap(lambda x: um.ones(2).to_backend(other))(x)


def test_an_index_of_each_example(backend: str) -> None:
    x, index = um.asarray(X), um.tensor([2, 0, 1, 2, -1])
    taken = um.vmap(lambda x, i: x[i])
    close(taken(x, index), X[range(5), [2, 0, 1, 2, -1]])
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0"):
        taken(x, um.tensor([0, 0, 3, 0, 0]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: um.vmap(3)(x), TypeError, "takes a function, not int"),
        (lambda x: um.vmap(um.abs)(3.0), TypeError, "maps over tensors, not float"),
        (lambda x: um.vmap(um.abs, 2)(x), ValueError, "dimension 2 of a tensor of"),
        (lambda x: um.vmap(um.abs, None)(x), ValueError, "by axis_size"),
        (lambda x: um.vmap(um.add)(x, x.T), ValueError, "of examples: 3, 5"),
        (lambda x: um.vmap(um.add, (0,))(x, x), TypeError, "in_axes are an int"),
        (lambda x: um.vmap(lambda x: 1)(x), TypeError, "returns tensors, not int"),
        (lambda x: um.vmap(lambda x: float(x[0]))(x), TypeError, "um.vmap batches"),
        (lambda x: um.vmap(lambda x: x + um.ones(7))(x), ValueError, "\\(3,\\)"),
    ],
)
def test_errors(
    backend: str, call: Callable[..., Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(um.asarray(X))
