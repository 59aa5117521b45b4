"""What a tensor holds, and what it tells Python without computing anything."""

from __future__ import annotations

import types
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from unifiedml import _recording
from unifiedml._backend.errors import TracedValueError
from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend
from unifiedml._batched import Batched
from unifiedml._dtypes import DType
from unifiedml._sizes import pinned, seen
from unifiedml._tracing import tracing

__all__ = ["Value"]


class Value:
    """The part of `Tensor` that only tells: a framework's tensor and its backend."""

    __slots__ = ("__weakref__", "_backend", "_native", "_node")
    # NumPy arrays leave operators with a Tensor to us.
    __array_ufunc__: ClassVar[None] = None

    _native: Native
    _node: _recording.Node | None

    def __init__(
        self, native: Native, backend: LoadedBackend, node: Any = None, /
    ) -> None:
        self._native = native
        self._backend = backend
        self._node = node

    # --- what it is ---------------------------------------------------------------

    @property
    def native(self) -> Native:
        """The framework's own tensor; changing it changes this tensor.

        Raises:
            TypeError: There is none, inside `unifiedml.vmap`.
        """
        if isinstance(self._native, Batched):
            raise TypeError(
                "inside um.vmap a tensor is one value of each example, and no tensor "
                "of the framework: use um's functions"
            )
        for size in self.shape if tracing.get() is not None else ():
            pinned(size)
        return self._native

    @property
    def backend(self) -> str:
        """The name of the backend that this tensor lives on."""
        return self._backend.name

    @property
    def device(self) -> str:
        """The device: ``"cpu"``, ``"gpu:0"``, ..."""
        return self._backend.ops.device_of(self._native)

    @property
    def dtype(self) -> DType:
        """The data type."""
        return self._backend.dtype_of(self._native)

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        shape = self._backend.ops.shape_of(self._native)
        return shape if tracing.get() is None else tuple([seen(one) for one in shape])

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size if tracing.get() is None else seen(size)

    def __array_namespace__(
        self, *, api_version: str | None = None
    ) -> types.ModuleType:
        """Return the namespace of the Array API standard, `unifiedml` itself."""
        import unifiedml

        if api_version is not None and api_version > "2025.12":
            raise ValueError(f"Array API version {api_version!r} is not supported")
        return unifiedml

    # --- out of the library -------------------------------------------------------

    def numpy(self) -> npt.NDArray[Any]:
        """Return the values as a NumPy array of its own memory.

        Raises:
            TracedValueError: There are none yet, inside `unifiedml.jit`.
        """
        native = self._native
        if tracing.get() is not None and self._backend.ops.is_traced(native):
            raise TracedValueError
        return self._backend.ops.to_numpy(native)

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Return a NumPy array, for ``np.asarray(x)``."""
        if copy is False:
            raise ValueError("a tensor cannot become a NumPy array without a copy")
        return np.asarray(self.numpy(), dtype=dtype)

    def item(self) -> Any:
        """Return the one element as a Python scalar.

        Raises:
            ValueError: There is not exactly one element.
        """
        if self.size != 1:
            raise ValueError(f"item() needs one element, not shape {self.shape}")
        return self.numpy().reshape(()).item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python scalars."""
        return self.numpy().tolist()

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return DLPack's device type and number."""
        return self._backend.ops.dlpack_device(self._native)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a 0-d tensor has no len()")
        # Python makes an int of it.
        return pinned(self.shape[0])

    # --- as a Python number -------------------------------------------------------

    def _scalar(self, wanted: str) -> Any:
        if self.shape:
            raise TypeError(
                f"{wanted} needs a 0-d tensor, not shape {self.shape}: "
                "use item() for one element, any() or all() for truth"
            )
        return self.numpy().item()

    def __bool__(self) -> bool:
        if self.shape:
            raise ValueError(
                f"the truth of a tensor of shape {self.shape} is ambiguous: "
                "use um.any(x) or um.all(x)"
            )
        return bool(self.numpy().item())

    def __int__(self) -> int:
        return int(self._scalar("int()"))

    def __float__(self) -> float:
        return float(self._scalar("float()"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex()"))

    def __index__(self) -> int:
        if not self.dtype.is_integer:
            raise TypeError(f"an index is an integer, not {self.dtype.name}")
        return int(self._scalar("an index"))
