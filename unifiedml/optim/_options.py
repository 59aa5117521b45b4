"""Options of optimizers: numbers in ranges, which are checked when they are set."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from unifiedml._dtypes import DType
from unifiedml._parameter import Parameter
from unifiedml.optim._step import rounded, wide_dtype

if TYPE_CHECKING:
    from unifiedml.optim._base import Optimizer

__all__ = ["Momentum", "Option", "check_number", "check_options"]


class Option:
    """An option of an optimizer: a number, which is checked whenever it is set.

    Args:
        below: What it is less than.
        positive: Whether it may not be 0.
    """

    def __init__(self, *, below: float = math.inf, positive: bool = False) -> None:
        self._below = below
        self._positive = positive

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, optimizer: None, owner: type) -> Option: ...
    @overload
    def __get__(self, optimizer: Optimizer, owner: type) -> float: ...
    def __get__(self, optimizer: Optimizer | None, owner: type) -> Any:
        return self if optimizer is None else vars(optimizer)[self._name]

    def __set__(self, optimizer: Optimizer, value: float) -> None:
        # Programs compare what is in `vars`: a new value is a new program.
        vars(optimizer)[self._name] = self.checked(optimizer, value)

    def checked(self, optimizer: Optimizer, value: float) -> float:
        """Return the value that the option is set to, or raise."""
        number = self._within(value, None)
        self.check_for(optimizer._parameters, number)
        return number

    def check_for(self, parameters: Iterable[Parameter], value: float) -> None:
        """Raise if the data type of a parameter's steps rounds it out of its range.

        float32 rounds 1 - 1e-9 to 1 and 1e-50 to 0: Adam would divide by 0.
        """
        kinds = {one.dtype for one in parameters if one.dtype.kind == "float"}
        for dtype in map(wide_dtype, kinds):
            self._within(value, dtype)

    def _within(self, value: float, dtype: DType | None) -> float:
        return check_number(
            self._name, value, below=self._below, positive=self._positive, dtype=dtype
        )


class Momentum(Option):
    """An option ``momentum``, which may be changed, but not switched on later."""

    def checked(self, optimizer: Optimizer, value: float) -> float:
        """Return the value that the option is set to, or raise."""
        momentum = super().checked(optimizer, value)
        is_made = "_kept" in vars(optimizer)
        if momentum and is_made and "momentum" not in optimizer.slots:
            raise ValueError(
                f"a {type(optimizer).__name__} that is made without momentum keeps no "
                "velocity: make it with a momentum, which may be changed then"
            )
        return momentum


def check_options(optimizer: Optimizer, parameters: Iterable[Parameter]) -> None:
    """Raise if the data type of a parameter's steps rounds one out of its range."""
    for name, value in vars(optimizer).items():
        option = getattr(type(optimizer), name, None)
        if isinstance(option, Option):
            option.check_for(parameters, value)


def check_number(
    name: str,
    value: float,
    *,
    below: float = math.inf,
    positive: bool = False,
    dtype: DType | None = None,
) -> float:
    """Return an option as a float.

    Args:
        name: Its name.
        value: What is given.
        below: What it is less than.
        positive: Whether it may not be 0.
        dtype: The data type that has to hold it within these limits, too, if any.

    Raises:
        TypeError: It is no number.
        ValueError: It is out of its range, or rounded out of it.
    """
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} is a number, not {value!r}")
    number = float(value)
    held = number if dtype is None else rounded(number, dtype)
    if not 0 <= held < below or (positive and not held):
        limit = "" if math.isinf(below) else f" and below {below:g}"
        sign = "positive" if positive else "not negative"
        reason = "" if dtype is None else f", which {dtype.name} rounds to {held:g}"
        raise ValueError(f"{name} is {sign}{limit}, not {value!r}{reason}")
    return number
