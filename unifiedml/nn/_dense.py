"""The fully connected layer."""

from __future__ import annotations

from unifiedml._backend.registry import use_backend
from unifiedml._dtypes import DType, as_dtype
from unifiedml._parameter import Parameter
from unifiedml._tensor import Tensor
from unifiedml.nn import initializers
from unifiedml.nn._activation import Activation, resolve
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
        activation: str | Activation | None = None,
        *,
        use_bias: bool = True,
        input_size: int | None = None,
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
        dtype: DType | str = "float32",
    ) -> None:
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"units is a positive integer, not {units!r}")
        if input_size is not None and (
            not isinstance(input_size, int) or input_size < 1
        ):
            raise ValueError(f"input_size is a positive integer, not {input_size!r}")
        self.units = units
        self.activation = resolve(activation)
        self.use_bias = use_bias
        self.dtype = as_dtype(dtype)
        self._kernel_initializer = initializers.get(kernel_initializer)
        self._bias_initializer = initializers.get(bias_initializer)
        self.kernel = self.bias = None
        if input_size is not None:
            self._build(input_size)

    def _build(self, input_size: int) -> None:
        self.kernel = Parameter(
            shape=(input_size, self.units),
            initializer=self._kernel_initializer,
            dtype=self.dtype,
        )
        if self.use_bias:
            self.bias = Parameter(
                shape=(self.units,),
                initializer=self._bias_initializer,
                dtype=self.dtype,
            )

    def _check_built(self, path: str) -> None:
        if self.kernel is None:
            raise ValueError(
                f"layer {path or 'Dense'} ({self!r}) does not know its input size "
                "yet: call the model on a batch first, or pass input_size"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output of shape ``(..., units)``."""
        if self.kernel is None:
            self._check_input(x)
            # Where the input is, the parameters will be.
            with use_backend(x.backend):
                self._build(x.shape[-1])
            self._link()
        kernel = self.kernel
        assert kernel is not None
        try:
            result = x @ kernel
        except ValueError:
            self._check_input(x)
            raise
        if self.bias is not None:
            result = result + self.bias
        return result if self.activation is None else self.activation(result)

    def _check_input(self, x: Tensor) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(
                f"a layer takes a tensor, not {type(x).__name__}: use um.asarray"
            )
        expected = "input_size" if self.kernel is None else self.kernel.shape[0]
        if not x.ndim or (self.kernel is not None and x.shape[-1] != expected):
            raise ValueError(
                f"{self!r} takes inputs of shape (..., {expected}), not {x.shape}"
            )

    def _describe(self) -> str:
        size = "" if self.kernel is None else f", input_size={self.kernel.shape[0]}"
        return f"{self.units}{size}"


