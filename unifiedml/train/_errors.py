"""Errors of training."""

from __future__ import annotations

__all__ = ["NonFiniteLossError"]


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite; the step was not taken.

    Attributes:
        loss: Its value.
        epoch: In which epoch, counted from 1; None outside of ``fit``.
        step: At which step of the epoch, counted from 1; None outside of ``fit``.
    """

    def __init__(
        self, loss: float, epoch: int | None = None, step: int | None = None
    ) -> None:
        self.loss, self.epoch, self.step = loss, epoch, step
        where = "" if epoch is None else f" in epoch {epoch}, step {step}"
        super().__init__(
            f"the loss is {loss}{where}: the parameters were left as they were before "
            "this step; check the data for NaN and infinities, or lower the learning "
            "rate"
        )

    def __reduce__(self) -> tuple[type, tuple[float, int | None, int | None]]:
        return type(self), (self.loss, self.epoch, self.step)
