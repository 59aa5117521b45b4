"""Tensors of Python's numbers, of NumPy's and other libraries' arrays; devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unifiedml._backend.devices import resolve_device
from unifiedml._backend.registry import (
    LoadedBackend,
    available_backends,
    current,
    load,
    loaded_backends,
)
from unifiedml._batched import Batched
from unifiedml._dtypes import DType, DTypeLike, as_dtype
from unifiedml._rules.shapes import check_rank
from unifiedml._tensor import Tensor
from unifiedml.ops import _numbers
from unifiedml.ops._dispatch import ANY, Op, as_tensors, execute
from unifiedml.ops.manipulation import stack

__all__ = ["asarray", "from_dlpack", "from_native", "tensor"]

_DLPACK_CPU: Final = (1, 0)
_SHOWN: Final = 1000

_ASARRAY = Op("asarray", ANY)
_COPY = Op("copy", ANY)
_TO_DEVICE = Op("to_device", ANY)


# --- devices and backends ---------------------------------------------------------


def to_device(x: Tensor, device: str) -> Tensor:
    """Return ``x`` on ``device``; see `Tensor.to`."""
    name = resolve_device(device, x._backend)
    if name == x.device:
        return x._twin()
    return execute(_TO_DEVICE, x._backend.ops.to_device, (x,), (name,))


def to_backend(x: Tensor, name: str) -> Tensor:
    """Return ``x`` on another backend; see `Tensor.to_backend`."""
    backend = load(name)
    if backend.name == x.backend:
        return x.detach()
    return from_array(x.numpy(), backend, resolve_device(x.device, backend))


# --- from data --------------------------------------------------------------------


def from_array(
    array: npt.NDArray[Any], backend: LoadedBackend, device: str | None
) -> Tensor:
    """Return a copy of a NumPy array as a tensor of the same data type.

    Raises:
        TypeError: The library, or the backend, has no such data type.
    """
    dtype = as_dtype(array.dtype)
    backend.native_dtype(dtype)
    check_rank(array.shape)
    # Elements in order, bytes too.
    plain = np.asarray(array, dtype.numpy, order="C")
    where = resolve_device(device, backend)
    return Tensor(backend.ops.from_numpy(plain, where), backend)


def asarray(
    obj: Any,
    /,
    *,
    dtype: DTypeLike | None = None,
    device: str | None = None,
    copy: bool | None = None,
) -> Tensor:
    """Return a tensor of ``obj``.

    Args:
        obj: A tensor, an array of NumPy or of another library (with ``__array__``,
            ``__dlpack__`` or a buffer), a Python scalar, or nested sequences of any
            of these.
        dtype: The wanted data type. Default: that of ``obj``; int64, float32 and
            complex64 for Python numbers, uint64 for those that int64 cannot hold;
            in sequences of both, Python numbers take the data type of the arrays.
        device: Where to put the result. Default: where ``obj`` is, else
            `get_device`.
        copy: True: never return ``obj`` itself. False: raise where a copy is needed.
            None: copy as needed. Memory of arrays is never shared; see `from_dlpack`.

    Returns:
        A tensor on the current backend; a tensor stays on its own, and so do
        sequences of tensors, which gradients flow through.

    Raises:
        TypeError: ``obj`` cannot be a tensor, or ``dtype`` would lose information
            (a float as an integer, a complex number as a float).
        ValueError: Nested sequences of unequal lengths, or ``copy=False`` where a
            copy is needed.
        OverflowError: A Python integer does not fit into ``dtype``.

    Example:
        >>> import unifiedml as um
        >>> um.asarray([[1, 2], [3, 4]]).dtype
        unifiedml.int64
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(obj, Tensor):
        return _from_tensor(obj, wanted, device, copy)
    if copy is False:
        raise ValueError(
            f"a tensor of a {type(obj).__name__} needs a copy: leave copy=False out, "
            "or share memory with um.from_dlpack"
        )
    if isinstance(obj, list | tuple) and holds_tensors(obj):
        return _from_tensor(stacked(obj), wanted, device, None)
    backend = current()
    where = resolve_device(device, backend)
    return from_array(_numbers.array(obj, wanted, _foreign), backend, where)


def _from_tensor(
    x: Tensor, dtype: DType | None, device: str | None, copy: bool | None
) -> Tensor:
    where = x.device if device is None else resolve_device(device, x._backend)
    dtype = x.dtype if dtype is None else dtype
    if where == x.device and dtype is x.dtype:
        return execute(_COPY, x._backend.ops.copy, (x,), ()) if copy else x
    if copy is False:
        raise ValueError(
            f"{x.dtype.name} on {x.device} cannot become {dtype.name} on {where} "
            "without a copy"
        )
    return to_device(x, where).astype(dtype)


def holds_tensors(obj: Any) -> bool:
    if isinstance(obj, list | tuple):
        plain = _numbers.SCALARS.issuperset(map(type, obj))
        return not plain and any(holds_tensors(one) for one in obj)
    return isinstance(obj, Tensor)


def stacked(obj: Any) -> Tensor:
    """Return nested sequences with tensors as one tensor, so that gradients flow."""
    tensors = iter(as_tensors(_ASARRAY, *_leaves(obj)))

    def joined(one: Any) -> Tensor:
        nested = isinstance(one, list | tuple)
        return stack([joined(each) for each in one]) if nested else next(tensors)

    return joined(obj)


def _leaves(obj: Any) -> Iterator[Any]:
    if isinstance(obj, list | tuple):
        for one in obj:
            yield from _leaves(one)
    else:
        yield obj


def _shared(x: Any, backend: LoadedBackend) -> Tensor:
    """Return a tensor that shares the memory of ``x``; a BufferError if it cannot."""
    if isinstance(x, Tensor) and x._backend is backend:
        # A framework shares with itself whatever the layout: TensorFlow's own tensors
        # may lie where it takes no others.
        return x.detach()
    return Tensor(backend.ops.from_dlpack(x), backend)


def _owner(obj: Any) -> LoadedBackend | None:
    """Return the backend that ``obj`` is a native tensor of, if any."""
    for backend in loaded_backends():
        if backend.ops.is_native(obj):
            return backend
    module = type(obj).__module__.partition(".")[0]
    if module in ("builtins", "numpy") or module not in available_backends():
        return None
    backend = load(module)
    return backend if backend.ops.is_native(obj) else None


def _foreign(obj: Any) -> npt.NDArray[Any]:
    """Return an array of another library as a NumPy array.

    Raises:
        TypeError: It is none.
    """
    owner = _owner(obj)
    if owner is not None:
        return owner.ops.to_numpy(owner.ops.stop_gradient(obj))
    if not hasattr(obj, "__array__") and hasattr(obj, "__dlpack__"):
        return np.from_dlpack(obj)
    return np.asarray(obj)


def tensor(
    obj: Any,
    /,
    *,
    dtype: DTypeLike | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a new tensor of ``obj``.

    Args:
        obj: Whatever `asarray` takes.
        dtype: The wanted data type; see `asarray`.
        device: Where to put it; see `asarray`.
        requires_grad: Record what is computed from it, for ``backward()``; what
            ``obj`` was computed from is not part of that.

    Raises:
        TypeError: ``requires_grad`` is set for integers; and as `asarray`.

    Example:
        >>> import unifiedml as um
        >>> um.tensor([1.0, 2.0])
        Tensor([1., 2.], dtype=float32, backend='torch')
    """
    result = asarray(obj, dtype=dtype, device=device)
    if requires_grad:
        result = result.detach()
        result.requires_grad = True
    elif result is obj:
        result = obj._twin()
    return result


# --- out of the library -----------------------------------------------------------


def exported(x: Tensor, device: tuple[int, int] | None, copy: bool | None) -> Any:
    """Return what `Tensor.__dlpack__` hands out."""
    here = x.__dlpack_device__()
    if device is not None and tuple(device) != here:
        if tuple(device) != _DLPACK_CPU or copy is False:
            raise BufferError(f"the tensor is on DLPack device {here}, not {device}")
        return exported(x.to("cpu"), None, None)
    ops = x._backend.ops
    native = ops.stop_gradient(x._native)
    return ops.to_dlpack(ops.copy(native) if copy else native)


def shown(x: Tensor) -> str:
    """Return what `repr` does: of long tensors the ends and the shape."""
    if x._backend.ops.is_traced(x._native):
        what = "each example" if isinstance(x._native, Batched) else "a program"
        return (
            f"Tensor(of {what}, shape={x.shape}, dtype={x.dtype.name}, "
            f"backend={x.backend!r})"
        )
    values = np.array2string(
        x.numpy(), separator=", ", prefix="Tensor(", threshold=_SHOWN
    )
    notes = "" if 0 < x.size <= _SHOWN else f", shape={x.shape}"
    notes += f", dtype={x.dtype.name}, backend={x.backend!r}"
    if x.device != "cpu":
        notes += f", device={x.device!r}"
    if x.requires_grad:
        notes += ", requires_grad=True"
    return f"Tensor({values}{notes})"


def pickled(x: Tensor) -> tuple[Any, ...]:
    """Return what `Tensor.__reduce__` does: history stays behind."""
    return _unpickled, (x.numpy(), x.backend, x.device, x._is_leaf())


def _unpickled(
    values: npt.NDArray[Any], backend: str, device: str, requires_grad: bool
) -> Tensor:
    loaded = load(backend)
    x = from_array(values, loaded, resolve_device(device, loaded))
    if requires_grad:
        x.requires_grad = True
    return x


# --- sharing memory ---------------------------------------------------------------


def from_native(native: Any, /) -> Tensor:
    """Return a framework's own tensor as a `Tensor`, sharing its memory and history.

    Raises:
        TypeError: It is no tensor of an installed backend.

    Example:
        >>> import torch, unifiedml as um
        >>> um.from_native(torch.ones(2)).backend
        'torch'
    """
    owner = _owner(native)
    if owner is None:
        raise TypeError(
            f"{type(native).__name__} is no tensor of a backend "
            f"({', '.join(available_backends())}): use um.asarray for data"
        )
    owner.dtype_of(native)
    check_rank(owner.ops.shape_of(native))
    return Tensor(native, owner)


def from_dlpack(
    x: Any, /, *, device: str | None = None, copy: bool | None = None
) -> Tensor:
    """Return a tensor on the current backend of any object with ``__dlpack__``.

    Memory is shared where device, data type and layout allow (each framework has its
    own demands), unless ``copy=True``; history is not.

    Raises:
        TypeError: ``x`` does not speak DLPack.
        BufferError: ``copy=False`` and the memory cannot be shared.

    Example:
        >>> import numpy as np, unifiedml as um
        >>> um.from_dlpack(np.ones(2)).tolist()
        [1.0, 1.0]
    """
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"{type(x).__name__} has no __dlpack__: use um.asarray")
    backend = current()
    try:
        result = _shared(x, backend)
    except BufferError as error:
        if copy is False:
            raise BufferError(
                f"memory of {type(x).__name__} cannot be shared with backend "
                f"{backend.name!r}: leave copy=False out"
            ) from error
        array = x.numpy() if isinstance(x, Tensor) else _foreign(x)
        return from_array(array, backend, resolve_device(device, backend))
    check_rank(result.shape)
    where = result.device if device is None else resolve_device(device, backend)
    if where == result.device:
        return asarray(result, copy=True) if copy else result
    if copy is False:
        raise BufferError(f"moving from {result.device} to {where} needs a copy")
    return to_device(result, where)
