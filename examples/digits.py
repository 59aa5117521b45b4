"""Train a classifier of handwritten digits, on one backend or on all, and compare.

    python examples/digits.py                             # the default backend
    UNIFIEDML_BACKEND=tensorflow python examples/digits.py
    python examples/digits.py --compare                   # every installed backend

The data are the 1,797 scans of 8x8 pixels that come with scikit-learn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import unifiedml as um

EPOCHS = 20
BATCH_SIZE = 64


class Run(NamedTuple):
    """What is left of a training run."""

    losses: np.ndarray
    weights: dict[str, np.ndarray]
    accuracy: float
    predicted: np.ndarray


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training and test images, shape (n, 8, 8) in [0, 1], and their labels."""
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)
    return train_test_split(images, digits.target, test_size=0.2, random_state=0)


def train(data: tuple[np.ndarray, ...], epochs: int = EPOCHS) -> Run:
    """Train on the current backend. Nothing here depends on which one it is."""
    train_images, test_images, train_labels, test_labels = data
    um.random.seed(0)
    model = um.Sequential(
        um.Flatten(),
        um.Dense(256, activation="relu"),
        um.Dropout(0.3),
        um.Dense(10, activation="softmax"),
    )
    model.compile(
        optimizer=um.Adam(learning_rate=0.003),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        train_images, train_labels, batch_size=BATCH_SIZE, epochs=epochs
    )
    result = model.evaluate(test_images, test_labels)
    return Run(
        losses=np.asarray(history.steps),
        weights=model.state_dict(),
        accuracy=result["accuracy"],
        predicted=model.predict(test_images).argmax(axis=-1),
    )


def compare(first: Run, second: Run) -> str:
    """Return how far two runs differ, beside what is expected of float32."""
    steps = len(first.losses)
    curve = np.abs(first.losses - second.losses) / np.abs(first.losses)
    expected = um.tolerance.run_bound("float32", steps=steps)
    text = f"largest difference of {steps} losses, relative: {curve.max():.1e}"
    lines = [f"{text} (expected at most {expected:.0e})"]
    for name, one in first.weights.items():
        other = second.weights[name]
        if one.dtype.kind != "f":
            continue
        allowed = um.tolerance.bound(
            "optimizer", one.dtype, scale=np.maximum(1, np.abs(one)), length=steps
        )
        lines.append(
            f"largest difference of {name}: {np.abs(one - other).max():.1e} "
            f"(expected at most {allowed.min():.1e})"
        )
    return "\n".join(lines)


def draw(runs: dict[str, Run], data: tuple[np.ndarray, ...], path: Path) -> None:
    """Draw the loss curves and digits that were misread."""
    from matplotlib.figure import Figure

    _, images, _, labels = data
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    axes: Any = left.subplots()
    for style, (name, run) in zip(("-", "--", ":"), runs.items(), strict=False):
        axes.plot(run.losses, style, label=f"{name}: test {run.accuracy:.2%}")
    axes.set(xlabel="step", ylabel="loss", yscale="log", title="Loss of each step")
    axes.legend()
    run = next(iter(runs.values()))
    wrong = np.flatnonzero(run.predicted != labels)[:9]
    right.suptitle(f"Misread, {len(wrong)} of {np.sum(run.predicted != labels)}")
    grid: Any = right.subplots(3, 3)
    for panel in grid.flat:
        panel.set_axis_off()
    for panel, index in zip(grid.flat, wrong, strict=False):
        panel.imshow(images[index], cmap="gray_r")
        panel.set_title(f"{labels[index]} read as {run.predicted[index]}", fontsize=9)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--compare", action="store_true", help="use all backends")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--picture", type=Path, default=Path("digits.png"))
    options = parser.parse_args()

    data = load()
    runs: dict[str, Run] = {}
    for name in um.available_backends() if options.compare else [um.get_backend()]:
        print(f"training on {name}", flush=True)
        with um.use_backend(name):
            runs[name] = train(data, options.epochs)

    print()
    for name, run in runs.items():
        print(f"{name}: test accuracy {run.accuracy:.2%}")
    names = list(runs)
    for other in names[1:]:
        print(f"\n{names[0]} and {other}:")
        print(compare(runs[names[0]], runs[other]))
    draw(runs, data, options.picture)
    print(f"\ncurves and misread digits: {options.picture.resolve()}")


if __name__ == "__main__":
    main()
