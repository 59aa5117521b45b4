"""The width of a range of random numbers, which has 29 bits below float64."""

import math
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from unifiedml import _philox

floats32 = st.floats(-(2.0**100), 2.0**100, width=32)


@given(low=floats32, high=floats32)
# Differences of 29 and of 30 bits: rounded to 28, or to 30, one is another number.
@example(low=2.0**-28, high=1 + 2.0**-23)
@example(low=3 * 2.0**-29, high=1 + 2.0**-23)
def test_a_width_has_29_bits(low: float, high: float) -> None:
    """It is the nearest such number, and no bit of a product with it is lost."""
    low, high = sorted((low, high))
    _, width, _ = _philox.uniform_bounds(low, high, "float32")
    spacing = math.ldexp(1.0, math.frexp(high - low)[1] - 29)
    assert width == round((high - low) / spacing) * spacing
    # So a fused multiply-add, as XLA makes it, rounds no other product.
    largest = 1 - 2.0**-24
    assert Fraction(width * largest) == Fraction(width) * Fraction(largest)
