"""Values where a kernel's own squares overflow or vanish, and signs of zeros."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

MODES = pytest.mark.parametrize("run", [lambda f: f, um.jit], ids=["eager", "program"])
COMPLEX = pytest.mark.parametrize("dtype", ["complex64", "complex128"])


def _parts(dtype: str) -> npt.NDArray[np.floating]:
    """Return magnitudes of any size; half of the least is still a normal number."""
    info = np.finfo(dtype)
    least, largest = 2 * info.tiny, info.max
    exponents = np.linspace(np.log2(least), np.log2(largest), 41)
    return np.asarray([1, least, largest, *np.exp2(exponents[1:-1])])


@MODES
@COMPLEX
def test_log_of_any_magnitude(backend: str, dtype: str, run) -> None:
    parts = _parts(dtype)
    # On the real axis, on the diagonal, and between them.
    z = np.concatenate([parts * way for way in (1, -1, 1j, 1 + 1j, 0.5 - 1j)])
    z = z.astype(dtype)
    found = run(um.log)(um.asarray(z)).numpy()
    expected = np.log(z.astype("complex128"))
    for part in (np.real, np.imag):
        assert_close(
            part(found),
            part(expected).astype(found.real.dtype),
            family="transcendental",
        )


@MODES
@COMPLEX
def test_the_root_is_continuous_on_each_side_of_its_cut(
    backend: str, dtype: str, run
) -> None:
    z = np.asarray([complex(-4, 0.0), complex(-4, -0.0)], dtype)
    assert run(um.sqrt)(um.asarray(z)).numpy().tolist() == [2j, -2j]


@MODES
def test_erf_far_out(backend: str, run) -> None:
    x = um.asarray(np.asarray([1e200, -1e200, 1e160, 40.0]))
    value, gradient = run(um.value_and_grad(lambda x: um.sum(um.erf(x))))(x)
    assert run(um.erf)(x).numpy().tolist() == [1, -1, 1, 1]
    assert float(value) == 2
    assert gradient.numpy().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_second_derivatives_of_the_gamma_function(backend: str, dtype: str) -> None:
    """Left of 0, too, where the trigamma function is that of 1 - x, reflected."""
    x = np.array([-20.25, -3.75, -1.5, -0.375, 0.25, 1.0, 2.5, 30.0], dtype)
    exact = [float(mpmath.psi(1, float(one))) for one in x]
    for function in (um.digamma, um.grad(lambda x: um.sum(um.lgamma(x)))):

        def total(x: um.Tensor, function: Any = function) -> um.Tensor:
            return um.sum(function(x))

        found = um.grad(total)(um.asarray(x))
        assert_close(
            found,
            np.array(exact),
            family="steep_gradient",
            scale=lambda y: y + 1,
            pair=False,
            dtype=dtype,
        )
        edges = um.grad(total)(
            um.tensor([0.0, -1.0, -2.0, um.inf, um.nan], dtype=dtype)
        )
        np.testing.assert_array_equal(edges, [um.inf, um.inf, um.inf, 0, um.nan])
