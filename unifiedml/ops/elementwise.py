"""Element-by-element functions.

Operands broadcast and are promoted by the Array API standard's table; Python scalars
take the tensor's data type where its kind can hold them. Every function raises
``TypeError`` for a data type that it is not defined for, ``ValueError`` for shapes
that do not broadcast, ``OverflowError`` for a Python integer that does not fit, and
`BackendMismatchError` for operands of two backends.
"""

from __future__ import annotations

from typing import Any

from unifiedml._dtypes import DTYPES, iinfo
from unifiedml._rules.promotion import DEFAULTS
from unifiedml._rules.shapes import broadcast_shapes
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import (
    ANY,
    BITS,
    BOOL,
    FLOATING,
    INTEGER,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    Op,
    apply,
    as_tensors,
    binary,
    unary,
)

__all__ = [
    "abs",
    "add",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "conj",
    "cos",
    "divide",
    "equal",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "positive",
    "pow",
    "real",
    "reciprocal",
    "remainder",
    "round",
    "sign",
    "sin",
    "sqrt",
    "square",
    "subtract",
    "tanh",
    "trunc",
    "where",
]


def _shapes(*tensors: Tensor) -> None:
    broadcast_shapes(*(x.shape for x in tensors))


def _divisors(x1: Tensor, x2: Tensor) -> None:
    _shapes(x1, x2)
    if x2.dtype.is_integer and bool((x2.numpy() == 0).any()):
        raise ZeroDivisionError("integer division by zero")


_NO_UINT64 = frozenset({"uint64"})

_ABS = Op("abs", NUMERIC)
_ADD = Op("add", NUMERIC, explain=_shapes)
_AND = Op("bitwise_and", BITS, explain=_shapes)
_INVERT = Op("bitwise_invert", BITS)
_LEFT = Op("bitwise_left_shift", INTEGER, explain=_shapes)
_OR = Op("bitwise_or", BITS, explain=_shapes)
_RIGHT = Op("bitwise_right_shift", INTEGER, excluded=_NO_UINT64, explain=_shapes)
_XOR = Op("bitwise_xor", BITS, explain=_shapes)
_CEIL = Op("ceil", REAL)
_CLIP = Op("clip", REAL, order=True, explain=_shapes)
_CONJ = Op("conj", NUMERIC)
_COS = Op("cos", FLOATING)
_DIVIDE = Op("divide", FLOATING, explain=_shapes)
_EQUAL = Op("equal", ANY, explain=_shapes)
_ERF = Op("erf", REAL_FLOATING)
_ERFC = Op("erfc", REAL_FLOATING)
_EXP = Op("exp", FLOATING)
_EXPM1 = Op("expm1", FLOATING)
_FLOOR = Op("floor", REAL)
_FLOOR_DIVIDE = Op("floor_divide", REAL, excluded=_NO_UINT64, explain=_divisors)
_IMAG = Op("imag", frozenset({"complex"}))
_ISFINITE = Op("isfinite", NUMERIC)
_ISINF = Op("isinf", NUMERIC)
_ISNAN = Op("isnan", NUMERIC)
_LESS = Op("less", REAL, order=True, explain=_shapes)
_LESS_EQUAL = Op("less_equal", REAL, order=True, explain=_shapes)
_LOG = Op("log", FLOATING)
_LOG1P = Op("log1p", FLOATING)
_LOGICAL_AND = Op("logical_and", BOOL, explain=_shapes)
_LOGICAL_NOT = Op("logical_not", BOOL)
_LOGICAL_OR = Op("logical_or", BOOL, explain=_shapes)
_LOGICAL_XOR = Op("logical_xor", BOOL, explain=_shapes)
_MAXIMUM = Op("maximum", REAL, order=True, explain=_shapes)
_MINIMUM = Op("minimum", REAL, order=True, explain=_shapes)
_MULTIPLY = Op("multiply", NUMERIC, explain=_shapes)
_NEGATIVE = Op("negative", NUMERIC)
_NOT_EQUAL = Op("not_equal", ANY, explain=_shapes)
_POSITIVE = Op("positive", NUMERIC)
_POWER = Op("power", NUMERIC, excluded=_NO_UINT64, explain=_shapes)
_POWER_CONSTANT = Op("power_constant", NUMERIC, excluded=_NO_UINT64)
_REAL = Op("real", NUMERIC)
_REMAINDER = Op("remainder", REAL, excluded=_NO_UINT64, explain=_divisors)
_ROUND = Op("round", REAL)
_SIGN = Op("sign", REAL)
_SIN = Op("sin", FLOATING)
_SQRT = Op("sqrt", FLOATING)
_SQUARE = Op("square", NUMERIC)
_SUBTRACT = Op("subtract", NUMERIC, explain=_shapes)
_TANH = Op("tanh", FLOATING)
_TRUNC = Op("trunc", REAL)
_WHERE = Op("where", ANY, explain=_shapes)
_CONDITION = Op("where", BOOL)


# --- arithmetic --------------------------------------------------------------------


def add(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 + x2``.

    Example:
        >>> import unifiedml as um
        >>> um.add(um.tensor([1, 2]), 10).tolist()
        [11, 12]
    """
    return binary(_ADD, x1, x2)


def subtract(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 - x2``; unsigned integers wrap around.

    Example:
        >>> import unifiedml as um
        >>> um.subtract(um.tensor([1, 2]), 10).tolist()
        [-9, -8]
    """
    return binary(_SUBTRACT, x1, x2)


def multiply(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 * x2``.

    Example:
        >>> import unifiedml as um
        >>> um.multiply(um.tensor([1, 2]), 10).tolist()
        [10, 20]
    """
    return binary(_MULTIPLY, x1, x2)


def divide(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 / x2``; integers are divided in the default float, float32.

    Example:
        >>> import unifiedml as um
        >>> um.divide(um.tensor([1, 2]), 4).tolist()
        [0.25, 0.5]
    """
    integers = [
        isinstance(x, int | float) or (isinstance(x, Tensor) and x.dtype.is_integer)
        for x in (x1, x2)
    ]
    if all(integers):
        x1, x2 = (
            x.astype(DTYPES[DEFAULTS[float]])
            if isinstance(x, Tensor) and x.dtype.is_integer
            else x
            for x in (x1, x2)
        )
    return binary(_DIVIDE, x1, x2)


def floor_divide(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the floor of the exact quotient, as Python's ``//``.

    Its gradient is zero. It is slow on TensorFlow (100 times a division), which
    rounds the quotient first and would answer 10 for ``1.0 // 0.1``.

    Raises:
        ZeroDivisionError: An integer is divided by zero.

    Example:
        >>> import unifiedml as um
        >>> um.floor_divide(um.tensor([7, -7]), 2).tolist()
        [3, -4]
    """
    return binary(_FLOOR_DIVIDE, x1, x2)


def remainder(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the remainder of ``x1 // x2``, of the sign of ``x2``, as Python's ``%``.

    Raises:
        ZeroDivisionError: An integer is divided by zero.

    Example:
        >>> import unifiedml as um
        >>> um.remainder(um.tensor([7, -7]), 3).tolist()
        [1, 2]
    """
    return binary(_REMAINDER, x1, x2)


def pow(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1`` to the power of ``x2``.

    The gradient for ``x1`` is 0 where ``x2`` is 0; that for ``x2`` is 0 where ``x1``
    is 0 and ``x2`` is not negative, and NaN where ``x1`` is negative.

    Raises:
        ValueError: An integer is raised to a negative Python integer.

    Example:
        >>> import unifiedml as um
        >>> um.pow(um.tensor([2.0, 3.0]), 2).tolist()
        [4.0, 9.0]
    """
    if isinstance(x2, Tensor) or not isinstance(x2, bool | int | float):
        return binary(_POWER, x1, x2)
    base, exponent = as_tensors(_POWER, x1, x2)
    if base.dtype.is_integer and x2 < 0:
        raise ValueError(
            f"cannot raise {base.dtype.name} to the negative power {x2}: "
            "convert to a floating-point data type first"
        )
    if x2 == 2:
        return unary(_SQUARE, base)
    if x2 == 0:
        # The derivative of x**0 is 0, also at 0 and at NaN.
        return where(True, 1, base)
    return apply(_POWER_CONSTANT, (base, exponent))


def square(x: Operand, /) -> Tensor:
    """Return ``x * x``.

    Example:
        >>> import unifiedml as um
        >>> um.square(um.tensor([2.0, 3.0])).tolist()
        [4.0, 9.0]
    """
    return unary(_SQUARE, x)


def reciprocal(x: Operand, /) -> Tensor:
    """Return ``1 / x`` of a floating-point tensor.

    Example:
        >>> import unifiedml as um
        >>> um.reciprocal(um.tensor([2.0, 4.0])).tolist()
        [0.5, 0.25]
    """
    return binary(_DIVIDE, 1, x)


def negative(x: Operand, /) -> Tensor:
    """Return ``-x``; unsigned integers wrap around.

    Example:
        >>> import unifiedml as um
        >>> um.negative(um.tensor([1.0, -2.0])).tolist()
        [-1.0, 2.0]
    """
    return unary(_NEGATIVE, x)


def positive(x: Operand, /) -> Tensor:
    """Return ``x`` as it is.

    Example:
        >>> import unifiedml as um
        >>> um.positive(um.tensor([1.0, -2.0])).tolist()
        [1.0, -2.0]
    """
    (x,) = as_tensors(_POSITIVE, x)
    return Tensor(x._native, x._backend, x._node)


def abs(x: Operand, /) -> Tensor:
    """Return the absolute value; its gradient at 0 is 0.

    Example:
        >>> import unifiedml as um
        >>> um.abs(um.tensor([1.0, -2.0])).tolist()
        [1.0, 2.0]
    """
    return unary(_ABS, x)


def sign(x: Operand, /) -> Tensor:
    """Return -1, 0 or 1 by the sign; NaN for NaN. Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.sign(um.tensor([3.0, 0.0, -2.0])).tolist()
        [1.0, 0.0, -1.0]
    """
    return unary(_SIGN, x)


def maximum(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the larger operand, NaN if either is NaN.

    Where both are equal, each gets half of the gradient.

    Example:
        >>> import unifiedml as um
        >>> um.maximum(um.tensor([1.0, 5.0]), 3.0).tolist()
        [3.0, 5.0]
    """
    return binary(_MAXIMUM, x1, x2)


def minimum(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the smaller operand, NaN if either is NaN.

    Where both are equal, each gets half of the gradient.

    Example:
        >>> import unifiedml as um
        >>> um.minimum(um.tensor([1.0, 5.0]), 3.0).tolist()
        [1.0, 3.0]
    """
    return binary(_MINIMUM, x1, x2)


def clip(
    x: Operand, /, min: Operand | None = None, max: Operand | None = None
) -> Tensor:
    """Return ``x`` limited to the closed interval from ``min`` to ``max``.

    The gradient passes where ``min <= x <= max``, the ends included. Where ``min``
    is larger than ``max`` the result is ``max``. The result has the data type of
    ``x``.

    Raises:
        TypeError: A bound is of a kind that the data type of ``x`` cannot hold.

    Example:
        >>> import unifiedml as um
        >>> um.clip(um.tensor([-1.0, 0.5, 2.0]), 0.0, 1.0).tolist()
        [0.0, 0.5, 1.0]
    """
    (x,) = as_tensors(_CLIP, x)
    limits = iinfo(x.dtype) if x.dtype.is_integer else None
    low: Operand = limits.min if limits else float("-inf")
    high: Operand = limits.max if limits else float("inf")
    low, high = low if min is None else min, high if max is None else max
    operands = as_tensors(_CLIP, x, low, high)
    if operands[0].dtype is not x.dtype:
        raise TypeError(
            f"clip returns the data type of x, {x.dtype.name}, which cannot hold "
            f"bounds of {operands[0].dtype.name}: convert x or the bounds"
        )
    return apply(_CLIP, operands)


# --- rounding ------------------------------------------------------------------------


def floor(x: Operand, /) -> Tensor:
    """Return the largest integer that is not larger. Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.floor(um.tensor([1.5, -1.5])).tolist()
        [1.0, -2.0]
    """
    return _rounded(_FLOOR, x)


def ceil(x: Operand, /) -> Tensor:
    """Return the smallest integer that is not smaller. Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.ceil(um.tensor([1.5, -1.5])).tolist()
        [2.0, -1.0]
    """
    return _rounded(_CEIL, x)


def trunc(x: Operand, /) -> Tensor:
    """Return the integer part. Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.trunc(um.tensor([1.5, -1.5])).tolist()
        [1.0, -1.0]
    """
    return _rounded(_TRUNC, x)


def round(x: Operand, /) -> Tensor:
    """Return the nearest integer, the even one of two. Its gradient is zero.

    Example:
        >>> import unifiedml as um
        >>> um.round(um.tensor([0.5, 1.5, -1.2])).tolist()
        [0.0, 2.0, -1.0]
    """
    return _rounded(_ROUND, x)


def _rounded(op: Op, x: Operand) -> Tensor:
    if isinstance(x, Tensor) and x.dtype.is_integer:
        return positive(x)
    return unary(op, x)


# --- exponentials, roots, trigonometry ----------------------------------------------


def exp(x: Operand, /) -> Tensor:
    """Return *e* to the power of ``x``.

    Example:
        >>> import unifiedml as um
        >>> um.exp(um.tensor([0.0])).tolist()
        [1.0]
    """
    return unary(_EXP, x)


def expm1(x: Operand, /) -> Tensor:
    """Return ``exp(x) - 1``, accurate near 0.

    Example:
        >>> import unifiedml as um
        >>> um.expm1(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_EXPM1, x)


def log(x: Operand, /) -> Tensor:
    """Return the natural logarithm.

    Example:
        >>> import unifiedml as um
        >>> um.log(um.tensor([1.0])).tolist()
        [0.0]
    """
    return unary(_LOG, x)


def log1p(x: Operand, /) -> Tensor:
    """Return ``log(1 + x)``, accurate near 0.

    Example:
        >>> import unifiedml as um
        >>> um.log1p(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_LOG1P, x)


def sqrt(x: Operand, /) -> Tensor:
    """Return the square root, NaN for negative numbers.

    Example:
        >>> import unifiedml as um
        >>> um.sqrt(um.tensor([4.0])).tolist()
        [2.0]
    """
    return unary(_SQRT, x)


def sin(x: Operand, /) -> Tensor:
    """Return the sine of an angle in radians.

    Example:
        >>> import unifiedml as um
        >>> um.sin(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_SIN, x)


def cos(x: Operand, /) -> Tensor:
    """Return the cosine of an angle in radians.

    Example:
        >>> import unifiedml as um
        >>> um.cos(um.tensor([0.0])).tolist()
        [1.0]
    """
    return unary(_COS, x)


def tanh(x: Operand, /) -> Tensor:
    """Return the hyperbolic tangent.

    Example:
        >>> import unifiedml as um
        >>> um.tanh(um.tensor([0.0])).tolist()
        [0.0]
    """
    return unary(_TANH, x)


def erf(x: Operand, /) -> Tensor:
    """Return the error function.

    Example:
        >>> import unifiedml as um
        >>> um.erf(um.tensor([0.0])).tolist()
        [0.0]

    Reference:
        NIST Digital Library of Mathematical Functions, 7.2.1.
    """
    return unary(_ERF, x)


def erfc(x: Operand, /) -> Tensor:
    """Return ``1 - erf(x)``, accurate where it is small.

    Example:
        >>> import unifiedml as um
        >>> um.erfc(um.tensor([0.0])).tolist()
        [1.0]

    Reference:
        NIST Digital Library of Mathematical Functions, 7.2.2.
    """
    return unary(_ERFC, x)


# --- complex numbers -------------------------------------------------------------------


def real(x: Operand, /) -> Tensor:
    """Return the real part; a real tensor as it is.

    Example:
        >>> import unifiedml as um
        >>> um.real(um.tensor([1 + 2j])).tolist()
        [1.0]
    """
    (x,) = as_tensors(_REAL, x)
    return unary(_REAL, x) if x.dtype.kind == "complex" else positive(x)


def imag(x: Operand, /) -> Tensor:
    """Return the imaginary part of a complex tensor.

    Example:
        >>> import unifiedml as um
        >>> um.imag(um.tensor([1 + 2j])).tolist()
        [2.0]
    """
    return unary(_IMAG, x)


def conj(x: Operand, /) -> Tensor:
    """Return the complex conjugate; a real tensor as it is.

    Example:
        >>> import unifiedml as um
        >>> um.conj(um.tensor([1 + 2j])).tolist()
        [(1-2j)]
    """
    (x,) = as_tensors(_CONJ, x)
    return unary(_CONJ, x) if x.dtype.kind == "complex" else positive(x)


# --- tests and comparisons -----------------------------------------------------------


def isnan(x: Operand, /) -> Tensor:
    """Tell which elements are NaN; no integer is.

    Example:
        >>> import unifiedml as um
        >>> um.isnan(um.tensor([1.0, float("nan")])).tolist()
        [False, True]
    """
    return _classified(_ISNAN, x, False)


def isinf(x: Operand, /) -> Tensor:
    """Tell which elements are infinite; no integer is.

    Example:
        >>> import unifiedml as um
        >>> um.isinf(um.tensor([1.0, float("-inf")])).tolist()
        [False, True]
    """
    return _classified(_ISINF, x, False)


def isfinite(x: Operand, /) -> Tensor:
    """Tell which elements are neither infinite nor NaN; every integer is.

    Example:
        >>> import unifiedml as um
        >>> um.isfinite(um.tensor([1.0, float("nan")])).tolist()
        [True, False]
    """
    return _classified(_ISFINITE, x, True)


def _classified(op: Op, x: Operand, for_integers: bool) -> Tensor:
    (x,) = as_tensors(op, x)
    if x.dtype.is_integer:
        from unifiedml.ops.creation import full_like

        return full_like(x, for_integers, dtype=DTYPES["bool"])
    return unary(op, x)


def equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell which elements are equal; NaN equals nothing.

    Example:
        >>> import unifiedml as um
        >>> um.equal(um.tensor([1, 2]), 2).tolist()
        [False, True]
    """
    return binary(_EQUAL, *_comparable(x1, x2))


def not_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell which elements differ; NaN differs from everything.

    Example:
        >>> import unifiedml as um
        >>> um.not_equal(um.tensor([1, 2]), 2).tolist()
        [True, False]
    """
    return binary(_NOT_EQUAL, *_comparable(x1, x2))


def less(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where ``x1 < x2``.

    Example:
        >>> import unifiedml as um
        >>> um.less(um.tensor([1, 2]), 2).tolist()
        [True, False]
    """
    return binary(_LESS, *_comparable(x1, x2))


def less_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where ``x1 <= x2``.

    Example:
        >>> import unifiedml as um
        >>> um.less_equal(um.tensor([1, 2]), 1).tolist()
        [True, False]
    """
    return binary(_LESS_EQUAL, *_comparable(x1, x2))


def greater(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where ``x1 > x2``.

    Example:
        >>> import unifiedml as um
        >>> um.greater(um.tensor([1, 2]), 1).tolist()
        [False, True]
    """
    return less(x2, x1)


def greater_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where ``x1 >= x2``.

    Example:
        >>> import unifiedml as um
        >>> um.greater_equal(um.tensor([1, 2]), 2).tolist()
        [False, True]
    """
    return less_equal(x2, x1)


def _comparable(x1: Operand, x2: Operand) -> tuple[Any, Any]:
    """Compare with a Python integer exactly, also one that the dtype cannot hold."""
    for x, other in ((x1, x2), (x2, x1)):
        if type(x) is not int or not isinstance(other, Tensor):
            continue
        if not other.dtype.is_integer:
            continue
        limits = iinfo(other.dtype)
        if not limits.min <= x <= limits.max:
            # Any number beyond the range compares alike: -1, 1 against zeros do too.
            beyond = 1 if x > 0 else -1
            nothing = multiply(other.astype("int8"), 0)
            return (beyond, nothing) if x is x1 else (nothing, beyond)
    return x1, x2


# --- logic and bits -----------------------------------------------------------------


def logical_not(x: Operand, /) -> Tensor:
    """Return ``not x`` of a bool tensor.

    Example:
        >>> import unifiedml as um
        >>> um.logical_not(um.tensor([True, False])).tolist()
        [False, True]
    """
    return unary(_LOGICAL_NOT, x)


def logical_and(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 and x2`` of bool tensors.

    Example:
        >>> import unifiedml as um
        >>> um.logical_and(um.tensor([True, False]), True).tolist()
        [True, False]
    """
    return binary(_LOGICAL_AND, x1, x2)


def logical_or(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 or x2`` of bool tensors.

    Example:
        >>> import unifiedml as um
        >>> um.logical_or(um.tensor([True, False]), False).tolist()
        [True, False]
    """
    return binary(_LOGICAL_OR, x1, x2)


def logical_xor(x1: Operand, x2: Operand, /) -> Tensor:
    """Tell where exactly one of two bool tensors is true.

    Example:
        >>> import unifiedml as um
        >>> um.logical_xor(um.tensor([True, False]), True).tolist()
        [False, True]
    """
    return binary(_LOGICAL_XOR, x1, x2)


def bitwise_invert(x: Operand, /) -> Tensor:
    """Return every bit inverted; ``not x`` for bool.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_invert(um.tensor([0, 1])).tolist()
        [-1, -2]
    """
    return unary(_INVERT, x)


def bitwise_and(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 & x2``, bit by bit.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_and(um.tensor([6]), 3).tolist()
        [2]
    """
    return binary(_AND, x1, x2)


def bitwise_or(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 | x2``, bit by bit.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_or(um.tensor([6]), 3).tolist()
        [7]
    """
    return binary(_OR, x1, x2)


def bitwise_xor(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1 ^ x2``, bit by bit.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_xor(um.tensor([6]), 3).tolist()
        [5]
    """
    return binary(_XOR, x1, x2)


def bitwise_left_shift(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the bits of ``x1`` moved up by ``x2`` places; 0 past the width.

    Raises:
        ValueError: ``x2`` is a negative Python integer.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_left_shift(um.tensor([1]), 3).tolist()
        [8]
    """
    _check_count(x2)
    return binary(_LEFT, x1, x2)


def bitwise_right_shift(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the bits of ``x1`` moved down by ``x2`` places, the sign kept.

    Raises:
        ValueError: ``x2`` is a negative Python integer.

    Example:
        >>> import unifiedml as um
        >>> um.bitwise_right_shift(um.tensor([8, -8]), 2).tolist()
        [2, -2]
    """
    _check_count(x2)
    return binary(_RIGHT, x1, x2)


def _check_count(count: Operand) -> None:
    if isinstance(count, int) and count < 0:
        raise ValueError(f"bits cannot be moved by {count} places: count from 0")


def where(condition: Operand, x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1`` where ``condition`` is true, else ``x2``.

    Gradients flow to the chosen elements only. An infinite derivative in the branch
    that was not chosen still spoils the result (0 times infinity): make that
    branch's input safe with an inner ``where``.

    Raises:
        TypeError: ``condition`` is not bool.

    Example:
        >>> import unifiedml as um
        >>> um.where(um.tensor([True, False]), 1.0, 2.0).tolist()
        [1.0, 2.0]
    """
    (chosen,) = as_tensors(_CONDITION, condition, beside=(x1, x2))
    first, second = as_tensors(_WHERE, x1, x2, beside=(chosen,))
    return apply(_WHERE, (chosen, first, second))
