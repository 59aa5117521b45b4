"""Functions that make tensors, from Python, from NumPy, from other libraries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from unifiedml._backend.registry import (
    LoadedBackend,
    available_backends,
    current,
    load,
    loaded_backends,
    use_backend,
)
from unifiedml._dtypes import DType, as_dtype, iinfo
from unifiedml._rules.shapes import as_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, Op, execute

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_native",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]

DTypeLike = DType | str | type | None

_COPY = Op("copy", ANY)
_TO_DEVICE = Op("to_device", ANY)


# --- devices -----------------------------------------------------------------------


def resolve_device(device: str | None, backend: LoadedBackend) -> str:
    """Return the device's full name: ``"cpu"``, ``"gpu:0"``, ...

    Raises:
        TypeError: ``device`` is no string.
        ValueError: The backend has no such device.
    """
    if device is None or device == "cpu":
        return "cpu"
    if not isinstance(device, str):
        raise TypeError(f"a device is named by a string, not {device!r}")
    kind, _, number = device.partition(":")
    kind = {"cuda": "gpu"}.get(kind.lower(), kind.lower())
    name = "cpu" if kind == "cpu" and number in ("", "0") else f"{kind}:{number or 0}"
    devices = backend.ops.devices()
    if name not in devices:
        raise ValueError(
            f"backend {backend.name!r} has no device {device!r}: it has "
            + ", ".join(repr(one) for one in devices)
        )
    return name


def to_device(x: Tensor, device: str) -> Tensor:
    """Return ``x`` on ``device``; see `Tensor.to`."""
    name = resolve_device(device, x._backend)
    if name == x.device:
        return x
    return execute(_TO_DEVICE, x._backend.ops.to_device, (x,), (name,))


def to_backend(x: Tensor, name: str) -> Tensor:
    """Return ``x`` on another backend; see `Tensor.to_backend`."""
    backend = load(name)
    if backend.name == x.backend:
        return x.detach()
    return from_array(x.numpy(), backend, resolve_device(x.device, backend))


# --- from data -----------------------------------------------------------------------


def from_array(
    array: npt.NDArray[Any], backend: LoadedBackend, device: str | None
) -> Tensor:
    """Return a copy of a NumPy array as a tensor of the same data type."""
    dtype = as_dtype(array.dtype)
    backend.native_dtype(dtype)
    plain = np.ascontiguousarray(array, dtype=dtype.numpy).reshape(array.shape)
    return Tensor(backend.ops.from_numpy(plain, device or "cpu"), backend)


def asarray(
    obj: Any,
    /,
    *,
    dtype: DTypeLike = None,
    device: str | None = None,
    copy: bool | None = None,
) -> Tensor:
    """Return a tensor of ``obj``.

    Args:
        obj: A tensor, a NumPy array, a Python scalar, nested sequences of scalars
            or tensors, or an object with ``__dlpack__`` or ``__array__``.
        dtype: The wanted data type. Default: that of ``obj``; int64, float32 and
            complex64 for Python numbers.
        device: Where to put the result. Default: where ``obj`` is, else ``"cpu"``.
        copy: True: never return ``obj`` itself. False: raise where a copy is needed.
            None: copy as needed. Memory of NumPy arrays is never shared.

    Returns:
        A tensor on the current backend; a tensor stays on its own.

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
    backend = current()
    where = resolve_device(device, backend)
    if not isinstance(obj, np.ndarray | np.generic) and hasattr(obj, "__dlpack__"):
        obj = _as_numpy(obj)
    return from_array(_array(obj, wanted), backend, where)


def _from_tensor(
    x: Tensor, dtype: DType | None, device: str | None, copy: bool | None
) -> Tensor:
    result = x if device is None else x.to(device)
    result = result if dtype is None else result.astype(dtype)
    if copy is False and result is not x:
        raise ValueError(
            f"{x.dtype.name} on {x.device} cannot become {result.dtype.name} on "
            f"{result.device} without a copy"
        )
    if copy and result is x:
            return execute(_COPY, x._backend.ops.copy, (x,), ())
    return result


def _as_numpy(obj: Any) -> npt.NDArray[Any]:
    """Return any array of another library as a NumPy array."""
    for backend in loaded_backends():
        if backend.ops.is_native(obj):
            return backend.ops.to_numpy(backend.ops.stop_gradient(obj))
    return np.asarray(obj) if hasattr(obj, "__array__") else np.from_dlpack(obj)


def _array(obj: Any, dtype: DType | None) -> npt.NDArray[Any]:
    if isinstance(obj, np.ndarray | np.generic):
        return _converted(np.asarray(obj), dtype)
    if _holds_arrays(obj):
        arrays = _with_arrays(obj)
        if _all_strong(obj):
            return _converted(np.asarray(arrays), dtype)
    else:
        arrays = obj
    try:
        array = np.asarray(arrays)
    except ValueError as error:
        raise ValueError(f"nested sequences of unequal lengths: {error}") from None
    except OverflowError:
        raise OverflowError(f"a number in {obj!r} fits into no data type") from None
    if array.dtype.kind in "OUSMmV":
        _raise_unusable(obj, array)
    if dtype is None:
        return array.astype(_default_dtype(array))
    return _checked_numbers(array, dtype)


def _raise_unusable(obj: Any, array: npt.NDArray[Any]) -> None:
    if array.dtype.kind == "O" and all(type(one) is int for one in array.flat):
        raise OverflowError(f"an integer in {obj!r} fits into no data type")
    raise TypeError(
        f"cannot make a tensor of {obj!r}: it needs numbers, or nested sequences of "
        "equal lengths of numbers"
    )


def _holds_arrays(obj: Any) -> bool:
    if isinstance(obj, list | tuple):
        return any(_holds_arrays(one) for one in obj)
    return isinstance(obj, Tensor | np.ndarray | np.generic)


def _all_strong(obj: Any) -> bool:
    if isinstance(obj, list | tuple):
        return all(_all_strong(one) for one in obj)
    return isinstance(obj, Tensor | np.ndarray | np.generic)


def _with_arrays(obj: Any) -> Any:
    if isinstance(obj, list | tuple):
        return [_with_arrays(one) for one in obj]
    return obj.numpy() if isinstance(obj, Tensor) else obj


def _default_dtype(array: npt.NDArray[Any]) -> np.dtype[Any]:
    if array.dtype.kind == "u":
        return np.dtype("uint64")
    kind = {"b": bool, "i": int, "f": float, "c": complex}[array.dtype.kind]
    # An empty list has no numbers that could say; NumPy calls it float.
    return as_dtype(kind).numpy


def _converted(array: npt.NDArray[Any], dtype: DType | None) -> npt.NDArray[Any]:
    """Convert an array, which has a data type, as ``astype`` does."""
    as_dtype(array.dtype)
    if dtype is None:
        return array
    if array.dtype.kind == "c" and dtype.kind not in ("complex", "bool"):
        raise TypeError(f"cannot convert {array.dtype} to {dtype.name}")
    with np.errstate(invalid="ignore", over="ignore"):
        return array.astype(dtype.numpy)


def _checked_numbers(array: npt.NDArray[Any], dtype: DType) -> npt.NDArray[Any]:
    """Convert Python numbers, which have none, where nothing is lost in kind."""
    order = ("bool", "integer", "float", "complex")
    given = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}[array.dtype.kind]
    able = order.index("integer" if dtype.is_integer else dtype.kind)
    if array.size and able < given and dtype.kind != "bool":
        raise TypeError(
            f"{order[given]} numbers do not fit into {dtype.name}: round them, or "
            "convert with astype"
        )
    if dtype.is_integer and array.size and given == 1:
        limits = iinfo(dtype)
        for value in (int(array.min()), int(array.max())):
            if not limits.min <= value <= limits.max:
                raise OverflowError(
                    f"{value} does not fit into {dtype.name}, which holds "
                    f"{limits.min} to {limits.max}"
                )
    with np.errstate(over="ignore"):
        return array.astype(dtype.numpy)


def tensor(
    obj: Any,
    /,
    *,
    dtype: DTypeLike = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a new tensor of ``obj``, whose memory is its own.

    Args:
        obj: Whatever `asarray` takes.
        dtype: The wanted data type; see `asarray`.
        device: Where to put it; see `asarray`.
        requires_grad: Record what is computed from it, for ``backward()``.

    Raises:
        TypeError: ``requires_grad`` is set for integers; and as `asarray`.

    Example:
        >>> import unifiedml as um
        >>> um.tensor([1.0, 2.0])
        Tensor([1., 2.], dtype=float32, backend='torch')
    """
    result = asarray(obj, dtype=dtype, device=device)
    if isinstance(obj, Tensor):
        result = result.detach()
    if requires_grad:
        result.requires_grad = True
    return result


def from_native(native: Any, /) -> Tensor:
    """Return a framework's own tensor as a `Tensor`, sharing its memory and history.

    Raises:
        TypeError: It is no tensor of an installed backend.

    Example:
        >>> import torch, unifiedml as um
        >>> um.from_native(torch.ones(2)).backend
        'torch'
    """
    names = {backend.name for backend in loaded_backends()}
    module = type(native).__module__.partition(".")[0]
    names |= {name for name in available_backends() if name == module}
    for name in sorted(names):
        backend = load(name)
        if backend.ops.is_native(native):
            backend.dtype_of(native)
            return Tensor(native, backend)
    raise TypeError(
        f"{type(native).__name__} is no tensor of a backend "
        f"({', '.join(available_backends())}): use um.asarray for data"
    )


def from_dlpack(
    x: Any, /, *, device: str | None = None, copy: bool | None = None
) -> Tensor:
    """Return a tensor on the current backend of any object with ``__dlpack__``.

    Memory is shared where device and data type allow, unless ``copy=True``.

    Raises:
        TypeError: ``x`` does not speak DLPack.
        ValueError: ``copy=False`` and the wanted device is another one.

    Example:
        >>> import numpy as np, unifiedml as um
        >>> um.from_dlpack(np.ones(2)).tolist()
        [1.0, 1.0]
    """
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"{type(x).__name__} has no __dlpack__: use um.asarray")
    backend = current()
    result = Tensor(backend.ops.from_dlpack(x), backend)
    if device is not None and resolve_device(device, backend) != result.device:
        if copy is False:
            raise ValueError(f"moving to {device!r} needs a copy")
        return result.to(device)
    return asarray(result, copy=True) if copy else result


# --- filled ------------------------------------------------------------------------------


def full(
    shape: Any,
    fill_value: Operand,
    *,
    dtype: DTypeLike = None,
    device: str | None = None,
) -> Tensor:
    """Return a tensor with ``fill_value`` everywhere.

    Args:
        shape: An integer or a sequence of integers.
        fill_value: A Python scalar or a 0-d tensor.
        dtype: Default: int64, float32, complex64 or bool by the kind of
            ``fill_value``.
        device: Default: ``"cpu"``.

    Raises:
        OverflowError: ``fill_value`` does not fit into ``dtype``.
        TypeError: ``dtype`` is of a kind that cannot hold it.

    Example:
        >>> import unifiedml as um
        >>> um.full((2,), 7).tolist()
        [7, 7]
    """
    value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    if not isinstance(value, bool | int | float | complex):
        raise TypeError(f"fill_value is a number, not {fill_value!r}")
    backend = current()
    if dtype is None and isinstance(fill_value, Tensor):
        dtype = fill_value.dtype
    array = _array(value, None if dtype is None else as_dtype(dtype))
    wanted = as_dtype(array.dtype)
    native = backend.ops.full(
        as_shape(shape),
        array.item() if wanted.name != "bfloat16" else float(array),
        backend.native_dtype(wanted),
        resolve_device(device, backend),
    )
    return Tensor(native, backend)


def zeros(
    shape: Any, *, dtype: DTypeLike = None, device: str | None = None
) -> Tensor:
    """Return a tensor of zeros; float32 by default.

    Example:
        >>> import unifiedml as um
        >>> um.zeros(2).tolist()
        [0.0, 0.0]
    """
    return full(shape, 0, dtype=float if dtype is None else dtype, device=device)


def ones(shape: Any, *, dtype: DTypeLike = None, device: str | None = None) -> Tensor:
    """Return a tensor of ones; float32 by default.

    Example:
        >>> import unifiedml as um
        >>> um.ones(2).tolist()
        [1.0, 1.0]
    """
    return full(shape, 1, dtype=float if dtype is None else dtype, device=device)


def empty(
    shape: Any, *, dtype: DTypeLike = None, device: str | None = None
) -> Tensor:
    """Return a tensor to be filled; it holds zeros, never what memory held before.

    Example:
        >>> import unifiedml as um
        >>> um.empty((2, 3)).shape
        (2, 3)
    """
    return zeros(shape, dtype=dtype, device=device)


def full_like(
    x: Tensor, /, fill_value: Operand, *, dtype: DTypeLike = None, device: str | None = None
) -> Tensor:
    """Return a tensor of the shape, data type and backend of ``x``, filled.

    Example:
        >>> import unifiedml as um
        >>> um.full_like(um.zeros(2), 7).tolist()
        [7.0, 7.0]
    """
    with use_backend(x.backend):
        return full(
            x.shape,
            fill_value,
            dtype=x.dtype if dtype is None else dtype,
            device=x.device if device is None else device,
        )


def zeros_like(
    x: Tensor, /, *, dtype: DTypeLike = None, device: str | None = None
) -> Tensor:
    """Return zeros of the shape, data type and backend of ``x``.

    Example:
        >>> import unifiedml as um
        >>> um.zeros_like(um.ones(2)).tolist()
        [0.0, 0.0]
    """
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(
    x: Tensor, /, *, dtype: DTypeLike = None, device: str | None = None
) -> Tensor:
    """Return ones of the shape, data type and backend of ``x``.

    Example:
        >>> import unifiedml as um
        >>> um.ones_like(um.zeros(2)).tolist()
        [1.0, 1.0]
    """
    return full_like(x, 1, dtype=dtype, device=device)


def empty_like(
    x: Tensor, /, *, dtype: DTypeLike = None, device: str | None = None
) -> Tensor:
    """Return a tensor to be filled, of the shape and backend of ``x``; see `empty`.

    Example:
        >>> import unifiedml as um
        >>> um.empty_like(um.ones(2)).shape
        (2,)
    """
    return full_like(x, 0, dtype=dtype, device=device)


# --- sequences ----------------------------------------------------------------------------


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike = None,
    device: str | None = None,
) -> Tensor:
    """Return evenly spaced numbers in the half-open interval from start to stop.

    Element *i* is ``start + i * step``, computed in float64 (or exactly, for
    integers) and rounded once; there are ``ceil((stop - start) / step)``.

    Args:
        start: The first number; with one argument, the end (and the start is 0).
        stop: The end, which is not included.
        step: The distance.
        dtype: Default: int64 for integers, else float32.
        device: Default: ``"cpu"``.

    Raises:
        ValueError: ``step`` is zero.

    Example:
        >>> import unifiedml as um
        >>> um.arange(3).tolist()
        [0, 1, 2]
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueError("the step of arange cannot be 0")
    integers = all(isinstance(one, int) for one in (start, stop, step))
    wanted = as_dtype((int if integers else float) if dtype is None else dtype)
    count = max(0, math.ceil((stop - start) / step))
    if integers:
        count = len(range(int(start), int(stop), int(step)))
    places = np.arange(count, dtype=np.int64 if integers else np.float64)
    values = start + places * step
    backend = current()
    return from_array(
        _converted(values, wanted), backend, resolve_device(device, backend)
    )


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: DTypeLike = None,
    device: str | None = None,
    endpoint: bool = True,
) -> Tensor:
    """Return ``num`` evenly spaced numbers from start to stop.

    Args:
        start: The first number.
        stop: The last number, if ``endpoint``.
        num: How many.
        dtype: Default: float32, or complex64 for complex ends.
        device: Default: ``"cpu"``.
        endpoint: Whether ``stop`` is the last number.

    Raises:
        ValueError: ``num`` is negative.

    Example:
        >>> import unifiedml as um
        >>> um.linspace(0, 1, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if num < 0:
        raise ValueError(f"linspace cannot return {num} numbers")
    kind = complex if any(isinstance(x, complex) for x in (start, stop)) else float
    wanted = as_dtype(kind if dtype is None else dtype)
    values = np.linspace(start, stop, num, endpoint=endpoint, dtype=None)
    backend = current()
    return from_array(
        _converted(values, wanted), backend, resolve_device(device, backend)
    )


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: DTypeLike = None,
    device: str | None = None,
) -> Tensor:
    """Return a matrix with ones on the ``k``-th diagonal and zeros elsewhere.

    Example:
        >>> import unifiedml as um
        >>> um.eye(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    wanted = as_dtype(float if dtype is None else dtype)
    rows, columns = as_shape((n_rows, n_rows if n_cols is None else n_cols))
    backend = current()
    values = np.eye(rows, columns, k=k).astype(wanted.numpy)
    return from_array(values, backend, resolve_device(device, backend))

