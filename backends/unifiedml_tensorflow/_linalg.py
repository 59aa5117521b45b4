"""Matrix factorizations and linear systems.

TensorFlow's derivatives of the factorizations replace ``1 / x`` by
``x / (x**2 + 1e-20)``, which is wrong for small gaps between eigenvalues or singular
values, and those of determinants are wrong for complex numbers. The ones written here
are differentiable in turn.

References:
    M. B. Giles, An extended collection of matrix derivative results for forward and
    reverse mode algorithmic differentiation, 2008. C. Boeddeker et al., On the
    computation of complex-valued gradients with application to statistically optimum
    beamforming, arXiv:1701.00392, 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from unifiedml_tensorflow._elementwise import isfinite, where
from unifiedml_tensorflow._import import kernel, tf

__all__ = [
    "cholesky",
    "det",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
]

Tensor = Any
Pull = Callable[[Tensor, Sequence[Tensor], Sequence[Tensor]], Tensor]

_band_part = kernel(tf.raw_ops.MatrixBandPart)
_cholesky = kernel(tf.raw_ops.Cholesky)
_det = kernel(tf.raw_ops.MatrixDeterminant)
_eig = kernel(tf.raw_ops.Eig)
_eigh = kernel(tf.raw_ops.SelfAdjointEigV2)
_qr = kernel(tf.raw_ops.Qr)
_slogdet = kernel(tf.raw_ops.LogMatrixDeterminant)
_solve = kernel(tf.raw_ops.MatrixSolve)
_solve_triangular = kernel(tf.raw_ops.MatrixTriangularSolve)
_svd = kernel(tf.raw_ops.Svd)

_conj = tf.math.conj
_diagonal = tf.linalg.diag
_diagonal_part = tf.linalg.diag_part
_inverse = tf.linalg.inv
_product = tf.linalg.matmul
_real = tf.math.real

_COMPLEX = {tf.float32: tf.complex64, tf.float64: tf.complex128}


def _require(condition: Tensor, reason: str) -> None:
    """Raise unless all of ``condition`` holds."""
    tf.debugging.Assert(tf.reduce_all(condition), [reason])


def _finite(x: Tensor) -> Tensor:
    # Some kernels raise, others return NaN.
    _require(isfinite(x), "the matrix is not finite")
    return x


def _with_pull(forward: Callable[[Tensor], Any], pull: Pull, x: Tensor) -> Any:
    """Return ``forward(x)``, whose gradient is ``pull(x, outputs, cotangents)``."""
    outputs: list[Any] = []

    @tf.custom_gradient
    def run(x: Tensor) -> tuple[Any, Any]:
        # For higher derivatives, the outputs are those that were recorded.
        return forward(x), lambda *cotangents: pull(x, outputs[0], cotangents)

    outputs.append(run(x))
    return outputs[0]


def _wide(x: Tensor) -> Tensor:
    """Return numbers of a diagonal as factors of columns."""
    return x[..., None, :]


def _like(x: Tensor, dtype: Any) -> Tensor:
    """Convert real numbers; the gradient of a cast would warn of discarded parts."""
    return tf.complex(x, tf.zeros_like(x)) if dtype.is_complex else x


def _gaps(values: Tensor) -> Tensor:
    """Return ``1 / (values[j] - values[i])`` at ``(i, j)``, 0 where they are equal."""
    gaps = values[..., None, :] - values[..., :, None]
    equal = gaps == 0
    return where(equal, tf.zeros_like(gaps), 1 / where(equal, tf.ones_like(gaps), gaps))


# --- determinants and systems ---------------------------------------------------------


def det(x: Tensor, /) -> Tensor:
    def pull(x: Tensor, value: Tensor, cotangents: Sequence[Tensor]) -> Tensor:
        factor = cotangents[0] * _conj(value)
        return factor[..., None, None] * _inverse(x, adjoint=True)

    # Where a determinant is 0 there is no inverse.
    value = _with_pull(_det, pull, x)
    _require(value != 0, "the matrix is singular")
    return value


def slogdet(x: Tensor, /) -> tuple[Tensor, ...]:
    def forward(x: Tensor) -> tuple[Tensor, ...]:
        sign, log = _slogdet(x)
        return sign, _real(log)

    def pull(
        x: Tensor, values: Sequence[Tensor], cotangents: Sequence[Tensor]
    ) -> Tensor:
        factor = _like(cotangents[1], x.dtype)
        if x.dtype.is_complex:
            turn = tf.math.imag(_conj(cotangents[0]) * values[0])
            factor -= tf.complex(tf.zeros_like(turn), turn)
        # A singular matrix has no inverse, and its gradient is not specified.
        regular = (values[0] != 0)[..., None, None]
        safe = where(regular, x, tf.eye(x.shape[-1], dtype=x.dtype))
        return factor[..., None, None] * _inverse(safe, adjoint=True)

    return _with_pull(forward, pull, x)


def cholesky(x: Tensor, /) -> Tensor:
    # Where it fails, the kernel returns NaN, complex ones zeros, and unwritten memory.
    factor = _cholesky(_finite(x))
    _require(_real(_diagonal_part(factor)) > 0, "the matrix is not positive definite")
    return _band_part(factor, -1, 0)


def solve(x: Tensor, y: Tensor, /) -> Tensor:
    return _solve(_finite(x), y)


def solve_triangular(x: Tensor, y: Tensor, upper: bool, /) -> Tensor:
    return _solve_triangular(x, y, not upper)


def qr(x: Tensor, complete: bool, /) -> tuple[Tensor, ...]:
    return tuple(_qr(_finite(x), complete))


# --- eigenvalues and singular values --------------------------------------------------


def eigh(x: Tensor, /) -> tuple[Tensor, ...]:
    def forward(x: Tensor) -> tuple[Tensor, ...]:
        e, v = _eigh(x)
        return _real(e), v

    def pull(
        x: Tensor, values: Sequence[Tensor], cotangents: Sequence[Tensor]
    ) -> Tensor:
        e, v = values
        middle = _like(_gaps(e), v.dtype) * _product(v, cotangents[1], adjoint_a=True)
        middle += _diagonal(_like(cotangents[0], v.dtype))
        return _product(v, _product(middle, v, adjoint_b=True))

    return _with_pull(forward, pull, _finite(x))


def eigvalsh(x: Tensor, /) -> Tensor:
    return eigh(x)[0]


def eig(x: Tensor, /) -> tuple[Tensor, ...]:
    def forward(x: Tensor) -> tuple[Tensor, ...]:
        return tuple(_eig(x, _COMPLEX.get(x.dtype, x.dtype)))

    def pull(
        x: Tensor, values: Sequence[Tensor], cotangents: Sequence[Tensor]
    ) -> Tensor:
        e, v = values
        turned = _product(v, cotangents[1], adjoint_a=True)
        lengths = _like(_real(_diagonal_part(turned)), v.dtype)
        turned -= _product(v, v, adjoint_a=True) * _wide(lengths)
        middle = _diagonal(cotangents[0]) + _conj(_gaps(e)) * turned
        adjoint = tf.linalg.adjoint(v)
        gradient = _solve(adjoint, _product(middle, adjoint))
        return gradient if x.dtype.is_complex else _real(gradient)

    return _with_pull(forward, pull, _finite(x))


def eigvals(x: Tensor, /) -> Tensor:
    return eig(x)[0]


def svd(x: Tensor, /) -> tuple[Tensor, ...]:
    def forward(x: Tensor) -> tuple[Tensor, ...]:
        s, u, v = _svd(x)
        return u, _real(s), tf.linalg.adjoint(v)

    return _with_pull(forward, _pull_svd, _finite(x))


def _pull_svd(
    x: Tensor, values: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> Tensor:
    u, s, vh = values
    gu, gs, gvh = cotangents
    left = _product(u, gu, adjoint_a=True)
    right = _product(vh, gvh, adjoint_b=True)
    scale = _like(s, x.dtype)
    inverse = where(scale == 0, scale, 1 / where(scale == 0, 1 + scale, scale))
    # s[j]² - s[i]² would leave the range of numbers: its two factors.
    rows, columns = scale[..., :, None], _wide(scale)
    sums = where(rows + columns == 0, 1 + 0 * (rows + columns), rows + columns)
    middle = _skew(left) * (columns / sums) + (rows / sums) * _skew(right)
    middle *= _like(_gaps(s), x.dtype)
    if x.dtype.is_complex:
        middle += _diagonal(_diagonal_part(_skew(left)) * inverse / 2)
    middle += _diagonal(_like(gs, x.dtype))
    gradient = _product(u, _product(middle, vh))
    # What leaves the space of the singular vectors, where they do not span it all.
    if u.shape[-2] > u.shape[-1]:
        beside = (gu - _product(u, left)) * _wide(inverse)
        gradient += _product(beside, vh)
    if vh.shape[-1] > vh.shape[-2]:
        gradient += _product(
            u * _wide(inverse), gvh - _product(right, vh, adjoint_a=True)
        )
    return gradient


def _skew(x: Tensor) -> Tensor:
    return x - tf.linalg.adjoint(x)


def svdvals(x: Tensor, /) -> Tensor:
    return svd(x)[1]
