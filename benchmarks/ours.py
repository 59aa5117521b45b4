"""The entrants that are written with this library, on either backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import unifiedml as um
from benchmarks.tasks import (
    CLASSES,
    GROWTH,
    OPERATIONS,
    TASKS,
    Size,
    batch,
    examples,
    operands,
    rows,
    sentences,
)

nn = um.nn
Run = Callable[[], Any]
Step = Callable[[um.Tensor, um.Tensor], um.Tensor]

um.zeros(())  # imports the framework, as the other entrants' modules do

cross_entropy = um.losses.get("sparse_categorical_crossentropy")


class Block(nn.Module):
    """One layer of a Transformer encoder, normalised first."""

    def __init__(self, width: int, heads: int) -> None:
        self.first = nn.LayerNorm()
        self.attention = nn.MultiHeadAttention(heads, width // heads)
        self.second = nn.LayerNorm()
        self.wide = nn.Dense(4 * width, activation="gelu")
        self.narrow = nn.Dense(width)

    def forward(self, x: um.Tensor) -> um.Tensor:
        inner = self.first(x)
        x = x + self.attention(inner, inner)
        return x + self.narrow(self.wide(self.second(x)))


class Encoder(nn.Module):
    """Embeddings of tokens and places, two blocks, the mean over the length."""

    def __init__(self, tokens: int, length: int, width: int) -> None:
        self.tokens = nn.Embedding(tokens, width)
        self.places = nn.Embedding(length, width)
        self.blocks = [Block(width, 4), Block(width, 4)]
        self.head = nn.Dense(CLASSES, activation="softmax")

    def forward(self, x: um.Tensor) -> um.Tensor:
        h = self.tokens(x) + self.places(um.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.head(um.mean(h, axis=1))


def model(task: str) -> nn.Module:
    """Return the model of a task."""
    if task == "tiny":
        return dense(16, [32])
    if task == "mlp":
        return um.Sequential(
            um.Dense(128, activation="relu", input_size=784),
            um.Dropout(0.2),
            um.Dense(CLASSES, activation="softmax"),
        )
    if task == "cnn":
        return um.Sequential(
            nn.Conv2D(32, 3, activation="relu"),
            nn.MaxPool2D(2),
            nn.Conv2D(64, 3, activation="relu"),
            nn.MaxPool2D(2),
            um.Flatten(),
            um.Dropout(0.5),
            um.Dense(CLASSES, activation="softmax"),
        )
    if task == "transformer":
        return Encoder(TASKS[task].tokens or 0, TASKS[task].shape[0], 128)
    assert task == "lstm", task
    return um.Sequential(nn.LSTM(128), um.Dense(CLASSES, activation="softmax"))


def dense(inputs: int, widths: list[int]) -> nn.Module:
    """Return an MLP."""
    sizes = [inputs, *widths]
    layers = [
        um.Dense(width, activation="relu", input_size=size)
        for size, width in zip(sizes[:-1], widths, strict=True)
    ]
    head = um.Dense(CLASSES, activation="softmax", input_size=sizes[-1])
    return um.Sequential(*layers, head)


def objective(made: nn.Module, x: um.Tensor, y: um.Tensor) -> um.Tensor:
    """Return the loss of a batch."""
    return cross_entropy(y, made(x))


def training(made: nn.Module, x: um.Tensor, mode: str) -> Step:
    """Return a training step of one's own.

    Args:
        made: The model.
        x: Inputs, from which it learns its sizes.
        mode: How it runs: ``"eager"``, ``"jit"``, ``"compiled"`` or ``"dynamic"``.
    """
    made.eval()(x)
    made.train()
    optimizer = um.Adam(made.parameters(), learning_rate=1e-3)

    def step(x: um.Tensor, y: um.Tensor) -> um.Tensor:
        value, gradients = um.value_and_grad(objective)(made, x, y)
        optimizer.step(gradients)
        return value

    if mode == "eager":
        return step
    return um.jit(step, compiler=mode == "compiled", dynamic=mode == "dynamic")


def stepping(made: nn.Module, x: um.Tensor, y: um.Tensor, mode: str) -> Run:
    """Return a training step on one batch."""
    step = training(made, x, mode)
    return lambda: step(x, y)


def lengths(task: str, mode: str) -> dict[str, Run]:
    """Return training steps on batches of all lengths, or an epoch of ``fit``."""
    made = model(task)
    if mode == "fit":
        made.compile(optimizer=um.Adam(learning_rate=1e-3), loss=cross_entropy)
        given = sentences(task)
        return {"": lambda: made.fit(given, verbose=False).steps[-1]}
    batches = [(um.asarray(x), um.asarray(y)) for x, y in sentences(task)]
    step = training(made, batches[0][0], mode)
    return {"": lambda: [step(x, y) for x, y in batches][-1]}


def step(task: str, mode: str) -> dict[str, Run]:
    """Return a training step on one batch."""
    x, y = batch(task)
    made = model(task)
    if mode == "train_on_batch":
        made.compile(optimizer=um.Adam(learning_rate=1e-3), loss=cross_entropy)
        return {"": lambda: made.train_on_batch(x, y)["loss"]}
    return {"": stepping(made, um.asarray(x), um.asarray(y), mode)}


def growing(what: str) -> dict[str, Run]:
    """Return training steps of MLPs that grow."""

    def stepping_at(size: Size) -> Run:
        x, y = map(um.asarray, examples(size))
        return stepping(dense(size.inputs, [size.width] * size.depth), x, y, "jit")

    return {name: stepping_at(size) for name, size in GROWTH[what].items()}


def fit(task: str, steps: int) -> dict[str, Run]:
    """Return an epoch of ``fit``, and as many bare steps on the same batches."""
    size = TASKS[task].size
    x, y = rows(TASKS[task], size * steps)
    made = model(task)
    made.compile(
        optimizer=um.Adam(learning_rate=1e-3), loss=cross_entropy, metrics=["accuracy"]
    )

    def epoch() -> float:
        history = made.fit(x, y, batch_size=size, verbose=False)
        return history.history["loss"][-1]

    other = model(task)
    first = um.asarray(x[:size])
    other.eval()(first)
    other.train()
    optimizer = um.Adam(other.parameters(), learning_rate=1e-3)

    @um.jit
    def bare(x: um.Tensor, y: um.Tensor) -> um.Tensor:
        value, gradients = um.value_and_grad(objective)(other, x, y)
        optimizer.step(gradients)
        return value

    def loop() -> um.Tensor:
        for start in range(0, len(x), size):
            places = slice(start, start + size)
            value = bare(um.asarray(x[places]), um.asarray(y[places]))
        return value

    return {"fit": epoch, "steps": loop}


def predict(task: str, count: int, size: int) -> dict[str, Run]:
    """Return ``predict`` on many rows."""
    x, _ = rows(TASKS[task], count)
    made = model(task)
    return {"": lambda: made.predict(x, batch_size=size)[0, 0]}


def derivatives(task: str) -> dict[str, Run]:
    """Return gradient and Hessian-vector product of a loss, as programs."""
    x, y = map(um.asarray, batch(task))
    made = model(task)
    made.eval()(x)
    parameters = made.parameters()
    along = [um.ones_like(one) for one in parameters]

    def gradient(x: um.Tensor, y: um.Tensor) -> Any:
        return um.grad(objective)(made, x, y)

    def slope(made: nn.Module, x: um.Tensor, y: um.Tensor) -> um.Tensor:
        found = um.grad(objective)(made, x, y)
        terms = [
            um.sum(one * other)
            for one, other in zip(found.values(), along, strict=True)
        ]
        return sum(terms[1:], terms[0])

    programs = {
        "gradient": um.jit(gradient),
        "Hessian-vector product": um.jit(lambda x, y: um.grad(slope)(made, x, y)),
    }
    return {
        name: lambda program=program: next(iter(program(x, y).values()))
        for name, program in programs.items()
    }


def operations(size: int) -> dict[str, Run]:
    """Return eager operations."""
    given = {name: um.asarray(value) for name, value in operands(size).items()}
    x, y, index = given["x"], given["y"], given["index"]
    positive = x > 1.0
    special: dict[str, Run] = {
        "matmul": lambda: x @ y,
        "reshape": lambda: um.reshape(x, (-1,)),
        "permute_dims": lambda: um.permute_dims(x, (1, 0)),
        "concat": lambda: um.concat([x, y], axis=0),
        "where": lambda: um.where(positive, x, y),
        "take": lambda: um.take(x, index, axis=0),
        "astype": lambda: x.astype("float64"),
        "softmax": lambda: um.softmax(x, axis=-1),
        "sum": lambda: um.sum(x, axis=0),
        "mean": lambda: um.mean(x, axis=0),
        "max": lambda: um.max(x, axis=0),
    }
    two = {"add", "multiply", "divide", "maximum"}

    def call(name: str) -> Run:
        function = getattr(um, name)
        if name in two:
            return lambda: function(x, y)
        return lambda: function(x)

    return {name: special.get(name) or call(name) for name in OPERATIONS}
