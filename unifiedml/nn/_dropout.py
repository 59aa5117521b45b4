"""Dropout."""

from __future__ import annotations

import numpy as np

from unifiedml import random
from unifiedml._backend.registry import use_backend
from unifiedml._parameter import Buffer
from unifiedml._place import path_of
from unifiedml._tensor import Tensor
from unifiedml._tracing import tracing
from unifiedml.nn._input import as_input
from unifiedml.nn._module import Module
from unifiedml.ops.conversion import from_array
from unifiedml.ops.selection import where
from unifiedml.random._drawing import Draw

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, sets elements to zero at random and scales up the others.

    Which elements are dropped depends on the seed, on the layer's path in the model
    and on how often it has been called in training; not on backend or device. A
    saved model goes on where it stopped.

    Args:
        rate: The fraction to drop, in [0, 1], rounded to a multiple of 2**-16.

    Attributes:
        draws: How often the layer has been called in training, 0-d int64.

    Shape:
        Any, and the same.

    Raises:
        ValueError: ``rate`` is outside [0, 1].
        TypeError: The input is no real floating-point tensor.

    Example:
        >>> import unifiedml as um
        >>> layer = um.Dropout(0.5).eval()
        >>> layer(um.ones(3)).tolist()
        [1.0, 1.0, 1.0]

    Reference:
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout:
        A Simple Way to Prevent Neural Networks from Overfitting", in the form that
        scales in training ("inverted").
    """

    def __init__(self, rate: float) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"rate is a fraction in [0, 1], not {rate!r}")
        self.rate = rate
        self.draws = Buffer(0, dtype="int64")

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with elements dropped in training, else ``x`` itself."""
        x = as_input(self, x, floating=True)
        if not self.training or self.rate == 0:
            return x
        backend, device = x._backend, x.device
        with use_backend(backend.name):
            keep = random.keep_mask(
                x.shape,
                self.rate,
                key=random.layer_key(f"{path_of(self)}.dropout"),
                draw=self._next_draw(device),
                device=device,
            )
        # Chosen, not multiplied: a dropped infinity is 0, not NaN.
        return where(keep, x * random.keep_scale(self.rate), 0.0)

    def _next_draw(self, device: str) -> Draw:
        draws, trace = self.draws, tracing.get()
        if trace is not None:
            number = draws.detach()
            draws.replace(number + 1)
            ahead = trace.count(draws)
            # The host makes bits faster than a chain of small operations does, where
            # they need not travel, and no compiler makes one operation of the chain.
            chain = trace.backend.ops.random_words is None and not trace.compiled
            on_host = device == "cpu" and chain
            return (lambda: int(draws) + ahead) if on_host else number
        draw = int(draws)
        following = np.asarray(draw + 1, dtype=np.int64)
        draws.replace(from_array(following, draws._backend, draws.device))
        return draw

    def _describe(self) -> str:
        return f"{self.rate}"
