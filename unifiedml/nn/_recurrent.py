"""Recurrent layers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from unifiedml._dtypes import DType
from unifiedml._parameter import Parameter
from unifiedml._rules.options import positive_integer
from unifiedml._tensor import Tensor
from unifiedml.nn import initializers
from unifiedml.nn._input import as_input
from unifiedml.nn._lazy import Lazy
from unifiedml.ops._dispatch import REAL_FLOATING, Op, as_tensors, execute
from unifiedml.ops.creation import zeros
from unifiedml.ops.manipulation import concat, flip, stack
from unifiedml.ops.nn import sigmoid
from unifiedml.ops.repetition import split, unstack
from unifiedml.ops.trigonometry import tanh

__all__ = ["GRU", "LSTM"]

_LSTM = Op("lstm", REAL_FLOATING)


class _Recurrent(Lazy):
    gates: ClassVar[int]
    biases: ClassVar[tuple[int, ...]]
    bias_initializer: ClassVar[str | initializers.Initializer]
    kernel: Parameter | None
    recurrent_kernel: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        units: int,
        *,
        use_bias: bool = True,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        recurrent_initializer: str | initializers.Initializer = "glorot_uniform",
        dtype: DType | str = "float32",
    ) -> None:
        self.units = positive_integer("units", units)
        self.use_bias = use_bias
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self._kernel_initializer = initializers.get(kernel_initializer)
        self._recurrent_initializer = initializers.get(recurrent_initializer)
        self.kernel = self.recurrent_kernel = self.bias = None
        self._begin(dtype)

    def _make(self, size: int) -> None:
        width = self.gates * self.units
        self.kernel = self._parameter((size, width), self._kernel_initializer)
        shape = (self.units, width)
        self.recurrent_kernel = self._parameter(shape, self._recurrent_initializer)
        if self.use_bias:
            self.bias = self._parameter((*self.biases, width), self.bias_initializer)

    def _ready(self, x: Tensor) -> Tensor:
        x = as_input(self, x, floating=True)
        if x.ndim != 3 or not x.shape[1] or not x.shape[2]:
            raise ValueError(
                f"{self!r} takes inputs of shape (batch, steps, features) with at "
                f"least one step and feature, not {x.shape}"
            )
        self._build(x.shape[2], self._make, x)
        if x.shape[2] != self._input_size:
            raise ValueError(
                f"{self!r} takes {self._input_size} features, and an input of shape "
                f"{x.shape} has {x.shape[2]}"
            )
        return flip(x, axis=1) if self.go_backwards else x

    def _start(self, x: Tensor) -> Tensor:
        shape = (x.shape[0], self.units)
        start = zeros(shape, dtype=x.dtype, device=x.device)
        return start if start.backend == x.backend else start.to_backend(x.backend)

    def _gates(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the parts of a sum that belong to each gate."""
        return split(x, self.gates, axis=1)

    def _returned(
        self, outputs: list[Tensor], *state: Tensor
    ) -> Tensor | tuple[Tensor, ...]:
        y = stack(outputs, axis=1) if self.return_sequences else outputs[-1]
        return (y, *state) if self.return_state else y

    def _describe(self) -> str:
        return f"{self.units}"


def _forget_one(shape: tuple[int, ...], **options: object) -> Tensor:
    """Return a bias of zeros, but ones for the second of four gates."""
    units = shape[0] // 4
    key = options.pop("key")  # what starts at a constant needs no random numbers
    assert key is not None
    made = {name: options[name] for name in ("dtype", "device")}
    low, high = zeros((units,), **made), zeros((2 * units,), **made)  # type: ignore[arg-type]
    return concat([low, low + 1.0, high], axis=0)


class LSTM(_Recurrent):
    """Long short-term memory.

    With input gate i, forget gate f, candidate g, output gate o, in this order in the
    kernels: ``c = sigmoid(f) * c + sigmoid(i) * tanh(g)``, ``h = sigmoid(o) *
    tanh(c)``, and ``x @ kernel + h @ recurrent_kernel + bias`` before the functions.

    Args:
        units: The size of the state.
        use_bias: Whether to add a bias.
        return_sequences: Whether to return the outputs of all steps, not the last.
        return_state: Whether to return the last h and c, too.
        go_backwards: Whether to begin with the last step.
        kernel_initializer: How the kernel starts.
        recurrent_initializer: How the recurrent kernel starts.
        dtype: Data type of the parameters.

    Attributes:
        kernel: Shape ``(features, 4 * units)``.
        recurrent_kernel: Shape ``(units, 4 * units)``.
        bias: Shape ``(4 * units,)``: 1 for the forget gate, else 0. Or None.

    Shape:
        ``(batch, steps, features)`` to ``(batch, units)``, or, with
        ``return_sequences``, ``(batch, steps, units)``.

    Raises:
        ValueError: There are no steps, or another number of features.
        TypeError: The input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.nn.LSTM(4)(um.ones((2, 5, 3))).shape
        (2, 4)

    Reference:
        Hochreiter and Schmidhuber (1997), "Long Short-Term Memory"; the bias of the
        forget gate as in Jozefowicz, Zaremba and Sutskever (2015).
    """

    gates = 4
    biases = ()
    bias_initializer = staticmethod(_forget_one)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the output of the last step, or of all."""
        x = self._ready(x)
        outputs = None if self.return_state else self._by_one_kernel(x)
        if outputs is not None:
            return outputs if self.return_sequences else outputs[:, -1]
        assert self.kernel is not None
        assert self.recurrent_kernel is not None
        inputs = x @ self.kernel
        if self.bias is not None:
            inputs = inputs + self.bias
        h = c = self._start(inputs)
        steps = []
        for given in unstack(inputs, axis=1):
            i, f, g, o = self._gates(given + h @ self.recurrent_kernel)
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            h = sigmoid(o) * tanh(c)
            steps.append(h)
        return self._returned(steps, h, c)

    def _by_one_kernel(self, x: Tensor) -> Tensor | None:
        """Return the outputs of all steps, if the framework has a kernel for it all."""
        assert self.kernel is not None
        function = x._backend.ops.shortcuts.get("lstm")
        # Of 16 bits, each operation is rounded.
        narrow = x.dtype.bits == 16 or self.kernel.dtype.bits == 16
        if function is None or not x.size or narrow:
            return None
        none = np.zeros(4 * self.units, np.float32)
        bias = none if self.bias is None else self.bias
        operands = as_tensors(_LSTM, x, self.kernel, self.recurrent_kernel, bias)
        return execute(_LSTM, function, operands, ())


class GRU(_Recurrent):
    """A gated recurrent unit.

    With update gate z, reset gate r and candidate n, in this order in the kernels:
    ``h = sigmoid(z) * h + (1 - sigmoid(z)) * tanh(n)``, where each is ``x @ kernel +
    bias[0]`` plus ``h @ recurrent_kernel + bias[1]``, the latter times ``sigmoid(r)``
    for the candidate (the reset comes after the product).

    Args:
        units: The size of the state.
        use_bias: Whether to add biases.
        return_sequences: Whether to return the outputs of all steps, not the last.
        return_state: Whether to return the last h, too.
        go_backwards: Whether to begin with the last step.
        kernel_initializer: How the kernel starts.
        recurrent_initializer: How the recurrent kernel starts.
        dtype: Data type of the parameters.

    Attributes:
        kernel: Shape ``(features, 3 * units)``.
        recurrent_kernel: Shape ``(units, 3 * units)``.
        bias: Shape ``(2, 3 * units)``, zeros. Or None.

    Shape:
        ``(batch, steps, features)`` to ``(batch, units)``, or, with
        ``return_sequences``, ``(batch, steps, units)``.

    Raises:
        ValueError: There are no steps, or another number of features.
        TypeError: The input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.nn.GRU(4)(um.ones((2, 5, 3))).shape
        (2, 4)

    Reference:
        Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder
        for Statistical Machine Translation", version 1.
    """

    gates = 3
    biases = (2,)  # of the input, and of what comes from the step before
    bias_initializer = "zeros"

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the output of the last step, or of all."""
        x = self._ready(x)
        assert self.kernel is not None
        assert self.recurrent_kernel is not None
        inputs = x @ self.kernel
        if self.bias is not None:
            inputs = inputs + self.bias[0]
        h = self._start(inputs)
        outputs = []
        for given in unstack(inputs, axis=1):
            past = h @ self.recurrent_kernel
            if self.bias is not None:
                past = past + self.bias[1]
            z, r, n = self._gates(given)
            past_z, past_r, past_n = self._gates(past)
            keep = sigmoid(z + past_z)
            new = tanh(n + sigmoid(r + past_r) * past_n)
            h = keep * h + (1.0 - keep) * new
            outputs.append(h)
        return self._returned(outputs, h)
