"""Is a relative error of 1e-4 always found? Plant one in every line's function.

    python scripts/relative_faults.py                    every line, value and gradient
    python scripts/relative_faults.py --part one softmax  one element of each result

The results of one backend are multiplied by ``1 + 1e-4`` (in float16 and bfloat16,
where that is below the spacing of numbers, by 1 plus some spacings): all elements, or
one. The table says in which share of the calls that it can show in the parity suite
finds it, by data type. Exits with 1 if a line never finds it in float32 or float64.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import unifiedml as um
from scripts.line_runs import chosen_lines, draws, load_backends
from unifiedml._dtypes import as_dtype
from unifiedml._tree import map_tree
from unifiedml.testing._line import Comparison, Line, judged_by
from unifiedml.tolerance import eps, tiny

Part = Literal["all", "one"]
Kind = Literal["values", "gradients"]

LONGER: Final = (1, 10, 40)
"""How many times the examples are drawn, until every data type has found its fault: few
of a line may be of one type, and show it next to larger elements only."""

ERROR: Final = 1e-4
SPACINGS: Final = {"values": 8, "gradients": 64}
"""The planted error of 16-bit types in units of their ``eps``. A value is rounded once,
so two may be 2 apart; gradients are stored in 16 bits on the way (`tolerance`)."""


@dataclass
class Found:
    """How often a fault was found, by data type.

    Attributes:
        visible: In how many comparisons a result had elements that it changed.
        caught: In how many of these the comparison failed.
    """

    visible: dict[str, int] = field(default_factory=dict)
    caught: dict[str, int] = field(default_factory=dict)

    def share(self, dtype: str) -> float | None:
        """Return the share that was found; None if the fault never showed."""
        visible = self.visible.get(dtype, 0)
        return self.caught.get(dtype, 0) / visible if visible else None


def size(dtype: str, kind: Kind) -> float:
    """Return the relative error that is planted in results of a data type."""
    spacing = eps(dtype)
    return SPACINGS[kind] * spacing if spacing > ERROR else ERROR


def wrong(
    function: Callable[..., Any], backend: str, kind: Kind, part: Part
) -> Callable[..., Any]:
    """Return ``function`` with a relative error on one backend."""

    def changed(x: Any) -> Any:
        if isinstance(x, float):
            return x * (1 + ERROR)
        if not isinstance(x, um.Tensor) or not x.dtype.is_differentiable:
            return x
        factor = np.full(x.shape, 1.0)
        factor.flat[slice(None) if part == "all" else slice(0, 1)] += size(
            x.dtype.name, kind
        )
        return x * um.asarray(factor, dtype=x.dtype, device=x.device)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return map_tree(changed, result) if um.get_backend() == backend else result

    return call


def plant(line: Line, backend: str, kind: Kind, part: Part, examples: int) -> Found:
    """Return how often the line finds the fault that is planted on a backend."""
    found = Found()
    # A gradient may show the fault in any element, a value only where it is.
    changed = slice(0, 1) if (part, kind) == ("one", "values") else slice(None)
    faulty = replace(line, function=wrong(line.function, backend, kind, part))
    check = faulty.check_values if kind == "values" else faulty.check_gradients
    with judged_by(partial(_note, found, backend, changed)), draws(derandomize=True):
        check(max_examples=examples)
    return found


def _note(found: Found, backend: str, changed: slice, one: Comparison) -> None:
    """Count a comparison of two backends."""
    dtype = as_dtype(one.actual.dtype)
    if not one.pair or one.place.backend != backend or not dtype.is_differentiable:
        return
    size = np.abs(np.asarray(one.expected, dtype=np.complex128)).flat[changed]
    seen = np.isfinite(size) & (size > tiny(dtype) / eps(dtype) ** 2)
    if not seen.any():
        return
    found.visible[dtype.name] = found.visible.get(dtype.name, 0) + 1
    try:
        one.judge()
    except AssertionError:
        found.caught[dtype.name] = found.caught.get(dtype.name, 0) + 1


def blind(found: Found) -> list[str]:
    """Return the data types of 32 and 64 bits in which the fault was never found."""
    return [
        dtype
        for dtype in ("float32", "float64", "complex64", "complex128")
        if found.share(dtype) == 0
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the table: for each line and data type, the share that was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("lines", nargs="*", help="of the parity table; default: all")
    parser.add_argument("--examples", type=int, default=60, help="for each line")
    parser.add_argument("--part", choices=("all", "one"), default="all")
    given = parser.parse_args(arguments)
    load_backends()
    backend, missed, planted = um.available_backends()[-1], 0, 0
    for line in chosen_lines(given.lines):
        kinds: tuple[Kind, ...] = ("values", "gradients")
        for kind in kinds[: 1 if line.no_gradient else 2]:
            for times in LONGER:
                examples = times * given.examples
                found = plant(line, backend, kind, given.part, examples)
                if not blind(found):
                    break
            shares = {dtype: found.share(dtype) for dtype in sorted(found.visible)}
            if not shares:
                continue
            planted += 1
            missed += bool(blind(found))
            text = "  ".join(f"{name} {share:.0%}" for name, share in shares.items())
            verdict = "MISSED" if blind(found) else "found "
            print(f"{verdict} {line.name:44} {kind:9} {text}", flush=True)
    print(f"{planted - missed} of {planted} found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
