"""Each backend's functions stay within their bounds, against 40 digits of mpmath."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest

pytest.importorskip("mpmath", reason="mpmath is the oracle of these tests")

from scripts.exact_functions import EXACT, dense_calls, exact_oracle
from unifiedml.testing import _parity
from unifiedml.testing._conformance import conformance_cases
from unifiedml.testing._line import Line

FLOATS = ("float64", "float32", "bfloat16", "float16")
LINES = {line.name: line for line in conformance_cases() if line.name in EXACT}


def exact_line(name: str, dtype: str) -> Line:
    """Return the line with many numbers of one data type and an exact oracle."""
    line = LINES[name]
    calls: Any = st.just(dense_calls(name, dtype, size=60, seed=1))
    return replace(line, calls=calls, oracle=exact_oracle(name, line.oracle))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", sorted(LINES))
def test_values_stay_within_the_bound(backend: str, name: str, dtype: str) -> None:
    exact_line(name, dtype).check_values([backend], max_examples=1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", sorted(LINES))
def test_the_bound_is_narrow(name: str, dtype: str) -> None:
    """Bounds of float32 and float64 are below 1e-5, of 16 bits below 8 spacings."""
    line = exact_line(name, dtype)
    (call,) = (dense_calls(name, dtype, size=60, seed=1),)
    wide = call.float64()
    assert line.oracle is not None
    exact = abs(line.oracle(*wide.args)).astype("float64")
    allowed = _parity.allowed(line.rounding(wide, exact), dtype, pair=True)
    spacing = {"bfloat16": 2.0**-7, "float16": 2.0**-10}.get(dtype)
    fault = 8 * spacing if spacing else 1e-4
    assert (allowed < fault * exact).mean() > 0.9
