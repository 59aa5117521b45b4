"""Running a function so that what it writes can be dropped."""

from __future__ import annotations

from collections.abc import Callable

from unifiedml._backend.protocol import Native
from unifiedml._imperative import no_grad
from unifiedml._parameter import Lifted, Parameter
from unifiedml._tensor import Tensor

__all__ = ["Apart"]


class Apart(Lifted):
    """Keeps what is written to parameters, and what is to happen on the host."""

    def __init__(self) -> None:
        super().__init__(None)
        self.effects: list[Callable[[], None]] = []
        self._written: dict[int, Parameter] = {}

    def write(self, parameter: Parameter, native: Native) -> bool:
        """Replace the stand-in of ``parameter``, whatever it is."""
        self.natives[id(parameter)] = native
        self._written[id(parameter)] = parameter
        return True

    def commit(self) -> None:
        """Write to the parameters, and have happen what has waited: outside."""
        with no_grad():
            for key, parameter in self._written.items():
                parameter.replace(Tensor(self.natives[key], parameter._backend))
        for effect in self.effects:
            effect()
