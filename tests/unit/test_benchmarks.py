"""The benchmarks' own arithmetic, and that every entrant runs."""

from __future__ import annotations

import pytest

from benchmarks.page import page, slope
from benchmarks.race import Entrant, Measured, Running, ratio
from benchmarks.races import Race, Settings, geometric_mean, races


def test_ratios_are_taken_round_by_round() -> None:
    found = ratio([2.0, 30.0, 8.0], [1.0, 10.0, 2.0])
    assert (found.median, found.low, found.high) == (3.0, 2.5, 3.5)
    assert geometric_mean([ratio([2.0], [1.0]), ratio([8.0], [1.0])]) == pytest.approx(
        4
    )


def _invented() -> list[Race]:
    """Return all races as if the first entrant took 1 ms, the others 3/4 of that."""
    made = list(races())
    for race in made:
        names = {
            "operations": ["add", "exp"],
            "derivatives": ["gradient"],
            "fit": ["fit", "steps"],
            "growth": ["1", "10", "100"],
        }.get(race.kind, [""])
        race.result = Measured({}, {}, {})
        for number, entrant in enumerate(race.entrants):
            for name in names:
                grown = float(name) if race.kind == "growth" else 1.0
                one = 1e-3 * (0.75 if number else 1.0) * grown
                race.result.seconds[entrant.label, name] = [one] * 3
            race.result.first[entrant.label] = {"imported": 1, "built": 1, "first": 1}
            race.result.peak[entrant.label] = 100.0 + number
    return made


def test_the_page_says_which_bars_are_met() -> None:
    made = _invented()
    text = page(made, {"numpy": 0.1, "numpy, unifiedml": 0.5}, Settings(3, 1))
    assert (
        "| step of mlp on PyTorch, against the faster native one | 0.9 | 1.00 |" in text
    )
    assert "| import beyond NumPy | 0.2 s | 0.40 s | **no** |" in text
    assert "| `fit` of mlp on PyTorch, against bare steps | 1.05 | 1.00 | yes |" in text
    grown = next(race for race in made if race.kind == "growth")
    assert slope(grown, "ours") == pytest.approx(1)


def test_an_entrant_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'no_such_task'"):
        Running(Entrant("broken", "ours", "step", ("no_such_task", "jit")), threads=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "entrant",
    [
        one
        for race in races()
        for one in race.entrants
        if race.kind != "growth" and race.subject in ("tiny", "mlp", "4")
    ],
    ids=lambda one: f"{one.label}-{one.maker}-{one.arguments}-{one.environment}",
)
def test_every_entrant_runs(entrant: Entrant) -> None:
    running = Running(entrant, threads=1)
    try:
        assert running.names
        assert all(running.turn(name) > 0 for name in running.names)
        assert running.peak() > 10
    finally:
        running.close()
