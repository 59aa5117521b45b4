"""Arithmetic, element by element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unifiedml._dtypes import DTYPES, DType
from unifiedml._rules.promotion import DEFAULTS
from unifiedml._tensor import Operand, Tensor
from unifiedml._tracing import tracing
from unifiedml.ops import _bits
from unifiedml.ops._dispatch import (
    COMPLEX,
    FLOATING,
    NUMERIC,
    REAL,
    Op,
    apply,
    as_tensor,
    as_tensors,
    binary,
    broadcastable,
    unary,
)
from unifiedml.ops._known import known_values
from unifiedml.ops._steps import join
from unifiedml.ops.selection import where

__all__ = [
    "abs",
    "add",
    "divide",
    "divmod",
    "floor_divide",
    "fmod",
    "multiply",
    "negative",
    "positive",
    "pow",
    "reciprocal",
    "remainder",
    "sign",
    "square",
    "subtract",
]


def _divisors(x1: Tensor, x2: Tensor) -> None:
    broadcastable(x1, x2)
    values = known_values(x2) if x2.dtype.is_integer else None
    if values is not None and (values == 0).any():
        raise ZeroDivisionError("integer division by zero")


def _exponents(x1: Tensor, x2: Tensor) -> None:
    broadcastable(x1, x2)
    values = known_values(x2) if x2.dtype.kind == "signed" else None
    if values is not None and (values < 0).any():
        raise _negative_power(x1.dtype, int(values.min()))


def _negative_power(dtype: DType, exponent: float) -> ValueError:
    return ValueError(
        f"cannot raise {dtype.name} to the negative power {exponent}: "
        "convert to a floating-point data type first"
    )


def _by_parts(op: Op) -> Callable[[Tensor, Tensor], Tensor]:
    def parts(x: Tensor, y: Tensor) -> Tensor:
        real, imag = ((unary(one, x), unary(one, y)) for one in (_REAL, _IMAG))
        return join(binary(op, *real), binary(op, *imag))

    return parts


_REAL = Op("real", COMPLEX)
_IMAG = Op("imag", COMPLEX)
_ABS = Op("abs", NUMERIC, bits=_bits.magnitude)
_ADD_REAL = Op("add", REAL, explain=broadcastable)
_ADD = Op("add", NUMERIC, parts=_by_parts(_ADD_REAL), explain=broadcastable)
_DIVIDE = Op("divide", FLOATING, explain=broadcastable)
_FLOOR_DIVIDE = Op(
    "floor_divide", REAL, bits=_bits.floor_divide, explain=_divisors, reads=True
)
_MULTIPLY = Op("multiply", NUMERIC, explain=broadcastable)
_NEGATIVE = Op("negative", NUMERIC)
_POSITIVE = Op("positive", NUMERIC)
_POWER = Op("power", NUMERIC, bits=_bits.power, explain=_exponents, reads=True)
_POWER_CONSTANT = Op("power_constant", NUMERIC, bits=_bits.power)
_REMAINDER = Op("remainder", REAL, bits=_bits.remainder, explain=_divisors, reads=True)
_SIGN = Op("sign", REAL, bits=_bits.sign)
_SIGNED = Op("sign", NUMERIC)
_SQUARE = Op("square", NUMERIC)
_SUBTRACT_REAL = Op("subtract", REAL, explain=broadcastable)
_SUBTRACT = Op(
    "subtract", NUMERIC, parts=_by_parts(_SUBTRACT_REAL), explain=broadcastable
)


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
    if _may_be_integer(x1) and _may_be_integer(x2):
        x1, x2 = (
            x.astype(DTYPES[DEFAULTS[float]])
            if isinstance(x, Tensor) and x.dtype.is_integer
            else x
            for x in (x1, x2)
        )
    return binary(_DIVIDE, x1, x2)


def _may_be_integer(x: Operand) -> bool:
    if isinstance(x, Tensor):
        return x.dtype.is_integer
    return isinstance(x, int | float)


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

    The gradient for ``x1`` is 1 and that for ``x2`` minus the quotient's floor.

    Raises:
        ZeroDivisionError: An integer is divided by zero.

    Example:
        >>> import unifiedml as um
        >>> um.remainder(um.tensor([7, -7]), 3).tolist()
        [1, 2]
    """
    first, second = as_tensors(_REMAINDER, x1, x2)
    rest = binary(_REMAINDER, first, second)
    if rest.dtype.is_integer:
        return rest
    # A zero has the sign of the divisor, too. Both forms keep the gradient.
    zero = _hidden_zero(rest)
    return where(second < 0, -(zero - rest), rest + zero)


def _hidden_zero(x: Tensor) -> Operand:
    """Return 0 for sums that turn -0.0 into 0.0; compilers drop the addition of 0."""
    trace = tracing.get()
    if trace is None or not trace.compiled:
        return 0
    return where(x != x, x, 0).detach()


def fmod(x1: Operand, x2: Operand, /) -> Tensor:
    """Return the remainder of the truncated quotient, of the sign of ``x1``, as in C.

    The gradient for ``x1`` is 1 and that for ``x2`` minus the truncated quotient.

    Raises:
        ZeroDivisionError: An integer is divided by zero.

    Example:
        >>> import unifiedml as um
        >>> um.fmod(um.tensor([7.0, -7.0]), 3.0).tolist()
        [1.0, -1.0]
    """
    first, second = as_tensors(_REMAINDER, x1, x2)
    if first.dtype.is_integer:
        rest = binary(_REMAINDER, first, second)
        across = (rest != 0) & ((first < 0) != (second < 0))
        return where(across, rest - second, rest)
    # Of magnitudes both kinds of remainder agree. Unlike abs, this has a slope at 0.
    size = where(first < 0, -first, first)
    rest = binary(_REMAINDER, size, abs(second))
    return where(first < 0, -rest, rest)


def divmod(x1: Operand, x2: Operand, /) -> tuple[Tensor, Tensor]:
    """Return ``x1 // x2`` and ``x1 % x2``.

    Raises:
        ZeroDivisionError: An integer is divided by zero.

    Example:
        >>> import unifiedml as um
        >>> quotient, rest = um.divmod(um.tensor([7, -7]), 3)
        >>> quotient.tolist(), rest.tolist()
        ([2, -3], [1, 2])
    """
    return floor_divide(x1, x2), remainder(x1, x2)


def pow(x1: Operand, x2: Operand, /) -> Tensor:
    """Return ``x1`` to the power of ``x2``.

    The gradient for ``x1`` is 0 where ``x2`` is 0; that for ``x2`` is 0 where ``x1``
    is 0 and ``x2`` is not negative, and NaN where ``x1`` is negative.

    Raises:
        ValueError: An integer is raised to a negative integer.

    Example:
        >>> import unifiedml as um
        >>> um.pow(um.tensor([2.0, 3.0]), 2).tolist()
        [4.0, 9.0]
    """
    if isinstance(x2, Tensor) or not isinstance(x2, bool | int | float):
        if _is_complex(x1) or _is_complex(x2):
            x1, x2 = as_tensors(_POWER, x1, x2)
            # 0 to the power of 0 is 1, which exp(0 log 0) is not.
            x1 = where((x1 == 0) & (x2 == 0), 1, x1)
        result = binary(_POWER, x1, x2)
        if isinstance(x2, Tensor) and result.dtype.kind == "signed":
            # Not every framework refuses what has no integer result.
            _exponents(result, x2)
        return result
    base, exponent = as_tensors(_POWER, x1, x2)
    if base.dtype.is_integer and x2 < 0:
        raise _negative_power(base.dtype, x2)
    if x2 == 2:
        return unary(_SQUARE, base)
    if x2 == 0:
        # The derivative of x**0 is 0, also at 0 and at NaN.
        return where(True, 1, base)
    return apply(_POWER_CONSTANT, (base, exponent))


def _is_complex(x: Operand) -> bool:
    if isinstance(x, Tensor):
        return x.dtype.kind == "complex"
    return np.iscomplexobj(x)


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
    x = as_tensor(_POSITIVE, x)
    return x._twin()


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

    Of a complex number it is ``x / abs(x)``, and 0 at 0, where its gradient is 0.

    Example:
        >>> import unifiedml as um
        >>> um.sign(um.tensor([3.0, 0.0, -2.0])).tolist()
        [1.0, 0.0, -1.0]
    """
    x = as_tensor(_SIGNED, x)
    if x.dtype.kind != "complex":
        return unary(_SIGN, x)
    zero = x == 0
    safe = where(zero, 1.0, x)
    return where(zero, 0.0, safe / abs(safe))
