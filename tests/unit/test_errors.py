"""Errors of frameworks that hide what the user did."""

from __future__ import annotations

import pytest

import unifiedml as um
from unifiedml._backend.errors import interrupted


def hidden() -> SystemError:
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise SystemError("a call returned with an exception set") from interrupt
    except SystemError as error:
        return error


def test_an_interrupt_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(interrupted(hidden()), KeyboardInterrupt)
    assert interrupted(ValueError()) is None
    handled = ValueError("while an interrupt was handled")
    handled.__context__ = KeyboardInterrupt()
    assert interrupted(handled) is None

    def fails(*args: object) -> None:
        raise hidden()

    x = um.ones(2)
    um.exp(x)
    kernels = x._backend.kernels
    (op,) = (op for op in kernels if op.name == "exp")
    monkeypatch.setitem(kernels, op, (fails, kernels[op][1]))
    with pytest.raises(KeyboardInterrupt):
        um.exp(x)
