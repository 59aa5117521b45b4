"""Programs read, change and train parameters, and draw random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from tests.sums import close

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


# --- state --------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "adamax"])
def test_a_training_step_is_the_eager_one(backend: str, name: str, rate: float) -> None:
    runs = []
    for f in (step, um.jit(step)):
        model = classifier(rate)
        optimizer = um.optim.get(name)
        optimizer.bind(model.parameters())
        losses = []
        for number in range(6):
            if number == 3:
                optimizer.learning_rate *= 0.5
            losses.append(float(f(model, optimizer, *batch())))
        assert optimizer.iterations == 6
        runs.append((np.asarray(losses, "float32"), model.state_dict()))
    # Six steps, each as far off as one: the map from step to step is smooth.
    close(runs[0][0], runs[1][0], length=6 * 64)
    for key, value in runs[0][1].items():
        close(value, runs[1][1][key], length=6 * 64)


def test_values_that_were_read_before_stay(backend: str) -> None:
    model, f = classifier(), um.jit(step)
    optimizer = um.Adam(model.parameters(), learning_rate=0.1)
    kernel = model.layers[0].kernel
    for _ in range(3):
        before, shown = kernel.detach(), kernel.numpy()
        view, kept = kernel.T, kernel[0]
        f(model, optimizer, *batch())
        np.testing.assert_array_equal(before.numpy(), shown)
        np.testing.assert_array_equal(view.numpy(), shown.T)
        np.testing.assert_array_equal(kept.numpy(), shown[0])
        assert (kernel.numpy() != shown).any()


def test_results_do_not_share_memory_with_parameters(backend: str) -> None:
    w = um.nn.Parameter(um.ones(2))

    @um.jit
    def f(x: um.Tensor) -> tuple[um.Tensor, um.Tensor]:
        old = w.detach()
        w.assign(w + x)
        return old, w.reshape(2, 1)

    first = f(um.ones(2))
    second = f(um.ones(2))
    assert [x.reshape(-1).tolist() for x in first] == [[1.0, 1.0], [2.0, 2.0]]
    assert [x.reshape(-1).tolist() for x in second] == [[2.0, 2.0], [3.0, 3.0]]
    assert w.tolist() == [3.0, 3.0]


def test_parameters_can_change_places(backend: str) -> None:
    a, b = um.nn.Parameter(um.zeros(2)), um.nn.Parameter(um.ones(2))

    @um.jit
    def swap() -> None:
        old = a.detach()
        a.assign(b)
        b.assign(old)

    with um.use_backend(backend):
        swap()
        assert (a.tolist(), b.tolist()) == ([1.0, 1.0], [0.0, 0.0])
        swap()
        assert (a.tolist(), b.tolist()) == ([0.0, 0.0], [1.0, 1.0])


def test_a_value_that_is_read_after_the_step_is_the_new_one(backend: str) -> None:
    @um.jit
    def f(model: um.Module, optimizer: um.Adam, x: Any, y: Any) -> um.Tensor:
        step(model, optimizer, x, y)
        step(model, optimizer, x, y)
        return loss(model, x, y)

    model, other = classifier(), classifier()
    optimizer = um.Adam(model.parameters())
    plain = um.Adam(other.parameters())
    for _ in range(2):
        found = f(model, optimizer, *batch())
        step(other, plain, *batch())
        step(other, plain, *batch())
        close(found, loss(other, *batch()).detach(), length=4 * 64)
    assert optimizer.iterations == 4


def test_eager_and_programs_take_turns(backend: str) -> None:
    model, other, f = classifier(0.5), classifier(0.5), um.jit(step)
    optimizer, plain = um.Adam(model.parameters()), um.Adam(other.parameters())
    for number in range(6):
        g = f if number % 2 else step
        found = g(model, optimizer, *batch())
        close(found, step(other, plain, *batch()), length=6 * 64)
    saved, state = model.state_dict(), optimizer.state_dict()
    ahead = [float(f(model, optimizer, *batch())) for _ in range(2)]
    model.load_state_dict(saved)
    optimizer.load_state_dict(state)
    assert [float(f(model, optimizer, *batch())) for _ in range(2)] == ahead


def test_modes_and_what_is_trained_are_noticed(backend: str) -> None:
    model, f = classifier(0.5), um.jit(lambda model, x: model(x))
    x, _ = batch()
    training = f(model, x).numpy()
    model.eval()
    evaluated = f(model, x).numpy()
    close(evaluated, model(x).detach())
    assert (training != evaluated).any()
    model.layers[0].kernel.trainable = False
    optimizer = um.SGD(model.parameters(), learning_rate=0.5)
    g = um.jit(step)
    before = model.state_dict()
    g(model, optimizer, *batch())
    assert (model.state_dict()["layers.0.kernel"] == before["layers.0.kernel"]).all()
    model.layers[0].kernel.trainable = True
    g(model, optimizer, *batch())
    assert (model.state_dict()["layers.0.kernel"] != before["layers.0.kernel"]).any()


def test_a_layer_that_is_replaced_is_noticed(backend: str) -> None:
    model, f = classifier(), um.jit(lambda model, x: model(x))
    x, _ = batch()
    f(model, x)
    model.layers[2] = um.Dense(2, input_size=5)
    model.layers = model.layers
    assert f(model, x).shape == (8, 2)


def test_statistics_of_batches_move_on(backend: str) -> None:
    runs = []
    for make in (lambda f: f, um.jit):
        layer = um.nn.BatchNorm()
        f = make(lambda layer, x: layer(x))
        for number in range(3):
            f(layer, um.asarray(X + number))
        runs.append(layer.state_dict())
    for name, value in runs[0].items():
        close(value, runs[1][name])


def test_layers_of_unknown_size_are_made(backend: str) -> None:
    model = um.Sequential(um.nn.Conv2D(3, 2), um.nn.BatchNorm(), um.Flatten())
    model = um.Sequential(model, um.Dense(2))
    x = um.asarray(np.ones((2, 4, 4, 1), "float32"))
    assert um.jit(lambda model, x: model(x))(model, x).shape == (2, 2)
    assert np.isfinite(model(x).numpy()).all()


def test_a_model_that_moves_is_traced_anew(backend: str) -> None:
    other = next(name for name in um.available_backends() if name != backend)
    model, f = classifier().eval(), um.jit(lambda model, x: model(x))
    x, _ = batch()
    found = f(model, x).numpy()
    model.to_backend(other)
    moved = f(model, x.to_backend(other))
    assert moved.backend == other
    close(moved.numpy(), found)


def test_an_error_leaves_everything_as_it_was(backend: str) -> None:
    model, f = classifier(), um.jit(step)
    optimizer = um.Adam(model.parameters())
    x, y = batch()
    f(model, optimizer, x, y)
    before, state = model.state_dict(), optimizer.state_dict()
    messages = []
    for g in (step, f):
        with pytest.raises(IndexError, match="label") as caught:
            g(model, optimizer, x, y + 7)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert optimizer.iterations == state["iterations"]
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# --- random numbers -----------------------------------------------------------------


def draw(key: um.random.Key) -> list[um.Tensor]:
    first, second = um.random.split(key)
    return [
        um.random.normal((3,), key=first),
        um.random.uniform((3,), key=um.random.fold_in(second, 5), draw=2),
        um.random.permutation(5, key=key),
    ]


def test_keys_are_given_anew(backend: str) -> None:
    f = um.jit(draw)
    for seed in (1, 2):
        key = um.random.key(seed)
        for found, expected in zip(f(key), draw(key), strict=True):
            np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_the_stream_of_the_run_goes_on(backend: str) -> None:
    def f(x: um.Tensor) -> um.Tensor:
        return x + um.random.uniform((3,)) + um.random.normal((3,))

    x = um.zeros(3)
    um.random.seed(3)
    expected = [f(x).numpy() for _ in range(3)]
    um.random.seed(3)
    jitted = um.jit(f)
    for one in expected:
        np.testing.assert_array_equal(jitted(x).numpy(), one)
    um.random.seed(3)
    np.testing.assert_array_equal(jitted(x).numpy(), expected[0])


def test_dropout_is_that_of_the_seed(backend: str) -> None:
    layer = um.Dropout(0.5)
    f = um.jit(lambda layer, x: layer(x) + 2 * layer(x))
    x = um.ones(64)
    for seed in (0, 1):
        um.random.seed(seed)
        layer.draws.assign(0)
        found = [f(layer, x).numpy() for _ in range(2)]
        layer.draws.assign(0)
        for one in found:
            np.testing.assert_array_equal((layer(x) + 2 * layer(x)).numpy(), one)
        assert int(layer.draws) == 4


# --- what would outlive the program ---------------------------------------------------


@pytest.mark.parametrize(
    ("what", "done"),
    [
        ("a parameter or buffer is made", lambda _: um.nn.Parameter([1.0])),
        ("a parameter or buffer is made", lambda _: um.nn.Dropout(0.5)),
        ("the seed is set", lambda _: um.random.seed(3)),
        (
            "the learning rate is set",
            lambda optimizer: setattr(optimizer, "learning_rate", 0.5),
        ),
    ],
)
def test_what_a_program_would_not_do_again_is_refused(
    backend: str, what: str, done: Callable[[Any], object]
) -> None:
    optimizer = um.SGD([um.nn.Parameter([1.0])], learning_rate=0.1)

    @um.jit
    def program(x: um.Tensor) -> um.Tensor:
        done(optimizer)
        return x + 1

    with pytest.raises(um.TracedStateError, match=f"{what} while um.jit traces"):
        program(um.zeros(2))
    assert optimizer.learning_rate == 0.1
    done(optimizer)  # which is allowed outside
