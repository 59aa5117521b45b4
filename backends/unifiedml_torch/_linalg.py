"""Matrix factorizations and linear systems."""

from __future__ import annotations

import torch
from torch import Tensor

from unifiedml_torch._tracing import is_traced

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

cholesky = torch.linalg.cholesky


def _finite(x: Tensor) -> Tensor:
    # torch.linalg.eigh returns wrong numbers, not NaN, for a matrix with NaN.
    if is_traced(x) and x.is_cuda:
        # An assertion would end the process. No kernel takes NaN all over for numbers.
        return x + (x.detach() * 0).sum((-2, -1), keepdim=True)
    if is_traced(x):
        torch._assert_async(torch.isfinite(x).all())
    elif not torch.isfinite(x).all():
        raise ValueError("the matrix is not finite")
    return x


def det(x: Tensor, /) -> Tensor:
    # The gradient of a singular matrix would be 0, which is wrong (pytorch#104675).
    value = torch.linalg.det(x)
    if not is_traced(x) and not value.all():
        raise ValueError("the matrix is singular")
    return value


def _unit(x: Tensor) -> Tensor:
    """Return the power of two that makes the largest element about 1.

    The derivatives by singular vectors divide by differences of S², which leave the
    range of numbers, and have a diagonal that vanishes but for rounding (of complex
    vectors, of `eig` too) which is proportional to the matrix: of 1e6, it would
    outweigh the rest by 1e12 eps.
    """
    if not x.numel():
        return x.new_ones((1, 1), dtype=x.abs().dtype)
    largest = x.detach().abs().amax((-2, -1), keepdim=True)
    largest = largest.clamp(min=torch.finfo(x.dtype).tiny)
    # Exact; torch.ldexp computes the power in float32.
    return largest / (2 * torch.frexp(largest).mantissa)


def eig(x: Tensor, /) -> tuple[Tensor, ...]:
    unit = _unit(_finite(x))
    e, v = torch.linalg.eig(x / unit)
    return e * unit[..., 0], v


def eigvals(x: Tensor, /) -> Tensor:
    return torch.linalg.eigvals(_finite(x))


def eigh(x: Tensor, /) -> tuple[Tensor, ...]:
    return torch.linalg.eigh(_finite(x))


def eigvalsh(x: Tensor, /) -> Tensor:
    return torch.linalg.eigvalsh(_finite(x))


def qr(x: Tensor, complete: bool, /) -> tuple[Tensor, ...]:
    return torch.linalg.qr(_finite(x), mode="complete" if complete else "reduced")


def slogdet(x: Tensor, /) -> tuple[Tensor, ...]:
    sign, log = torch.linalg.slogdet(x)
    # The sign of a determinant that is NaN would be 0.
    return torch.where(torch.isnan(log), sign * log.detach(), sign), log


def solve(x: Tensor, y: Tensor, /) -> Tensor:
    return torch.linalg.solve(_finite(x), y)


def solve_triangular(x: Tensor, y: Tensor, upper: bool, /) -> Tensor:
    return torch.linalg.solve_triangular(x, y, upper=upper)


def svd(x: Tensor, /) -> tuple[Tensor, ...]:
    unit = _unit(_finite(x))
    u, s, vh = torch.linalg.svd(x / unit, full_matrices=False)
    return u, s * unit[..., 0], vh


def svdvals(x: Tensor, /) -> Tensor:
    return torch.linalg.svdvals(_finite(x))
