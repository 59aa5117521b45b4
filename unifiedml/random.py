"""Random numbers: one stream, the same on every backend, device and in every mode.

What is drawn depends on a `Key`, the number of the draw and the place of the element,
never on the backend or on what was drawn before. There are two ways to draw:

    um.random.seed(0)
    um.random.normal((3,))  # a draw of the run's own key; the next call is the next

    key = um.random.key(0, "augmentation")
    um.random.normal((3,), key=key, draw=5)  # the same numbers whenever it is called

The state of a run is ``(seed, step)``, where ``step`` counts the calls without a key.
A program that never calls `seed` has seed 0, so it too gives the same numbers in every
run. Layers draw with keys of their own (`layer_key`), so that what happens elsewhere
in a program cannot shift them.

Numbers are made on the host from the stream of `unifiedml._philox`. Where ``draw`` is
a tensor, such as the step counter of a compiled program, they are made by operations
on tensors, of the same bits, and no new draw needs a new trace.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from unifiedml import _philox
from unifiedml._dtypes import DTYPES, DType, as_dtype, iinfo
from unifiedml._rules.shapes import as_shape
from unifiedml._tensor import Tensor
from unifiedml.ops.creation import asarray, from_array
from unifiedml.ops.manipulation import stack
from unifiedml.ops.selection import minimum

__all__ = [
    "Key",
    "bernoulli",
    "bits",
    "fold_in",
    "get_state",
    "keep_mask",
    "keep_scale",
    "key",
    "layer_key",
    "normal",
    "permutation",
    "randint",
    "seed",
    "set_state",
    "split",
    "symmetric_uniform",
    "truncated_normal",
    "uniform",
]

Shape: TypeAlias = int | Sequence[int]
Draw: TypeAlias = int | Tensor
OnHost: TypeAlias = Callable[[int, int, int], NDArray[Any]]
OnTensors: TypeAlias = Callable[[int, Tensor, int], Tensor]


# Keys -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """Names a stream of random numbers: 64 bits, on the host.

    Attributes:
        value: An int in [0, 2**64). Make keys by `key`, `fold_in` and `split`.
    """

    value: int

    def __post_init__(self) -> None:
        value = _integer(self.value, "the value of a key")
        if not 0 <= value < 2**64:
            raise ValueError(
                f"the value of a key lies in [0, 2**64), not {value}: "
                "um.random.key(seed) makes a key of any int"
            )
        object.__setattr__(self, "value", value)

    def __repr__(self) -> str:
        return f"Key({self.value:#018x})"


def key(seed: int, /, *path: int | str) -> Key:
    """Return the key of a path under a seed.

    Args:
        seed: Any int.
        path: Ints and strings that say what the key is for. Different paths have
            unrelated keys.

    Raises:
        TypeError: The seed is no int, or a part of the path neither int nor str.

    Example:
        >>> import unifiedml as um
        >>> um.random.key(7, "dropout", 3)
        Key(0xec2ce06442707402)
    """
    parts = [
        part
        if isinstance(part, str)
        else _integer(part, "a part of a path that is no str")
        for part in path
    ]
    return Key(_philox.derive(_integer(seed, "a seed"), *parts))


def fold_in(key: Key, data: int, /) -> Key:
    """Return a new key made of a key and a number, such as an epoch's.

    Args:
        key: The key to start from.
        data: An int in [0, 2**64).

    Raises:
        ValueError: ``data`` is out of range.

    Example:
        >>> import unifiedml as um
        >>> um.random.fold_in(um.random.Key(0x9900BA201207F675), 5)
        Key(0xbd50122dd955abde)
    """
    data = _integer(data, "what is folded into a key")
    if not 0 <= data < 2**64:
        raise ValueError(f"what is folded into a key lies in [0, 2**64), not {data}")
    return Key(_philox.fold_in(_key(key).value, data))


def split(key: Key, n: int = 2, /) -> tuple[Key, ...]:
    """Return ``n`` new keys: ``fold_in(key, 0)`` to ``fold_in(key, n - 1)``.

    Raises:
        ValueError: ``n`` is negative.

    Example:
        >>> import unifiedml as um
        >>> weights, noise = um.random.split(um.random.key(0))
    """
    count = _integer(n, "the number of keys to split into")
    if count < 0:
        raise ValueError(f"a key cannot be split into {count} keys: choose n >= 0")
    return tuple(fold_in(key, data) for data in range(count))


def layer_key(path: str, /) -> Key:
    """Return the key of a layer or parameter at a path in its model.

    It depends on the current seed and on the path alone, not on the order in which
    layers are made.

    Args:
        path: Such as ``"encoder.0.dropout"``.
    """
    return _layer_key(_run.seed, path)


@lru_cache(maxsize=4096)
def _layer_key(seed: int, path: str) -> Key:
    return key(seed, "layer", path)


# The state of a run -----------------------------------------------------------------


class _Run:
    """Seed and number of calls without a key; the lock makes every call distinct."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seed = self.step = 0

    def set(self, seed: int, step: int) -> None:
        with self.lock:
            self.seed, self.step = seed, step

    def take(self, count: int) -> tuple[Key, int]:
        """Returns the key and the first of ``count`` draws that no one else gets."""
        with self.lock:
            seed, first = self.seed, self.step
            self.step += count
        return _run_key(seed), first


_run: Final = _Run()


@lru_cache(maxsize=16)
def _run_key(seed: int) -> Key:
    return key(seed, "global")


def seed(seed: int, /) -> None:
    """Start the run's stream afresh: the state becomes ``(seed, 0)``.

    The state belongs to the process. Threads that draw without a key get different
    numbers each, in the order of their calls; give them keys to make that order
    irrelevant. What has been drawn already, such as a model's initial values, stays.

    Args:
        seed: Any int. The seed is 0 until this is called.

    Raises:
        TypeError: The seed is no int.

    Example:
        >>> import unifiedml as um
        >>> um.random.seed(42)
        >>> um.random.get_state()
        (42, 0)
    """
    _run.set(_integer(seed, "a seed"), 0)


def get_state() -> tuple[int, int]:
    """Return ``(seed, step)``: all that a checkpoint needs to resume the stream."""
    with _run.lock:
        return _run.seed, _run.step


def set_state(state: tuple[int, int], /) -> None:
    """Return to a state of `get_state`; the next draw is the one that followed it.

    Raises:
        TypeError: The state is not a pair of ints.
        ValueError: The step is negative.

    Example:
        >>> import unifiedml as um
        >>> state = um.random.get_state()
        >>> first = um.random.uniform(3)
        >>> um.random.set_state(state)
        >>> um.random.uniform(3).tolist() == first.tolist()
        True
    """
    try:
        seed, step = state
    except (TypeError, ValueError):
        raise TypeError(f"a state is a pair (seed, step), not {state!r}") from None
    _run.set(_integer(seed, "a seed"), _draw_number(step))


@dataclass
class Draws:
    """Counts the draws that a traced program takes from a tensor; see `draws_from`."""

    key: Key
    first: Tensor
    taken: int = 0

    def next(self) -> Tensor:
        """Returns the next draw, as a tensor."""
        self.taken += 1
        return self.first + (self.taken - 1)


_traced: Final[ContextVar[Draws | None]] = ContextVar("unifiedml_draws", default=None)


@contextmanager
def draws_from(first: Tensor) -> Iterator[Draws]:
    """Make calls without a key take their draws from a tensor while a trace is made.

    The compiled program then takes the same draws as the same program run eagerly, if
    each of its runs is given the first of ``taken`` draws by `take_draws`. The key is
    part of the trace: a trace is good for one seed.

    Args:
        first: The number of the first draw, 0-d int64.
    """
    draws = Draws(_run_key(_run.seed), first)
    token = _traced.set(draws)
    try:
        yield draws
    finally:
        _traced.reset(token)


def take_draws(count: int) -> int:
    """Take ``count`` draws of the run at once, and return the number of the first."""
    return _run.take(count)[1]


# Samplers ---------------------------------------------------------------------------


def bits(
    shape: Shape = (),
    *,
    key: Key | None = None,
    draw: Draw = 0,
    device: str | None = None,
) -> Tensor:
    """Return the stream's 32-bit words as they are.

    Args:
        shape: Shape of the result.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int or a 0-d integer tensor.
        device: Where the result lives.

    Returns:
        uint32 of the given shape.

    Example:
        >>> import unifiedml as um
        >>> um.random.bits(2, key=um.random.Key(0x9900BA201207F675)).tolist()
        [589128631, 3939065468]
    """
    uint32 = DTYPES["uint32"]
    return _sample(shape, key, draw, uint32, device, _philox.words, _tensor_words)


def uniform(
    shape: Shape = (),
    *,
    low: float = 0.0,
    high: float = 1.0,
    key: Key | None = None,
    draw: Draw = 0,
    dtype: DType | str | None = None,
    device: str | None = None,
) -> Tensor:
    """Return numbers that are uniform in ``[low, high)``.

    Args:
        shape: Shape of the result.
        low: The smallest number, rounded to the dtype.
        high: The end of the interval, rounded to the dtype; where it equals ``low``,
            all numbers do.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int or a 0-d integer tensor.
        dtype: A real floating-point dtype; default: float32.
        device: Where the result lives.

    Raises:
        TypeError: The dtype is not real floating-point.
        ValueError: A bound or the difference of both is not finite in the dtype,
            ``low > high``, or ``draw`` is a tensor and the numbers of this dtype and
            range are made on the host alone.

    Example:
        >>> import unifiedml as um
        >>> um.random.uniform(2, key=um.random.key(0)).tolist()
        [0.5296766757965088, 0.21706068515777588]
    """
    kind = _float_dtype("uniform", dtype)
    name = cast(_philox.FloatName, kind.name)
    _check_bounds(low, high, name)

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        if (low, high, name) == (0.0, 1.0, "float32"):
            return _philox.uniform32(key, draw, count)
        return _philox.uniform_range(key, draw, count, low, high, name)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        return _tensor_uniform(key, draw, count, low, high, name)

    return _sample(shape, key, draw, kind, device, on_host, on_tensors)


def symmetric_uniform(
    shape: Shape = (),
    *,
    limit: float,
    key: Key | None = None,
    draw: Draw = 0,
    dtype: DType | str | None = None,
    device: str | None = None,
) -> Tensor:
    """Return numbers that are uniform in ``(-limit, limit)``, symmetric about zero.

    Each is an odd 24-bit integer times ``limit * 2**-24``, rounded once. Glorot's and
    He's initial values are drawn so.

    Args:
        shape: Shape of the result.
        limit: Half the width of the interval.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int or a 0-d integer tensor.
        dtype: A real floating-point dtype; default: float32.
        device: Where the result lives.

    Raises:
        TypeError: The dtype is not real floating-point.
        ValueError: The limit is negative or not finite, or ``draw`` is a tensor and
            the dtype has 16 bits.
    """
    kind = _float_dtype("symmetric_uniform", dtype)
    name = cast(_philox.FloatName, kind.name)
    if not 0 <= limit < math.inf:
        raise ValueError(
            f"symmetric_uniform needs a finite limit >= 0, not limit={limit}"
        )

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        return _philox.symmetric_uniform(key, draw, count, limit, name)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        _refuse_16_bits("symmetric_uniform", name)
        odd = (_tensor_words(key, draw, count) >> 8) * 2 + (1 - 2**24)
        return odd.astype(kind) * _philox.symmetric_scale(limit, name)

    return _sample(shape, key, draw, kind, device, on_host, on_tensors)


def normal(
    shape: Shape = (),
    *,
    mean: float = 0.0,
    std: float = 1.0,
    key: Key | None = None,
    draw: int = 0,
    dtype: DType | str | None = None,
    device: str | None = None,
) -> Tensor:
    """Return numbers of the normal distribution.

    They are ``mean + std * z``, computed in float64 and rounded once to the dtype,
    where ``z`` comes of 52 random bits by the inverse distribution function.

    Args:
        shape: Shape of the result.
        mean: The mean.
        std: The standard deviation.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int: see Raises.
        dtype: A real floating-point dtype; default: float32.
        device: Where the result lives.

    Raises:
        TypeError: The dtype is not real floating-point.
        ValueError: ``mean`` or ``std`` is not finite, ``std`` is negative, or ``draw``
            is a tensor: compilers do not promise to round this formula the same.

    Example:
        >>> import unifiedml as um
        >>> um.random.normal(2, key=um.random.key(0)).tolist()
        [0.07445713877677917, -0.8876393437385559]
    """
    return _scaled("normal", _philox.normal, shape, mean, std, key, draw, dtype, device)


def truncated_normal(
    shape: Shape = (),
    *,
    mean: float = 0.0,
    std: float = 1.0,
    key: Key | None = None,
    draw: int = 0,
    dtype: DType | str | None = None,
    device: str | None = None,
) -> Tensor:
    """Return numbers of the normal distribution cut at two standard deviations.

    ``std`` is the deviation before the cut; that of the result is about 0.88 of it.

    Args:
        shape: Shape of the result.
        mean: The mean.
        std: The standard deviation before the cut.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int: see Raises.
        dtype: A real floating-point dtype; default: float32.
        device: Where the result lives.

    Returns:
        Numbers in ``[mean - 2 * std, mean + 2 * std]``.

    Raises:
        TypeError: The dtype is not real floating-point.
        ValueError: ``mean`` or ``std`` is not finite, ``std`` is negative, or ``draw``
            is a tensor: compilers do not promise to round this formula the same.
    """
    sample = _philox.truncated_normal
    return _scaled(
        "truncated_normal", sample, shape, mean, std, key, draw, dtype, device
    )


def bernoulli(
    shape: Shape = (),
    *,
    p: float = 0.5,
    key: Key | None = None,
    draw: Draw = 0,
    device: str | None = None,
) -> Tensor:
    """Return True with probability ``p``, to within 2**-33.

    Args:
        shape: Shape of the result.
        p: The probability of True.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int or a 0-d integer tensor.
        device: Where the result lives.

    Returns:
        bool of the given shape.

    Raises:
        ValueError: ``p`` is not in [0, 1].

    Example:
        >>> import unifiedml as um
        >>> um.random.bernoulli(4, p=0.5, key=um.random.key(0)).tolist()
        [True, False, False, False]
    """
    _check_probability("p of bernoulli", p)

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        return _philox.bernoulli(key, draw, count, p)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        return _tensor_words(key, draw, count) >= _philox.bernoulli_threshold(p)

    return _sample(shape, key, draw, DTYPES["bool"], device, on_host, on_tensors)


def randint(
    shape: Shape = (),
    *,
    low: int = 0,
    high: int,
    key: Key | None = None,
    draw: Draw = 0,
    dtype: DType | str | None = None,
    device: str | None = None,
) -> Tensor:
    """Return integers that are uniform in ``[low, high)``.

    Args:
        shape: Shape of the result.
        low: The smallest integer.
        high: One more than the largest; at most ``low + 2**31``.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int or a 0-d integer tensor.
        dtype: An integer dtype that holds them all; default: int64.
        device: Where the result lives.

    Raises:
        TypeError: The dtype is no integer dtype.
        ValueError: The interval is empty or too wide, or the dtype does not hold it.

    Example:
        >>> import unifiedml as um
        >>> um.random.randint(4, high=10, key=um.random.key(0)).tolist()
        [5, 2, 1, 2]
    """
    kind = DTYPES["int64"] if dtype is None else as_dtype(dtype)
    low, high = _integer(low, "low of randint"), _integer(high, "high of randint")
    _check_integers(low, high, kind)

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        return _philox.randint(key, draw, count, low, high).astype(kind.numpy)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        words = _tensor_words(key, draw, count)
        return (words * (high - low) >> 32) + low

    return _sample(shape, key, draw, kind, device, on_host, on_tensors)


def permutation(
    n: int, /, *, key: Key | None = None, draw: int = 0, device: str | None = None
) -> Tensor:
    """Return the integers from 0 to ``n - 1`` in random order.

    Args:
        n: How many.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int: permutations are made on the host.
        device: Where the result lives.

    Returns:
        int64 of shape (n,).

    Raises:
        ValueError: ``n`` is negative, or ``draw`` is a tensor.

    Example:
        >>> import unifiedml as um
        >>> um.random.permutation(5, key=um.random.key(0)).tolist()
        [4, 0, 1, 3, 2]
    """
    int64 = DTYPES["int64"]
    shape = (_integer(n, "the length of a permutation"),)
    reason = "permutations are made on the host"
    refuse = _host_only("permutation", reason)
    return _sample(shape, key, draw, int64, device, _philox.permutation, refuse)


# Dropout ----------------------------------------------------------------------------


def keep_mask(
    shape: Shape,
    rate: float,
    *,
    key: Key | None = None,
    draw: Draw = 0,
    device: str | None = None,
) -> Tensor:
    """Return the mask of dropout: False with probability ``rate``, to within 2**-17.

    The probability is ``round(rate * 2**16) / 2**16``, exactly.

    Args:
        shape: Shape of the result.
        rate: The fraction to drop.
        key: The stream to draw from; default: the run's own.
        draw: Which draw of the key, an int or a 0-d integer tensor.
        device: Where the result lives.

    Returns:
        bool of the given shape, True where an element is kept. Multiply what is kept
        by `keep_scale`.

    Raises:
        ValueError: The rate is not in [0, 1].
    """
    _check_probability("the rate of dropout", rate)

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        return _philox.keep(key, draw, count, rate)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        words = _tensor_words(key, draw, -(-count // 2))
        threshold = _philox.keep_threshold(rate)
        low, high = (words & 0xFFFF) >= threshold, words >= threshold << 16
        return stack([low, high], axis=-1).reshape(-1)[:count]

    return _sample(shape, key, draw, DTYPES["bool"], device, on_host, on_tensors)


def keep_scale(rate: float) -> float:
    """Return what dropout multiplies kept elements by, so that the mean stays.

    It is ``1 / (1 - r)`` for the rate ``r = round(rate * 2**16) / 2**16`` at which
    `keep_mask` really drops; where everything is dropped, 0.

    Raises:
        ValueError: The rate is not in [0, 1].

    Example:
        >>> import unifiedml as um
        >>> um.random.keep_scale(0.2)
        1.2499952316466079
    """
    _check_probability("the rate of dropout", rate)
    return _philox.keep_scale(rate)


# From numbers to tensors ------------------------------------------------------------


def _sample(
    shape: Shape,
    key: Key | None,
    draw: Draw,
    dtype: DType,
    device: str | None,
    on_host: OnHost,
    on_tensors: OnTensors,
) -> Tensor:
    """Draws by whichever of the two implementations ``draw`` asks for."""
    dims = as_shape(shape)
    count = math.prod(dims)
    key, draw = _stream(key, draw)
    if isinstance(draw, Tensor):
        made = on_tensors(key.value, draw if device is None else draw.to(device), count)
        return made.astype(dtype).reshape(dims)
    return asarray(
        on_host(key.value, draw, count).reshape(dims), dtype=dtype, device=device
    )


def _stream(key: Key | None, draw: Draw) -> tuple[Key, Draw]:
    """The key and the checked draw; without a key, the next draw of the run."""
    if isinstance(draw, Tensor):
        if draw.ndim != 0 or not draw.dtype.is_integer:
            raise ValueError(
                "a tensor that numbers a draw is a 0-d integer, "
                f"not {draw.dtype.name} of shape {draw.shape}"
            )
        number: Draw = draw.astype(DTYPES["int64"])
    else:
        number = _draw_number(draw)
    if key is not None:
        return _key(key), number
    if isinstance(number, Tensor) or number != 0:
        raise ValueError(
            f"draw={draw} without a key: the draws of the run's own key are counted; "
            "pass key=um.random.key(...) to choose a draw"
        )
    traced = _traced.get()
    return _run.take(1) if traced is None else (traced.key, traced.next())


def _scaled(
    name: str,
    sample: Callable[[int, int, int], _philox.Float64],
    shape: Shape,
    mean: float,
    std: float,
    key: Key | None,
    draw: int,
    dtype: DType | str | None,
    device: str | None,
) -> Tensor:
    """``mean + std * z``, rounded once."""
    kind = _float_dtype(name, dtype)
    float_name = cast(_philox.FloatName, kind.name)
    if not math.isfinite(mean) or not 0 <= std < math.inf:
        raise ValueError(
            f"{name} needs a finite mean and a finite std >= 0, "
            f"not mean={mean} and std={std}"
        )

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        z = sample(key, draw, count)
        return _philox.round_to(mean + std * z, float_name)

    reason = "compilers do not promise to round its float64 formula the same"
    return _sample(shape, key, draw, kind, device, on_host, _host_only(name, reason))


def _host_only(name: str, reason: str) -> OnTensors:
    def refuse(key: int, draw: Tensor, count: int) -> Tensor:
        raise ValueError(
            f"{name} cannot number its draw by a tensor: {reason}. Draw outside the "
            "compiled program, with an int, and pass the numbers in"
        )

    return refuse


# The stream by operations on tensors ------------------------------------------------
#
# 32-bit words are carried in int64, the one integer type in which every framework has
# every operation. A product with a multiplier M could overflow there, which compilers
# treat as undefined. With N = M - 2**32, of at most 30 bits and a sign, and a word x,
#
#     M x = N x + 2**32 x,    high(M x) = (N x >> 32) + x,    low(M x) = N x mod 2**32
#
# and no product exceeds 2**62.


def _tensor_words(key: int, draw: Tensor, count: int) -> Tensor:
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
    words = stack([c0, c1 & mask, c2, c3 & mask], axis=-1)
    return words.reshape(-1)[:count]


def _tensor_uniform(
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
        _refuse_16_bits("uniform between bounds other than 0 and 1", dtype)
    low, width, last = _philox.uniform_bounds(low, high, dtype)
    # A power of two (or 0) has the fraction 1/2 (or 0), and makes the product exact.
    if dtype == "float64" and low != 0 and math.frexp(width)[0] not in (0.0, 0.5):
        raise ValueError(
            f"uniform in [{low}, {high}) in float64 cannot number its draw by a "
            "tensor: its product is rounded, and compilers that fuse it with the sum "
            "get other bits. Choose float32, low=0 or a power of two for high - low"
        )
    if dtype == "float64":
        pairs = _tensor_words(key, draw, 2 * count).reshape(count, 2)
        integers = (pairs[:, 0] >> 5) * 2**26 + (pairs[:, 1] >> 6)
    else:
        integers = _tensor_words(key, draw, count) >> (32 - bits)
    if unit:
        return integers.astype(dtype) * 2.0**-bits
    wide = integers.astype("float64") * (width * 2.0**-bits) + low
    return minimum(wide.astype(dtype), last)


def _refuse_16_bits(name: str, dtype: str) -> None:
    if dtype in ("float16", "bfloat16"):
        raise ValueError(
            f"{name} in {dtype} cannot number its draw by a tensor: frameworks round "
            "to 16 bits twice. Draw in float32 and convert with astype"
        )


# Checks -----------------------------------------------------------------------------


def _integer(value: Any, name: str) -> int:
    try:
        if isinstance(value, bool | np.bool_ | Tensor):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is an int, not {value!r}") from None


def _key(value: Any) -> Key:
    if not isinstance(value, Key):
        raise TypeError(
            f"a key is made by um.random.key, fold_in or split, it is not {value!r}"
        )
    return value


def _draw_number(value: Any) -> int:
    number = _integer(value, "the number of a draw")
    if not 0 <= number < _philox.FOLD_DRAW:
        raise ValueError(f"the number of a draw lies in [0, 2**63), not {number}")
    return number


def _float_dtype(name: str, dtype: DType | str | None) -> DType:
    kind = DTYPES["float32"] if dtype is None else as_dtype(dtype)
    if kind.name not in _philox.SIGNIFICAND:
        raise TypeError(
            f"{name} makes real floating-point numbers, not {kind.name}: choose from "
            + ", ".join(_philox.SIGNIFICAND)
        )
    return kind


def _check_bounds(low: float, high: float, dtype: _philox.FloatName) -> None:
    if not low <= high:
        raise ValueError(f"uniform needs low <= high, not low={low} and high={high}")
    rounded = [float(_philox.round_to(np.float64(x), dtype)) for x in (low, high)]
    if not math.isfinite(rounded[1] - rounded[0]):
        raise ValueError(
            f"uniform needs bounds whose difference is finite in {dtype}, "
            f"not low={low} and high={high}"
        )


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} lies in [0, 1], not {value}")


def _check_integers(low: int, high: int, dtype: DType) -> None:
    if not dtype.is_integer:
        raise TypeError(
            f"randint makes integers, not {dtype.name}: choose an integer dtype"
        )
    if not 0 < high - low <= 2**31:
        raise ValueError(
            f"randint needs low < high <= low + 2**31, not low={low} and high={high}"
        )
    limits = iinfo(dtype)
    if low < limits.min or high - 1 > limits.max:
        raise ValueError(
            f"randint from {low} to {high - 1} does not fit into {dtype.name}, which "
            f"holds {limits.min} to {limits.max}"
        )
