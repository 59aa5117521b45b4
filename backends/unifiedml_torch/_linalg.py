"""Matrix factorizations and linear systems."""

from __future__ import annotations

import torch
from torch import Tensor

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
slogdet = torch.linalg.slogdet
solve = torch.linalg.solve


def _finite(x: Tensor) -> Tensor:
    # torch.linalg.eigh returns wrong numbers, not NaN, for a matrix with NaN.
    if not torch.isfinite(x).all():
        raise ValueError("the matrix is not finite")
    return x


def det(x: Tensor, /) -> Tensor:
    # The gradient of a singular matrix would be 0, which is wrong (pytorch#104675).
    value = torch.linalg.det(x)
    if not value.all():
        raise ValueError("the matrix is singular")
    return value


def eig(x: Tensor, /) -> tuple[Tensor, ...]:
    return torch.linalg.eig(_finite(x))


def eigvals(x: Tensor, /) -> Tensor:
    return torch.linalg.eigvals(_finite(x))


def eigh(x: Tensor, /) -> tuple[Tensor, ...]:
    return torch.linalg.eigh(_finite(x))


def eigvalsh(x: Tensor, /) -> Tensor:
    return torch.linalg.eigvalsh(_finite(x))


def qr(x: Tensor, complete: bool, /) -> tuple[Tensor, ...]:
    return torch.linalg.qr(_finite(x), mode="complete" if complete else "reduced")


def solve_triangular(x: Tensor, y: Tensor, upper: bool, /) -> Tensor:
    return torch.linalg.solve_triangular(x, y, upper=upper)


def svd(x: Tensor, /) -> tuple[Tensor, ...]:
    return torch.linalg.svd(_finite(x), full_matrices=False)


def svdvals(x: Tensor, /) -> Tensor:
    return torch.linalg.svdvals(_finite(x))
