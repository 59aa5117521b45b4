"""Functions that make tensors of a value, of a sequence, of a pattern."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from unifiedml._backend.devices import resolve_device
from unifiedml._backend.registry import LoadedBackend, current
from unifiedml._dtypes import DType, DTypeLike, as_dtype
from unifiedml._rules.shapes import Shape, as_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops import _numbers
from unifiedml.ops._dispatch import ANY, Op, as_tensors
from unifiedml.ops.conversion import asarray, from_array
from unifiedml.ops.manipulation import broadcast_to

__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]

_LIKE = Op("full_like", ANY)


# --- filled -----------------------------------------------------------------------


def full(
    shape: Any,
    fill_value: Operand,
    *,
    dtype: DTypeLike | None = None,
    device: str | None = None,
) -> Tensor:
    """Return a tensor with ``fill_value`` everywhere.

    Args:
        shape: An integer or a sequence of integers.
        fill_value: A number, or a 0-d tensor, which gradients flow to.
        dtype: Default: that of a tensor; int64, float32, complex64 or bool by the
            kind of a number.
        device: Default: that of a tensor, else that of `get_device`.

    Returns:
        A tensor on the backend of ``fill_value``, or on the current one.

    Raises:
        OverflowError: ``fill_value`` does not fit into ``dtype``.
        TypeError: ``dtype`` is of a kind that cannot hold it.
        ValueError: ``fill_value`` is not 0-d.

    Example:
        >>> import unifiedml as um
        >>> um.full((2,), 7).tolist()
        [7, 7]
    """
    wanted = None if dtype is None else as_dtype(dtype)
    return _filled(as_shape(shape), fill_value, wanted, current(), device)


def _filled(
    shape: Shape,
    value: Any,
    dtype: DType | None,
    backend: LoadedBackend,
    device: str | None,
) -> Tensor:
    if np.ndim(value):
        raise ValueError(f"fill_value is one number, not of shape {np.shape(value)}")
    if isinstance(value, Tensor):
        return broadcast_to(asarray(value, dtype=dtype, device=device), shape)
    number = _number("fill_value", value)
    array = _numbers.array(number, dtype, np.asarray)
    native = backend.ops.full(
        shape,
        array.item(),
        backend.native_dtype(as_dtype(array.dtype)),
        resolve_device(device, backend),
    )
    return Tensor(native, backend)


def _number(name: str, value: Any) -> Any:
    """Return a Python number for one of Python, of NumPy, or a 0-d tensor."""
    plain = (
        value.item() if isinstance(value, Tensor | np.ndarray | np.generic) else value
    )
    if not isinstance(plain, bool | int | float | complex):
        raise TypeError(f"{name} is a number, not {type(value).__name__}")
    return plain


def zeros(
    shape: Any, *, dtype: DTypeLike | None = None, device: str | None = None
) -> Tensor:
    """Return a tensor of zeros; float32 by default.

    Example:
        >>> import unifiedml as um
        >>> um.zeros(2).tolist()
        [0.0, 0.0]
    """
    return full(shape, 0, dtype=float if dtype is None else dtype, device=device)


def ones(
    shape: Any, *, dtype: DTypeLike | None = None, device: str | None = None
) -> Tensor:
    """Return a tensor of ones; float32 by default.

    Example:
        >>> import unifiedml as um
        >>> um.ones(2).tolist()
        [1.0, 1.0]
    """
    return full(shape, 1, dtype=float if dtype is None else dtype, device=device)


def empty(
    shape: Any, *, dtype: DTypeLike | None = None, device: str | None = None
) -> Tensor:
    """Return a tensor to be filled; it holds zeros, never what memory held before.

    Example:
        >>> import unifiedml as um
        >>> um.empty((2, 3)).shape
        (2, 3)
    """
    return zeros(shape, dtype=dtype, device=device)


def full_like(
    x: Operand,
    /,
    fill_value: Operand,
    *,
    dtype: DTypeLike | None = None,
    device: str | None = None,
) -> Tensor:
    """Return a tensor of the shape, data type and backend of ``x``, filled.

    Example:
        >>> import unifiedml as um
        >>> um.full_like(um.zeros(2), 7).tolist()
        [7.0, 7.0]
    """
    (x,) = as_tensors(_LIKE, x, beside=(fill_value,))
    wanted = x.dtype if dtype is None else as_dtype(dtype)
    where = x.device if device is None else device
    return _filled(x.shape, fill_value, wanted, x._backend, where)


def zeros_like(
    x: Operand, /, *, dtype: DTypeLike | None = None, device: str | None = None
) -> Tensor:
    """Return zeros of the shape, data type and backend of ``x``.

    Example:
        >>> import unifiedml as um
        >>> um.zeros_like(um.ones(2)).tolist()
        [0.0, 0.0]
    """
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(
    x: Operand, /, *, dtype: DTypeLike | None = None, device: str | None = None
) -> Tensor:
    """Return ones of the shape, data type and backend of ``x``.

    Example:
        >>> import unifiedml as um
        >>> um.ones_like(um.zeros(2)).tolist()
        [1.0, 1.0]
    """
    return full_like(x, 1, dtype=dtype, device=device)


def empty_like(
    x: Operand, /, *, dtype: DTypeLike | None = None, device: str | None = None
) -> Tensor:
    """Return a tensor to be filled, of the shape and backend of ``x``; see `empty`.

    Example:
        >>> import unifiedml as um
        >>> um.empty_like(um.ones(2)).shape
        (2,)
    """
    return full_like(x, 0, dtype=dtype, device=device)


# --- sequences --------------------------------------------------------------------


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike | None = None,
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
        device: Default: that of `get_device`.

    Raises:
        ValueError: ``step`` is zero, or a number is infinite or NaN.
        OverflowError: An integer does not fit into ``dtype``.

    Example:
        >>> import unifiedml as um
        >>> um.arange(3).tolist()
        [0, 1, 2]
    """
    numbers = [_number("start", start), _number("step", step)]
    if stop is None:
        numbers.insert(0, 0)
    else:
        numbers.insert(1, _number("stop", stop))
    if any(isinstance(one, complex) or not math.isfinite(one) for one in numbers):
        raise ValueError(f"arange needs real, finite numbers, not {tuple(numbers)}")
    if numbers[2] == 0:
        raise ValueError("the step of arange cannot be 0")
    integers = all(isinstance(one, int) for one in numbers)
    wanted = as_dtype((int if integers else float) if dtype is None else dtype)
    values = _integers(range(*numbers), wanted) if integers else _floats(*numbers)
    return _from_values(values, wanted, device)


def _integers(places: range, dtype: DType) -> npt.NDArray[Any]:
    """Return a range in 64 bits, where arithmetic modulo 2**64 is exact."""
    limits = dtype if dtype.is_integer else as_dtype(int)
    for end in places[:1], places[-1:]:
        if end:
            _numbers.check_range(end[0], limits)
    start, step = np.array([places.start % 2**64, places.step % 2**64], np.uint64)
    numbers = np.arange(len(places), dtype=np.uint64)
    bits: npt.NDArray[np.uint64] = start + numbers * step
    return bits if limits.kind == "unsigned" else bits.view(np.int64)


def _floats(start: float, stop: float, step: float) -> npt.NDArray[Any]:
    count = max(0, math.ceil((stop - start) / step))
    return start + np.arange(count, dtype=np.float64) * step


def _from_values(values: npt.NDArray[Any], dtype: DType, device: str | None) -> Tensor:
    backend = current()
    where = resolve_device(device, backend)
    return from_array(_numbers.converted(values, dtype), backend, where)


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: DTypeLike | None = None,
    device: str | None = None,
    endpoint: bool = True,
) -> Tensor:
    """Return ``num`` evenly spaced numbers from start to stop.

    Args:
        start: The first number.
        stop: The last number, if ``endpoint``.
        num: How many.
        dtype: Default: float32, or complex64 for complex ends.
        device: Default: that of `get_device`.
        endpoint: Whether ``stop`` is the last number.

    Raises:
        TypeError: ``num`` is no integer.
        ValueError: ``num`` is negative.

    Example:
        >>> import unifiedml as um
        >>> um.linspace(0, 1, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    first, last = _number("start", start), _number("stop", stop)
    (count,) = as_shape(num)
    kind = complex if isinstance(first, complex) or isinstance(last, complex) else float
    wanted = as_dtype(kind if dtype is None else dtype)
    # Halves, because the distance between the largest numbers overflows.
    values = 2 * np.linspace(first / 2, last / 2, count, endpoint=endpoint)
    return _from_values(values, wanted, device)


def logspace(
    start: float,
    stop: float,
    /,
    num: int,
    *,
    base: float = 10,
    dtype: DTypeLike | None = None,
    device: str | None = None,
    endpoint: bool = True,
) -> Tensor:
    """Return ``base`` to the power of `linspace`, computed in float64.

    Example:
        >>> import unifiedml as um
        >>> um.logspace(0, 2, 3).tolist()
        [1.0, 10.0, 100.0]
    """
    first, last = _number("start", start), _number("stop", stop)
    (count,) = as_shape(num)
    values = np.logspace(first * 1.0, last * 1.0, count, endpoint=endpoint, base=base)
    wanted = as_dtype(
        (complex if values.dtype.kind == "c" else float) if dtype is None else dtype
    )
    return _from_values(values, wanted, device)


def geomspace(
    start: float,
    stop: float,
    /,
    num: int,
    *,
    dtype: DTypeLike | None = None,
    device: str | None = None,
    endpoint: bool = True,
) -> Tensor:
    """Return ``num`` numbers from start to stop, each the same multiple of the last.

    Raises:
        ValueError: ``start`` or ``stop`` is zero.

    Example:
        >>> import unifiedml as um
        >>> um.geomspace(1, 8, 4).tolist()
        [1.0, 2.0, 4.0, 8.0]
    """
    first, last = _number("start", start), _number("stop", stop)
    if first == 0 or last == 0:
        raise ValueError("geomspace cannot begin or end at 0")
    (count,) = as_shape(num)
    real = not (isinstance(first, complex) or isinstance(last, complex))
    if real and (first < 0) != (last < 0):
        raise ValueError(f"geomspace from {first} to {last} would pass 0")
    values = np.geomspace(first * 1.0, last * 1.0, count, endpoint=endpoint)
    wanted = as_dtype(
        (complex if values.dtype.kind == "c" else float) if dtype is None else dtype
    )
    return _from_values(values, wanted, device)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: DTypeLike | None = None,
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
    return _from_values(np.eye(rows, columns, k=operator.index(k)), wanted, device)
