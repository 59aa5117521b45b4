"""Pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from unifiedml._rules.windows import is_channels_first, per_dimension
from unifiedml._tensor import Tensor
from unifiedml.nn._input import as_input
from unifiedml.nn._module import Module
from unifiedml.ops.pooling import average_pool, max_pool

__all__ = [
    "AveragePool1D",
    "AveragePool2D",
    "AveragePool3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
]

Steps = int | tuple[int, ...]


class _Pool(Module):
    rank: ClassVar[int]
    operation: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        pool_size: Steps = 2,
        strides: Steps | None = None,
        padding: str = "valid",
        *,
        data_format: str | None = None,
    ) -> None:
        is_channels_first(data_format)
        self.pool_size = per_dimension("pool_size", pool_size, self.rank)
        self.strides = strides
        self.padding = padding
        self.data_format = data_format

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled input."""
        x = as_input(self, x, floating=True)
        if x.ndim != self.rank + 2:
            raise ValueError(
                f"{self!r} takes inputs of {self.rank + 2} dimensions, not of shape "
                f"{x.shape}"
            )
        operation = type(self).operation
        options = {"data_format": self.data_format}
        return operation(x, self.pool_size, self.strides, self.padding, **options)

    def _describe(self) -> str:
        return f"{self.pool_size}"


class MaxPool1D(_Pool):
    """The largest element of each window of signals; arguments as of `MaxPool2D`.

    Example:
        >>> import unifiedml as um
        >>> um.nn.MaxPool1D(2)(um.ones((2, 8, 3))).shape
        (2, 4, 3)
    """

    rank = 1
    operation = staticmethod(max_pool)


class MaxPool2D(_Pool):
    """The largest element of each window of images; see `um.max_pool`.

    Args:
        pool_size: The size of a window; one number, or one for each dimension.
        strides: From one window to the next; default: windows lie side by side.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"``, the default, or ``"channels_first"``.

    Raises:
        ValueError: The input has another number of dimensions.
        TypeError: The input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.nn.MaxPool2D(2)(um.ones((2, 8, 8, 3))).shape
        (2, 4, 4, 3)
    """

    rank = 2
    operation = staticmethod(max_pool)


class MaxPool3D(_Pool):
    """The largest element of each window of volumes; arguments as of `MaxPool2D`.

    Example:
        >>> import unifiedml as um
        >>> um.nn.MaxPool3D(2)(um.ones((2, 4, 4, 4, 3))).shape
        (2, 2, 2, 2, 3)
    """

    rank = 3
    operation = staticmethod(max_pool)


class AveragePool1D(_Pool):
    """The mean of each window of signals; arguments as of `MaxPool2D`.

    Example:
        >>> import unifiedml as um
        >>> um.nn.AveragePool1D(2)(um.ones((2, 8, 3))).shape
        (2, 4, 3)
    """

    rank = 1
    operation = staticmethod(average_pool)


class AveragePool2D(_Pool):
    """The mean of each window of images; padding does not count.

    Arguments are those of `MaxPool2D`.

    Example:
        >>> import unifiedml as um
        >>> um.nn.AveragePool2D(2)(um.ones((2, 8, 8, 3))).shape
        (2, 4, 4, 3)
    """

    rank = 2
    operation = staticmethod(average_pool)


class AveragePool3D(_Pool):
    """The mean of each window of volumes; arguments as of `MaxPool2D`.

    Example:
        >>> import unifiedml as um
        >>> um.nn.AveragePool3D(2)(um.ones((2, 4, 4, 4, 3))).shape
        (2, 2, 2, 2, 3)
    """

    rank = 3
    operation = staticmethod(average_pool)
