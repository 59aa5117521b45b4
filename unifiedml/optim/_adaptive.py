"""Rules that scale each element's step by its past gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from unifiedml._dtypes import DType
from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml.ops.arithmetic import abs, square
from unifiedml.ops.exponential import sqrt
from unifiedml.ops.selection import maximum
from unifiedml.optim._base import Optimizer
from unifiedml.optim._options import Momentum, Option
from unifiedml.optim._step import Numbers, State

__all__ = ["Adadelta", "Adagrad", "Adamax", "RMSprop"]


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradient.

    With gradient g, parameter w, mean square v, mean m, buffer b and learning rate η::

        v ← ρ v + (1 − ρ) g²
        r = √v + ε                 (plain)
        r = √(v − m²) + ε          (centered, with m ← ρ m + (1 − ρ) g)
        b ← μ b + g / r
        w ← w − η b

    ε is outside of the root and η outside of the buffer, as in PyTorch; Keras has both
    inside.

    Args:
        parameters: Parameters, or None; see `Optimizer`.
        learning_rate: η.
        rho: ρ, in [0, 1).
        momentum: μ, in [0, 1).
        epsilon: ε, positive.
        centered: Divide by the standard deviation instead.
        weight_decay: Factor of the L2 penalty, which is part of the gradient.

    Raises:
        ValueError: An option is out of range.

    Example:
        >>> import unifiedml as um
        >>> w = um.nn.Parameter(um.ones(2))
        >>> um.optim.RMSprop([w], learning_rate=0.25, rho=0.75).step([um.ones(2)])
        >>> w.tolist()
        [0.5, 0.5]

    Reference:
        Tieleman and Hinton (2012), "Lecture 6.5: RMSProp", Neural Networks for Machine
        Learning; centered: Graves (2013), "Generating Sequences With Recurrent Neural
        Networks", section 2.1.
    """

    takes_complex = False

    rho = Option(below=1)
    momentum = Momentum(below=1)
    epsilon = Option(positive=True)

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        *,
        learning_rate: float = 0.01,
        rho: float = 0.99,
        momentum: float = 0.0,
        epsilon: float = 1e-8,
        centered: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        self.slots = (
            "v",
            *(("m",) if centered else ()),
            *(("momentum",) if momentum else ()),
        )
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay
        )

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, numbers: Numbers
    ) -> tuple[Tensor, State]:
        """Return the new parameter, mean square, mean and buffer."""
        g, w, ρ = gradient, parameter, self.rho
        new = {"v": state["v"] * ρ + square(g) * (1 - ρ)}
        v = new["v"]
        if self.centered:
            new["m"] = state["m"] * ρ + g * (1 - ρ)
            # Rounding could make the variance negative.
            v = maximum(v - square(new["m"]), 0.0)
        direction = g / (sqrt(v) + self.epsilon)
        if self.momentum:
            direction = state["momentum"] * self.momentum + direction
            new["momentum"] = direction
        return w - direction * numbers["learning_rate"], new


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients.

    With gradient g, parameter w, sum a (0 at first) and learning rate η::

        a ← a + g²
        w ← w − η · g / (√a + ε)

    Args:
        parameters: Parameters, or None; see `Optimizer`.
        learning_rate: η.
        epsilon: ε, positive.
        weight_decay: Factor of the L2 penalty, which is part of the gradient.

    Raises:
        ValueError: An option is out of range.

    Example:
        >>> import unifiedml as um
        >>> w = um.nn.Parameter(um.ones(2))
        >>> um.optim.Adagrad([w], learning_rate=0.5).step([um.ones(2)])
        >>> w.tolist()
        [0.5, 0.5]

    Reference:
        Duchi, Hazan and Singer (2011), "Adaptive Subgradient Methods for Online
        Learning and Stochastic Optimization".
    """

    slots = ("a",)
    takes_complex = False

    epsilon = Option(positive=True)

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        *,
        learning_rate: float = 0.01,
        epsilon: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        self.epsilon = epsilon
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay
        )

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, numbers: Numbers
    ) -> tuple[Tensor, State]:
        """Return the new parameter and sum."""
        g, w = gradient, parameter
        a = state["a"] + square(g)
        return w - g * numbers["learning_rate"] / (sqrt(a) + self.epsilon), {"a": a}


class Adadelta(Optimizer):
    """Steps in the units of the parameter, from running mean squares.

    With gradient g, parameter w, mean squares v and d, and learning rate η::

        v ← ρ v + (1 − ρ) g²
        δ = g · √(d + ε) / √(v + ε)
        d ← ρ d + (1 − ρ) δ²
        w ← w − η δ

    Args:
        parameters: Parameters, or None; see `Optimizer`.
        learning_rate: η; the paper has none, which is 1.
        rho: ρ, in [0, 1).
        epsilon: ε, positive.
        weight_decay: Factor of the L2 penalty, which is part of the gradient.

    Raises:
        ValueError: An option is out of range.

    Example:
        >>> import unifiedml as um
        >>> w = um.nn.Parameter(um.ones(2))
        >>> um.optim.Adadelta([w]).step([um.zeros(2)])
        >>> w.tolist()
        [1.0, 1.0]

    Reference:
        Zeiler (2012), "ADADELTA: An Adaptive Learning Rate Method", algorithm 1.
    """

    slots = ("v", "d")
    takes_complex = False

    rho = Option(below=1)
    epsilon = Option(positive=True)

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        *,
        learning_rate: float = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        self.rho = rho
        self.epsilon = epsilon
        super().__init__(
            parameters, learning_rate=learning_rate, weight_decay=weight_decay
        )

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, numbers: Numbers
    ) -> tuple[Tensor, State]:
        """Return the new parameter and mean squares."""
        g, w, ρ, ε = gradient, parameter, self.rho, self.epsilon
        v = state["v"] * ρ + square(g) * (1 - ρ)
        δ = g * sqrt(state["d"] + ε) / sqrt(v + ε)
        d = state["d"] * ρ + square(δ) * (1 - ρ)
        return w - δ * numbers["learning_rate"], {"v": v, "d": d}


class Adamax(Optimizer):
    """Adam with the largest gradient in place of the mean square.

    With gradient g, parameter w, moment m, maximum u, step t and learning rate η::

        m ← β₁ m + (1 − β₁) g
        u ← max(β₂ u, |g|)
        w ← w − η / (1 − β₁ᵗ) · m / (u + ε)

    Args:
        parameters: Parameters, or None; see `Optimizer`.
        learning_rate: η.
        beta_1: β₁, in [0, 1).
        beta_2: β₂, in [0, 1).
        epsilon: ε, positive; the paper has none, and divides 0 by 0.
        weight_decay: Factor of the L2 penalty, which is part of the gradient.

    Raises:
        ValueError: An option is out of range.

    Example:
        >>> import unifiedml as um
        >>> w = um.nn.Parameter(um.ones(2))
        >>> um.optim.Adamax([w], learning_rate=0.5).step([um.ones(2)])
        >>> w.tolist()
        [0.5, 0.5]

    Reference:
        Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 2.
    """

    slots = ("m", "u")
    takes_complex = False

    beta_1 = Option(below=1)
    beta_2 = Option(below=1)
    epsilon = Option(positive=True)

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        *,
        learning_rate: float = 0.002,
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
        """Return the rate of a step, with the correction of the moment."""
        return {"rate": self.learning_rate / (1 - self.beta_1**step)}

    def update(
        self, gradient: Tensor, state: State, parameter: Tensor, numbers: Numbers
    ) -> tuple[Tensor, State]:
        """Return the new parameter, moment and maximum."""
        g, w, β1, β2 = gradient, parameter, self.beta_1, self.beta_2
        m = state["m"] * β1 + g * (1 - β1)
        u = maximum(state["u"] * β2, abs(g))
        return w - m * numbers["rate"] / (u + self.epsilon), {"m": m, "u": u}
