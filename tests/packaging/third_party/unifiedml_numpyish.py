"""A complete backend in NumPy: the contract's forward half, on the CPU.

It computes no gradients, and says so. NumPy's reductions and functions of 0-d arrays
return scalars, which are no arrays; `_kernel` makes arrays of them again and keeps
NumPy's warnings about infinities and NaN silent, which are values here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial, wraps
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt
import unifiedml_numpyish_special as special

Array = npt.NDArray[Any]
Axes = tuple[int, ...]


def _kernel(function: Callable[..., Any]) -> Callable[..., Array]:
    @wraps(function)
    def kernel(*operands: Any) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(function(*operands))

    return kernel


# --- what the backend is --------------------------------------------------------------

dtypes: Final = {
    name: np.dtype(name)
    for name in (
        "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 "
        "float32 float64 complex64 complex128"
    ).split()
} | {"bfloat16": np.dtype(ml_dtypes.bfloat16)}

missing: Final[dict[str, frozenset[str]]] = {}
engine: Final = None
# NumPy has no programs.
trace = cell = untraced = host_value = random_words = None
apart = cond = is_watched = scan = while_loop = None
fused: Final[dict[str, Any]] = {}
shortcuts: Final[dict[str, Any]] = {}

# --- tensors and devices --------------------------------------------------------------


def is_traced(x: Array, /) -> bool:
    return False


def is_native(x: object, /) -> bool:
    return isinstance(x, np.ndarray)


def devices() -> tuple[str, ...]:
    return ("cpu",)


def device_of(x: Array, /) -> str:
    return "cpu"


def to_device(x: Array, device: str, /) -> Array:
    return x


def shape_of(x: Array, /) -> tuple[int, ...]:
    return x.shape


def from_numpy(x: Array, device: str, /) -> Array:
    return x.copy()


to_numpy = np.copy
copy = np.copy
from_dlpack = np.from_dlpack


def to_dlpack(x: Array, /) -> Any:
    return x.__dlpack__()


def dlpack_device(x: Array, /) -> tuple[int, int]:
    kind, index = x.__dlpack_device__()
    return int(kind), int(index)


def full(
    shape: tuple[int, ...], value: Any, dtype: np.dtype[Any], device: str, /
) -> Array:
    return np.full(shape, value, dtype)


@_kernel
def cast(x: Array, dtype: np.dtype[Any], /) -> Array:
    return x.astype(dtype)


# --- gradients ------------------------------------------------------------------------


def tape(persistent: bool, /) -> Any:
    raise NotImplementedError(
        "NumPy has no gradients: move the tensors to a backend that has, "
        "x.to_backend('torch')"
    )


paused = nullcontext


def stop_gradient(x: Array, /) -> Array:
    return x


def custom_gradient(values: Any, inputs: Any, pull: Any, /) -> Any:
    return values


# --- element by element ---------------------------------------------------------------

abs = _kernel(np.abs)
acos = _kernel(np.arccos)
acosh = _kernel(np.arccosh)
asin = _kernel(np.arcsin)
asinh = _kernel(np.arcsinh)
atan = _kernel(np.arctan)
atanh = _kernel(np.arctanh)
bitwise_invert = _kernel(np.bitwise_invert)
ceil = _kernel(np.ceil)
conj = _kernel(np.conj)
cos = _kernel(np.cos)
cosh = _kernel(np.cosh)
exp = _kernel(np.exp)
expm1 = _kernel(np.expm1)
floor = _kernel(np.floor)
imag = _kernel(np.imag)
isfinite = _kernel(np.isfinite)
isinf = _kernel(np.isinf)
isnan = _kernel(np.isnan)
log = _kernel(np.log)
log1p = _kernel(np.log1p)
logical_not = _kernel(np.logical_not)
negative = _kernel(np.negative)
real = _kernel(np.real)
round = _kernel(np.rint)
sign = _kernel(np.sign)
sin = _kernel(np.sin)
sinh = _kernel(np.sinh)
sqrt = _kernel(np.sqrt)
square = _kernel(np.square)
tan = _kernel(np.tan)
tanh = _kernel(np.tanh)
trunc = _kernel(np.trunc)

add = _kernel(np.add)
atan2 = _kernel(np.arctan2)
bitwise_and = _kernel(np.bitwise_and)
bitwise_left_shift = _kernel(np.left_shift)
bitwise_or = _kernel(np.bitwise_or)
bitwise_right_shift = _kernel(np.right_shift)
bitwise_xor = _kernel(np.bitwise_xor)
divide = _kernel(np.divide)
equal = _kernel(np.equal)
floor_divide = _kernel(np.floor_divide)
less = _kernel(np.less)
less_equal = _kernel(np.less_equal)
logical_and = _kernel(np.logical_and)
logical_or = _kernel(np.logical_or)
logical_xor = _kernel(np.logical_xor)
maximum = _kernel(np.maximum)
minimum = _kernel(np.minimum)
multiply = _kernel(np.multiply)
not_equal = _kernel(np.not_equal)
power = _kernel(np.power)
power_constant = _kernel(np.power)
remainder = _kernel(np.remainder)
subtract = _kernel(np.subtract)
where = _kernel(np.where)

# Python has the error functions, NumPy has not.
_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


@_kernel
def erf(x: Array, /) -> Array:
    return _erf(x).astype(x.dtype)


@_kernel
def erfc(x: Array, /) -> Array:
    return _erfc(x).astype(x.dtype)


digamma = _kernel(special.digamma)
erfinv = _kernel(special.erfinv)
lgamma = _kernel(special.lgamma)


@_kernel
def complex(x: Array, y: Array, /) -> Array:
    x, y = np.broadcast_arrays(x, y)
    return np.stack([x, y], axis=-1).view(f"c{2 * x.itemsize}")[..., 0]


@_kernel
def clip(x: Array, low: Array, high: Array, /) -> Array:
    return np.minimum(np.maximum(x, low), high)


@_kernel
def relu(x: Array, /) -> Array:
    return np.maximum(x, x.dtype.type(0))


@_kernel
def sigmoid(x: Array, /) -> Array:
    # Of the two equal forms, that whose exponential does not overflow.
    small = np.exp(-np.abs(x))
    one = x.dtype.type(1)
    return np.where(x >= 0, one, small) / (one + small)


@_kernel
def softplus(x: Array, /) -> Array:
    return np.logaddexp(x, x.dtype.type(0))


# --- reductions -----------------------------------------------------------------------


def _reduction(function: Callable[..., Any]) -> Callable[..., Array]:
    @_kernel
    def reduction(x: Array, axes: Axes, keepdims: bool, /) -> Any:
        return function(x, axis=axes, keepdims=keepdims)

    return reduction


def _total(function: Callable[..., Any]) -> Callable[..., Array]:
    # NumPy would make small integers int64.
    @_kernel
    def total(x: Array, axes: Axes, keepdims: bool, /) -> Any:
        return function(x, axis=axes, keepdims=keepdims, dtype=x.dtype)

    return total


all = _reduction(np.all)
any = _reduction(np.any)
max = _reduction(np.max)
min = _reduction(np.min)
mean = _total(np.mean)
prod = _total(np.prod)
sum = _total(np.sum)
argmax = _kernel(np.argmax)
argmin = _kernel(np.argmin)

# --- order, scans, segments -----------------------------------------------------------

cumulative_max = _kernel(np.maximum.accumulate)
cumulative_min = _kernel(np.minimum.accumulate)
cumulative_prod = _kernel(np.cumulative_prod)
cumulative_sum = _kernel(np.cumulative_sum)


def argsort(x: Array, /) -> Array:
    return np.argsort(x, stable=True)


def top_k(x: Array, k: int, /) -> Array:
    return argsort(~x)[..., :k]


def bitcast(x: Array, dtype: np.dtype[Any], /) -> Array:
    return np.asarray(x, order="C").view(dtype)


def searchsorted(x: Array, values: Array, right: bool, /) -> Array:
    side = "right" if right else "left"
    return np.searchsorted(x[0], values[0], side).reshape(1, -1)  # type: ignore[call-overload]


def segment_max(x: Array, ids: Array, count: int, low: Any, /) -> Array:
    result = np.full((count, *x.shape[1:]), low, x.dtype)
    np.maximum.at(result, ids, x)
    return result


def segment_sum(x: Array, ids: Array, count: int, /) -> Array:
    result = np.zeros((count, *x.shape[1:]), x.dtype)
    np.add.at(result, ids, x)
    return result


# --- shape and indexing ---------------------------------------------------------------

broadcast_to = np.broadcast_to
concat = np.concat
flip = np.flip
permute_dims = np.permute_dims
reshape = np.reshape
nonzero = np.nonzero
take = np.take


def split(x: Array, sizes: tuple[int, ...], axis: int, /) -> list[Array]:
    return np.split(x, np.cumsum(sizes)[:-1], axis)


def getitem(x: Array, key: tuple[int | slice, ...], /) -> Array:
    return np.asarray(x[key])


def setitem(x: Array, value: Array, key: tuple[int | slice, ...], /) -> Array:
    changed = x.copy()
    changed[key] = value
    return changed


def scatter(x: Array, indices: Array, updates: Array, /) -> Array:
    result = x.copy()
    result[indices] = updates
    return result


def _scatter(function: Any) -> Callable[..., Array]:
    def scatter_with(x: Array, indices: Array, updates: Array, /) -> Array:
        result = x.copy()
        function.at(result, indices, updates)
        return result

    return scatter_with


scatter_add = _scatter(np.add)
scatter_max = _scatter(np.maximum)
scatter_min = _scatter(np.minimum)
scatter_multiply = _scatter(np.multiply)


def pad(x: Array, widths: tuple[tuple[int, int], ...], value: Any, /) -> Array:
    return np.pad(x, widths, constant_values=value)


# --- linear algebra, neural networks --------------------------------------------------

matmul = _kernel(np.matmul)

cholesky = np.linalg.cholesky
det = _kernel(np.linalg.det)


def eigvals(x: Array, /) -> Array:
    return np.linalg.eigvals(x).astype(np.result_type(x, np.complex64))


eigvalsh = np.linalg.eigvalsh
slogdet = np.linalg.slogdet
solve = np.linalg.solve
svdvals = _kernel(partial(np.linalg.svd, compute_uv=False))
svd = partial(np.linalg.svd, full_matrices=False)


def eig(x: Array, /) -> tuple[Array, ...]:
    values, vectors = np.linalg.eig(x)
    dtype = np.result_type(x, np.complex64)
    return values.astype(dtype), vectors.astype(dtype)


def eigh(x: Array, /) -> tuple[Array, ...]:
    return tuple(np.linalg.eigh(x))


def qr(x: Array, complete: bool, /) -> tuple[Array, ...]:
    return tuple(np.linalg.qr(x, mode="complete" if complete else "reduced"))


def solve_triangular(x: Array, y: Array, upper: bool, /) -> Array:
    return np.linalg.solve(np.triu(x) if upper else np.tril(x), y)


def fft(x: Array, axis: int, /) -> Array:
    return np.fft.fft(x, axis=axis).astype(x.dtype)


def ifft(x: Array, axis: int, /) -> Array:
    return np.fft.ifft(x, axis=axis).astype(x.dtype)


def rfft(x: Array, axis: int, /) -> Array:
    return np.fft.rfft(x, axis=axis).astype(np.result_type(x, np.complex64))


def irfft(x: Array, n: int, axis: int, /) -> Array:
    return np.fft.irfft(x, n, axis=axis).astype(x.real.dtype)


def _windows(
    x: Array, sizes: Any, strides: Any, apart: Any, pads: Any, pad: float
) -> Array:
    """Return windows, ``(batch, *places, channels, *sizes)``."""
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=pad)
    reach = [(k - 1) * d + 1 for k, d in zip(sizes, apart, strict=True)]
    axes = tuple(range(1, x.ndim - 1))
    found = np.lib.stride_tricks.sliding_window_view(x, reach, axes)
    steps = (slice(None, None, step) for step in strides)
    inner = (slice(None, None, step) for step in apart)
    return found[(slice(None), *steps, slice(None), *inner)]


@_kernel
def conv(
    x: Array, kernel: Array, strides: Any, pads: Any, apart: Any, groups: int, /
) -> Array:
    rank = len(strides)
    seen = _windows(x, kernel.shape[:rank], strides, apart, pads, 0)
    parts = zip(
        np.split(seen, groups, rank + 1), np.split(kernel, groups, -1), strict=True
    )
    # Channels, then the window: the kernel has them the other way round.
    order = [rank, *range(rank)]
    inner = [range(rank + 1, 2 * rank + 2), order]
    return np.concatenate([np.tensordot(a, k, inner) for a, k in parts], -1)


@_kernel
def conv_transpose(
    x: Array,
    kernel: Array,
    spatial: Any,
    strides: Any,
    pads: Any,
    apart: Any,
    groups: int,
    /,
) -> Array:
    rank = len(strides)
    wide = [n + low + high for n, (low, high) in zip(spatial, pads, strict=True)]
    y = np.zeros((len(x), *wide, kernel.shape[-2] * groups), x.dtype)
    parts = np.split(x, groups, -1), np.split(kernel, groups, -1)
    for place in np.ndindex(kernel.shape[:rank]):
        steps = zip(place, apart, strides, x.shape[1:-1], strict=True)
        at = [slice(i * d, i * d + s * (n - 1) + 1, s) for i, d, s, n in steps]
        terms = [a @ k[place].T for a, k in zip(*parts, strict=True)]
        y[(slice(None), *at)] += np.concatenate(terms, -1)
    cut = (slice(low, low + n) for (low, _), n in zip(pads, spatial, strict=True))
    return y[(slice(None), *cut)]


@_kernel
def max_pool(x: Array, sizes: Any, strides: Any, pads: Any, /) -> Array:
    rank = len(sizes)
    seen = _windows(x, sizes, strides, (1,) * rank, pads, -np.inf)
    return seen.max(tuple(range(rank + 2, 2 * rank + 2)))


@_kernel
def average_pool(x: Array, sizes: Any, strides: Any, pads: Any, /) -> Array:
    rank = len(sizes)
    seen = _windows(x, sizes, strides, (1,) * rank, pads, np.nan)
    return np.nanmean(seen, tuple(range(rank + 2, 2 * rank + 2)), dtype=x.dtype)


@_kernel
def log_softmax(x: Array, axis: int, /) -> Array:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@_kernel
def softmax(x: Array, axis: int, /) -> Array:
    return np.exp(log_softmax(x, axis))


@_kernel
def sparse_cross_entropy(logits: Array, labels: Array, /) -> Array:
    classes = logits.shape[1]
    if np.any((labels < 0) | (labels >= classes)):
        raise IndexError(f"a label is not in range({classes})")
    rows = np.arange(len(labels))
    return -log_softmax(logits, 1)[rows, labels]
