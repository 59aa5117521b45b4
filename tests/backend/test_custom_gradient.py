"""`um.custom_gradient`: the user's rules, of all orders, in every style."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close, random_cotangent
from unifiedml.tolerance import bound


@um.custom_gradient
def cube(x: um.Tensor) -> Any:
    square = x * x
    return square * x, lambda g: g * 3 * square


@um.custom_gradient
def through_numpy(x: um.Tensor) -> Any:
    """Return tanh, which no framework sees."""
    y = um.asarray(np.tanh(x.numpy()))
    return y, lambda g: g * (1 - through_numpy(x) ** 2)


@um.custom_gradient
def clipped(x: um.Tensor) -> Any:
    return x * 100, lambda g: um.clip(g * 100, -1, 1)


class Scale(um.Module):
    def __init__(self) -> None:
        self.weight = um.nn.Parameter([2.0, 3.0])

    def __call__(self, x: um.Tensor) -> um.Tensor:
        return self.weight * x


# --- values ---------------------------------------------------------------------------


def test_derivatives_of_all_orders(backend: str) -> None:
    derivative: Callable[..., um.Tensor] = cube
    for expected in (27, 27, 18, 6, 0):
        assert derivative(um.tensor(3.0)).item() == expected
        assert um.jit(derivative)(um.tensor(3.0)).item() == expected
        derivative = um.grad(derivative)


def test_code_that_no_framework_sees(backend: str) -> None:
    x = np.array([0.5, -1.5])
    y = np.tanh(x)
    weights = random_cotangent(2)

    def weighted(f: Callable[..., um.Tensor]) -> Callable[..., um.Tensor]:
        return lambda x: um.sum(um.tensor(weights) * f(x))

    derivative: Callable[..., um.Tensor] = through_numpy
    steps = [y, 1 - y**2, -2 * y * (1 - y**2), (6 * y**2 - 2) * (1 - y**2)]
    factor: Any = 1
    for exact in steps:
        assert_close(
            derivative(um.tensor(x)),
            factor * exact,
            scale=lambda g: g + 8 * 4**3,
            pair=False,
        )
        derivative, factor = um.grad(weighted(derivative)), factor * weights


def test_a_rule_need_not_be_a_derivative_nor_linear(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    assert clipped(x).tolist() == [100, 200]
    assert um.grad(lambda x: um.sum(clipped(x) * -5))(x).tolist() == [-1, -1]
    reversed_ = um.custom_gradient(lambda x: (x, lambda g: -g))
    assert um.grad(lambda x: um.sum(reversed_(x) * x))(x).tolist() == [0, 0]


def test_imperative_style_and_tapes(backend: str) -> None:
    x = um.tensor(3.0, requires_grad=True)
    y = cube(x * 1)
    assert y.requires_grad
    y.backward(create_graph=True)
    slope, x.grad = x.grad, None
    assert slope.item() == 27
    slope.backward()
    assert x.grad.item() == 18
    with um.GradientTape() as tape:
        with um.GradientTape() as inner:
            z = um.tensor(3.0)
            tape.watch(z)
            inner.watch(z)
            value = cube(z)
        slope = inner.gradient(value, z)
    assert slope.item() == 27
    assert tape.gradient(slope, z).item() == 18
    with um.no_grad():
        assert not cube(x).requires_grad


def test_products_and_matrices(backend: str) -> None:
    x = um.tensor([1.0, -2.0])
    assert um.jvp(cube, (x,), (um.tensor([1.0, 10.0]),))[1].tolist() == [3, 120]
    for mode in ("reverse", "forward"):
        matrix = um.jacobian(cube, mode=mode)(x)  # type: ignore[arg-type]
        assert matrix.tolist() == [[3, 0], [0, 12]]
    second = um.hessian(lambda x: um.sum(cube(x)))(x)
    assert second.tolist() == [[6, 0], [0, -12]]


@pytest.mark.parametrize("dtype", [um.complex64, um.complex128])
def test_complex_numbers(backend: str, dtype: um.DType) -> None:
    square = um.custom_gradient(lambda z: (z * z, lambda g: g * um.conj(2 * z)))
    z = um.tensor([1 + 2j, -1j], dtype=dtype)

    def height(f: Callable[..., um.Tensor]) -> Callable[..., um.Tensor]:
        return lambda z: um.sum(um.real(f(z)) * um.tensor([1.0, 10.0]))

    found = um.grad(height(square))(z)
    assert found.dtype is dtype
    assert found.tolist() == um.grad(height(lambda z: z * z))(z).tolist()


# --- structures -----------------------------------------------------------------------


def scaled(model: Scale, tree: Any, by: Any, *, power: int) -> Any:
    value = {"y": model(tree["x"]) * by, "z": (tree["x"] ** power,)}

    def rule(g: Any) -> Any:
        by_x = {"x": 100 * g["y"] + 1000 * g["z"][0], "count": None}
        return {"weight": 10 * g["y"]}, by_x, None

    return value, rule


def test_trees_modules_and_what_has_no_gradient(backend: str) -> None:
    f = um.custom_gradient(scaled)
    model, x, by = Scale(), um.tensor([1.0, -1.0]), um.tensor(2.0)

    def loss(model: Scale, x: um.Tensor, by: um.Tensor) -> um.Tensor:
        value = f(model, {"x": x, "count": um.tensor(7)}, by, power=2)
        return um.sum(value["y"]) + um.sum(value["z"][0])

    by_model, by_x, by_by = um.grad(loss, (0, 1, 2))(model, x, by)
    assert by_model["weight"].tolist() == [10, 10]
    assert by_x.tolist() == [1100, 1100]
    assert by_by.item() == 0
    value = f(model, {"x": x, "count": 7}, by, power=2)
    assert value["y"].tolist() == [4, -6]
    assert value["z"][0].tolist() == [1, 1]
    um.sum(value["y"]).backward()
    assert model.weight.grad.tolist() == [10, 10]


def test_what_is_closed_over_is_a_constant(backend: str) -> None:
    weight = um.nn.Parameter(3.0)
    times = um.custom_gradient(lambda x: (x * weight, lambda g: g * weight))
    by_x, by_weight = um.grad(lambda x, w: times(x) * w, (0, 1))(2.0, weight)
    assert (by_x.item(), by_weight.item()) == (9, 6)


def test_a_function_of_constants_is_called_as_it_is(backend: str) -> None:
    f = um.custom_gradient(lambda n, word: ((um.arange(n), word), lambda g: None))
    numbers, word = f(3, "word")
    assert numbers.tolist() == [0, 1, 2]
    assert word == "word"


def test_name_and_documentation_stay(backend: str) -> None:
    assert through_numpy.__name__ == "through_numpy"
    assert through_numpy.__doc__ == "Return tanh, which no framework sees."


# --- the frameworks' own checkers -----------------------------------------------------


@pytest.mark.parametrize("f", [cube, through_numpy])
def test_the_frameworks_agree(backend: str, f: Any) -> None:
    x = np.array([[0.5, -1.25], [2.0, 0.25]])
    if backend == "torch":
        torch = import_module("torch")

        def native(x: Any) -> Any:
            return f(um.from_native(x)).native

        operand = torch.tensor(x, requires_grad=True)
        assert torch.autograd.gradcheck(native, (operand,))
        assert torch.autograd.gradgradcheck(native, (operand,))
    elif backend == "tensorflow":
        tf = import_module("tensorflow")
        for function in (f, um.grad(lambda x: um.sum(f(x) * f(x)))):

            def at(step: float, function: Any = function) -> Any:
                return tf.test.compute_gradient(
                    lambda x: function(um.from_native(x)).native, [tf.constant(x)], step
                )

            (exact,), (fine,) = at(2.0**-14)
            _, (coarse,) = at(2.0**-13)
            # The truncation of central differences falls to a quarter with half the
            # step, so it is a third of what they differ by; values have noise, too.
            scale = np.max(np.abs(function(um.asarray(x)).numpy()))
            noise = bound("network", "float64", scale=scale, length=4) * 2.0**14
            assert np.all(np.abs(exact - fine) <= np.abs(coarse - fine) + noise)
    else:
        pytest.skip("only PyTorch and TensorFlow have a checker of their own")


# --- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x, TypeError, "returns a pair of its value and the rule"),
        (lambda x: (x, x), TypeError, "returns a pair"),
        (lambda x: (um.argmax(x), um.sum), TypeError, "tensors, not int64"),
        (
            lambda x: (x, lambda g: 1.0),
            TypeError,
            "the gradient is a tensor, not float",
        ),
        (lambda x: (x, lambda g: g[0]), ValueError, r"the gradient has shape \(\)"),
        (lambda x: (x, lambda g: [g]), TypeError, "the gradient is a tensor, not list"),
    ],
)
def test_rules_that_do_not_fit(
    backend: str, function: Any, error: type[Exception], message: str
) -> None:
    f = um.custom_gradient(function)
    with pytest.raises(error, match=message):
        um.grad(lambda x: um.sum(f(x)))(um.tensor([1.0, 2.0]))


def test_one_gradient_for_each_argument(backend: str) -> None:
    f = um.custom_gradient(lambda x, y: (x * y, lambda g: g))
    with pytest.raises(ValueError, match="a function of 2 arguments returns a tuple"):
        um.grad(f)(2.0, 3.0)
    with pytest.raises(TypeError, match="a function is differentiated, not int"):
        um.custom_gradient(3)  # type: ignore[arg-type]


def test_a_rule_is_given_tensors_where_a_gather_follows(backend: str) -> None:
    @um.custom_gradient
    def doubled(x: um.Tensor) -> Any:
        return x * 2.0, lambda given: given[:, :1] + given

    def f(x: um.Tensor) -> um.Tensor:
        return um.sum(um.take(doubled(x), um.asarray([1, 1]), axis=0))

    x = um.ones((3, 2))
    for gradient in (um.grad(f), um.jit(um.grad(f))):
        assert gradient(x).tolist() == [[0.0, 0.0], [4.0, 4.0], [0.0, 0.0]]
