"""Module: what every model and layer is."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self


import numpy.typing as npt

from unifiedml._backend.registry import load
from unifiedml._parameter import Buffer, Parameter
from unifiedml._rules.shapes import Shape
from unifiedml._tensor import Tensor
from unifiedml.nn._training import Trainable

__all__ = ["Module"]

# The shape that each module last returned, while somebody wants to know.
_returned: ContextVar[dict[int, Any] | None] = ContextVar(
    "unifiedml_returned", default=None
)


class Module(Trainable):
    """The base of models and layers.

    A subclass sets `Parameter`, `Buffer` and `Module` attributes, also in lists,
    tuples and dicts, and defines ``forward``. Nothing is registered: what is found in
    the attributes belongs to the model. ``super().__init__()`` need not be called.

    A parameter that is shared by several modules is one parameter, named after the
    first place where it is found. Initial values depend on the seed and on that name,
    so two models of one structure start equal under one seed.

    Attributes:
        training: Whether layers such as `Dropout` behave as in training; see
            `train` and `eval`.

    Example:
        >>> import unifiedml as um
        >>> class Line(um.nn.Module):
        ...     def __init__(self):
        ...         self.slope = um.nn.Parameter(2.0)
        ...
        ...     def forward(self, x):
        ...         return self.slope * x
        >>> Line()(um.tensor([1.0, 3.0])).tolist()
        [2.0, 6.0]
    """

    training: bool = True
    _owner: weakref.ref[Module] | None = None
    _name: str = ""
    _linked: bool = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; subclasses define it."""
        raise TypeError(f"{type(self).__name__} defines no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return ``forward(*args, **kwargs)``."""
        if not self._linked:
            self._link()
        result = self.forward(*args, **kwargs)
        seen = _returned.get()
        if seen is not None and isinstance(result, Tensor):
            seen[id(self)] = result.shape
        return result

    # --- attributes: parameters learn where they live -------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if (
            isinstance(before, Parameter)
            and isinstance(value, Tensor)
            and not isinstance(value, Parameter)
        ):
            raise TypeError(
                f"{name} is a parameter: write self.{name}.assign(value), or make the "
                "new value a um.nn.Parameter"
            )
        object.__setattr__(self, name, value)
        if isinstance(value, Module | Parameter | list | tuple | dict):
            self._disown_link()

    def _disown_link(self) -> None:
        """Have this module and those around it look for new parameters once more."""
        module: Module | None = self
        while module is not None and module._linked:
            object.__setattr__(module, "_linked", False)
            module = module._owner() if module._owner is not None else None

    def _link(self) -> None:
        for name, child in self._children():
            if isinstance(child, Module):
                if child._owner is None or child._owner() is None:
                    object.__setattr__(child, "_owner", weakref.ref(self))
                    object.__setattr__(child, "_name", name)
                if not child._linked:
                    child._link()
            elif child._place is None:
                child._place = _Place(weakref.ref(self), name)
        object.__setattr__(self, "_linked", True)

    def _path(self) -> str:
        """Return the place of this module in the model that it is part of."""
        owner = self._owner() if self._owner is not None else None
        if owner is None:
            return ""
        above = owner._path()
        return f"{above}.{self._name}" if above else self._name

    def _children(self) -> Iterator[tuple[str, Module | Parameter]]:
        for name, value in vars(self).items():
            if not name.startswith("_"):
                yield from _found(name, value)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield every module inside, this one first (its name is ``""``), once."""
        yield from self._walk_modules("", set())

    def _walk_modules(
        self, prefix: str, seen: set[int]
    ) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, child in self._children():
            if isinstance(child, Module):
                inner = f"{prefix}.{name}" if prefix else name
                yield from child._walk_modules(inner, seen)

    def modules(self) -> list[Module]:
        """Return every module inside, this one first, each once."""
        return [module for _, module in self.named_modules()]

    def _state(self) -> Iterator[tuple[str, Parameter]]:
        """Yield parameters and buffers by name, each once."""
        self._link()
        seen: set[int] = set()
        for prefix, module in self.named_modules():
            module._check_built(prefix)
            for name, child in module._children():
                if isinstance(child, Parameter) and id(child) not in seen:
                    seen.add(id(child))
                    yield (f"{prefix}.{name}" if prefix else name), child

    def _check_built(self, path: str) -> None:
        """Raise if parameters are still missing; layers of unknown size override it."""

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the name and the object of every parameter, shared ones once.

        Raises:
            ValueError: A layer does not know its input size yet.
        """
        for name, one in self._state():
            if not isinstance(one, Buffer):
                yield name, one

    def parameters(self) -> list[Parameter]:
        """Return every parameter, shared ones once.

        Raises:
            ValueError: A layer does not know its input size yet.
        """
        return [one for _, one in self.named_parameters()]

    def trainable_parameters(self) -> dict[str, Parameter]:
        """Return the parameters that are trained, by name."""
        return {name: one for name, one in self.named_parameters() if one.trainable}

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield the name and the object of every buffer."""
        for name, one in self._state():
            if isinstance(one, Buffer):
                yield name, one

    # --- modes ----------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Behave as in training (or not), this module and all inside."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Behave as outside of training, this module and all inside."""
        return self.train(False)

    @contextmanager
    def _mode(self, training: bool) -> Iterator[None]:
        before = [(module, module.training) for module in self.modules()]
        self.train(training)
        try:
            yield
        finally:
            for module, mode in before:
                module.training = mode

    # --- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the values of all parameters and buffers by name, as NumPy arrays.

        NumPy arrays belong to no backend: what one saves the other loads.

        Example:
            >>> import unifiedml as um
            >>> sorted(um.Dense(2, input_size=3).state_dict())
            ['bias', 'kernel']
        """
        return {name: one.numpy() for name, one in self._state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the values of all parameters and buffers.

        Args:
            state: NumPy arrays or tensors by name, as `state_dict` returns them.

        Raises:
            KeyError: Names are missing, or unknown.
            ValueError: A shape differs. Nothing has been changed then.
        """
        own = dict(self._state())
        missing, unknown = own.keys() - state.keys(), state.keys() - own.keys()
        if missing or unknown:
            raise KeyError(
                "the state does not fit the model: "
                + "; ".join(
                    f"{word} {', '.join(sorted(names))}"
                    for word, names in (("missing", missing), ("unknown", unknown))
                    if names
                )
            )
        for name, one in own.items():
            if tuple(state[name].shape) != one.shape:
                raise ValueError(
                    f"{name} has shape {one.shape} in the model and "
                    f"{tuple(state[name].shape)} in the state"
                )
        for name, one in own.items():
            value = state[name]
            one.assign(value.numpy() if isinstance(value, Tensor) else value)

    def to(self, device: str) -> Self:
        """Move all parameters and buffers to ``device``.

        Raises:
            ValueError: There is no such device.
        """
        for _, one in self._state():
            one._move(one._backend, device)
        return self

    def to_backend(self, backend: str) -> Self:
        """Move all parameters and buffers to another backend.

        Raises:
            BackendNotFoundError: No installed backend has that name.
        """
        loaded = load(backend)
        for _, one in self._state():
            one._move(loaded, None)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = object.__new__(type(self))
        memo[id(self)] = made
        for name, value in vars(self).items():
            if name not in ("_owner", "_name", "_linked"):
                object.__setattr__(made, name, copy.deepcopy(value, memo))
        return made

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_owner", "_name", "_linked")
        return {name: value for name, value in vars(self).items() if name not in hidden}

    # --- for people --------------------------------------------------------------------------

    def summary(self, input_shape: Shape | None = None) -> str:
        """Return a table of the layers with their parameters.

        Args:
            input_shape: Shape of one batch, such as ``(1, 28, 28)``: the model is
                called on zeros of it, to show the shapes that layers return.

        Example:
            >>> import unifiedml as um
            >>> print(um.Sequential(um.Dense(2, input_size=3)).summary())
            layer     kind   returns  parameters
            --------  -----  -------  ----------
            layers.0  Dense        -           8
            total                              8
        """
        from unifiedml.nn._summary import table

        shapes: dict[int, Any] = {}
        if input_shape is not None:
            self._trace_shapes(input_shape, shapes)
        return table(self, shapes)

    def _trace_shapes(self, input_shape: Shape, shapes: dict[int, Any]) -> None:
        from unifiedml._imperative import no_grad
        from unifiedml.ops.creation import zeros

        token = _returned.set(shapes)
        try:
            with self._mode(False), no_grad():
                self(zeros(input_shape))
        finally:
            _returned.reset(token)

    def __repr__(self) -> str:
        inner = [(name, one) for name, one in self._children() if isinstance(one, Module)]
        options = self._describe()
        if not inner:
            return f"{type(self).__name__}({options})"
        lines = [f"  {name}: {one!r}".replace("\n", "\n  ") for name, one in inner]
        return "\n".join((f"{type(self).__name__}({options}", *lines, ")"))

    def _describe(self) -> str:
        """Return what `repr` shows between the brackets."""
        return ""


class _Place:
    """The path of a parameter, found when it is asked for."""

    def __init__(self, owner: weakref.ref[Module], name: str) -> None:
        self._owner = owner
        self._name = name

    def __call__(self) -> str:
        owner = self._owner()
        above = owner._path() if owner is not None else ""
        return f"{above}.{self._name}" if above else self._name


def _found(name: str, value: Any) -> Iterator[tuple[str, Module | Parameter]]:
    if isinstance(value, Module | Parameter):
        yield name, value
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _found(f"{name}.{index}", one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _found(f"{name}.{key}", one)


