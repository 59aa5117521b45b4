"""The tolerance model: its laws, and that correct computations stay within it."""

from __future__ import annotations

import doctest
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unifiedml import tolerance
from unifiedml._dtypes import as_dtype
from unifiedml.testing import assert_close
from unifiedml.tolerance import FAMILIES, bound, eps, tiny

mpmath = pytest.importorskip("mpmath", reason="mpmath is the oracle of these tests")

FLOATS = ("float64", "float32", "float16", "bfloat16")  # by increasing eps
families = st.sampled_from(sorted(FAMILIES))
lengths = st.integers(0, 10_000)
magnitudes = st.just(0.0) | st.floats(2.0**-20, 2.0**20)
quick = settings(max_examples=60, deadline=None)


def condition_of(family: str, value: float = 1.0) -> float:
    return value if FAMILIES[family].condition else 0.0


# --- limits of data types


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
def test_eps_is_the_spacing_at_one(dtype: str) -> None:
    real = {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
    number = np.dtype(ml_dtypes.bfloat16 if real == "bfloat16" else real).type
    above = np.nextafter(number(1), number(2))
    assert eps(dtype) == float(above) - 1
    assert float(number(tiny(dtype))) == tiny(dtype) > 0
    below = float(np.nextafter(number(tiny(dtype)), number(0)))
    assert tiny(dtype) - below == eps(dtype) * tiny(dtype)


def test_dtypes_may_be_given_in_every_form() -> None:
    forms: list[Any] = ["float32", np.float32, np.dtype("float32")]
    assert {eps(form) for form in forms} == {2.0**-23}
    assert eps(ml_dtypes.bfloat16) == 2.0**-7


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64"])
@given(family=families, scale=magnitudes, length=lengths)
@quick
def test_integers_are_exact(dtype: str, family: str, scale: float, length: int) -> None:
    assert bound(family, dtype, scale=scale, length=length) == 0


# --- laws


@given(family=families, n=lengths, more=lengths, c=magnitudes, scale=magnitudes)
@quick
def test_a_bound_never_shrinks(
    family: str, n: int, more: int, c: float, scale: float
) -> None:
    c = condition_of(family, c)
    for dtype in (*FLOATS, "complex64"):
        least = bound(family, dtype, scale=scale, length=n, condition=c)
        assert least >= 0
        assert least <= bound(family, dtype, scale=scale, length=n + more, condition=c)
        assert least <= bound(family, dtype, scale=2 * scale, length=n, condition=c)
        assert least <= bound(
            family, dtype, scale=scale, length=n, condition=condition_of(family, c + 1)
        )


@given(family=families, dtype=st.sampled_from(FLOATS), n=lengths, scale=magnitudes)
@quick
def test_a_pair_is_allowed_twice_the_bound(
    family: str, dtype: str, n: int, scale: float
) -> None:
    one = bound(family, dtype, scale=scale, length=n, pair=False)
    assert bound(family, dtype, scale=scale, length=n) == 2 * one


@given(family=families, n=lengths, scale=magnitudes)
@quick
def test_fewer_digits_allow_more(family: str, n: int, scale: float) -> None:
    bounds = [
        bound(family, dtype, scale=scale, length=n)
        - bound(family, dtype, scale=0, length=n)
        for dtype in FLOATS
    ]
    assert bounds == sorted(bounds)


@given(n=st.integers(1, 10**6))
@quick
def test_a_sum_of_n_terms_is_off_by_n_roundings(n: int) -> None:
    for dtype in ("float32", "float64"):
        allowed = bound("accumulation", dtype, scale=1.0, length=n, pair=False)
        u = Fraction(eps(dtype)) / 2
        assert Fraction(float(allowed)) == pytest.approx(n * u + 2 * u)
        per_term = bound("accumulation", dtype, scale=1.0, length=n + 1, pair=False)
        assert per_term > allowed


@given(levels=st.integers(0, 20))
@quick
def test_a_fourier_transform_rounds_at_every_level(levels: int) -> None:
    def allowed(n: int) -> Any:
        return bound("fft", "float64", scale=1.0, length=n, pair=False)

    assert allowed(2 * 2**levels) - allowed(2**levels) == 2 * eps("float64")


@given(family=families, n=lengths, scale=magnitudes)
@quick
def test_random_operands_never_allow_more(family: str, n: int, scale: float) -> None:
    random = bound(family, "float32", scale=scale, length=n, inputs="random")
    assert random <= bound(family, "float32", scale=scale, length=n)


@given(family=families, n=lengths, scale=magnitudes)
@quick
def test_a_gpu_is_allowed_twice_the_rounding(family: str, n: int, scale: float) -> None:
    floor = bound(family, "float32", scale=0, length=n)
    cpu = bound(family, "float32", scale=scale, length=n) - floor
    for device in ("gpu", "gpu:1", "cuda", "cuda:0"):
        gpu = bound(family, "float32", scale=scale, length=n, device=device) - floor
        assert gpu == pytest.approx(2 * cpu)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_rounds_a_float32_result_once(dtype: str) -> None:
    for family in ("transcendental", "accumulation", "softmax"):
        options: dict[str, Any] = {"scale": 1.0, "length": 100, "pair": False}
        single = bound(family, "float32", **options) - 4 * tiny("float32")
        low = bound(family, dtype, **options) - bound("exact", dtype, **options)
        assert low == pytest.approx(eps(dtype) + single)


@pytest.mark.parametrize("family", sorted(f for f in FAMILIES if FAMILIES[f].stored))
def test_what_is_stored_in_low_precision_is_rounded_there(family: str) -> None:
    options: dict[str, Any] = {"scale": 1.0, "length": 100, "pair": False}
    single = bound(family, "float32", **options) / eps("float32")
    assert bound(family, "bfloat16", **options) / eps("bfloat16") == single


def test_float16_keeps_subnormals_and_other_types_flush_them() -> None:
    for dtype in ("bfloat16", "float32", "float64"):
        assert bound("exact", dtype, scale=1.0, pair=False) == 4 * tiny(dtype)
    assert bound("exact", "float16", scale=1.0, pair=False) == 4 * 2.0**-24


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_every_term_of_a_sum_may_be_flushed(dtype: str) -> None:
    allowed = bound("accumulation", dtype, scale=0.0, length=50, pair=False)
    assert allowed == 50 * 4 * tiny(dtype)
    number = as_dtype(dtype).numpy.type
    x, y = np.full(50, tiny(dtype), number), np.full(50, 0.9, number)
    kept = np.array(np.sum(x.astype(np.float64) * y.astype(np.float64)))
    flushed = np.zeros((), number)
    options: dict[str, Any] = {"dtype": dtype, "pair": False, "scale": kept}
    assert_close(flushed, kept, family="accumulation", length=50, **options)
    with pytest.raises(AssertionError, match="1 of 1 elements"):
        assert_close(flushed, kept, family="accumulation", **options)


def test_a_gain_multiplies_what_is_flushed() -> None:
    for gain in (0.5, 1.0, 100.0):
        allowed = bound("softmax_gradient", "float32", scale=0.0, gain=gain, pair=False)
        assert allowed == 4 * tiny("float32") * max(1, gain)


def test_scale_length_and_condition_broadcast() -> None:
    allowed = bound(
        "softmax",
        "float32",
        scale=np.ones((3, 1)),
        length=np.arange(1, 5),
        condition=np.zeros((2, 1, 1)),
    )
    assert allowed.shape == (2, 3, 4)
    assert bound("exact", "float32", scale=1.0, length=[1, 2]).shape == (2,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"family": "magic"}, "no tolerance family 'magic': choose from exact, "),
        ({"device": "tpu"}, "no device 'tpu' in the tolerance model: it has cpu, gpu"),
        ({"scale": [1.0, -2.0]}, "scale must not be negative: the least is -2.0"),
        ({"length": -1}, "length must not be negative"),
        ({"inputs": "few"}, "inputs must be 'any' or 'random', not 'few'"),
        ({"condition": 1.0}, "the family 'accumulation' has no condition"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    options = {"scale": 1.0, **arguments}
    family = options.pop("family", "accumulation")
    with pytest.raises(ValueError, match=message):
        bound(family, "float32", **options)


def test_every_family_says_what_to_give() -> None:
    for family, row in FAMILIES.items():
        assert row.covers, family
        assert row.scale, family
        assert row.reason, family
        uses = row.factor(np.float64(9), np.float64(3), np.float64(1)) != row.factor(
            np.float64(9), np.float64(3), np.float64(2)
        )
        assert bool(row.condition) == uses, family


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(tolerance).failed == 0


# --- what a wrong result of 1e-4 relative size meets


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("length", [1, 10, 100])
def test_planted_errors_are_caught(family: str, length: int) -> None:
    right = np.linspace(1, 2, 50, dtype=np.float32)
    assert_close(right, right, family=family, length=length)
    for index in (0, 17, 49):
        wrong = right.copy()
        wrong[index] *= np.float32(1 + 1e-4)
        with pytest.raises(AssertionError, match=rf"1 of 50 .*\n.*\[{index}\]"):
            assert_close(wrong, right, family=family, length=length)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_planted_errors_in_long_sums_are_caught(family: str) -> None:
    """Up to the length at which the model itself allows 1e-4."""
    long = [
        n for n in range(1, 1001) if bound(family, "float32", scale=1, length=n) < 1e-4
    ]
    assert long[-1] >= {"softmax_gradient": 270, "normalisation_gradient": 140}.get(
        family, {"network": 200, "spectral": 400}.get(family, 275)
    )
    with pytest.raises(AssertionError, match="1 of 1 elements differ"):
        assert_close(
            np.float32([1.00011]), np.float32([1.0]), family=family, length=long[-1]
        )
    if family not in ("network", "spectral"):
        random = bound(family, "float32", scale=1, length=1000, inputs="random")
        assert random < 1e-4
