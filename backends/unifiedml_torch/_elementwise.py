"""Operations element by element."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from unifiedml_torch._tracing import is_traced

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
]

abs = torch.abs
acos = torch.acos
acosh = torch.acosh
asin = torch.asin
asinh = torch.asinh
atan = torch.atan
atanh = torch.atanh
bitwise_invert = torch.bitwise_not
ceil = torch.ceil
cos = torch.cos
cosh = torch.cosh
erf = torch.erf
erfc = torch.erfc
exp = torch.exp
expm1 = torch.expm1
floor = torch.floor
imag = torch.imag
isinf = torch.isinf
isnan = torch.isnan
log = torch.log
log1p = torch.log1p
logical_not = torch.logical_not
negative = torch.neg
real = torch.real
relu = torch.relu
round = torch.round
sigmoid = torch.sigmoid
sin = torch.sin
sinh = torch.sinh
sqrt = torch.sqrt
tan = torch.tan
tanh = torch.tanh
trunc = torch.trunc

add = torch.add
bitwise_and = torch.bitwise_and
bitwise_left_shift = torch.bitwise_left_shift
bitwise_or = torch.bitwise_or
bitwise_right_shift = torch.bitwise_right_shift
bitwise_xor = torch.bitwise_xor
divide = torch.div
equal = torch.eq
less = torch.lt
less_equal = torch.le
logical_and = torch.logical_and
logical_or = torch.logical_or
logical_xor = torch.logical_xor
maximum = torch.maximum
minimum = torch.minimum
multiply = torch.mul
not_equal = torch.ne
power = torch.pow
power_constant = torch.pow
subtract = torch.sub


def isfinite(x: Tensor, /) -> Tensor:
    # PyTorch's own takes four kernels; NaN is below nothing.
    return x.abs() < math.inf if x.is_floating_point() else torch.isfinite(x)


def remainder(x: Tensor, y: Tensor, /) -> Tensor:
    if not x.is_floating_point() or x.is_cuda:
        return torch.remainder(x, y)
    # Vectors of the CPU give NaN for a quotient that is no finite number.
    far = torch.isinf(x / y)
    if not is_traced(x) and not far.any():
        return torch.remainder(x, y)
    # Multiples of y that are powers of two do not change what is left of x.
    exponent = 700 if x.dtype is torch.float64 else 90
    near = y * 2.0**exponent
    less = torch.fmod(torch.fmod(x, near * 2.0**exponent), near)
    return torch.where(far, torch.remainder(less, y), torch.remainder(x, y))


def clip(x: Tensor, low: Tensor, high: Tensor, /) -> Tensor:
    # The derivative of torch.clamp fails where the bounds have more dimensions than x.
    x, low, high = torch.broadcast_tensors(x, low, high)  # type: ignore[no-untyped-call]
    return torch.clamp(x, low, high)


def conj(x: Tensor, /) -> Tensor:
    return torch.conj_physical(x)


def floor_divide(x: Tensor, y: Tensor, /) -> Tensor:
    # PyTorch has no derivative for it and raises; it is zero.
    x, y = x.detach(), y.detach()
    quotient = torch.floor_divide(x, y)
    if not quotient.dtype.is_floating_point:
        return quotient
    # The standard defines divisions of infinities by the quotient; NumPy's are NaN.
    infinite = torch.isinf(x) | torch.isinf(y)
    return torch.where(infinite, torch.floor(x / y), quotient)


def sign(x: Tensor, /) -> Tensor:
    # torch.sign gives 0 for NaN.
    return torch.where(x != x, x.detach(), torch.sign(x))


def softplus(x: Tensor, /) -> Tensor:
    # Above the default threshold of 20, float64 would lose half of its digits.
    return F.softplus(x, threshold=40.0)


def square(x: Tensor, /) -> Tensor:
    return x * x
