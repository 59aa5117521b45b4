"""A function that becomes part of a program: parameters are its inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend
from unifiedml._batched import batching
from unifiedml._dtypes import DType
from unifiedml._imperative import no_grad
from unifiedml._parameter import Lifted, Parameter, current_lifted, lifting
from unifiedml._recording import Within
from unifiedml._tensor import Tensor
from unifiedml._tracing import inside, tracing
from unifiedml._tree import map_tree
from unifiedml.ops.conversion import asarray

__all__ = [
    "Body",
    "Spec",
    "alone",
    "as_leaf",
    "check_alike",
    "in_program",
    "is_operand",
    "outline",
    "states",
    "write",
]


def in_program() -> LoadedBackend | None:
    """Return where control flow becomes part of a program; None where it is Python's.

    Inside `unifiedml.vmap` it is Python's: programs know nothing of batches.
    """
    trace = tracing.get()
    return None if trace is None or batching.get() is not None else trace.backend


def is_operand(leaf: Any) -> bool:
    """Tell whether a leaf of arguments is an operand; parameters are read inside."""
    return isinstance(leaf, Tensor) and not isinstance(leaf, Parameter)


def alone(tree: Any) -> Any:
    """Return arguments without their history."""
    with no_grad():  # or the tapes of some frameworks would record just that
        return map_tree(lambda x: x.detach() if is_operand(x) else x, tree)


def as_leaf(leaf: Any) -> Any:
    """Return a leaf of a result as a tensor of no parameter.

    Raises:
        TypeError: It is none, nor a number.
    """
    if isinstance(leaf, Parameter):
        return Tensor(leaf._native, leaf._backend)
    if isinstance(leaf, Tensor):
        return leaf
    if isinstance(leaf, bool | int | float | complex | np.ndarray | np.generic):
        return asarray(leaf)
    raise TypeError(
        "the functions of control flow return tensors and numbers, in dicts, lists "
        f"and tuples, not {type(leaf).__name__}"
    )


class Spec(NamedTuple):
    """The shape and data type of a leaf."""

    shape: tuple[int, ...]
    dtype: DType

    @classmethod
    def of(cls, leaf: Any) -> Spec:
        """Return that of a tensor or number."""
        x = as_leaf(leaf)
        return cls(x.shape, x.dtype)

    @property
    def has_gradient(self) -> bool:
        """Whether it is floating-point."""
        return self.dtype.is_differentiable

    def __repr__(self) -> str:
        return f"{self.dtype.name}{list(self.shape)}"


def outline(tree: Any) -> Any:
    """Return a tree with the `Spec` of each leaf in its place.

    It is compared by `repr`: a spec is a tuple, and would be one of the tree.
    """
    return map_tree(lambda leaf: _Shown(Spec.of(leaf)), tree)


class _Shown:
    __slots__ = ("spec",)

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def __repr__(self) -> str:
        return repr(self.spec)


def check_alike(first: Any, second: Any, message: str) -> None:
    """Raise `TypeError` if two outlines differ, with ``message`` and both of them."""
    if repr(first) != repr(second):
        raise TypeError(f"{message}: {first!r} and {second!r}")


class _Closure(Lifted):
    """Parameters as the inputs of a function, and what it writes to them."""

    def __init__(self, outer: Lifted | None) -> None:
        super().__init__(outer)
        self.before: dict[int, tuple[Parameter, Native]] = {}
        self.written: dict[int, Parameter] = {}

    def read(self, parameter: Parameter) -> Native | None:
        native = self.natives.get(id(parameter))
        if native is None and self.outer is not None:
            native = self.outer.read(parameter)
            if native is not None:
                self.before[id(parameter)] = parameter, native
                native = parameter._backend.ops.stop_gradient(native)
                self.natives[id(parameter)] = native
        return native

    def write(self, parameter: Parameter, native: Native) -> bool:
        if self.read(parameter) is None:
            return False
        self.natives[id(parameter)] = native
        self.written[id(parameter)] = parameter
        return True


class Body:
    """A function, and what it needs beside its arguments.

    It runs once where nothing it computes is kept, to find that out.

    Args:
        name: Of the control flow, for messages.
        backend: Where the program runs.
        function: The function.
        arguments: Returns its arguments, without their history.

    Attributes:
        parameters: Those that it reads or writes, by ``id``, with what they are before.
        written: Those that it writes, by ``id``.
        result: The `outline` of what it returns.

    Raises:
        TypeError: It closes over a tensor that is differentiated by.
    """

    def __init__(
        self,
        name: str,
        backend: LoadedBackend,
        function: Callable[..., Any],
        arguments: Callable[[], Sequence[Any]],
    ) -> None:
        if not callable(function):
            raise TypeError(f"{name} takes functions, not {type(function).__name__}")
        self._name = name
        self._function = function
        closure = _Closure(current_lifted())
        self.result: Any = None

        def look() -> None:
            with no_grad(), lifting(closure):
                self.result = outline(function(*arguments()))

        with _within(name):
            used = backend.ops.apart(look)
        own = {id(native) for _, native in closure.before.values()}
        if any(id(x) not in own and backend.ops.is_watched(x) for x in used):
            raise TypeError(
                f"a function of {name} inside um.jit uses a tensor from around it that "
                "gradients are taken by: pass it as an operand, so that they reach it"
            )
        self.parameters = closure.before
        self.written = closure.written

    def run(
        self,
        arguments: Sequence[Any],
        parameters: Sequence[Parameter],
        natives: Sequence[Native],
        written: Sequence[Parameter],
    ) -> tuple[Any, list[Native]]:
        """Return the result of other arguments, and what parameters are after.

        Args:
            arguments: The arguments.
            parameters: What is among the inputs.
            natives: What they are before.
            written: Those that are wanted.
        """
        closure = _Closure(current_lifted())
        for parameter, native in zip(parameters, natives, strict=True):
            closure.natives[id(parameter)] = native
        with _within(self._name), lifting(closure):
            result = map_tree(as_leaf, self._function(*arguments))
        return result, [closure.natives[id(one)] for one in written]


@contextmanager
def _within(name: str) -> Iterator[None]:
    with Within(inside, name):
        yield


class States(NamedTuple):
    """The parameters of several bodies.

    Attributes:
        parameters: All of them, those that are written first.
        written: Those that are written: they are carried along.
        carried: What these are before.
        constants: What the others are, which are only read.
    """

    parameters: list[Parameter]
    written: list[Parameter]
    carried: list[Tensor]
    constants: list[Tensor]


def states(bodies: Sequence[Body], backend: LoadedBackend) -> States:
    """Return the parameters that bodies read or write."""
    known = {key: one for body in bodies for key, one in body.parameters.items()}
    written = {key: known[key] for body in bodies for key in body.written}
    read = {key: one for key, one in known.items() if key not in written}
    first, others = list(written.values()), list(read.values())
    return States(
        [parameter for parameter, _ in (*first, *others)],
        [parameter for parameter, _ in first],
        [Tensor(native, backend) for _, native in first],
        [Tensor(native, backend) for _, native in others],
    )


def write(written: Sequence[Parameter], values: Sequence[Tensor]) -> None:
    """Give parameters the values that they have after the control flow."""
    for parameter, value in zip(written, values, strict=True):
        parameter.replace(value)
