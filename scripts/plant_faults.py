"""Plant faults, one at a time, and see whether the parity suite catches them.

    python scripts/plant_faults.py             all faults, a table, the percentage
    python scripts/plant_faults.py adam relu   those whose name contains a word

A fault replaces one function of a backend or of the frontend by a slightly wrong one,
in this process, runs the lines of the parity table (and the contract's points) that
concern it, and puts the right one back. Exits with 1 if less than 95 % are caught.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import unifiedml as um
from scripts.fault_makers import Fault
from scripts.faults import FAULTS
from scripts.line_runs import chosen_lines, draws, load_backends
from unifiedml._backend.registry import loaded_backends
from unifiedml.testing._line import Line

contract = importlib.import_module("tests.parity.test_contract_points")
ENOUGH = 0.95


@contextmanager
def planted(fault: Fault) -> Iterator[tuple[Any, Any]]:
    """Have the wrong function in the right one's place inside the ``with`` block."""
    owner = fault.owner()
    right = getattr(owner, fault.attribute)
    own = fault.attribute in vars(owner)
    wrong = fault.wrong(right)
    setattr(owner, fault.attribute, wrong)
    forget()
    try:
        yield right, wrong
    finally:
        if own:
            setattr(owner, fault.attribute, right)
        else:
            delattr(owner, fault.attribute)
        forget()


def forget() -> None:
    """Have the frontend look up the backends' functions once more."""
    for backend in loaded_backends():
        backend.kernels.clear()


def caught(fault: Fault, lines: dict[str, Line], examples: int) -> str:
    """Return what notices the fault, or an empty string."""
    with planted(fault) as (right, wrong):
        for name in fault.lines:
            line = lines[name]
            if line.function is right:
                line = replace(line, function=wrong)
            for check in (line.check_gradients, line.check_values):
                try:
                    check(max_examples=examples)
                except Exception as error:  # noqa: BLE001 - all count
                    return f"{name}: {summary(error)}"
        for name in fault.points:
            (point,) = (one for one in contract.GRADIENTS if one[0] == name)
            for backend in um.available_backends():
                try:
                    with um.use_backend(backend):
                        contract.test_gradient(backend, point, "float64")
                except AssertionError as error:
                    return f"{name}: {summary(error)}"
    return ""


def summary(error: BaseException) -> str:
    """Return the first line of an error, of the first one of a group."""
    if isinstance(error, BaseExceptionGroup):
        return summary(error.exceptions[0])
    return str(error).strip().split("\n", 1)[0][:70]


def run(faults: Sequence[Fault], examples: int = 30) -> dict[str, str]:
    """Return for each fault by name what has caught it (empty: nothing)."""
    lines = {line.name: line for line in chosen_lines()}
    with draws(derandomize=True):
        return {fault.name: caught(fault, lines, examples) for fault in faults}


def main(words: Sequence[str]) -> int:
    """Print the table of all faults, or of those that contain one of ``words``."""
    load_backends()
    chosen = [f for f in FAULTS if not words or any(word in f.name for word in words)]
    start, number_caught = time.perf_counter(), 0
    for fault in chosen:
        (found,) = run([fault]).values()
        number_caught += bool(found)
        print(
            f"{'caught  ' if found else 'SURVIVED'}  {fault.name:44} {found}",
            flush=True,
        )
    share = number_caught / max(1, len(chosen))
    seconds = time.perf_counter() - start
    print(f"{number_caught} of {len(chosen)} caught, {share:.0%}, in {seconds:.0f} s")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
