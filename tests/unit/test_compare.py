"""`assert_close`, each way in which it fails, and the numeric gradients it uses."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings

from unifiedml.testing import (
    _compare,
    _gradients,
    arrays,
    assert_close,
    dtypes,
    numeric_vjp,
    random_cotangent,
    shapes,
)
from unifiedml.tolerance import bound, eps, tiny

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS: list[Any] = ["float16", BFLOAT16, "float32", "float64", "complex64"]
Array = np.ndarray[Any, Any]


class FakeTensor:
    """What `assert_close` needs of a tensor."""

    def __init__(self, values: Any, dtype: Any = "float32") -> None:
        self.values = np.asarray(values, dtype=dtype)

    def numpy(self) -> Array:
        return self.values


def message(actual: Any, expected: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        assert_close(actual, expected, **options)
    return str(caught.value)


# --- what agrees


@given(x=arrays(shapes(max_side=3), dtypes()))
@settings(max_examples=100, deadline=None)
def test_everything_agrees_with_itself(x: Array) -> None:
    assert_close(x, x.copy())
    assert_close(FakeTensor(x, x.dtype), x, family="exact")


@given(x=arrays((3,), dtypes("real floating"), elements="smooth"))
@settings(max_examples=100, deadline=None)
def test_the_last_digits_may_differ(x: Array) -> None:
    wide, one = x.astype(np.float64), eps(x.dtype)
    assert_close((wide * (1 + 1.5 * one)).astype(x.dtype), x)
    further = (wide * (1 + 20 * one)).astype(x.dtype)
    assert "3 of 3 elements differ by more than rounding" in message(further, x)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_sign_of_zero_does_not_matter(dtype: Any) -> None:
    zero = np.zeros(2, dtype=dtype)
    assert_close(-zero, zero, family="exact")


@pytest.mark.parametrize("dtype", ["float32", "float64", BFLOAT16])
def test_subnormals_may_be_flushed(dtype: Any) -> None:
    subnormal = np.array([tiny(dtype) / 2, -tiny(dtype) / 4], dtype=dtype)
    assert np.all(subnormal != 0)
    assert_close(np.zeros(2, dtype=dtype), subnormal, family="exact")


def test_float16_keeps_subnormals() -> None:
    subnormal = np.array([2.0**-15], dtype=np.float16)
    text = message(np.zeros(1, np.float16), subnormal, family="exact")
    assert "actual 0.0, expected 3.05" in text


def test_nan_agrees_with_nan_whatever_the_other_part_is() -> None:
    assert_close(np.array([np.nan, 1.0]), np.array([-np.nan, 1.0]))
    assert_close(np.array([complex(np.nan, 1)]), np.array([complex(np.inf, np.nan)]))


@pytest.mark.parametrize("dtype", ["float16", BFLOAT16, "float32", "float64"])
def test_a_result_may_overflow_next_to_the_largest_number(dtype: Any) -> None:
    most = ml_dtypes.finfo(dtype).max
    edge, infinite = np.array([most, -most]), np.array([np.inf, -np.inf], dtype=dtype)
    assert_close(infinite, edge)
    assert_close(edge, infinite)
    assert_close(infinite, infinite)
    below = (edge.astype(np.float64) * (1 - eps(dtype))).astype(dtype)
    assert_close(infinite, below)
    assert_close(below, infinite)
    half = (edge.astype(np.float64) / 2).astype(dtype)
    assert "2 of 2 elements differ" in message(infinite, half)
    assert "2 of 2 elements differ" in message(half, infinite)
    assert "2 of 2 elements differ" in message(-edge, infinite)


def test_an_oracle_may_exceed_the_largest_number() -> None:
    options: dict[str, Any] = {"dtype": "float32", "pair": False}
    assert_close(np.float32([np.inf]), np.array([1e300]), **options)
    saturated = np.array([np.finfo("float32").max])
    assert "1 of 1" in message(saturated, np.array([1e300]), **options)


def test_nests_of_tensors_arrays_and_numbers() -> None:
    nest = {"a": [FakeTensor([1.0]), (np.arange(3), None)], "b": {"c": 2.0, "d": True}}
    same = {"b": {"d": True, "c": 2.0}, "a": (FakeTensor([1.0]), [np.arange(3), None])}
    assert_close(nest, same)


def test_zero_size_arrays_agree_if_their_shapes_do() -> None:
    assert_close(np.zeros((0, 3)), np.zeros((0, 3)), scale=np.max)
    assert "shape (0, 3), expected (3, 0)" in message(
        np.zeros((0, 3)), np.zeros((3, 0))
    )


# --- what does not agree, and how that is said


def test_the_message_shows_the_worst_element() -> None:
    expected = np.ones((2, 3), dtype=np.float32)
    actual = expected.copy()
    actual[0, 1], actual[1, 2] = 1.001, 1.25
    assert message(actual, expected, name="exp", length=7) == (
        "exp: 2 of 6 elements differ by more than rounding explains\n"
        "  worst at [1, 2]: actual 1.25, expected 1.0\n"
        "  difference 0.25 is 1.31e+05 times the allowed 1.91e-06\n"
        "  float32, family 'transcendental', two backends compared on cpu"
    )


def test_the_worst_element_is_the_one_farthest_beyond_its_bound() -> None:
    expected = np.array([1000.0, 1.0])
    text = message(np.array([1000.2, 1.1]), expected)
    assert "worst at [1]: actual 1.1, expected 1.0" in text


def test_the_message_names_an_oracle_and_the_device() -> None:
    text = message(
        np.float32([2]),
        np.array([1.0]),
        dtype="float32",
        pair=False,
        device="gpu",
        family="accumulation",
    )
    assert "family 'accumulation', with an oracle compared on gpu" in text


@pytest.mark.parametrize("swap", [False, True])
def test_misplaced_nan(swap: bool) -> None:
    pair = np.array([1.0, np.nan, 2.0]), np.array([1.0, 3.0, 2.0])
    shown = "actual 3.0, expected nan" if swap else "actual nan, expected 3.0"
    assert message(*(pair[::-1] if swap else pair)) == (
        f"result: 1 of 3 elements are NaN in one result only\n  first at [1]: {shown}"
    )


def test_infinities_of_other_sign_or_missing() -> None:
    infinite = np.array([np.inf, -np.inf])
    assert "1 of 2 elements differ" in message(infinite, np.abs(infinite))
    assert "difference inf" in message(infinite, np.array([np.inf, -1.0]))
    assert "difference inf" in message(np.array([np.inf, -1.0]), infinite)
    assert "1 of 2 elements differ" in message(infinite + 1j, np.abs(infinite) + 1j)


def test_data_types() -> None:
    text = message(np.ones(2, np.float32), np.ones(2), name="y")
    assert text == "y: data type float32, expected float64"
    text = message(np.ones(2), np.ones(2), dtype="float32")
    assert text == "result: data type float64, expected float32"
    assert "data type bool, expected int64" in message(True, 1)
    text = message(np.ones(2), np.ones(2) + 0j, dtype="float64")
    assert text == "result: data type float64, expected complex numbers"


def test_shapes_are_not_broadcast() -> None:
    text = message(np.ones((2, 1)), np.ones(2))
    assert text == "result: shape (2, 1), expected (2,)"
    assert "shape (), expected (1,)" in message(1.0, np.ones(1))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "int64"])
def test_integers_must_be_equal(dtype: str) -> None:
    most = 1 if dtype == "bool" else np.iinfo(dtype).max
    expected = np.array([0, 1, most], dtype)
    actual = np.array([0, 1, most - 1], dtype)
    assert message(actual, expected, name="n") == (
        "n: 1 of 3 elements are not equal\n"
        f"  first at [2]: actual {actual[2]}, expected {expected[2]}\n"
        f"  {dtype} is exact"
    )


@pytest.mark.parametrize(
    ("actual", "expected", "text"),
    [
        ({"w": 1.0}, {"v": 1.0}, "grads: keys ['w'], expected ['v']"),
        ([1.0, 2.0], [1.0], "grads: 2 items, expected 1"),
        ({"w": [1.0, None]}, {"w": [1.0, 2.0]}, "grads['w'][1]: NoneType, expected"),
        ({"w": 1.0}, [1.0], "grads: dict, expected list"),
        ("text", "text", "grads: str, expected str"),
        ({"w": [1.0, 2.0]}, {"w": [1.0, 3.0]}, "grads['w'][1]: 1 of 1 elements"),
    ],
)
def test_structures(actual: Any, expected: Any, text: str) -> None:
    assert message(actual, expected, name="grads").startswith(text)


@pytest.mark.parametrize("part", [1, 1j])
def test_both_parts_of_complex_numbers_are_compared(part: complex) -> None:
    expected = np.array([100 + 100j], dtype=np.complex64)
    assert "1 of 1 elements" in message(expected + np.complex64(part), expected)
    # The modulus is the scale, so a part may be off by more than its own size.
    small = np.array([1 + 1e-8j], dtype=np.complex64)
    assert_close(small.real.astype(np.complex64), small)


# --- the bound


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_bound_is_the_models(dtype: Any, factor: float) -> None:
    scale, options = 2.0**12, {"family": "accumulation", "length": 2}
    allowed = bound("accumulation", dtype, scale=scale, length=2)
    expected = np.zeros(1, dtype=dtype)
    actual = (expected + factor * allowed).astype(dtype)
    if factor < 1:
        assert_close(actual, expected, scale=scale, **options)
    else:
        assert "times the allowed" in message(actual, expected, scale=scale, **options)


def test_the_scale_may_be_a_function_of_the_magnitudes() -> None:
    small, large = np.array([1.0, 1e-12]), np.array([1e3, 1e-9])
    moved = [small + np.array([0, 1e-15]), large + np.array([0, 1e-12])]
    assert "[0]: 1 of 2" in message(moved, [small, large])
    assert_close(moved, [small, large], scale=np.max)


def test_an_infinite_bound_proves_nothing() -> None:
    text = message(np.array([1.0]), np.array([2.0]), scale=np.inf)
    assert "has the bound inf: give a finite scale and condition" in text
    assert_close(np.array([1.0]), np.array([1.0]), scale=np.inf)


def test_what_an_oracle_is_off_by_is_added() -> None:
    actual, expected = np.array([1.0]), np.array([1.0 + 2.0**-20])
    message(actual, expected, oracle_error=2.0**-21)
    assert_close(actual, expected, oracle_error=2.0**-20)


def test_long_double_oracles_keep_their_digits() -> None:
    third = np.array([1], dtype=np.longdouble) / 3
    options: dict[str, Any] = {"family": "arithmetic", "dtype": "float64"}
    assert_close(third.astype(np.float64), third, pair=False, **options)


def test_wrong_options_are_errors_even_if_all_is_equal() -> None:
    with pytest.raises(ValueError, match="no tolerance family 'magic'"):
        assert_close(1.0, 1.0, family="magic")


@pytest.mark.parametrize("module", [_compare, _gradients])
def test_examples_in_docstrings(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# --- numeric gradients

SMOOTH: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (np.sin, np.cos),
    (np.exp, np.exp),
    (np.log, lambda x: 1 / x),
    (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    (lambda x: x**3, lambda x: 3 * x**2),
    (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
]


@pytest.mark.parametrize("method", ["best", "central", "complex"])
@pytest.mark.parametrize(("f", "derivative"), SMOOTH)
def test_numeric_gradients_of_functions(
    f: Callable[[Any], Any], derivative: Callable[[Any], Any], method: Any
) -> None:
    x = np.array([0.01, 0.3, 1.0, 2.7, 9.0, 30.0])
    cotangent = random_cotangent(x.shape)
    (gradient,) = numeric_vjp(f, [x], cotangent, method=method)
    expected = cotangent * derivative(x)
    assert np.all(np.abs(gradient.value - expected) <= gradient.error)
    # The estimate is small enough for a test of float32 gradients to be sharp.
    scale = np.maximum(np.abs(cotangent), np.abs(expected))
    allowed = bound("elementwise_gradient", "float32", scale=scale)
    assert np.all(gradient.error < 2.0**-13 * allowed)


@pytest.mark.parametrize("method", ["best", "central", "complex"])
def test_numeric_gradients_of_a_matrix_product(method: Any) -> None:
    a, b = random_cotangent((2, 3), seed=1), random_cotangent((3, 4), seed=2)
    cotangent = random_cotangent((2, 4), seed=3)
    da, db = numeric_vjp(np.matmul, [a, b], cotangent, method=method)
    assert np.all(np.abs(da.value - cotangent @ b.T) <= da.error)
    assert np.all(np.abs(db.value - a.T @ cotangent) <= db.error)


@pytest.mark.parametrize("method", ["best", "central", "complex"])
def test_numeric_gradients_of_numbers(method: Any) -> None:
    x, y = numeric_vjp(lambda x, y: x * y, [3.0, [2.0, 5.0]], [1.0, 2.0], method=method)
    assert x.value.shape == ()
    assert np.abs(x.value - 12) <= x.error
    assert np.all(np.abs(y.value - [3, 6]) <= y.error)


def test_a_wrong_gradient_is_caught() -> None:
    x = random_cotangent(4, "float32", seed=5)
    cotangent = random_cotangent(4, seed=6)
    (oracle,) = numeric_vjp(np.tanh, [x], cotangent)
    options: dict[str, Any] = {
        "family": "elementwise_gradient",
        "dtype": "float32",
        "scale": np.maximum(np.abs(cotangent), np.abs(oracle.value)),
        "pair": False,
        "oracle_error": oracle.error,
    }
    right = (cotangent * (1 - np.tanh(x) ** 2)).astype(np.float32)
    assert_close(right, oracle.value, **options)
    wrong = (cotangent * (1 - np.tanh(x))).astype(np.float32)
    assert "4 of 4 elements" in message(wrong, oracle.value, **options)


def test_kinks_beside_and_at_the_operand() -> None:
    kink = 1 + 2.0**-6  # within the first step
    (beside,) = numeric_vjp(lambda x: np.abs(x - kink), [[1.0, 1.25]], [1.0, 1.0])
    assert np.all(np.abs(beside.value - [-1, 1]) <= beside.error)
    assert np.all(beside.error < 2.0**-20)
    (at,) = numeric_vjp(lambda x: np.maximum(x - 1, 0), [[1.0]], [1.0])
    assert at.value == 0.5  # the symmetric derivative, which no estimate tells apart


def test_what_cancels_inside_a_function_does_not_spoil_the_best_method() -> None:
    p = np.full(4, 0.5)
    cotangent = random_cotangent(4)
    (gradient,) = numeric_vjp(lambda q: p * np.log(p / q), [p], cotangent)
    assert np.all(np.abs(gradient.value + cotangent) <= gradient.error)
    assert np.all(gradient.error < 1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.conj(x) ** 2,  # not analytic
        lambda x: np.real(x) ** 2,  # loses the imaginary part
        lambda x: np.array(x, np.float64) ** 2,  # warns that it does
        lambda x: np.hypot(x, 0.0) ** 2,  # takes no complex numbers
    ],
)
def test_the_best_method_takes_differences_where_it_must(f: Any) -> None:
    x = np.array([0.5, 3.0])
    (gradient,) = numeric_vjp(f, [x], [1.0, 2.0])
    assert np.all(np.abs(gradient.value - [1.0, 12.0]) <= gradient.error)
    assert np.all(gradient.error < 1e-9)


def test_operands_that_do_not_enter_have_gradient_zero() -> None:
    x, y = numeric_vjp(lambda x, y: x**2, [[3.0], [5.0]], [2.0])
    assert np.all(np.abs(x.value - 12) <= x.error)
    assert y.value == 0
    assert y.error < 2.0**-900  # nothing but underflow


def test_numeric_gradients_refuse_what_they_cannot_do() -> None:
    with pytest.raises(TypeError, match="real arrays only"):
        numeric_vjp(np.exp, [1j], 1.0)
    with pytest.raises(ValueError, match=r"cotangent has shape \(2,\), the result \(3"):
        numeric_vjp(np.exp, [np.ones(3)], np.ones(2))
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match=r"no finite .* argument 0 at \(0,\) = -1\.0"),
    ):
        numeric_vjp(np.sqrt, [[-1.0]], [1.0])


@pytest.mark.parametrize("dtype", FLOATS)
def test_cotangents_tell_positions_apart(dtype: Any) -> None:
    cotangent = random_cotangent((20, 20), dtype, seed=3)
    assert cotangent.dtype == dtype
    assert np.all(np.abs(cotangent) >= 1.25)
    assert len(np.unique(np.sign(cotangent.real))) == 2
    assert len(np.unique(cotangent)) > 100
    again = random_cotangent((20, 20), dtype, seed=3)
    assert np.array_equal(cotangent, again)
    assert not np.array_equal(cotangent, random_cotangent((20, 20), dtype, seed=4))


def test_integers_have_no_cotangent() -> None:
    with pytest.raises(TypeError, match="data type int64 have no gradients"):
        random_cotangent(3, "int64")
