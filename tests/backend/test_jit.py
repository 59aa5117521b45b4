"""Programs do what their functions do, and nothing else."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
import threading
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from tests.sums import close
from unifiedml._tree import map_tree

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = np.arange(8) % 4


def classifier(rate: float = 0.0) -> um.Sequential:
    um.random.seed(0)
    return um.Sequential(
        um.Dense(5, "tanh", input_size=3), um.Dropout(rate), um.Dense(4, input_size=5)
    )


def loss(model: um.Module, x: um.Tensor, y: um.Tensor) -> um.Tensor:
    return um.losses.sparse_categorical_crossentropy(y, model(x), from_logits=True)


def step(model: um.Module, optimizer: um.optim.Optimizer, x: Any, y: Any) -> um.Tensor:
    value, gradients = um.value_and_grad(loss)(model, x, y)
    optimizer.step(gradients)
    return value


def batch() -> tuple[um.Tensor, um.Tensor]:
    return um.asarray(X), um.asarray(Y)


# --- functions of tensors -----------------------------------------------------------


def test_structures_go_in_and_come_out(backend: str) -> None:
    @um.jit
    def f(pair: Any, *, options: dict[str, Any]) -> dict[str, Any]:
        a, (b, scale) = pair
        return {"sum": a + b * scale, "rest": [options["c"], None, "text", scale]}

    x = um.asarray(X)
    for scale in (2, 3):
        found = f((x, (x, scale)), options={"c": X, "unused": "word"})
        close(found["sum"], X * (1 + scale))
        assert found["rest"][1:] == [None, "text", scale]
        np.testing.assert_array_equal(found["rest"][0].numpy(), X)
        assert found["sum"].backend == backend


def test_it_is_traced_once_for_each_kind_of_call(backend: str) -> None:
    traced = []

    @um.jit
    def f(x: um.Tensor, number: float = 1.0) -> um.Tensor:
        traced.append(x.shape)
        return x * number

    x = um.asarray(X)
    for _ in range(3):
        f(x)
    assert len(traced) == 1
    f(x[:4])
    f(x.astype("float64"))
    f(x, 2.0)
    f(x, 0.0)
    f(x, -0.0)
    assert len(traced) == 6
    assert np.signbit(f(um.asarray(np.ones(1, "float32")), -0.0).numpy()).all()


@dataclasses.dataclass(frozen=True)
class Scale:
    by: float


STATIC: list[tuple[Any, Any]] = [
    (np.float32(0.0), np.float32(-0.0)),
    (Scale(1), Scale(1.0)),
    (Scale(0.0), Scale(-0.0)),
    (frozenset([1]), frozenset([1.0])),
    ({1: 2.0}, {1.0: 2.0}),
    ((1, True), (1, 1)),
    (Scale((1,)), Scale((1.0,))),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("one", "other"), STATIC, ids=str)
def test_equal_values_that_compute_other_things_are_apart(
    backend: str, one: Any, other: Any
) -> None:
    seen = []
    f = um.jit(lambda x, value: (seen.append(value), x)[1])
    for _ in range(2):
        f(um.ones(1), one)
        f(um.ones(1), other)
    assert [repr(value) for value in seen] == [repr(one), repr(other)]


def test_sizes_that_a_function_returns_are_numbers(backend: str) -> None:
    f = um.jit(lambda x: (x, x.shape[0], x.size), dynamic=True)
    for size in (7, 15, 6, 9, 8):
        found = f(um.ones((size, 2)))
        assert found[1:] == (size, 2 * size)
        assert [type(one) for one in found[1:]] == [int, int]


def test_one_tensor_given_twice_is_two_inputs(backend: str) -> None:
    f = um.jit(um.subtract)
    x, y = um.asarray([1.0, 2.0]), um.asarray([5.0, 7.0])
    assert f(x, x).tolist() == [0.0, 0.0]
    assert f(x, y).tolist() == [-4.0, -5.0]


def test_a_tensor_that_is_closed_over_is_a_constant(backend: str) -> None:
    weights = um.asarray([1.0, 2.0])
    f = um.jit(lambda x: x * weights)
    assert f(um.asarray([1.0, 1.0])).tolist() == [1.0, 2.0]
    assert f(um.asarray([3.0, 3.0])).tolist() == [3.0, 6.0]


def test_retracing_again_and_again_is_told_with_the_reason(backend: str) -> None:
    f = um.jit(lambda x, number: x * number)
    x = um.asarray(X)
    for number in range(7):
        f(x, number)
    with pytest.warns(UserWarning, match=r"traced 8 times.*from .*6.* to .*7"):
        f(x, 7)


def test_what_cannot_be_hashed_is_refused(backend: str) -> None:
    with pytest.raises(TypeError, match="can be hashed, not set"):
        um.jit(lambda x, y: x)(um.ones(2), {1})
    with pytest.raises(TypeError, match="takes a function, not int"):
        um.jit(3)  # type: ignore[call-overload]


def test_the_program_can_be_read(backend: str) -> None:
    text = um.jit(um.matmul).lower(um.asarray(X), um.asarray(X.T)).text()
    assert "mm(x0, x1)" in text or "MatMul(natives_0:0, natives_1:0)" in text
    assert len(text.splitlines()) < 10


# --- values that are not there yet --------------------------------------------------


def branching(x: um.Tensor) -> um.Tensor:
    if x[0, 0] > 0:
        return x
    return -x


VALUES = {
    "if": branching,
    "float": lambda x: x * float(x[0, 0]),
    "int": lambda x: x[int(x.sum())],
    "numpy": lambda x: x + x.numpy(),
    "tolist": lambda x: x.tolist(),
    "nonzero": lambda x: um.nonzero(x > 0)[0],
    "unique": lambda x: um.unique_values(x),
    "mask": lambda x: x[x > 0],
}


@pytest.mark.parametrize("name", VALUES)
def test_who_needs_values_is_told_where(backend: str, name: str) -> None:
    with pytest.raises(um.TracedValueError) as caught:
        um.jit(VALUES[name])(um.asarray(X))
    assert "test_jit.py" in str(caught.value)


def test_the_line_is_shown(backend: str) -> None:
    with pytest.raises(um.TracedValueError, match=r"`if x\[0, 0\] > 0:`"):
        um.jit(branching)(um.asarray(X))


def test_a_tensor_of_a_program_can_be_printed(backend: str) -> None:
    seen = []
    um.jit(lambda x: seen.append(repr(x)))(um.asarray(X))
    assert seen[0].startswith("Tensor(of a program, shape=(8, 3), dtype=float32")


# --- with gradients, other programs, threads ----------------------------------------


def cube(x: um.Tensor) -> um.Tensor:
    return um.sum(x**3)


def test_gradients_in_programs_and_of_programs(backend: str) -> None:
    x = um.asarray([1.0, -2.0])
    for f in (
        um.jit(um.grad(cube)),
        um.grad(um.jit(cube)),
        um.jit(um.grad(um.jit(cube))),
    ):
        close(f(x), [3.0, 12.0])
    second = um.jit(um.grad(lambda x: um.sum(um.grad(cube)(x) ** 2)))
    close(second(x), [36.0, -288.0])


def test_tapes_in_programs_and_around(backend: str) -> None:
    def taped(x: um.Tensor) -> um.Tensor:
        with um.GradientTape() as tape:
            tape.watch(x)
            y = um.jit(cube)(x)
        return tape.gradient(y, x)

    x = um.asarray([1.0, -2.0])
    close(taped(x), [3.0, 12.0])
    close(um.jit(taped)(x), [3.0, 12.0])


def test_history_goes_through_a_jitted_function(backend: str) -> None:
    x = um.tensor([1.0, -2.0], requires_grad=True)
    um.jit(cube)(x).backward()
    assert x.grad is not None
    close(x.grad, [3.0, 12.0])


def test_a_method_and_a_model(backend: str) -> None:
    class Scale(um.Module):
        def __init__(self) -> None:
            self.factor = um.nn.Parameter(2.0)

        @um.jit
        def forward(self, x: um.Tensor) -> um.Tensor:
            return x * self.factor

    model = Scale()
    assert model(um.ones(2)).tolist() == [2.0, 2.0]
    assert um.jit(model)(um.ones(2)).tolist() == [2.0, 2.0]
    model.factor.assign(3.0)
    assert model(um.ones(2)).tolist() == [3.0, 3.0]


def test_graphs_go_through(backend: str) -> None:
    assert "power" in str(um.graph(um.jit(cube))(um.asarray([1.0, 2.0])))


def test_threads_share_a_function(backend: str) -> None:
    f = um.jit(lambda x: um.sum(x * 2.0))
    inputs = [um.ones(n % 3 + 1) for n in range(24)]
    found: dict[int, float] = {}

    def work(number: int) -> None:
        found[number] = float(f(inputs[number]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: 2.0 * (n % 3 + 1) for n in range(24)}


def test_threads_draw_with_their_own_keys(backend: str) -> None:
    f = um.jit(lambda a, b: [um.random.normal((3,), key=key) for key in (a, b)])
    root, wrong = um.random.key(0), []
    expected = {
        n: um.random.normal((3,), key=um.random.fold_in(root, n)).tolist()
        for n in range(80)
    }

    def work(start: int) -> None:
        for n in range(start, start + 20, 2):
            found = f(*(um.random.fold_in(root, one) for one in (n, n + 1)))
            if [x.tolist() for x in found] != [expected[n], expected[n + 1]]:
                wrong.append(n)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(8):
            threads = [threading.Thread(target=work, args=(20 * n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_models_with_programs_can_be_copied(backend: str) -> None:
    model = classifier(0.5)
    model.compile("adam", partial(um.losses.sparse_categorical_crossentropy))
    model.fit(X, Y, verbose=False)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        before = model.state_dict()
        other.fit(X, Y, verbose=False)
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, before[name])


def test_a_model_that_needs_values_runs_op_by_op_with_a_notice(backend: str) -> None:
    class Branch(um.Module):
        def __init__(self) -> None:
            self.w = um.nn.Parameter(1.0)

        def forward(self, x: um.Tensor) -> um.Tensor:
            return x * self.w if float(um.sum(x)) > 0 else x - self.w

    model = Branch()
    model.compile("sgd", "mean_squared_error")
    with pytest.warns(UserWarning, match="runs op by op"):
        model.fit(X, X, verbose=False)
    with pytest.warns(UserWarning, match="runs op by op"):
        assert model.predict(X).shape == X.shape


# --- compilers ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_the_compilers_program_does_the_same(backend: str, rate: float) -> None:
    runs = []
    for f in (step, um.jit(step, compiler=True)):
        model = classifier(rate)
        optimizer = um.AdamW(model.parameters())
        losses = [float(f(model, optimizer, *batch())) for _ in range(6)]
        runs.append((np.asarray(losses, "float32"), model.state_dict()))
    close(runs[0][0], runs[1][0], length=6 * 64)
    for key, value in runs[0][1].items():
        close(value, runs[1][1][key], length=6 * 64)


def test_what_the_compiler_lacks_runs_without(backend: str) -> None:
    x = um.asarray([[1.0, 2.0], [3.0, 4.0]])
    f = um.jit(lambda x: um.linalg.slogdet(x).logabsdet, compiler=True)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", UserWarning)
        found = [float(f(x)), float(f(x))]
    notices = [str(one.message) for one in seen if "has no kernel" in str(one.message)]
    assert len(notices) == (backend == "tensorflow"), notices
    assert all("LogMatrixDeterminant" in notice for notice in notices)
    close(np.asarray(found, "float32"), np.log(np.full(2, 2, "float32")))


def test_a_last_small_batch_does_not_wait_for_the_compiler(backend: str) -> None:
    f = um.jit(lambda x: x * 2.0, compiler=True)
    f(um.ones(4))
    for _ in range(5):
        f(um.ones(3))
    (first,), (last,) = f._programs.values()
    assert (first.compiled, last.compiled) == (True, False)


def test_calls_that_work_in_place_do_not_take_names_from_others(backend: str) -> None:
    # The gradient of `maximum` fills a mask in place on PyTorch.
    x, y = um.tensor([1.0, 2.0, 5.0]), um.tensor([1.0, 3.0, 4.0])
    both = um.grad(lambda x, y: um.sum(um.maximum(x, y) * 3.0), (0, 1))
    assert [g.tolist() for g in um.jit(both)(x, y)] == [[1.5, 0, 3], [1.5, 3, 0]]


def test_errors_in_values_are_those_of_the_operation(backend: str) -> None:
    take = um.jit(lambda x, i: um.take(x, i))
    x = um.tensor([1.0, 2.0])
    assert take(x, um.tensor([1, 0])).tolist() == [2, 1]
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        take(x, um.tensor([1, 7]))  # as it runs
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        um.jit(lambda x, i: um.take(x, i))(x, um.tensor([1, 7]))  # as it is traced
    # Where nothing is compiled, too: XLA itself would clamp the index.
    compiled = um.jit(lambda x, i: um.take(x, i), compiler=True)
    assert compiled(x, um.tensor([1, 0])).tolist() == [2, 1]
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        compiled(x, um.tensor([1, 7]))
    inverse = um.jit(um.linalg.inv)
    assert inverse(um.tensor([[2.0]])).tolist() == [[0.5]]
    with pytest.raises(np.linalg.LinAlgError, match="inv: a matrix is singular"):
        inverse(um.tensor([[0.0]]))
    with pytest.raises(np.linalg.LinAlgError, match="svd needs finite numbers"):
        um.jit(um.linalg.svd)(um.tensor([[um.nan]]))


@pytest.mark.parametrize("compiler", [False, True])
def test_a_step_that_raises_changes_nothing(backend: str, compiler: bool) -> None:
    x = um.asarray(np.arange(6.0, dtype="float32").reshape(2, 3))

    def step(model: Any, optimizer: Any, y: um.Tensor) -> um.Tensor:
        def loss(model: Any) -> um.Tensor:
            return um.mean(
                um.losses.sparse_categorical_crossentropy(y, model(x), from_logits=True)
            )

        value, gradients = um.value_and_grad(loss)(model)
        optimizer.step(gradients)
        return value

    def trained(*labels: int) -> Any:
        um.random.seed(0)
        model = um.Sequential([um.Dense(4), um.nn.BatchNorm(), um.Dense(2)])
        model(x)
        optimizer = um.Adam(model.parameters(), learning_rate=0.1)
        run = um.jit(step, compiler=compiler)
        for label in labels:
            if label < 2:
                run(model, optimizer, um.tensor([1, label]))
            else:
                with pytest.raises(IndexError, match=f"label {label} is out of range"):
                    run(model, optimizer, um.tensor([1, label]))
        state = [model.state_dict(), optimizer.state_dict()]
        return map_tree(lambda part: np.asarray(part).tolist(), state)

    assert trained(0, 5, 1, 7) == trained(0, 1)
    assert trained(0, 1) != trained(0)


def test_an_index_out_of_one_of_several_bounds(backend: str) -> None:
    x = um.reshape(um.arange(6), (2, 3))
    element = um.jit(lambda x, i, j: x[i, j])
    i, j = um.tensor([0, 1]), um.tensor([2, -1])
    assert element(x, i, j).tolist() == [2, 5]
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 1"):
        element(x, i, um.tensor([3, 0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compilers_keep_quotients_and_remainders(backend: str, dtype: str) -> None:
    numbers = [0.0, -0.0, 1, -1, 0.1, -0.3, 6, -7.5, 1e30, 3e38, 1e-38, um.inf, um.nan]
    x, y = np.meshgrid(np.asarray(numbers, dtype), -np.asarray(numbers, dtype))

    def both(x: um.Tensor, y: um.Tensor) -> tuple[um.Tensor, um.Tensor]:
        return x // y, x % y

    expected = both(um.asarray(x), um.asarray(y))
    found = um.jit(both, compiler=True)(um.asarray(x), um.asarray(y))
    for actual, one in zip(found, expected, strict=True):
        actual, one = np.asarray(actual), np.asarray(one)
        np.testing.assert_array_equal(actual, one)
        known = ~np.isnan(one)
        assert (np.signbit(actual) == np.signbit(one))[known].all()


def test_compilers_keep_nan_in_maxima(backend: str) -> None:
    x = um.tensor([[1.0, um.nan], [um.nan, 2.0]])
    found = um.jit(lambda x: (um.max(x, axis=1), um.clip(x, 0.0, 1.5)), compiler=True)
    largest, clipped = found(x)
    assert um.all(um.isnan(largest))
    assert um.isnan(clipped).tolist() == [[False, True], [True, False]]
