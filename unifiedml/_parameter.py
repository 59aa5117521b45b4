"""Parameters and buffers: the mutable state of models, read and written in one place.

Transformations do not touch the stored values: `lifted` puts other natives in their
place, for the current thread and task only, and reads and writes go there. So a
gradient or a traced step never changes a model that another thread uses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from unifiedml import _imperative
from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend, current, use_backend
from unifiedml._dtypes import DType, as_dtype
from unifiedml._rules.shapes import Shape, as_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops.creation import asarray, resolve_device

__all__ = ["Buffer", "Parameter"]

Initializer = Callable[..., Tensor]


class Lifted:
    """What parameters read as inside a transformation.

    Attributes:
        natives: The stand-in of each lifted parameter, by ``id``.
        outer: The same of the transformation around this one.
    """

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


@contextmanager
def lifting(lifted: Lifted) -> Iterator[None]:
    """Let parameters read and write their stand-ins inside the ``with`` block."""
    token = _lifted.set(lifted)
    try:
        yield
    finally:
        _lifted.reset(token)


@contextmanager
def lift(parameters: Sequence[Parameter], natives: Sequence[Native]) -> Iterator[None]:
    """Let ``parameters`` read as ``natives`` inside the ``with`` block."""
    lifted = Lifted(_lifted.get())
    for parameter, native in zip(parameters, natives, strict=True):
        lifted.natives[id(parameter)] = native
    with lifting(lifted):
        yield


# Initial values are drawn once, whichever thread reads them first.
_making = threading.RLock()


class Parameter(Tensor):
    """A tensor that a model owns and an optimizer changes.

    Where it is an operand it acts as its current value. Given an initializer, the
    value is drawn when it is first read: the stream of random numbers then depends
    on the seed and on the parameter's path in the model, not on the order in which
    layers were constructed.

    Args:
        data: The value (anything that `unifiedml.asarray` takes), or None.
        shape: Without ``data``: the shape.
        initializer: Without ``data``: called with the shape, the data type and
            ``key=``, a random key, when the value is first read.
        dtype: The data type; float32 by default.
        device: Where it lives; ``"cpu"`` by default.
        trainable: Whether optimizers change it and gradients are kept for it.

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
        "_initializer",
        "_made_device",
        "_made_dtype",
        "_made_shape",
        "_place",
        "_value",
        "trainable",
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
    ) -> None:
        self.trainable = trainable
        self._place: Callable[[], str] | None = None
        self._initializer = initializer
        self._node = None
        self._value: Native | None = None
        if data is not None:
            self._backend = current()
            self._store(asarray(data, dtype=dtype, device=device))
            return
        if initializer is None or shape is None:
            raise TypeError("a parameter needs a value, or a shape and an initializer")
        self._backend = current()
        self._made_shape = as_shape(shape)
        self._made_dtype = as_dtype("float32" if dtype is None else dtype)
        self._made_device = resolve_device(device, self._backend)

    # --- reading and writing: all of it goes through here --------------------------

    @property
    def _native(self) -> Native:  # type: ignore[override]
        inner = _lifted.get()
        if inner is not None:
            native = inner.read(self)
            if native is not None:
                return native
        return self._stored()

    def _stored(self) -> Native:
        value = self._value
        return self._make() if value is None else value

    @_native.setter
    def _native(self, native: Native) -> None:
        inner = _lifted.get()
        if inner is None or not inner.write(self, native):
            self._value = native

    def _store(self, x: Tensor) -> None:
        """Take over a value, as a leaf of its own history."""
        self._backend = x._backend
        plain = Tensor(x._backend.ops.copy(x.detach()._native), x._backend)
        if self.trainable and plain.dtype.is_differentiable:
            plain.requires_grad = True
        self._value, self._node = plain._native, plain._node

    def _make(self) -> Native:
        from unifiedml import random

        with _making:
            if self._value is None:
                assert self._initializer is not None
                path = self._place() if self._place is not None else ""
                with use_backend(self._backend.name), _imperative.no_grad():
                    self._store(
                        self._initializer(
                            self._made_shape,
                            dtype=self._made_dtype,
                            device=self._made_device,
                            key=random.layer_key(path),
                        )
                    )
            return self._value

    @property
    def is_made(self) -> bool:
        """Whether the value has been drawn yet."""
        return self._value is not None

    @property
    def shape(self) -> Shape:
        """The size of each dimension; known before the value is drawn."""
        return super().shape if self.is_made else self._made_shape

    @property
    def dtype(self) -> DType:
        """The data type; known before the value is drawn."""
        return super().dtype if self.is_made else self._made_dtype

    def assign(self, value: Operand) -> None:
        """Replace the value, keeping shape and data type.

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
            new = value.astype(self.dtype)
        else:
            with use_backend(self._backend.name):
                new = asarray(value, dtype=self.dtype, device=self.device)
        if new.shape != self.shape:
            raise ValueError(
                f"cannot assign a value of shape {new.shape} to a parameter of shape "
                f"{self.shape}"
            )
        self._assign_native(new)

    def replace(self, new: Tensor) -> None:
        """Take over a freshly computed value of the right shape, data type and place.

        Nothing is checked or copied: for optimizers, which make the value themselves.
        """
        inner = _lifted.get()
        if inner is not None and inner.write(self, new._native):
            return
        gradient = self.grad
        self._value = new._native
        if self._backend.engine is not None and self.trainable:
            self._value = self._backend.engine.leaf(new._native)
            if gradient is not None:
                self.grad = gradient

    def _assign_native(self, new: Tensor) -> None:
        inner = _lifted.get()
        if inner is not None and inner.write(self, new._native):
            return
        gradient = self.grad
        self._store(new)
        if gradient is not None:
            self.grad = gradient

    def _move(self, backend: LoadedBackend, device: str | None) -> None:
        """Live on another backend or device from now on."""
        if not self.is_made:
            self._backend = backend
            self._made_device = resolve_device(device, backend)
            return
        x = self.detach()
        if backend.name != self._backend.name:
            x = x.to_backend(backend.name)
        self._store(x if device is None else x.to(device))

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
