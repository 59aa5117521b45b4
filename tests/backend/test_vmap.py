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
    assert found["pair"][0].shape == (5, 3, 3)
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


def test_an_index_of_each_example(backend: str) -> None:
    x, index = um.asarray(X), um.tensor([2, 0, 1, 2, -1])
    taken = um.vmap(lambda x, i: x[i])
    close(taken(x, index), X[range(5), [2, 0, 1, 2, -1]])
    with pytest.raises(um.BackendError, match="index 3 is out of bounds for 3 elem"):
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
