"""Embedding: a table of vectors."""

from __future__ import annotations

from unifiedml._dtypes import DType
from unifiedml._rules.options import positive_integer
from unifiedml._tensor import Tensor
from unifiedml.nn import initializers
from unifiedml.nn._input import as_input
from unifiedml.nn._lazy import Lazy
from unifiedml.ops._known import known_values
from unifiedml.ops.indexing import take
from unifiedml.ops.selection import where

__all__ = ["Embedding"]


class Embedding(Lazy):
    """Replaces integers by vectors of a learned table.

    Args:
        input_dim: How many vectors there are.
        output_dim: The size of one.
        embeddings_initializer: How the table starts.
        dtype: Data type of the table.

    Attributes:
        embeddings: Shape ``(input_dim, output_dim)``.

    Shape:
        ``(...)`` to ``(..., output_dim)``.

    Raises:
        IndexError: An integer is not in ``range(input_dim)``.
        TypeError: The input is no tensor of integers.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Embedding(10, 4)(um.tensor([[1, 2, 3]])).shape
        (1, 3, 4)

    Reference:
        Defaults as in Keras: uniform in [-0.05, 0.05].
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        embeddings_initializer: str | initializers.Initializer | None = None,
        dtype: DType | str = "float32",
    ) -> None:
        self.input_dim = positive_integer("input_dim", input_dim)
        self.output_dim = positive_integer("output_dim", output_dim)
        self._begin(dtype)
        self._input_size = self.input_dim
        start = embeddings_initializer or initializers.uniform()
        self.embeddings = self._parameter((input_dim, output_dim), start)

    def forward(self, x: Tensor) -> Tensor:
        """Return the vectors at ``x``."""
        x = as_input(self, x)
        if not x.dtype.is_integer:
            raise TypeError(f"{self!r} takes integers, not {x.dtype.name}")
        if x.dtype.kind == "signed":
            values = known_values(x)
            if values is None:
                # What runs later raises for this one, too.
                x = where(x < 0, self.input_dim, x)
            elif values.size and values.min() < 0:
                raise IndexError(
                    f"{self!r} takes integers from 0 to {self.input_dim - 1}, not "
                    f"{values.min()}"
                )
        return take(self.embeddings, x, axis=0)

    def _describe(self) -> str:
        return f"{self.input_dim}, {self.output_dim}"
