"""docs/accuracy.md names every operation that is compared."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("mpmath", reason="mpmath is the oracle of the measurement")
sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts.accuracy import PAGE, survey
from scripts.accuracy_page import names_on, table
from scripts.line_runs import chosen_lines


def test_the_page_names_every_operation() -> None:
    missing = {line.name for line in chosen_lines()} - names_on(PAGE.read_text())
    assert not missing, f"run `make accuracy`: it lacks {sorted(missing)}"


def test_a_row_says_how_far_each_backend_is_off() -> None:
    progress = survey(chosen_lines(["tanh"]), 6, 2)
    assert not progress.failed
    values = progress.rows[0]
    assert values.exact
    assert 0 < values.measured.share() < 1
    for backend in ("torch", "tensorflow"):
        worst = values.measured.worst["float32", backend]
        assert 0.3 < worst.error < 8
        assert worst.elements >= 600
    assert "| `tanh` ◆ | transcendental |" in table(progress.rows, ("torch",))
