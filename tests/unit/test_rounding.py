"""Real computations stay within the bounds, and wrong ones do not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unifiedml.testing import arrays, assert_close
from unifiedml.tolerance import FAMILIES, eps

mpmath = pytest.importorskip("mpmath", reason="mpmath is the oracle of these tests")

FLOATS = ("float64", "float32", "float16", "bfloat16")  # by increasing eps
families = st.sampled_from(sorted(FAMILIES))
lengths = st.integers(0, 10_000)
magnitudes = st.just(0.0) | st.floats(2.0**-20, 2.0**20)
quick = settings(max_examples=60, deadline=None)


def condition_of(family: str, value: float = 1.0) -> float:
    return value if FAMILIES[family].condition else 0.0


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
