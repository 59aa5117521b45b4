"""The tolerance model: its laws, and that correct computations stay within it."""

from __future__ import annotations

import doctest
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unifiedml import tolerance
from unifiedml._dtypes import as_dtype
from unifiedml.testing import arrays, assert_close
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


# --- sums


def naive_sum(x: np.ndarray[Any, Any]) -> np.float32:
    total = np.float32(0)
    for value in x:
        total = np.float32(total + value)
    return total


def check_sum(actual: Any, x: np.ndarray[Any, Any], **options: Any) -> None:
    assert_close(
        np.asarray(actual),
        np.asarray(math.fsum(x)),
        dtype="float32",
        family="accumulation",
        scale=math.fsum(np.abs(x)),
        length=x.size,
        pair=False,
        **options,
    )


@given(x=arrays(st.integers(1, 200).map(lambda n: (n,)), elements="moderate"))
@quick
def test_naive_sums_stay_within_the_bound(x: np.ndarray[Any, Any]) -> None:
    check_sum(naive_sum(x), x)
    check_sum(naive_sum(np.sort(x)), x)
    check_sum(naive_sum(x[np.argsort(-np.abs(x))]), x)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7, 1.1, 5.3])
@pytest.mark.parametrize("n", [16, 1000, 65_536])
def test_sums_of_one_value_stay_within_the_bound(value: float, n: int) -> None:
    x = np.full(n, value, dtype=np.float32)
    check_sum(np.cumsum(x)[-1], x)  # one after the other, like `naive_sum`
    check_sum(np.sum(x), x)


def test_sums_of_one_value_need_more_than_the_random_bound() -> None:
    x = np.full(65_536, 0.1, dtype=np.float32)
    with pytest.raises(AssertionError, match="differ by more than rounding explains"):
        check_sum(np.cumsum(x)[-1], x, inputs="random")


@pytest.mark.parametrize("seed", range(5))
def test_random_sums_stay_within_the_random_bound(seed: int) -> None:
    random = np.random.default_rng(seed)
    for x in (random.normal(size=100_000), random.uniform(size=100_000)):
        x = x.astype(np.float32)
        check_sum(np.cumsum(x)[-1], x, inputs="random")


def test_a_dropped_term_is_caught() -> None:
    x = np.random.default_rng(0).uniform(size=1000).astype(np.float32)
    with pytest.raises(AssertionError, match="family 'accumulation'"):
        check_sum(naive_sum(x[:-1]), x)


# --- element-wise functions against mpmath

Vectorized = Callable[[Any], Any]
ELEMENTWISE: list[tuple[str, Vectorized, Callable[[Any], Any], float, float]] = [
    ("sqrt", np.sqrt, mpmath.sqrt, 0.0, 100.0),
    ("sqrt", np.reciprocal, lambda x: 1 / x, 0.01, 100.0),
    ("transcendental", np.exp, mpmath.exp, -8.0, 8.0),
    ("transcendental", np.expm1, mpmath.expm1, -5.0, 5.0),
    ("transcendental", np.log, mpmath.log, 0.01, 100.0),
    ("transcendental", np.log1p, mpmath.log1p, -0.9, 10.0),
    ("transcendental", np.sin, mpmath.sin, -100.0, 100.0),
    ("transcendental", np.cos, mpmath.cos, -100.0, 100.0),
    ("transcendental", np.tan, mpmath.tan, -10.0, 10.0),
    ("transcendental", np.arcsin, mpmath.asin, -1.0, 1.0),
    ("transcendental", np.arccos, mpmath.acos, -1.0, 1.0),
    ("transcendental", np.arctan, mpmath.atan, -10.0, 10.0),
    ("transcendental", np.sinh, mpmath.sinh, -8.0, 8.0),
    ("transcendental", np.cosh, mpmath.cosh, -8.0, 8.0),
    ("transcendental", np.tanh, mpmath.tanh, -8.0, 8.0),
    ("transcendental", np.arcsinh, mpmath.asinh, -100.0, 100.0),
    ("transcendental", np.arccosh, mpmath.acosh, 1.0, 100.0),
    ("transcendental", np.arctanh, mpmath.atanh, -0.99, 0.99),
]


def exact(f: Callable[[Any], Any], x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Evaluate with 40 digits, rounded to long double."""
    with mpmath.workdps(40):
        values = [mpmath.re(f(mpmath.mpf(float(v)))) for v in x]
        return np.array([np.longdouble(mpmath.nstr(v, 25)) for v in values])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("family", "f", "oracle", "low", "high"),
    ELEMENTWISE,
    ids=[row[1].__name__ for row in ELEMENTWISE],
)
def test_elementwise_functions_stay_within_the_bound(
    family: str, f: Vectorized, oracle: Any, low: float, high: float, dtype: str
) -> None:
    number = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    x = np.random.default_rng(1).uniform(low, high, 100).astype(number)
    x = x[(x >= low) & (x <= high)]
    expected = exact(oracle, x)
    assert_close(f(x), expected, dtype=dtype, family=family, pair=False)
    wrong = (f(x).astype(np.float64) * (1 + 20 * eps(dtype))).astype(number)
    with pytest.raises(AssertionError, match="differ by more than rounding"):
        assert_close(wrong, expected, dtype=dtype, family=family, pair=False)


def test_erfc_and_gamma_stay_within_the_bound() -> None:
    x = np.random.default_rng(1).uniform(-3, 9, 100)
    y = np.array([math.erfc(v) for v in x])
    assert_close(y, exact(mpmath.erfc, x), dtype="float64", family="erfc", pair=False)
    x = np.random.default_rng(1).uniform(0.1, 50, 100)
    y, expected = np.array([math.lgamma(v) for v in x]), exact(mpmath.loggamma, x)
    assert_close(
        y,
        expected,
        dtype="float64",
        family="gamma",
        scale=lambda magnitude: np.maximum(1, magnitude),
        pair=False,
    )


def test_gelu_by_erfc_stays_within_the_bound() -> None:
    x = np.linspace(-8, 8, 161)
    y = np.array([v / 2 * math.erfc(-v * math.sqrt(0.5)) for v in x])
    expected = exact(lambda v: v * mpmath.ncdf(v), x)
    options: dict[str, Any] = {"dtype": "float64", "family": "gelu", "pair": False}
    assert_close(y, expected, condition=x**2, **options)
    with pytest.raises(AssertionError, match="family 'gelu'"):
        assert_close(
            x / 2 * (1 + np.tanh(0.8 * (x + 0.045 * x**3))),
            expected,
            condition=x**2,
            **options,
        )


@pytest.mark.parametrize("operation", [np.add, np.multiply, np.divide])
def test_arithmetic_is_correctly_rounded(operation: Any) -> None:
    for dtype in ("float32", "float16"):
        x, y = np.random.default_rng(1).uniform(0.5, 2, (2, 500)).astype(dtype)
        oracle = operation(x.astype(np.float64), y.astype(np.float64))
        options: dict[str, Any] = {"dtype": dtype, "family": "arithmetic"}
        assert_close(operation(x, y), oracle, pair=False, **options)
        wrong = operation(x, y)
        for _ in range(3):
            wrong[7] = np.nextafter(wrong[7], np.inf, dtype=dtype)
        with pytest.raises(AssertionError, match=r"1 of 500 .*\n.*\[7\]"):
            assert_close(wrong, oracle, pair=False, **options)


@pytest.mark.parametrize("operation", [np.add, np.multiply, np.divide])
def test_complex_arithmetic_stays_within_the_bound(operation: Any) -> None:
    parts = np.random.default_rng(1).uniform(-2, 2, (2, 2, 500))
    x, y = (parts[0] + 1j * parts[1]).astype(np.complex64)
    oracle = operation(x.astype(np.complex128), y.astype(np.complex128))
    scale = np.abs(x) + np.abs(y) if operation is np.add else np.abs(oracle)
    assert_close(
        operation(x, y),
        oracle,
        dtype="complex64",
        family="arithmetic",
        scale=scale,
        pair=False,
    )


# --- compositions in float32 against float64, on random and on equal operands


def rows(kind: str, n: int) -> np.ndarray[Any, Any]:
    if kind == "equal":
        return np.full((4, n), 0.7, dtype=np.float32)
    x = np.random.default_rng(1).normal(3, 2, (4, n))
    x[2] *= 4
    return x.astype(np.float32)


@pytest.mark.parametrize("n", [2, 30, 1000])
@pytest.mark.parametrize("kind", ["equal", "random"])
def test_compositions_stay_within_the_bound(kind: str, n: int) -> None:
    x = rows(kind, n)
    wide = x.astype(np.float64)
    g = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)

    def check(family: str, f: Callable[..., Any], *args: Any, **options: Any) -> None:
        oracle = f(*(arg.astype(np.float64) for arg in args))
        options.setdefault("length", n)
        assert_close(
            f(*args), oracle, dtype="float32", family=family, pair=False, **options
        )

    spread = wide.max(-1, keepdims=True) - wide
    top = np.maximum(1, np.abs(wide).max(-1, keepdims=True))
    check("softmax", softmax, x, condition=spread)
    check("log_softmax", lambda x: np.log(softmax(x)), x, scale=top + spread)
    p, h = softmax(wide), np.abs(g)
    check(
        "softmax_gradient",
        lambda x, g: softmax(x) * (g - np.sum(softmax(x) * g, -1, keepdims=True)),
        x,
        g,
        scale=p * (h + np.sum(p * h, -1, keepdims=True)),
        condition=np.max(spread, -1, keepdims=True),
    )
    check("moments", lambda x: np.var(x, -1), x, scale=np.mean(wide**2, -1))
    check("moments", lambda x: np.sqrt(np.sum(x * x, -1)), x)
    check("product", lambda x: np.prod(x[:, :30] / 2, -1), x)
    deviation = np.sqrt(np.var(wide, -1, keepdims=True) + EPSILON)
    mean = np.abs(np.mean(wide, -1, keepdims=True))
    check(
        "normalisation",
        normalise,
        x,
        scale=lambda magnitude: np.maximum(1, magnitude),
        condition=mean / deviation,
    )
    m = np.maximum(1, np.abs(normalise(wide)))
    check(
        "normalisation_gradient",
        normalise_gradient,
        x,
        g,
        scale=(h + m * np.mean(h * m, -1, keepdims=True)) / deviation,
        condition=mean / deviation,
    )
    check(
        "accumulation",
        lambda x, g: x @ g.T,
        x,
        g,
        scale=np.abs(wide) @ np.abs(g.astype(np.float64)).T,
    )


EPSILON = 2.0**-10


def softmax(x: np.ndarray[Any, Any]) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def normalise(x: np.ndarray[Any, Any]) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    variance = np.mean(centred**2, -1, keepdims=True)
    return centred / np.sqrt(variance + x.dtype.type(EPSILON))


def normalise_gradient(x: np.ndarray[Any, Any], g: np.ndarray[Any, Any]) -> Any:
    y = normalise(x)
    variance = np.var(x, -1, keepdims=True) + x.dtype.type(EPSILON)
    mean_gy = np.mean(g * y, -1, keepdims=True)
    return (g - g.mean(-1, keepdims=True) - y * mean_gy) / np.sqrt(variance)


@pytest.mark.parametrize("n", [1, 2, 7, 97, 768, 1024])
@pytest.mark.parametrize("kind", ["equal", "random"])
def test_fourier_transforms_stay_within_the_bound(kind: str, n: int) -> None:
    x = rows(kind, n)
    assert_close(
        np.fft.fft(x),  # in float32
        np.fft.fft(x.astype(np.float64)),
        dtype="complex64",
        family="fft",
        scale=np.sum(np.abs(x), -1, keepdims=True, dtype=np.float64),
        length=n,
        pair=False,
    )


@pytest.mark.parametrize("n", [1, 4, 40])
def test_linear_algebra_stays_within_the_bound(n: int) -> None:
    a, b = np.random.default_rng(1).normal(size=(2, n, n)).astype(np.float32)
    wide = a.astype(np.float64)
    options: dict[str, Any] = {"dtype": "float32", "length": n, "pair": False}
    solution = np.linalg.solve(wide, b.astype(np.float64))
    assert_close(
        np.linalg.solve(a, b),
        solution,
        family="linear_solve",
        scale=np.linalg.cond(wide) * np.max(np.abs(solution)),
        **options,
    )
    values = np.linalg.svd(wide, compute_uv=False)
    assert_close(
        np.linalg.svd(a, compute_uv=False),
        values,
        family="spectral",
        scale=values[0],
        **options,
    )
