"""What happens while a program is traced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from unifiedml._backend.errors import HostValueError
from unifiedml._backend.protocol import Array, Cell, Native
from unifiedml._backend.registry import LoadedBackend
from unifiedml._batched import refuse_batched
from unifiedml._jit._parts import Parts
from unifiedml._parameter import Lifted, Parameter, lifting
from unifiedml._place import root_of
from unifiedml._recording import Within
from unifiedml._sizes import Question
from unifiedml._tensor import Tensor
from unifiedml._tracing import inside, tracing
from unifiedml._tree import is_module

if TYPE_CHECKING:
    from unifiedml.nn import Module

__all__ = ["Deferred", "Trace"]


class Deferred:
    """An update that a kernel can make in place at the end of the program.

    Args:
        parameters: What it changes.
        compute: Computes the new values by operations instead, and writes them: called
            when a value is read before the program ends.
        kernel: A function of `Backend.fused`.
        arguments: What that is called with; parameters stand for their cells.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        compute: Callable[[], None],
        kernel: Callable[..., None],
        arguments: Sequence[Any],
    ) -> None:
        self.parameters = parameters
        self.compute = compute
        self.kernel = kernel
        self.arguments = arguments


class Trace(Lifted):
    """What parameters read as while a program is traced, and what it will need.

    Attributes:
        backend: Where the program runs.
        compiled: Whether the framework's compiler makes it.
        parameters: Those that the program reads or writes, by ``id``.
        written: The ids of those that it writes.
        trainable: Which of them were trainable.
        modules: The modules that ran, with their modes.
        parts: What they consisted of.
        effects: What happens on the host after each run, such as counting steps.
        conditions: What must hold for the program to be used again.
        questions: What is asked about sizes; None if nobody notes it.
    """

    def __init__(
        self, backend: LoadedBackend, compiled: bool, general: bool = False
    ) -> None:
        super().__init__(None)
        self.questions: list[Question] | None = [] if general else None
        self.backend = backend
        self.compiled = compiled
        self.parameters: dict[int, Parameter] = {}
        self.written: set[int] = set()
        self.trainable: list[tuple[Parameter, bool]] = []
        self.modules: dict[int, tuple[Module, bool]] = {}
        self.parts = Parts()
        self.effects: list[Callable[[], None]] = []
        self.conditions: list[Callable[[], bool]] = []
        self._deferred: list[Deferred] = []
        self._counts: Counter[int] = Counter()
        self._objects: list[Any] = []

    # --- parameters ------------------------------------------------------------------

    def read(self, parameter: Parameter) -> Native | None:
        """Return the stand-in of ``parameter``; None if it is on another backend."""
        self._settle(parameter)
        native = self.natives.get(id(parameter))
        if native is None and parameter._backend is self.backend:
            native = self.natives[id(parameter)] = self._cell(parameter).read()
        return native

    def write(self, parameter: Parameter, native: Native) -> bool:
        """Replace the stand-in of ``parameter``; False if it is on another backend."""
        refuse_batched(native)
        self._settle(parameter)
        if parameter._backend is not self.backend:
            return False
        self._cell(parameter)
        self.natives[id(parameter)] = native
        self.written.add(id(parameter))
        return True

    def _cell(self, parameter: Parameter) -> Cell:
        if id(parameter) not in self.parameters:
            self.parameters[id(parameter)] = parameter
            self.trainable.append((parameter, parameter.trainable))
            root = root_of(parameter)
            if is_module(root):
                self.saw(root)
            with self.outside():
                return parameter.cell()
        return parameter.cell()

    def defer(self, update: Deferred) -> None:
        """Have ``update`` made at the end, unless somebody reads its result before."""
        for parameter in update.parameters:
            self._cell(parameter)
        self._deferred.append(update)

    def _settle(self, parameter: Parameter) -> None:
        for update in self._deferred:
            if any(one is parameter for one in update.parameters):
                self._deferred.remove(update)
                update.compute()
                return

    # --- what comes from the host -----------------------------------------------------

    def host(
        self, read: Callable[[Sequence[int]], Array], like: Array, device: str
    ) -> Tensor:
        """Return a tensor that is ``read(shape)`` at each run, as ``like`` is."""
        _refuse_inside()
        native = self.backend.ops.host_value(read, like, device)
        return Tensor(native, self.backend)

    def after(self, effect: Callable[[], None]) -> None:
        """Have ``effect`` called after each run."""
        _refuse_inside()
        self.effects.append(effect)

    def count(self, one: Any) -> int:
        """Return how often this has been called for ``one`` in this trace."""
        _refuse_inside()
        self._counts[id(one)] += 1
        return self._counts[id(one)] - 1

    def saw(self, module: Module) -> None:
        """Note that the program depends on ``module``: its mode and attributes.

        So it does on what is inside: not all of it need be called to be used.
        """
        if id(module) in self.modules:
            return
        for one in module.modules():
            if id(one) not in self.modules:
                self.modules[id(one)] = one, one.training
                self.parts.saw(one)

    def depends_on(self, one: Any) -> None:
        """Note that the program depends on the attributes of an object of the user's.

        Classes and functions have none that matter, nor has a `functools.partial`.
        """
        known = {id(seen) for seen in self._objects}
        if is_module(one):
            self.saw(one)
        elif _has_attributes(one) and id(one) not in known:
            self._objects.append(one)
            self.parts.saw(one)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Return a context whose operations are no part of the program."""
        with ExitStack() as stack:
            stack.enter_context(self.backend.ops.untraced())
            stack.enter_context(Within(tracing, None))
            stack.enter_context(lifting(None))
            yield

    # --- the end ----------------------------------------------------------------------

    def writes(self) -> list[tuple[Cell, Native]]:
        """Return the cells with their new values."""
        return [
            (self._cell(one), self.natives[key])
            for key, one in self.parameters.items()
            if key in self.written
        ]

    def updates(self) -> list[tuple[Callable[..., None], tuple[Any, ...]]]:
        """Return the calls of kernels that make the deferred updates."""
        found = []
        for update in self._deferred:
            self.written |= {id(one) for one in update.parameters}
            found.append((update.kernel, tuple(map(self._opened, update.arguments))))
        self._deferred.clear()
        return found

    def _opened(self, argument: Any) -> Any:
        if isinstance(argument, list):
            return [self._opened(one) for one in argument]
        if isinstance(argument, Parameter):
            return self._cell(argument)
        return argument._native if isinstance(argument, Tensor) else argument


_WITHOUT: Final = (
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    ModuleType,
    type,
    partial,
)


def _has_attributes(one: Any) -> bool:
    own = type(one).__module__.partition(".")[0] == "unifiedml"
    return hasattr(one, "__dict__") and not own and not isinstance(one, _WITHOUT)


def _refuse_inside() -> None:
    """Raise where control flow decides whether, and how often, something happens."""
    name = inside.get()
    if name is not None:
        raise HostValueError(name)
