"""A program that has been traced, and the conditions under which it may run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from unifiedml._backend.protocol import Native, Program
from unifiedml._backend.registry import LoadedBackend
from unifiedml._jit._signature import Arguments
from unifiedml._jit._trace import Trace
from unifiedml._parameter import lifting
from unifiedml._recording import Within
from unifiedml._sizes import Question, Size
from unifiedml._tensor import Tensor
from unifiedml._tracing import tracing
from unifiedml._tree import is_module, leaves, map_tree
from unifiedml.random._keys import Key, LaterKey

__all__ = ["Traced"]


class Traced:
    """One program of a jitted function.

    Attributes:
        compiled: Whether the framework's compiler has made it.
        runs: How often it has run.

    Args:
        function: What is traced.
        arguments: The arguments of the call for which it is traced.
        compiled: Whether the framework's compiler makes the program.
        general: Whether it may become one of several that make one for all sizes.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Arguments,
        compiled: bool,
        general: bool = False,
    ) -> None:
        self.backend: LoadedBackend = arguments.backend()
        self.compiled = compiled
        self.runs = 0
        self.keys = _Keys(arguments.keys)
        self._trace = Trace(self.backend, compiled, general)
        self.result: Any = None
        trace_ = self.backend.ops.trace
        assert trace_ is not None
        self.program: Program = trace_(
            self._body(function, arguments),
            [x._native for x in arguments.tensors],
            compiled,
        )
        trace = self._trace
        self._cells = [(one, one.cell()) for one in trace.parameters.values()]
        self._written = [trace.parameters[key] for key in trace.written]
        self._modules = list(trace.modules.values())
        # Held on to: what the signature knows by its id must not be gone.
        self._held = arguments.static()

    def _body(self, function: Callable[..., Any], arguments: Arguments) -> Any:
        trace, backend = self._trace, self.backend
        # What is called notes itself; these may be used otherwise.
        for one in filter(is_module, leaves(arguments.tree)):
            trace.saw(one)
        trace.depends_on(getattr(function, "__self__", None))

        def body(*natives: Native) -> Any:
            args, kwargs = arguments.rebuilt(
                lambda number: Tensor(natives[number], backend),
                lambda number: LaterKey(partial(_Keys.get, self.keys, number)),
            )
            outputs: list[Native] = []

            def left(leaf: Any) -> Any:
                if not isinstance(leaf, Tensor):
                    return int(leaf) if isinstance(leaf, Size) else leaf
                outputs.append(leaf._native)
                return _Place(len(outputs) - 1)

            with Within(tracing, trace), lifting(trace):
                self.result = map_tree(left, function(*args, **kwargs))
                trace.parts.settle()
                writes = trace.writes()
                updates = trace.updates()
            return outputs, writes, updates

        return body

    def holds(self) -> bool:
        """Tell whether the program still does what the function would."""
        if not self._trace.parts.are_same():
            return False
        # Loops: each call asks, and a generator would cost more than the questions.
        for module, mode in self._modules:
            if module.training is not mode:
                return False
        for one, trainable in self._trace.trainable:
            if one.trainable is not trainable:
                return False
        for one, cell in self._cells:
            if one.cell() is not cell:
                return False
        return all(condition() for condition in self._trace.conditions)

    @property
    def questions(self) -> Sequence[Question]:
        """What the function has asked about sizes."""
        return self._trace.questions or ()

    def run(self, arguments: Arguments, program: Program | None = None) -> Any:
        """Return the result for other arguments of the same signature.

        Args:
            arguments: The arguments.
            program: The same program for arguments of other sizes.
        """
        self.keys.present = arguments.keys
        try:
            found = (program or self.program)(*[x._native for x in arguments.tensors])
        finally:
            for one in self._written:
                one.changed_by_program()
        for effect in self._trace.effects:
            effect()
        backend = self.backend

        if type(self.result) is _Place:
            return Tensor(found[self.result.number], backend)

        def entered(leaf: Any) -> Any:
            if type(leaf) is _Place:
                return Tensor(found[leaf.number], backend)
            return leaf

        return map_tree(entered, self.result)


@dataclass(frozen=True)
class _Place:
    """Stands for a result of the program."""

    number: int


class _Keys(threading.local):
    """The random keys of a thread's run; those of any program stand for each other."""

    def __init__(self, present: Sequence[Key]) -> None:
        self.present = present

    def get(self, number: int) -> Key:
        return self.present[number]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keys)

    __hash__ = None  # type: ignore[assignment]
