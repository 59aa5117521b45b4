"""The pictures of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.page import slope
from benchmarks.races import BACKENDS, Race
from benchmarks.tasks import GROWTH

mpl.use("Agg")

from matplotlib import pyplot as plt

__all__ = ["draw_growth", "draw_steps"]

_COLORS = {"torch": "tab:red", "tensorflow": "tab:blue"}


def draw_steps(races: Sequence[Race], path: Path) -> None:
    """Draw the ratios of training steps as bars, with their quartiles."""
    figure, axes = plt.subplots(
        1, len(BACKENDS), figsize=(11, 4.5), sharey=True, layout="constrained"
    )
    for axis, backend in zip(axes, BACKENDS, strict=True):
        mine = [one for one in races if one.kind == "steps" and one.backend == backend]
        labels = [one.label for one in mine[0].entrants][1:]
        width = 0.8 / len(labels)
        for number, label in enumerate(labels):
            ratios = [race.ratio(label) for race in mine]
            places = [at + number * width for at in range(len(mine))]
            heights = [one.median for one in ratios]
            spread = [
                [one.median - one.low for one in ratios],
                [one.high - one.median for one in ratios],
            ]
            axis.bar(places, heights, width, label=label, yerr=spread)
        axis.axhline(1, color="black", linewidth=1)
        axis.set_yscale("log")
        ticks = [at + width * (len(labels) - 1) / 2 for at in range(len(mine))]
        axis.set_xticks(ticks, [race.subject for race in mine])
        axis.set_title(f"{BACKENDS[backend]}, relative to {mine[0].entrants[0].label}")
        axis.legend(fontsize="small")
    axes[0].set_ylabel("time of a training step, ratio")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_growth(races: Sequence[Race], path: Path) -> None:
    """Draw times against sizes, both logarithmic."""
    figure, axes = plt.subplots(
        1, len(GROWTH), figsize=(15, 4), sharey=True, layout="constrained"
    )
    for axis, what in zip(axes, GROWTH, strict=True):
        for race in (one for one in races if one.kind == "growth"):
            if race.subject != what:
                continue
            sizes = [float(name) for name in race.names()]
            native = race.entrants[0].label
            for label, style in ((native, "--"), ("ours", "-")):
                times = [race.median(label, name) * 1e6 for name in race.names()]
                title = native if label == native else f"ours on {native}"
                axis.loglog(
                    sizes,
                    times,
                    style,
                    marker="o",
                    color=_COLORS[race.backend],
                    label=f"{title}, slope {slope(race, label):.2f}",
                )
        axis.set_xlabel(what)
        axis.legend(fontsize="small")
    axes[0].set_ylabel("time of a training step, µs")
    figure.savefig(path, dpi=110)
    plt.close(figure)
