"""Values of linear algebra and of Fourier transforms against NumPy and SciPy.

Larger, more batched and worse conditioned operands than the parity table draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.fft
import scipy.linalg

import unifiedml as um
from unifiedml.testing import assert_close

L = um.linalg
Array = npt.NDArray[Any]

SIZES = (1, 2, 17, 64, 256)
BATCHES = ((), (3,), (2, 1, 2))
CONDITIONS = (1.0, 1e3, 1e6)


def matrix(n: int, condition: float, batch: tuple[int, ...] = (), seed: int = 0) -> Any:
    """Return matrices of norm 1 with singular values spread evenly in logarithm."""
    random = np.random.default_rng((seed, n))
    u, v = (np.linalg.qr(random.normal(size=(*batch, n, n)))[0] for _ in range(2))
    values = np.logspace(0, -np.log10(condition), n) if n > 1 else np.ones(1)
    return u * values @ v


def definite(n: int, condition: float, batch: tuple[int, ...] = ()) -> Any:
    """Return symmetric positive definite matrices of norm 1."""
    half = matrix(n, condition**0.5, batch)
    return half @ half.swapaxes(-1, -2)


def largest(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0.0))


SHAPES = [(n, ()) for n in SIZES] + [(5, batch) for batch in BATCHES[1:]]
square = pytest.mark.parametrize(("n", "batch"), SHAPES, ids=str)
conditions = pytest.mark.parametrize("condition", CONDITIONS)


@square
@conditions
def test_solve_and_inv(
    backend: str, n: int, batch: tuple[int, ...], condition: float
) -> None:
    x = matrix(n, condition, batch)
    y = np.random.default_rng(1).normal(size=(*batch, n, 2))
    for found, expected in (
        (L.solve(x_ := um.asarray(x), um.asarray(y)), np.linalg.solve(x, y)),
        (L.inv(x_), np.linalg.inv(x)),
    ):
        scale = condition * largest(expected)
        assert_close(found, expected, family="linear_solve", scale=scale, length=n)


@square
@conditions
def test_determinants(
    backend: str, n: int, batch: tuple[int, ...], condition: float
) -> None:
    x = matrix(n, condition, batch) * 2
    sign, log = L.slogdet(um.asarray(x))
    wanted = np.linalg.slogdet(x)
    assert np.array_equal(sign.numpy(), wanted.sign)
    scale = condition * max(1.0, largest(wanted.logabsdet))
    how: dict[str, Any] = {"family": "linear_solve", "length": n}
    assert_close(log, wanted.logabsdet, scale=scale, **how)
    if n < 256:  # a product of 256 factors leaves the range of numbers
        expected = np.linalg.det(x)
        scale = condition * largest(expected)
        assert_close(L.det(um.asarray(x)), expected, scale=scale, **how)


@square
@conditions
def test_singular_and_eigenvalues(
    backend: str, n: int, batch: tuple[int, ...], condition: float
) -> None:
    how: dict[str, Any] = {"family": "spectral", "scale": 1.0, "length": n}
    x, symmetric = matrix(n, condition, batch), definite(n, condition, batch)
    values = np.linalg.svd(x, compute_uv=False)
    assert_close(L.svdvals(um.asarray(x)), values, **how)
    e, v = L.eigh(um.asarray(symmetric))
    assert_close(e, np.linalg.eigvalsh(symmetric), **how)
    assert_close(um.matmul(v * e[..., None, :], v.mT), symmetric, **how)
    u, s, vh = L.svd(um.asarray(x))
    assert_close(um.matmul(u * s[..., None, :], vh), x, **how)
    q, r = L.qr(um.asarray(x))
    assert_close(um.matmul(q, r), x, **how)
    assert_close(um.matmul(q.mT, q), np.broadcast_to(np.eye(n), x.shape), **how)
    assert largest(np.tril(r.numpy(), -1)) == 0


@square
@conditions
def test_cholesky(
    backend: str, n: int, batch: tuple[int, ...], condition: float
) -> None:
    x = definite(n, condition, batch)
    # Of the product, not of the factor, which is as sensitive as the matrix is.
    factor = L.cholesky(um.asarray(x))
    how: dict[str, Any] = {"family": "spectral", "length": n}
    assert_close(um.matmul(factor, factor.mT), x, scale=1.0, **how)
    assert_close(factor, np.linalg.cholesky(x), scale=condition, **how)


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (2, 9, 3)], ids=str)
def test_least_squares(backend: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=shape), random.normal(size=(*shape[:-1], 2))
    inverse = np.linalg.pinv(x)
    squared = float(np.max(np.linalg.cond(x))) ** 2
    for found, expected in (
        (L.pinv(um.asarray(x)), inverse),
        (L.lstsq(um.asarray(x), um.asarray(y)).solution, inverse @ y),
    ):
        scale = squared * largest(expected)
        how: dict[str, Any] = {"family": "linear_solve", "length": max(shape)}
        assert_close(found, expected, scale=scale, **how)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("upper", [False, True])
def test_solve_triangular(backend: str, n: int, upper: bool) -> None:
    factor = np.linalg.cholesky(definite(n, 1e3))
    x = factor.T.copy() if upper else factor
    y = np.random.default_rng(2).normal(size=(n, 3))
    expected = scipy.linalg.solve_triangular(x, y, lower=not upper)
    found = L.solve_triangular(um.asarray(x), um.asarray(y), upper=upper)
    scale = float(np.linalg.cond(x)) * largest(expected)
    assert_close(found, expected, family="linear_solve", scale=scale, length=n)


# --- eight dimensions -----------------------------------------------------------------

EIGHT = (2, 1, 2, 1, 2, 1, 3, 3)


@pytest.mark.parametrize(
    "name", ["inv", "det", "svdvals", "eigvalsh", "cholesky", "pinv", "trace"]
)
def test_stacks_of_eight_dimensions(backend: str, name: str) -> None:
    x = definite(3, 10.0, EIGHT[:6])
    numpy: dict[str, Callable[[Array], Any]] = {
        "svdvals": lambda x: np.linalg.svd(x, compute_uv=False),
        "trace": lambda x: np.trace(x, axis1=-2, axis2=-1),
    }
    expected = numpy[name](x) if name in numpy else getattr(np.linalg, name)(x)
    found = getattr(L, name)(um.asarray(x))
    scale = 100 * max(1.0, largest(expected))
    assert_close(found, expected, family="linear_solve", scale=scale, length=3)


def test_products_of_eight_dimensions(backend: str) -> None:
    random = np.random.default_rng(4)
    x, y = random.normal(size=EIGHT), random.normal(size=(3, 2, 1, 2, 1, 3, 2))
    how: dict[str, Any] = {"family": "accumulation", "length": 3}
    scale = np.matmul(abs(x), abs(y))
    assert_close(um.matmul(um.asarray(x), um.asarray(y)), x @ y, scale=scale, **how)
    formula = "abcdefgh,abcdefhi->gi"
    z = random.normal(size=EIGHT)
    scale = np.einsum(formula, abs(x), abs(z))
    found = um.einsum(formula, um.asarray(x), um.asarray(z))
    expected = np.einsum(formula, x, z)
    assert_close(found, expected, family="accumulation", scale=scale, length=24)


# --- Fourier transforms ---------------------------------------------------------------

LENGTHS = (1, 2, 3, 31, 127, 128, 1009, 1024, 4093, 4096)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_transforms_of_any_length(backend: str, name: str, n: int) -> None:
    random = np.random.default_rng(n)
    real = name in ("rfft", "ihfft")
    count = n // 2 + 1 if name in ("irfft", "hfft") else n
    x = random.normal(size=(2, count))
    if not real:
        x = x + 1j * random.normal(size=(2, count))
    expected = getattr(scipy.fft, name)(x, n=n)
    found = getattr(um.fft, name)(um.asarray(x), n=n)
    scale = np.sum(np.abs(x), axis=-1, keepdims=True)
    if name in ("irfft", "hfft"):
        scale = 2 * scale  # the half that is not stored
    if name in ("ifft", "irfft", "ihfft"):
        scale = scale / n
    assert_close(found, expected, family="fft", scale=scale, length=n)


@pytest.mark.parametrize("axes", [(0,), (-1, 0), (0, 1, 2), (3, 1), None], ids=str)
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn"])
def test_transforms_of_several_axes(
    backend: str, name: str, axes: tuple[int, ...] | None
) -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=(4, 3, 5, 8))
    y = x if name == "rfftn" else x + 1j * random.normal(size=x.shape)
    expected = getattr(scipy.fft, name)(y, axes=axes)
    found = getattr(um.fft, name)(um.asarray(y), axes=axes)
    over = tuple(range(4)) if axes is None else axes
    length = int(np.prod([x.shape[axis] for axis in over]))
    # The largest sum of magnitudes, of all the elements that are transformed.
    scale = float(np.max(np.sum(np.abs(y), axis=over)))
    if name == "ifftn":
        scale /= length
    assert_close(found, expected, family="fft", scale=scale, length=length)
