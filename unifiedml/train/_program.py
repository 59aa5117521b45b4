"""Steps as programs, where they can be."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

from unifiedml._backend.errors import TracedStateError, TracedValueError
from unifiedml._jit import Jitted

__all__ = ["Step"]

P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """A function that runs as a program; op by op where it cannot be one.

    Args:
        function: What is done.
        eager: Whether to run it op by op always.
        compiler: Whether the framework's compiler makes the program.
    """

    def __init__(
        self, function: Callable[P, R], *, eager: bool = False, compiler: bool = False
    ) -> None:
        self._function = function
        self._jitted = (
            None
            if eager
            else Jitted(function, compiler, general=True, title="a step of the model")
        )

    @property
    def is_program(self) -> bool:
        """Whether it runs as a program."""
        return self._jitted is not None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns."""
        if self._jitted is not None:
            try:
                return self._jitted(*args, **kwargs)
            except (TracedStateError, TracedValueError) as error:
                warnings.warn(
                    f"the model runs op by op, which is slower: {error}. "
                    "compile(..., run_eagerly=True) says that this is meant",
                    stacklevel=2,
                )
                self._jitted = None
        return self._function(*args, **kwargs)
