"""Control flow: the same values and gradients in Python and as part of a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close
from unifiedml.testing._gradients import random_cotangent

pytestmark = pytest.mark.usefixtures("backend")

X = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]])
MODES = {
    "eager": lambda f: f,
    "program": um.jit,
    "compiled": lambda f: um.jit(f, compiler=True),
}


def close(found: um.Tensor, wanted: Any, length: int = 8) -> None:
    wanted = np.asarray(wanted)
    scale = float(np.max(np.abs(wanted), initial=1.0))
    assert_close(
        found.numpy(), wanted, family="network", scale=scale, length=length, pair=False
    )


def chosen(x: um.Tensor) -> um.Tensor:
    return um.cond(um.sum(x) > 0, lambda x: um.sin(x) * x, um.exp, x)


def repeated(x: um.Tensor) -> um.Tensor:
    def grown(state: dict[str, Any]) -> dict[str, Any]:
        return {"x": state["x"] * 1.5 + um.sin(state["x"]), "n": state["n"] + 1}

    last = um.while_loop(
        lambda state: um.max(um.abs(state["x"])) < 10,
        grown,
        {"x": x, "n": 0},
        max_steps=6,
    )
    return last["x"] * last["n"]


def scanned(x: um.Tensor, reverse: bool = False) -> um.Tensor:
    def step(carry: um.Tensor, row: um.Tensor) -> tuple[um.Tensor, um.Tensor]:
        return carry * um.cos(row) + row, carry * row

    last, found = um.scan(step, um.ones((3,), dtype=x.dtype), x, reverse=reverse)
    return um.concat([found, um.expand_dims(last, axis=0)])


def backwards(x: um.Tensor) -> um.Tensor:
    return scanned(x, reverse=True)


def mapped(x: um.Tensor) -> um.Tensor:
    return um.map(lambda row: um.sum(row * row) * um.exp(row), x)


def nested(x: um.Tensor) -> um.Tensor:
    def step(carry: um.Tensor, row: um.Tensor) -> tuple[um.Tensor, um.Tensor]:
        new = um.cond(
            um.sum(row) > 0, lambda c, r: c * um.sin(r), lambda c, r: c + r, carry, row
        )
        last = um.while_loop(
            lambda y: um.sum(y) < 5, lambda y: y * y + 1.0, new, max_steps=4
        )
        return new, last

    last, found = um.scan(step, x[0], x)
    return found * last


FUNCTIONS = [chosen, repeated, scanned, backwards, mapped]


def loop(x: Any, reverse: bool) -> Any:
    carry, found = np.ones(3), [None] * len(x)
    for n in reversed(range(len(x))) if reverse else range(len(x)):
        found[n] = carry * x[n]
        carry = carry * np.cos(x[n]) + x[n]
    return np.stack([*found, carry])


def loop_until(x: Any) -> Any:
    count = 0
    while np.max(np.abs(x)) < 10 and count < 6:
        x, count = x * 1.5 + np.sin(x), count + 1
    return x * count


ORACLES: dict[Any, Callable[[Any], Any]] = {
    chosen: lambda x: np.sin(x) * x if x.sum() > 0 else np.exp(x),
    repeated: loop_until,
    scanned: lambda x: loop(x, False),
    backwards: lambda x: loop(x, True),
    mapped: lambda x: (x * x).sum(1, keepdims=True) * np.exp(x),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.filterwarnings("ignore:PyTorch's compiler, Inductor, takes no program")
def test_values(function: Any, mode: str, sign: float) -> None:
    x = sign * X
    close(MODES[mode](function)(um.asarray(x)), ORACLES[function](x), 16)


@pytest.mark.parametrize("function", [*FUNCTIONS, nested])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_gradients_of_each_order(function: Any, sign: float) -> None:
    x = um.asarray(sign * X)
    cotangents = [um.asarray(random_cotangent(X.shape, seed=n)) for n in range(3)]
    weights = um.asarray(random_cotangent(function(x).shape, seed=7))

    def first(x: um.Tensor) -> um.Tensor:
        return um.grad(lambda x: um.sum(weights * function(x)))(x)

    def second(x: um.Tensor) -> um.Tensor:
        return um.grad(lambda x: um.sum(cotangents[0] * first(x)))(x)

    def third(x: um.Tensor) -> um.Tensor:
        return um.grad(lambda x: um.sum(cotangents[1] * second(x)))(x)

    for derivative in (first, second, third):
        wanted = derivative(x)  # Python's control flow, checked by `test_gradients`
        assert np.any(wanted.numpy() != 0)
        close(um.jit(derivative)(x), wanted.numpy(), 64)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients(function: Any) -> None:
    weights = random_cotangent(ORACLES[function](X).shape)
    wanted = um.testing.numeric_vjp(ORACLES[function], [X], weights)[0].value

    def gradient(x: um.Tensor) -> um.Tensor:
        return um.grad(lambda x: um.sum(um.asarray(weights) * function(x)))(x)

    close(gradient(um.asarray(X)), wanted, 64)
    close(um.jit(gradient)(um.asarray(X)), wanted, 64)


def test_a_program_decides_at_each_run() -> None:
    program = um.jit(chosen)
    for sign in (1.0, -1.0, 1.0):
        close(program(um.asarray(sign * X)), ORACLES[chosen](sign * X))
    count = um.jit(
        lambda n: um.while_loop(
            lambda s: s[0] < n, lambda s: (s[0] + 2, s[1] * 3), (0, 1)
        )
    )
    for n, wanted in ((0, (0, 1)), (5, (6, 27)), (2, (2, 3))):
        assert tuple(x.item() for x in count(um.tensor(n))) == wanted


def test_a_scan_has_one_copy_of_its_function() -> None:
    sizes = [
        len(um.jit(mapped).lower(um.ones((length, 3))).text()) for length in (2, 40)
    ]
    assert abs(sizes[0] - sizes[1]) < 100


class Counter(um.Module):
    """Reads a parameter, and writes to a buffer."""

    def __init__(self) -> None:
        self.weight = um.nn.Parameter(np.array([0.5, -1.0, 2.0]))
        self.seen = um.nn.Buffer(np.zeros(3))

    def forward(self, x: um.Tensor) -> um.Tensor:
        self.seen.replace(self.seen.detach() + x)
        return um.sin(self.weight * x) + self.seen.detach()


def with_scan(model: Counter, x: um.Tensor) -> um.Tensor:
    _, found = um.scan(lambda c, row: (c, model(row)), 0, x)
    return found


def with_cond(model: Counter, x: um.Tensor) -> um.Tensor:
    return um.cond(um.sum(x) > 0, lambda x: model(x[0]), lambda x: x[1], x)


def with_while(model: Counter, x: um.Tensor) -> um.Tensor:
    return um.while_loop(
        lambda y: um.sum(y) < 20, lambda y: y + model(y) ** 2, x[0], max_steps=5
    )


@pytest.mark.parametrize("function", [with_scan, with_cond, with_while])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_parameters_are_read_trained_and_written(function: Any, sign: float) -> None:
    x = um.asarray(sign * X)
    made = [Counter(), Counter()]

    def step(model: Counter, x: um.Tensor) -> Any:
        def loss(model: Counter) -> um.Tensor:
            found = function(model, x)
            weights = um.asarray(random_cotangent(found.shape))
            return um.sum(weights * found)

        return um.value_and_grad(loss)(model)

    for _ in range(2):
        results = [
            run(model, x) for run, model in zip((step, um.jit(step)), made, strict=True)
        ]
        (value, gradients), (other, others) = results
        close(other, value.numpy(), 16)
        close(others["weight"], gradients["weight"].numpy(), 64)
        close(made[1].seen, made[0].seen.numpy())


@pytest.mark.parametrize("mode", ["eager", "program"])
def test_one_step_is_enough(mode: str) -> None:
    x = um.asarray(X[:1])
    run = MODES[mode](lambda x: um.scan(lambda c, a: (c + a, c * a), x[0], x))
    carry, results = run(x)
    close(carry, 2 * X[0])
    close(results, X[:1] ** 2)
    close(MODES[mode](lambda x: um.map(um.sin, x))(x), np.sin(X[:1]))


@pytest.mark.parametrize("mode", ["eager", "program"])
def test_operands_may_be_parameters_and_settings(mode: str) -> None:
    parameter = um.nn.Parameter(um.asarray(X[0]))

    def raised(p: um.nn.Parameter, n: int, x: um.Tensor) -> um.Tensor:
        p.assign(p.detach() + 1.0)
        return x * p.detach() * n

    def chosen(x: um.Tensor) -> um.Tensor:
        return um.cond(um.sum(x) > 0, raised, lambda p, n, x: x, parameter, 3, x)

    run = MODES[mode](chosen)
    for times in (1, 2):
        close(run(um.asarray(X[0])), 3 * X[0] * (X[0] + times))
        close(parameter, X[0] + times)
    close(run(um.asarray(-X[0])), -X[0])
    close(parameter, X[0] + 2)


@pytest.mark.parametrize("mode", ["eager", "program"])
def test_an_example_of_a_batch_writes_no_parameter_inside(mode: str) -> None:
    parameter = um.nn.Parameter(um.zeros((3,)))

    def write(x: um.Tensor) -> um.Tensor:
        parameter.assign(x)
        return x

    layer = um.nn.BatchNorm()
    layer.eval()(um.zeros((1, 3)))
    layer.train()

    for function in (write, lambda x: layer(x[None])):

        def step(c: um.Tensor, x: um.Tensor, function: Any = function) -> Any:
            return c, um.vmap(function)(x)

        run = MODES[mode](lambda x, step=step: um.scan(step, um.zeros(()), x)[1])
        with pytest.raises(RuntimeError, match="a value for each example"):
            run(um.asarray(X[None]))
    assert parameter.tolist() == [0, 0, 0]
    assert layer.state_dict()["moving_mean"].tolist() == [0, 0, 0]


def test_random_numbers_in_a_scan_differ_from_step_to_step() -> None:
    dropout = um.Dropout(0.5)

    def step(x: um.Tensor) -> um.Tensor:
        return um.map(dropout, x)

    program, x = um.jit(step), um.ones((4, 50))
    first, second = program(x).numpy(), program(x).numpy()
    rows = {row.tobytes() for row in (*first, *second)}
    assert len(rows) == 8
    fresh = um.Dropout(0.5)
    wanted = [np.stack([fresh(row).numpy() for row in x]) for _ in range(2)]
    assert np.array_equal(wanted, [first, second])


@pytest.mark.parametrize(
    "function",
    [
        lambda draw, x: um.cond(um.sum(x) > 0, draw, lambda x: x, x),
        lambda draw, x: um.while_loop(lambda x: um.sum(x) < 9, draw, x),
    ],
)
@pytest.mark.parametrize("layer", [True, False])
def test_random_numbers_that_a_program_may_not_need_are_refused(
    function: Any, layer: bool
) -> None:
    dropout = um.Dropout(0.5)
    draw = dropout if layer else lambda x: x + um.random.normal(x.shape)
    with pytest.raises(um.TracedStateError, match="random numbers and steps of optimi"):
        um.jit(lambda x: function(draw, x))(um.ones((3,)))


def test_steps_of_optimizers_inside_are_refused() -> None:
    model = um.Dense(1, input_size=3)
    optimizer = um.SGD(model.parameters())

    def step(x: um.Tensor) -> um.Tensor:
        gradients = um.grad(lambda model: um.sum(model(x)))(model)
        optimizer.step(gradients)
        return x

    with pytest.raises(um.TracedStateError, match="take the step after"):
        um.jit(lambda x: um.cond(um.sum(x) > 0, step, lambda x: x, x))(um.ones((2, 3)))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: um.cond(um.sum(x) > 0, lambda: x * x, lambda: x),
        lambda x: um.while_loop(
            lambda y: um.sum(y) < 9, lambda y: y + x, x, max_steps=3
        ),
        lambda x: um.scan(lambda c, row: (c, row * x), 0, x)[1],
        lambda x: um.map(
            lambda row: um.cond(row > 0, lambda: row * row, lambda: row), x
        ),
    ],
)
def test_what_is_closed_over_is_passed_where_gradients_are_taken(function: Any) -> None:
    x = um.tensor([0.5, 1.5])
    close(um.jit(function)(x), function(x).numpy())
    um.grad(lambda x: um.sum(function(x)))(x)
    with pytest.raises(TypeError, match="pass it as an operand"):
        um.jit(um.grad(lambda x: um.sum(function(x))))(x)


def test_gradients_of_a_loop_without_bounds_are_refused_in_programs() -> None:
    def last(x: um.Tensor) -> um.Tensor:
        return um.sum(um.while_loop(lambda y: um.sum(y) < 50, lambda y: y * y + 1.0, x))

    close(um.jit(last)(um.ones((3,))), last(um.ones((3,))).numpy())
    um.grad(last)(um.ones((3,)))
    with pytest.raises(ValueError, match="max_steps"):
        um.jit(um.grad(last))(um.ones((3,)))


def test_more_steps_than_the_most_are_not_taken() -> None:
    def counted(x: um.Tensor) -> um.Tensor:
        return um.while_loop(lambda _: True, lambda n: n + 1, x, max_steps=4)

    assert counted(um.tensor(0)).item() == um.jit(counted)(um.tensor(0)).item() == 4


@pytest.mark.parametrize("mode", ["eager", "program"])
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: um.cond(x, um.sin, um.cos, x), TypeError, "float64 of shape"),
        (lambda x: um.cond(1, um.sin, um.cos, x), TypeError, "not int"),
        (lambda x: um.cond(x > 0, um.sin, um.cos, x), TypeError, "bool of shape"),
        (
            lambda x: um.while_loop(lambda x: um.sum(x) < 99, lambda x: x[0] * 90.0, x),
            TypeError,
            r"um.while_loop .* float64\[3\] and float64\[\]",
        ),
        (
            lambda x: um.while_loop(lambda x: x < 9, lambda x: x + 1, x),
            TypeError,
            "the condition of um.while_loop",
        ),
        (
            lambda x: um.while_loop(lambda x: True, um.sin, x, max_steps=0),
            ValueError,
            "max_steps",
        ),
        (
            lambda x: um.scan(lambda c, x: (c + 1.5, x), 0, x),
            TypeError,
            r"um.scan .* int64\[\] and float32\[\]",
        ),
        (lambda x: um.scan(lambda c, x: c, 0, x), TypeError, "a pair"),
        (lambda x: um.scan(lambda c, x: (c, "y"), 0, x), TypeError, "not str"),
        (lambda x: um.scan(lambda c, x: (c, c), 0), ValueError, "xs or length"),
        (
            lambda x: um.scan(lambda c, x: (c, c), 0, x, 4),
            ValueError,
            "length 4, tensor",
        ),
        (
            lambda x: um.scan(lambda c, x: (c, c), 0, x[:0]),
            ValueError,
            "one step at least",
        ),
        (lambda x: um.map(um.sin, x[0]), ValueError, "0-d"),
        (lambda x: um.map(3, x), TypeError, "um.map takes a function"),
    ],
)
def test_errors(function: Any, error: Any, message: str, mode: str) -> None:
    with pytest.raises(error, match=message):
        MODES[mode](function)(um.ones((3,), dtype="float64"))


def test_programs_refuse_results_that_differ() -> None:
    program = um.jit(lambda x: um.cond(um.sum(x) > 0, lambda x: x[0], lambda x: x, x))
    with pytest.raises(TypeError, match=r"um.cond .* float32\[\] and float32\[3\]"):
        program(um.ones((3,)))


@pytest.mark.parametrize("mode", ["eager", "program"])
def test_each_example_of_a_batch_decides_for_itself(mode: str) -> None:
    def decided(x: um.Tensor) -> um.Tensor:
        return um.cond(um.sum(x) > 0, lambda x: um.sin(x) * x, um.exp, x)

    def carried(x: um.Tensor) -> um.Tensor:
        return um.scan(lambda c, a: (c * a + 1.0, c), um.sum(x), x)[1]

    x = um.asarray(np.stack([X[0], -X[0], X[1]]))
    for function in (decided, carried):
        wanted = np.stack([function(row).numpy() for row in x])
        close(MODES[mode](um.vmap(function))(x), wanted)


def test_each_example_of_a_batch_loops_for_itself() -> None:
    def grown(x: um.Tensor) -> um.Tensor:
        return um.while_loop(lambda y: um.sum(y) < 20, lambda y: y * 2 + 1, x)

    x = um.asarray(np.stack([X[0], 3 * X[0], X[1] + 9]))
    close(um.vmap(grown)(x), np.stack([grown(row).numpy() for row in x]))
    with pytest.raises(um.TracedValueError):
        um.jit(um.vmap(grown))(x)


def test_backward_goes_through_python() -> None:
    x = um.tensor(X, requires_grad=True)
    um.sum(scanned(x) ** 2).backward()
    wanted = um.grad(lambda x: um.sum(scanned(x) ** 2))(um.asarray(X))
    assert x.grad is not None
    close(x.grad, wanted.numpy())


def test_gathers_from_results_have_gradients_in_programs(backend: str) -> None:
    """TensorFlow's are no tensors."""
    where = um.asarray([1, 0, 1])

    def scanned(x: um.Tensor) -> um.Tensor:
        return um.scan(lambda c, row: (um.tanh(c + row), c), um.zeros(4), x)[1]

    def chosen(x: um.Tensor) -> um.Tensor:
        return um.cond(um.sum(x) > 0, um.exp, um.tanh, x)

    def looped(x: um.Tensor) -> um.Tensor:
        return um.while_loop(lambda y: um.sum(y) < 50, lambda y: y * 2, x, max_steps=9)

    x = um.reshape(um.arange(1.0, 25.0) / 10, (6, 4))
    for run in (scanned, chosen, looped, lambda x: um.map(um.sin, x)):
        gradient = um.grad(lambda x, run=run: um.sum(um.take(run(x), where, axis=0)))
        np.testing.assert_array_equal(um.jit(gradient)(x).numpy(), gradient(x).numpy())
