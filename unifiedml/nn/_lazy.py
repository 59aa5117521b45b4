"""What layers share that make their parameters when they see their first input."""

from __future__ import annotations

from collections.abc import Callable

from unifiedml import random
from unifiedml._backend.registry import use_backend
from unifiedml._dtypes import DType, as_dtype
from unifiedml._parameter import Parameter, making
from unifiedml._rules.shapes import Shape
from unifiedml._tensor import Tensor
from unifiedml._tracing import untraced
from unifiedml.nn import initializers
from unifiedml.nn._module import Module

__all__ = ["Lazy"]


class Lazy(Module):
    """A layer whose parameters depend on the size of its input.

    A subclass calls `_begin` in ``__init__`` and `_build` before it uses a parameter.
    """

    _input_size: int | None = None

    def _begin(self, dtype: DType | str) -> None:
        self.dtype = as_dtype(dtype)
        if self.dtype.kind != "float":
            raise TypeError(f"dtype is real floating-point, not {self.dtype.name}")
        # The parameters may be made later, but not under a later seed.
        self._seed = random.get_state()[0]

    def _build(self, size: int, make: Callable[[int], None], x: Tensor | None) -> None:
        """Call ``make(size)`` once, where ``x`` is if there is one."""
        if self._input_size is None:
            with making, untraced():
                if self._input_size is None:
                    if x is None:
                        make(size)
                    else:
                        with use_backend(x.backend):
                            make(size)
                        for _, one in self._children():
                            if isinstance(one, Parameter):
                                one._move(x._backend, x.device)
                    # Last: whoever finds a size finds a complete layer.
                    self._input_size = size

    def _parameter(
        self, shape: Shape, initializer: str | initializers.Initializer
    ) -> Parameter:
        return Parameter(
            shape=shape,
            initializer=initializers.get(initializer),
            dtype=self.dtype,
            seed=self._seed,
        )

    def _check_built(self, path: str) -> None:
        if self._input_size is None:
            raise ValueError(
                f"layer {path or type(self).__name__} ({self!r}) does not know its "
                "input size yet: call the model on a batch first"
            )
