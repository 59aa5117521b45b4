"""The parity lines find small errors and raise no false alarms.

At length: ``python scripts/relative_faults.py`` and ``python scripts/false_alarms.py``.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

import unifiedml as um
from scripts.false_alarms import search
from scripts.line_runs import chosen_lines
from scripts.relative_faults import Kind, blind, plant, wrong

LINES = {line.name: line for line in chosen_lines()}
SOME = ("exp", "divide", "sum", "matmul", "softmax", "losses.huber")
kinds = pytest.mark.parametrize("kind", ["values", "gradients"])


@kinds
@pytest.mark.parametrize("name", SOME)
def test_a_relative_error_is_found(name: str, kind: Kind) -> None:
    backend = um.available_backends()[-1]
    found = plant(LINES[name], backend, kind, "all", 30)
    assert found.visible
    assert not blind(found)


@kinds
def test_nothing_is_found_where_nothing_is_planted(kind: Kind) -> None:
    found = plant(LINES["exp"], "none of them", kind, "all", 30)
    assert not found.visible
    assert not found.caught


def test_an_alarm_is_reported() -> None:
    backend = um.available_backends()[-1]
    line = LINES["exp"]
    faulty = replace(line, function=wrong(line.function, backend, "values", "all"))
    assert search([faulty], 60, seed=3).alarms


@pytest.mark.slow
def test_there_are_no_false_alarms() -> None:
    seed = random.randrange(2**32)
    tally = search(list(LINES.values()), 5000, seed)
    assert not tally.alarms, f"seed {seed}: {tally.alarms}"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LINES))
def test_every_line_finds_a_relative_error(name: str) -> None:
    line, backend = LINES[name], um.available_backends()[-1]
    some: tuple[Kind, ...] = (
        ("values",) if line.no_gradient else ("values", "gradients")
    )
    for kind in some:
        assert not blind(plant(line, backend, kind, "all", 60)), kind
