"""Gradients by torch.autograd."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.graph import _engine_run_backward

from unifiedml._backend.errors import FreedError

# How many tapes are entered: gradients are recorded while one is.
_depth: ContextVar[int] = ContextVar("unifiedml_torch_tapes", default=0)

# Whether a pass of the engine records what it computes: a tape inside is an inner one.
_recorded_pass: ContextVar[bool] = ContextVar("unifiedml_torch_pass", default=False)

# PyTorch gives each GPU a thread of its own for the way back, which knows nothing of
# the context here and numbers its nodes from 0: rules of the user run there, too.
_multithreading = torch.autograd.set_multithreading_enabled

# Threads may add to the gradient of one leaf at once.
_adding = threading.Lock()

_STAND_IN: Final = "unifiedml_stand_in"
"""Marks the autograd leaves that belong to a tape, not to the user."""

_FREED: Final = "unifiedml_freed"
"""Marks the nodes that a backward pass went through, in their ``metadata``."""


def stop_gradient(x: Tensor, /) -> Tensor:
    return x.detach()


class _Custom(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, pull: Callable[..., Any], values: Sequence[Tensor], *_: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.pull = pull
        return tuple(value.detach() for value in values)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Any, ...]:
        return None, None, *ctx.pull(*cotangents)


def custom_gradient(
    values: Sequence[Tensor], inputs: Sequence[Tensor], pull: Callable[..., Any], /
) -> Sequence[Tensor]:
    return _Custom.apply(pull, values, *inputs)  # type: ignore[no-untyped-call,no-any-return]


class _Recording:
    """A context in which autograd records, or does not."""

    def __init__(self, value: bool, depth: int) -> None:
        self._value = value
        self._new_depth = depth

    def __enter__(self) -> None:
        self._before = torch.is_grad_enabled()
        torch.set_grad_enabled(self._value)
        self._token = _depth.set(self._new_depth)

    def __exit__(self, *exception: object) -> None:
        _depth.reset(self._token)
        # The mode belongs to the thread: if asyncio tasks took turns inside, another
        # one has put it back, and what was before is out of date.
        if torch.is_grad_enabled() is self._value:
            torch.set_grad_enabled(self._before)


def paused() -> _Recording:
    return _Recording(False, 0)


def _gradients(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    retain_graph: bool,
    create_graph: bool,
) -> list[Tensor | None]:
    """Return what `torch.autograd.grad` does.

    Before it comes to the engine, that imports SymPy (0.16 s) to see whether
    cotangents have the shapes of outputs, which the frontend has made sure of.
    """
    if not inputs:
        return []  # to the engine it would mean: all leaves
    with _multithreading(False):
        return list(
            _engine_run_backward(
                tuple(outputs),
                tuple(cotangents),
                retain_graph,
                create_graph,
                tuple(inputs),
                True,  # inputs may have nothing to do with the outputs
                accumulate_grad=False,
            )
        )


class Tape:
    """Watched tensors are autograd leaves, or views of what an outer tape watches."""

    def __init__(self, persistent: bool) -> None:
        self._persistent = persistent
        self._end: int | None = None

    def __enter__(self) -> Tape:
        self._mode = _Recording(True, _depth.get() + 1)
        self._mode.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        # The number of the next node that this thread makes.
        self._end = torch.autograd._get_sequence_nr()  # type: ignore[attr-defined]
        self._mode.__exit__()

    def watch(self, x: Tensor, /) -> Tensor:
        recorded = _recorded_pass.get()
        if x.requires_grad and any(
            recorded or _is_stand_in(leaf) for leaf in _leaves(x)
        ):
            # A view is a new node behind which tapes still find x.
            return x.view_as(x)
        stand_in = x.detach().requires_grad_()
        setattr(stand_in, _STAND_IN, True)
        return stand_in

    def gradient(
        self,
        outputs: Sequence[Tensor],
        inputs: Sequence[Tensor],
        cotangents: Sequence[Tensor],
    ) -> list[Tensor | None]:
        nested = _depth.get() > 0 or _recorded_pass.get()
        kept = [
            (y, g) for y, g in zip(outputs, cotangents, strict=True) if self._saw(y)
        ]
        if not kept:
            return [None for _ in inputs]
        ys, gs = zip(*kept, strict=True)
        return _gradients(ys, inputs, gs, self._persistent or nested, nested)

    def _saw(self, y: Tensor) -> bool:
        """Tell whether ``y`` was computed from what is watched, before the end."""
        node = y.grad_fn
        if node is None or self._end is None:
            return y.requires_grad
        return node._sequence_nr() < self._end


tape = Tape


# --- the graph behind a tensor ------------------------------------------------------


def _is_stand_in(leaf: Tensor) -> bool:
    return hasattr(leaf, _STAND_IN)


def _nodes(x: Tensor) -> Iterator[Any]:
    """Yield the nodes behind ``x``, each once, depth first."""
    stack: list[Any] = [x.grad_fn]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node is None:
            continue
        yield node
        for behind, _ in node.next_functions:
            if behind not in seen:
                seen.add(behind)
                stack.append(behind)


def _leaves(x: Tensor) -> Iterator[Tensor]:
    """Yield the leaves behind ``x``."""
    if x.requires_grad and x.grad_fn is None:
        yield x
    for node in _nodes(x):
        if hasattr(node, "variable"):
            yield node.variable


class _Engine:
    """``requires_grad`` and the graph are PyTorch's own.

    ``backward()`` is not: ``torch.autograd.backward`` adds to ``.grad`` in place, which
    changes gradients that somebody holds, deposits them in the stand-ins of tapes,
    and lets a second pass through where nothing had been saved.
    """

    def leaf(self, x: Tensor, /) -> Tensor:
        return x.detach().requires_grad_()

    def is_recorded(self, x: Tensor, /) -> bool:
        return any(not _is_stand_in(leaf) for leaf in _leaves(x))

    def is_leaf(self, x: Tensor, /) -> bool:
        return x.requires_grad and x.is_leaf and not _is_stand_in(x)

    def backward(
        self, x: Tensor, cotangent: Tensor, retain_graph: bool, create_graph: bool
    ) -> None:
        # Nodes without successors are the leaves, which every graph shares.
        inner = [node for node in _nodes(x) if node.next_functions]
        if any(_FREED in node.metadata for node in inner):
            raise FreedError
        behind = list(_leaves(x))
        leaves = [leaf for leaf in behind if not _is_stand_in(leaf)]
        token = _recorded_pass.set(create_graph)
        try:
            # A tape may still need what is shared with it.
            keep = retain_graph or len(leaves) < len(behind)
            found = _gradients([x], leaves, [cotangent], keep, create_graph)
        finally:
            _recorded_pass.reset(token)
        if not retain_graph:
            for node in inner:
                node.metadata[_FREED] = True
        with _adding, torch.set_grad_enabled(create_graph):
            for leaf, gradient in zip(leaves, found, strict=True):
                if gradient is None:
                    gradient = torch.zeros_like(leaf)
                leaf.grad = gradient if leaf.grad is None else leaf.grad + gradient

    def register_hook(self, x: Tensor, hook: Callable[[Tensor], Tensor], /) -> None:
        x.register_hook(hook)  # type: ignore[no-untyped-call]

    def gradient_of(self, leaf: Tensor, /) -> Tensor | None:
        return leaf.grad

    def set_gradient(self, leaf: Tensor, value: Tensor | None, /) -> None:
        leaf.grad = value


engine: Final = _Engine()
