"""The imperative style: leaves, ``backward()``, ``.grad``, ``no_grad``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from unifiedml import _recording
from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.registry import loaded_backends

if TYPE_CHECKING:
    from unifiedml._tensor import Tensor


@contextmanager
def no_grad() -> Iterator[None]:
    """Keep no history for ``backward()``: as a context or as a decorator.

    Explicit gradients (`unifiedml.grad`, `unifiedml.GradientTape`) go on to work
    inside.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor(2.0, requires_grad=True)
        >>> with um.no_grad():
        ...     y = x * x
        >>> y.requires_grad
        False
    """
    with ExitStack() as stack:
        stack.enter_context(_recording.paused())
        for backend in loaded_backends():
            if backend.engine is not None:
                stack.enter_context(backend.engine.paused())
        yield


def set_requires_grad(x: Tensor, value: bool) -> None:
    """Make ``x`` a leaf, or a constant."""
    if value and not x.dtype.is_differentiable:
        raise TypeError(
            f"only floating-point tensors have gradients, not {x.dtype.name}"
        )
    if value == x.requires_grad:
        return
    if not value and not x._is_leaf():
        raise RuntimeError(
            "requires_grad can be changed on leaves only: use detach() for a "
            "computed tensor without its history"
        )
    engine = x._backend.engine
    if engine is None:
        x._node = _recording.Leaf() if value else None
    elif value:
        x._native = engine.leaf(x._native)
    else:
        x._native = x._backend.ops.stop_gradient(x._native)


def get_gradient(x: Tensor) -> Tensor | None:
    """Return what has been added up at the leaf ``x``."""
    from unifiedml._tensor import Tensor

    engine = x._backend.engine
    if engine is None:
        return x._node.gradient if isinstance(x._node, _recording.Leaf) else None
    if not engine.is_leaf(x._native):
        return None
    native = engine.gradient_of(x._native)
    return None if native is None else Tensor(native, x._backend)


def set_gradient(x: Tensor, value: Tensor | None) -> None:
    """Replace what has been added up at the leaf ``x``."""
    if not x._is_leaf():
        raise RuntimeError("only leaves (requires_grad=True) hold a gradient")
    if value is not None:
        _check_cotangent(x, value, "grad")
    engine = x._backend.engine
    if engine is None:
        assert isinstance(x._node, _recording.Leaf)
        x._node.gradient = value
    else:
        engine.set_gradient(x._native, None if value is None else value._native)


def refuse_leaf_write(x: Tensor) -> None:
    """Raise for a write into a leaf, whose gradient would be lost."""
    if x._is_leaf():
        raise RuntimeError(
            "cannot write into a tensor made with requires_grad=True: its gradient "
            "would be lost; write into x.detach(), or compute a new tensor"
        )


def _check_cotangent(x: Tensor, cotangent: Tensor, name: str) -> None:
    if cotangent._backend.name != x._backend.name:
        raise BackendMismatchError(
            f"{name} is on backend {cotangent.backend!r}, the tensor on {x.backend!r}"
        )
    if cotangent.shape != x.shape or cotangent.dtype is not x.dtype:
        raise ValueError(
            f"{name} has shape {cotangent.shape} and data type "
            f"{cotangent.dtype.name}, the tensor {x.shape} and {x.dtype.name}: "
            "they must be equal"
        )


def backward(
    x: Tensor, gradient: Tensor | None, retain_graph: bool | None, create_graph: bool
) -> None:
    """Add the gradients of ``x`` to those of its leaves; see `Tensor.backward`."""
    from unifiedml.ops.creation import ones_like

    if not x.requires_grad:
        raise RuntimeError(
            "backward() needs a tensor computed from one made with "
            "requires_grad=True, outside of no_grad()"
        )
    if gradient is None:
        if x.size != 1:
            raise ValueError(
                f"backward() of a tensor of shape {x.shape} needs its cotangent: "
                "reduce it to a scalar first or pass gradient="
            )
        gradient = ones_like(x)
    _check_cotangent(x, gradient, "gradient")
    retain = create_graph if retain_graph is None else retain_graph
    engine = x._backend.engine
    if engine is None:
        _recording.backward(x, gradient, retain, create_graph)
        return
    try:
        engine.backward(x._native, gradient._native, retain, create_graph)
    except RuntimeError as error:
        if "second time" in str(error):
            raise RuntimeError(_recording.FREED) from error
        raise
