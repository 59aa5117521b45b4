"""Each backend's derivatives stay within their bounds, against mpmath."""

from __future__ import annotations

import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

import unifiedml as um
from scripts.exact_functions import DIGITS, EXACT, dense_calls
from unifiedml.testing import assert_close, random_cotangent
from unifiedml.testing._conformance import conformance_cases

FLOATS = ("float64", "float32", "bfloat16", "float16")
FAMILIES = {
    "acos": "inverse_trig_gradient",
    "asin": "inverse_trig_gradient",
    "atanh": "inverse_trig_gradient",
    "mish": "steep_gradient",
    "gelu": "steep_gradient",
}
STEEP = {"acosh", "erfinv", "tan", "digamma", "lgamma", "rsqrt"}
"""Their derivatives amplify more than the model says: they have tests of their own."""
NAMES = sorted(
    line.name
    for line in conformance_cases()
    if line.name in EXACT
    and len(EXACT[line.name].intervals) == 1
    and line.name not in STEEP
)


def derivative(name: str, x: np.ndarray) -> np.ndarray:
    """Return the derivative at each element, by differences with 40 digits."""
    function = EXACT[name].function
    with mpmath.workdps(DIGITS):
        found = [mpmath.re(mpmath.diff(function, mpmath.mpf(float(v)))) for v in x]
        return np.array([np.longdouble(mpmath.nstr(one, 25)) for one in found])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_derivatives_stay_within_the_bound(backend: str, name: str, dtype: str) -> None:
    (x,) = dense_calls(name, dtype, size=16, seed=2).args
    cotangent = random_cotangent(x.shape, x.dtype, 1)
    function = getattr(um, name)

    def loss(x: um.Tensor) -> um.Tensor:
        return um.sum(function(x) * um.asarray(cotangent))

    actual = um.grad(loss)(um.asarray(x)).numpy()
    exact = derivative(name, x) * cotangent.astype(np.float64)
    family = FAMILIES.get(name, "elementwise_gradient")
    scale = np.abs(exact).astype(np.float64)
    wide = x.astype(np.float64)
    inverse = family == "inverse_trig_gradient"
    if not inverse:
        scale = np.maximum(scale, np.abs(cotangent.astype(np.float64)))
    assert_close(
        actual,
        exact,
        family=family,
        scale=scale,
        condition=wide**2 / (1 - wide**2) if inverse else 0,
        dtype=dtype,
        pair=False,
        name=name,
    )
