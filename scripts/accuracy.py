"""Measure the worst error of every operation and write docs/accuracy.md.

    python scripts/accuracy.py                   all lines, writes the page
    python scripts/accuracy.py exp tanh          these lines, prints their rows

The calls are those of the parity table, drawn with fixed seeds, so that the same
versions on the same processor write the same page. Exits with 1 if a line fails.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import unifiedml as um
from scripts.accuracy_page import Row, page, table
from scripts.exact_functions import EXACT, dense_calls, exact_oracle
from scripts.line_runs import chosen_lines, draws, load_backends
from unifiedml._tree import leaves as tree_leaves
from unifiedml.testing._accuracy import Kind, Measured, measure
from unifiedml.testing._line import Call, Line

PAGE: Final = Path(__file__).parents[1] / "docs" / "accuracy.md"
DENSE: Final = ("float64", "float32", "bfloat16", "float16")
VERSIONS: Final = ("torch", "tensorflow", "numpy", "mpmath", "hypothesis")


@dataclass
class Progress:
    """What was measured, and what could not be."""

    rows: list[Row]
    failed: dict[str, str]


def measured(line: Line, kind: Kind, examples: int) -> Measured:
    """Return the worst errors of one line.

    It draws calls, more calls of each data type, and, where mpmath has the function,
    many numbers.
    """
    oracle = line.oracle
    exact = line.name in EXACT and kind == "values" and oracle is not None
    if exact and oracle is not None:
        oracle = exact_oracle(line.name, oracle)
    found = measure(line, kind, max_examples=examples, oracle=oracle)
    for dtype in sorted({dtype for dtype, _ in found.worst}):
        one = only(line, kind, dtype)
        found.merge(measure(one, kind, max_examples=examples // 3, oracle=oracle))
    for dtype in DENSE if exact else ():
        dense: Any = st.just(dense_calls(line.name, dtype))
        one = replace(line, calls=dense)
        found.merge(measure(one, kind, max_examples=1, oracle=oracle))
    return found


def only(line: Line, kind: Kind, dtype: str) -> Line:
    """Return the line with calls that have several elements of a data type."""

    def suits(call: Call) -> bool:
        arrays = [x for x in tree_leaves(call.args) if isinstance(x, np.ndarray)]
        return any(x.dtype.name == dtype and x.size > 1 for x in arrays)

    if kind == "values":
        return replace(line, calls=line.calls.filter(suits) | line.calls)
    return replace(line, smooth=line.smooth.filter(suits) | line.smooth)


def survey(lines: Sequence[Line], values: int, gradients: int) -> Progress:
    """Return the rows of all lines."""
    progress = Progress([], {})
    with draws(derandomize=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy's, where oracles overflow
        for line in lines:
            kinds: list[tuple[Kind, int]] = [("values", values)]
            if not line.no_gradient:
                kinds.append(("gradients", gradients))
            for kind, examples in kinds:
                try:
                    found = measured(line, kind, examples)
                except Exception as error:  # noqa: BLE001 - reported at the end
                    progress.failed[f"{line.name}, {kind}"] = str(error)
                    continue
                exact = line.name in EXACT and kind == "values"
                progress.rows.append(Row(line.name, kind, found, exact))
            print(f"{line.name}", file=sys.stderr, flush=True)
    return progress


def main(arguments: Sequence[str]) -> int:
    """Write the page, or print rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("lines", nargs="*", help="of the parity table; default: all")
    parser.add_argument("--values", type=int, default=30, help="calls of each line")
    parser.add_argument("--gradients", type=int, default=9, help="calls of each line")
    given = parser.parse_args(arguments)
    load_backends()
    lines = [
        line
        for line in chosen_lines(given.lines)
        if given.lines or not line.name.startswith("Tensor.")
    ]
    progress = survey(lines, given.values, given.gradients)
    backends = um.available_backends()
    if given.lines:
        print(table(progress.rows, backends))
    else:
        versions = {name: importlib.metadata.version(_wheel(name)) for name in VERSIONS}
        others = [one.name for one in chosen_lines() if one.name.startswith("Tensor.")]
        PAGE.write_text(page(progress.rows, others, backends, versions))
    for name, error in progress.failed.items():
        print(f"FAILED {name}: {error}")
    return 1 if progress.failed else 0


def _wheel(name: str) -> str:
    """Return the distribution of a module: TensorFlow has several."""
    return importlib.metadata.packages_distributions().get(name, [name])[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
