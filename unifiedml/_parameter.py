"""Parameters and buffers: the mutable state of models, read and written in one place.

Transformations do not touch the stored values: `lifted` puts other natives in their
place, for the current thread and task only, and reads and writes go there. So a
gradient or a traced step never changes a model that another thread uses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from unifiedml import _imperative, random
from unifiedml._backend.devices import resolve_device
from unifiedml._backend.errors import BackendMismatchError, TracedStateError
from unifiedml._backend.protocol import Cell, Native
from unifiedml._backend.registry import LoadedBackend, current, use_backend
from unifiedml._batched import Batched, refuse_batched
from unifiedml._dtypes import DType, as_dtype
from unifiedml._hooks import Hook, attach
from unifiedml._place import Place, path_of
from unifiedml._recording import Leaf, Within
from unifiedml._rules.shapes import Shape, as_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml._tracing import tracing
from unifiedml.ops.conversion import asarray

__all__ = ["Buffer", "Parameter"]

Initializer = Callable[..., Tensor]


class Lifted:
    """What parameters read as inside a transformation.

    Attributes:
        natives: The stand-in of each lifted parameter, by ``id``.
        outer: The same of the transformation around this one.
        effects: What is to happen on the host when it has succeeded; None if things
            happen at once.
    """

    effects: list[Callable[[], None]] | None = None

    def __init__(self, outer: Lifted | None) -> None:
        self.natives: dict[int, Native] = {}
        self.outer = outer

    def read(self, parameter: Parameter) -> Native | None:
        """Return the stand-in of ``parameter``; None if it has none."""
        native = self.natives.get(id(parameter))
        if native is None and self.outer is not None:
            return self.outer.read(parameter)
        return native

    def write(self, parameter: Parameter, native: Native) -> bool:
        """Replace the stand-in of ``parameter``; False if it has none."""
        if id(parameter) in self.natives:
            self.natives[id(parameter)] = native
            return True
        return self.outer is not None and self.outer.write(parameter, native)


_lifted: ContextVar[Lifted | None] = ContextVar("unifiedml_lifted", default=None)


def current_lifted() -> Lifted | None:
    """Return what parameters read as in this thread and task, if anything."""
    return _lifted.get()


def pending_effects() -> list[Callable[[], None]] | None:
    """Return where to leave what must not happen on the host before the end, if any."""
    inner = _lifted.get()
    while inner is not None and inner.effects is None:
        inner = inner.outer
    return None if inner is None else inner.effects


def lifting(lifted: Lifted | None) -> Within[Lifted | None]:
    """Return a context in which parameters read and write their stand-ins."""
    return Within(_lifted, lifted)


def lift(
    parameters: Sequence[Parameter], natives: Sequence[Native]
) -> Within[Lifted | None]:
    """Return a context in which ``parameters`` read as ``natives``."""
    lifted = Lifted(_lifted.get())
    for parameter, native in zip(parameters, natives, strict=True):
        lifted.natives[id(parameter)] = native
    return lifting(lifted)


# Initial values are drawn once, whichever thread reads them first.
making = threading.RLock()


class Parameter(Tensor):
    """A tensor that a model owns and an optimizer changes.

    Where it is an operand it acts as its current value. Given an initializer, the
    value is drawn when it is first read. It depends on the seed that was set when the
    parameter was made and on the parameter's path in the model, not on the order in
    which layers are made or read. (One that is read before it is part of a model is
    drawn as a model of its own.)

    Args:
        data: The value (anything that `unifiedml.asarray` takes), or None.
        shape: Without ``data``: the shape.
        initializer: Without ``data``: called with the shape, the data type and
            ``key=``, a random key, when the value is first read.
        dtype: The data type; float32 by default.
        device: Where it lives; that of `get_device` by default.
        trainable: Whether optimizers change it and gradients are kept for it.
        seed: Without ``data``: the seed; default: the one that is set now.

    Raises:
        TypeError: Neither ``data`` nor an initializer is given.

    Example:
        >>> import unifiedml as um
        >>> weight = um.nn.Parameter(um.zeros(3))
        >>> weight.assign(um.ones(3))
        >>> weight.tolist()
        [1.0, 1.0, 1.0]
    """

    __slots__ = (
        "_cell",
        "_device",
        "_home",
        "_hooks",
        "_in_cell",
        "_initializer",
        "_leaf",
        "_made_dtype",
        "_made_shape",
        "_place",
        "_seed",
        "_trainable",
        "_value",
    )

    def __init__(
        self,
        data: Any = None,
        /,
        *,
        shape: Any = None,
        initializer: Initializer | None = None,
        dtype: DType | str | None = None,
        device: str | None = None,
        trainable: bool = True,
        seed: int | None = None,
    ) -> None:
        if tracing.get() is not None:
            raise TracedStateError("a parameter or buffer is made")
        self._trainable = trainable
        self._place: Place | None = None
        self._initializer = initializer
        self._value: Native | None = None
        self._leaf: Leaf | None = None
        self._cell: Cell | None = None
        self._in_cell = False
        self._hooks: list[Hook] = []
        if data is not None:
            self._begin(_copied(asarray(data, dtype=dtype, device=device)))
            return
        if initializer is None or shape is None:
            raise TypeError("a parameter needs a value, or a shape and an initializer")
        self._home = current()
        self._made_shape = as_shape(shape)
        self._made_dtype = as_dtype("float32" if dtype is None else dtype)
        self._device = resolve_device(device, self._home)
        self._seed = random.get_state()[0] if seed is None else seed

    # --- reading and writing: all of it goes through here --------------------------

    # Inside a transformation a parameter is its stand-in, or else a constant; only
    # outside is it the leaf of a history for backward().

    @property
    def _backend(self) -> LoadedBackend:  # type: ignore[override]
        inner = _lifted.get()
        while inner is not None:
            native = inner.natives.get(id(self))
            if native is not None:
                # Inside `unifiedml.vmap` it may differ between the examples.
                return native.owner.backend if type(native) is Batched else self._home
            inner = inner.outer
        return self._home

    @property
    def _native(self) -> Native:
        inner = _lifted.get()
        if inner is None:
            return self._stored()
        native = inner.read(self)
        if native is not None:
            return native
        native = self._stored()
        engine, ops = self._backend.engine, self._backend.ops
        return native if engine is None else ops.stop_gradient(native)

    @property
    def _node(self) -> Leaf | None:  # type: ignore[override]
        if _lifted.get() is not None:
            return None
        self._stored()
        return self._leaf

    def _stored(self) -> Native:
        value = self._value
        return self._make() if value is None else value

    # A program changes the value in a cell. Then the value is there alone, until it is
    # read by other means.

    def cell(self) -> Cell:
        """Return the cell for programs, which holds the value now."""
        if self._cell is None:
            self._cell = self._backend.ops.cell(self._stored())
        elif not self._in_cell:
            self._cell.write(self._stored())
        self._in_cell = True
        return self._cell

    def changed_by_program(self) -> None:
        """Note that the cell has a new value; `grad` is kept."""
        if self._value is None:
            return
        gradient = self.grad
        if gradient is not None:
            assert self._cell is not None
            self._begin(Tensor(self._cell.read(), self._backend), gradient)
            self._in_cell = True
            return
        self._made_shape, self._made_dtype = self.shape, self.dtype
        self._value = self._leaf = None

    def _as_leaf(self) -> Tensor:
        """Return the stored value as a plain tensor, which holds the gradient."""
        return Tensor(self._stored(), self._backend, self._leaf)

    def _begin(self, x: Tensor, gradient: Tensor | None = None) -> None:
        """Take over the value of ``x`` as it is: a new history begins."""
        refuse_batched(x._native)
        engine = x._backend.engine
        native, leaf = x._native, None
        if self._trainable and x.dtype.is_differentiable:
            if engine is None:
                leaf = Leaf()
            else:
                native = engine.leaf(native)
        self._home, self._device = x._backend, x.device
        self._in_cell = False
        # The value last: whoever finds it finds the rest in place.
        self._leaf = leaf
        self._value = native
        if gradient is not None:
            self._as_leaf().grad = gradient
        self._hooks = [hook for hook in self._hooks if hook.is_active]
        for hook in self._hooks:
            attach(self._as_leaf(), hook)

    def _make(self) -> Native:
        with making:
            if self._value is None and self._in_cell:
                assert self._cell is not None
                self._begin(Tensor(self._cell.read(), self._backend))
                self._in_cell = True
            if self._value is None:
                assert self._initializer is not None
                path = path_of(self, settle=True)
                with use_backend(self._backend.name), _imperative.no_grad():
                    self._begin(
                        self._initializer(
                            self._made_shape,
                            dtype=self._made_dtype,
                            device=self._device,
                            key=random.key(self._seed, "layer", path),
                        )
                    )
            return self._value

    @property
    def is_made(self) -> bool:
        """Whether the value has been drawn yet."""
        return self._value is not None or self._in_cell

    @property
    def trainable(self) -> bool:
        """Whether optimizers change it and gradients are kept for it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        if self.is_made:
            self._begin(self._as_leaf().detach())

    @property
    def requires_grad(self) -> bool:
        """Whether ``backward()`` reaches it: `trainable`, and floating-point."""
        inside = _lifted.get() is not None
        return self._trainable and self.dtype.is_differentiable and not inside

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and not self.dtype.is_differentiable:
            raise TypeError(
                f"only floating-point parameters have gradients, not {self.dtype.name}"
            )
        self.trainable = value

    @property
    def grad(self) -> Tensor | None:
        """The gradient that ``backward()`` has added up here, or None."""
        return self._as_leaf().grad if self._value is not None else None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None or self._value is not None:
            self._as_leaf().grad = value

    @property
    def device(self) -> str:
        """Where it lives."""
        return self._device

    @property
    def shape(self) -> Shape:
        """The size of each dimension; known before the value is drawn."""
        return self._made_shape if self._value is None else super().shape

    @property
    def dtype(self) -> DType:
        """The data type; known before the value is drawn."""
        return self._made_dtype if self._value is None else super().dtype

    def assign(self, value: Operand) -> None:
        """Replace the value, keeping shape and data type, and the gradient in `grad`.

        ``backward()`` of what was computed from the old value does not reach the
        parameter any more.

        Raises:
            ValueError: ``value`` has another shape.
            BackendMismatchError: ``value`` is a tensor of another backend.
        """
        if isinstance(value, Tensor):
            if value._backend.name != self._backend.name:
                raise BackendMismatchError(
                    f"cannot assign a tensor of backend {value.backend!r} to a "
                    f"parameter on {self.backend!r}: use to_backend first"
                )
            new = value.astype(self.dtype).to(self.device)
        else:
            with use_backend(self._backend.name):
                new = asarray(value, dtype=self.dtype, device=self.device)
        if new.shape != self.shape:
            raise ValueError(
                f"cannot assign a value of shape {new.shape} to a parameter of shape "
                f"{self.shape}"
            )
        if not self._written(new):
            self._begin(_copied(new), self.grad)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None], /) -> Hook:
        """Have ``hook`` called with each gradient; see `Tensor.register_hook`."""
        registered = super().register_hook(hook)
        self._hooks.append(registered)
        return registered

    def replace(self, new: Tensor) -> None:
        """Take over a freshly computed value of the right shape, data type and place.

        Nothing is checked or copied: for optimizers, which make the value themselves,
        inside ``no_grad()``.
        """
        if not self._written(new):
            self._begin(new, self.grad)

    def _written(self, new: Tensor) -> bool:
        """Write to the stand-in, if there is one, and tell so."""
        inner = _lifted.get()
        return inner is not None and inner.write(self, new._native)

    def _move(self, backend: LoadedBackend, device: str | None) -> None:
        """Live on another backend or device from now on."""
        if not self.is_made:
            self._home = backend
            self._device = resolve_device(device, backend)
            return
        value, gradient = self._as_leaf().detach(), self.grad
        self._cell = None  # it belongs to a backend and a device

        def moved(x: Tensor) -> Tensor:
            if backend.name != x.backend:
                x = x.to_backend(backend.name)
            return x if device is None else x.to(device)

        self._begin(moved(value), None if gradient is None else moved(gradient))

    # --- writing by operators changes the parameter itself ----------------------------

    def __setitem__(self, key: Any, value: Any, /) -> None:
        changed = self.detach()
        changed[key] = value
        self.assign(changed)

    def __iadd__(self, other: Any) -> Parameter:
        self.assign(self.detach() + other)
        return self

    def __isub__(self, other: Any) -> Parameter:
        self.assign(self.detach() - other)
        return self

    def __imul__(self, other: Any) -> Parameter:
        self.assign(self.detach() * other)
        return self

    def __itruediv__(self, other: Any) -> Parameter:
        self.assign(self.detach() / other)
        return self

    def __repr__(self) -> str:
        kind = type(self).__name__
        if not self.is_made:
            return f"{kind}(shape={self.shape}, dtype={self.dtype.name}, not drawn yet)"
        return f"{kind}({self.detach()!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            _unpickled,
            (type(self), self.numpy(), self.backend, self.device, self.trainable),
        )


def _copied(x: Tensor) -> Tensor:
    return Tensor(x._backend.ops.copy(x.detach()._native), x._backend)


def _unpickled(
    kind: type[Parameter], values: Any, backend: str, device: str, trainable: bool
) -> Parameter:
    with use_backend(backend):
        return kind(values, device=device, trainable=trainable)


class Buffer(Parameter):
    """State of a model that is no parameter: saved with it, changed by the model only.

    Example:
        >>> import unifiedml as um
        >>> um.nn.Buffer(um.zeros(3)).trainable
        False
    """

    __slots__ = ()

    def __init__(self, data: Any = None, /, **options: Any) -> None:
        super().__init__(data, **{**options, "trainable": False})
