"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml.optim._base import Optimizer
from unifiedml.optim._options import Momentum
from unifiedml.optim._step import Numbers, State

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    With gradient g, parameter w, buffer b, momentum μ and learning rate η::

        g ← g + weight_decay · w
        b ← μ b + g
        w ← w − η b                (plain)
        w ← w − η (g + μ b)        (Nesterov)

    The learning rate is outside of the buffer, as in PyTorch; Keras has it inside,
    which differs when the rate changes.

    Args:
        parameters: Parameters, or None; see `Optimizer`.
        learning_rate: η.
        momentum: μ, in [0, 1).
        nesterov: Look ahead by the momentum.
        weight_decay: Factor of the L2 penalty, which is part of the gradient.

    Raises:
        ValueError: An option is out of range, or Nesterov without momentum.

    Example:
        >>> import unifiedml as um
        >>> w = um.nn.Parameter(um.ones(2))
        >>> um.SGD([w], learning_rate=0.5).step([um.ones(2)])
        >>> w.tolist()
        [0.5, 0.5]

    Reference:
        Polyak (1964), "Some methods of speeding up the convergence of iteration
        methods"; Sutskever, Martens, Dahl and Hinton (2013), "On the importance of
        initialization and momentum in deep learning".
    """

    momentum = Momentum(below=1)

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        *,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.momentum = momentum
        if nesterov and not momentum:
            raise ValueError("nesterov=True needs a momentum")
        self.nesterov = nesterov
        if momentum:
            self.slots = ("momentum",)
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay
        )

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, numbers: Numbers
    ) -> tuple[Tensor, State]:
        """Return the new parameter and buffer."""
        g, w, μ = gradient, parameter, self.momentum
        η = numbers["learning_rate"]
        if not μ:
            return w - g * η, state
        b = state["momentum"] * μ + g
        direction = g + b * μ if self.nesterov else b
        return w - direction * η, {"momentum": b}
