"""What a user's code asks about sizes is asked again for each size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

import unifiedml as um
from tests.sums import close, values

SIZES: Final = [7, 15, 6, 9, 12, 8, 14, 10, 11]


def padded(x: um.Tensor) -> um.Tensor:
    return um.concat([x, x[:1]]) if x.shape[0] % 2 else x


def long(x: um.Tensor) -> um.Tensor:
    return x[:5] if x.shape[0] > 7 else x * 2.0


def special(x: um.Tensor) -> um.Tensor:
    return -x if x.shape == (8, 4) else x


def looped(x: um.Tensor) -> um.Tensor:
    total = x[0]
    for place in range(1, x.shape[0]):
        total = total + place * x[place]
    return total


def counted(x: um.Tensor) -> um.Tensor:
    return um.sum(x) * (1 / len(x))


def rooted(x: um.Tensor) -> um.Tensor:
    return x * float(np.sqrt(x.shape[0])) + x.shape[0] ** 0.5


def halved(x: um.Tensor) -> um.Tensor:
    return x[: x.shape[0] // 2] - divmod(x.shape[0], 2)[0]


def known(x: um.Tensor) -> um.Tensor:
    return x * {4: 1.0, 3: 2.0, 11: 3.0}.get(x.shape[0], -1.0)


def native(x: um.Tensor) -> um.Tensor:
    return x * 2.0 if x.native.shape[0] == 8 else x


def squared(x: um.Tensor) -> um.Tensor:
    return um.reshape(x[:, None] * x, (x.shape[0] * x.shape[0], 4)) / x.shape[0] ** 2


def even(x: um.Tensor) -> um.Tensor:
    return x if x.shape[0] & 1 else x + 1


def scaled(x: um.Tensor) -> um.Tensor:
    return x * (x.size / 100)


def turned(x: um.Tensor) -> um.Tensor:
    return x * 2.0 if int(x.shape[0]) % 2 else x


def spelled(x: um.Tensor) -> um.Tensor:
    return x * 2.0 if f"{x.shape[0]}"[-1] in "13579" else x


def floated(x: um.Tensor) -> um.Tensor:
    near = abs(x.shape[0] * 1.0 - 10) < 2 or x.shape[0] == 8.0
    return x * 2.0 if near or (0.5 * x.shape[0]) % 1 else x


def divided(x: um.Tensor) -> um.Tensor:
    return x * math.gcd(x.shape[0], 2) + x.shape[0].bit_count()


def ranged(x: um.Tensor) -> um.Tensor:
    return x * 2.0 if len(range(x.shape[0])) % 2 else x


def strided(x: um.Tensor) -> um.Tensor:
    image = x[None, :, :, None]
    return um.concat(
        [
            um.reshape(um.average_pool(image, (2, 2), 2, "same"), (-1,)),
            um.reshape(um.max_pool(image, 3, 2, "same"), (-1,)),
        ]
    )


def transformed(x: um.Tensor) -> um.Tensor:
    return um.fft.irfft(um.fft.rfft(x, axis=0), axis=0)


def stepped(x: um.Tensor) -> um.Tensor:
    return um.concat([x[::-2], x[::-3], x[::2]])


def rolled(x: um.Tensor) -> um.Tensor:
    return um.roll(x, 32, axis=0) + um.roll(x, -5, axis=0)


CODE: Final = [
    turned,
    spelled,
    floated,
    divided,
    ranged,
    strided,
    transformed,
    stepped,
    rolled,
    padded,
    long,
    special,
    looped,
    counted,
    rooted,
    halved,
    known,
    native,
    squared,
    even,
    scaled,
]


@pytest.mark.parametrize("code", CODE)
def test_code_that_asks_for_sizes_is_answered_anew(
    backend: str, code: Callable[[um.Tensor], um.Tensor]
) -> None:
    empty = (looped, counted, strided, transformed, stepped)
    for sizes in ([*SIZES, *range(2, 30), 1, 0], [8, 32, 16, 9, 20, 12, 24, 7, 27]):
        f = um.jit(code, dynamic=True)
        for size in sizes:
            if size > 1 or code not in empty:
                x = values(size, 4)
                close(f(x), code(x).numpy(), length=256)


def test_questions_with_one_answer_cost_no_more_programs(backend: str) -> None:
    for code, most in ((padded, 25), (long, 30), (special, 25), (halved, 25)):
        f = um.jit(code, dynamic=True)
        for size in range(2, 100):
            f(values(size * 7 % 97 + 2, 4))
        assert f.traces < most, code


def test_sizes_beyond_those_seen_are_traced(backend: str) -> None:
    f = um.jit(lambda x: um.sum(x, axis=0), dynamic=True)
    for size in (10, 20, 15):
        f(values(size, 2))
    assert f.traces == 3
    # Of what is done by fives only multiples of five are known, until another is seen.
    for size, traces in ((15, 3), (13, 4), (11, 4), (12, 4), (19, 4)):
        f(values(size, 2))
        assert f.traces == traces
    for size, traces in ((21, 5), (18, 5), (9, 6), (12, 6), (40, 7), (30, 7)):
        close(f(values(size, 2)), values(size, 2).numpy().sum(0), length=64)
        assert f.traces == traces


def test_batches_and_lengths_may_both_change(backend: str) -> None:
    f = um.jit(
        lambda x: um.softmax(x, axis=-1) @ um.ones((x.shape[-1], 2)), dynamic=True
    )
    for batch in (8, 5):
        for length in (3, 9, 6, 4, 5, 7, 8):
            x = values(batch, length)
            assert f(x).shape == (batch, 2)
    assert f.traces == 8


def test_modes_and_edits_of_modules_count(backend: str) -> None:
    layer = um.Dropout(0.5)
    f = um.jit(lambda layer, x: layer(x), dynamic=True)
    for size in (4, 12, 8, 10):
        f(layer, values(size, 4))
    assert f.traces == 4
    layer.eval()
    for size in SIZES:
        np.testing.assert_array_equal(
            f(layer, values(size, 4)).numpy(), values(size, 4).numpy()
        )
    layer.train()
    layer.rate = 1.0
    for size in SIZES:
        assert not um.any(f(layer, values(size, 4)) != 0)
