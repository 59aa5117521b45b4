"""Linear regression: a model of one's own, a loop of one's own, and a drawing.

python examples/linear_regression.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import unifiedml as um

SLOPE, INTERCEPT = 2.0, 1.0


class Line(um.Module):
    """The line ``slope * x + intercept``."""

    def __init__(self) -> None:
        self.slope = um.Parameter(0.0)
        self.intercept = um.Parameter(0.0)

    def forward(self, x: um.Tensor) -> um.Tensor:
        """Return the height of the line at ``x``."""
        return self.slope * x + self.intercept


def main(steps: int = 1000, picture: Path | None = None) -> Line:
    """Run the program, and return the fitted line."""
    um.random.seed(0)
    x = um.random.uniform((100,), low=-1.0, high=1.0)
    y = SLOPE * x + INTERCEPT + um.random.normal((100,), std=0.1)

    model = Line()
    optimizer = um.SGD(model.parameters(), learning_rate=0.1)

    def loss(model: Line) -> um.Tensor:
        return um.losses.mean_squared_error(y, model(x))

    for step in range(1, steps + 1):
        value, gradients = um.value_and_grad(loss)(model)
        optimizer.step(gradients)
        if step in (1, 10, 100, 1000):
            print(f"step {step:4}: loss {value.item():.6f}")
    slope, intercept = model.slope.item(), model.intercept.item()
    print(f"y = {slope:.4f} x + {intercept:.4f}")
    if picture is not None:
        draw(x.numpy(), y.numpy(), slope, intercept, picture)
        print("drawing:", picture.resolve())
    return model


def draw(
    x: np.ndarray, y: np.ndarray, slope: float, intercept: float, path: Path
) -> None:
    """Draw the points and the fitted line."""
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    axes = figure.subplots()
    ends = np.array([-1.0, 1.0])
    axes.scatter(x, y, s=12, label="data")
    label = f"y = {slope:.3f} x + {intercept:.3f}"
    axes.plot(ends, slope * ends + intercept, color="C1", label=label)
    axes.set(xlabel="x", ylabel="y")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--picture", type=Path, default=Path("line.png"))
    main(picture=parser.parse_args().picture)
