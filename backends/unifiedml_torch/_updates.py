"""Kernels that make the steps of optimizers in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import torch
from torch import Tensor

__all__ = ["fused"]


def _adam(
    ws: list[Tensor],
    gradients: list[Tensor],
    ms: list[Tensor],
    vs: list[Tensor],
    rate: Tensor,
    epsilon: Tensor,
    beta_1: float,
    beta_2: float,
    decay: Tensor | None,
    skip: Tensor | None,
) -> None:
    if decay is not None:
        if skip is None:
            torch._foreach_mul_(ws, float(decay))
        else:
            torch._foreach_mul_(ws, torch.where(skip, 1.0, decay.to(skip.device)))
    torch._fused_adam_(
        ws,
        # The kernel goes through all as they lie in memory, whatever their strides say.
        [g.contiguous() for g in gradients],
        ms,
        vs,
        [],
        [_done(ws[0].device)] * len(ws),
        lr=float(rate),
        beta1=beta_1,
        beta2=beta_2,
        weight_decay=0.0,
        eps=float(epsilon),
        amsgrad=False,
        maximize=False,
        grad_scale=None,
        found_inf=None if skip is None else skip.to(torch.float32),
    )


@cache
def _done(device: torch.device) -> Tensor:
    """Return so many steps that the kernel corrects the moments for them no more.

    The rate and epsilon that it is given are corrected already.
    """
    return torch.tensor(1e30, device=device)


fused: Final[Mapping[str, Callable[..., None]]] = {"adam": _adam}
