"""The entrants that are written by hand in PyTorch, as its documentation advises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

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

Run = Callable[[], Any]
Step = Callable[[Any, Any], Any]


class Block(nn.Module):
    """One layer of a Transformer encoder, normalised first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first = nn.LayerNorm(width)
        self.heads = heads
        self.inside = nn.Linear(width, 3 * width)
        self.outside = nn.Linear(width, width)
        self.second = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.inside(self.first(x)).view(batch, length, 3, self.heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(q, k, v)
        x = x + self.outside(seen.transpose(1, 2).reshape(batch, length, width))
        return x + self.narrow(F.gelu(self.wide(self.second(x))))


class Encoder(nn.Module):
    """Embeddings of tokens and places, two blocks, the mean over the length."""

    def __init__(self, tokens: int, length: int, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(tokens, width)
        self.places = nn.Embedding(length, width)
        self.blocks = nn.Sequential(Block(width, 4), Block(width, 4))
        self.head = nn.Linear(width, CLASSES)
        self.register_buffer("numbers", torch.arange(length))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.blocks(self.tokens(x) + self.places(self.numbers[: x.shape[1]]))
        return self.head(h.mean(1))


class Recurrent(nn.Module):
    """An LSTM and a classifier of its last output."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, batch_first=True)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(x)
        return self.head(outputs[:, -1])


def model(task: str) -> nn.Module:
    """Return the model of a task; images have their channels in front."""
    if task == "tiny":
        return dense(16, [32])
    if task == "mlp":
        return nn.Sequential(
            nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, CLASSES)
        )
    if task == "cnn":
        made = nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(1600, CLASSES),
        )
        return made.to(memory_format=torch.channels_last)
    if task == "transformer":
        return Encoder(TASKS[task].tokens or 0, TASKS[task].shape[0], 128)
    return Recurrent(TASKS[task].shape[1], 128)


def dense(inputs: int, widths: list[int]) -> nn.Module:
    """Return an MLP."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, CLASSES))


def tensors(task: str, x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return data as tensors, images with their channels in front."""
    inputs = torch.from_numpy(x)
    if task == "cnn":
        inputs = inputs.permute(0, 3, 1, 2)  # which is channels_last in memory
    return inputs, torch.from_numpy(y)


def training(made: nn.Module, mode: str) -> Step:
    """Return a training step: ``"eager"`` or ``"compiled"``."""
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-3, fused=True)
    forward = torch.compile(made) if mode == "compiled" else made

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def stepping(made: nn.Module, x: torch.Tensor, y: torch.Tensor, mode: str) -> Run:
    """Return a training step on one batch."""
    step = training(made, mode)
    return lambda: step(x, y)


def lengths(task: str) -> dict[str, Run]:
    """Return training steps on batches of all lengths."""
    batches = [tensors(task, *one) for one in sentences(task)]
    step = training(model(task), "eager")
    return {"": lambda: [step(x, y) for x, y in batches][-1]}


def step(task: str, mode: str) -> dict[str, Run]:
    """Return a training step on one batch."""
    return {"": stepping(model(task), *tensors(task, *batch(task)), mode)}


def growing(what: str) -> dict[str, Run]:
    """Return training steps of MLPs that grow."""

    def stepping_at(size: Size) -> Run:
        x, y = map(torch.from_numpy, examples(size))
        return stepping(dense(size.inputs, [size.width] * size.depth), x, y, "eager")

    return {name: stepping_at(size) for name, size in GROWTH[what].items()}


def predict(task: str, count: int, size: int) -> dict[str, Run]:
    """Return the model's results for many rows, in batches."""
    x, _ = tensors(task, *rows(TASKS[task], count))
    made = model(task).eval()

    def run() -> Any:
        with torch.inference_mode():
            found = [made(part).softmax(-1) for part in x.split(size)]
            return torch.cat(found).numpy()[0, 0]

    return {"": run}


def derivatives(task: str) -> dict[str, Run]:
    """Return gradient and Hessian-vector product of a loss."""
    x, y = tensors(task, *batch(task))
    made = model(task).eval()
    parameters = list(made.parameters())
    along = [torch.ones_like(one) for one in parameters]

    def gradient() -> torch.Tensor:
        return torch.autograd.grad(F.cross_entropy(made(x), y), parameters)[0]

    def product() -> torch.Tensor:
        loss = F.cross_entropy(made(x), y)
        found = torch.autograd.grad(loss, parameters, create_graph=True)
        return torch.autograd.grad(found, parameters, along, materialize_grads=True)[0]

    return {"gradient": gradient, "Hessian-vector product": product}


def operations(size: int) -> dict[str, Run]:
    """Return eager operations."""
    x, y, index = (torch.from_numpy(value) for value in operands(size).values())
    positive = x > 1.0
    calls: dict[str, Run] = {
        "add": lambda: torch.add(x, y),
        "multiply": lambda: torch.mul(x, y),
        "divide": lambda: torch.div(x, y),
        "maximum": lambda: torch.maximum(x, y),
        "exp": lambda: torch.exp(x),
        "log": lambda: torch.log(x),
        "tanh": lambda: torch.tanh(x),
        "relu": lambda: torch.relu(x),
        "sigmoid": lambda: torch.sigmoid(x),
        "softmax": lambda: torch.softmax(x, -1),
        "sum": lambda: torch.sum(x, 0),
        "mean": lambda: torch.mean(x, 0),
        "max": lambda: torch.amax(x, 0),
        "matmul": lambda: torch.matmul(x, y),
        "reshape": lambda: torch.reshape(x, (-1,)),
        "permute_dims": lambda: torch.permute(x, (1, 0)),
        "concat": lambda: torch.concat([x, y], 0),
        "where": lambda: torch.where(positive, x, y),
        "take": lambda: torch.index_select(x, 0, index),
        "astype": lambda: x.to(torch.float64),
    }
    return {name: calls[name] for name in OPERATIONS}
