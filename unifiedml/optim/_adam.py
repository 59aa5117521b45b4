"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable

from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml.ops.arithmetic import square
from unifiedml.ops.exponential import sqrt
from unifiedml.optim._base import Optimizer, State, check_number

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient.

    With gradient g, parameter w, moments m and v, step t and learning rate η::

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        w ← w − η · m̂ / (√v̂ + ε)     where m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)

    ε is added to the corrected root, as in the paper's algorithm 1 and in PyTorch;
    Keras adds it before the correction ("epsilon hat"), which differs in early steps.

    Args:
        parameters: Parameters, or None; see `Optimizer`.
        learning_rate: η.
        beta_1: β₁, in [0, 1).
        beta_2: β₂, in [0, 1).
        epsilon: ε, positive.
        weight_decay: Factor of the L2 penalty, which is part of the gradient; for
            decay apart from it see `AdamW`.

    Raises:
        ValueError: An option is out of range.

    Example:
        >>> import unifiedml as um
        >>> w = um.nn.Parameter(um.ones(2))
        >>> um.Adam([w], learning_rate=0.5).step([um.ones(2)])
        >>> w.tolist()
        [0.5, 0.5]

    Reference:
        Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization".
    """

    slots = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        *,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.beta_1 = check_number("beta_1", beta_1, below=1)
        self.beta_2 = check_number("beta_2", beta_2, below=1)
        self.epsilon = check_number("epsilon", epsilon, positive=True)
        self.weight_decay = check_number("weight_decay", weight_decay)
        super().__init__(parameters, learning_rate=learning_rate)

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, step: int
    ) -> tuple[Tensor, State]:
        """Return the new parameter and moments."""
        g = gradient
        if self.weight_decay:
            g = g + parameter * self.weight_decay
        return self._moved(g, state, parameter, step)

    def _moved(
        self, g: Tensor, state: State, w: Tensor, t: int
    ) -> tuple[Tensor, State]:
        β1, β2 = self.beta_1, self.beta_2
        m = state["m"] * β1 + g * (1 - β1)
        v = state["v"] * β2 + square(g) * (1 - β2)
        # η · m̂ / (√v̂ + ε) with the corrections taken out of the tensors, which is
        # the same and cheaper: η' · m / (√v + ε · √(1 − β₂ᵗ)), as in section 2.
        root = (1 - β2**t) ** 0.5
        η = self.learning_rate * root / (1 - β1**t)
        return w - m * η / (sqrt(v) + self.epsilon * root), {"m": m, "v": v}


class AdamW(Adam):
    """Adam with weight decay apart from the gradient.

    First ``w ← w − η · weight_decay · w``, then the step of `Adam`.

    Args:
        parameters: Parameters, or None; see `Optimizer`.
        learning_rate: η.
        beta_1: β₁, in [0, 1).
        beta_2: β₂, in [0, 1).
        epsilon: ε, positive.
        weight_decay: The rate of decay, as in PyTorch 0.01 by default (Keras 0.004).

    Raises:
        ValueError: An option is out of range.

    Example:
        >>> import unifiedml as um
        >>> w = um.nn.Parameter(um.ones(2))
        >>> um.AdamW([w], learning_rate=0.5, weight_decay=0.5).step([um.ones(2)])
        >>> w.tolist()
        [0.25, 0.25]

    Reference:
        Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization".
    """

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        *,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            weight_decay=weight_decay,
        )

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, step: int
    ) -> tuple[Tensor, State]:
        """Return the new parameter and moments."""
        decayed = parameter * (1 - self.learning_rate * self.weight_decay)
        return self._moved(gradient, state, decayed, step)
