"""`um.grad` and `um.value_and_grad`: values, structures, nesting, errors."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close, random_cotangent

FLOATS = [um.float16, um.bfloat16, um.float32, um.float64]


class Line(NamedTuple):
    slope: Any
    offset: Any


# --- values ---------------------------------------------------------------------------


def test_the_gradient_of_a_vector_function_by_a_random_cotangent(backend: str) -> None:
    x = np.linspace(-2, 2, 12).reshape(3, 4)
    cotangent = random_cotangent((3, 4))
    weights = um.tensor(cotangent)
    gradient = um.grad(lambda x: um.sum(weights * um.sin(x) * x))(um.tensor(x))
    expected = cotangent * (np.cos(x) * x + np.sin(x))
    assert_close(gradient, expected, scale=lambda g: g + 4, pair=False)


def test_value_and_gradient_of_one_call(backend: str) -> None:
    value, gradient = um.value_and_grad(lambda x: um.sum(x**2))(um.tensor([1.0, 3.0]))
    assert value.item() == 10
    assert gradient.tolist() == [2, 6]


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.name)
def test_gradients_have_the_data_type_of_their_argument(
    backend: str, dtype: um.DType
) -> None:
    x = um.tensor([1.0, 2.0, -3.0], dtype=dtype)
    value, gradient = um.value_and_grad(lambda x: um.sum(x * x * x))(x)
    assert value.dtype is gradient.dtype is dtype
    assert gradient.tolist() == [3, 12, 27]


@pytest.mark.parametrize("dtype", [um.complex64, um.complex128])
def test_complex_gradients_point_uphill(backend: str, dtype: um.DType) -> None:
    z = um.tensor([1 + 2j, -3 + 1j], dtype=dtype)

    def height(z: um.Tensor) -> um.Tensor:
        return um.sum(um.real(z * um.conj(z)))

    gradient = um.grad(height)(z)
    assert gradient.dtype is dtype
    assert gradient.tolist() == [2 + 4j, -6 + 2j]
    # Of a holomorphic function f: the conjugate of f'.
    holomorphic = um.grad(lambda z: um.real(um.sum(z * z * z)))(z)
    assert holomorphic.tolist() == [(3 * v * v).conjugate() for v in z.tolist()]
    # Its imaginary part is real(-1j * f).
    imaginary = um.grad(lambda z: um.imag(um.sum(z * z)))(z)
    assert imaginary.tolist() == [(-2j * v).conjugate() for v in z.tolist()]


def test_shared_subexpressions_count_each_use(backend: str) -> None:
    def f(x: um.Tensor) -> um.Tensor:
        shared = x * x
        return shared * shared + shared * x

    assert um.grad(f)(um.tensor(2.0)).item() == 4 * 8 + 3 * 4


def test_one_tensor_in_both_places_of_an_operation(backend: str) -> None:
    x = um.tensor([3.0, 4.0])
    assert um.grad(lambda x: um.sum(x * x))(x).tolist() == [6, 8]
    assert um.grad(lambda x: um.sum(x + x))(x).tolist() == [2, 2]


def test_one_tensor_as_two_arguments(backend: str) -> None:
    x = um.tensor(3.0)
    first, second = um.grad(lambda a, b: a * a * b, argnums=(0, 1))(x, x)
    assert (first.item(), second.item()) == (18, 9)


def test_through_a_write_into_elements(backend: str) -> None:
    def f(x: um.Tensor, v: um.Tensor) -> um.Tensor:
        y = x * 2
        y[1] = v * v
        y[2:] = y[2:] * y[:1]
        return um.sum(y * um.tensor([1.0, 10.0, 100.0, 1000.0]))

    x = um.tensor([1.0, 2.0, 3.0, 5.0])
    by_x, by_v = um.grad(f, argnums=(0, 1))(x, um.tensor(7.0))
    # y = (2a, v², 2c·2a, 2d·2a)
    assert by_x.tolist() == [2 + 4 * 3 * 100 + 4 * 5 * 1000, 0, 400, 4000]
    assert by_v.item() == 2 * 7 * 10
    assert x.tolist() == [1, 2, 3, 5]


def test_through_a_change_of_data_type(backend: str) -> None:
    x = um.tensor([1.5, -2.0], dtype=um.float32)
    gradient = um.grad(lambda x: um.sum(x.astype(um.float64) ** 2))(x)
    assert gradient.dtype is um.float32
    assert gradient.tolist() == [3, -4]


def test_integers_on_the_way_are_constants(backend: str) -> None:
    def f(x: um.Tensor) -> um.Tensor:
        steps = um.floor(x).astype(um.int32)
        largest = um.argmax(x)
        return um.sum(steps.astype(um.float32) * x) + x[largest]

    assert um.grad(f)(um.tensor([1.5, 2.25])).tolist() == [1, 3]


def test_stopped_gradients_do_not_flow(backend: str) -> None:
    x = um.tensor(3.0)
    assert um.grad(lambda x: x * um.stop_gradient(x * x))(x).item() == 9
    assert um.grad(lambda x: um.stop_gradient(x))(x).item() == 0


def test_what_is_computed_inside_no_grad_is_a_constant(backend: str) -> None:
    def f(x: um.Tensor) -> um.Tensor:
        with um.no_grad():
            target = x * x
            with um.no_grad():
                target = target * x
            target = target + 0 * x
        return target * x

    assert um.grad(f)(um.tensor(2.0)).item() == 8


def test_after_an_exception_in_no_grad_recording_goes_on(backend: str) -> None:
    def f(x: um.Tensor) -> um.Tensor:
        with pytest.raises(ZeroDivisionError), um.no_grad():
            raise ZeroDivisionError
        return x * x

    assert um.grad(f)(um.tensor(2.0)).item() == 4


def test_gradients_are_taken_inside_no_grad(backend: str) -> None:
    with um.no_grad():
        value, gradient = um.value_and_grad(lambda x: x * x)(um.tensor(3.0))
        second = um.grad(um.grad(lambda x: x * x * x))(um.tensor(3.0))
    assert (value.item(), gradient.item(), second.item()) == (9, 6, 18)
    assert not value.requires_grad
    assert not gradient.requires_grad


def test_a_gradient_inside_no_grad_is_a_constant_for_the_one_around(
    backend: str,
) -> None:
    def f(x: um.Tensor) -> um.Tensor:
        with um.no_grad():
            value, slope = um.value_and_grad(lambda y: y * y * x)(x)
        return (slope + value) * x

    # slope = 2x·x = 18, value = x³ = 27
    assert um.grad(f)(um.tensor(3.0)).item() == 45


# --- what is differentiated by --------------------------------------------------------


def test_trees_keep_their_structure(backend: str) -> None:
    def f(tree: dict[str, Any]) -> um.Tensor:
        a, (b, c) = tree["list"]
        line = tree["line"]
        return um.sum(a * 2 + b * 3 + c * c) + line.slope * 5 + line.offset * 7

    one = um.tensor(1.0)
    gradient = um.grad(f)(
        {
            "line": Line(one, um.tensor(2.0)),
            "list": [um.tensor([1.0, 1.0]), (one, um.tensor(4.0))],
            "nothing": None,
            "unused": OrderedDict(x=um.tensor([1.0, 2.0])),
        }
    )
    assert list(gradient) == ["line", "list", "nothing", "unused"]
    assert isinstance(gradient["line"], Line)
    assert (gradient["line"].slope.item(), gradient["line"].offset.item()) == (5, 7)
    a, (b, c) = gradient["list"]
    assert (a.tolist(), b.item(), c.item()) == ([2, 2], 6, 16)
    assert gradient["nothing"] is None
    assert isinstance(gradient["unused"], OrderedDict)
    assert gradient["unused"]["x"].tolist() == [0, 0]


def test_modules_give_the_dict_of_their_parameters(backend: str, model: Any) -> None:
    x = um.tensor([5.0, 7.0])
    value, gradient = um.value_and_grad(lambda model, x: um.sum(model(x) ** 2))(
        model, x
    )
    # (2·5+1)² + (3·7+1)²
    assert value.item() == 11**2 + 22**2
    assert gradient["weight"].tolist() == [2 * 11 * 5, 2 * 22 * 7]
    assert gradient["bias"].item() == 2 * (11 + 22)
    assert model.weight.tolist() == [2, 3]
    assert model.weight.grad is None


def test_modules_inside_of_trees(backend: str, model: Any) -> None:
    gradient = um.grad(lambda tree: um.sum(tree["model"](tree["x"])))(
        {"x": um.tensor([1.0, 1.0]), "model": model}
    )
    assert gradient["x"].tolist() == [2, 3]
    assert gradient["model"]["weight"].tolist() == [1, 1]
    assert gradient["model"]["bias"].item() == 2


def test_parameters_are_arguments_like_tensors(backend: str) -> None:
    parameter = um.nn.Parameter([1.0, 2.0])
    gradient = um.grad(lambda p: um.sum(p * p * p))(parameter)
    assert gradient.tolist() == [3, 12]
    assert type(gradient) is um.Tensor


def test_a_parameter_in_two_places_has_one_gradient(backend: str) -> None:
    shared = um.nn.Parameter(3.0)
    first, second = um.grad(lambda tree: tree[0] * tree[1])([shared, shared])
    assert (first.item(), second.item()) == (6, 6)


def test_parameters_that_are_closed_over_are_read_as_their_stand_in(
    backend: str,
) -> None:
    parameter = um.nn.Parameter(3.0)
    assert um.grad(lambda _: parameter * parameter)(parameter).item() == 6
    other = um.nn.Parameter(5.0)
    assert um.grad(lambda p: p * other)(parameter).item() == 5


def test_what_is_assigned_to_a_parameter_inside_is_read_and_then_forgotten(
    backend: str,
) -> None:
    parameter = um.nn.Parameter(3.0)

    def f(p: um.nn.Parameter) -> um.Tensor:
        p.assign(p * 2)
        return p * p

    assert um.grad(f)(parameter).item() == 24
    assert parameter.item() == 3


def test_a_parameter_keeps_its_own_gradient_inside(backend: str) -> None:
    parameter = um.nn.Parameter(3.0)
    (parameter * 2).backward()

    def f(p: um.nn.Parameter) -> um.Tensor:
        assert p.grad is not None
        return p * p.grad

    assert um.grad(f)(parameter).item() == 2
    assert parameter.grad.item() == 2


def test_a_value_that_is_drawn_inside_is_the_value_of_the_model(backend: str) -> None:
    draws = []

    def draw(shape: tuple[int, ...], **options: Any) -> um.Tensor:
        draws.append(shape)
        return um.full(shape, 3.0)

    lazy = um.nn.Parameter(shape=(2,), initializer=draw)
    closed_over = um.nn.Parameter(shape=(2,), initializer=draw)
    gradient = um.grad(lambda p: um.sum(p * p * closed_over))(lazy)
    assert gradient.tolist() == [18, 18]
    assert draws == [(2,), (2,)]
    um.sum(lazy * closed_over).backward()
    assert lazy.grad.tolist() == closed_over.grad.tolist() == [3, 3]


def test_python_numbers_and_arrays_are_arguments(backend: str) -> None:
    def f(a: um.Tensor, b: um.Tensor, c: um.Tensor) -> um.Tensor:
        return um.sum(a * b * c)

    a, b, c = um.grad(f, (0, 1, 2))(2.0, np.array([3.0, 4.0]), np.float32(5))
    assert (a.item(), b.tolist(), c.item()) == (35, [10, 10], 14)
    assert a.dtype is um.float32
    assert b.dtype is um.float64
    assert um.grad(lambda z: um.abs(z))(3 + 4j).dtype is um.complex64


def test_a_python_float_goes_to_the_backend_of_the_tensors_beside_it(
    backend: str, other: str
) -> None:
    tree = {"x": [um.tensor(2.0)]}
    with um.use_backend(other):
        assert um.grad(lambda a, tree: a * tree["x"][0])(3.0, tree).item() == 2
        assert um.grad(lambda a, tree: a * tree["x"][0])(3.0, tree=tree).item() == 2


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [(0, 35), (1, 14), (-1, 10), ((0,), (35,)), ((2, 0), (10, 35)), ([-2], (14,))],
    ids=str,
)
def test_argnums_choose_arguments(backend: str, argnums: Any, expected: Any) -> None:
    two, five, seven = um.tensor(2.0), um.tensor(5.0), um.tensor(7.0)
    found = um.grad(lambda a, b, c: a * b * c, argnums)(two, five, seven)
    if isinstance(expected, tuple):
        assert isinstance(found, tuple)
        assert tuple(one.item() for one in found) == expected
    else:
        assert found.item() == expected


def test_other_arguments_are_passed_on_as_they_are(backend: str) -> None:
    marker = object()

    def f(x: um.Tensor, given: object, *, power: int, flag: str) -> um.Tensor:
        assert given is marker
        assert flag == "yes"
        return x**power

    assert um.grad(f)(um.tensor(2.0), marker, power=3, flag="yes").item() == 12


def test_the_name_of_the_function_stays(backend: str) -> None:
    def loss(x: um.Tensor) -> um.Tensor:
        """Document it."""
        return x

    assert um.grad(loss).__name__ == um.value_and_grad(loss).__name__ == "loss"
    assert um.grad(loss).__doc__ == "Document it."


def test_extra_results_are_passed_out(backend: str) -> None:
    def f(x: um.Tensor) -> tuple[um.Tensor, dict[str, Any]]:
        return um.sum(x * x), {"doubled": [2 * x, "word"], "none": None}

    x = um.tensor([1.0, 2.0])
    (value, extra), gradient = um.value_and_grad(f, has_aux=True)(x)
    assert value.item() == 5
    assert gradient.tolist() == [2, 4]
    assert extra["doubled"][0].tolist() == [2, 4]
    assert extra["doubled"][1] == "word"
    again, extra = um.grad(f, has_aux=True)(x)
    assert again.tolist() == [2, 4]
    assert extra["none"] is None


def test_results_carry_no_history(backend: str) -> None:
    x = um.tensor([1.0, 2.0], requires_grad=True)
    (value, extra), gradient = um.value_and_grad(
        lambda y: (um.sum(x * y), {"y": y, "xy": x * y}), has_aux=True
    )(x)
    for result in (value, extra["y"], extra["xy"], gradient):
        assert not result.requires_grad
    assert x.grad is None
    assert x.requires_grad


# --- errors ---------------------------------------------------------------------------

X = [1.0, 2.0]


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x, ValueError, r"is a scalar, not of shape \(2,\): reduce it"),
        (lambda x: um.sum(x)[None], ValueError, r"not of shape \(1,\)"),
        (lambda x: 3.0, TypeError, "returned float, not a scalar tensor"),
        (lambda x: None, TypeError, "returned NoneType, not a scalar tensor"),
        (lambda x: (um.sum(x), 1), TypeError, "returned tuple, not a scalar tensor"),
        (lambda x: um.argmax(x), TypeError, "floating-point number, not int64"),
        (lambda x: um.all(x > 0), TypeError, "floating-point number, not bool"),
        (lambda x: um.sum(x) * 1j, TypeError, "not complex64: take um.real or um.abs"),
    ],
)
def test_values_that_have_no_gradient(
    backend: str, function: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        um.grad(function)(um.tensor(X))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ([1, 2], "not int: name the other arguments"),
        (True, "not bool"),
        ("text", "not str"),
        (np.array([1, 2]), "by floating-point tensors, not int64: convert with astype"),
        (None, "nothing to differentiate by"),
        ([], "nothing to differentiate by"),
    ],
    ids=repr,
)
def test_arguments_that_have_no_gradient(
    backend: str, argument: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        um.grad(lambda x: um.tensor(1.0))(argument)


def test_integer_tensors_and_parameters_have_no_gradient(backend: str) -> None:
    for integer in (um.tensor([1, 2]), um.nn.Parameter([1, 2])):
        with pytest.raises(TypeError, match="not int64: convert with astype first"):
            um.grad(lambda x: um.sum(x.astype(um.float32)))(integer)


def test_extra_results_must_be_announced(backend: str) -> None:
    x = um.tensor(X)
    for wrong in (lambda x: um.sum(x), lambda x: [um.sum(x), 1], lambda x: (x, 1, 2)):
        with pytest.raises(TypeError, match=r"has_aux=True .* a pair \(value, extra\)"):
            um.grad(wrong, has_aux=True)(x)


@pytest.mark.parametrize("argnums", [1, -2, (0, 5)])
def test_argnums_out_of_range(backend: str, argnums: Any) -> None:
    with pytest.raises(TypeError, match=r"argnums names argument -?\d of 1 positional"):
        um.grad(lambda x: x, argnums)(um.tensor(1.0))


def test_arguments_by_name_are_not_differentiated_by(backend: str) -> None:
    with pytest.raises(TypeError, match="argument 0 of 0 positional ones: pass what"):
        um.grad(lambda x: x)(x=um.tensor(1.0))


def test_argnums_name_an_argument_once(backend: str) -> None:
    with pytest.raises(TypeError, match=r"argnums names an argument twice: \(0, -1\)"):
        um.grad(lambda x: x, (0, -1))(um.tensor(1.0))


def test_a_computed_tensor_is_no_function(backend: str) -> None:
    x = um.tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"not Tensor: .* use backward\(\)"):
        um.grad(x * x)


def test_the_value_lives_where_the_arguments_live(backend: str, other: str) -> None:
    with pytest.raises(um.BackendMismatchError, match=f"{other!r}.*{backend!r}"):
        um.grad(lambda x: um.tensor(1.0).to_backend(other))(um.tensor(X))


def test_arguments_live_on_one_backend(backend: str, other: str) -> None:
    with pytest.raises(um.BackendMismatchError, match=f"{backend!r} and {other!r}"):
        um.grad(lambda tree: tree[0])(
            [um.tensor(1.0), um.tensor(1.0).to_backend(other)]
        )


def test_the_gradient_belongs_to_its_holder(backend: str) -> None:
    """The cotangent 1 is a constant that other computations use, too."""
    gradient = um.grad(lambda x: x)(um.tensor(1.0))
    again = um.grad(lambda x: x)(um.tensor(1.0))
    assert gradient.native is not again.native
    assert again.item() == 1
