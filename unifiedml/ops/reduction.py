"""Reductions: over all dimensions (``axis=None``), one, or several.

An empty ``axis=()`` reduces nothing. Every function raises NumPy's ``AxisError`` for an
axis out of range, ``ValueError`` for one named twice, and ``TypeError`` for a data type
that it is not defined for.
"""

from __future__ import annotations

from unifiedml._dtypes import DTYPES, DType
from unifiedml._rules.axes import Axis, normalize_axes, normalize_axis
from unifiedml._rules.remembered import remembered
from unifiedml._rules.shapes import Shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    ANY,
    BOOL,
    FLOATING,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    Op,
    as_tensor,
    unary,
)
from unifiedml.ops.arithmetic import abs as _abs
from unifiedml.ops.arithmetic import square, subtract
from unifiedml.ops.exponential import exp as _exp
from unifiedml.ops.exponential import log, sqrt
from unifiedml.ops.selection import where

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]

_ALL = Op("all", BOOL)
_ANY = Op("any", BOOL)
_ARGMAX = Op("argmax", REAL, order=True, finds=True)
_ARGMIN = Op("argmin", REAL, order=True, finds=True)
_LOGSUMEXP = Op("logsumexp", REAL_FLOATING)
_MAX = Op("max", REAL, order=True)
_MEAN = Op("mean", FLOATING)
_MIN = Op("min", REAL, order=True)
_PROD = Op("prod", NUMERIC)
_SUM = Op("sum", NUMERIC)
_SUMMABLE = Op("sum", ANY)
_STD = Op("std", REAL_FLOATING)
_VAR = Op("var", REAL_FLOATING)


_known_axes = remembered(normalize_axes)


def _axes_of(shape: Shape, axis: Axis) -> tuple[int, ...]:
    return _known_axes(axis, len(shape))


def _reduce(op: Op, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    return _over(op, x, _axes_of(x.shape, axis), keepdims)


def _over(op: Op, x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return unary(op, x, axes, bool(keepdims)) if axes else x._twin()


def widened(x: Tensor) -> Tensor:
    """Return 16-bit floats in float32, in which a long sum does not stagnate."""
    return x.astype(DTYPES["float32"]) if x.dtype.name in _NARROW else x


def _accumulated(op: Op, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    wide = widened(x)
    result = _reduce(op, wide, axis, keepdims)
    return result if wide is x else result.astype(x.dtype)


def _totalled(
    op: Op, x: Tensor, axis: Axis, dtype: DType | str | None, keepdims: bool
) -> Tensor:
    """Reduce in 64 bits or float32, then convert to the data type that is wanted."""
    if dtype is None:
        own = x.dtype
        if own.name in _WIDE:
            return _reduce(op, x, axis, keepdims)
        dtype = total_dtype(own)
    x = x.astype(dtype, copy=False)
    wide = x.astype(total_dtype(x.dtype), copy=False)
    return _accumulated(op, wide, axis, keepdims).astype(x.dtype, copy=False)


_NARROW = frozenset({"float16", "bfloat16"})
_WIDE = frozenset("float32 float64 int64 uint64 complex64 complex128".split())


def total_dtype(dtype: DType) -> DType:
    if dtype.kind in ("bool", "signed"):
        return DTYPES["int64"]
    return DTYPES["uint64"] if dtype.kind == "unsigned" else dtype


def sum(
    x: Operand,
    /,
    *,
    axis: Axis = None,
    dtype: DType | str | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Return the sum over ``axis``.

    Integers and bools are added in int64, unsigned integers in uint64, float16 and
    bfloat16 in float32.

    Args:
        x: A tensor of shape ``(...)``.
        axis: The dimensions to reduce; all by default.
        dtype: Convert to this data type first.
        keepdims: Leave the reduced dimensions with size 1.

    Example:
        >>> import unifiedml as um
        >>> um.sum(um.tensor([[1, 2], [3, 4]]), axis=0).tolist()
        [4, 6]
    """
    if not isinstance(x, Tensor):
        x = as_tensor(_SUMMABLE, x)
    return _totalled(_SUM, x, axis, dtype, keepdims)


def prod(
    x: Operand,
    /,
    *,
    axis: Axis = None,
    dtype: DType | str | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Return the product over ``axis``; data types as in `sum`.

    Its gradient is exact also where elements are zero.

    Example:
        >>> import unifiedml as um
        >>> um.prod(um.tensor([[1, 2], [3, 4]]), axis=0).tolist()
        [3, 8]
    """
    x = as_tensor(_PROD, x)
    return _totalled(_PROD, x, axis, dtype, keepdims)


def mean(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the arithmetic mean over ``axis`` of a floating-point tensor.

    The mean of nothing is NaN.

    Example:
        >>> import unifiedml as um
        >>> um.mean(um.tensor([1.0, 2.0, 6.0])).item()
        3.0
    """
    x = as_tensor(_MEAN, x)
    return _accumulated(_MEAN, x, axis, keepdims)


def var(
    x: Operand, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Return the variance over ``axis``, in two passes.

    Args:
        x: A real floating-point tensor.
        axis: The dimensions to reduce; all by default.
        correction: Divide by ``n - correction`` (1: Bessel's). NaN if that is not
            positive.
        keepdims: Leave the reduced dimensions with size 1.

    Example:
        >>> import unifiedml as um
        >>> um.var(um.tensor([1.0, 2.0, 3.0, 4.0])).item()
        1.25
    """
    x = as_tensor(_VAR, x)
    wide = widened(x)
    axes = normalize_axes(axis, x.ndim)
    squares = square(subtract(wide, mean(wide, axis=axes, keepdims=True)))
    result = mean(squares, axis=axes, keepdims=keepdims)
    if correction:
        count = 1
        for one in axes:
            count *= x.shape[one]
        left = count - correction
        result = result * (count / left if left > 0 else float("nan"))
    return result.astype(x.dtype)


def std(
    x: Operand, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Return the standard deviation over ``axis``; arguments as in `var`.

    Its gradient is 0 where all elements are equal.

    Example:
        >>> import unifiedml as um
        >>> um.std(um.tensor([1.0, 3.0])).item()
        1.0
    """
    x = as_tensor(_STD, x)
    variance = var(x, axis=axis, correction=correction, keepdims=keepdims)
    # The square root has an infinite slope at 0: it is kept away from there.
    constant = variance == 0
    return where(constant, 0.0, sqrt(where(constant, 1.0, variance)))


def max(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest element over ``axis``, NaN where there is a NaN.

    Equal largest elements share the gradient equally.

    Raises:
        ValueError: There is no element.

    Example:
        >>> import unifiedml as um
        >>> um.max(um.tensor([[1, 5], [3, 4]]), axis=0).tolist()
        [3, 5]
    """
    return _extreme(_MAX, x, axis, keepdims)


def min(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the smallest element over ``axis``, NaN where there is a NaN.

    Equal smallest elements share the gradient equally.

    Raises:
        ValueError: There is no element.

    Example:
        >>> import unifiedml as um
        >>> um.min(um.tensor([[1, 5], [3, 4]]), axis=0).tolist()
        [1, 4]
    """
    return _extreme(_MIN, x, axis, keepdims)


def _extreme(op: Op, x: Operand, axis: Axis, keepdims: bool) -> Tensor:
    x = as_tensor(op, x)
    shape = x.shape
    axes = _axes_of(shape, axis)
    _check_not_empty(op.name, shape, axes)
    return _over(op, x, axes, keepdims)


def _check_not_empty(name: str, shape: Shape, axes: tuple[int, ...]) -> None:
    if 0 in shape and 0 in (shape[one] for one in axes):
        raise ValueError(
            f"{name} over {'axes' if len(axes) > 1 else 'axis'} "
            f"{', '.join(map(str, axes))} of shape {shape} has no elements to choose "
            "from"
        )


def argmax(x: Operand, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the int64 index of the first largest element; of the first NaN, if any.

    Args:
        x: A real numeric tensor.
        axis: The dimension to search; by default, the index counts in all elements.
        keepdims: Leave the searched dimension with size 1.

    Raises:
        ValueError: There is no element.

    Example:
        >>> import unifiedml as um
        >>> um.argmax(um.tensor([[1, 5], [6, 4]]), axis=1).tolist()
        [1, 0]
    """
    return _search(_ARGMAX, x, axis, keepdims)


def argmin(x: Operand, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the int64 index of the first smallest element; arguments as `argmax`.

    Example:
        >>> import unifiedml as um
        >>> um.argmin(um.tensor([[1, 5], [6, 4]]), axis=1).tolist()
        [0, 1]
    """
    return _search(_ARGMIN, x, axis, keepdims)


def _search(op: Op, x: Operand, axis: int | None, keepdims: bool) -> Tensor:
    from unifiedml.ops.manipulation import reshape

    x = as_tensor(op, x)
    shape = x.shape
    _check_not_empty(op.name, shape, _axes_of(shape, axis))
    if axis is None:
        found = unary(op, reshape(x, (-1,)), 0)
        return reshape(found, (1,) * len(shape)) if keepdims else found
    place = normalize_axis(axis, len(shape))
    found = unary(op, x, place)
    if not keepdims:
        return found
    return reshape(found, (*shape[:place], 1, *shape[place + 1 :]))


def all(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Tell whether all elements are true (not zero); so are those of nothing.

    Example:
        >>> import unifiedml as um
        >>> um.all(um.tensor([1, 0])).item()
        False
    """
    x = as_tensor(_SUMMABLE, x)
    return _reduce(_ALL, x.astype(DTYPES["bool"], copy=False), axis, keepdims)


def any(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Tell whether any element is true (not zero).

    Example:
        >>> import unifiedml as um
        >>> um.any(um.tensor([1, 0])).item()
        True
    """
    x = as_tensor(_SUMMABLE, x)
    return _reduce(_ANY, x.astype(DTYPES["bool"], copy=False), axis, keepdims)


def count_nonzero(
    x: Operand, /, *, axis: Axis = None, keepdims: bool = False
) -> Tensor:
    """Return how many elements are not zero, an int64; NaN is not.

    Example:
        >>> import unifiedml as um
        >>> um.count_nonzero(um.tensor([[0, 5], [7, 8]]), axis=0).tolist()
        [1, 2]
    """
    x = as_tensor(_SUMMABLE, x)
    return sum(x.astype(DTYPES["bool"], copy=False), axis=axis, keepdims=keepdims)


def logsumexp(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return ``log(sum(exp(x)))``, without overflow; -inf where all elements are.

    Raises:
        ValueError: There is no element.

    Example:
        >>> import unifiedml as um
        >>> um.logsumexp(um.tensor([1000.0, -1000.0])).item()
        1000.0

    Reference:
        Blanchard, Higham and Higham (2021), "Accurately computing the log-sum-exp
        and softmax functions", IMA Journal of Numerical Analysis 41.
    """
    from unifiedml.autodiff import stop_gradient
    from unifiedml.ops.manipulation import reshape

    x = as_tensor(_LOGSUMEXP, x)
    axes = normalize_axes(axis, x.ndim)
    peak = stop_gradient(max(x, axis=axes, keepdims=True))
    # An infinite peak would turn into inf - inf.
    finite = _abs(peak) != float("inf")
    shift = where(finite, peak, 0.0)
    total = sum(_exp(x - shift), axis=axes, keepdims=True)
    nothing = total == 0
    result = where(nothing, float("-inf"), log(where(nothing, 1.0, total)) + shift)
    if keepdims:
        return result
    shape = x.shape
    return reshape(
        result, tuple(n for place, n in enumerate(shape) if place not in axes)
    )
