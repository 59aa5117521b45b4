"""The parity table: matrices and vectors.

Where factors are defined up to a phase, what does not depend on it is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml.testing._arguments import Calls
from unifiedml.testing._line import Call, Line
from unifiedml.testing._rounding import (
    EXACT,
    Gradient,
    Rounding,
    Terms,
    accumulated,
    linear_gradient,
    magnitude,
    whole_gradient,
)
from unifiedml.testing._strategies import arrays, dtypes

__all__ = ["LINES", "METHODS"]

Array = npt.NDArray[Any]
REAL: Final = "real floating"
COMPLEX: Final = "complex floating"
WIDE: Final = ("float32", "float64", "complex64", "complex128")

# --- what is drawn --------------------------------------------------------------------


@st.composite
def _matrix(
    draw: st.DrawFn,
    kind: str,
    names: tuple[str, ...] = WIDE,
    least: int = 0,
    batch: tuple[int, ...] | None = None,
) -> Array:
    """Draw matrices: ``"any"`` shape, ``"square"`` ones or ``"hermitian"`` ones.

    The square ones are dominated by a diagonal with gaps, so that their condition is
    small, and eigenvalues and singular values differ.
    """
    name = draw(st.sampled_from(names))
    m = draw(st.integers(least, 4))
    n = draw(st.integers(least, 4)) if kind == "any" else m
    stack = (
        draw(st.sampled_from([(), (2,), (2, 1, 2), (0,)])) if batch is None else batch
    )
    parts = [
        draw(arrays((*stack, m, n), "int8", elements="smooth")).astype(np.float64)
        for _ in range(2)
    ]
    x: Array = parts[0] + (1j * parts[1] if "complex" in name else 0)
    x = x / 4 + 6 * np.eye(m, n) * np.arange(1, n + 1)
    if kind == "hermitian":
        x = (x + x.conj().swapaxes(-1, -2)) / 2
    return x.astype(name)


def _one(
    kind: str,
    options: st.SearchStrategy[dict[str, Any]] | None = None,
    **how: Any,
) -> Calls:
    given = st.just({}) if options is None else options
    return st.builds(lambda x, more: Call(x, **more), _matrix(kind, **how), given)


def _smooth(
    kind: str, options: st.SearchStrategy[dict[str, Any]] | None = None
) -> Calls:
    return _one(kind, options, names=("float64", "float32", "complex128"), least=1)


@st.composite
def _system(draw: st.DrawFn, kind: str = "square", least: int = 0) -> Call:
    x = draw(_matrix(kind, least=least))
    rows = x.shape[-2]
    shape = draw(st.sampled_from([(rows,), (rows, 2), (*x.shape[:-2], rows, 1)]))
    values = draw(arrays(shape, "int8", elements="smooth"))
    return Call(x, values.astype(x.dtype))


# --- how results are rounded ----------------------------------------------------------


def _condition(x: Array) -> float:
    if not x.size or x.ndim < 2:
        return 1.0
    return float(np.max(np.linalg.cond(x)))


def _solving(power: int = 1) -> Rounding:
    """Return the rounding of a solution: amplified by the condition."""

    def rounding(call: Any, result: Array) -> Terms:
        x = call.args[0]
        scale = _condition(x) ** power * float(np.max(magnitude(result), initial=0))
        return [("linear_solve", {"scale": scale, "length": max(1, *x.shape[-2:])})]

    return rounding


def _factoring(call: Any, result: Array) -> Terms:
    """Return the rounding of a backward stable factorization, or of its product."""
    x = call.args[0]
    largest = np.max(np.linalg.norm(x, axis=(-2, -1)), initial=0)
    scale = max(float(largest), 1.0)
    return [("spectral", {"scale": scale, "length": max(1, *x.shape[-2:])})]


def _norming(call: Any, result: Array) -> Terms:
    largest = float(np.max(magnitude(result), initial=0))
    return [("moments", {"scale": largest, "length": max(1, call.args[0].size)})]


# --- what does not depend on phases ---------------------------------------------------


# LAPACK's `gesdd`, NumPy's as PyTorch's, leaves the product of its factors off by up to
# 4.3 (n + 4) eps (of 60,000 random matrices of up to six rows), not by 0.7 as each
# factor: the product is compared as an eighth of it.
_PRODUCT: Final = 1 / 8


def _svd(x: Any, full_matrices: bool = True) -> Any:
    u, s, vh = um.linalg.svd(x, full_matrices=full_matrices)
    k = s.shape[-1]
    product = um.matmul(u[..., :k] * s[..., None, :], vh[..., :k, :])
    return s, product * _PRODUCT, um.matmul(u, u.mH), um.matmul(vh.mH, vh)


def _svd_oracle(x: Array, full_matrices: bool = True) -> Any:
    u, s, vh = np.linalg.svd(x, full_matrices=full_matrices)
    left, right = u.conj().swapaxes(-1, -2), vh.conj().swapaxes(-1, -2)
    return s, x * _PRODUCT, u @ left, right @ vh


def _qr(x: Any, mode: str = "reduced") -> Any:
    q, r = um.linalg.qr(x, mode=mode)  # type: ignore[arg-type]
    return um.matmul(q, r), um.matmul(q, q.mH), um.abs(r)


def _qr_oracle(x: Array, mode: Any = "reduced") -> Any:
    q, r = np.linalg.qr(x, mode=mode)
    return x, q @ q.conj().swapaxes(-1, -2), np.abs(r)


def _eigh(x: Any) -> Any:
    e, v = um.linalg.eigh(x)
    return e, um.square(um.abs(v))


def _eigh_oracle(x: Array) -> Any:
    e, v = np.linalg.eigh(x)
    return e, np.abs(v) ** 2


def _of_hermitian(oracle: Callable[..., Any]) -> Callable[..., Any]:
    """Return an oracle whose gradient is that of a Hermitian matrix."""

    def symmetric(x: Array) -> Any:
        return oracle((x + x.conj().swapaxes(-1, -2)) / 2)

    return symmetric


def _cholesky_oracle(x: Array) -> Array:
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        # Differences are also taken far away.
        return np.full_like(x, np.nan)


def _eig(x: Any) -> Any:
    e, v = um.linalg.eig(x)
    order = um.argmin(um.abs(um.real(e)[..., :, None] - _places(x, e)), axis=-2)
    place = (order[..., None] == um.arange(e.shape[-1]).to_backend(x.backend)).mT
    mask = place.astype(e.dtype)
    sizes = um.square(um.abs(v))
    return um.matmul(e[..., None, :], mask), um.matmul(sizes, um.real(mask))


def _places(x: Any, e: Any) -> Any:
    """Return about where the eigenvalues of dominated matrices lie."""
    n = e.shape[-1]
    steps = 6 * um.arange(1, n + 1).to_backend(x.backend)
    return steps.astype(um.real(e).dtype)


def _eig_oracle(x: Array) -> Any:
    e, v = np.linalg.eig(x)
    order = np.argsort(e.real, axis=-1)
    e = np.take_along_axis(e, order, -1).astype(complex)
    sizes = np.take_along_axis(np.abs(v) ** 2, order[..., None, :], -1)
    return e[..., None, :], sizes


def _eigvals(x: Any) -> Any:
    e = um.linalg.eigvals(x)
    return um.stack([um.sum(e, axis=-1), um.sum(e * e, axis=-1)])


def _eigvals_oracle(x: Array) -> Array:
    return np.stack(
        [np.trace(x, axis1=-2, axis2=-1), np.trace(x @ x, axis1=-2, axis2=-1)]
    ).astype(complex)


def _matrix_norm_oracle(x: Array, keepdims: bool = False, ord: Any = "fro") -> Array:
    if 0 in x.shape[-2:]:
        return np.zeros((*x.shape[:-2], 1, 1) if keepdims else x.shape[:-2])
    return np.asarray(np.linalg.norm(x, ord, axis=(-2, -1), keepdims=keepdims))


def _vector_norm_oracle(x: Array, ord: float = 2, **options: Any) -> Array:
    axis = options["axis"]
    axes = tuple(range(x.ndim)) if axis is None else axis
    kept = np.abs(x)
    if ord == 0:
        return np.asarray(np.sum(kept != 0, axis=axes, keepdims=options["keepdims"]))
    if ord == np.inf:
        return np.asarray(np.max(kept, axes, keepdims=options["keepdims"], initial=0))
    total = np.sum(kept**ord, axis=axes, keepdims=options["keepdims"])
    return np.asarray(total ** (1 / ord))


@st.composite
def _vector_norms(draw: st.DrawFn, smooth: bool = False) -> Call:
    name = draw(dtypes(REAL) if smooth else dtypes(REAL, COMPLEX))
    elements: Any = "smooth" if smooth else "moderate"
    x = draw(
        arrays(st.sampled_from([(3,), (2, 3), (2, 2, 2)]), name, elements=elements)
    )
    axis = draw(st.sampled_from([None, -1, tuple(range(x.ndim))]))
    powers = [2, 1, 3, 2.5, 0.5] if smooth else [2, 1, 0, np.inf, 3, 0.5]
    return Call(
        x, ord=draw(st.sampled_from(powers)), axis=axis, keepdims=draw(st.booleans())
    )


_NORMS: Final = st.builds(
    lambda ord, keepdims: {"ord": ord, "keepdims": keepdims},
    st.sampled_from(["fro", "nuc", 1, 2, np.inf]),
    st.booleans(),
)
_FULL: Final = st.builds(lambda full: {"full_matrices": full}, st.booleans())
_MODES: Final = st.sampled_from([{"mode": "reduced"}, {"mode": "complete"}])
_UPPER: Final = st.sampled_from([{"upper": True}, {"upper": False}])
_OFFSETS: Final = st.builds(lambda k: {"offset": k}, st.integers(-5, 5))


def _pinv_oracle(x: Array) -> Array:
    if 0 < np.max(np.abs(x.imag), initial=0) < 2.0**-200:
        # A complex step. It would go through singular values, which are no analytic
        # function and leave an error that is not that of the result.
        raise TypeError("no complex steps")
    return np.asarray(np.linalg.pinv(x, rcond=1e-7))


def _solve_oracle(x: Array, y: Array) -> Array:
    found = np.linalg.solve(x, y[:, None] if y.ndim == 1 else y)
    return np.asarray(found[..., 0] if y.ndim == 1 else found)


def _triangular(x: Any, y: Any, upper: bool) -> Any:
    right = y if y.ndim > 1 else y[:, None]
    return um.linalg.solve_triangular(x, right, upper=upper)


def _triangular_oracle(x: Array, y: Array, upper: bool) -> Array:
    half = np.triu(x) if upper else np.tril(x)
    return np.asarray(np.linalg.solve(half, y if y.ndim > 1 else y[:, None]))


def _lstsq_oracle(x: Array, y: Array) -> Array:
    right = y[:, None] if y.ndim == 1 else y
    found = _pinv_oracle(x) @ right
    return np.asarray(found[..., 0] if y.ndim == 1 else found)


def _power_calls(**how: Any) -> Calls:
    return st.builds(Call, _matrix("square", **how), st.integers(-2, 4))


def _length(*args: Any, **options: Any) -> int:
    return int(max((x.size for x in args if isinstance(x, np.ndarray)), default=1))


_FACTOR_GRADIENT: Final = whole_gradient(16)
"""32 eps of the largest element. With the matrices that are drawn here, 60 of each, the
worst were 12.2 (singular vectors, whose gradients grow with ‖A‖ / gap), 8.6 (cond) and
7 (eigenvalues) on one backend."""


def _inverse(oracle: Callable[[Array], Array]) -> Gradient:
    """Return the rounding of the gradient of an inverse, products of two of it."""
    return whole_gradient(16, lambda x: float(np.max(abs(oracle(x)), initial=0)) ** 2)


def _line(
    name: str,
    kind: str,
    rounding: Rounding,
    oracle: Any,
    function: Any = None,
    options: Any = None,
    smooth: Calls | None = None,
    least: int = 0,
    gradient: Gradient = _FACTOR_GRADIENT,
) -> Line:
    # The gradient is that of a Hermitian matrix, but one half is read: differences of
    # single elements disagree. tests/backend/test_linalg_gradients.py has order 2.
    half = "single elements of a Hermitian matrix do not vary alone"
    return Line(
        f"linalg.{name}",
        getattr(um.linalg, name) if function is None else function,
        _one(kind, options, least=least),
        rounding,
        oracle,
        _smooth(kind, options) if smooth is None else smooth,
        (0,),
        gradient,
        no_second=half if kind == "hermitian" else "",
    )


LINES: Final[list[Line]] = [
    _line("cholesky", "hermitian", _factoring, _of_hermitian(_cholesky_oracle)),
    _line("qr", "any", _factoring, _qr_oracle, _qr, _MODES),
    _line("svd", "any", _factoring, _svd_oracle, _svd, _FULL),
    _line("svdvals", "any", _factoring, lambda x: np.linalg.svd(x, compute_uv=False)),
    _line("eigh", "hermitian", _factoring, _eigh_oracle, _eigh),
    _line("eigvalsh", "hermitian", _factoring, _of_hermitian(np.linalg.eigvalsh)),
    _line("eig", "square", _factoring, _eig_oracle, _eig, least=1),
    _line("eigvals", "square", _solving(), _eigvals_oracle, _eigvals),
    _line("inv", "square", _solving(), np.linalg.inv, gradient=_inverse(np.linalg.inv)),
    _line("det", "square", _solving(), np.linalg.det),
    _line("slogdet", "square", _solving(), np.linalg.slogdet),
    _line("pinv", "any", _solving(2), _pinv_oracle, gradient=_inverse(_pinv_oracle)),
    _line("matrix_norm", "any", _norming, _matrix_norm_oracle, None, _NORMS),
    _line(
        "cond",
        "square",
        _solving(),
        np.linalg.cond,
        smooth=_smooth("square"),
    ),
    Line(
        "linalg.solve",
        um.linalg.solve,
        _system(),
        _solving(),
        _solve_oracle,
        _system(least=1),
        (0, 1),
        whole_gradient(),
    ),
    Line(
        "linalg.solve_triangular",
        _triangular,
        st.builds(lambda c, o: Call(*c.args, **o), _system(), _UPPER),
        _solving(),
        _triangular_oracle,
        st.builds(lambda c, o: Call(*c.args, **o), _system(least=1), _UPPER),
        (0, 1),
        whole_gradient(),
    ),
    Line(
        "linalg.lstsq",
        lambda x, y: um.linalg.lstsq(x, y).solution,
        _system("any"),
        _solving(2),
        _lstsq_oracle,
        _system("any", least=1),
        (0, 1),
        whole_gradient(),
    ),
    Line(
        "linalg.matrix_power",
        um.linalg.matrix_power,
        _power_calls(),
        _solving(3),
        np.linalg.matrix_power,
        _power_calls(least=1),
        (0,),
        whole_gradient(),
    ),
    Line(
        "linalg.matrix_rank",
        um.linalg.matrix_rank,
        _one("any"),
        EXACT,
        None,
        no_gradient="it counts",
    ),
    Line(
        "linalg.diagonal",
        um.linalg.diagonal,
        _one("any", _OFFSETS),
        EXACT,
        lambda x, offset: np.diagonal(x, offset, -2, -1),
        _smooth("any", _OFFSETS),
        (0,),
        linear_gradient(),
    ),
    Line(
        "linalg.trace",
        um.linalg.trace,
        _one("any", _OFFSETS),
        accumulated(lambda x, offset: np.trace(x, offset, -2, -1), _length),
        lambda x, offset: np.trace(x, offset, -2, -1),
        _smooth("any", _OFFSETS),
        (0,),
        linear_gradient(),
    ),
    Line(
        "linalg.vector_norm",
        um.linalg.vector_norm,
        _vector_norms(),
        _norming,
        _vector_norm_oracle,
        _vector_norms(smooth=True),
        (0,),
        whole_gradient(),
    ),
]
"""Every operation on matrices and vectors."""

METHODS: Final[list[Line]] = [
    Line(
        "Tensor.mH",
        lambda x: x.mH,
        _one("any"),
        EXACT,
        lambda x: x.conj().swapaxes(-1, -2),
        _smooth("any"),
        (0,),
        linear_gradient(),
    )
]
"""The properties of tensors that belong here."""
