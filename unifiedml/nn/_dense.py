"""The fully connected layer."""

from __future__ import annotations

from typing import NoReturn

from unifiedml import random
from unifiedml._backend.registry import use_backend
from unifiedml._dtypes import DType, as_dtype
from unifiedml._parameter import Parameter, making
from unifiedml._rules.options import positive_integer
from unifiedml._rules.shapes import Shape
from unifiedml._tensor import Tensor
from unifiedml._tracing import untraced
from unifiedml.nn import initializers
from unifiedml.nn._activation import Function, resolve
from unifiedml.nn._input import as_input
from unifiedml.nn._module import Module

__all__ = ["Dense"]


class Dense(Module):
    """A fully connected layer: ``activation(x @ kernel + bias)``.

    Args:
        units: How many outputs.
        activation: A function of one tensor, or the name of one, such as ``"relu"``.
        use_bias: Whether to add a bias.
        input_size: How many inputs. Default: the size of the last dimension of the
            first input.
        kernel_initializer: How the kernel starts; see `um.nn.initializers`.
        bias_initializer: How the bias starts.
        dtype: Data type of the parameters.

    Attributes:
        kernel: Shape ``(input_size, units)``.
        bias: Shape ``(units,)``, or None.

    Shape:
        ``(..., input_size)`` to ``(..., units)``.

    Raises:
        ValueError: The input is 0-d or its last dimension has another size.
        TypeError: The input is no tensor, or ``dtype`` is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> layer = um.Dense(4, activation="relu")
        >>> layer(um.ones((2, 3))).shape
        (2, 4)

    Reference:
        Defaults as in Keras: a Glorot-uniform kernel, a bias of zeros.
    """

    kernel: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        units: int,
        activation: str | Function | None = None,
        *,
        use_bias: bool = True,
        input_size: int | None = None,
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
        dtype: DType | str = "float32",
    ) -> None:
        self.units = positive_integer("units", units)
        self.activation = resolve(activation)
        self.use_bias = use_bias
        self.dtype = as_dtype(dtype)
        if self.dtype.kind != "float":
            raise TypeError(f"dtype is real floating-point, not {self.dtype.name}")
        self._kernel_initializer = initializers.get(kernel_initializer)
        self._bias_initializer = initializers.get(bias_initializer)
        # The parameters may be made later, but not under a later seed.
        self._seed = random.get_state()[0]
        self.kernel = self.bias = None
        if input_size is not None:
            self._build(positive_integer("input_size", input_size))

    def _build(self, input_size: int, device: str | None = None) -> None:
        with making, untraced():
            if self.kernel is not None:  # another thread was faster
                return
            if self.use_bias:
                self.bias = Parameter(
                    shape=(self.units,),
                    initializer=self._bias_initializer,
                    dtype=self.dtype,
                    device=device,
                    seed=self._seed,
                )
            # Last: whoever finds a kernel finds a complete layer.
            self.kernel = Parameter(
                shape=(input_size, self.units),
                initializer=self._kernel_initializer,
                dtype=self.dtype,
                device=device,
                seed=self._seed,
            )

    def _check_built(self, path: str) -> None:
        if self.kernel is None:
            raise ValueError(
                f"layer {path or 'Dense'} ({self!r}) does not know its input size "
                "yet: call the model on a batch first, or pass input_size"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output of shape ``(..., units)``."""
        x = as_input(self, x)
        shape = x.shape
        if self.kernel is None:
            if not shape or not shape[-1]:
                self._refuse(shape)
            # Where the input is, the parameters will be.
            with use_backend(x.backend):
                self._build(shape[-1], x.device)
        kernel = self.kernel
        assert kernel is not None
        if not shape or shape[-1] != kernel.shape[0]:
            self._refuse(shape)
        result = x @ kernel
        if self.bias is not None:
            result = result + self.bias
        return result if self.activation is None else self.activation(result)

    def _refuse(self, shape: Shape) -> NoReturn:
        size = "features" if self.kernel is None else self.kernel.shape[0]
        raise ValueError(f"{self!r} takes inputs of shape (..., {size}), not {shape}")

    def _describe(self) -> str:
        size = "" if self.kernel is None else f", input_size={self.kernel.shape[0]}"
        return f"{self.units}{size}"
