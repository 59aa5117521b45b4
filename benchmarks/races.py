"""What is measured: who races against whom, and what is held against the bars."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.race import Entrant, Measured, Ratio, environment, measure, ratio
from benchmarks.tasks import GROWTH, TASKS

__all__ = ["BACKENDS", "Race", "Settings", "geometric_mean", "imports", "races"]

BACKENDS = {"torch": "PyTorch", "tensorflow": "TensorFlow"}


@dataclass(frozen=True)
class Settings:
    """How everything is measured.

    Attributes:
        rounds: How many turns each call has.
        threads: How many threads each framework may use.
    """

    rounds: int
    threads: int


@dataclass
class Race:
    """Entrants that take turns; the first is what the others are compared with.

    Attributes:
        kind: What is raced: ``"operations"``, ``"steps"`` and so on.
        backend: The framework.
        subject: The task, or the size.
        entrants: Who takes part.
        result: What was measured; None before.
    """

    kind: str
    backend: str
    subject: str
    entrants: list[Entrant]
    result: Measured | None = field(default=None, repr=False)

    def run(self, settings: Settings) -> None:
        """Run it."""
        self.result = measure(self.entrants, settings.rounds, settings.threads)

    @property
    def measured(self) -> Measured:
        """What was measured."""
        assert self.result is not None
        return self.result

    def names(self) -> list[str]:
        """Return the names of the calls."""
        return [*dict.fromkeys(name for _, name in self.measured.seconds)]

    def median(self, label: str, name: str = "") -> float:
        """Return the median time of a call, in seconds."""
        return statistics.median(self.measured.seconds[label, name])

    def ratio(self, label: str, name: str = "", to: str | None = None) -> Ratio:
        """Return how a call compares with that of the first entrant, or another's."""
        base = self.entrants[0].label if to is None else to
        found = self.measured.seconds
        return ratio(found[label, name], found[base, name])


def geometric_mean(ratios: list[Ratio]) -> float:
    """Return the geometric mean of medians."""
    return math.exp(statistics.fmean(math.log(one.median) for one in ratios))


def races() -> Iterator[Race]:
    """Yield all races."""
    for backend in BACKENDS:
        for size in (4, 1_000_000):
            yield _race("operations", backend, str(size), [("operations", (size,))])
    for task in TASKS:
        for backend in BACKENDS:
            yield Race("steps", backend, task, _steppers(backend, task))
    for backend in BACKENDS:
        yield _race("derivatives", backend, "mlp", [("derivatives", ("mlp",))])
        predict = _race("predict", backend, "mlp", [("predict", ("mlp", 10_000, 128))])
        arguments = ("mlp", 10_000, 128)
        predict.entrants.append(_keras(backend, "predict", arguments))
        yield predict
        for task in ("tiny", "mlp"):
            entrant = _ours("ours", backend, "fit", (task, 100))
            yield Race("fit", backend, task, [entrant])
    for backend in BACKENDS:
        yield Race("lengths", backend, "transformer", _readers(backend, "transformer"))
    for what in GROWTH:
        for backend in BACKENDS:
            yield _race("growth", backend, what, [("growing", (what,))])


def _race(
    kind: str, backend: str, subject: str, makers: list[tuple[str, tuple[object, ...]]]
) -> Race:
    entrants = []
    for maker, arguments in makers:
        module = f"native_{backend}"
        entrants += [
            Entrant(BACKENDS[backend], module, maker, arguments),
            _ours("ours", backend, maker, arguments),
        ]
    return Race(kind, backend, subject, entrants)


def _ours(
    label: str, backend: str, maker: str, arguments: tuple[object, ...]
) -> Entrant:
    variables = (("UNIFIEDML_BACKEND", backend),)
    return Entrant(label, "ours", maker, arguments, variables)


def _keras(backend: str, maker: str, arguments: tuple[object, ...]) -> Entrant:
    variables = (("KERAS_BACKEND", backend),)
    return Entrant("Keras 3", "with_keras", maker, arguments, variables)


def _steppers(backend: str, task: str) -> list[Entrant]:
    plain, compiled = {
        "torch": ("eager, fused Adam", "torch.compile"),
        "tensorflow": ("tf.function, fused Adam", "tf.function, XLA"),
    }[backend]
    module = f"native_{backend}"
    mode = "eager" if backend == "torch" else "function"
    return [
        Entrant(plain, module, "step", (task, mode)),
        Entrant(compiled, module, "step", (task, "compiled")),
        _ours("um.jit", backend, "step", (task, "jit")),
        _ours("um.jit(compiler=True)", backend, "step", (task, "compiled")),
        _ours("train_on_batch", backend, "step", (task, "train_on_batch")),
        _ours("eager", backend, "step", (task, "eager")),
        _keras(backend, "step", (task,)),
    ]


def _readers(backend: str, task: str) -> list[Entrant]:
    native = {"torch": "eager, fused Adam", "tensorflow": "tf.function of any length"}
    return [
        Entrant(native[backend], f"native_{backend}", "lengths", (task,)),
        _ours("um.jit(dynamic=True)", backend, "lengths", (task, "dynamic")),
        _ours("fit", backend, "lengths", (task, "fit")),
        _ours("eager", backend, "lengths", (task, "eager")),
        _keras(backend, "lengths", (task,)),
    ]


def imports(settings: Settings) -> dict[str, float]:
    """Return the median seconds of imports, each in a process of its own."""
    codes = {
        "numpy": "import numpy",
        "numpy, unifiedml": "import numpy, unifiedml",
        "torch": "import torch",
        "tensorflow": "import tensorflow",
        "keras": "import keras",
    }
    found: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(settings.rounds):
        for name, code in codes.items():
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", code],
                check=True,
                capture_output=True,
                env=environment(settings.threads),
            )
            found[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in found.items()}
