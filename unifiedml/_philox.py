"""UML-Philox-1: the one stream of random numbers, in NumPy.

A number depends on three things only: a 64-bit ``key``, the index ``draw`` of the
request (a step or call number, below 2**63) and the flat index of the element. The
generator is Philox4x32-10, a bijection of 128-bit counters chosen by the key, so
nothing is stored between calls and any part of a draw can be made by itself:

    word i of a draw = word i mod 4 of Philox(key, counter)
    counter          = (block low, block high, draw low, draw high),   block = i // 4

Floats are made from these words by operations of which each is exact or rounded
once, so that every backend, compiler and processor gets the same bits. This module
is the definition and the host's implementation of it; `unifiedml.random` is what
users see.

References:
    Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.
    SC '11. Constants and known answers: Random123, ``philox.h`` and ``kat_vectors``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Bits32 = NDArray[np.uint32]
Bits64 = NDArray[np.uint64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]
FloatName = Literal["float16", "bfloat16", "float32", "float64"]

ROUNDS: Final = 10
"""Rounds of the bijection; 7 pass BigCrush, 10 are the published safety margin."""
MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
"""``PHILOX_M4x32_0`` and ``_1``: one factor for each half of the counter."""
KEY_STEPS: Final = (0x9E3779B9, 0xBB67AE85)
"""``PHILOX_W32_0``, the golden ratio, and ``_1``, sqrt(3) - 1: added each round."""
MASK32: Final = 0xFFFFFFFF
FOLD_DRAW: Final = 1 << 63
"""The draw that makes new keys; draws of numbers lie below it."""

SIGNIFICAND: Final[dict[FloatName, int]] = {
    "float16": 11,
    "bfloat16": 8,
    "float32": 24,
    "float64": 53,
}
"""Bits of the significand, the leading one included."""

_PERSON: Final = b"UML-Philox-1"
_CHUNK: Final = 16384  # blocks at a time: buffers of 256 KiB, which caches hold
_BFLOAT16_QUANTUM: Final = -133  # log2 of the smallest positive (subnormal) bfloat16


# Keys -------------------------------------------------------------------------------


def derive(seed: int, *path: int | str) -> int:
    """Makes the 64-bit key of a path under a seed.

    The key is the first 8 bytes, little-endian, of BLAKE2b-128 personalised with
    ``UML-Philox-1`` over the seed and each part of the path. A part is ``i`` and the
    decimal digits of an int, or ``s`` and the UTF-8 of a str, and stands after its
    length in 4 bytes, so that different paths never give the same input.

    Args:
        seed: Any int, of any size and sign.
        path: What the key is for, such as ``("layer", "encoder.0.dropout")``.

    Returns:
        A key in [0, 2**64).

    Example:
        >>> hex(derive(0, "layers", "0", "weight"))
        '0xf3843f9ffbbbf840'

    Reference:
        RFC 7693, The BLAKE2 cryptographic hash and message authentication code.
    """
    digest = blake2b(digest_size=16, person=_PERSON)
    for part in (seed, *path):
        text = f"s{part}" if isinstance(part, str) else f"i{int(part)}"
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(4, "little") + encoded)
    return int.from_bytes(digest.digest()[:8], "little")


def fold_in(key: int, data: int) -> int:
    """Makes a new key from a key and a number in [0, 2**64).

    The new key is the first two words of block ``data`` of the reserved draw 2**63.

    Example:
        >>> hex(fold_in(0x9900BA201207F675, 5))
        '0xbd50122dd955abde'
    """
    low, high, _, _ = block((data & MASK32, data >> 32, 0, FOLD_DRAW >> 32), key)
    return low | high << 32


def round_keys(key: int) -> tuple[tuple[int, int], ...]:
    """The two key words of each round: ``key + round * KEY_STEPS``, mod 2**32."""
    low, high = key & MASK32, key >> 32
    first, second = KEY_STEPS
    return tuple(
        ((low + r * first) & MASK32, (high + r * second) & MASK32)
        for r in range(ROUNDS)
    )


# Words ------------------------------------------------------------------------------


def block(counter: tuple[int, int, int, int], key: int) -> tuple[int, int, int, int]:
    """Philox4x32-10 of one counter, in Python integers, as the paper writes it.

    The words of the counter, like those of the key, begin with the lowest.

    Example:
        >>> [hex(word) for word in block((0, 0, 0, 0), 0)]
        ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    for k0, k1 in round_keys(key):
        p0, p1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            p1 >> 32 ^ c1 ^ k0,
            p1 & MASK32,
            p0 >> 32 ^ c3 ^ k1,
            p0 & MASK32,
        )
    return c0, c1, c2, c3


def words(key: int, draw: int, count: int, start: int = 0) -> Bits32:
    """The 32-bit words ``start`` to ``start + count`` of a draw.

    ``start`` is any number: what the words are does not depend on where a draw is cut.

    Example:
        >>> words(0x9900BA201207F675, 0, 3)
        array([ 589128631, 3939065468, 2987996982], dtype=uint32)
    """
    first, skipped = divmod(start, 4)
    blocks = -(-(skipped + count) // 4)
    out = np.empty((blocks, 4), np.uint32)
    keys = np.array(round_keys(key), np.uint64)[:, :, None]
    for begin in range(0, blocks, _CHUNK):
        _fill(out[begin : begin + _CHUNK], keys, draw, first + begin)
    return out.reshape(-1)[skipped : skipped + count]


def _fill(out: Bits32, keys: Bits64, draw: int, first: int) -> None:
    """Writes consecutive blocks into ``out`` (blocks, 4), all steps in place.

    ``even`` holds counter words 0 and 2 as its rows, ``odd`` words 1 and 3. The high
    half of ``odd`` is rubbish between the rounds; masking ``even`` keeps it out.
    """
    blocks = len(out)
    even = np.empty((2, blocks), np.uint64)
    odd = np.empty_like(even)
    product = np.empty_like(even)
    even[0] = np.arange(first, first + blocks, dtype=np.uint64)
    np.right_shift(even[0], 32, out=odd[0])
    even[0] &= MASK32
    even[1], odd[1] = draw & MASK32, draw >> 32
    factors = np.array(MULTIPLIERS, np.uint64)[:, None]
    for round_key in keys:
        np.multiply(even, factors, out=product)
        product = product[::-1]  # the halves of the counter change places
        np.right_shift(product, 32, out=even)
        even ^= odd
        even ^= round_key
        even &= MASK32
        odd, product = product, odd
    out[:, 0], out[:, 1], out[:, 2], out[:, 3] = even[0], odd[0], even[1], odd[1]


def words64(key: int, draw: int, count: int, start: int = 0) -> Bits64:
    """64-bit words: number ``i`` is word ``2 i``, its low half, and ``2 i + 1``."""
    pairs = words(key, draw, 2 * count, 2 * start).astype("<u4", copy=False)
    return pairs.view("<u8").astype(np.uint64, copy=False)


# Uniform numbers --------------------------------------------------------------------


def uniform32(key: int, draw: int, count: int, start: int = 0) -> Float32:
    """``(w >> 8) * 2**-24``: uniform float32 in [0, 1), each step exact."""
    top = words(key, draw, count, start) >> 8
    return top.astype(np.float32) * np.float32(2.0**-24)


def uniform64(key: int, draw: int, count: int, start: int = 0) -> Float64:
    """``((w0 >> 5) * 2**26 + (w1 >> 6)) * 2**-53``: uniform float64 in [0, 1), exact.

    ``w0`` and ``w1`` are the words ``2 i`` and ``2 i + 1``.
    """
    pairs = words(key, draw, 2 * count, 2 * start).reshape(-1, 2)
    return ((pairs[:, 0] >> 5) * 2.0**26 + (pairs[:, 1] >> 6)) * 2.0**-53


def uniform_bounds(
    low: float, high: float, dtype: FloatName
) -> tuple[float, float, float]:
    """Prepares a range: ``low``, width and last value of ``uniform_range``.

    The bounds are rounded to the dtype. Below float64 the width is rounded to 29
    bits, which leaves most ranges as they are: a width of 29 bits times a fraction of
    24 bits is exact in float64, and so fusing the product with the sum that follows
    (FMA, as XLA does) cannot change the result.
    """
    low, high = (float(round_to(np.float64(x), dtype)) for x in (low, high))
    width = high - low
    if dtype != "float64":
        mantissa, exponent = math.frexp(width)
        width = math.ldexp(round(math.ldexp(mantissa, 29)), exponent - 29)
    return low, width, max(low, _below(high, dtype))


def uniform_range(
    key: int,
    draw: int,
    count: int,
    low: float,
    high: float,
    dtype: FloatName = "float32",
    start: int = 0,
) -> Floats:
    """Uniform numbers in [low, high): ``low + (high - low) * u``.

    ``u`` has as many random bits as the dtype's significand: ``(w >> 32 - p) * 2**-p``,
    or `uniform64`. The formula is computed in float64 and the sum is rounded to the
    dtype; what rounds up to ``high`` becomes the number before it.

    Returns:
        The dtype, of shape (count,); for bfloat16 float32 that holds such values.
    """
    low, width, last = uniform_bounds(low, high, dtype)
    if dtype == "float64":
        u = uniform64(key, draw, count, start)
    else:
        bits = SIGNIFICAND[dtype]
        top = words(key, draw, count, start) >> (32 - bits)
        u = top.astype(np.float64) * 2.0**-bits
    values = round_to(low + width * u, dtype)
    return np.minimum(values, values.dtype.type(last), out=values)


def symmetric_scale(limit: float, dtype: FloatName) -> float:
    """What `symmetric_uniform` multiplies by: ``limit * 2**-24``.

    The limit is rounded to float64 for float64 and to float32 for all others.
    """
    wide = limit if dtype == "float64" else float(np.float32(limit))
    return wide * 2.0**-24


def symmetric_uniform(
    key: int,
    draw: int,
    count: int,
    limit: float,
    dtype: FloatName = "float32",
    start: int = 0,
) -> Floats:
    """Uniform numbers in (-limit, limit): ``(2 (w >> 8) + 1 - 2**24) * scale``.

    The odd 24-bit integers are symmetric about zero, and their product with
    `symmetric_scale` is the only operation that rounds.

    Returns:
        The dtype, of shape (count,); for bfloat16 float32 that holds such values.
    """
    top = words(key, draw, count, start) >> 8
    odd = top.astype(np.float64) * 2.0 + (1 - 2**24)
    return round_to(odd * symmetric_scale(limit, dtype), dtype)


# Choices ----------------------------------------------------------------------------


def keep_threshold(rate: float) -> int:
    """``round(rate * 2**16)``: the 16-bit halves below it are dropped."""
    return round(rate * 65536)


def keep_scale(rate: float) -> float:
    """What kept elements are multiplied by: ``65536 / (65536 - t)``, and 0 if none is.

    ``t`` is `keep_threshold`. The fraction that is really kept enters, not
    ``1 - rate``, so that the expectation of a scaled element is the element itself.

    Example:
        >>> keep_scale(0.5), keep_scale(0.0), keep_scale(1.0)
        (2.0, 1.0, 0.0)
    """
    kept = 65536 - keep_threshold(rate)
    return 65536 / kept if kept else 0.0


def keep(key: int, draw: int, count: int, rate: float, start: int = 0) -> Mask:
    """The mask of dropout: False with probability ``t / 65536``, ``|error| <= 2**-17``.

    Element ``i`` compares half ``i % 2`` (the low one first) of word ``i // 2`` with
    `keep_threshold`, so that a block of Philox serves 8 elements.
    """
    first, skipped = divmod(start, 2)
    both = words(key, draw, -(-(skipped + count) // 2), first)
    halves = both.astype("<u4", copy=False).view("<u2")[skipped : skipped + count]
    kept: Mask = halves >= keep_threshold(rate)
    return kept


def bernoulli_threshold(p: float) -> int:
    """``2**32 - round(p * 2**32)``: the words from it on are successes."""
    return 2**32 - round(p * 2**32)


def bernoulli(key: int, draw: int, count: int, p: float, start: int = 0) -> Mask:
    """True where ``w >= 2**32 - round(p * 2**32)``: with probability p, to 2**-33."""
    successes: Mask = words(key, draw, count, start) >= bernoulli_threshold(p)
    return successes


def randint(
    key: int, draw: int, count: int, low: int, high: int, start: int = 0
) -> NDArray[np.int64]:
    """Integers in [low, high): ``low + (w * n >> 32)`` for ``n = high - low <= 2**31``.

    Some integers own a word more than others: a bias below ``n / 2**32``.
    """
    products = words(key, draw, count, start).astype(np.int64) * (high - low)
    return (products >> 32) + low


def permutation(key: int, draw: int, count: int) -> NDArray[np.int64]:
    """A permutation of 0 … count - 1: the stable argsort of that many 64-bit words."""
    return np.argsort(words64(key, draw, count), kind="stable").astype(np.int64)


# Normal numbers ---------------------------------------------------------------------

_LOWER_TAIL: Final = 0.022750131948179195  # Phi(-2)

# Wichura's rational approximations: numerator and denominator, lowest power first.
# fmt: off
_CENTRE: Final = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
     1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
     3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
     5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
     2.8729085735721942674e4, 5.2264952788528545610e3),
)
_TAIL: Final = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
     6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
     5.47593808499534494600e-4, 1.05075007164441684324e-9),
)
_FAR_TAIL: Final = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
     1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
     1.42151175831644588870e-7, 2.04426310338993978564e-15),
)
# fmt: on


def normal(key: int, draw: int, count: int, start: int = 0) -> Float64:
    """Standard normal numbers by inversion, |z| < 8.3, a fixed two words for each.

    ``z = Phi**-1(u)`` with ``u = (k + 1/2) * 2**-52`` and the 52-bit integer
    ``k = (w0 >> 6) * 2**26 + (w1 >> 6)``: symmetric about 1/2, never 0 or 1.

    The numbers are float64, to be scaled and then rounded once to other dtypes.
    """
    return normal_quantile(_open_uniform(key, draw, count, start))


def truncated_normal(key: int, draw: int, count: int, start: int = 0) -> Float64:
    """Standard normal numbers in (-2, 2), by inversion, without rejection.

    ``z = Phi**-1(Phi(-2) + (1 - 2 Phi(-2)) u)`` with the ``u`` of `normal`.
    """
    inside = _open_uniform(key, draw, count, start) * (1.0 - 2.0 * _LOWER_TAIL)
    return normal_quantile(_LOWER_TAIL + inside)


def _open_uniform(key: int, draw: int, count: int, start: int) -> Float64:
    """Odd multiples of 2**-53 in (0, 1), exact."""
    pairs = words(key, draw, 2 * count, 2 * start).reshape(-1, 2)
    return ((pairs[:, 0] >> 6) * 2.0**26 + (pairs[:, 1] >> 6) + 0.5) * 2.0**-52


def normal_quantile(u: Float64) -> Float64:
    """Inverse of the normal distribution function, relative error about 1e-15.

    Wichura's algorithm, with ``q = u - 1/2`` and ``r = sqrt(-log(min(u, 1 - u)))``:

        |q| <= 0.425    z = q A(s) / B(s),             s = 0.180625 - q**2
        r <= 5          z = sign(q) C(s) / D(s),       s = r - 1.6
        otherwise       z = sign(q) E(s) / F(s),       s = r - 5

    Only ``+ - * /``, sqrt and frexp occur, each exactly rounded by IEEE 754 and a
    ufunc of its own, so the bits depend on no maths library and no processor. The
    order of the operations is part of the definition.

    Args:
        u: float64 in (0, 1).

    Reference:
        Wichura (1988), Algorithm AS 241: the percentage points of the normal
        distribution. Applied Statistics 37, 477-484 (routine PPND16).
    """
    q = u - 0.5
    centre = 0.180625 - q * q
    z = q * _horner(_CENTRE[0], centre) / _horner(_CENTRE[1], centre)
    tails = np.flatnonzero(np.abs(q) > 0.425)
    q, p = q[tails], u[tails]
    r = np.sqrt(-_log(np.where(q < 0, p, 1.0 - p)))
    size = np.where(r > 5.0, _ratio(_FAR_TAIL, r - 5.0), _ratio(_TAIL, r - 1.6))
    z[tails] = np.where(q < 0, -size, size)
    return z


def _ratio(fraction: tuple[Sequence[float], Sequence[float]], x: Float64) -> Float64:
    numerator, denominator = fraction
    return _horner(numerator, x) / _horner(denominator, x)


def _horner(coefficients: Sequence[float], x: Float64) -> Float64:
    """The polynomial with these coefficients, lowest power first."""
    value = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value *= x
        value += coefficient
    return value


def _log(x: Float64) -> Float64:
    """Natural logarithm of positive normal numbers, error below 2 ulp.

    ``x = m 2**e`` with m in [sqrt(1/2), sqrt(2)), and with ``s = (m - 1) / (m + 1)``
    the series of ``log m = 2 artanh s = 2 s + 2 s (s**2 / 3 + … + s**20 / 21)``.
    """
    mantissa, exponent = np.frexp(x)
    small = mantissa < 0.70710678118654752
    mantissa = np.where(small, mantissa + mantissa, mantissa)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    series = _horner([1.0 / odd for odd in range(3, 23, 2)], z)
    twice = 2.0 * s
    return (exponent - small) * 0.6931471805599453 + (twice + twice * (z * series))


# Rounding ---------------------------------------------------------------------------


def round_to(values: Float64 | np.float64, dtype: FloatName) -> Floats:
    """Rounds float64 once, ties to even; too large a number becomes an infinity.

    Returns:
        The dtype. NumPy has no bfloat16: float32 that holds such values stands for it.
    """
    values = np.asarray(values)
    with np.errstate(over="ignore"):
        if dtype == "bfloat16":
            return _on_bfloat16_grid(values, np.rint).astype(np.float32)
        return values.astype(dtype, copy=False)


def _below(value: float, dtype: FloatName) -> float:
    """The number of the dtype before one of its numbers."""
    if dtype == "bfloat16":
        before = np.nextafter(np.float64(value), -np.inf)
        return float(_on_bfloat16_grid(before, np.floor))
    return float(np.nextafter(np.dtype(dtype).type(value), -np.inf, dtype=dtype))


def _on_bfloat16_grid(values: Float64 | np.float64, rounding: np.ufunc) -> Float64:
    """Rounds to multiples of the spacing that bfloat16 has at each value."""
    _, exponent = np.frexp(values)
    spacing = np.maximum(exponent - SIGNIFICAND["bfloat16"], _BFLOAT16_QUANTUM)
    rounded: Float64 = np.ldexp(rounding(np.ldexp(values, -spacing)), spacing)
    return rounded
