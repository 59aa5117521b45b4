"""Change the code by small faults, one at a time, and see whether the tests notice.

    make mutants                              250 faults, docs/mutants.md, an hour
    python scripts/mutants.py --count 20 --only _autodiff.py
    python scripts/mutants.py --seed 1        250 others

First the test suite runs once and records which tests reach which line. Then each
fault (`mutations.py`) is planted in a process that has everything loaded: functions
get their changed code, caches are emptied, and the tests that reach the changed line
run until one fails. A fault that ends the process, or makes a test hang, has been
noticed, too. Survivors are listed with the reasons of `mutants.toml`; exits
with 1 if less than 95 % are caught.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

import pytest
from coverage import CoverageData

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.mutations import Mutant, find_mutants, replaced_code

ROOT: Final = Path(__file__).resolve().parents[1]
PLACES: Final = (
    "backends/*/*.py",
    "unifiedml/autodiff/*.py",
    "unifiedml/_control/*.py",
    "unifiedml/_imperative.py",
    "unifiedml/_recording.py",
)
# Seconds that a test may take: one that hangs has noticed the fault.
LIMIT: Final = 40
# Seconds that the tests of one fault may take, together, before it has survived.
PATIENCE: Final = 100
ENOUGH: Final = 0.95
# How a process ends that a fault has spoiled for the next ones.
SPOILED: Final = 77
WORK: Final = ROOT / ".mutants"
# How reasons begin of faults that no test can see: what is computed is the same, or a
# GPU does it, and there was none.
UNSEEN: Final = ("Same:", "GPU:")
PAGE: Final = ROOT / "docs" / "mutants.md"
REASONS: Final = Path(__file__).with_suffix(".toml")
# Tests in processes of their own would not see the fault.
SUITE: Final = ("-q", "-m", "not slow and not packaging", "-p", "no:cacheprovider")


class HangError(BaseException):
    """A test has taken too long; no ``except Exception`` keeps it."""


def chosen_mutants(seed: int, count: int, only: str) -> list[Mutant]:
    """Return a random sample of all changes, in the order of the files."""
    paths = sorted({path for place in PLACES for path in ROOT.glob(place)})
    everything = [
        mutant
        for path in paths
        if only in str(path)
        for mutant in find_mutants(ROOT, str(path.relative_to(ROOT)))
    ]
    chosen = random.Random(seed).sample(everything, min(count, len(everything)))
    return sorted(chosen, key=everything.index)


def record() -> Path:
    """Run the suite once; return the file that knows which tests reach which line."""
    WORK.mkdir(exist_ok=True)
    found = WORK / "coverage"
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", *SUITE, "--numprocesses=2"),
            *("--dist=loadgroup", "--cov", "--cov-context=test", "--cov-report="),
        ],
        cwd=ROOT,
        env=os.environ | {"COVERAGE_FILE": str(found)},
        check=True,
    )
    return found


def reaching(recorded: Path, mutants: Sequence[Mutant]) -> dict[str, list[str]]:
    """Return the tests that reach each mutant's lines, the most telling ones first."""
    data = CoverageData(str(recorded))
    data.read()
    breadth: Counter[str] = Counter()
    depth: dict[str, Counter[str]] = {}
    by_file: dict[str, dict[int, list[str]]] = {}
    for file in {mutant.file for mutant in mutants}:
        by_file[file] = data.contexts_by_lineno(str(ROOT / file))
        depth[file] = Counter()
        for contexts in by_file[file].values():
            for context in filter(None, contexts):
                breadth[context] += 1
                depth[file][context] += 1 / len(contexts)
    found = {}
    for mutant in mutants:
        tests = {
            context
            for line in mutant.lines
            for context in by_file[mutant.file].get(line, ())
            if context
        }
        # A test of few lines is quick and about them, one that reaches what few others
        # do in this file is about that; every third is drawn.
        narrow = sorted(tests, key=lambda test: (breadth[test], test))
        special = sorted(tests, key=lambda test: (-depth[mutant.file][test], test))
        drawn = random.Random(mutant.name).sample(narrow, len(narrow))
        mixed = chain.from_iterable(zip(narrow, special, drawn, strict=True))
        names = (test.rpartition("|")[0] for test in mixed)
        found[mutant.name] = list(dict.fromkeys(names))
    return found


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Have the changed code run inside the ``with`` block."""
    replaced = replaced_code(ROOT, mutant)
    changed: list[tuple[FunctionType, CodeType]] = []
    for one in gc.get_objects():
        # Not `isinstance`: some objects warn, or load modules, when they are asked.
        if type(one) is FunctionType and one.__code__ in replaced:
            code = one.__code__
            if code.co_filename.endswith(mutant.file):
                changed.append((one, code))
    if not changed:
        raise LookupError(f"no function has the code of {mutant.name}")
    try:
        for function, code in changed:
            function.__code__ = replaced[code]
        forget()
        yield
    finally:
        for function, code in changed:
            function.__code__ = code
        forget()


def forget() -> None:
    """Empty what the library remembers of earlier calls."""
    from unifiedml._backend.registry import loaded_backends

    for backend in loaded_backends():
        backend.kernels.clear()
    for one in gc.get_objects():
        if type(one) is functools._lru_cache_wrapper:
            module = getattr(one, "__module__", None) or ""
            if module.startswith("unifiedml"):
                one.cache_clear()


class SpoiledError(Exception):
    """Tests fail without a fault in this process."""


class Trial:
    """Runs for each mutant the tests that reach it, in the place of pytest's loop."""

    def __init__(self, todo: Sequence[tuple[Mutant, list[str]]], part: Path) -> None:
        self.todo = todo
        self.log = _log(part)
        self.failed = ""
        self.broken: set[str] = set()
        self.fresh = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the failure of a test."""
        if report.failed and not self.failed:
            lines = report.longreprtext.strip().splitlines() or [""]
            errors = [line[4:] for line in lines if line.startswith("E   ")]
            self.failed = f"{report.nodeid}: {(errors or lines[-1:])[0]}"[:300]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Plant, run, report a line of JSON, take away, for each in turn."""
        items = {item.nodeid: item for item in session.items}
        with self.log.open("a", encoding="utf-8") as output:
            for mutant, tests in self.todo:
                print(json.dumps({"begins": mutant.name}), file=output, flush=True)
                chosen = [items[one] for one in tests if one in items]
                try:
                    found = self._try(mutant, chosen)
                except SpoiledError:
                    os._exit(SPOILED)
                self.fresh = False
                said = {"name": mutant.name, **found}
                print(json.dumps(said), file=output, flush=True)
        return True

    def _try(self, mutant: Mutant, items: Sequence[pytest.Item]) -> dict[str, Any]:
        start = time.monotonic()
        left = [one for one in items if one.nodeid not in self.broken]
        try:
            caught = ""
            while left and not caught and time.monotonic() - start < PATIENCE:
                if self.fresh:
                    caught = self._fresh(mutant, left)
                else:
                    caught = self._one(mutant, left, start)
        except ValueError as error:
            if "free vars" not in str(error):
                raise
            return {"impossible": str(error)}
        seconds = round(time.monotonic() - start, 1)
        ran = len(items) - len(left)
        return {"by": caught, "ran": ran, "of": len(items), "seconds": seconds}

    def _one(self, mutant: Mutant, left: list[pytest.Item], start: float) -> str:
        """Run tests until one fails, and see that it does not without the fault."""
        caught = ""
        with planted(mutant):
            while left and not caught and time.monotonic() - start < PATIENCE:
                item = left.pop(0)
                caught = self._failure(item)
        if caught and self._failure(item):
            raise SpoiledError
        return caught

    def _fresh(self, mutant: Mutant, left: list[pytest.Item]) -> str:
        """Run a test without the fault, then with it, which may spoil the process."""
        item = left.pop(0)
        if self._failure(item):
            self.broken.add(item.nodeid)
            return ""
        with planted(mutant):
            return self._failure(item)

    def _failure(self, item: pytest.Item) -> str:
        """Run a test; return how it failed, or an empty string."""
        self.failed = ""
        signal.setitimer(signal.ITIMER_REAL, LIMIT, 1)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        except HangError:
            return f"{item.nodeid}: hangs"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return self.failed


def _hang(number: int, frame: FrameType | None) -> None:
    raise HangError


def work(part: Path) -> None:
    """Try the mutants of a part in this process."""
    signal.signal(signal.SIGALRM, _hang)
    everything = {one.name: one for one in chosen_mutants(0, 10**9, "")}
    todo = json.loads(part.read_text(encoding="utf-8"))
    trial = Trial([(everything[name], tests) for name, tests in todo.items()], part)
    options = ("-s", "-p", "no:xdist", "-p", "no:cov", "--hypothesis-profile=mutants")
    code = pytest.main([*SUITE, *options], plugins=[trial])
    # Failures are what is looked for; any other code is an error of the trial.
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        sys.exit(int(code))


def attempt(todo: dict[str, list[str]], part: Path) -> dict[str, dict[str, Any]]:
    """Try all in one process, and in another where a mutant has ended it."""
    log = _log(part)
    log.write_text("", encoding="utf-8")
    found: dict[str, dict[str, Any]] = {}
    while left := {name: tests for name, tests in todo.items() if name not in found}:
        part.write_text(json.dumps(left), encoding="utf-8")
        how = _run(part, log)
        begun = ""
        for line in log.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            begun = said.get("begins", begun)
            if "name" in said:
                found[said.pop("name")] = said
        if how:
            found.setdefault(begun, {"by": how, "ran": 0, "of": 0, "seconds": 0})
    return found


def _run(part: Path, log: Path) -> str:
    """Run a process that tries a part; return how the fault at work has ended it."""
    with part.with_suffix(".output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, __file__, "--part", str(part)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        # The first report needs all imports, the others what a fault may take.
        log.touch()
        while process.poll() is None:
            time.sleep(1)
            if time.time() - log.stat().st_mtime > 2 * PATIENCE:
                process.kill()
                process.wait()
                return "the process hung"
    if process.returncode in (0, SPOILED):
        return ""
    if process.returncode > 0:
        raise SystemExit(f"the trial itself failed: see {part.with_suffix('.output')}")
    return "the process was ended by a signal"


def _log(part: Path) -> Path:
    return part.with_suffix(".jsonl")


def page(
    mutants: Sequence[Mutant], found: dict[str, dict[str, Any]], sampled: str
) -> tuple[str, float]:
    """Return the text of `PAGE` and the share of mutants that were caught."""
    reasons: dict[str, str] = tomllib.loads(REASONS.read_text(encoding="utf-8"))
    possible = [one for one in mutants if "impossible" not in found[one.name]]
    alive = [one for one in possible if not found[one.name]["by"]]
    unseen = [one for one in alive if reasons.get(one.name, "").startswith(UNSEEN)]
    share = 1 - (len(alive) - len(unseen)) / max(1, len(possible) - len(unseen))
    caught = len(possible) - len(alive)
    files = Counter(one.file for one in possible)
    missed = Counter(one.file for one in alive if one not in unseen)
    intro = f"""# Planted faults

Written by `make mutants`: {sampled} of the places in the backends
and in automatic differentiation where an operator, a constant, a condition, a sign or a
statement can be changed. A fault is caught when one of the tests that reach it fails.

Of {len(possible)} faults **{caught} were caught**. {len(unseen)} cannot be seen: what
is computed is the same, or a GPU computes it, and there was none. Of the others
**{share:.1%}** were caught.
"""
    lines = [
        intro,
        "| file | faults | missed |",
        "| --- | --: | --: |",
        *(f"| `{name}` | {count} | {missed[name]} |" for name, count in files.items()),
        "",
        "## Survivors",
        "",
    ]
    for one in alive:
        reason = reasons.get(one.name, "No reason is known: a test is missing.")
        lines.append(f"- `{one.file}`: {one.what}. *{reason}*")
    return "\n".join(lines) + "\n", share


def main() -> int:
    """Plant the faults that were asked for, write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of the files' paths")
    parser.add_argument("--recorded", action="store_true", help="keep the last record")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--part", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        work(asked.part)
        return 0
    mutants = chosen_mutants(asked.seed, asked.count, asked.only)
    recorded = WORK / "coverage" if asked.recorded else record()
    todo = reaching(recorded, mutants)
    start = time.monotonic()
    with ThreadPoolExecutor(asked.jobs) as pool:
        parts = [
            pool.submit(
                attempt,
                dict(list(todo.items())[number :: asked.jobs]),
                WORK / f"part-{number}.json",
            )
            for number in range(asked.jobs)
        ]
        found = {name: said for part in parts for name, said in part.result().items()}
    (WORK / "found.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    sampled = f"a random sample (`--seed {asked.seed}`)"
    text, share = page(mutants, found, sampled)
    if not asked.only:
        PAGE.write_text(text, encoding="utf-8")
    print(text)
    print(f"{time.monotonic() - start:.0f} s")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
