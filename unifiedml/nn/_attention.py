"""Attention as a layer."""

from __future__ import annotations

import math

from unifiedml._dtypes import DType
from unifiedml._parameter import Parameter
from unifiedml._rules.options import positive_integer
from unifiedml._tensor import Tensor
from unifiedml.nn import initializers
from unifiedml.nn._input import as_input
from unifiedml.nn._lazy import Lazy
from unifiedml.ops.attention import dot_product_attention
from unifiedml.ops.manipulation import expand_dims, reshape

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Lazy):
    """Attention of several heads, each of its own projections.

    Args:
        num_heads: How many heads.
        key_dim: The size of queries and keys of one head.
        value_dim: The size of values of one head; default: ``key_dim``.
        use_bias: Whether projections add a bias.
        kernel_initializer: How the kernels start.
        dtype: Data type of the parameters.

    Attributes:
        query_kernel: Shape ``(features, num_heads * key_dim)``; likewise ``key_kernel``
            and, with ``value_dim``, ``value_kernel``.
        output_kernel: Shape ``(num_heads * value_dim, features)``.
        query_bias: Shape ``(num_heads * key_dim,)``, or None; likewise the others.

    Shape:
        Query ``(batch, queries, features)``, value and key ``(batch, keys, features)``;
        result ``(batch, queries, features)``.

    Raises:
        ValueError: The shapes do not fit.
        TypeError: An input is not real floating-point.

    Example:
        >>> import unifiedml as um
        >>> x = um.ones((2, 5, 8))
        >>> um.nn.MultiHeadAttention(2, 4)(x, x).shape
        (2, 5, 8)

    Reference:
        Vaswani et al. (2017), "Attention Is All You Need", section 3.2.2.
    """

    query_kernel: Parameter
    key_kernel: Parameter
    value_kernel: Parameter
    output_kernel: Parameter
    query_bias: Parameter | None
    key_bias: Parameter | None
    value_bias: Parameter | None
    output_bias: Parameter | None

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        *,
        use_bias: bool = True,
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        dtype: DType | str = "float32",
    ) -> None:
        self.num_heads = positive_integer("num_heads", num_heads)
        self.key_dim = positive_integer("key_dim", key_dim)
        self.value_dim = positive_integer(
            "value_dim", key_dim if value_dim is None else value_dim
        )
        self.use_bias = use_bias
        self._kernel_initializer = initializers.get(kernel_initializer)
        self.query_bias = self.key_bias = self.value_bias = self.output_bias = None
        self._begin(dtype)

    def _make(self, size: int) -> None:
        keys, values = self.num_heads * self.key_dim, self.num_heads * self.value_dim
        start = self._kernel_initializer
        self.query_kernel = self._parameter((size, keys), start)
        self.key_kernel = self._parameter((size, keys), start)
        self.value_kernel = self._parameter((size, values), start)
        self.output_kernel = self._parameter((values, size), start)
        if self.use_bias:
            self.query_bias = self._parameter((keys,), "zeros")
            self.key_bias = self._parameter((keys,), "zeros")
            self.value_bias = self._parameter((values,), "zeros")
            self.output_bias = self._parameter((size,), "zeros")

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        use_causal_mask: bool = False,
    ) -> Tensor:
        """Return what the queries find.

        Args:
            query: Shape ``(batch, queries, features)``.
            value: Shape ``(batch, keys, features)``.
            key: Of the same shape; default: ``value``.
            attention_mask: Bools of shape ``(batch, queries, keys)``, or one that
                broadcasts to it; False leaves a key out.
            use_causal_mask: Whether query ``i`` looks at the keys 0 to ``i`` only.
        """
        key = value if key is None else key
        given = (query, key, value)
        query, key, value = (as_input(self, x, floating=True) for x in given)
        self._check(query, key, value)
        self._build(query.shape[2], self._make, query)
        self._check(query, key, value)
        mask = attention_mask
        found = dot_product_attention(
            self._heads(query, self.query_kernel, self.query_bias),
            self._heads(key, self.key_kernel, self.key_bias),
            self._heads(value, self.value_kernel, self.value_bias),
            mask=None if mask is None else expand_dims(mask, axis=-3),
            is_causal=use_causal_mask,
        )
        joined = reshape(found, (*found.shape[:2], math.prod(found.shape[2:])))
        return _projected(joined, self.output_kernel, self.output_bias)

    def _heads(self, x: Tensor, kernel: Parameter, bias: Parameter | None) -> Tensor:
        size = kernel.shape[1] // self.num_heads
        shape = (*x.shape[:2], self.num_heads, size)
        return reshape(_projected(x, kernel, bias), shape)

    def _check(self, *inputs: Tensor) -> None:
        shapes = [x.shape for x in inputs]
        size = self._input_size or (inputs[0].shape[-1] if inputs[0].ndim else 0)
        if any(len(shape) != 3 or shape[2] != size or not size for shape in shapes):
            raise ValueError(
                f"{self!r} takes inputs of shape (batch, steps, {size or 'features'}), "
                f"not {', '.join(map(str, shapes))}"
            )

    def _describe(self) -> str:
        return f"{self.num_heads}, key_dim={self.key_dim}"


def _projected(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    y = x @ kernel
    return y if bias is None else y + bias
