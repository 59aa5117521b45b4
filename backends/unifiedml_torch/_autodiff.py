"""Gradients by torch.autograd."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Final

import torch
from torch import Tensor

# How many tapes are entered: gradients are recorded while one is.
_depth: ContextVar[int] = ContextVar("unifiedml_torch_tapes", default=0)


def stop_gradient(x: Tensor, /) -> Tensor:
    return x.detach()


class Tape:
    """Watched tensors are autograd leaves, or views of tensors of an outer tape."""

    def __init__(self, persistent: bool) -> None:
        self._persistent = persistent

    def __enter__(self) -> Tape:
        self._mode = torch.enable_grad()
        self._mode.__enter__()
        self._token = _depth.set(_depth.get() + 1)
        return self

    def __exit__(self, *exception: object) -> None:
        _depth.reset(self._token)
        self._mode.__exit__(None, None, None)

    def watch(self, x: Tensor, /) -> Tensor:
        # A view is a new node behind which an outer tape still finds x.
        return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()

    def gradient(
        self,
        outputs: Sequence[Tensor],
        inputs: Sequence[Tensor],
        cotangents: Sequence[Tensor],
    ) -> list[Tensor]:
        nested = _depth.get() > 0
        kept = [
            (y, g) for y, g in zip(outputs, cotangents, strict=True) if y.requires_grad
        ]
        if not kept:
            return [torch.zeros_like(x) for x in inputs]
        found = torch.autograd.grad(
            [y for y, _ in kept],
            list(inputs),
            [g for _, g in kept],
            retain_graph=self._persistent or nested,
            create_graph=nested,
            allow_unused=True,
            materialize_grads=True,
        )
        return list(found)


tape = Tape


class _Engine:
    """``requires_grad`` and ``backward()`` are PyTorch's own."""

    def leaf(self, x: Tensor, /) -> Tensor:
        return x.detach().requires_grad_()

    def is_recorded(self, x: Tensor, /) -> bool:
        return x.requires_grad

    def is_leaf(self, x: Tensor, /) -> bool:
        return x.requires_grad and x.is_leaf

    def backward(
        self, x: Tensor, cotangent: Tensor, retain_graph: bool, create_graph: bool
    ) -> None:
        torch.autograd.backward(
            x, cotangent, retain_graph=retain_graph, create_graph=create_graph
        )

    def gradient_of(self, leaf: Tensor, /) -> Tensor | None:
        return leaf.grad

    def set_gradient(self, leaf: Tensor, value: Tensor | None, /) -> None:
        leaf.grad = value

    def paused(self) -> AbstractContextManager[object]:
        return torch.no_grad()


engine: Final = _Engine()
