"""Add two constants, and look at the graph of it.

python examples/constants.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import unifiedml as um


def main(picture: Path | None = None) -> um.Graph:
    """Run the program, and return the graph."""
    a = um.tensor(2.0)
    b = um.tensor(3.0)
    print("sum:", (a + b).item())

    def add(a: um.Tensor, b: um.Tensor) -> um.Tensor:
        return a + b

    graph = um.graph(add)(a, b)
    print(graph)
    if picture is not None:
        graph.draw(picture)
        print("drawing:", picture.resolve())
    return graph


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--picture", type=Path, default=Path("constants.svg"))
    main(parser.parse_args().picture)
