"""The entrants that are written with Keras 3; KERAS_BACKEND names the backend."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks.tasks import CLASSES, TASKS, batch, rows, sentences

__all__ = ["dense", "lengths", "model", "predict", "step"]

Run = Callable[[], Any]

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras  # noqa: E402 - it reads the variable when it is imported
from keras import layers  # noqa: E402


class Block(layers.Layer):  # type: ignore[misc] # Keras is not typed
    """One layer of a Transformer encoder, normalised first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first = layers.LayerNormalization(epsilon=1e-5)
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.second = layers.LayerNormalization(epsilon=1e-5)
        self.wide = layers.Dense(4 * width, activation="gelu")
        self.narrow = layers.Dense(width)

    def call(self, x: Any) -> Any:
        inner = self.first(x)
        x = x + self.attention(inner, inner)
        return x + self.narrow(self.wide(self.second(x)))


class Places(layers.Layer):  # type: ignore[misc] # Keras is not typed
    """Adds the embeddings of places."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.places = layers.Embedding(length, width)

    def call(self, x: Any) -> Any:
        return x + self.places(keras.ops.arange(keras.ops.shape(x)[1]))


def model(task: str) -> Any:
    """Return the model of a task, which returns logits."""
    if task == "tiny":
        return dense([32])
    if task == "mlp":
        inner = [layers.Dense(128, activation="relu"), layers.Dropout(0.2)]
    elif task == "cnn":
        inner = [
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
        ]
    elif task == "transformer":
        inner = [
            layers.Embedding(TASKS[task].tokens, 128),
            Places(TASKS[task].shape[0], 128),
            Block(128, 4),
            Block(128, 4),
            layers.GlobalAveragePooling1D(),
        ]
    else:
        inner = [layers.LSTM(128)]
    return keras.Sequential([*inner, layers.Dense(CLASSES)])


def dense(widths: list[int]) -> Any:
    """Return an MLP."""
    inner = [layers.Dense(width, activation="relu") for width in widths]
    return keras.Sequential([*inner, layers.Dense(CLASSES)])


def step(task: str) -> dict[str, Run]:
    """Return ``train_on_batch`` on one batch."""
    x, y = batch(task)
    made = compiled(task)
    return {"": lambda: made.train_on_batch(x, y)}


def compiled(task: str) -> Any:
    """Return the model of a task, ready to be trained."""
    made = model(task)
    made.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return made


def lengths(task: str) -> dict[str, Run]:
    """Return ``train_on_batch`` on batches of all lengths."""
    batches, made = sentences(task), compiled(task)
    return {"": lambda: [made.train_on_batch(x, y) for x, y in batches][-1]}


def predict(task: str, count: int, size: int) -> dict[str, Run]:
    """Return ``predict`` on many rows."""
    x, _ = rows(TASKS[task], count)
    made = model(task)
    return {"": lambda: made.predict(x, batch_size=size, verbose=0)[0, 0]}
