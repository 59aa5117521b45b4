"""Module: what every model and layer is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from unifiedml import _place
from unifiedml._backend.registry import load
from unifiedml._dtypes import as_dtype
from unifiedml._parameter import Buffer, Parameter
from unifiedml._place import Place, put, root_of, running
from unifiedml._recording import Within
from unifiedml._rules.shapes import Shape
from unifiedml._tensor import Tensor
from unifiedml._tracing import tracing
from unifiedml.nn._training import Trainable

__all__ = ["Module"]

# The shape that each module last returned, while somebody wants to know.
_returned: ContextVar[dict[int, Any] | None] = ContextVar(
    "unifiedml_returned", default=None
)

_CONTAINERS = (list, tuple, dict)
# What a copy of a module does not take along: its place in another model, programs.
_HIDDEN = ("_place", "_settled", "_prediction")


def _entered(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let the ``__call__`` of a module note what runs, and what it returned."""

    @wraps(call)
    def entered(self: Module, /, *args: Any, **kwargs: Any) -> Any:
        token = None
        trace = tracing.get()
        if trace is not None:
            trace.saw(self)
        if running.get() is None:
            if self._settled != _place.version:
                root_of(self)._settle()
                object.__setattr__(self, "_settled", _place.version)
            token = running.set(self)
        try:
            result = call(self, *args, **kwargs)
        finally:
            if token is not None:
                running.reset(token)
        seen = _returned.get()
        if seen is not None and isinstance(result, Tensor):
            seen[id(self)] = result.shape
        return result

    return entered


class Module(Trainable):
    """The base of models and layers.

    A subclass sets `Parameter`, `Buffer` and `Module` attributes, also in lists,
    tuples and dicts, and defines ``forward`` (or ``__call__``). Nothing is
    registered: what is found in the attributes belongs to the model, also what is
    appended to a list later. ``super().__init__()`` need not be called.

    A parameter that is shared by several modules is one parameter, named after the
    first place where it is found. Initial values depend on the seed and on that name,
    so two models of one structure start equal under one seed, and no layer's values
    depend on which layers were made or read before it.

    A new model is in training mode; ``fit`` leaves it in evaluation mode. While
    ``evaluate``, ``predict`` or ``train_on_batch`` runs, the mode that it needs is that
    of its own thread and task: others may use the model in another mode.

    Models can be copied by `copy.deepcopy` and pickled. Pickle refuses what it cannot
    find by name: lambdas and local functions, as layers, activations, initializers or
    loss. Use `state_dict` to save such a model's values.

    Attributes:
        training: Whether layers such as `Dropout` behave as in training; see
            `train` and `eval`.
        trainable: Whether any parameter inside is trained. Set it to freeze all of
            them (or none), buffers aside, as in Keras: it sets `Parameter.trainable`
            of each, also in the middle of ``fit``. Moving averages go on in training
            mode. A layer has to know its input size (ValueError). A module without
            parameters remembers what was set.

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

    _place: Place | None = None
    _settled: int = -1
    _trainable: bool = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in vars(cls):
            cls.__call__ = _entered(cls.__call__)  # type: ignore[method-assign]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; subclasses define it."""
        raise TypeError(f"{type(self).__name__} defines no forward method")

    @_entered
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return ``forward(*args, **kwargs)``."""
        return self.forward(*args, **kwargs)

    # --- attributes: what is set learns where it lives -------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if isinstance(before, Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{name} is a parameter: write self.{name}.assign(value), or make the "
                "new value a um.nn.Parameter"
            )
        object.__setattr__(self, name, value)
        if name != "training":
            _place.edited()
        if isinstance(value, Module | Parameter | list | tuple | dict):
            _place.changed()
            for inner, child in _found(name, value):
                if root_of(child) is child:
                    put(child, self, inner)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        _place.edited()

    def _settle(self) -> None:
        """Give everything inside the first place where this model finds it.

        What another model found before keeps the place that it has there.
        """
        self._settle_below(self, {id(self)})

    def _settle_below(self, root: Module, seen: set[int]) -> None:
        children = list(self._children())
        for kind in (Parameter, Module):  # the order of `_state`
            for name, child in children:
                if not isinstance(child, kind) or id(child) in seen:
                    continue
                seen.add(id(child))
                if root_of(child) in (child, root):
                    put(child, self, name)
                if isinstance(child, Module):
                    child._settle_below(root, seen)

    def _children(self) -> Iterator[tuple[str, Module | Parameter]]:
        for name, value in vars(self).items():
            if isinstance(value, Module | Parameter):
                yield name, value
            elif isinstance(value, _CONTAINERS):
                yield from _found(name, value)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield every module inside, this one first (its name is ``""``), once."""
        yield from self._walk_modules("", set())

    def _walk_modules(
        self, prefix: str, seen: set[int]
    ) -> Iterator[tuple[str, Module]]:
        seen.add(id(self))
        yield prefix, self
        for name, child in self._children():
            if isinstance(child, Module) and id(child) not in seen:
                # It may have been appended to a list since.
                if child._place is None:
                    put(child, self, name)
                inner = f"{prefix}.{name}" if prefix else name
                yield from child._walk_modules(inner, seen)

    def modules(self) -> list[Module]:
        """Return every module inside, this one first, each once."""
        return [module for _, module in self.named_modules()]

    def _state(self) -> Iterator[tuple[str, Parameter]]:
        """Yield parameters and buffers by name, each once."""
        seen: set[int] = set()
        names: set[str] = set()
        for prefix, module in self.named_modules():
            module._check_built(prefix)
            for name, child in module._children():
                if not isinstance(child, Parameter) or id(child) in seen:
                    continue
                path = f"{prefix}.{name}" if prefix else name
                if path in names:
                    raise ValueError(
                        f"two parameters have the name {path!r}: rename an attribute, "
                        "or a key of a dict"
                    )
                seen.add(id(child))
                names.add(path)
                if child._place is None:
                    put(child, module, name)
                yield path, child

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

    def zero_grad(self) -> None:
        """Forget the gradients that ``backward()`` has added up."""
        for parameter in self.parameters():
            parameter.grad = None

    @property
    def trainable(self) -> bool:
        """Whether any parameter inside is trained."""
        parameters = self.parameters()
        if not parameters:
            return self._trainable
        return any(one.trainable for one in parameters)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        parameters = self.parameters()
        if not parameters:
            self._trainable = value
        for one in parameters:
            if one.trainable is not value:  # it would forget its gradient
                one.trainable = value

    # --- modes ---------------------------------------------------------------------

    @property
    def training(self) -> bool:
        """Whether layers such as `Dropout` behave as in training."""
        modes = _place.modes.get()
        if modes is not None and (mode := modes.get(id(self))) is not None:
            return mode
        own: bool = self.__dict__.get("training", True)
        return own

    @training.setter
    def training(self, mode: bool) -> None:
        modes = _place.modes.get()
        if modes is not None:
            modes.pop(id(self), None)  # what a model sets as it runs holds at once
        self.__dict__["training"] = mode

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
        """Return a context in which the model is in a mode, in this thread and task."""
        modules = self.modules()  # held on to: an id must not become another's
        modes = dict.fromkeys(map(id, modules), training)
        with Within(_place.modes, {**(_place.modes.get() or {}), **modes}):
            yield

    # --- state ---------------------------------------------------------------------

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

        They are converted to the data types of the model.

        Args:
            state: NumPy arrays or tensors by name, as `state_dict` returns them; from
                any backend.

        Raises:
            KeyError: Names are missing, or unknown.
            ValueError: A shape differs.
            TypeError: A value is no array of numbers, or would lose its kind, such as
                floating-point numbers for an integer buffer.

        Where it raises, nothing has been changed.
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
        values = {name: _fitting(name, one, state[name]) for name, one in own.items()}
        for name, one in own.items():
            one.assign(values[name])

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
        for name, value in self.__getstate__().items():
            setattr(made, name, copy.deepcopy(value, memo))
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {name: one for name, one in vars(self).items() if name not in _HIDDEN}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    # --- for people ----------------------------------------------------------------

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
        inner = [
            (name, one) for name, one in self._children() if isinstance(one, Module)
        ]
        options = self._describe()
        if not inner:
            return f"{type(self).__name__}({options})"
        lines = [f"  {name}: {one!r}".replace("\n", "\n  ") for name, one in inner]
        return "\n".join((f"{type(self).__name__}({options}", *lines, ")"))

    def _describe(self) -> str:
        """Return what `repr` shows between the brackets."""
        return ""


def _found(
    name: str, value: Any, above: tuple[Any, ...] = ()
) -> Iterator[tuple[str, Module | Parameter]]:
    if isinstance(value, Module | Parameter):
        yield name, value
        return
    if not isinstance(value, _CONTAINERS) or any(one is value for one in above):
        return  # a list may hold itself
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        yield from _found(f"{name}.{key}", one, (*above, value))


def _fitting(name: str, one: Parameter, value: Any) -> npt.NDArray[Any]:
    """Return what a parameter will take over, as an array, or raise."""
    array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
    try:
        given = as_dtype(array.dtype)
    except TypeError:
        raise TypeError(f"{name}: {type(value).__name__} holds no numbers") from None
    if array.shape != one.shape:
        raise ValueError(
            f"{name} has shape {one.shape} in the model and {array.shape} in the state"
        )
    order = ("bool", "unsigned", "signed", "float", "complex")
    if order.index(given.kind) > order.index(one.dtype.kind):
        raise TypeError(
            f"{name} is {one.dtype.name} in the model and {given.name} in the state"
        )
    return array
