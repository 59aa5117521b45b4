"""Further activations, composed of simpler functions.

All take a real floating-point tensor of any shape and return one of the same data type.
In float16 and bfloat16 they are computed in float32 and rounded once.
"""

from __future__ import annotations

from unifiedml._rules.axes import normalize_axis
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import REAL_FLOATING, Op
from unifiedml.ops._steps import rounded_once
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.arithmetic import square
from unifiedml.ops.exponential import expm1, sqrt
from unifiedml.ops.nn import relu6, sigmoid, softplus
from unifiedml.ops.selection import clip, where
from unifiedml.ops.trigonometry import tanh

__all__ = [
    "celu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "mish",
    "soft_shrink",
    "softsign",
    "sparse_plus",
    "squareplus",
    "tanh_shrink",
    "threshold",
]

_ACTIVATION = Op("an activation", REAL_FLOATING)


def hard_sigmoid(x: Operand, /) -> Tensor:
    """Return ``min(max(x + 3, 0), 6) / 6``; its gradient at both ends is 0.

    Example:
        >>> import unifiedml as um
        >>> um.hard_sigmoid(um.tensor([-4.0, 0.0, 4.0])).tolist()
        [0.0, 0.5, 1.0]

    Reference:
        Howard et al. (2019), "Searching for MobileNetV3".
    """
    return rounded_once(_ACTIVATION, lambda x: relu6(x + 3.0) / 6.0, x)


def hard_silu(x: Operand, /) -> Tensor:
    """Return ``x * hard_sigmoid(x)``, also called hard swish.

    Example:
        >>> import unifiedml as um
        >>> um.hard_silu(um.tensor([-4.0, 0.0, 4.0])).tolist()[1:]
        [0.0, 4.0]

    Reference:
        Howard et al. (2019), "Searching for MobileNetV3".
    """
    return rounded_once(_ACTIVATION, lambda x: x * hard_sigmoid(x), x)


def hard_tanh(x: Operand, /) -> Tensor:
    """Return ``x`` limited to [-1, 1]; its gradient is 1 there, the ends included.

    Example:
        >>> import unifiedml as um
        >>> um.hard_tanh(um.tensor([-2.0, 0.5, 2.0])).tolist()
        [-1.0, 0.5, 1.0]
    """
    return clip(x, -1.0, 1.0)


def hard_shrink(x: Operand, /, *, threshold: float = 0.5) -> Tensor:
    """Return 0 where ``abs(x) <= threshold``, else ``x``; NaN stays.

    Example:
        >>> import unifiedml as um
        >>> um.hard_shrink(um.tensor([-0.5, 0.25, 2.0])).tolist()
        [0.0, 0.0, 2.0]
    """
    return rounded_once(_ACTIVATION, lambda x: where(_abs(x) <= threshold, 0.0, x), x)


def soft_shrink(x: Operand, /, *, threshold: float = 0.5) -> Tensor:
    """Return ``x`` moved by ``threshold`` towards 0, and 0 within that; NaN stays.

    Example:
        >>> import unifiedml as um
        >>> um.soft_shrink(um.tensor([-1.5, 0.25, 2.0])).tolist()
        [-1.0, 0.0, 1.5]
    """

    def shrink(x: Tensor) -> Tensor:
        moved = where(x > 0, x - threshold, x + threshold)
        return where(_abs(x) <= threshold, 0.0, moved)

    return rounded_once(_ACTIVATION, shrink, x)


def threshold(x: Operand, /, threshold: float, value: float) -> Tensor:
    """Return ``x`` where it is above ``threshold``, else ``value``; NaN stays.

    Example:
        >>> import unifiedml as um
        >>> um.threshold(um.tensor([0.5, 1.0, 2.0]), 1.0, 9.0).tolist()
        [9.0, 9.0, 2.0]
    """
    return rounded_once(_ACTIVATION, lambda x: where(x <= threshold, value, x), x)


def tanh_shrink(x: Operand, /) -> Tensor:
    """Return ``x - tanh(x)``.

    Example:
        >>> import unifiedml as um
        >>> um.tanh_shrink(um.tensor([0.0])).tolist()
        [0.0]
    """
    return rounded_once(_ACTIVATION, lambda x: x - tanh(x), x)


def mish(x: Operand, /) -> Tensor:
    """Return ``x * tanh(softplus(x))``.

    Example:
        >>> import unifiedml as um
        >>> um.mish(um.tensor([0.0])).tolist()
        [0.0]

    Reference:
        Misra (2020), "Mish: A Self Regularized Non-Monotonic Activation Function".
    """
    return rounded_once(_ACTIVATION, lambda x: x * tanh(softplus(x)), x)


def softsign(x: Operand, /) -> Tensor:
    """Return ``x / (1 + abs(x))``.

    Example:
        >>> import unifiedml as um
        >>> um.softsign(um.tensor([-1.0, 0.0, 3.0])).tolist()
        [-0.5, 0.0, 0.75]
    """
    return rounded_once(_ACTIVATION, _softsign, x)


def _softsign(x: Tensor) -> Tensor:
    # Two branches, for abs has no derivative at 0 but this function has.
    size = where(x < 0, -x, x)
    return x / (size + 1.0)


def celu(x: Operand, /, *, alpha: float = 1.0) -> Tensor:
    """Return ``x`` where it is positive, else ``alpha * (exp(x / alpha) - 1)``.

    Example:
        >>> import unifiedml as um
        >>> um.celu(um.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]

    Reference:
        Barron (2017), "Continuously Differentiable Exponential Linear Units".
    """

    def unit(x: Tensor) -> Tensor:
        positive = x > 0
        return where(positive, x, expm1(where(positive, 0.0, x) / alpha) * alpha)

    return rounded_once(_ACTIVATION, unit, x)


def glu(x: Operand, /, *, axis: int = -1) -> Tensor:
    """Return the first half of ``x`` times the sigmoid of the second half.

    Args:
        x: Of even size along ``axis``.
        axis: Where the halves lie beside each other.

    Raises:
        ValueError: The size along ``axis`` is odd, or ``x`` is 0-d.

    Example:
        >>> import unifiedml as um
        >>> um.glu(um.tensor([4.0, 0.0])).tolist()
        [2.0]

    Reference:
        Dauphin, Fan, Auli and Grangier (2017), "Language Modeling with Gated
        Convolutional Networks".
    """

    def unit(x: Tensor) -> Tensor:
        place = normalize_axis(axis, x.ndim)
        size = x.shape[place]
        if size % 2:
            raise ValueError(
                f"glu splits axis {axis} in halves, but its size, {size}, is odd"
            )
        before = (slice(None),) * place
        gate = sigmoid(x[(*before, slice(size // 2, None))])
        return x[(*before, slice(None, size // 2))] * gate

    return rounded_once(_ACTIVATION, unit, x)


def squareplus(x: Operand, /, *, b: float = 4.0) -> Tensor:
    """Return ``(x + sqrt(x**2 + b)) / 2``, a smooth relu.

    Example:
        >>> import unifiedml as um
        >>> um.squareplus(um.tensor([0.0, 1.5])).tolist()
        [1.0, 2.0]

    Reference:
        Barron (2021), "Squareplus: A Softplus-Like Algebraic Rectifier".
    """

    def unit(x: Tensor) -> Tensor:
        root = sqrt(square(x) + b)
        # The product of both roots of the quadratic equation is b / 4; nothing cancels.
        left = x < 0
        rest = where(left, root - x, 1.0)
        return where(left, (b / 2) / rest, (x + root) / 2)

    return rounded_once(_ACTIVATION, unit, x)


def sparse_plus(x: Operand, /) -> Tensor:
    """Return 0 up to -1, ``x`` from 1 on, and ``(x + 1)**2 / 4`` between.

    Example:
        >>> import unifiedml as um
        >>> um.sparse_plus(um.tensor([-2.0, 0.0, 3.0])).tolist()
        [0.0, 0.25, 3.0]
    """

    def unit(x: Tensor) -> Tensor:
        inner = where(_abs(x) < 1.0, x, 0.0)
        bent = square(inner + 1.0) / 4
        return where(x <= -1.0, 0.0, where(x >= 1.0, x, where(x != x, x, bent)))

    return rounded_once(_ACTIVATION, unit, x)
