"""The imperative style: leaves, ``backward()``, ``.grad``, ``no_grad``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from unifiedml import _recording
from unifiedml._backend.errors import BackendMismatchError, FreedError
from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend, loaded_backends, on_load
from unifiedml._batched import batching
from unifiedml._recording import Mode

if TYPE_CHECKING:
    from unifiedml._tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")

# What the no_grad blocks here have entered: a backend that is loaded inside joins in.
_blocks: ContextVar[tuple[ExitStack, ...]] = ContextVar("unifiedml_no_grad", default=())


@on_load
def _pause(backend: LoadedBackend) -> None:
    for block in _blocks.get():
        block.enter_context(backend.ops.paused())


class NoGrad:
    """What `no_grad` returns: a context, and a decorator."""

    def __init__(self) -> None:
        self._entered: list[ExitStack] = []

    def __enter__(self) -> None:
        with ExitStack() as stack:
            stack.enter_context(_recording.switched(Mode.OFF))
            for backend in loaded_backends():
                stack.enter_context(backend.ops.paused())
            block = stack.pop_all()
        block.callback(_blocks.reset, _blocks.set((*_blocks.get(), block)))
        self._entered.append(block)

    def __exit__(self, *exception: object) -> None:
        self._entered.pop().close()

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        kinds = inspect.isgeneratorfunction, inspect.iscoroutinefunction
        if any(is_kind(function) for is_kind in (*kinds, inspect.isasyncgenfunction)):
            raise TypeError(
                "no_grad() decorates plain functions: what a generator or coroutine "
                "computes runs later, so write `with um.no_grad():` inside it"
            )

        @wraps(function)
        def without_history(*args: P.args, **kwargs: P.kwargs) -> R:
            with NoGrad():
                return function(*args, **kwargs)

        return without_history


def no_grad() -> NoGrad:
    """Keep no history for ``backward()``: as a context or as a decorator.

    What is computed inside is a constant, also for a `unifiedml.grad` or
    `unifiedml.GradientTape` around it. Those that are called inside work as ever.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor(2.0, requires_grad=True)
        >>> with um.no_grad():
        ...     y = x * x
        >>> y.requires_grad
        False
    """
    return NoGrad()


# --- leaves --------------------------------------------------------------------------


def set_requires_grad(x: Tensor, value: bool) -> None:
    """Make ``x`` a leaf, or a constant."""
    if value and not x.dtype.is_differentiable:
        raise TypeError(
            f"only floating-point tensors have gradients, not {x.dtype.name}: convert "
            "with astype first"
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
    if engine is not None:
        native = engine.gradient_of(x._native) if x._is_leaf() else None
        return None if native is None else Tensor(native, x._backend)
    # A tensor of its own: writing into what was returned changes nothing here.
    held = x._node.gradient if isinstance(x._node, _recording.Leaf) else None
    return None if held is None else Tensor(held._native, x._backend, held._node)


def set_gradient(x: Tensor, value: Tensor | None) -> None:
    """Replace what has been added up at the leaf ``x``."""
    from unifiedml._tensor import Tensor

    if not x._is_leaf():
        if value is None:
            return
        raise RuntimeError(
            "only leaves (requires_grad=True) hold a gradient: this tensor is "
            + ("computed" if x.requires_grad else "a constant")
        )
    if value is not None:
        check_cotangent(x, value, "grad")
        # A tensor of its own: writing into the one that was given changes nothing here.
        value = Tensor(value._native, value._backend, value._node)
    engine = x._backend.engine
    if engine is not None:
        engine.set_gradient(x._native, None if value is None else value._native)
    else:
        assert isinstance(x._node, _recording.Leaf)
        x._node.gradient = value


def refuse_leaf_write(x: Tensor) -> None:
    """Raise for a write into a leaf, whose gradient would be lost."""
    if x._is_leaf():
        raise RuntimeError(
            "cannot write into a tensor made with requires_grad=True: its gradient "
            "would be lost; write into x.detach(), or compute a new tensor"
        )


def stepped(x: Tensor, operation: Callable[..., Tensor], other: Any) -> Any:
    """Replace the value of the leaf ``x``, inside ``no_grad()``; its gradient stays.

    Args:
        x: A tensor.
        operation: Returns the new value, of ``x`` and ``other``.
        other: Its second operand.

    Returns:
        ``x``, or NotImplemented if it is no leaf or histories are kept.

    Raises:
        ValueError: The value has another shape.
    """
    if _recording.mode() is not Mode.OFF or not (x.requires_grad and x._is_leaf()):
        return NotImplemented
    new = operation(x.detach(), other).astype(x.dtype)
    if new.shape != x.shape:
        raise ValueError(
            f"a tensor of shape {x.shape} cannot take a value of shape {new.shape}"
        )
    gradient = x.grad
    x._rebind(new)
    x.requires_grad = True
    x.grad = gradient
    return x


# --- backward ------------------------------------------------------------------------


def cotangent_of(x: Tensor, given: Tensor | None, what: str, name: str) -> Tensor:
    """Return the cotangent to start from: the one given, or 1 for a scalar.

    Args:
        x: What is differentiated.
        given: Its cotangent, if the user passed one.
        what: What ``x`` is called in messages.
        name: What ``given`` is called in messages.

    Raises:
        TypeError: ``x`` is complex and nothing is given, or what is given is no tensor.
        ValueError: ``x`` is no scalar and nothing is given, or the shapes or data types
            differ.
        BackendMismatchError: They are on two backends.
    """
    if given is not None:
        check_cotangent(x, given, name)
        return given
    if x.dtype.kind == "complex":
        raise TypeError(
            f"{what} of data type {x.dtype.name} has no gradient of its own: make it "
            f"real with um.real, um.imag or um.abs, or pass {name}="
        )
    if x.size != 1:
        raise ValueError(
            f"{what} of shape {x.shape} is no scalar: reduce it with um.sum or "
            f"um.mean, or pass {name}="
        )
    return one_like(x)


def one_like(x: Tensor) -> Tensor:
    """Return the one element 1 in the shape of ``x``.

    It is no shared constant: it may end up as a gradient, in the user's hands.
    """
    from unifiedml._tensor import Tensor
    from unifiedml.ops._dispatch import constant

    ops = x._backend.ops
    native = ops.copy(constant(1, x.dtype, x._backend, x.device)._native)
    return Tensor(ops.reshape(native, x.shape) if x.shape else native, x._backend)


def materialized(
    found: Sequence[Native | None], inputs: Sequence[Native], backend: LoadedBackend
) -> list[Tensor]:
    """Return what a tape found for ``inputs``, with zeros where that is nothing."""
    from unifiedml._tensor import Tensor

    ops = backend.ops

    def zeros(x: Native) -> Native:
        return ops.full(ops.shape_of(x), 0, x.dtype, ops.device_of(x))

    return [
        Tensor(zeros(x) if native is None else native, backend)
        for native, x in zip(found, inputs, strict=True)
    ]


def check_cotangent(x: Tensor, cotangent: Tensor, name: str) -> None:
    """Raise if ``cotangent``, called ``name``, does not fit ``x``."""
    from unifiedml._tensor import Tensor

    if not isinstance(cotangent, Tensor):
        raise TypeError(f"{name} is a tensor, not {type(cotangent).__name__}")
    if cotangent._backend.name != x._backend.name:
        raise BackendMismatchError(
            f"{name} is on backend {cotangent.backend!r}, the tensor on "
            f"{x.backend!r}: move one with x.to_backend(...) first"
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
    if batching.get() is not None:
        raise RuntimeError(
            "backward() cannot be called inside um.vmap, whose gradients would be of "
            "each example: use um.grad there"
        )
    if _recording.mode() is Mode.TAPE:
        raise RuntimeError(
            "backward() cannot be called inside um.grad or a GradientTape, whose "
            "tensors keep no history for it: call it outside, or take the inner "
            "gradient by um.grad or a tape, too"
        )
    if not x.requires_grad:
        raise RuntimeError(
            "backward() needs a tensor computed from one made with "
            "requires_grad=True, outside of no_grad() and um.jit: this one has no "
            "history"
        )
    cotangent = cotangent_of(x, gradient, "a tensor", "gradient")
    retain = create_graph if retain_graph is None else retain_graph
    engine = x._backend.engine
    if engine is None:
        _recording.backward(x, cotangent, retain, create_graph)
        return
    try:
        engine.backward(x._native, cotangent._native, retain, create_graph)
    except RuntimeError as error:
        # The framework's own pass, by the user's hand, may have freed it.
        if "second time" in str(error) and not isinstance(error, FreedError):
            raise FreedError from error
        raise
