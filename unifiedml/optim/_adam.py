"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unifiedml._dtypes import DType
from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml.ops.arithmetic import square
from unifiedml.ops.exponential import sqrt
from unifiedml.optim._base import Optimizer
from unifiedml.optim._options import Option
from unifiedml.optim._step import Numbers, State, rounded

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
    kernel = "adam"
    takes_complex = False

    beta_1 = Option(below=1)
    beta_2 = Option(below=1)
    epsilon = Option(positive=True)

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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay
        )

    def numbers(self, step: int, dtype: DType) -> Mapping[str, float]:
        """Return rate and epsilon of a step, with the corrections of the moments.

        η · m̂ / (√v̂ + ε) with the corrections taken out of the tensors, which is the
        same and cheaper: η' · m / (√v + ε · √(1 − β₂ᵗ)), as in section 2.
        """
        β1, β2 = self._betas(dtype)
        root = (1 - β2**step) ** 0.5
        rate = self.learning_rate * root / (1 - β1**step)
        return {"rate": rate, "epsilon": self.epsilon * root}

    def _betas(self, dtype: DType) -> tuple[float, float]:
        """Return the rates of the moments as ``dtype`` holds them.

        The corrections belong to those: 1 − 0.999 is 1.3e-5 off if 0.999 is rounded to
        float32 first, and so would the step be.
        """
        return rounded(self.beta_1, dtype), rounded(self.beta_2, dtype)

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, numbers: Numbers
    ) -> tuple[Tensor, State]:
        """Return the new parameter and moments."""
        g, w = gradient, parameter
        β1, β2 = self._betas(w.dtype)
        m = state["m"] * β1 + g * (1 - β1)
        v = state["v"] * β2 + square(g) * (1 - β2)
        w = w - m * numbers["rate"] / (sqrt(v) + numbers["epsilon"])
        return w, {"m": m, "v": v}

    def kernel_options(self, numbers: Numbers, dtype: DType) -> tuple[Any, ...]:
        """Return rate, epsilon, rates of the moments, and the decay if there is one."""
        decay = numbers.get("decay")
        return numbers["rate"], numbers["epsilon"], *self._betas(dtype), decay


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

    def penalized(self, gradient: Tensor, parameter: Tensor) -> Tensor:
        """Return the gradient as it is."""
        return gradient

    def numbers(self, step: int, dtype: DType) -> Mapping[str, float]:
        """Return the numbers of Adam, and the factor of the decay."""
        decay = 1 - self.learning_rate * self.weight_decay
        return {**super().numbers(step, dtype), "decay": decay}

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, numbers: Numbers
    ) -> tuple[Tensor, State]:
        """Return the new parameter and moments."""
        return super().update(gradient, state, parameter * numbers["decay"], numbers)
