"""The progress bar, by tqdm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

__all__ = ["Progress"]


class Progress:
    """A bar that shows the loss and the metrics of an epoch.

    Args:
        title: What stands before it.
        shown: Whether there is one at all.
    """

    def __init__(self, title: str, shown: bool) -> None:
        self._title = title
        self._shown = shown
        self._bar: Any = None

    def begin(self, total: int | None) -> None:
        """Show an empty bar for ``total`` steps."""
        if self._shown:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, desc=self._title, unit="step", leave=True)

    def advance(self, logs: Callable[[], Mapping[str, float]]) -> None:
        """Move on by one step; ``logs`` is called when the bar is drawn anew."""
        if self._bar is not None and self._bar.update():
            self._bar.set_postfix_str(_text(logs()))

    def finish(self, logs: Mapping[str, float]) -> None:
        """Show the numbers of the whole epoch."""
        if self._bar is not None:
            self._bar.set_postfix_str(_text(logs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _text(logs: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
