"""Normalisation layers."""

from __future__ import annotations

from unifiedml._dtypes import DTYPES, DType
from unifiedml._imperative import no_grad
from unifiedml._parameter import Buffer, Parameter
from unifiedml._rules.axes import normalize_axis
from unifiedml._rules.options import positive_integer
from unifiedml._tensor import Tensor
from unifiedml.nn._input import as_input
from unifiedml.nn._lazy import Lazy
from unifiedml.ops.creation import ones, zeros
from unifiedml.ops.normalization import (
    batch_normalization,
    group_normalization,
    layer_normalization,
    moments,
    rms_normalization,
)

__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "RMSNorm"]


class _Normalization(Lazy):
    gamma: Parameter | None
    beta: Parameter | None

    def __init__(
        self,
        axis: int = -1,
        *,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        dtype: DType | str = "float32",
    ) -> None:
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.gamma = self.beta = None
        self._begin(dtype)

    def _make(self, size: int) -> None:
        if self.scale:
            self.gamma = self._parameter((size,), "ones")
        if self.center:
            self.beta = self._parameter((size,), "zeros")

    def _ready(self, x: Tensor) -> Tensor:
        x = as_input(self, x, floating=True)
        size = x.shape[normalize_axis(self.axis, x.ndim)]
        self._build(size, self._make, x)
        if size != self._input_size:
            raise ValueError(
                f"{self!r} takes inputs of size {self._input_size} along axis "
                f"{self.axis}, not of shape {x.shape}"
            )
        return x

    def _describe(self) -> str:
        return f"epsilon={self.epsilon}"


class LayerNorm(_Normalization):
    """Normalises each example along one dimension; see `um.layer_normalization`.

    Args:
        axis: The dimension.
        epsilon: Added to the variance.
        center: Whether to add a learned offset, ``beta``.
        scale: Whether to multiply by a learned scale, ``gamma``.
        dtype: Data type of the parameters.

    Raises:
        ValueError: The input has another size.
        TypeError: The input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.nn.LayerNorm()(um.ones((2, 3))).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

    Reference:
        Ba, Kiros and Hinton (2016), "Layer Normalization".
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised input."""
        x = self._ready(x)
        return layer_normalization(
            x, self.gamma, self.beta, axis=self.axis, epsilon=self.epsilon
        )


class RMSNorm(_Normalization):
    """Divides by the root of the mean square; see `um.rms_normalization`.

    Args:
        axis: The dimension.
        epsilon: Added to the mean square.
        dtype: Data type of the scale, ``gamma``.

    Raises:
        ValueError: The input has another size.
        TypeError: The input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.nn.RMSNorm(epsilon=0.0)(um.tensor([[2.0, -2.0]])).tolist()
        [[1.0, -1.0]]

    Reference:
        Zhang and Sennrich (2019), "Root Mean Square Layer Normalization".
    """

    def __init__(
        self, axis: int = -1, *, epsilon: float = 1e-6, dtype: DType | str = "float32"
    ) -> None:
        super().__init__(axis, epsilon=epsilon, center=False, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised input."""
        x = self._ready(x)
        return rms_normalization(x, self.gamma, axis=self.axis, epsilon=self.epsilon)


class GroupNorm(_Normalization):
    """Normalises groups of channels of each example; see `um.group_normalization`.

    Args:
        groups: How many; as many as channels is instance normalisation.
        axis: The dimension of the channels.
        epsilon: Added to the variance.
        center: Whether to add a learned offset, ``beta``.
        scale: Whether to multiply by a learned scale, ``gamma``.
        dtype: Data type of the parameters.

    Raises:
        ValueError: The channels do not fall into so many groups.
        TypeError: The input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.nn.GroupNorm(2)(um.ones((1, 4, 4))).shape
        (1, 4, 4)

    Reference:
        Wu and He (2018), "Group Normalization".
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        *,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        dtype: DType | str = "float32",
    ) -> None:
        self.groups = positive_integer("groups", groups)
        options = {"epsilon": epsilon, "center": center, "scale": scale}
        super().__init__(axis, dtype=dtype, **options)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised input."""
        x = self._ready(x)
        return group_normalization(
            x, self.groups, self.gamma, self.beta, axis=self.axis, epsilon=self.epsilon
        )


class BatchNorm(_Normalization):
    """Normalises each channel over the batch, and outside of training by averages.

    In training, mean and biased variance of the batch are used, and the averages move
    a fraction ``momentum`` of the way to them; outside of training the averages are
    used. A batch of one has variance 0.

    Args:
        axis: The dimension of the channels.
        momentum: How far the averages move in one step.
        epsilon: Added to the variance.
        center: Whether to add a learned offset, ``beta``.
        scale: Whether to multiply by a learned scale, ``gamma``.
        dtype: Data type of parameters and averages.

    Attributes:
        moving_mean: A buffer of shape ``(channels,)``.
        moving_variance: A buffer of the same shape.

    Raises:
        ValueError: The input has another number of channels.
        TypeError: The input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> layer = um.nn.BatchNorm(momentum=0.5)
        >>> y = layer(um.tensor([[1.0], [3.0]]))
        >>> layer.moving_mean.tolist(), layer.moving_variance.tolist()
        ([1.0], [1.0])

    Reference:
        Ioffe and Szegedy (2015), "Batch Normalization". Momentum counts as in PyTorch.
    """

    moving_mean: Buffer | None
    moving_variance: Buffer | None

    def __init__(
        self,
        axis: int = -1,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        dtype: DType | str = "float32",
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum is a fraction in [0, 1], not {momentum!r}")
        self.momentum = momentum
        self.moving_mean = self.moving_variance = None
        options = {"epsilon": epsilon, "center": center, "scale": scale}
        super().__init__(axis, dtype=dtype, **options)  # type: ignore[arg-type]

    def _make(self, size: int) -> None:
        super()._make(size)
        self.moving_mean = Buffer(zeros(size, dtype=self.dtype))
        self.moving_variance = Buffer(ones(size, dtype=self.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised input."""
        x = self._ready(x)
        mean, variance = self.moving_mean, self.moving_variance
        assert mean is not None
        assert variance is not None
        # Statistics of 16-bit floats are taken, and kept, in float32.
        wide = x if x.dtype.bits > 16 else x.astype(DTYPES["float32"])
        if not self.training:
            y = self._normalized(wide, mean, variance)
            return y.astype(x.dtype, copy=False)
        place = normalize_axis(self.axis, x.ndim)
        axes = tuple(axis for axis in range(x.ndim) if axis != place)
        now, spread = moments(wide, axes)
        self._move(mean, now)
        self._move(variance, spread)
        return self._normalized(wide, now, spread).astype(x.dtype, copy=False)

    def _normalized(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return batch_normalization(
            x, mean, variance, self.axis, self.beta, self.gamma, epsilon=self.epsilon
        )

    def _move(self, average: Buffer, value: Tensor) -> None:
        with no_grad():
            new = average + (value.detach() - average) * self.momentum
            average.replace(new.detach().astype(average.dtype, copy=False))
