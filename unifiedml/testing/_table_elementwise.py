"""The parity table: operations element by element."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._dtypes import as_dtype
from unifiedml.testing._arguments import binary, distinct, operands, unary
from unifiedml.testing._line import Call, Line
from unifiedml.testing._oracles import (
    clip,
    elu,
    erf,
    erfc,
    floor_divide,
    gelu,
    leaky_relu,
    relu6,
    selu,
    shift,
    sigmoid,
)
from unifiedml.testing._rounding import (
    EXACT,
    Gradient,
    Rounding,
    Terms,
    elementwise,
    elementwise_gradient,
    linear_gradient,
    magnitude,
)
from unifiedml.testing._strategies import (
    arrays,
    broadcastable_shapes,
    dtypes,
    shapes,
)

__all__ = ["LINES", "OPERATORS"]

Array = npt.NDArray[Any]
Oracle = Callable[..., Any]

REAL: Final = "real floating"
COMPLEX: Final = "complex floating"
FLOATING: Final = (REAL, COMPLEX, "int32", "bool")  # the last two are refused
REAL_ONLY: Final = (REAL, "int32", "complex64")
TRANSCENDENTAL: Final = elementwise("transcendental")
ARITHMETIC: Final = elementwise("arithmetic")
ROOT: Final = elementwise("sqrt")
SMOOTH: Final = unary(REAL, elements="smooth", max_dims=3)
SMOOTH_COMPLEX: Final = unary(REAL, COMPLEX, elements="smooth", max_dims=3)
SMOOTH_PAIR: Final = binary(REAL, COMPLEX, elements="smooth", mixed=False, max_dims=3)
STEPS: Final = "constant between jumps; zeros are compared in the contract's points"
DISCRETE: Final = "the result is no floating-point number"


def _function(
    name: str,
    oracle: Oracle,
    rounding: Rounding = TRANSCENDENTAL,
    *,
    calls: Any = None,
    smooth: Any = SMOOTH_COMPLEX,
    gradient: Gradient | None = None,
) -> Line:
    """Return the line of a differentiable function of one operand."""
    return Line(
        name,
        getattr(um, name),
        unary(*FLOATING) if calls is None else calls,
        rounding,
        oracle,
        smooth,
        gradient=elementwise_gradient() if gradient is None else gradient,
    )


def _discrete(name: str, oracle: Oracle, calls: Any, why: str = DISCRETE) -> Line:
    return Line(name, getattr(um, name), calls, EXACT, oracle, no_gradient=why)


def _pair(
    name: str,
    oracle: Oracle,
    rounding: Rounding,
    calls: Any,
    smooth: Any = SMOOTH_PAIR,
    *,
    gradient: Gradient | None = None,
) -> Line:
    """Return the line of a differentiable function of two operands."""
    return Line(
        name,
        getattr(um, name),
        calls,
        rounding,
        oracle,
        smooth,
        (0, 1),
        elementwise_gradient() if gradient is None else gradient,
    )


def _choice(name: str, oracle: Oracle, calls: Any, smooth: Any) -> Line:
    """Return the line of a function that returns some of its operands' elements."""
    gradient = linear_gradient(selects=True)
    return _pair(name, oracle, EXACT, calls, smooth, gradient=gradient)


def _sign(call: Call, result: Array) -> Terms:
    """Of complex numbers it is a quotient, x / |x|."""
    return (ROOT if result.dtype.kind == "c" else EXACT)(call, result)


# --- arguments of their own ---


@st.composite
def _shifts(draw: st.DrawFn) -> Call:
    name = draw(dtypes("integral"))
    x, count = draw(operands((name, name), ("any", "probability"), max_dims=3))
    factor = np.asarray(draw(st.sampled_from([1, 3, 7, 8, 31, 63])), dtype=count.dtype)
    return Call(x, np.asarray(count * factor))


@st.composite
def _choices(draw: st.DrawFn, elements: Any = "any") -> Call:
    name = draw(dtypes(*((REAL,) if elements == "smooth" else ())))
    chosen: Any = "moderate" if "complex" in name else elements
    return Call(*draw(operands(("bool", name, name), ("any", chosen, chosen))))


@st.composite
def _limits(draw: st.DrawFn) -> Call:
    name = draw(dtypes("integral", REAL))
    x, low, high = draw(operands((name, name, name), ("any", "finite", "finite")))
    # The result has the shape of all three.
    return Call(x, low, high)


@st.composite
def _apart(draw: st.DrawFn, count: int = 2) -> Call:
    """Draw operands none of which is equal to an element of another."""
    found = draw(broadcastable_shapes(count, max_dims=3, min_side=1, max_side=3))
    name = draw(dtypes(REAL))
    drawn = [draw(distinct(shape, name)) for shape in found.input_shapes]
    moved = [(x + np.asarray(0.125 * n, x.dtype)) for n, x in enumerate(drawn)]
    return Call(*moved)


@st.composite
def _between_multiples(draw: st.DrawFn) -> Call:
    """Draw dividends half-way between multiples of their divisors."""
    divisor = np.asarray(draw(st.sampled_from([0.75, 1.5, -2.25, 4.0])))
    name = draw(st.sampled_from(["float32", "float64"]))
    shape = draw(st.sampled_from([(), (3,), (2, 2)]))
    count = draw(arrays(shape, "int64", elements="smooth"))
    return Call(((count + 0.5) * divisor).astype(name), divisor.astype(name))


@st.composite
def _slopes(draw: st.DrawFn, elements: Any, option: str) -> Call:
    (x,) = draw(unary(REAL, elements=elements, max_dims=3)).args
    return Call(x, **{option: draw(st.sampled_from([0.25, 0.01, 1.5]))})


@st.composite
def _approximations(draw: st.DrawFn, elements: Any) -> Call:
    (x,) = draw(unary(REAL, elements=elements, max_dims=2)).args
    return Call(x, approximate=draw(st.booleans()))


@st.composite
def _beyond_twenty(draw: st.DrawFn) -> Call:
    steps = draw(arrays(shapes(0, 2, max_side=3), "int64", elements="smooth"))
    return Call(np.asarray(22.5 + 2 * steps))


@st.composite
def _halves(draw: st.DrawFn) -> Call:
    """Draw multiples of 1/2, half of which lie between two integers."""
    name = draw(dtypes(REAL))
    steps = draw(arrays(shapes(0, 2, max_side=3), "int64", elements="smooth"))
    return Call((steps.astype(np.float64) / 2).astype(as_dtype(name).numpy))


def _tame_complex(call: Call) -> Call:
    """Leave out what is unspecified: complex numbers with zero, infinity and NaN."""
    if not any(map(np.iscomplexobj, call.args)):
        return call

    def tame(x: Any) -> Any:
        plain = np.where(np.isfinite(x) & (x != 0) & (np.abs(x) < 1e9), x, 2)
        return plain.astype(x.dtype) if isinstance(x, np.ndarray) else plain.item()

    return Call(*map(tame, call.args))


def _power(x: Array, y: Array) -> Array:
    # For a scalar 0.5, repeated or not, NumPy takes a square root: NaN at -inf.
    x, y = np.broadcast_arrays(x, y)
    flat = np.power(np.array(x).reshape(-1), np.array(y).reshape(-1))
    return np.asarray(flat.reshape(x.shape))


def _integer_powers() -> Any:
    return binary("integral", elements="moderate", right="positive", mixed=False)


def _safe(*kinds: str, right: Any = "nonzero") -> Any:
    """Integers of moderate size: the least one divided by -1 is unspecified."""
    floating = binary(REAL)
    return st.one_of(
        floating, binary(*kinds, elements="moderate", right=right, mixed=False)
    )


ALL: Final = unary()
ROUNDABLE: Final = st.one_of(_halves(), unary(REAL), ALL)
REAL_PAIRS: Final = binary("integral", REAL)
ANY_PAIRS: Final = binary("integral", REAL, COMPLEX, "bool")
BITS: Final = binary("integral", "bool", "float32")
BOOLS: Final = binary("bool", mixed=False)
POSITIVE: Final = unary(REAL, elements="positive")
SMOOTH_POSITIVE: Final = SMOOTH.map(lambda call: Call(np.abs(call.args[0])))
SMOOTH_POWERS: Final = binary(REAL, elements="smooth", mixed=False, max_dims=3).map(
    lambda call: Call(np.abs(call.args[0]), call.args[1])
)

LINES: Final[list[Line]] = [
    # --- arithmetic
    _pair("add", np.add, ARITHMETIC, ANY_PAIRS),
    _pair("subtract", np.subtract, ARITHMETIC, ANY_PAIRS),
    _pair("multiply", np.multiply, ARITHMETIC, ANY_PAIRS),
    _pair(
        "divide",
        np.divide,
        ARITHMETIC,
        binary(REAL, COMPLEX, "bool").map(_tame_complex),
    ),
    _pair(
        "pow",
        _power,
        elementwise(
            "power",
            condition=lambda x, y: np.where(
                np.iscomplexobj(x), np.abs(y * np.log(np.abs(x) + 1e-300)) + 4, 0
            ),
        ),
        st.one_of(binary(REAL), _integer_powers()),
        SMOOTH_POWERS,
    ),
    Line(
        "floor_divide",
        um.floor_divide,
        _safe("integral"),
        ARITHMETIC,
        floor_divide,
        no_gradient=STEPS,
    ),
    Line(
        "remainder",
        um.remainder,
        _safe("integral"),
        lambda call, result: [
            ("arithmetic", {"scale": magnitude(result) + magnitude(call.args[1])})
        ],
        np.remainder,
        _between_multiples(),
        (0, 1),
        elementwise_gradient(),
    ),
    _function("negative", np.negative, EXACT, calls=ALL),
    _function("positive", lambda x: x, EXACT, calls=ALL),
    _function("abs", np.abs, ROOT, calls=ALL),
    _function("square", np.square, ARITHMETIC, calls=ALL),
    _function("reciprocal", np.reciprocal, ROOT),
    Line(
        "sign", um.sign, st.one_of(unary(REAL), ALL), _sign, np.sign, no_gradient=STEPS
    ),
    # --- exponentials, trigonometry, special functions
    _function("exp", np.exp),
    _function("expm1", np.expm1),
    _function("log", np.log, smooth=SMOOTH_POSITIVE),
    _function("log1p", np.log1p, smooth=SMOOTH_POSITIVE),
    _function("sqrt", np.sqrt, ROOT, smooth=SMOOTH_POSITIVE),
    _function("sin", np.sin),
    _function("cos", np.cos),
    _function("tanh", np.tanh),
    _function("erf", erf, calls=unary(*REAL_ONLY), smooth=SMOOTH),
    _function(
        "erfc", erfc, elementwise("erfc"), calls=unary(*REAL_ONLY), smooth=SMOOTH
    ),
    # --- parts of complex numbers, rounding
    _function("real", np.real, EXACT, calls=ALL),
    _function(
        "imag", np.imag, EXACT, smooth=unary(COMPLEX, elements="smooth", max_dims=3)
    ),
    _function("conj", np.conj, EXACT, calls=ALL),
    _discrete("floor", np.floor, ROUNDABLE, STEPS),
    _discrete("ceil", np.ceil, ROUNDABLE, STEPS),
    _discrete("trunc", np.trunc, ROUNDABLE, STEPS),
    _discrete("round", np.round, ROUNDABLE, STEPS),
    # --- comparisons, logic, bits
    *(
        _discrete(name, getattr(np, name), REAL_PAIRS)
        for name in ("less", "less_equal", "greater", "greater_equal")
    ),
    *(_discrete(name, getattr(np, name), ANY_PAIRS) for name in ("equal", "not_equal")),
    *(_discrete(name, getattr(np, name), ALL) for name in ("isnan", "isinf")),
    _discrete("isfinite", np.isfinite, ALL),
    *(
        _discrete(name, getattr(np, name), BOOLS)
        for name in ("logical_and", "logical_or", "logical_xor")
    ),
    _discrete("logical_not", np.logical_not, unary("bool", "int8")),
    *(
        _discrete(name, getattr(np, name), BITS)
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    ),
    _discrete("bitwise_invert", np.bitwise_invert, unary("integral", "bool")),
    _discrete("bitwise_left_shift", shift(np.left_shift, np.zeros_like), _shifts()),
    _discrete(
        "bitwise_right_shift",
        shift(np.right_shift, lambda x: np.where(x < 0, -1, 0).astype(x.dtype)),
        _shifts(),
    ),
    # --- choices
    _choice("maximum", np.maximum, REAL_PAIRS, _apart()),
    _choice("minimum", np.minimum, REAL_PAIRS, _apart()),
    dataclasses.replace(_choice("clip", clip, _limits(), _apart(3)), argnums=(0,)),
    dataclasses.replace(
        _choice("where", np.where, _choices(), _choices("smooth")), argnums=(1, 2)
    ),
    # --- activations
    _function("relu", lambda x: np.maximum(x, 0), EXACT, smooth=SMOOTH),
    _function("relu6", relu6, EXACT, calls=unary(*REAL_ONLY), smooth=SMOOTH),
    _function(
        "leaky_relu",
        leaky_relu,
        calls=_slopes("any", "negative_slope"),
        smooth=_slopes("smooth", "negative_slope"),
    ),
    _function(
        "elu", elu, calls=_slopes("any", "alpha"), smooth=_slopes("smooth", "alpha")
    ),
    _function("selu", selu, calls=unary(*REAL_ONLY), smooth=SMOOTH),
    _function("sigmoid", sigmoid, calls=unary(*REAL_ONLY), smooth=SMOOTH),
    _function(
        "softplus",
        lambda x: np.logaddexp(0, x),
        # Between 20 and 40, where approximations by x begin.
        calls=st.one_of(_beyond_twenty(), unary(*REAL_ONLY)),
        smooth=SMOOTH,
    ),
    _function(
        "log_sigmoid",
        lambda x: -np.logaddexp(0, -x),
        calls=unary(*REAL_ONLY),
        smooth=SMOOTH,
    ),
    _function("silu", lambda x: x * sigmoid(x), calls=unary(*REAL_ONLY), smooth=SMOOTH),
    _function(
        "gelu",
        gelu,
        # Left of 0 it falls as exp(-x**2 / 2) does, until nothing is left of it at -40.
        elementwise("gelu", condition=lambda x: np.square(np.clip(x, -40.0, 0.0))),
        calls=_approximations("any"),
        smooth=_approximations("smooth"),
        gradient=elementwise_gradient("steep_gradient"),
    ),
]
"""Every operation that is applied element by element."""


def _operator(name: str, of: str, function: Callable[..., Any]) -> Line:
    """Return the line of an operator: that of the function behind it."""
    (line,) = (one for one in LINES if one.name == of)
    return dataclasses.replace(line, name=f"Tensor.{name}", function=function)


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` called with a NumPy array on the left of a tensor."""

    def swapped(x: Any, y: Any) -> Any:
        # An array leaves the operator to the tensor, which reflects it.
        if not isinstance(y, um.Tensor):
            # A Python number, of the data type that it has beside x.
            y = um.asarray(y, dtype=um.result_type(x, y))
        return function(x.numpy(), y)

    return swapped


_BINARY: Final = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}

OPERATORS: Final[list[Line]] = [
    *(
        _operator(f"__{short}__", name, getattr(operator, f"__{short}__"))
        for short, name in _BINARY.items()
    ),
    *(
        dataclasses.replace(
            _operator(
                f"__r{short}__", name, _reflected(getattr(operator, f"__{short}__"))
            ),
            smooth=None,
            no_gradient="the array on the left is a constant",
        )
        for short, name in _BINARY.items()
    ),
    *(
        _operator(f"__{short}__", name, getattr(operator, f"__{short}__"))
        for short, name in {
            "eq": "equal",
            "ne": "not_equal",
            "lt": "less",
            "le": "less_equal",
            "gt": "greater",
            "ge": "greater_equal",
        }.items()
    ),
    *(
        _operator(f"__{short}__", name, getattr(operator, f"__{short}__"))
        for short, name in {
            "neg": "negative",
            "pos": "positive",
            "abs": "abs",
            "invert": "bitwise_invert",
        }.items()
    ),
]
"""The operators of tensors."""
