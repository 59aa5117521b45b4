"""Hypothesis strategies: shapes, data types, arrays with edge values, axes, seeds.

No strategy makes subnormal numbers: whether they are kept or flushed to zero is
unspecified on every backend.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, get_args

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import DTYPES, DType, as_dtype, finfo, iinfo, isdtype

__all__ = ["arrays", "axes", "broadcastable_shapes", "dtypes", "seeds", "shapes"]

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Elements = Literal[
    "any", "finite", "positive", "nonzero", "moderate", "smooth", "unit", "probability"
]


def shapes(
    min_dims: int = 0, max_dims: int = 4, *, min_side: int = 0, max_side: int = 5
) -> st.SearchStrategy[Shape]:
    """Return a strategy for shapes, zero-size and zero-dimensional ones included.

    Example:
        >>> from hypothesis import find
        >>> from unifiedml.testing import shapes
        >>> find(shapes(max_dims=2, min_side=1), lambda shape: len(shape) == 2)
        (1, 1)
    """
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def broadcastable_shapes(
    n: int, /, *, max_dims: int = 4, min_side: int = 0, max_side: int = 5
) -> st.SearchStrategy[hnp.BroadcastableShapes]:
    """Return a strategy for ``n`` shapes that broadcast, with the shape that results.

    Each example has ``input_shapes``, a tuple of ``n`` shapes, and ``result_shape``.
    """
    return hnp.mutually_broadcastable_shapes(
        num_shapes=n, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def dtypes(*kinds: str) -> st.SearchStrategy[str]:
    """Return a strategy for names of data types.

    Args:
        *kinds: Kinds as in `unifiedml.isdtype`, such as ``"real floating"`` or
            ``"integral"``, or names of data types. By default all data types.

    Raises:
        ValueError: There is no such kind.
    """
    chapters = tuple(kind for kind in kinds if kind not in DTYPES or kind == "bool")
    names = [
        name
        for name, dtype in DTYPES.items()
        if not kinds or name in kinds or isdtype(dtype, chapters)
    ]
    # Failing examples shrink towards the first.
    return st.sampled_from(sorted(names, key=lambda name: name != "float32"))


def arrays(
    shape: int | Shape | st.SearchStrategy[Shape],
    dtype: Any = "float32",
    *,
    elements: Elements = "any",
) -> st.SearchStrategy[Array]:
    """Return a strategy for arrays whose elements include edge values and repetitions.

    Equal elements make ties, and make rounding errors add up: about half of the arrays
    draw all their elements from at most three values.

    Args:
        shape: A shape, a size, or a strategy for shapes.
        dtype: A data type of this library, its name, or a strategy for either. Arrays
            of bfloat16 have the data type of ``ml_dtypes``.
        elements: Which values. Of the real floating-point numbers, and for complex
            numbers of their parts:

            - ``"any"``: all, in half of the arrays with infinities and NaN
            - ``"finite"``: from the least to the largest number
            - ``"positive"``: finite and greater than zero
            - ``"nonzero"``: finite and not zero (for complex numbers neither part)
            - ``"moderate"``: zero, or a magnitude in [2⁻⁶, 2⁶]; products and sums of a
              few do not overflow
            - ``"smooth"``: in (−4, 4) and at least 1/9 away from every multiple of 1/2,
              where relu, round, clip and their like have kinks
            - ``"unit"``: in [−1, 1]
            - ``"probability"``: in [0, 1]

            Of the integers: all for ``"any"`` and ``"finite"``, up to magnitude 64 for
            ``"moderate"`` and 4 for ``"smooth"``, and those within the ranges above.
            Of bool always both.

    Example:
        >>> from hypothesis import find
        >>> from unifiedml.testing import arrays
        >>> find(arrays((2, 3), "int8", elements="positive"), lambda x: True)
        array([[1, 1, 1],
               [1, 1, 1]], dtype=int8)
    """
    return _arrays(shape, dtype, elements)


def axes(
    ndim: int,
    /,
    *,
    min_size: int = 0,
    none: bool = True,
    integer: bool = True,
) -> st.SearchStrategy[int | Shape | None]:
    """Return a strategy for the argument ``axis`` of reductions over ``ndim`` axes.

    Args:
        ndim: How many dimensions the array has.
        min_size: The least length of a tuple of axes.
        none: Whether None is an option.
        integer: Whether an integer is an option; it is not for ``ndim`` 0.

    Returns:
        A strategy for None, integers in ``[-ndim, ndim)`` and tuples of such integers
        that name no axis twice.
    """
    options: list[st.SearchStrategy[Any]] = [
        hnp.valid_tuple_axes(ndim, min_size=min_size)
    ]
    if integer and ndim:
        options.insert(0, st.integers(-ndim, ndim - 1))
    if none:
        options.insert(0, st.none())
    return st.one_of(options)


def seeds() -> st.SearchStrategy[int]:
    """Return a strategy for seeds: any integer, the edges of machine integers too."""
    return st.one_of(st.sampled_from(_MACHINE_EDGES), st.integers())


@st.composite
def _arrays(draw: st.DrawFn, shape: Any, dtype: Any, elements: Elements) -> Array:
    size = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    chosen = as_dtype(draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype)
    if elements == "any" and draw(st.booleans()):
        elements = "finite"
    values = _values(chosen, elements)
    if draw(st.booleans()):
        values = st.sampled_from(draw(st.lists(values, min_size=1, max_size=3)))
    # Hypothesis does not know bfloat16; float32 holds every value of it.
    carrier = np.dtype("float32") if chosen.name == "bfloat16" else chosen.numpy
    array: Array = draw(hnp.arrays(carrier, size, elements=values))
    return array.astype(chosen.numpy)


def _values(dtype: DType, elements: Elements) -> st.SearchStrategy[Any]:
    if elements not in get_args(Elements):
        known = ", ".join(get_args(Elements))
        raise ValueError(f"no elements {elements!r}: choose from {known}")
    if dtype.kind == "bool":
        return st.booleans()
    if dtype.is_integer:
        return _integers(dtype, elements)
    if dtype.kind == "complex":
        part = _floats(finfo(dtype).dtype, elements)
        return st.builds(complex, part, part)
    return _floats(dtype, elements)


def _integers(dtype: DType, elements: Elements) -> st.SearchStrategy[int]:
    least, most = iinfo(dtype).min, iinfo(dtype).max
    ranges = [
        (max(math.ceil(low), least), min(math.floor(high), most))
        for low, high in _ranges(elements, 1, most, bottom=least)
        if low <= most and high >= least
    ]
    edges = [v for v in (0, 1, -1, least, most) if _inside(v, ranges)]
    drawn = (st.integers(low, high) for low, high in ranges)
    return st.one_of(st.sampled_from(edges), *drawn)


def _floats(dtype: DType, elements: Elements) -> st.SearchStrategy[float]:
    if elements == "smooth":
        offsets = st.floats(-1 / 8, 1 / 8, width=16, allow_subnormal=False)
        centres = st.integers(-8, 7).map(lambda k: k / 2 + 1 / 4)
        return st.builds(operator.add, centres, offsets).map(_rounding_to(dtype))
    info = finfo(dtype)
    ranges = _ranges(elements, info.smallest_normal, info.max)
    candidates = (0.0, 1.0, 0.5, info.smallest_normal, info.max)
    edges = [v for c in candidates for v in (c, -c) if _inside(v, ranges)]
    widths: dict[str, Literal[16, 32, 64]] = {"float16": 16, "float64": 64}
    width = widths.get(dtype.name, 32)
    drawn = [
        st.floats(low, high, width=width, allow_subnormal=False) for low, high in ranges
    ]
    if elements == "any":
        drawn.append(st.sampled_from([math.nan, math.inf, -math.inf]))
    return st.one_of(st.sampled_from(edges), *drawn).map(_rounding_to(dtype))


def _ranges(
    elements: Elements, least: float, top: float, bottom: float | None = None
) -> list[tuple[float, float]]:
    """Return the intervals of the numbers ``elements`` between ``bottom`` and ``top``.

    ``least`` is the smallest positive number.
    """
    bottom = -top if bottom is None else bottom
    table: dict[Elements, list[tuple[float, float]]] = {
        "any": [(bottom, top)],
        "finite": [(bottom, top)],
        "positive": [(least, top)],
        "nonzero": [(least, top), (bottom, -least)],
        "moderate": [(0.0, 0.0), (2.0**-6, 2.0**6), (-(2.0**6), -(2.0**-6))],
        "smooth": [(-4.0, 4.0)],
        "unit": [(-1.0, 1.0)],
        "probability": [(0.0, 1.0)],
    }
    return table[elements]


def _inside(value: float, ranges: Iterable[tuple[float, float]]) -> bool:
    return any(low <= value <= high for low, high in ranges)


def _rounding_to(dtype: DType) -> Callable[[float], float]:
    """Return the rounding of Python numbers to ``dtype``."""
    return lambda value: float(dtype.numpy.type(value))


_MACHINE_EDGES: Final = (0, -1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64)
