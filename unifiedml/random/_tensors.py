"""The stream of `_philox` by operations on tensors, for draws that are tensors.

32-bit words are carried in int64, the one integer type in which every framework has
every operation. A product with a multiplier M could overflow there, which compilers
treat as undefined. With N = M - 2**32, of at most 30 bits and a sign, and a word x,

    M x = N x + 2**32 x,    high(M x) = (N x >> 32) + x,    low(M x) = N x mod 2**32

and no product exceeds 2**62.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unifiedml import _philox
from unifiedml._tensor import Tensor
from unifiedml.ops.conversion import from_array
from unifiedml.ops.manipulation import stack
from unifiedml.ops.selection import minimum


def words(key: int, draw: Tensor, count: int) -> Tensor:
    """The first ``count`` words of a draw, int64 of shape (count,).

    Between the rounds, counter words 1 and 3 keep the high halves of their products,
    as rubbish that masking words 0 and 2 keeps out of them.
    """

    def constant(values: Any) -> Tensor:
        array = np.asarray(values, np.int64)
        return from_array(array, draw._backend, draw.device)

    mask, half = constant(_philox.MASK32), constant(32)
    n0, n1 = (constant(multiplier - 2**32) for multiplier in _philox.MULTIPLIERS)
    c0, c1 = constant(np.arange(-(-count // 4))), constant(0)
    c2, c3 = draw & mask, draw >> half
    for k0, k1 in _philox.round_keys(key):
        p0, p1 = c0 * n0, c2 * n1
        high0, high1 = (p0 >> half) + c0, (p1 >> half) + c2
        c0 = (high1 ^ c1 ^ constant(k0)) & mask
        c2 = (high0 ^ c3 ^ constant(k1)) & mask
        c1, c3 = p1, p0
    rows = stack([c0, c1 & mask, c2, c3 & mask], axis=-1)
    return rows.reshape(-1)[:count]


def uniform(
    key: int,
    draw: Tensor,
    count: int,
    low: float,
    high: float,
    dtype: _philox.FloatName,
) -> Tensor:
    """As `_philox.uniform_range`, where fusing a product and a sum changes nothing."""
    unit, bits = (low, high) == (0.0, 1.0), _philox.SIGNIFICAND[dtype]
    if not unit:
        refuse_16_bits("uniform between bounds other than 0 and 1", dtype)
    low, width, last = _philox.uniform_bounds(low, high, dtype)
    # A power of two (or 0) has the fraction 1/2 (or 0), and makes the product exact.
    if dtype == "float64" and low != 0 and math.frexp(width)[0] not in (0.0, 0.5):
        raise ValueError(
            f"uniform in [{low}, {high}) in float64 cannot number its draw by a "
            "tensor: its product is rounded, and compilers that fuse it with the sum "
            "get other bits. Choose float32, low=0 or a power of two for high - low"
        )
    if dtype == "float64":
        pairs = words(key, draw, 2 * count).reshape(count, 2)
        integers = (pairs[:, 0] >> 5) * 2**26 + (pairs[:, 1] >> 6)
    else:
        integers = words(key, draw, count) >> (32 - bits)
    if unit:
        return integers.astype(dtype) * 2.0**-bits
    wide = integers.astype("float64") * (width * 2.0**-bits) + low
    return minimum(wide.astype(dtype), last)


def keep(key: int, draw: Tensor, count: int, rate: float) -> Tensor:
    """As `_philox.keep`."""
    halves = words(key, draw, -(-count // 2))
    threshold = _philox.keep_threshold(rate)
    low, high = (halves & 0xFFFF) >= threshold, halves >= threshold << 16
    return stack([low, high], axis=-1).reshape(-1)[:count]


def refuse_16_bits(name: str, dtype: str) -> None:
    if dtype in ("float16", "bfloat16"):
        raise ValueError(
            f"{name} in {dtype} cannot number its draw by a tensor: frameworks round "
            "to 16 bits twice. Draw in float32 and convert with astype"
        )
