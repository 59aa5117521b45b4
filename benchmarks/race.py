"""Entrants in processes of their own, which take turns; ratios round by round."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Entrant", "Measured", "Ratio", "Running", "environment", "measure", "ratio"]

ROOT = Path(__file__).parents[1]

SPAN = 0.15
"""How long an entrant runs in one turn, in seconds, if one call is not longer."""


class Entrant(NamedTuple):
    """What takes part in a race.

    Attributes:
        label: Its name in tables.
        module: The module of this package that builds it.
        maker: The function there.
        arguments: What that is called with.
        environment: Variables of its process.
    """

    label: str
    module: str
    maker: str
    arguments: tuple[Any, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


def environment(threads: int) -> dict[str, str]:
    """Return the variables of all processes."""
    count = str(threads)
    return {
        **os.environ,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "backends"))),
    }


class Running:
    """The process of an entrant.

    Attributes:
        first: Seconds of import, building and the first call, by these names.
        names: The names of its calls.
    """

    def __init__(self, entrant: Entrant, threads: int) -> None:
        asked = {
            "module": entrant.module,
            "maker": entrant.maker,
            "arguments": entrant.arguments,
        }
        self.entrant = entrant
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(asked)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment(threads), **dict(entrant.environment)},
        )
        told = self._answer()
        self.names: list[str] = told.pop("names")
        self.first: dict[str, float] = told
        self._counts: dict[str, int] = {}

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, error = self._process.communicate()
            raise RuntimeError(f"{self.entrant.label} failed:\n{error[-3000:]}")
        return json.loads(line)

    def _ask(self, name: str | None, count: int) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, count]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def turn(self, name: str) -> float:
        """Return the seconds of one call, the mean over a turn."""
        count = self._counts.get(name)
        if count is None:
            # Programs settle: what comes late (a compiler, a cache) is not counted.
            self._ask(name, 12)
            once = self._ask(name, 3)["seconds"] / 3
            count = self._counts[name] = max(1, int(SPAN / max(once, 1e-9)))
        return float(self._ask(name, count)["seconds"] / count)

    def peak(self) -> float:
        """Return the largest size of the process so far, in MiB."""
        return float(self._ask(None, 0)["peak"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate("")


@dataclass
class Measured:
    """What a race has shown.

    Attributes:
        seconds: Of one call in each round, by entrant and name of the call.
        first: Seconds of import, building and the first call, by entrant.
        peak: The largest size of each process, in MiB.
    """

    seconds: dict[tuple[str, str], list[float]]
    first: dict[str, dict[str, float]]
    peak: dict[str, float]


def measure(entrants: Sequence[Entrant], rounds: int, threads: int) -> Measured:
    """Run a race: in each round every call of every entrant has a turn."""
    found = Measured({}, {}, {})
    running: list[Running] = []
    try:
        for entrant in entrants:
            running.append(Running(entrant, threads))
            found.first[entrant.label] = running[-1].first
        for number in range(rounds):
            # Nobody is always first.
            order = running if number % 2 else running[::-1]
            names = [*dict.fromkeys(name for one in running for name in one.names)]
            for name in names:
                for one in order:
                    if name in one.names:
                        key = (one.entrant.label, name)
                        found.seconds.setdefault(key, []).append(one.turn(name))
        for one in running:
            found.peak[one.entrant.label] = one.peak()
    finally:
        for one in running:
            one.close()
    return found


class Ratio(NamedTuple):
    """The ratio of two times: its median over the rounds, and its quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


def ratio(times: Sequence[float], base: Sequence[float]) -> Ratio:
    """Return how ``times`` compare with ``base``, round by round."""
    each = [one / other for one, other in zip(times, base, strict=True)]
    if len(each) < 2:
        return Ratio(each[0], each[0], each[0])
    low, median, high = statistics.quantiles(each, n=4, method="inclusive")
    return Ratio(median, low, high)
