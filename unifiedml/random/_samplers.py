"""The samplers, and the masks of dropout."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from numpy.typing import NDArray

from unifiedml import _philox
from unifiedml._dtypes import DTYPES, DType, as_dtype
from unifiedml._tensor import Tensor
from unifiedml.random import _tensors
from unifiedml.random._drawing import (
    Draw,
    Shape,
    check_bounds,
    check_integers,
    check_probability,
    float_dtype,
    host_only,
    sample,
)
from unifiedml.random._keys import Key, as_integer


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
    return sample(shape, key, draw, uint32, device, _philox.words, _tensors.words)


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
    kind = float_dtype("uniform", dtype)
    name = cast(_philox.FloatName, kind.name)
    check_bounds(low, high, name)

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        if (low, high, name) == (0.0, 1.0, "float32"):
            return _philox.uniform32(key, draw, count)
        return _philox.uniform_range(key, draw, count, low, high, name)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        return _tensors.uniform(key, draw, count, low, high, name)

    return sample(shape, key, draw, kind, device, on_host, on_tensors)


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
    kind = float_dtype("symmetric_uniform", dtype)
    name = cast(_philox.FloatName, kind.name)
    if not 0 <= limit < math.inf:
        raise ValueError(
            f"symmetric_uniform needs a finite limit >= 0, not limit={limit}"
        )

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        return _philox.symmetric_uniform(key, draw, count, limit, name)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        _tensors.refuse_16_bits("symmetric_uniform", name)
        odd = (_tensors.words(key, draw, count) >> 8) * 2 + (1 - 2**24)
        return odd.astype(kind) * _philox.symmetric_scale(limit, name)

    return sample(shape, key, draw, kind, device, on_host, on_tensors)


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
    standard = _philox.truncated_normal
    return _scaled(
        "truncated_normal", standard, shape, mean, std, key, draw, dtype, device
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
    check_probability("p of bernoulli", p)

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        return _philox.bernoulli(key, draw, count, p)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        return _tensors.words(key, draw, count) >= _philox.bernoulli_threshold(p)

    return sample(shape, key, draw, DTYPES["bool"], device, on_host, on_tensors)


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
    low, high = as_integer(low, "low of randint"), as_integer(high, "high of randint")
    check_integers(low, high, kind)

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        return _philox.randint(key, draw, count, low, high).astype(kind.numpy)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        words = _tensors.words(key, draw, count)
        return (words * (high - low) >> 32) + low

    return sample(shape, key, draw, kind, device, on_host, on_tensors)


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
    shape = (as_integer(n, "the length of a permutation"),)
    reason = "permutations are made on the host"
    refuse = host_only("permutation", reason)
    return sample(shape, key, draw, int64, device, _philox.permutation, refuse)


def _scaled(
    name: str,
    standard: Callable[[int, int, int], _philox.Float64],
    shape: Shape,
    mean: float,
    std: float,
    key: Key | None,
    draw: int,
    dtype: DType | str | None,
    device: str | None,
) -> Tensor:
    """``mean + std * z``, rounded once."""
    kind = float_dtype(name, dtype)
    float_name = cast(_philox.FloatName, kind.name)
    if not math.isfinite(mean) or not 0 <= std < math.inf:
        raise ValueError(
            f"{name} needs a finite mean and a finite std >= 0, "
            f"not mean={mean} and std={std}"
        )

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        z = standard(key, draw, count)
        return _philox.round_to(mean + std * z, float_name)

    reason = "compilers do not promise to round its float64 formula the same"
    return sample(shape, key, draw, kind, device, on_host, host_only(name, reason))


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
    check_probability("the rate of dropout", rate)

    def on_host(key: int, draw: int, count: int) -> NDArray[Any]:
        return _philox.keep(key, draw, count, rate)

    def on_tensors(key: int, draw: Tensor, count: int) -> Tensor:
        return _tensors.keep(key, draw, count, rate)

    return sample(shape, key, draw, DTYPES["bool"], device, on_host, on_tensors)


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
    check_probability("the rate of dropout", rate)
    return _philox.keep_scale(rate)
