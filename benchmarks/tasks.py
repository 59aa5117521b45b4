"""What is computed: models and their data, the same numbers for every entrant."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "CLASSES",
    "GROWTH",
    "OPERATIONS",
    "SHORTEST",
    "TASKS",
    "Size",
    "Task",
    "batch",
    "examples",
    "operands",
    "rows",
    "sentences",
]

Array = npt.NDArray[Any]

CLASSES: Final = 10


class Task(NamedTuple):
    """A model to be trained as a classifier.

    Attributes:
        title: What it is, for people.
        shape: The shape of one example.
        size: How many examples are in a batch.
        tokens: How many tokens there are, where examples are made of them.
    """

    title: str
    shape: tuple[int, ...]
    size: int
    tokens: int | None = None


TASKS: Final = {
    "tiny": Task("tiny MLP, 16-32-10, batch 32", (16,), 32),
    "mlp": Task("MLP, 784-128-10, dropout, batch 128", (784,), 128),
    "cnn": Task("CNN, 28×28, two convolutions, batch 64", (28, 28, 1), 64),
    "transformer": Task(
        "Transformer encoder, 2 layers, width 128, length 64, batch 16", (64,), 16, 1000
    ),
    "lstm": Task("LSTM, width 128, length 32, batch 32", (32, 64), 32),
}


def rows(task: Task, count: int) -> tuple[Array, Array]:
    """Return ``count`` examples and their labels."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, count)
    if task.tokens is not None:
        return random.integers(0, task.tokens, (count, *task.shape)), labels
    return random.normal(size=(count, *task.shape)).astype(np.float32), labels


def batch(name: str) -> tuple[Array, Array]:
    """Return one batch of a task."""
    return rows(TASKS[name], TASKS[name].size)


SHORTEST: Final = 16


def sentences(name: str) -> list[tuple[Array, Array]]:
    """Return a batch of each length from `SHORTEST` on, in random order."""
    x, y = batch(name)
    lengths = np.arange(SHORTEST, x.shape[1] + 1)
    np.random.default_rng(0).shuffle(lengths)
    return [(np.ascontiguousarray(x[:, :length]), y) for length in lengths]


class Size(NamedTuple):
    """The sizes of an MLP and its batch."""

    inputs: int = 32
    width: int = 32
    depth: int = 1
    batch: int = 32


DECADES: Final = (1, 10, 100, 1000)
GROWTH: Final = {
    "width": {str(8 * n): Size(width=8 * n) for n in DECADES},
    "depth": {str(n): Size(depth=n) for n in DECADES},
    "batch": {str(4 * n): Size(batch=4 * n) for n in DECADES},
    # Both widths grow: so do the parameters, with their product.
    "parameters": {
        str(inputs * width): Size(inputs=inputs, width=width)
        for inputs, width in ((30, 30), (100, 90), (300, 300), (1000, 900))
    },
}
"""What grows over three decades, and the sizes on the way."""


def examples(size: Size) -> tuple[Array, Array]:
    """Return a batch for an MLP of some size."""
    random = np.random.default_rng(0)
    x = random.normal(size=(size.batch, size.inputs)).astype(np.float32)
    return x, random.integers(0, CLASSES, size.batch)


OPERATIONS: Final = (
    "add multiply divide maximum exp log tanh relu sigmoid softmax sum mean max "
    "matmul reshape permute_dims concat where take astype"
).split()


def operands(size: int) -> dict[str, Array]:
    """Return the operands of eager operations, of ``size`` elements."""
    random = np.random.default_rng(0)
    side = int(size**0.5)
    shape = (side, side)
    return {
        "x": random.uniform(0.5, 2, shape).astype(np.float32),
        "y": random.uniform(0.5, 2, shape).astype(np.float32),
        "index": np.arange(side)[::-1].copy(),
    }
