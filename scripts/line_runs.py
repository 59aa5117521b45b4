"""Running lines of the parity table outside of pytest: settings, places, choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import hypothesis

import unifiedml as um
from unifiedml.testing._conformance import conformance_cases
from unifiedml.testing._line import Line

__all__ = ["chosen_lines", "draws", "load_backends"]


def load_backends() -> None:
    """Load every framework once, outside of what is timed."""
    for name in um.available_backends():
        with um.use_backend(name):
            um.zeros(1)


def chosen_lines(names: Sequence[str] = ()) -> list[Line]:
    """Return the lines of these names, by default all."""
    lines = {line.name: line for line in conformance_cases()}
    if unknown := sorted(set(names) - set(lines)):
        raise SystemExit(f"no line has the name {', '.join(unknown)}")
    return [lines[name] for name in names] if names else list(lines.values())


@contextmanager
def draws(*, derandomize: bool) -> Iterator[None]:
    """Have Hypothesis draw without shrinking, deadlines, and memory of earlier runs.

    Args:
        derandomize: Whether the same code draws the same calls every time, where no
            seed is given.
    """
    settings = hypothesis.settings(
        deadline=None,
        derandomize=derandomize,
        database=None,
        phases=[hypothesis.Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.register_profile("line_runs", settings)
    before = hypothesis.settings.get_current_profile_name()
    hypothesis.settings.load_profile("line_runs")
    try:
        yield
    finally:
        hypothesis.settings.load_profile(before)
