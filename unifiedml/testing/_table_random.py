"""The parity table: random numbers and initial values.

The oracle is a second implementation of Philox4x32-10 in plain integers, from the
paper: J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, Parallel random numbers:
as easy as 1, 2, 3, SC 2011.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._dtypes import as_dtype
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import EXACT, magnitude
from unifiedml.testing._strategies import seeds, shapes

__all__ = ["LINES", "keep"]

Array = npt.NDArray[Any]
MASK: Final = 2**32 - 1


def philox(key: int, counter: int) -> list[int]:
    """Return the four words of a 128-bit counter under a 64-bit key."""
    x = [counter >> (32 * place) & MASK for place in range(4)]
    k0, k1 = key & MASK, key >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [p1 >> 32 ^ x[1] ^ k0, p1 & MASK, p0 >> 32 ^ x[3] ^ k1, p0 & MASK]
        k0, k1 = k0 + 0x9E3779B9 & MASK, k1 + 0xBB67AE85 & MASK
    return x


def words(count: int, key: um.random.Key, draw: int) -> Array:
    """Return the first words of a draw: its number is the counter's upper half."""
    blocks = (philox(key.value, draw << 64 | block) for block in range(-(-count // 4)))
    return np.asarray([word for block in blocks for word in block][:count], np.uint64)


def bits(shape: tuple[int, ...], *, key: um.random.Key, draw: int) -> Array:
    """Return words as they are."""
    return words(math.prod(shape), key, draw).reshape(shape)


def uniform(shape: Any, *, key: Any, draw: int, dtype: str) -> Array:
    """Return the upper 24 bits as a fraction."""
    return (bits(shape, key=key, draw=draw) >> 8).astype(np.float64) * 2.0**-24


def symmetric(shape: Any, *, limit: float, key: Any, draw: int) -> Array:
    """Return odd multiples of ``limit * 2**-24``."""
    odd = (bits(shape, key=key, draw=draw) >> 8).astype(np.float64) * 2 + 1 - 2**24
    return np.asarray(odd * 2.0**-24 * limit)


def bernoulli(shape: Any, *, p: float, key: Any, draw: int) -> Array:
    """Return True with probability ``p``: for the largest words."""
    fraction = bits(shape, key=key, draw=draw).astype(np.float64) / 2**32
    return np.asarray(fraction >= 1 - p)


def randint(shape: Any, *, low: int, high: int, key: Any, draw: int) -> Array:
    """Return the upper half of the product with the width of the interval."""
    found = bits(shape, key=key, draw=draw).reshape(-1)
    drawn = [low + (int(w) * (high - low) >> 32) for w in found]
    return np.asarray(drawn, np.int64).reshape(shape)


def normal(shape: Any, *, mean: float, std: float, key: Any, draw: int) -> Array:
    """Return the inverse distribution function of pairs of words."""
    count = math.prod(shape)
    upper = words(2 * count, key, draw).astype(np.float64)[::2]
    lower = words(2 * count, key, draw).astype(np.float64)[1::2]
    inverse = NormalDist().inv_cdf
    # 26 bits of each word: u is an odd multiple of 2**-53.
    z = [
        inverse(((u // 64) * 2**26 + v // 64 + 0.5) / 2**52)
        for u, v in zip(upper, lower, strict=True)
    ]
    return mean + std * np.asarray(z, np.float64).reshape(shape)


def keep(shape: Any, rate: float, *, key: Any, draw: int) -> Array:
    """Return the mask of dropout: 16 bits an element, the lower half first."""
    count = math.prod(shape)
    found = words(-(-count // 2), key, draw)
    halves = np.stack([found & np.uint64(0xFFFF), found >> np.uint64(16)], axis=-1)
    mask = halves.reshape(-1)[:count].astype(np.float64) >= round(rate * 2**16)
    return np.asarray(mask).reshape(shape)


@st.composite
def _draws(draw: st.DrawFn, /, **choices: Any) -> Call:
    options = {name: draw(strategy) for name, strategy in choices.items()}
    path = draw(st.sampled_from([(), ("a", 3)]))
    key = um.random.key(draw(seeds()), *path)
    number = draw(st.sampled_from([0, 1, 2**32 - 1, 2**33 + 5]))
    shape = draw(shapes(0, 3, max_side=4) | st.just((9,)))
    return Call(shape, key=key, draw=number, **options)


def _random(
    name: str, oracle: Callable[..., Any] | None, family: str = "exact", **choices: Any
) -> Line:
    def rounding(call: Any, result: Array) -> Any:
        # The sum of mean and std·z cancels.
        around = 2 * abs(call.kwargs.get("mean", 0))
        return [(family, {"scale": magnitude(result) + around})]

    return Line(
        f"random.{name}",
        getattr(um.random, name),
        _draws(**choices),
        rounding,
        oracle,
        no_gradient=CONSTANT,
    )


CONSTANT: Final = "random numbers are constants"
_MOMENTS: Final = {
    "mean": st.sampled_from([0.0, 1.5]),
    "std": st.sampled_from([1.0, 0.25]),
}
_RATES: Final = st.sampled_from([0.0, 0.25, 0.5, 0.1, 1.0])


def _kept(shape: Any, *, rate: float, **options: Any) -> Any:
    return um.random.keep_mask(shape, rate, **options)


def _permuted(shape: Any, **options: Any) -> Any:
    return um.random.permutation(math.prod(shape), **options)


def _run(shape: Any, *, key: Any, draw: int) -> Any:
    """Draw without a key, twice, and once more after going back."""
    um.random.seed(draw)
    first = um.random.bits(shape)
    state = um.random.get_state()
    second = um.random.bits(shape)
    um.random.set_state(state)
    return [first, second, um.random.bits(shape)]


def _run_oracle(shape: Any, *, key: Any, draw: int) -> Any:
    own = um.random.key(draw, "global")
    first, second = (bits(shape, key=own, draw=number) for number in (0, 1))
    return [first, second, second]


def _custom(
    name: str, function: Callable[..., Any], oracle: Any, **choices: Any
) -> Line:
    return Line(
        f"random.{name}",
        function,
        _draws(**choices),
        EXACT,
        oracle,
        no_gradient=CONSTANT,
    )


RANDOM: Final[list[Line]] = [
    _random("bits", bits),
    _random("uniform", uniform, dtype=st.just("float32")),
    _random(
        "symmetric_uniform", symmetric, "sqrt", limit=st.sampled_from([0.25, 1.0, 0.3])
    ),
    _random("bernoulli", bernoulli, p=_RATES),
    _random(
        "randint", randint, low=st.sampled_from([0, -3]), high=st.sampled_from([1, 10])
    ),
    _random("normal", normal, "transcendental", **_MOMENTS),
    _random("truncated_normal", None, "transcendental", **_MOMENTS),
    _custom("permutation", _permuted, None),
    _custom(
        "keep_mask",
        _kept,
        lambda shape, *, rate, key, draw: keep(shape, rate, key=key, draw=draw),
        rate=_RATES,
    ),
    _custom("seed", _run, _run_oracle),
]

# --- initial values ---


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return fan in and fan out of a kernel ``(..., inputs, outputs)``."""
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


_VARIANCES: Final[dict[str, Callable[[int, int], float]]] = {
    "glorot": lambda inputs, outputs: 2 / max(1, inputs + outputs),
    "he": lambda inputs, outputs: 2 / max(1, inputs),
    "lecun": lambda inputs, outputs: 1 / max(1, inputs),
}


def _initial(name: str) -> Line:
    scheme, _, distribution = name.partition("_")

    def function(shape: Any, *, key: Any, draw: int) -> Any:
        make = getattr(um.nn.initializers, name)
        return make(shape, dtype=as_dtype("float32"), device=None, key=key)

    def oracle(shape: Any, *, key: Any, draw: int) -> Array:
        variance = _VARIANCES[scheme](*fans(shape))
        if distribution == "uniform":
            return symmetric(shape, limit=math.sqrt(3 * variance), key=key, draw=0)
        return normal(shape, mean=0.0, std=math.sqrt(variance), key=key, draw=0)

    def rounding(call: Any, result: Array) -> Any:
        return [("transcendental", {"scale": magnitude(result)})]

    return Line(
        f"nn.initializers.{name}",
        function,
        _draws(),
        rounding,
        oracle,
        no_gradient="initial values are constants",
    )


def _given(name: str, value: Callable[[Any, Any], Array], *arguments: Any) -> Line:
    def function(shape: Any, *, key: Any, draw: int) -> Any:
        make = getattr(um.nn.initializers, name)
        make = make(*arguments) if arguments else make
        return make(shape, dtype=as_dtype("float32"), device=None, key=key)

    def oracle(shape: Any, *, key: Any, draw: int) -> Array:
        return value(shape, key)

    def rounding(call: Any, result: Array) -> Any:
        return [("transcendental", {"scale": magnitude(result) + 1})]

    return Line(
        f"nn.initializers.{name}",
        function,
        _draws(),
        rounding,
        oracle,
        no_gradient="initial values are constants",
    )


INITIALIZERS: Final[list[Line]] = [
    *(
        _initial(f"{scheme}_{distribution}")
        for scheme in _VARIANCES
        for distribution in ("uniform", "normal")
    ),
    _given("zeros", lambda shape, key: np.zeros(shape)),
    _given("ones", lambda shape, key: np.ones(shape)),
    _given("constant", lambda shape, key: np.full(shape, 0.5), 0.5),
    _given(
        "uniform",
        lambda shape, key: uniform(shape, key=key, draw=0, dtype="") * 2 - 1,
        -1.0,
        1.0,
    ),
    _given(
        "normal",
        lambda shape, key: normal(shape, mean=1.0, std=0.5, key=key, draw=0),
        1.0,
        0.5,
    ),
]

LINES: Final[list[Line]] = [*RANDOM, *INITIALIZERS]
"""Random numbers and initial values."""
