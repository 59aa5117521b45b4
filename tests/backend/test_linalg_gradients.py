"""First and second derivatives of linear algebra, against differences in float64.

Complex matrices are made of two real ones, by which everything is differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close, assert_parity, numeric_vjp
from unifiedml.testing._gradients import random_cotangent

L = um.linalg
Tensor = um.Tensor
GAPS = 3 * np.diag([1.0, 2.0, 3.0])


def square_modulus(x: Tensor) -> Tensor:
    return um.square(um.real(x)) + um.square(um.imag(x) if is_complex(x) else 0 * x)


def is_complex(x: Tensor) -> bool:
    return x.dtype.kind == "complex"


def invariants(*parts: Tensor) -> Tensor:
    """Return one real vector of real numbers and the parts of complex ones."""
    flat = []
    for part in parts:
        flat.append(um.reshape(um.real(part), (-1,)))
        if is_complex(part):
            flat.append(um.reshape(um.imag(part), (-1,)))
    return um.concat(flat)


def hermitian(x: Tensor) -> Tensor:
    return x + x.mH


def eig(x: Tensor) -> Tensor:
    e, v = L.eig(x)
    return um.concat(
        [
            invariants(um.sum(e**3)),
            um.sum(um.real(e)[None, :] * square_modulus(v), axis=1),
        ]
    )


def qr(x: Tensor) -> Tensor:
    q, r = L.qr(x)
    complete = L.qr(x[:, :2], mode="complete").Q
    return invariants(
        square_modulus(r),
        um.matmul(q[:, :2], q[:, :2].mH),
        complete[:, 2:] @ complete[:, 2:].mH,
    )


def svd(x: Tensor) -> Tensor:
    u, s, vh = L.svd(x[:, :2])
    wide = L.svd(x[:2, :])
    return invariants(
        s,
        um.matmul(u[:, :1], u[:, :1].mH),
        um.matmul(u[:, :1], vh[:1, :]),
        um.matmul(u[:, 2:], u[:, 2:].mH),
        um.matmul(wide.Vh[2:].mH, wide.Vh[2:]),
    )


def eigh(x: Tensor) -> Tensor:
    e, v = L.eigh(hermitian(x))
    return invariants(e, um.matmul(v[:, :1], v[:, :1].mH))


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "cholesky": lambda x: invariants(L.cholesky(x @ x.mH)),
    "det": lambda x: invariants(L.det(x)),
    "eig": eig,
    "eigh": eigh,
    "eigvals": lambda x: invariants(um.sum(L.eigvals(x) ** 3)),
    "eigvalsh": lambda x: L.eigvalsh(hermitian(x)),
    "inv": lambda x: invariants(L.inv(x)),
    "lstsq": lambda x: invariants(L.lstsq(x[:, :2], x[:, 2]).solution),
    "matrix_power": lambda x: invariants(L.matrix_power(x, -2)),
    "nuclear norm": lambda x: L.matrix_norm(x, ord="nuc")[None],
    "pinv": lambda x: invariants(L.pinv(x[:, :2]), L.pinv(x[:2])),
    "pinv of rank 2": lambda x: invariants(L.pinv(x[:, :2] @ x[:2, :])),
    "qr": qr,
    "slogdet": lambda x: invariants(*L.slogdet(x)),
    "solve": lambda x: invariants(L.solve(x, x[:, 0] * x[0])),
    "solve_triangular": lambda x: invariants(
        L.solve_triangular(x, x, upper=True, left=False)
    ),
    "svd": svd,
    "svdvals": lambda x: L.svdvals(x),
    "vector_norm": lambda x: invariants(
        L.vector_norm(x, axis=0), L.vector_norm(x, ord=3)
    ),
    "fft": lambda x: invariants(
        um.fft.fft(x, n=4, axis=0), um.fft.ifft(x, norm="ortho")
    ),
    "fftn": lambda x: invariants(um.fft.fftn(x) ** 2, um.fft.hfft(x, n=5)),
    "rfft": lambda x: invariants(um.fft.rfft(um.real(x), n=5) ** 2),
    "irfft": lambda x: invariants(um.fft.irfft(x, n=4) ** 2, um.fft.irfft(x, n=5)),
    "einsum": lambda x: invariants(um.einsum("ij,jk,ki->i", x, x, x)),
}


def matrix(x: Tensor, y: Tensor | None) -> Tensor:
    return x if y is None else x.astype("complex128") + 1j * y.astype("complex128")


def operands(seed: int, complex_: bool) -> list[Any]:
    random = np.random.default_rng(seed)
    parts = [GAPS + random.uniform(-1, 1, (3, 3))]
    return [*parts, random.uniform(-1, 1, (3, 3))] if complex_ else parts


CASES = [(name, kind) for name in FUNCTIONS for kind in (False, True)]


@pytest.mark.parametrize(("name", "complex_"), CASES)
def test_derivatives(backend: str, name: str, complex_: bool) -> None:
    function = FUNCTIONS[name]
    start = operands(1, complex_)
    along = [random_cotangent((3, 3), "float64", 7 + n) / 4 for n in range(len(start))]
    args = [um.asarray(x) for x in start]
    places = tuple(range(len(args)))

    def value(*parts: Tensor) -> Tensor:
        return function(matrix(parts[0], parts[1] if complex_ else None))

    cotangent = random_cotangent(value(*args).shape, "float64", 1)

    def weighted(*parts: Tensor) -> Tensor:
        return um.sum(value(*parts) * cotangent)

    def slope(*parts: Tensor) -> Tensor:
        gradients = um.grad(weighted, places)(*parts)
        terms = [um.sum(one * e) for one, e in zip(gradients, along, strict=True)]
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    def curvature(*parts: Tensor) -> Tensor:
        gradients = um.grad(slope, places)(*parts)
        terms = [um.sum(one * e) for one, e in zip(gradients, along, strict=True)]
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    for function_, derivative in ((weighted, slope), (slope, curvature)):

        def moved(t: Any, function_: Any = function_) -> Any:
            parts = [x + float(t) * e for x, e in zip(start, along, strict=True)]
            return function_(*map(um.asarray, parts)).numpy()

        (wanted,) = numeric_vjp(moved, [0.0], 1.0)
        size = np.abs(wanted.value) + np.sum(np.abs(cotangent))
        assert_close(
            derivative(*args),
            wanted.value,
            family="network",
            scale=size,
            length=64,
            oracle_error=wanted.error,
        )


# --- the imperative style: each result is an operation of its own ---------------------


def test_backward_through_several_results(backend: str) -> None:
    values = operands(2, False)[0]
    x = um.tensor(values, requires_grad=True)
    u, s, vh = L.svd(x)
    um.sum(u * s @ vh).backward()
    assert_close(x.grad, np.ones((3, 3)), family="network", scale=1.0, length=4)


def test_backward_twice(backend: str) -> None:
    x = um.tensor(operands(2, False)[0], requires_grad=True)
    sign, log = L.slogdet(x)
    (sign * log).backward(create_graph=True)
    first = x.grad
    assert first is not None
    x.grad = None
    um.sum(first * first).backward()

    def squared(x: Tensor) -> Tensor:
        gradient = um.grad(lambda y: L.slogdet(y).sign * L.slogdet(y).logabsdet)(x)
        return um.sum(um.square(gradient))

    wanted = um.grad(squared)(x.detach())
    assert_close(x.grad, wanted, family="network", scale=1.0, length=4)
    x.grad = None


def test_results_are_freed_together(backend: str) -> None:
    x = um.tensor(operands(2, False)[0], requires_grad=True)
    e, v = L.eigh(x + x.mT)
    um.sum(e).backward()
    with pytest.raises(RuntimeError):
        um.sum(v**4).backward()


def test_a_tape_records_several_results(backend: str) -> None:
    x = um.tensor([[2.0, 0.0], [0.0, 3.0]])
    with um.GradientTape() as tape:
        tape.watch(x)
        q, r = L.qr(x)
        y = um.sum(q @ r * um.tensor([[1.0, 2.0], [3.0, 4.0]]))
    wanted = np.asarray([[1, 2], [3, 4]], dtype=np.float32)
    assert_close(tape.gradient(y, x), wanted, family="network", scale=4.0)


# --- determinants of singular matrices ------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_second_derivatives_of_a_singular_determinant(backend: str, rank: int) -> None:
    singular = np.diag([2.0, 3.0, 5.0]) * (np.arange(3) < rank)
    # Its determinant is exactly 0, which that of a product would not be.
    x = um.asarray(np.stack([singular[[1, 2, 0]], GAPS + np.ones((3, 3))]))
    weights = random_cotangent((2, 3, 3), "float64", 3)

    def directed(x: Tensor) -> Tensor:
        return um.sum(um.grad(lambda y: um.sum(L.det(y)))(x) * weights)

    def adjugate(x: Any) -> Any:
        rows = [[1, 2], [0, 2], [0, 1]]
        return np.stack(
            [
                np.stack(
                    [
                        (-1) ** (i + j)
                        * np.linalg.det(x[..., rows[i], :][..., rows[j]])
                        for j in range(3)
                    ],
                    axis=-1,
                )
                for i in range(3)
            ],
            axis=-2,
        )

    first = um.grad(lambda y: um.sum(L.det(y)))(x)
    # At the singular matrix, differences would leave it for regular ones only.
    assert_close(first, adjugate(x.numpy()), family="network", scale=300.0)
    second = um.grad(directed)(x)
    (wanted,) = numeric_vjp(adjugate, [x.numpy()], weights)
    assert_close(
        second, wanted.value, family="network", scale=300.0, oracle_error=wanted.error
    )


# --- what differences of well scaled matrices do not show -----------------------------


@pytest.mark.parametrize("shape", [(3, 5, 2), (3, 2, 5), (2, 2, 4, 3)])
def test_singular_vectors_of_batches(shape: tuple[int, ...]) -> None:
    def without_signs(x: um.Tensor) -> tuple[um.Tensor, ...]:
        u, s, vh = um.linalg.svd(x, full_matrices=False)
        return u * u, s, vh * vh

    assert_parity(without_signs, np.random.default_rng(0).normal(size=shape))


@pytest.mark.parametrize("dtype", ["float32", "complex64", "complex128"])
@pytest.mark.parametrize("size", [1e-25, 1.0, 1e6, 1e25])
def test_gradient_by_singular_vectors_of_any_size(
    backend: str, dtype: str, size: float
) -> None:
    # The product of the factors is the matrix: its gradient is the cotangent.
    start = size * np.array([[6.25, 0.25], [0.5j if dtype[0] == "c" else 0.5, 12.25]])
    cotangent = random_cotangent((2, 2), dtype, 1)

    def loss(x: Tensor) -> Tensor:
        u, s, vh = L.svd(x)
        return um.sum(um.real(um.matmul(u * s.astype(dtype), vh) * cotangent))

    found = um.grad(loss)(um.asarray(start.astype(dtype)))
    assert_close(found, cotangent.conj(), family="network", scale=4, length=16)


def test_gradient_of_a_complex_cholesky_is_hermitian(backend: str) -> None:
    cotangent = random_cotangent((1, 1), "complex128", 1)

    def loss(x: Tensor) -> Tensor:
        return um.sum(um.real(L.cholesky(x) * cotangent))

    # d√x = dx / 2√x, and the imaginary part of a diagonal is no operand.
    found = um.grad(loss)(um.asarray(np.array([[4.0 + 0j]])))
    assert_close(found, cotangent.real.astype(complex) / 4, family="network", scale=1)


@pytest.mark.parametrize("name", ["cholesky", "eigvalsh"])
def test_the_upper_half_is_not_read(backend: str, name: str) -> None:
    x = um.asarray(np.array([[4.0, 1e30], [2.0, 5.0]]))
    expected = getattr(np.linalg, name)(np.array([[4.0, 2.0], [2.0, 5.0]]))
    found = getattr(L, name)(x)
    assert_close(found, expected, family="spectral", scale=7, length=2)
