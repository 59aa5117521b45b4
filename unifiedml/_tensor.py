"""Tensor: a framework's own tensor, the backend it lives on, and value semantics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unifiedml import _recording
from unifiedml._dtypes import DTypeLike
from unifiedml._rules.axes import Axis
from unifiedml._value import Value

if TYPE_CHECKING:
    from unifiedml._hooks import Hook

__all__ = ["Operand", "Tensor"]


class Tensor(Value):
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

    __slots__ = ()

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

    @property
    def mH(self) -> Tensor:  # noqa: N802 - as the standard has mT
        """The conjugate transposes of a stack of matrices."""
        return _linalg.adjoint(self)

    # --- out of the library -------------------------------------------------------

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

    def __reduce__(self) -> tuple[Any, ...]:
        return _conversion.pickled(self)

    def __repr__(self) -> str:
        return _conversion.shown(self)

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

    def register_hook(self, hook: Callable[[Tensor], Tensor | None], /) -> Hook:
        """Have ``hook`` called with the gradient of this tensor in each ``backward()``.

        What it returns takes the place of the gradient, unless that is None. Several
        are called in the order of their registration. A parameter keeps its hooks when
        its value changes; those of a tensor end with ``x[i] = v``.

        Returns:
            An object whose method ``remove()`` takes the hook away.

        Raises:
            RuntimeError: The tensor does not require a gradient here.
            TypeError: ``hook`` is no function; in ``backward()``, it returns no tensor.
            ValueError: In ``backward()``: what it returns has another shape or data
                type than the gradient.

        Example:
            >>> import unifiedml as um
            >>> x = um.tensor([1.0, 2.0], requires_grad=True)
            >>> y = x * 3
            >>> hook = y.register_hook(lambda gradient: um.clip(gradient, max=0.5))
            >>> um.sum(y).backward()
            >>> x.grad.tolist()
            [1.5, 1.5]
        """
        return _hooks.register(self, hook)

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

    @property
    def at(self) -> _updates.At:
        """Updates that return new tensors, ``x.at[i].add(y)``, after JAX.

        Where an index stands several times, ``add``, ``multiply``, ``max`` and ``min``
        count each; of what ``set`` writes into one place one wins, and which is
        unspecified. Gradients flow through all of them.

        Example:
            >>> import unifiedml as um
            >>> um.zeros(3).at[um.tensor([0, 2, 2])].add(1.0).tolist()
            [1.0, 0.0, 2.0]
        """
        return _updates.At(self)

    def _rebind(self, other: Tensor) -> None:
        self._native = other._native
        self._node = other._node

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("cannot iterate over a 0-d tensor")
        return (self[index] for index in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(_reduction.any(_compare.equal(self, value)))

    # --- methods that everybody expects -------------------------------------------

    def reshape(self, *shape: int | Sequence[int]) -> Tensor:
        """Return the elements in another shape; see `unifiedml.reshape`."""
        return _manipulation.reshape(self, shape[0] if len(shape) == 1 else shape)

    def flatten(self) -> Tensor:
        """Return the elements in one dimension; see `unifiedml.flatten`."""
        return _manipulation.flatten(self)

    def squeeze(self, axis: Axis = None) -> Tensor:
        """Return the tensor without dimensions of size 1, or without ``axis``."""
        if axis is None:
            axis = [place for place, size in enumerate(self.shape) if size == 1]
        return _manipulation.squeeze(self, axis)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Return the tensor with two dimensions swapped; see `unifiedml.swapaxes`."""
        return _manipulation.swapaxes(self, axis1, axis2)

    def clip(self, min: Operand | None = None, max: Operand | None = None) -> Tensor:
        """Return the values limited to an interval; see `unifiedml.clip`."""
        return _selection.clip(self, min, max)

    def round(self) -> Tensor:
        """Return the values rounded to integers; see `unifiedml.round`."""
        return _rounding.round(self)

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

    # Python falls back to the operators below, which make other tensors, except for
    # leaves inside no_grad(): PyTorch's hand-written gradient descent changes those.

    def __iadd__(self, other: Any) -> Tensor:
        changed: Tensor = _imperative.stepped(self, _math.add, other)
        return changed

    def __isub__(self, other: Any) -> Tensor:
        changed: Tensor = _imperative.stepped(self, _math.subtract, other)
        return changed

    def __imul__(self, other: Any) -> Tensor:
        changed: Tensor = _imperative.stepped(self, _math.multiply, other)
        return changed

    def __itruediv__(self, other: Any) -> Tensor:
        changed: Tensor = _imperative.stepped(self, _math.divide, other)
        return changed

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

    def __divmod__(self, other: Any, /) -> Any:
        return _math.divmod(self, other) if _knows(other) else NotImplemented

    def __rdivmod__(self, other: Any, /) -> Any:
        return _math.divmod(other, self) if _knows(other) else NotImplemented

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
from unifiedml import _hooks, _imperative  # noqa: E402
from unifiedml.ops import arithmetic as _math  # noqa: E402
from unifiedml.ops import comparison as _compare  # noqa: E402
from unifiedml.ops import conversion as _conversion  # noqa: E402
from unifiedml.ops import data_type as _dtype_ops  # noqa: E402
from unifiedml.ops import indexing as _indexing  # noqa: E402
from unifiedml.ops import linalg as _linalg  # noqa: E402
from unifiedml.ops import logic as _logic  # noqa: E402
from unifiedml.ops import manipulation as _manipulation  # noqa: E402
from unifiedml.ops import reduction as _reduction  # noqa: E402
from unifiedml.ops import rounding as _rounding  # noqa: E402
from unifiedml.ops import selection as _selection  # noqa: E402
from unifiedml.ops import updates as _updates  # noqa: E402
