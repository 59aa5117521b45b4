"""History: what ``fit`` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["History"]


class History(Mapping[str, list[float]]):
    """Loss and metrics by name, one number an epoch; and the loss of every step.

    Attributes:
        history: The dict itself, as in Keras.
        steps: The loss of every step of all epochs.

    Example:
        >>> import unifiedml as um
        >>> history = um.train.History()
        >>> history.append({"loss": 0.5})
        >>> history["loss"]
        [0.5]
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.steps: list[float] = []

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return max((len(values) for values in self.history.values()), default=0)

    def append(self, logs: Mapping[str, float]) -> None:
        """Add the numbers of an epoch."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> list[float]:
        return self.history[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.history)

    def __len__(self) -> int:
        return len(self.history)

    def __repr__(self) -> str:
        last = ", ".join(f"{k}={v[-1]:.4g}" for k, v in self.history.items())
        return f"History({self.epochs} epochs; last: {last})"
