"""`um.vjp`, `um.jvp`, `um.jacobian` and `um.hessian`: values, structures, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close, random_cotangent

MODES = ["reverse", "forward"]
A = np.array([[0.5, -1.25], [0.25, 0.75], [-0.5, -1.0]])
X = np.array([0.75, -0.5])


def curve(x: um.Tensor) -> um.Tensor:
    """Return exp(A·x), whose derivatives of every order are known."""
    return um.exp(um.tensor(A, dtype=x.dtype) @ x)


def derivative(order: int, x: Any = X) -> tuple[Any, Any]:
    """Return the derivative of `curve`, and what its rounding is proportional to."""
    slope = np.exp(A @ x)
    letters = "ijlmn"[:order]
    parts = ",".join(f"k{letter}" for letter in letters)
    term = f"k,{parts}->k{letters}" if order else "k->k"
    size = slope * (1 + np.abs(A) @ np.abs(x)) * (1 + order)
    exact = np.einsum(term, slope, *[A] * order)
    return exact, np.einsum(term, size, *[np.abs(A)] * order)


def assert_derivative(
    actual: um.Tensor, exact: Any, size: Any, dtype: um.DType
) -> None:
    assert actual.dtype is dtype
    assert_close(actual, exact, scale=size, length=6, pair=False, dtype=dtype)


@pytest.fixture(params=[um.float32, um.float64], ids=lambda dtype: dtype.name)
def x(request: pytest.FixtureRequest, backend: str) -> um.Tensor:
    return um.tensor(X, dtype=request.param)


# --- values, order 1 to 3 ------------------------------------------------------------


def test_the_product_of_a_cotangent_with_the_jacobian(x: um.Tensor) -> None:
    value, pull = um.vjp(curve, x)
    cotangent = random_cotangent(3, x.dtype.name)
    exact, size = derivative(1)
    assert_derivative(value, *derivative(0), x.dtype)
    for _ in range(2):  # more than once
        (found,) = pull(um.tensor(cotangent))
        assert_derivative(found, cotangent @ exact, np.abs(cotangent) @ size, x.dtype)


def test_the_product_of_the_jacobian_with_a_tangent(x: um.Tensor) -> None:
    tangent = random_cotangent(2, x.dtype.name)
    value, found = um.jvp(curve, (x,), (um.tensor(tangent),))
    exact, size = derivative(1)
    assert_derivative(value, *derivative(0), x.dtype)
    assert_derivative(found, exact @ tangent, size @ np.abs(tangent), x.dtype)


@pytest.mark.parametrize("first", MODES)
@pytest.mark.parametrize("second", MODES)
def test_jacobians_of_jacobians(x: um.Tensor, first: Any, second: Any) -> None:
    once = um.jacobian(curve, mode=first)
    twice = um.jacobian(once, mode=second)
    assert_derivative(once(x), *derivative(1), x.dtype)
    assert_derivative(twice(x), *derivative(2), x.dtype)
    thrice = um.jacobian(twice, mode=first)
    assert_derivative(thrice(x), *derivative(3), x.dtype)


def test_a_hessian_of_a_scalar_and_its_product_with_a_vector(x: um.Tensor) -> None:
    cotangent = random_cotangent(3, x.dtype.name)
    vector = random_cotangent(2, x.dtype.name, seed=1)

    def f(x: um.Tensor) -> um.Tensor:
        return um.sum(um.tensor(cotangent) * curve(x))

    exact, size = derivative(2)
    exact = np.tensordot(cotangent, exact, 1)
    size = np.tensordot(np.abs(cotangent), size, 1)
    assert_derivative(um.hessian(f)(x), exact, size, x.dtype)
    product, bound = exact @ vector, size @ np.abs(vector)
    v = um.tensor(vector)
    assert_derivative(um.vjp(um.grad(f), x)[1](v)[0], product, bound, x.dtype)
    assert_derivative(um.jvp(um.grad(f), (x,), (v,))[1], product, bound, x.dtype)
    # The derivative of the product along the vector is of the third order.
    exact, size = derivative(3)
    third = np.einsum("k,kijl,j,l->i", cotangent, exact, vector, vector)
    bound = np.einsum("k,kijl,j,l->i", *map(np.abs, (cotangent, size, vector, vector)))

    def along(x: um.Tensor) -> um.Tensor:
        return um.jvp(um.grad(f), (x,), (v,))[1]

    assert_derivative(um.jvp(along, (x,), (v,))[1], third, bound, x.dtype)


def test_a_hessian_of_a_vector_function(x: um.Tensor) -> None:
    assert_derivative(um.hessian(curve)(x), *derivative(2), x.dtype)


def test_inside_of_programs_and_of_programs(x: um.Tensor) -> None:
    tangent = um.tensor([1.0, -2.0], dtype=x.dtype)

    def everything(x: um.Tensor) -> list[um.Tensor]:
        value, pull = um.vjp(curve, x)
        return [
            *pull(value),
            *um.jvp(curve, (x,), (tangent,)),
            um.jacobian(curve)(x),
            um.jacobian(curve, mode="forward")(x),
            um.hessian(curve)(x),
        ]

    assert_close(um.jit(everything)(x), everything(x), scale=lambda g: g + 4, length=6)
    assert_close(
        um.hessian(um.jit(curve))(x),
        um.hessian(curve)(x),
        scale=lambda g: g + 4,
        length=6,
    )


def test_inside_of_a_gradient_and_of_a_tape(backend: str) -> None:
    def f(x: um.Tensor) -> um.Tensor:
        return x**3

    x, one = um.tensor(2.0), um.tensor(1.0)
    assert um.grad(lambda x: um.jvp(f, (x,), (x,))[1])(x).item() == 3 * 3 * 4
    assert um.grad(lambda x: um.vjp(f, x)[1](one)[0])(x).item() == 6 * 2
    assert um.grad(lambda v: um.jvp(f, (x,), (v,))[1])(one).item() == 3 * 4
    # A function is linear in the cotangent, wherever it was made.
    _, pull = um.vjp(f, x)
    assert um.grad(lambda u: pull(u)[0] * u)(one).item() == 2 * 3 * 4
    with um.GradientTape() as tape:
        tape.watch(x)
        slope = um.jacobian(f)(x)
    assert tape.gradient(slope, x).item() == 6 * 2


# --- complex numbers ------------------------------------------------------------------

Z = [1 + 2j, 0.5 - 1j]


@pytest.mark.parametrize("dtype", [um.complex64, um.complex128])
@pytest.mark.parametrize("mode", MODES)
def test_complex_jacobians(backend: str, dtype: um.DType, mode: Any) -> None:
    z = um.tensor(Z, dtype=dtype)
    real = um.real(z)
    # Holomorphic: the complex derivative.
    cubed = um.jacobian(lambda z: z * z * z, mode=mode, holomorphic=True)(z)
    assert cubed.dtype is dtype
    assert cubed.tolist() == np.diag(3 * np.array(Z) ** 2).tolist()
    # A real result: the gradient of each element.
    height = um.jacobian(lambda z: um.real(z * um.conj(z)), mode=mode)(z)
    assert height.dtype is dtype
    assert height.tolist() == np.diag(2 * np.array(Z)).tolist()
    # A real argument: the derivative.
    turned = um.jacobian(lambda x: x * x * z, mode=mode)(real)
    assert turned.dtype is dtype
    assert turned.tolist() == np.diag(2 * np.array(Z).real * Z).tolist()


def test_complex_products(backend: str) -> None:
    z, v = um.tensor(1 + 2j), um.tensor(0.5 - 1j)
    value, slope = um.jvp(lambda z: z * z, (z,), (v,))
    assert (value.item(), slope.item()) == ((1 + 2j) ** 2, 2 * (1 + 2j) * (0.5 - 1j))
    # Not holomorphic: linear over the real numbers only.
    assert um.jvp(um.conj, (z,), (v,))[1].item() == 0.5 + 1j
    (gradient,) = um.vjp(lambda z: z * z, z)[1](v)
    assert gradient.item() == (2 * (1 + 2j)).conjugate() * (0.5 - 1j)


def test_complex_by_complex_needs_a_promise(backend: str) -> None:
    with pytest.raises(TypeError, match="only a holomorphic function has a Jacobian"):
        um.jacobian(um.conj)(um.tensor(Z))
    with pytest.raises(
        TypeError, match="complex64 by arguments of data type complex64"
    ):
        um.hessian(lambda z: um.sum(um.abs(z)))(um.tensor(Z))
    second = um.hessian(lambda z: um.sum(z**3), holomorphic=True)(um.tensor(Z))
    assert_close(second, np.diag(6 * np.array(Z)), pair=False, dtype=um.complex64)


# --- structures -----------------------------------------------------------------------


def test_products_keep_the_structures(backend: str) -> None:
    def f(tree: Any, c: um.Tensor) -> Any:
        a, (b, nothing) = tree["a"], tree["b"]
        assert nothing is None
        return {"sum": a * b, "pair": (um.sum(a) * c, None)}

    tree = {"a": um.tensor([1.0, 2.0]), "b": [um.tensor(3.0), None]}
    value, pull = um.vjp(f, tree, um.tensor(5.0))
    assert value["pair"][0].item() == 15
    by_tree, by_c = pull({"sum": um.tensor([1.0, 10.0]), "pair": (100.0, None)})
    assert by_tree["a"].tolist() == [503, 530]
    assert by_tree["b"][0].item() == 21
    assert by_tree["b"][1] is None
    assert by_c.item() == 300
    tangents = ({"b": [1.0, None], "a": np.float32([1, 10])}, 100.0)
    _, slope = um.jvp(f, (tree, um.tensor(5.0)), tangents)
    assert slope["sum"].tolist() == [3 + 1, 30 + 2]
    assert slope["pair"][0].item() == 11 * 5 + 3 * 100
    assert slope["pair"][1] is None


@pytest.mark.parametrize("mode", MODES)
def test_jacobians_of_trees_by_trees(backend: str, mode: Any) -> None:
    def f(a: um.Tensor, tree: Any) -> Any:
        return {"y": a * tree["b"], "z": (um.sum(a),)}, "extra"

    a, tree = um.tensor([1.0, 2.0]), {"b": um.tensor(3.0)}
    matrix, extra = um.jacobian(f, (0, 1), mode=mode, has_aux=True)(a, tree)
    assert extra == "extra"
    by_a, by_tree = matrix["y"]
    assert by_a.tolist() == [[3, 0], [0, 3]]
    assert by_tree["b"].tolist() == [1, 2]
    by_a, by_tree = matrix["z"][0]
    assert by_a.tolist() == [1, 1]
    assert by_tree["b"].item() == 0


@pytest.mark.parametrize("mode", MODES)
def test_modules_stand_for_their_parameters(
    backend: str, mode: Any, model: Any
) -> None:
    x = um.tensor([5.0, 7.0])
    matrix = um.jacobian(lambda model, x: model(x), mode=mode)(model, x)
    assert matrix["weight"].tolist() == [[5, 0], [0, 7]]
    assert matrix["bias"].tolist() == [1, 1]
    second = um.hessian(lambda model: um.sum(model(x) ** 2))(model)
    assert second["weight"]["weight"].tolist() == [[50, 0], [0, 98]]
    assert second["weight"]["bias"].tolist() == [10, 14]
    assert second["bias"]["weight"].tolist() == [10, 14]
    assert second["bias"]["bias"].item() == 4
    tangent = {"weight": um.tensor([1.0, 10.0]), "bias": um.tensor(100.0)}
    _, slope = um.jvp(lambda model: model(x), (model,), (tangent,))
    assert slope.tolist() == [105, 170]
    ((gradient,), value) = (um.vjp(model, x)[1](x), um.vjp(model, x)[0])
    assert gradient.tolist() == [10, 21]
    assert value.tolist() == [11, 22]


def test_a_parameter_as_result_is_what_it_reads_as(backend: str) -> None:
    parameter = um.nn.Parameter(3.0)
    assert um.grad(lambda p: p)(parameter).item() == 1
    value, pull = um.vjp(lambda p: [p, p * p], parameter)
    assert type(value[0]) is um.Tensor
    assert pull([10.0, 1.0])[0].item() == 16


@pytest.mark.parametrize("mode", MODES)
def test_empty_tensors_have_empty_jacobians(backend: str, mode: Any) -> None:
    empty = um.zeros((0, 2))
    full = um.ones(3)
    assert um.jacobian(lambda x: 2 * x, mode=mode)(empty).shape == (0, 2, 0, 2)
    wide = um.jacobian(lambda x, y: (x * 2, um.sum(x) * y), (0, 1), mode=mode)
    (first, second) = wide(empty, full)
    assert [x.shape for x in first] == [(0, 2, 0, 2), (0, 2, 3)]
    assert [x.shape for x in second] == [(3, 0, 2), (3, 3)]


def test_results_do_not_depend_on_what_is_not_used(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    for mode in MODES:
        matrix = um.jacobian(lambda _: um.ones(2), mode=mode)(x)  # type: ignore[arg-type]
        assert matrix.tolist() == [[0, 0], [0, 0]]
        identity = um.jacobian(lambda x: x, mode=mode)(x)  # type: ignore[arg-type]
        assert identity.tolist() == [[1, 0], [0, 1]]


def test_results_carry_no_history(backend: str) -> None:
    x = um.tensor([1.0, 2.0], requires_grad=True)
    value, pull, extra = um.vjp(lambda y: (x * y, y), x, has_aux=True)
    _, slope, more = um.jvp(lambda y: (x * y, y * y), (x,), (x,), has_aux=True)
    for result in (value, *pull(value), extra, slope, more, um.hessian(curve)(x)):
        assert not result.requires_grad
    assert x.grad is None


def test_tensors_of_the_other_backend_stay_there(backend: str) -> None:
    x = um.tensor(X)
    others = [name for name in um.available_backends() if name != backend]
    with um.use_backend(others[0] if others else backend):
        for mode in MODES:
            matrix = um.jacobian(lambda x: x * x, mode=mode)(x)  # type: ignore[arg-type]
            assert matrix.backend == backend
            assert matrix.tolist() == [[1.5, 0], [0, -1]]


# --- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cotangent", "message"),
    [
        ([1.0], "the cotangent has the structure of the value, a dict of"),
        ({"z": 1.0}, r"\['y'\], not a dict of \['z'\]"),
        ({"y": [um.ones(2)]}, "is a tensor, not list"),
        ({"y": 1.0}, "is a tensor, not float"),
        ({"y": np.ones(3)}, r"has shape \(3,\) and data type float64, the tensor"),
        ({"y": np.ones(2)}, "data type float64"),
    ],
)
def test_cotangents_that_do_not_fit(backend: str, cotangent: Any, message: str) -> None:
    _, pull = um.vjp(lambda x: {"y": x * x}, um.tensor([1.0, 2.0]))
    with pytest.raises((TypeError, ValueError), match=message):
        pull(cotangent)


def test_tangents_that_do_not_fit(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="primals is a tuple .* not Tensor"):
        um.jvp(um.sin, x, x)
    with pytest.raises(TypeError, match="tangents is a tuple .* not Tensor"):
        um.jvp(um.sin, (x,), x)
    with pytest.raises(ValueError, match="of the primal, a list of 1, not a list of 2"):
        um.jvp(um.sin, (x,), (x, x))
    with pytest.raises(ValueError, match=r"the tangent has shape \(\)"):
        um.jvp(um.sin, (x,), (um.tensor(1.0),))


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: um.vjp(f, x),
        lambda f, x: um.jvp(f, (x,), (x,)),
        lambda f, x: um.jacobian(f)(x),
        lambda f, x: um.hessian(f)(x),
    ],
)
def test_what_cannot_be_differentiated(backend: str, transform: Any) -> None:
    x = um.tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="tensors, not int64: return what else"):
        transform(lambda x: um.argmax(x), x)
    with pytest.raises(TypeError, match="tensors, not str"):
        transform(lambda x: {"x": x, "name": "text"}, x)
    with pytest.raises(TypeError, match="floating-point tensors, not int64"):
        transform(um.sin, um.tensor([1, 2]))
    with pytest.raises(TypeError, match="a function is differentiated, not Tensor"):
        transform(x, x)


def test_modes_have_names(backend: str) -> None:
    with pytest.raises(ValueError, match='"reverse" or "forward", not \'backward\''):
        um.jacobian(um.sin, mode="backward")  # type: ignore[arg-type]


def test_a_program_of_jvp_is_forward_mode(backend: str) -> None:
    """Two passes backward are written down; what is left of them goes forward."""
    first, second = um.ones((3, 4)), um.ones((4, 2))
    x = um.ones((5, 3))

    def model(first: um.Tensor, second: um.Tensor) -> um.Tensor:
        return um.tanh(x @ first) @ second

    def pushed(*weights: um.Tensor) -> Any:
        return um.jvp(model, weights, weights)

    program = um.jit(pushed)
    value, tangent = program(first, second)
    assert (value.shape, tangent.shape) == ((5, 2), (5, 2))
    if backend == "torch":  # TensorFlow drops what is not needed when it runs
        text = program.lower(first, second).text()
        # Of each product of a weight the value and its tangent; the second one has
        # another operand that moves.
        assert text.count("mm(") == 5, text
