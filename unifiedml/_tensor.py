"""Tensor: a framework's own tensor, the backend it lives on, and value semantics."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from unifiedml import _recording
from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend
from unifiedml._dtypes import DType, DTypeLike
from unifiedml._rules.axes import Axis

__all__ = ["Operand", "Tensor"]


class Tensor:
    """An n-dimensional array of one data type on one backend and device.

    Tensors are values: no operation changes one that you hold, no two share memory
    that either could change, and ``x[i] = v`` or ``x += y`` rebind this object alone.
    Operations run on the backend of their operands.

    Make tensors with `unifiedml.tensor` and the other creation functions; wrap a
    framework's own tensor with `unifiedml.from_native`.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x.shape, x.dtype
        ((2, 2), unifiedml.float32)
    """

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
        """The framework's own tensor; changing it changes this tensor."""
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
        return self._backend.ops.shape_of(self._native)

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
        return size

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix.

        Raises:
            ValueError: The tensor is not 2-d; see ``mT`` and ``permute_dims``.
        """
        if self.ndim != 2:
            raise ValueError(
                f"T needs 2 dimensions, not shape {self.shape}: use mT for stacks of "
                "matrices, permute_dims for others"
            )
        return _manipulation.matrix_transpose(self)

    @property
    def mT(self) -> Tensor:
        """The transposes of a stack of matrices: the last two axes swapped."""
        return _manipulation.matrix_transpose(self)

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
        """Return the values as a NumPy array of its own memory."""
        return self._backend.ops.to_numpy(self._native)

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

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Export through DLPack; memory is shared unless ``copy=True``.

        Raises:
            BufferError: Another device is wanted, which DLPack would have to copy to.
        """
        return _conversion.exported(self, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return DLPack's device type and number."""
        return self._backend.ops.dlpack_device(self._native)

    def __reduce__(self) -> tuple[Any, ...]:
        return _conversion.pickled(self)

    def __repr__(self) -> str:
        return _conversion.shown(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    # --- to another device, backend, data type ------------------------------------

    def astype(self, dtype: DTypeLike, /, *, copy: bool = True) -> Tensor:
        """Return the values in another data type; see `unifiedml.astype`."""
        return _dtype_ops.astype(self, dtype, copy=copy)

    def to(self, device: str, /) -> Tensor:
        """Return the tensor on ``device``: ``"cpu"``, ``"gpu"``, ``"gpu:1"``.

        Raises:
            ValueError: There is no such device.
        """
        return _conversion.to_device(self, device)

    def to_device(self, device: str, /, *, stream: Any = None) -> Tensor:
        """Return the tensor on ``device``, as the Array API standard spells it."""
        return _conversion.to_device(self, device)

    def to_backend(self, backend: str, /) -> Tensor:
        """Return the values on another backend, without their history.

        Memory is not shared with the original.

        Raises:
            BackendNotFoundError: No installed backend has that name.
        """
        return _conversion.to_backend(self, backend)

    # --- gradients ----------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded for ``backward()``."""
        engine = self._backend.engine
        if engine is None:
            return self._node is not None
        return engine.is_recorded(self._native)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        _imperative.set_requires_grad(self, value)

    def _is_leaf(self) -> bool:
        engine = self._backend.engine
        if engine is None:
            return isinstance(self._node, _recording.Leaf)
        return engine.is_leaf(self._native)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that ``backward()`` has added up here, or None."""
        return _imperative.get_gradient(self)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        _imperative.set_gradient(self, value)

    def backward(
        self,
        gradient: Tensor | None = None,
        *,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add the gradients of this tensor to ``.grad`` of the tensors behind it.

        Args:
            gradient: The cotangent, of this tensor's shape and data type; may be
                left out for a tensor of one element, where it is one.
            retain_graph: Keep what a second pass needs; default: ``create_graph``.
            create_graph: Record the gradients themselves, for second derivatives. A
                leaf and such a gradient hold each other, so set ``.grad`` to None when
                you are done: on PyTorch they would stay in memory for good.

        Raises:
            ValueError: The tensor has more than one element and no ``gradient`` is
                given, or ``gradient`` has another shape.
            RuntimeError: Nothing behind this tensor requires a gradient, or a second
                pass goes through a history that has been freed.

        Example:
            >>> import unifiedml as um
            >>> x = um.tensor([1.0, 2.0, 3.0], requires_grad=True)
            >>> (x**2).mean().backward()
            >>> [round(value, 4) for value in x.grad.tolist()]
            [0.6667, 1.3333, 2.0]
        """
        _imperative.backward(self, gradient, retain_graph, create_graph)

    def detach(self) -> Tensor:
        """Return the values without their history."""
        return Tensor(self._backend.ops.stop_gradient(self._native), self._backend)

    def _twin(self) -> Tensor:
        """Return another tensor of the same value and history, to be written into."""
        return Tensor(self._native, self._backend, self._node)

    # --- as a container -----------------------------------------------------------

    def __getitem__(self, key: Any, /) -> Tensor:
        return _indexing.getitem(self, key)

    def __setitem__(self, key: Any, value: Any, /) -> None:
        _imperative.refuse_leaf_write(self)
        self._rebind(_indexing.setitem(self, key, value))

    def _rebind(self, other: Tensor) -> None:
        self._native = other._native
        self._node = other._node

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a 0-d tensor has no len()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("cannot iterate over a 0-d tensor")
        return (self[index] for index in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(_reduction.any(_compare.equal(self, value)))

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

    # --- methods that everybody expects -------------------------------------------

    def reshape(self, *shape: int | Sequence[int]) -> Tensor:
        """Return the elements in another shape; see `unifiedml.reshape`."""
        return _manipulation.reshape(self, shape[0] if len(shape) == 1 else shape)

    def sum(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the sum over ``axis``; see `unifiedml.sum`."""
        return _reduction.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the mean over ``axis``; see `unifiedml.mean`."""
        return _reduction.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the largest element over ``axis``; see `unifiedml.max`."""
        return _reduction.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the smallest element over ``axis``; see `unifiedml.min`."""
        return _reduction.min(self, axis=axis, keepdims=keepdims)

    # --- operators ----------------------------------------------------------------

    def __add__(self, other: Any, /) -> Tensor:
        return _math.add(self, other) if _knows(other) else NotImplemented

    def __radd__(self, other: Any, /) -> Tensor:
        return _math.add(other, self) if _knows(other) else NotImplemented

    def __sub__(self, other: Any, /) -> Tensor:
        return _math.subtract(self, other) if _knows(other) else NotImplemented

    def __rsub__(self, other: Any, /) -> Tensor:
        return _math.subtract(other, self) if _knows(other) else NotImplemented

    def __mul__(self, other: Any, /) -> Tensor:
        return _math.multiply(self, other) if _knows(other) else NotImplemented

    def __rmul__(self, other: Any, /) -> Tensor:
        return _math.multiply(other, self) if _knows(other) else NotImplemented

    def __truediv__(self, other: Any, /) -> Tensor:
        return _math.divide(self, other) if _knows(other) else NotImplemented

    def __rtruediv__(self, other: Any, /) -> Tensor:
        return _math.divide(other, self) if _knows(other) else NotImplemented

    def __floordiv__(self, other: Any, /) -> Tensor:
        return _math.floor_divide(self, other) if _knows(other) else NotImplemented

    def __rfloordiv__(self, other: Any, /) -> Tensor:
        return _math.floor_divide(other, self) if _knows(other) else NotImplemented

    def __mod__(self, other: Any, /) -> Tensor:
        return _math.remainder(self, other) if _knows(other) else NotImplemented

    def __rmod__(self, other: Any, /) -> Tensor:
        return _math.remainder(other, self) if _knows(other) else NotImplemented

    def __pow__(self, other: Any, /) -> Tensor:
        return _math.pow(self, other) if _knows(other) else NotImplemented

    def __rpow__(self, other: Any, /) -> Tensor:
        return _math.pow(other, self) if _knows(other) else NotImplemented

    def __matmul__(self, other: Any, /) -> Tensor:
        return _linalg.matmul(self, other) if _knows(other) else NotImplemented

    def __rmatmul__(self, other: Any, /) -> Tensor:
        return _linalg.matmul(other, self) if _knows(other) else NotImplemented

    def __and__(self, other: Any, /) -> Tensor:
        return _logic.bitwise_and(self, other) if _knows(other) else NotImplemented

    __rand__ = __and__

    def __or__(self, other: Any, /) -> Tensor:
        return _logic.bitwise_or(self, other) if _knows(other) else NotImplemented

    __ror__ = __or__

    def __xor__(self, other: Any, /) -> Tensor:
        return _logic.bitwise_xor(self, other) if _knows(other) else NotImplemented

    __rxor__ = __xor__

    def __lshift__(self, other: Any, /) -> Tensor:
        if not _knows(other):
            return NotImplemented
        return _logic.bitwise_left_shift(self, other)

    def __rlshift__(self, other: Any, /) -> Tensor:
        if not _knows(other):
            return NotImplemented
        return _logic.bitwise_left_shift(other, self)

    def __rshift__(self, other: Any, /) -> Tensor:
        if not _knows(other):
            return NotImplemented
        return _logic.bitwise_right_shift(self, other)

    def __rrshift__(self, other: Any, /) -> Tensor:
        if not _knows(other):
            return NotImplemented
        return _logic.bitwise_right_shift(other, self)

    def __eq__(self, other: Any, /) -> Tensor:  # type: ignore[override]
        return _compare.equal(self, other) if _compares(other) else NotImplemented

    def __ne__(self, other: Any, /) -> Tensor:  # type: ignore[override]
        return _compare.not_equal(self, other) if _compares(other) else NotImplemented

    def __lt__(self, other: Any, /) -> Tensor:
        return _compare.less(self, other) if _knows(other) else NotImplemented

    def __le__(self, other: Any, /) -> Tensor:
        return _compare.less_equal(self, other) if _knows(other) else NotImplemented

    def __gt__(self, other: Any, /) -> Tensor:
        return _compare.greater(self, other) if _knows(other) else NotImplemented

    def __ge__(self, other: Any, /) -> Tensor:
        return _compare.greater_equal(self, other) if _knows(other) else NotImplemented

    def __neg__(self) -> Tensor:
        return _math.negative(self)

    def __pos__(self) -> Tensor:
        return _math.positive(self)

    def __abs__(self) -> Tensor:
        return _math.abs(self)

    def __invert__(self) -> Tensor:
        return _logic.bitwise_invert(self)

    # Equality is element by element, so a tensor cannot be a key.
    __hash__ = None  # type: ignore[assignment]


Operand = Tensor | bool | int | float | complex | npt.NDArray[Any]
_COMPARABLE = (Tensor, bool, int, float, complex, np.ndarray, np.generic)
# Refused with a reason; Python would repeat a list as often as a tensor says.
_OPERANDS = (*_COMPARABLE, list, tuple, str)


def _compares(other: object) -> bool:
    return isinstance(other, _COMPARABLE)


def _knows(other: object) -> bool:
    return isinstance(other, _OPERANDS)


# The operations need the class, and the class its operators.
from unifiedml import _imperative  # noqa: E402
from unifiedml.ops import arithmetic as _math  # noqa: E402
from unifiedml.ops import comparison as _compare  # noqa: E402
from unifiedml.ops import conversion as _conversion  # noqa: E402
from unifiedml.ops import data_type as _dtype_ops  # noqa: E402
from unifiedml.ops import indexing as _indexing  # noqa: E402
from unifiedml.ops import linalg as _linalg  # noqa: E402
from unifiedml.ops import logic as _logic  # noqa: E402
from unifiedml.ops import manipulation as _manipulation  # noqa: E402
from unifiedml.ops import reduction as _reduction  # noqa: E402
