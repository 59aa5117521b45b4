"""The page of results: tables, and what they say of the bars."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.race import Ratio, ratio
from benchmarks.races import BACKENDS, Race, Settings, geometric_mean
from benchmarks.tasks import GROWTH, SHORTEST, TASKS, sentences

__all__ = ["page", "slope"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 0.1:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds * 1e6:,.0f} µs" if seconds >= 1e-5 else f"{seconds * 1e6:.2f} µs"


def _of(races: Sequence[Race], kind: str, backend: str | None = None) -> list[Race]:
    return [
        one
        for one in races
        if one.kind == kind and (backend is None or one.backend == backend)
    ]


def _settings(settings: Settings) -> str:
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    packages = "unifiedml numpy torch tensorflow-cpu keras".split()
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{processor}, {settings.threads} thread(s) for each process, "
        f"{settings.rounds} rounds. Python {platform.python_version()}, {versions}."
    )


def _steps(races: Sequence[Race], backend: str) -> str:
    mine = _of(races, "steps", backend)
    labels = [one.label for one in mine[0].entrants]
    rows = []
    for race in mine:
        cells = [TASKS[race.subject].title, _time(race.median(labels[0]))]
        cells += [
            f"{_time(race.median(label))}, {race.ratio(label)}" for label in labels[1:]
        ]
        rows.append(cells)
    return _table([f"on {BACKENDS[backend]}", *labels], rows)


def _operations(races: Sequence[Race]) -> str:
    mine = _of(races, "operations")
    head = ["operation"]
    for race in mine:
        head += [f"{BACKENDS[race.backend]}, {int(race.subject):,} elements", "ours"]
    rows = []
    for name in mine[0].names():
        cells = [f"`{name}`"]
        for race in mine:
            native = race.entrants[0].label
            cells += [_time(race.median(native, name)), str(race.ratio("ours", name))]
        rows.append(cells)
    means = ["geometric mean"]
    for race in mine:
        means += ["", f"**{_mean(race):.2f}**"]
    return _table(head, [*rows, means])


def _mean(race: Race) -> float:
    return geometric_mean([race.ratio("ours", name) for name in race.names()])


def _others(races: Sequence[Race]) -> str:
    rows = []
    for race in [*_of(races, "derivatives"), *_of(races, "predict")]:
        native = race.entrants[0].label
        for name in race.names():
            title = name or "`predict`, 10,000 rows"
            cells = [title, BACKENDS[race.backend], _time(race.median(native, name))]
            cells.append(str(race.ratio("ours", name)))
            keras = [one for one in race.entrants if one.label == "Keras 3"]
            cells.append(str(race.ratio("Keras 3", name)) if keras else "")
            rows.append(cells)
    return _table(["MLP 784-128-10", "on", "native", "ours", "Keras 3"], rows)


def _fits(races: Sequence[Race]) -> str:
    rows = [
        [
            TASKS[race.subject].title,
            BACKENDS[race.backend],
            _time(race.median("ours", "steps") / 100),
            str(_fit(race)),
        ]
        for race in _of(races, "fit")
    ]
    return _table(["model", "on", "a bare step", "a step of `fit`"], rows)


def _fit(race: Race) -> Ratio:
    found = race.measured.seconds
    return ratio(found["ours", "fit"], found["ours", "steps"])


def _lengths(races: Sequence[Race]) -> str:
    rows = []
    for race in _of(races, "lengths"):
        native, count = race.entrants[0].label, len(sentences(race.subject))
        for one in race.entrants:
            first = race.measured.first[one.label]["first"]
            cells = [BACKENDS[race.backend], one.label, _time(first)]
            cells.append(_time(race.median(one.label) / count))
            cells.append("" if one.label == native else str(race.ratio(one.label)))
            rows.append(cells)
    return _table(["on", "entrant", "first epoch", "a later step", "ratio"], rows)


def _first(races: Sequence[Race]) -> str:
    rows = []
    for race in _of(races, "steps"):
        for label in dict.fromkeys(
            [race.entrants[0].label, *(one.label for one in race.entrants)]
        ):
            first = race.measured.first[label]
            rows.append(
                [
                    TASKS[race.subject].title,
                    f"{BACKENDS[race.backend]}: {label}",
                    _time(first["imported"]),
                    _time(first["built"]),
                    _time(first["first"]),
                    f"{race.measured.peak[label]:.0f} MiB",
                ]
            )
    head = ["model", "entrant", "imports", "building", "first step", "largest size"]
    return _table(head, rows)


def slope(race: Race, label: str) -> float:
    """Return the power of the size that the time of the last decade grows with."""
    sizes = [float(name) for name in race.names()]
    last = [race.median(label, name) for name in race.names()[-2:]]
    return math.log(last[1] / last[0]) / math.log(sizes[-1] / sizes[-2])


def _growth(races: Sequence[Race]) -> str:
    rows = []
    for race in _of(races, "growth"):
        native = race.entrants[0].label
        for label in (native, "ours"):
            times = [_time(race.median(label, name)) for name in race.names()]
            rows.append(
                [
                    f"{race.subject}: {', '.join(GROWTH[race.subject])}",
                    native if label == native else f"ours on {native}",
                    ", ".join(times),
                    f"{slope(race, label):.2f}",
                ]
            )
    return _table(["what grows", "entrant", "a step", "slope of the last decade"], rows)


def _bars(races: Sequence[Race], imports: dict[str, float]) -> str:
    rows: list[list[str]] = []

    def bar(what: str, most: float, found: float, unit: str = "") -> None:
        met = "yes" if found <= most else "**no**"
        rows.append([what, f"{most}{unit}", f"{found:.2f}{unit}", met])

    for race in _of(races, "operations"):
        name = f"eager operations on {BACKENDS[race.backend]}, {race.subject} elements"
        small = {"torch": 1.3, "tensorflow": 0.7}[race.backend]
        bar(
            f"{name}, geometric mean",
            small if race.subject == "4" else 1.02,
            _mean(race),
        )
    for race in _of(races, "steps"):
        on = f"{race.subject} on {BACKENDS[race.backend]}"
        best = min(
            (one.label for one in race.entrants[:2]),
            key=lambda label: race.median(label),
        )
        most = 0.9 if race.subject in ("tiny", "mlp") else 1.0
        against = race.ratio("um.jit", to=best).median
        bar(f"step of {on}, against the faster native one", most, against)
        keras = race.ratio("train_on_batch", to="Keras 3").median
        bar(f"`train_on_batch` of {on}, against Keras 3", 0.5, keras)
        if race.backend == "torch" and race.subject in ("tiny", "mlp"):
            compiled = race.ratio("um.jit(compiler=True)").median
            most = 0.25 if race.subject == "tiny" else 0.85
            bar(f"compiled step of {on}, against eager", most, compiled)
        peak = race.measured.peak
        memory = peak["um.jit"] / peak[race.entrants[0].label]
        bar(f"memory of the process, {on}", 1.1, memory)
    for race in _of(races, "fit"):
        on = f"{race.subject} on {BACKENDS[race.backend]}"
        bar(f"`fit` of {on}, against bare steps", 1.05, _fit(race).median)
    beyond = imports["numpy, unifiedml"] - imports["numpy"]
    bar("import beyond NumPy", 0.2, beyond, " s")
    return _table(["what", "at most", "found", "met"], rows)


def page(races: Sequence[Race], imports: dict[str, float], settings: Settings) -> str:
    """Return the page."""
    steps = "\n\n".join(_steps(races, backend) for backend in BACKENDS)
    packages = _table(
        ["package", "seconds"], [[name, f"{one:.2f}"] for name, one in imports.items()]
    )
    return f"""\
# Benchmarks

Written by `make bench` (`python -m benchmarks`). {_settings(settings)}

Each entrant runs in a process of its own. In every round each has a turn of about 0.15
seconds, in alternating order. Times are medians over the rounds; ratios are taken round
by round: their median, with the quartiles in brackets. Below 1 is faster. Entrants that
are not ours are written as their documentation advises, in `benchmarks/`.

## Bars

What this library promises itself. "Native" is the faster of the hand-written entrants.

{_bars(races, imports)}

## Training steps

Forward pass, gradients and Adam on one batch. Ratios are to the first column.

![Training steps](benchmarks-steps.png)

{steps}

## Derivatives and prediction

{_others(races)}

## `fit`

One epoch of 100 steps with shuffling and accuracy, against a loop over the same batches
in order that calls `um.jit`'s step and nothing else.

{_fits(races)}

## Sentences of all lengths

The Transformer encoder on a batch of each length from {SHORTEST} to
{TASKS["transformer"].shape[0]}, in random order: the seconds of the first epoch, which
traces and compiles, and the mean step of later ones.

{_lengths(races)}

## Eager operations

{_operations(races)}

## First steps and memory

Of the processes that ran the training steps: what their imports, building the model,
and the first step took, and the largest size that the process ever had.

{_first(races)}

Imports alone, each in a new process (Python's own start included):

{packages}

## Growth

Steps of an MLP (32 inputs, one layer of width 32, batch 32, unless said otherwise).

![Growth](benchmarks-growth.png)

{_growth(races)}
"""
