"""One program for arguments of all sizes, from three that were traced."""

from __future__ import annotations

import gc
import operator
import pickle
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, Final

import numpy as np
import pytest

import unifiedml as um
from tests.sums import close, values
from unifiedml._backend.sizes import ChangedError, Number, are_alike, number_of
from unifiedml._tree import leaves

SIZES: Final = [7, 15, 6, 9, 12, 8, 14, 10, 11]
"""The first three are traced, or the next ones, too, if a size meets another number."""


def tensors(tree: Any) -> list[um.Tensor]:
    return [leaf for leaf in leaves(tree) if isinstance(leaf, um.Tensor)]


def agree(f: Callable[..., Any], *shape: Any, traces: int | None = 3) -> None:
    """Compare a function of one tensor with itself as a program, at all sizes."""
    general = um.jit(f, dynamic=True)
    for size in SIZES:
        x = values(*(size if one is None else one for one in shape))
        found, expected = tensors(general(x)), tensors(f(x))
        assert len(found) == len(expected)
        for actual, one in zip(found, expected, strict=True):
            assert actual.shape == one.shape
            assert actual.dtype == one.dtype
            if one.dtype.kind == "float":
                close(actual, one.numpy(), length=256)
            else:
                np.testing.assert_array_equal(actual.numpy(), one.numpy())
    if traces is not None:
        assert general.traces == traces


# --- operations -----------------------------------------------------------------------

W: Final = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)

FUNCTIONS: Final[dict[str, Callable[[um.Tensor], Any]]] = {
    "arithmetic": lambda x: (x + 1) * x / (x**2 + 1) - um.exp(-x),
    "matmul": lambda x: x @ um.asarray(W),
    "gram": lambda x: (x @ x.T, x.T @ x),
    "reductions": lambda x: [
        f(x, axis=axis)
        for f in (um.sum, um.mean, um.max, um.std, um.any, um.argmax)
        for axis in (None, 0, 1)
    ],
    "product": lambda x: um.prod(x, axis=0),
    "variance": lambda x: um.var(x, axis=0, correction=1),
    "norms": lambda x: (um.linalg.vector_norm(x), um.linalg.matrix_norm(x)),
    "softmax": lambda x: (um.softmax(x, axis=0), um.log_softmax(x, axis=-1)),
    "logsumexp": lambda x: um.logsumexp(x, axis=0),
    "shapes": lambda x: (
        um.reshape(x, (-1,)),
        um.reshape(x, (x.shape[0], 2, 2)),
        um.reshape(x, (x.shape[0] * 4,)),
        um.permute_dims(x, (1, 0)),
        x[None, :, None],
        um.squeeze(x[:, None], axis=1),
    ),
    "slices": lambda x: (x[1:], x[:-1], x[::-1], x[0], x[-1], x[:, 1:3], x[:2]),
    "differences": lambda x: x[1:] - x[:-1],
    "joined": lambda x: (um.concat([x, x[:2]]), um.stack([x, x]), um.tile(x, (2, 1))),
    "padded": lambda x: um.pad(x, ((1, 2), (0, 1))),
    "rolled": lambda x: (um.roll(x, 1, axis=0), um.flip(x, axis=0)),
    "places": lambda x: um.arange(x.shape[0]) + um.zeros(x.shape[0], dtype="int64"),
    "grid": lambda x: um.linspace(0.0, 1.0, x.shape[0]) * um.ones(x.shape[:1]),
    "mask": lambda x: um.where(um.tril(um.ones((x.shape[0],) * 2)) > 0, x @ x.T, 0.0),
    "triangles": lambda x: (um.tril(x @ x.T), um.triu(x @ x.T, k=1)),
    "broadcast": lambda x: um.broadcast_to(x[:, :1], x.shape) + x[0],
    "sums": lambda x: (um.cumulative_sum(x, axis=0), um.cumulative_prod(x, axis=1)),
    "sorted": lambda x: (um.sort(x, axis=0), um.argsort(x, axis=0), um.topk(x, 2)),
    "taken": lambda x: um.take(x, um.asarray([2, 0, 1]), axis=0),
    "scattered": lambda x: x.at[um.asarray([0, 2])].add(1.0),
    "one hot": lambda x: um.one_hot(um.argmax(x, axis=1), 4),
    "divided by a size": lambda x: um.sum(x, axis=0) / x.shape[0],
    "times sizes": lambda x: x * x.shape[0] + x.size,
    "einsum": lambda x: um.einsum("ij,kj->ik", x, x),
    "solved": lambda x: um.linalg.solve(x.T @ x + 10.0 * um.eye(4), x.T),
    "gradient": um.grad(lambda x: um.mean(um.tanh(x @ um.asarray(W)) ** 2)),
    "second": um.grad(
        lambda x: um.sum(um.grad(lambda x: um.mean(um.sin(x) ** 2))(x) ** 2)
    ),
    "forward": lambda x: um.jvp(lambda x: um.softmax(x, axis=0), (x,), (x * 2,))[1],
    "each": um.vmap(um.grad(lambda row: um.sum(row**3))),
}


APART: Final = {
    "grid": "steps are fractions of the size",
    "variance": "a fraction of the size",
    "product": "halves again and again, so that gradients are exact at zeros",
}
"""What has a program for each size, and why."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_operations(backend: str, name: str) -> None:
    apart = name in APART and (name != "product" or backend == "tensorflow")
    agree(FUNCTIONS[name], None, 4, traces=6 if apart else 3)


LAYERS: Final[dict[str, tuple[Callable[[], um.Module], tuple[Any, ...]]]] = {
    "dense": (lambda: um.Dense(3, "gelu"), (None, 4)),
    "normalized": (
        lambda: um.Sequential(um.nn.LayerNorm(), um.nn.GroupNorm(2)),
        (None, 4),
    ),
    "batch": (lambda: um.nn.BatchNorm(), (None, 4)),
    "convolution": (
        lambda: um.Sequential(
            um.nn.Conv2D(2, 3, activation="relu"), um.nn.MaxPool2D(2), um.Flatten()
        ),
        (None, 8, 8, 2),
    ),
    "attention": (lambda: Attention(), (2, None, 4)),
    "examples": (lambda: um.nn.LSTM(3), (None, 5, 4)),
}


class Attention(um.Module):
    def __init__(self) -> None:
        self.attention = um.nn.MultiHeadAttention(2, 4)
        self.norm = um.nn.LayerNorm()

    def forward(self, x: um.Tensor) -> um.Tensor:
        return self.norm(x + self.attention(x, x))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_their_gradients(backend: str, name: str) -> None:
    make, shape = LAYERS[name]
    layer = make().eval()
    layer(values(*(3 if one is None else one for one in shape)))

    def run(x: um.Tensor) -> Any:
        inner = um.value_and_grad(lambda layer, x: um.mean(layer(x) ** 2), (0, 1))
        return inner(layer, x)

    # TensorFlow's pooling has a branch of its own, with sizes inside.
    apart = name == "convolution" and backend == "tensorflow"
    agree(run, *shape, traces=6 if apart else None if name == "examples" else 3)


# --- training -------------------------------------------------------------------------


def model() -> um.Sequential:
    um.random.seed(0)
    made = um.Sequential(
        um.Dense(6, "tanh", input_size=4),
        um.nn.BatchNorm(),
        um.Dropout(0.4),
        um.Dense(3, input_size=6),
    )
    made(um.ones((2, 4)))
    return made


def step(model: um.Module, optimizer: Any, x: um.Tensor, y: um.Tensor) -> um.Tensor:
    def loss(model: um.Module) -> um.Tensor:
        logits = model(x)
        return um.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)

    value, gradients = um.value_and_grad(loss)(model)
    optimizer.step(gradients)
    return value


@pytest.mark.parametrize("rule", ["SGD", "Adam", "RMSprop"])
def test_steps_are_those_of_programs_for_each_size(backend: str, rule: str) -> None:
    runs = []
    for f in (um.jit(step, dynamic=True), um.jit(step)):
        made = model()
        optimizer = getattr(um, rule, None) or getattr(um.optim, rule)
        optimizer = optimizer(made.parameters(), learning_rate=0.05)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            losses = [
                float(f(made, optimizer, values(n, 4), um.arange(n) % 3))
                for n in [*SIZES, *SIZES]
            ]
        runs.append((losses, {k: v.tolist() for k, v in made.state_dict().items()}))
        counts = optimizer.iterations, f.traces
        assert counts == (2 * len(SIZES), len(SIZES) if len(runs) == 2 else counts[1])
        assert counts[1] == len(SIZES) or counts[1] <= 5
    assert runs[0] == runs[1]


def test_fit_takes_sentences_of_all_lengths(backend: str) -> None:
    rng = np.random.default_rng(0)
    lengths = [int(n) for n in rng.integers(3, 60, 40)]
    batches = [(rng.integers(0, 20, (8, n)), rng.integers(0, 3, 8)) for n in lengths]

    class Reader(um.Module):
        def __init__(self) -> None:
            self.embedding = um.nn.Embedding(20, 8)
            self.attention = um.nn.MultiHeadAttention(2, 4)
            self.dropout = um.Dropout(0.1)
            self.out = um.Dense(3)

        def forward(self, x: um.Tensor) -> um.Tensor:
            places = um.arange(x.shape[1]) / 60
            h = self.embedding(x) + um.cos(places)[:, None]
            return self.out(um.mean(self.dropout(h + self.attention(h, h)), axis=1))

    histories = []
    for eager in (True, False):
        um.random.seed(0)
        reader = Reader()
        loss = partial(um.losses.sparse_categorical_crossentropy, from_logits=True)
        reader.compile("sgd", loss, run_eagerly=eager)
        histories.append(reader.fit(batches, epochs=2, verbose=False).steps)
        if not eager:
            trainer = reader._trainer
            assert trainer is not None
            jitted = trainer._train._jitted
            assert jitted is not None
            # Three, and where a length lies outside of those seen before.
            assert jitted.traces <= 3 + 8
            assert reader.predict(batches[0][0]).shape == (8, 3)
    close(
        np.asarray(histories[1], "float32"), np.asarray(histories[0], "float32"), 4096
    )


def test_steps_that_are_traced_again_and_again_are_told(backend: str) -> None:
    class Counting(um.Module):
        def __init__(self) -> None:
            self.weight = um.nn.Parameter(1.0)

        def forward(self, x: um.Tensor) -> um.Tensor:
            return x * self.weight / len(x)

    model = Counting()
    model.compile("sgd", "mse")
    batches = [(np.ones((n, 1), "float32"),) * 2 for n in range(2, 12)]
    with pytest.warns(UserWarning, match="a step of the model has been traced 8 times"):
        model.fit(batches, verbose=False)


def test_random_numbers_of_all_sizes(backend: str) -> None:
    key = um.random.key(3)

    def drawn(x: um.Tensor, key: um.random.Key) -> Any:
        inner = um.random.fold_in(key, 5)
        return um.random.normal(x.shape, key=key), um.random.uniform(x.shape, key=inner)

    f = um.jit(drawn, dynamic=True)
    for number, size in enumerate(SIZES):
        one = um.random.fold_in(key, number)
        for found, expected in zip(
            f(values(size), one), drawn(values(size), one), strict=True
        ):
            np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert f.traces == 3

    def chosen(x: um.Tensor, key: um.random.Key) -> um.Tensor:
        # What is drawn depends on the size, but not on how many are drawn.
        return um.random.randint((50,), low=0, high=x.shape[0], key=key)

    f = um.jit(chosen, dynamic=True)
    for size in SIZES:
        found, expected = f(values(size), key), chosen(values(size), key)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


# --- numbers --------------------------------------------------------------------------


def test_numbers_are_polynomials_that_three_values_confirm() -> None:
    sizes = [4, 3, 11]
    for function in (
        lambda n: n,
        lambda n: 64 * n - 3,
        lambda n: n * n,
        lambda n: n * (n - 1),
        lambda n: 2 * n * n + 5,
        lambda n: 3.0 * n,
    ):
        number = number_of([function(n) for n in sizes], sizes)
        assert [number.at(n) for n in range(9)] == [function(n) for n in range(9)]
        assert type(number.at(2)) is type(function(2))
    half = number_of([3, 4, 5], [6, 8, 10])
    assert half.at(20) == 10
    with pytest.raises(ChangedError):
        half.at(7)
    for samples in ([1, 2, 3], [2.5, 2.0, 6.0], [True, 3, 11], [1, 1, 2]):
        with pytest.raises(ChangedError):
            number_of(samples, sizes)
    assert Number(Fraction(0), Fraction(1), Fraction(0)) != Number(
        Fraction(0), Fraction(1), Fraction(0), float
    )


def test_numbers_that_are_none_are_no_trouble(backend: str) -> None:
    table = [1.0] * 4 + [um.inf, 1.0, 2.0, 3.0, 4.0, um.nan, 5.0, -0.0, 0.0]
    functions = [
        lambda x: x + um.full((4,), um.nan),
        lambda x: um.pad(x, 1, constant_values=um.nan),
        lambda x: um.full((4,), table[x.shape[0]]) + x,
    ]
    for function in functions:
        f = um.jit(function, dynamic=True)
        for size in (4, 9, 6, 7, 8, 5, 11, 12):
            x = values(size, 4)
            np.testing.assert_array_equal(f(x).numpy(), function(x).numpy())
    f = um.jit(lambda x: (um.sum(x), np.arange(3), "word"), dynamic=True)
    for size in (4, 9, 6, 7, 8):
        _, numbers, word = f(values(size, 4))
        assert (numbers.tolist(), word) == ([0, 1, 2], "word")


def test_modes_that_come_back_find_their_program(backend: str) -> None:
    layer = um.Dropout(0.5)
    f = um.jit(lambda layer, x: layer(x), dynamic=True)
    random = np.random.default_rng(0)
    traces = []
    for _ in range(4):
        for mode in (True, False):
            layer.train(mode)
            for n in (4, 90, 47, *random.integers(4, 90, 20)):
                f(layer, values(int(n), 4))
        traces.append(f.traces)
    assert traces[-1] == traces[0]


def test_sizes_that_a_module_keeps_are_plain_for_others(backend: str) -> None:
    class Keeping(um.Module):
        def __init__(self) -> None:
            self.shape: Any = None

        def forward(self, x: um.Tensor) -> um.Tensor:
            self.shape = x.shape
            return x

    model = Keeping()
    f = um.jit(model, dynamic=True)
    f(um.ones((7, 2)))
    kept = pickle.loads(pickle.dumps(model.shape))
    assert kept == (7, 2)
    assert [type(one) for one in kept] == [int, int]


def test_what_no_program_needs_is_forgotten(backend: str) -> None:
    def kept() -> int:
        gc.collect()
        count = sum(type(one).__name__ == "Program" for one in gc.get_objects())
        if backend == "tensorflow":
            from tensorflow.python.eager import context

            names = context.context().list_function_names()
            count += sum("any_size" in name for name in names)
        return count

    def run() -> None:
        f = um.jit(lambda x: um.tanh(x) * x.shape[0], dynamic=True)
        for size in SIZES:
            f(values(size, 2))
        assert kept() > before

    before = 0
    before = kept()
    run()
    assert kept() == before


def test_functions_are_alike_if_what_they_close_over_is() -> None:
    def made(*closed: Any) -> Callable[[], Any]:
        return lambda: closed

    same = object()
    assert are_alike(made(1, "a", same), made(1, "a", same))
    assert not are_alike(made(1), made(2))
    assert not are_alike(made(1), made(1.0))
    assert not are_alike(made(object()), made(object()))
    assert are_alike(partial(operator.add, 1), partial(operator.add, 1))
    assert not are_alike(partial(operator.add, 1), partial(operator.sub, 1))
    assert not are_alike(lambda: 1, lambda: 2)
    assert are_alike({"a": [1, made(2)]}, {"a": [1, made(2)]})
