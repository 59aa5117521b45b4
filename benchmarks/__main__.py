"""Run the races: see ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.page import page
from benchmarks.pictures import draw_growth, draw_steps
from benchmarks.race import ROOT
from benchmarks.races import Race, Settings, imports, races


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="KIND",
        help="operations, steps, derivatives, predict, fit, lengths, growth; or one of "
        "their tasks and backends: only races of which all of these words are true are "
        "run, and nothing is saved",
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "docs")
    return parser.parse_args()


def _show(race: Race) -> None:
    """Print what a race has shown."""
    print(f"== {race.kind} {race.subject} on {race.backend}", flush=True)
    for entrant in race.entrants:
        label = entrant.label
        for name in race.names():
            if (label, name) not in race.measured.seconds:
                continue
            base = race.entrants[0].label
            found = f"{race.median(label, name) * 1e6:12.2f} µs  "
            if (base, name) in race.measured.seconds:
                found += str(race.ratio(label, name))
            first = race.measured.first[label]["first"]
            print(f"{label:24}{name:24}{found}  first {first:.2f} s", flush=True)


def main() -> None:
    """Run what was asked for, print it, and save the whole."""
    asked = _arguments()
    settings = Settings(asked.rounds, asked.threads)
    done = []
    for race in races():
        words = {race.kind, race.subject, race.backend}
        if asked.only and not words.issuperset(asked.only):
            continue
        race.run(settings)
        _show(race)
        done.append(race)
    if not done:
        sys.exit(f"there is no race of {' '.join(asked.only)}")
    if asked.only:
        return
    text = page(done, imports(settings), settings)
    (asked.folder / "benchmarks.md").write_text(text)
    draw_steps(done, asked.folder / "benchmarks-steps.png")
    draw_growth(done, asked.folder / "benchmarks-growth.png")
    print(text)


if __name__ == "__main__":
    main()
