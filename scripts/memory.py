"""Draw the memory of 100,000 training steps, in each style, on each backend.

    python scripts/memory.py                     docs/memory.png, about 15 minutes
    python scripts/memory.py --steps 1000        a look
    python scripts/memory.py --run torch jit     one process of it: prints JSON

Each style trains in a process of its own. What a style loses in each step is the slope
of a line through the second half of its curve; exits with 1 if that is more than a
byte a step beyond what the allocator's pages blur.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import unifiedml as um

mpl.use("Agg")

from matplotlib import pyplot as plt

PAGE: Final = os.sysconf("SC_PAGE_SIZE")
POINTS: Final = 100
BACKENDS: Final = ("torch", "tensorflow")
OUTPUT: Final = Path(__file__).parents[1] / "docs" / "memory.png"


def _model() -> tuple[um.Module, um.optim.Optimizer, um.Tensor, um.Tensor]:
    model = um.Sequential(
        um.Dense(32, activation="relu", input_size=16),
        um.Dropout(0.1),
        um.Dense(10, activation="softmax", input_size=32),
    )
    random = np.random.default_rng(0)
    x = um.asarray(random.normal(size=(8, 16)).astype(np.float32))
    y = um.asarray(random.integers(0, 10, 8))
    return model, um.Adam(model.parameters()), x, y


def _loss(model: um.Module, x: um.Tensor, y: um.Tensor) -> um.Tensor:
    return um.losses.sparse_categorical_crossentropy(y, model(x))


Made = tuple[um.Module, um.optim.Optimizer, um.Tensor, um.Tensor]


def _grad(made: Made, wrapped: Any = lambda step: step) -> Callable[[], Any]:
    model, optimizer, x, y = made

    def step(x: um.Tensor, y: um.Tensor) -> um.Tensor:
        value, gradients = um.value_and_grad(_loss)(model, x, y)
        optimizer.step(gradients)
        return value

    run = wrapped(step)
    return lambda: run(x, y)


def _backward(made: Made) -> Callable[[], Any]:
    model, optimizer, x, y = made

    def step() -> None:
        optimizer.zero_grad()
        _loss(model, x, y).backward()
        optimizer.step()

    return step


def _tape(made: Made) -> Callable[[], Any]:
    model, optimizer, x, y = made

    def step() -> None:
        with um.GradientTape() as tape:
            value = _loss(model, x, y)
        optimizer.step(tape.gradient(value, model.parameters()))

    return step


def _second(made: Made) -> Callable[[], Any]:
    model, optimizer, x, y = made

    def penalized(model: um.Module) -> um.Tensor:
        found = um.grad(_loss)(model, x, y)
        return sum((um.sum(one * one) for one in found.values()), um.zeros(()))

    return lambda: optimizer.step(um.grad(penalized)(model))


STYLES: Final = {
    "jit": lambda made: _grad(made, um.jit),
    "grad": _grad,
    "backward": _backward,
    "tape": _tape,
    "second order": _second,
}


def _resident() -> float:
    """Return the size of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def run(style: str, steps: int) -> dict[str, list[float]]:
    """Return the size of the process along the steps."""
    step = STYLES[style](_model())
    found: dict[str, list[float]] = {"steps": [], "bytes": []}
    each = max(1, steps // POINTS)
    for number in range(1, steps + 1):
        step()
        if number % each == 0:
            gc.collect()
            found["steps"].append(number)
            found["bytes"].append(_resident())
    return found


def slope(found: dict[str, list[float]]) -> float:
    """Return how many bytes a step costs for good, over the second half."""
    half = len(found["steps"]) // 2
    line = np.polyfit(found["steps"][half:], found["bytes"][half:], 1)
    return float(line[0])


def main() -> int:
    """Run all styles, draw them, and tell whether none loses memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--run", nargs=2, metavar=("BACKEND", "STYLE"))
    asked = parser.parse_args()
    if asked.run:
        with um.use_backend(asked.run[0]):
            print(json.dumps(run(asked.run[1], asked.steps)))
        return 0
    figure, axes = plt.subplots(
        1, 2, figsize=(11, 4), sharex=True, layout="constrained"
    )
    # A curve is made of pages: a step of one in half of the curve is no loss.
    blur = 256 * PAGE / (asked.steps / 2)
    lost = False
    for axis, backend in zip(axes, BACKENDS, strict=True):
        for style in STYLES:
            command = [sys.executable, __file__, "--steps", str(asked.steps), "--run"]
            done = subprocess.run(
                [*command, backend, style], check=True, capture_output=True, text=True
            )
            found = json.loads(done.stdout.splitlines()[-1])
            each = slope(found)
            lost |= each > 1 + blur
            print(f"{backend:12}{style:14}{each:10.2f} bytes a step", flush=True)
            sizes = np.asarray(found["bytes"]) / 2**20
            axis.plot(found["steps"], sizes - sizes[0], label=f"{style}: {each:.1f} B")
        axis.set_title(backend)
        axis.set_xlabel("training steps")
        axis.legend(title="a step costs, second half", fontsize="small")
    axes[0].set_ylabel("growth of the process, MiB")
    figure.savefig(OUTPUT, dpi=110)
    return int(lost)


if __name__ == "__main__":
    sys.exit(main())
