"""The stream UML-Philox-1: known answers, exactness, and statistics with bounds.

Every key is fixed, so the statistical tests give the same verdict in every run. Their
bounds are five standard deviations of what they measure: a right stream fails one
such test with probability 6e-7.
"""

import hashlib
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifiedml import _philox

VECTORS = json.loads(Path(__file__).with_name("philox_vectors.json").read_text())
KEY = int(VECTORS["bits"]["key"], 16)
SIGMAS = 5

keys = st.integers(0, 2**64 - 1)
draws = st.integers(0, 2**63 - 1)
counts = st.integers(0, 40)
floats32 = st.floats(-(2.0**100), 2.0**100, width=32)


def sha256(array):
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(little_endian.tobytes()).hexdigest()


def feed(monkeypatch, values):
    """Makes the generator produce these words."""
    values = np.asarray(values, np.uint32)

    def words(key, draw, count, start=0):
        return values[start : start + count]

    monkeypatch.setattr(_philox, "words", words)


# Known answers ----------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["random123"])
def test_block_gives_random123s_known_answers(case):
    low, high = case["key"]
    out = _philox.block(tuple(case["counter"]), low | high << 32)
    assert out == tuple(case["out"])


@pytest.mark.parametrize("case", VECTORS["random123"])
def test_words_give_random123s_known_answers(case):
    (low, high), counter = case["key"], case["counter"]
    block = counter[0] | counter[1] << 32
    draw = counter[2] | counter[3] << 32
    out = _philox.words(low | high << 32, draw, 4, start=4 * block)
    assert out.tolist() == case["out"]


@pytest.mark.parametrize("case", VECTORS["derive"])
def test_derive_gives_known_keys(case):
    key = _philox.derive(case["seed"], *case["path"])
    assert f"{key:016x}" == case["key"]


def test_fold_in_gives_a_known_key():
    case = VECTORS["fold_in"]
    key = _philox.fold_in(int(case["key"], 16), case["data"])
    assert f"{key:016x}" == case["out"]


@pytest.mark.parametrize("case", VECTORS["bits"]["cases"])
def test_words_give_known_answers(case):
    out = _philox.words(KEY, case["draw"], case["n"])
    assert out.dtype == np.uint32
    assert out[:4].tolist() == case["first"]
    assert sha256(out) == case["sha256"]


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("uniform_f32", _philox.uniform32),
        ("uniform_f64", _philox.uniform64),
        ("normal_f64", _philox.normal),
        ("normal_f32", _philox.normal),
        ("truncated_normal_f32", _philox.truncated_normal),
    ],
)
def test_floats_give_known_answers(name, sample):
    case = VECTORS[name]
    dtype = "float64" if name.endswith("64") else "float32"
    out = _philox.round_to(sample(KEY, case["draw"], case["n"]), dtype)
    assert out.dtype == dtype
    assert sha256(out) == case["sha256"]
    first = case.get("first", [])
    assert out[: len(first)].tolist() == first


def test_permutation_gives_known_answers():
    case = VECTORS["permutation"]
    assert _philox.permutation(KEY, case["draw"], case["n"]).tolist() == case["value"]
    large = _philox.permutation(KEY, case["draw"], case["n_large"])
    assert sha256(large) == case["sha256"]


def test_randint_gives_known_answers():
    case = VECTORS["randint"]
    out = _philox.randint(KEY, case["draw"], case["n"], 0, case["high"])
    assert out[:8].tolist() == case["first"]
    assert sha256(out) == case["sha256"]


def test_keep_gives_known_answers():
    case = VECTORS["keep16"]
    out = _philox.keep(KEY, case["draw"], case["n"], case["rate"])
    assert out.sum() == case["kept"]
    assert sha256(out) == case["sha256"]


def test_range_of_the_unit_interval_is_the_plain_uniform():
    for dtype in ("float32", "float64"):
        plain = getattr(_philox, f"uniform{dtype[-2:]}")(KEY, 3, 1000)
        out = _philox.uniform_range(KEY, 3, 1000, 0.0, 1.0, dtype)
        np.testing.assert_array_equal(out, plain, strict=True)


# Keys -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, "a", "b"), (0, "ab")),
        ((0, "a", ""), (0, "a")),
        ((0, 1), (0, "1")),
        ((0, 12), (0, 1, 2)),
        ((1,), (-1,)),
        ((0,), (2**64,)),
    ],
)
def test_different_paths_have_different_keys(one, other):
    assert _philox.derive(*one) != _philox.derive(*other)


def test_folded_keys_differ_from_each_other_and_from_words_of_every_draw():
    folded = [_philox.fold_in(KEY, data) for data in range(1000)]
    assert len(set(folded)) == 1000
    drawn = set(_philox.words64(KEY, 0, 2000).tolist())
    assert not drawn & set(folded)


# Words ------------------------------------------------------------------------------


@given(key=keys, draw=draws, index=st.integers(0, 2**66 - 1))
def test_any_word_is_the_papers(key, draw, index):
    number, place = divmod(index, 4)
    counter = (number % 2**32, number >> 32, draw % 2**32, draw >> 32)
    word = _philox.words(key, draw, 1, start=index)
    assert word.tolist() == [_philox.block(counter, key)[place]]


@given(keys, draws, st.integers(0, 2**40), st.lists(st.integers(0, 9), max_size=5))
def test_a_draw_can_be_cut_anywhere(key, draw, start, cuts):
    whole = _philox.words(key, draw, sum(cuts), start)
    parts = []
    for count in cuts:
        parts.append(_philox.words(key, draw, count, start))
        start += count
    assert whole.tolist() == [word for part in parts for word in part.tolist()]


def test_chunks_do_not_show(monkeypatch):
    whole = _philox.words(KEY, 9, 100, start=5)
    monkeypatch.setattr(_philox, "_CHUNK", 3)
    np.testing.assert_array_equal(_philox.words(KEY, 9, 100, start=5), whole)


def test_more_than_one_chunk():
    size = 4 * _philox._CHUNK
    out = _philox.words(KEY, 0, size + 9)
    np.testing.assert_array_equal(out[size - 4 :], _philox.words(KEY, 0, 13, size - 4))


@pytest.mark.parametrize(
    "sample",
    [
        _philox.words64,
        _philox.uniform32,
        _philox.uniform64,
        _philox.normal,
        _philox.truncated_normal,
        lambda *where: _philox.uniform_range(*where[:3], -1.0, 3.0, start=where[3]),
        lambda *where: _philox.symmetric_uniform(*where[:3], 0.1, start=where[3]),
        lambda *where: _philox.keep(*where[:3], 0.4, where[3]),
        lambda *where: _philox.bernoulli(*where[:3], 0.4, where[3]),
        lambda *where: _philox.randint(*where[:3], -5, 5, where[3]),
    ],
)
@pytest.mark.parametrize("start", [0, 1, 2, 3, 7, 8, 21])
def test_every_sampler_can_start_anywhere(sample, start):
    whole = sample(KEY, 1, 64, 0)
    np.testing.assert_array_equal(sample(KEY, 1, 64 - start, start), whole[start:])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_sizes_around_nothing(count):
    assert _philox.words(KEY, 0, count).shape == (count,)
    assert _philox.words64(KEY, 0, count).shape == (count,)
    assert _philox.keep(KEY, 0, count, 0.5).shape == (count,)
    assert _philox.permutation(KEY, 0, count).shape == (count,)
    assert _philox.normal(KEY, 0, count).shape == (count,)


# Uniform numbers --------------------------------------------------------------------


def test_extreme_words_stay_below_one(monkeypatch):
    feed(monkeypatch, [0, 0, 2**32 - 1, 2**32 - 1])
    assert _philox.uniform32(0, 0, 3)[1:].tolist() == [0.0, 1 - 2.0**-24]
    assert _philox.uniform64(0, 0, 2).tolist() == [0.0, 1 - 2.0**-53]
    for dtype, bits in _philox.SIGNIFICAND.items():
        count = 2 if dtype == "float64" else 4
        out = _philox.uniform_range(0, 0, count, 0.0, 1.0, dtype)
        assert out[[0, -1]].tolist() == [0.0, 1 - 2.0**-bits]


@given(key=keys, draw=draws, bounds=st.tuples(floats32, floats32))
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_range_holds_its_numbers(dtype, key, draw, bounds):
    low, high = sorted(float(_philox.round_to(np.float64(b), dtype)) for b in bounds)
    out = _philox.uniform_range(key, draw, 20, low, high, dtype)
    assert out.min() >= low
    assert out.max() < high or low == high == out.max()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_what_rounds_up_to_high_is_the_number_before_it(monkeypatch, dtype):
    feed(monkeypatch, [2**32 - 1] * 2)
    spacing = 2.0 ** (1 - _philox.SIGNIFICAND[dtype])  # between 1 and 2
    for low, high in ((1.0, 2.0), (1.0, 1.0 + spacing), (-2.0, -1.0)):
        assert _philox.uniform_range(0, 0, 1, low, high, dtype) == [high - spacing]


@given(key=keys, limit=st.floats(2**-60, 2**60, width=32))
def test_symmetric_uniform_rounds_once(key, limit):
    words = _philox.words(key, 0, 16).tolist()
    out = _philox.symmetric_uniform(key, 0, 16, limit).tolist()
    for word, value in zip(words, out, strict=True):
        exact = Fraction(2 * (word >> 8) + 1 - 2**24) * Fraction(limit) / 2**24
        assert abs(exact) < Fraction(limit)
        # Neither neighbour in float32 is closer to the exact number.
        error = abs(Fraction(value) - exact)
        for towards in (-np.inf, np.inf):
            neighbour = np.nextafter(np.float32(value), np.float32(towards))
            assert error <= abs(Fraction(float(neighbour)) - exact)


def test_symmetric_uniform_is_symmetric(monkeypatch):
    word = np.arange(0, 2**32, 2**20, dtype=np.uint64)
    feed(monkeypatch, np.concatenate([word, 2**32 - 1 - word]))
    for dtype in _philox.SIGNIFICAND:
        out = _philox.symmetric_uniform(0, 0, 2 * len(word), 3.0, dtype)
        np.testing.assert_array_equal(out[: len(word)], -out[len(word) :])
        assert not (out == 0).any()


# Choices ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rate", [0.0, 2**-17, 0.1, 0.2, 1 / 3, 0.5, 0.9, 1 - 1e-9, 1.0]
)
def test_keep_is_exact_over_all_halves(monkeypatch, rate):
    """All 65536 halves, once each: kept fraction times scale is 1, not about 1."""
    halves = np.arange(65536, dtype=np.uint32)
    feed(monkeypatch, halves[0::2] | halves[1::2] << 16)
    kept = int(_philox.keep(0, 0, 65536, rate).sum())
    assert kept == 65536 - _philox.keep_threshold(rate)
    assert abs(Fraction(kept, 65536) - (1 - Fraction(rate))) <= Fraction(1, 2**17)
    assert _philox.keep_scale(rate) == (65536 / kept if kept else 0.0)


def test_keep_takes_the_low_half_first(monkeypatch):
    feed(monkeypatch, [0xFFFF0000, 0x0000FFFF])
    assert _philox.keep(0, 0, 4, 0.5).tolist() == [False, True, True, False]
    assert _philox.keep(0, 0, 2, 0.5, start=1).tolist() == [True, True]


def test_bernoulli_at_its_ends_and_at_its_threshold(monkeypatch):
    feed(monkeypatch, [0, 2**30 - 1, 2**30, 2**32 - 1])
    assert not _philox.bernoulli(0, 0, 4, 0.0).any()
    assert _philox.bernoulli(0, 0, 4, 1.0).all()
    assert _philox.bernoulli(0, 0, 4, 0.75).tolist() == [False, False, True, True]


@given(keys, draws, st.integers(-(2**62), 2**62), st.integers(1, 2**31))
def test_randint_is_the_formula(key, draw, low, width):
    out = _philox.randint(key, draw, 9, low, low + width)
    words = _philox.words(key, draw, 9).tolist()
    assert out.tolist() == [low + (word * width >> 32) for word in words]
    assert low <= out.min() <= out.max() < low + width


@given(key=keys, draw=draws, count=counts)
def test_permutation_is_one(key, draw, count):
    out = _philox.permutation(key, draw, count)
    assert sorted(out.tolist()) == list(range(count))
    assert (np.diff(_philox.words64(key, draw, count)[out].astype(object)) > 0).all()


# Normal numbers ---------------------------------------------------------------------


def test_normal_quantile_agrees_with_mpmath():
    mpmath = pytest.importorskip("mpmath", reason="mpmath is the oracle")
    ends = [2.0**-53, 2.0**-52, 1e-12, math.exp(-25), 0.0749999, 0.075, 0.4999, 0.5]
    inside = np.linspace(2.0**-40, 1 - 2.0**-40, 200)
    u = np.array([*ends, *(1 - e for e in ends), *inside])
    with mpmath.workdps(40):
        exact = [mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(x) - 1) for x in u]
        errors = [
            abs(got - want) / max(abs(want), mpmath.mpf(2) ** -53)
            for got, want in zip(_philox.normal_quantile(u), exact, strict=True)
        ]
    assert max(errors) < 1.5e-15


@pytest.mark.parametrize(
    ("exponent", "quantile"),
    [
        (-53, "-0x1.06b48528cea51p+3"),
        (-40, "-0x1.c30d8560989abp+2"),
        (-36, "-0x1.a9aa904c4b7b7p+2"),
        (-20, "-0x1.30d5024a3fa4dp+2"),
        (-2, "-0x1.5956b87528a49p-1"),
    ],
)
def test_normal_quantile_gives_known_bits(exponent, quantile):
    """All three approximations; draws of a usual size do not reach the far tail."""
    (z,) = _philox.normal_quantile(np.array([2.0**exponent]))
    assert z.hex() == quantile


def test_logarithm_is_within_two_ulps():
    mpmath = pytest.importorskip("mpmath", reason="mpmath is the oracle")
    x = np.array([2.0**-53, 1e-9, math.sqrt(0.5), 0.0751, 0.999, 1.001, 1.4, 1.5, 3e5])
    with mpmath.workdps(40):
        for value, got in zip(x, _philox._log(x), strict=True):
            want = mpmath.log(mpmath.mpf(value))
            assert abs(got - want) < 2 * np.spacing(abs(float(want)))


def test_extreme_normals(monkeypatch):
    feed(monkeypatch, [0, 0, 2**32 - 1, 2**32 - 1])
    low, high = _philox.normal(0, 0, 2)
    assert low == -high
    assert 8.2 < high < 8.3
    low, high = _philox.truncated_normal(0, 0, 2)
    assert low == -high
    assert 2 - 1e-14 < high < 2


def test_quantile_is_odd_and_rises():
    u = np.arange(1, 4096) / 4096
    z = _philox.normal_quantile(u)
    np.testing.assert_array_equal(z, -z[::-1])
    assert (np.diff(z) > 0).all()


# Rounding ---------------------------------------------------------------------------


def test_bfloat16_is_rounded_once():
    half = 2.0**-8  # half the spacing of bfloat16 above 1
    values = [1 + half, 1 + half + 2**-40, 1 + half - 2**-40, 1 + 3 * half, -1 - half]
    out = _philox.round_to(np.array(values), "bfloat16")
    assert out.tolist() == [1.0, 1 + 2 * half, 1.0, 1 + 4 * half, -1.0]


def test_rounding_at_the_ends_of_the_formats():
    values = np.array([1e39, -1e39, 2.0**-133, 2.0**-134, 3 * 2.0**-135, 0.0])
    out = _philox.round_to(values, "bfloat16").tolist()
    assert out == [np.inf, -np.inf, 2.0**-133, 0.0, 2.0**-133, 0.0]
    out = _philox.round_to(np.array([70000.0, 2.0**-25]), "float16")
    assert out.tolist() == [np.inf, 0.0]


@given(st.floats(width=16, allow_nan=False, allow_infinity=False))
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_number_before(dtype, value):
    value = float(_philox.round_to(np.float64(value), dtype))
    before = _philox._below(value, dtype)
    assert before < value
    assert float(_philox.round_to(np.float64(before), dtype)) == before
    between = (before + value) / 2  # nothing of the dtype lies between
    nearest = float(_philox.round_to(np.float64(between), dtype))
    assert nearest in (before, value)


# Statistics -------------------------------------------------------------------------


def within(measured, expected, deviation):
    assert abs(measured - expected) < SIGMAS * deviation


def test_every_bit_is_fair_and_no_two_agree_too_often():
    count = 1 << 16
    bits = np.unpackbits(_philox.words(KEY, 0, count).view(np.uint8)).reshape(count, 32)
    signs = 1.0 - 2.0 * bits
    products = signs.T @ signs / count  # mean of the product of two bits
    np.fill_diagonal(products, signs.mean(0))
    assert np.abs(products).max() < SIGMAS / math.sqrt(count)


@pytest.mark.parametrize("other", ["draw", "key", "folded", "lag"])
def test_neighbouring_streams_are_uncorrelated(other):
    count = 1 << 16
    one = _philox.uniform64(KEY, 0, count) - 0.5
    two = {
        "draw": lambda: _philox.uniform64(KEY, 1, count),
        "key": lambda: _philox.uniform64(KEY + 1, 0, count),
        "folded": lambda: _philox.uniform64(_philox.fold_in(KEY, 0), 0, count),
        "lag": lambda: _philox.uniform64(KEY, 0, count, start=1),
    }[other]()
    # Var(xy) = (1/12)**2 for independent x, y.
    within((one * (two - 0.5)).mean(), 0, 1 / 12 / math.sqrt(count))


def test_moments_of_uniform_numbers():
    count = 1 << 18
    u = _philox.uniform32(KEY, 0, count).astype(np.float64)
    for power in (1, 2, 3, 4):
        # E u^k = 1 / (k + 1), Var u^k = 1 / (2k + 1) - 1 / (k + 1)^2.
        variance = 1 / (2 * power + 1) - 1 / (power + 1) ** 2
        within((u**power).mean(), 1 / (power + 1), math.sqrt(variance / count))


def test_moments_of_normal_numbers():
    count = 1 << 18
    z = _philox.normal(KEY, 0, count)
    moments = {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}  # mean and variance of z^k
    for power, (mean, variance) in moments.items():
        within((z**power).mean(), mean, math.sqrt(variance / count))


def test_normal_numbers_follow_the_distribution_function():
    """Kolmogorov and Smirnov: D sqrt(n) > 2.8 has probability 3e-7."""
    count = 1 << 16
    for sample, lower in ((_philox.normal, -np.inf), (_philox.truncated_normal, -2.0)):
        z = np.sort(sample(KEY, 0, count))
        phi = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in z])
        tail = 0.5 * math.erfc(-lower / math.sqrt(2))
        distribution = (phi - tail) / (1 - 2 * tail)
        steps = np.arange(count + 1) / count
        distance = max(
            (distribution - steps[:-1]).max(), (steps[1:] - distribution).max()
        )
        assert distance * math.sqrt(count) < 2.8


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_frequencies_of_choices(rate):
    count = 1 << 18
    deviation = math.sqrt(rate * (1 - rate) / count)
    kept = 1 - _philox.keep_threshold(rate) / 65536
    within(_philox.keep(KEY, 0, count, rate).mean(), kept, deviation)
    within(_philox.bernoulli(KEY, 0, count, rate).mean(), rate, deviation)


def test_frequencies_of_integers_and_permutations():
    count, high = 1 << 17, 7
    seen = np.bincount(_philox.randint(KEY, 0, count, 0, high), minlength=high)
    deviation = math.sqrt(count / high * (1 - 1 / high))
    assert np.abs(seen - count / high).max() < SIGMAS * deviation

    trials = 6000
    orders = [tuple(_philox.permutation(KEY, t, 3).tolist()) for t in range(trials)]
    times = [orders.count(order) for order in set(orders)]
    assert len(times) == 6
    deviation = math.sqrt(trials / 6 * 5 / 6)
    assert max(abs(t - trials / 6) for t in times) < SIGMAS * deviation
