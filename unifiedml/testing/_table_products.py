"""The parity table: products of tensors, and einsum."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._arguments import Calls
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import accumulated, linear_gradient
from unifiedml.testing._strategies import arrays, dtypes

__all__ = ["LINES"]

Array = npt.NDArray[Any]
NUMBERS: Final = ("integral", "real floating", "complex floating")


@st.composite
def _vectors(draw: st.DrawFn, *names: str, size: int | None = None) -> Call:
    name = draw(dtypes(*(names or NUMBERS)))
    n = draw(st.integers(0, 4)) if size is None else size
    shapes = draw(st.sampled_from([((n,), (n,)), ((2, 1, n), (3, n)), ((n,), (2, n))]))
    x, y = (draw(arrays(shape, name, elements="moderate")) for shape in shapes)
    return Call(x, y)


@st.composite
def _flat(draw: st.DrawFn, *names: str) -> Call:
    name = draw(dtypes(*(names or NUMBERS)))
    x, y = (
        draw(arrays((draw(st.integers(0, 4)),), name, elements="moderate"))
        for _ in range(2)
    )
    return Call(x, y)


@st.composite
def _contracted(draw: st.DrawFn, *names: str) -> Call:
    name = draw(dtypes(*(names or NUMBERS)))
    a, b, c, d = (draw(st.integers(0, 3)) for _ in range(4))
    first, second, axes = draw(
        st.sampled_from(
            [
                ((a, b), (b, c), 1),
                ((a, b, c), (b, c, d), 2),
                ((a, b), (c,), 0),
                ((b, a, c), (c, d, b), ([0, -1], [2, 0])),
                ((a, b), (b, c), 1 if names else 5),
            ]
        )
    )
    x, y = (draw(arrays(shape, name, elements="moderate")) for shape in (first, second))
    return Call(x, y, axes=axes)


_EINSUMS: Final = (
    "ij,jk->ik",
    "ij,jk",
    "bij,bjk->bik",
    "ii->i",
    "ii",
    "iij->j",
    "ij->ji",
    "i,j->ij",
    "ij,ij->",
    "...ij,jk->...ik",
    "...i,...i",
    "ij,jk,kl->il",
    "i,ij,j",
    "ba",
    "i->",
    "ij->...",
)


@st.composite
def _einsums(draw: st.DrawFn, *names: str) -> Call:
    subscripts = draw(st.sampled_from(_EINSUMS))
    name = draw(dtypes(*(names or NUMBERS)))
    sizes = {letter: draw(st.integers(0, 3)) for letter in "abijkl"}
    operands = []
    for term in subscripts.partition("->")[0].split(","):
        lead = draw(st.sampled_from([(), (2,), (1, 2)])) if "..." in term else ()
        shape = (*lead, *(sizes[letter] for letter in term.replace("...", "")))
        operands.append(draw(arrays(shape, name, elements="moderate")))
    return Call(subscripts, *operands)


def _length(*args: Any, **options: Any) -> int:
    return int(max((x.size for x in args if isinstance(x, np.ndarray)), default=1))


def _product_line(
    name: str,
    function: Callable[..., Any],
    oracle: Callable[..., Any],
    draw: Callable[..., Calls],
    argnums: tuple[int, ...] = (0, 1),
    sizes: Callable[..., Any] | None = None,
) -> Line:
    return Line(
        name,
        function,
        draw(),
        accumulated(sizes or oracle, _length),
        oracle,
        draw("float32", "float64"),
        argnums,
        linear_gradient(_length, sizes=sizes),
    )


def _vecdot_oracle(x: Array, y: Array) -> Array:
    return np.asarray(np.sum(np.conj(x) * y, axis=-1).astype(np.result_type(x, y)))


@st.composite
def _flat_inner(draw: st.DrawFn, *names: str) -> Call:
    name = draw(dtypes(*(names or NUMBERS)))
    n = draw(st.integers(0, 4))
    shapes = draw(st.sampled_from([((n,), (n,)), ((2, n), (3, n)), ((2, 2, n), (n,))]))
    x, y = (draw(arrays(shape, name, elements="moderate")) for shape in shapes)
    return Call(x, y)


def _cross(*names: str) -> Calls:
    return _vectors(*names, size=3)


def _cross_sizes(x: Array, y: Array) -> Array:
    """Return the cross product with a plus for each minus."""
    moved = [(np.roll(x, -k, -1), np.roll(y, k, -1)) for k in (1, 2)]
    (a, b), (c, d) = moved
    return np.asarray(a * b + c * d)


def _chain(*arrays: Any) -> Any:
    return um.linalg.multi_dot(arrays)


@st.composite
def _chains(draw: st.DrawFn, *names: str) -> Call:
    name = draw(dtypes(*(names or NUMBERS)))
    sizes = [draw(st.integers(1, 3)) for _ in range(4)]
    return Call(
        *(draw(arrays((m, n), name, elements="smooth")) for m, n in pairwise(sizes))
    )


LINES: Final[list[Line]] = [
    _product_line("tensordot", um.tensordot, np.tensordot, _contracted),
    _product_line("vecdot", um.vecdot, _vecdot_oracle, _vectors),
    _product_line("inner", um.inner, np.inner, _flat_inner),
    _product_line("kron", um.kron, np.kron, _flat),
    _product_line("einsum", um.einsum, np.einsum, _einsums, (1,)),
    _product_line(
        "linalg.cross", um.linalg.cross, np.cross, _cross, sizes=_cross_sizes
    ),
    _product_line("linalg.outer", um.linalg.outer, np.outer, _flat),
    Line(
        "linalg.multi_dot",
        _chain,
        _chains(),
        accumulated(lambda *xs: np.linalg.multi_dot(xs), lambda *xs: 9),
        lambda *xs: np.linalg.multi_dot(xs),
        _chains("float32", "float64"),
        (0, 1, 2),
        linear_gradient(lambda *xs: 9),
    ),
]
"""Every sum of products."""
