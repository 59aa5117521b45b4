"""Does the parity suite cry wolf? Many random examples, none of which may fail.

    python scripts/false_alarms.py                           100,000 examples
    python scripts/false_alarms.py --examples 5000 exp sum   of these lines only
    python scripts/false_alarms.py --seed 7                  the draws of an earlier run

Every line of the parity table compares values and gradients of its operation on every
backend, for calls that Hypothesis draws at random: with the seed that is printed, the
same ones again. A comparison that fails is a false alarm or a defect; neither may
happen. Exits with 1 if one did.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.line_runs import chosen_lines, draws, load_backends
from unifiedml.testing._line import Line

ROUND = 60
"""Examples of a line at a time: a run that is stopped has still seen every line."""
GRADIENTS = 4
"""One of so many examples is a gradient: its oracle costs a hundred evaluations."""


@dataclass
class Tally:
    """What a run has found.

    Attributes:
        examples: How many calls each line has compared.
        alarms: What failed, by line and kind.
    """

    examples: Counter[str] = field(default_factory=Counter)
    alarms: dict[str, str] = field(default_factory=dict)


def search(
    lines: Sequence[Line], examples: int, seed: int, *, report: bool = False
) -> Tally:
    """Return what ``examples`` calls, spread over the lines, have found.

    Args:
        lines: Of the parity table.
        examples: How many calls to compare in all, at least.
        seed: Of the draws.
        report: Whether to print alarms and progress as they come.
    """
    tally, turn = Tally(), 0
    with draws(derandomize=False):
        while tally.examples.total() < examples:
            for number, line in enumerate(lines):
                if tally.examples.total() < examples:
                    _compare(line, seed + 1000 * turn + number, tally, report)
            turn += 1
            if report:
                print(f"  {tally.examples.total()} examples", flush=True)
    return tally


def _compare(line: Line, seed: int, tally: Tally, report: bool) -> None:
    gradients = 0 if line.no_gradient else ROUND // GRADIENTS
    for kind, check, number in (
        ("gradients", line.check_gradients, gradients),
        ("values", line.check_values, ROUND - gradients),
    ):
        if not number:
            continue
        try:
            check(max_examples=number, seed=seed)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is an alarm
            tally.alarms.setdefault(f"{line.name}, {kind}, seed {seed}", text(error))
            if report:
                print(f"ALARM {line.name}, {kind}: {text(error)}", flush=True)
        tally.examples[line.name] += number


def text(error: BaseException) -> str:
    """Return the message of an error with the call that Hypothesis has found."""
    if isinstance(error, BaseExceptionGroup):
        return text(error.exceptions[0])
    notes = "\n".join(getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}\n{notes}".strip()


def main(arguments: Sequence[str]) -> int:
    """Print the number of false alarms, and all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("lines", nargs="*", help="of the parity table; default: all")
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args(arguments)
    load_backends()
    lines = chosen_lines(given.lines)
    print(f"{given.examples} examples of {len(lines)} lines, --seed {given.seed}")
    start = time.perf_counter()
    tally = search(lines, given.examples, given.seed, report=True)
    seconds = time.perf_counter() - start
    print(
        f"{len(tally.alarms)} false alarms in {tally.examples.total()} examples of "
        f"{len(tally.examples)} lines, {seconds:.0f} s"
    )
    return 1 if tally.alarms else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
