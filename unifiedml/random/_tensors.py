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
from unifiedml._tracing import tracing
from unifiedml.ops.conversion import from_array
from unifiedml.ops.manipulation import broadcast_to, concat, flip, stack
from unifiedml.ops.selection import minimum


def words(key: int, draw: Tensor, count: int) -> Tensor:
    """The first ``count`` words of a draw, int64 of shape (count,).

    The two halves of a block go through the rounds as the rows of one matrix: half the
    operations. Between the rounds, counter words 1 and 3 keep the high halves of their
    products, as rubbish that masking words 0 and 2 keeps out of them.
    """
    native, trace = draw._backend.ops.random_words, tracing.get()
    # A compiler has a generator of its own, or fuses the operations below.
    if native is not None and (trace is None or not trace.compiled):
        return Tensor(native(key, draw._native, count), draw._backend)

    def constant(values: Any) -> Tensor:
        array = np.asarray(values, np.int64)
        return from_array(array, draw._backend, draw.device)

    blocks = -(-count // 4)
    mask, half = constant(_philox.MASK32), constant(32)
    multipliers = constant([[multiplier - 2**32] for multiplier in _philox.MULTIPLIERS])
    high = broadcast_to(stack([draw & mask]).reshape(1, 1), (1, blocks))
    even = concat([constant(np.arange(blocks)[None]), high], axis=0)
    odd: Tensor = concat([constant([[0]]), (draw >> half).reshape(1, 1)], axis=0)
    for keys in _philox.round_keys(key):
        product = even * multipliers
        mixed = flip((product >> half) + even, axis=0) ^ odd
        even = (mixed ^ constant([[one] for one in keys])) & mask
        odd = flip(product, axis=0)
    odd = odd & mask
    rows = stack([even[0], odd[0], even[1], odd[1]], axis=-1)
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
