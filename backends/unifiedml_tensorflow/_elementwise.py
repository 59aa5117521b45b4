"""Operations element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from unifiedml_tensorflow._import import Eager, is_unrecorded, kernel, tf
from unifiedml_tensorflow._shape import HALF, broadcast_to

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atanh",
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
    "cosh",
    "divide",
    "equal",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
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
    "power",
    "power_constant",
    "real",
    "relu",
    "remainder",
    "round",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
    "where",
]

Tensor = Any
raw = tf.raw_ops

_BROADCAST_RANK: Final = 5
_HALF: Final = frozenset(map(id, HALF))  # whose own hashes are slow


def _broadcasting(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel that broadcasts operands of any rank.

    TensorFlow's give up where more than five repeated and plain dimensions alternate,
    and add up the gradients of repeated elements in the data type, where those of 16
    bits stand still.
    """
    function = kernel(operation)

    def broadcast(*operands: Tensor) -> Tensor:
        if id(operands[-1].dtype) in _HALF and not _same_shape(operands):
            return function(*_expanded(operands))
        if type(operands[0]) is Eager:
            try:
                return function(*operands)
            except tf.errors.UnimplementedError:
                return function(*_expanded(operands))
        # A graph would fail when it runs.
        wide = any(x.ndim > _BROADCAST_RANK for x in operands)
        return function(*(_expanded(operands) if wide else operands))

    return broadcast


def _same_shape(operands: Sequence[Tensor]) -> bool:
    shape = operands[0].shape
    return all(x.shape == shape for x in operands[1:])


def _expanded(operands: Sequence[Tensor]) -> list[Tensor]:
    shape = operands[0].shape
    for other in operands[1:]:
        shape = tf.broadcast_static_shape(shape, other.shape)
    return [broadcast_to(x, tuple(shape)) for x in operands]


def _flat(op: Any) -> Any:
    # TensorFlow's have no derivative, not even 0: what they return depends on nothing.
    plain = kernel(op)
    return lambda x: where(tf.constant(True), plain(x), x)


acos = kernel(raw.Acos)
acosh = kernel(raw.Acosh)
asin = kernel(raw.Asin)
asinh = kernel(raw.Asinh)
atan = kernel(raw.Atan)
atanh = kernel(raw.Atanh)
ceil = _flat(raw.Ceil)
conj = kernel(raw.Conj)
cos = kernel(raw.Cos)
cosh = kernel(raw.Cosh)
_erf = kernel(raw.Erf)


def erf(x: Tensor, /) -> Tensor:
    if x.dtype != tf.float64:
        return _erf(x)
    # Where squares overflow, the kernel returns NaN. The derivative is 0 long before.
    far = abs(x) >= 30
    return where(far, sign(x), _erf(where(far, tf.zeros_like(x), x)))


erfc = kernel(raw.Erfc)
exp = kernel(raw.Exp)
expm1 = kernel(raw.Expm1)
floor = _flat(raw.Floor)
_log = kernel(raw.Log)
log1p = kernel(raw.Log1p)
logical_not = kernel(raw.LogicalNot)
negative = kernel(raw.Neg)
relu = kernel(raw.Relu)
round = _flat(raw.Round)
sigmoid = kernel(raw.Sigmoid)
sign = kernel(raw.Sign)
sin = kernel(raw.Sin)
sinh = kernel(raw.Sinh)
softplus = kernel(raw.Softplus)
_sqrt = kernel(raw.Sqrt)


def sqrt(x: Tensor, /) -> Tensor:
    if not x.dtype.is_complex:
        return _sqrt(x)
    # The kernel takes some -0 for 0 in the imaginary part, across the branch cut.
    below = (imag(x) < 0) | (1 / imag(x) < 0)
    root = _sqrt(where(below, conj(x), x))
    return where(below, conj(root), root)


tan = kernel(raw.Tan)
tanh = kernel(raw.Tanh)

add = _broadcasting(raw.AddV2)
divide = _broadcasting(raw.RealDiv)
equal = _broadcasting(raw.Equal)
less = _broadcasting(raw.Less)
less_equal = _broadcasting(raw.LessEqual)
logical_and = _broadcasting(raw.LogicalAnd)
logical_or = _broadcasting(raw.LogicalOr)
multiply = _broadcasting(raw.Mul)
not_equal = _broadcasting(raw.NotEqual)
logical_xor = not_equal
power_constant = _broadcasting(raw.Pow)
remainder = _broadcasting(raw.FloorMod)
subtract = _broadcasting(raw.Sub)
where = _broadcasting(raw.SelectV2)

_abs = kernel(raw.Abs)
_bitwise_and = _broadcasting(raw.BitwiseAnd)
_bitwise_or = _broadcasting(raw.BitwiseOr)
_bitwise_xor = _broadcasting(raw.BitwiseXor)
_complex = kernel(raw.Complex)
_complex_abs = kernel(raw.ComplexAbs)
_floor_div = _broadcasting(raw.FloorDiv)
_imag = kernel(raw.Imag)
_invert = kernel(raw.Invert)
_is_finite = kernel(raw.IsFinite)
_is_inf = kernel(raw.IsInf)
_is_nan = kernel(raw.IsNan)
_left_shift = _broadcasting(raw.LeftShift)
_maximum = _broadcasting(raw.Maximum)
_minimum = _broadcasting(raw.Minimum)
_real = kernel(raw.Real)
_right_shift = _broadcasting(raw.RightShift)
_stop = kernel(raw.StopGradient)
_truncate_mod = _broadcasting(raw.TruncateMod)


# --- complex numbers: kernels of other names, or the two parts ------------------------


def real(x: Tensor, /) -> Tensor:
    return _real(x, Tout=x.dtype.real_dtype)


def imag(x: Tensor, /) -> Tensor:
    return _imag(x, Tout=x.dtype.real_dtype)


def log(x: Tensor, /) -> Tensor:
    if not x.dtype.is_complex:
        return _log(x)
    # The kernel squares the magnitude: what would over- or underflow is scaled first.
    parts = real(x), imag(x)
    size = _maximum(*(_stop(_abs(part)) for part in parts))
    root = size.dtype.max**0.5
    # Between 4 / root and root / 4 nothing needs it; the factor brings there what is
    # beyond, the smallest normal number and the largest included.
    one, large = tf.ones_like(size), tf.constant(root / 4, size.dtype)
    by = tf.constant(root * 4, size.dtype)
    small = where(less(size, divide(one, large)), by, one)
    factor = where(less(large, size), divide(one, by), small)
    found = _log(_complex(*(multiply(part, factor) for part in parts), Tout=x.dtype))
    return _complex(subtract(real(found), _log(factor)), imag(found), Tout=x.dtype)


def abs(x: Tensor, /) -> Tensor:
    if x.dtype.is_complex:
        return _complex_abs(x, Tout=x.dtype.real_dtype)
    return _abs(x)


def isnan(x: Tensor, /) -> Tensor:
    if x.dtype.is_complex:
        return logical_or(_is_nan(real(x)), _is_nan(imag(x)))
    return _is_nan(x)


def isinf(x: Tensor, /) -> Tensor:
    if x.dtype.is_complex:
        return logical_or(_is_inf(real(x)), _is_inf(imag(x)))
    return _is_inf(x)


def isfinite(x: Tensor, /) -> Tensor:
    if x.dtype.is_complex:
        return logical_and(_is_finite(real(x)), _is_finite(imag(x)))
    return _is_finite(x)


# --- bits: bool has kernels of other names, shift counts stop at the width ------------


def bitwise_and(x: Tensor, y: Tensor, /) -> Tensor:
    return logical_and(x, y) if x.dtype is tf.bool else _bitwise_and(x, y)


def bitwise_or(x: Tensor, y: Tensor, /) -> Tensor:
    return logical_or(x, y) if x.dtype is tf.bool else _bitwise_or(x, y)


def bitwise_xor(x: Tensor, y: Tensor, /) -> Tensor:
    return logical_xor(x, y) if x.dtype is tf.bool else _bitwise_xor(x, y)


def bitwise_invert(x: Tensor, /) -> Tensor:
    return logical_not(x) if x.dtype is tf.bool else _invert(x)


def _too_far(x: Tensor, y: Tensor) -> Tensor:
    return greater_equal(y, tf.constant(8 * x.dtype.size, x.dtype))


def bitwise_left_shift(x: Tensor, y: Tensor, /) -> Tensor:
    shifted = _left_shift(x, y)
    return where(_too_far(x, y), tf.zeros_like(shifted), shifted)


def bitwise_right_shift(x: Tensor, y: Tensor, /) -> Tensor:
    shifted = _right_shift(x, y)
    if not x.dtype.is_unsigned:
        # Moving by width - 1 places leaves the sign in every bit, as it should.
        return shifted
    return where(_too_far(x, y), tf.zeros_like(shifted), shifted)


greater_equal = _broadcasting(raw.GreaterEqual)


# --- gradients that TensorFlow defines otherwise --------------------------------------


def maximum(x: Tensor, y: Tensor, /) -> Tensor:
    # TensorFlow gives the whole gradient of a tie to the first operand.
    if not x.dtype.is_floating or is_unrecorded(x):
        return _maximum(x, y)
    return where(less(y, x), x, where(less(x, y), y, _middle(x, y)))


def minimum(x: Tensor, y: Tensor, /) -> Tensor:
    if not x.dtype.is_floating or is_unrecorded(x):
        return _minimum(x, y)
    return where(less(x, y), x, where(less(y, x), y, _middle(x, y)))


def _middle(x: Tensor, y: Tensor) -> Tensor:
    """Return the value of two equal operands, of which each gets half the gradient."""
    half = tf.constant(0.5, x.dtype)
    return add(multiply(half, x), multiply(half, y))


def clip(x: Tensor, low: Tensor, high: Tensor, /) -> Tensor:
    # tf.clip_by_value prefers the lower bound where the bounds cross.
    return _minimum(_maximum(x, low), high)


@tf.custom_gradient
def _power(x: Tensor, y: Tensor) -> tuple[Tensor, Any]:
    """Return ``x ** y`` of operands of one shape."""
    result = power_constant(x, y)

    def pull(g: Tensor) -> tuple[Tensor, Tensor]:
        zero, one = tf.zeros_like(x), tf.ones_like(x)
        flat, origin = equal(y, zero), equal(x, zero)
        slope = multiply(y, power_constant(x, subtract(where(flat, one, y), one)))
        pole = where(less(y, zero), -multiply(result, result), zero)
        rate = where(origin, pole, multiply(result, log(where(origin, one, x))))
        return multiply(g, where(flat, zero, slope)), multiply(g, rate)

    return result, pull


def power(x: Tensor, y: Tensor, /) -> Tensor:
    # TensorFlow's derivative of x**0 at x = 0 is NaN, that for y at x < 0 is 0.
    if not x.dtype.is_floating:
        return power_constant(x, y)
    shape = tuple(tf.broadcast_static_shape(x.shape, y.shape))
    return _power(broadcast_to(x, shape), broadcast_to(y, shape))


def floor_divide(x: Tensor, y: Tensor, /) -> Tensor:
    x, y = _stop(x), _stop(y)
    if not x.dtype.is_floating:
        return _floor_div(x, y)
    # The floor of the exact quotient, as Python defines it, by way of the exact
    # remainder: x / y is rounded, and may be an integer too large.
    rest = _truncate_mod(x, y)
    zero, one = tf.zeros_like(rest), tf.ones_like(rest)
    quotient = divide(subtract(x, rest), y)
    differ = not_equal(less(y, zero), less(rest, zero))
    across = logical_and(not_equal(rest, zero), differ)
    quotient = where(across, subtract(quotient, one), quotient)
    # Where an operand is zero or infinite, the standard wants the quotient's floor.
    plain = logical_and(_is_finite(x), _is_finite(y))
    plain = logical_and(plain, logical_and(not_equal(x, zero), not_equal(y, zero)))
    return _stop(where(plain, round(quotient), floor(divide(x, y))))


# --- one kernel for all data types ----------------------------------------------------


def square(x: Tensor, /) -> Tensor:
    # raw.Square has no unsigned kernel and is not correctly rounded.
    return multiply(x, x)


def trunc(x: Tensor, /) -> Tensor:
    return where(less(x, tf.zeros_like(x)), ceil(x), floor(x))
