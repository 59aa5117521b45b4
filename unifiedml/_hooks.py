"""Functions of the user that see, and may change, gradients on their way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from unifiedml import _imperative
from unifiedml._backend.protocol import Native

if TYPE_CHECKING:
    from unifiedml._tensor import Tensor

__all__ = ["Hook", "attach", "register"]


class Hook:
    """A function that ``backward()`` calls with a gradient; see `Tensor.register_hook`.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor(2.0, requires_grad=True)
        >>> hook = x.register_hook(lambda gradient: gradient * 10)
        >>> hook.remove()
    """

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        self._function: Callable[[Tensor], Any] | None = function

    @property
    def is_active(self) -> bool:
        """Whether it has not been removed."""
        return self._function is not None

    def remove(self) -> None:
        """Do not call the function any more."""
        self._function = None

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the gradient that takes the place of ``gradient``."""
        if self._function is None:
            return gradient
        found = self._function(gradient)
        if found is None:
            return gradient
        _imperative.check_cotangent(gradient, found, "what a hook returns")
        return found  # type: ignore[no-any-return]


def register(x: Tensor, function: Callable[[Tensor], Any]) -> Hook:
    """Have ``function`` called with the gradient of ``x``."""
    if not callable(function):
        raise TypeError(f"a hook is a function, not {type(function).__name__}")
    if not x.requires_grad:
        raise RuntimeError(
            "hooks see the gradients of backward(), which this tensor does not "
            "require: make it with requires_grad=True, outside of no_grad(), um.grad "
            "and tapes"
        )
    hook = Hook(function)
    attach(x, hook)
    return hook


def attach(x: Tensor, hook: Hook) -> None:
    """Have ``hook`` called with what arrives at ``x``."""
    from unifiedml._tensor import Tensor

    backend = x._backend
    if backend.engine is None:
        assert x._node is not None
        x._node.hooks = (*x._node.hooks, hook)
        return

    def call(gradient: Native | None) -> Native | None:
        if gradient is None:
            return None  # of one of several results, which nothing was computed from
        return hook(Tensor(gradient, backend))._native

    backend.engine.register_hook(x._native, call)
