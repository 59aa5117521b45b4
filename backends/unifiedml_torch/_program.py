"""Programs: what a function did with tensors, written down and run again.

A dispatch mode sees each call below autograd and below the library's own wrappers, so
forward pass, gradients and updates become one straight list of kernel calls. It is
turned into a Python function of such calls: no modules, no autograd, no checks.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from unifiedml._backend.errors import TracedValueError
from unifiedml_torch._inductor import compiled_by_inductor
from unifiedml_torch._tensor import from_numpy

__all__ = [
    "cell",
    "host_value",
    "is_traced",
    "random_words",
    "trace",
    "untraced",
]

Array = npt.NDArray[Any]
Write = tuple["Cell", Tensor]
Update = tuple[Callable[..., None], tuple[Any, ...]]
Function = Callable[..., tuple[Sequence[Tensor], Sequence[Write], Sequence[Update]]]

_aten: Final = torch.ops.aten
_NEEDS_VALUES: Final = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class Cell:
    """The value of a parameter, in memory that programs change in place.

    Memory that others may see, too, is copied before a program changes it.
    """

    __slots__ = ("_own", "_tensor")

    def __init__(self, x: Tensor) -> None:
        self.write(x)

    def write(self, x: Tensor) -> None:
        self._tensor = x.detach()
        self._own = False

    def read(self) -> Tensor:
        tracer = _tracer.get()
        if tracer is not None:
            return tracer.state(self)
        self._own = False
        return self._tensor

    def shown(self) -> Tensor:
        """Return the memory for a program that does not change it."""
        return self._tensor

    def owned(self) -> Tensor:
        """Return the memory for a program that changes it."""
        if not self._own:
            self._tensor = self._tensor.clone(memory_format=torch.contiguous_format)
            self._own = True
        return self._tensor


cell = Cell


@contextmanager
def untraced() -> Iterator[None]:
    token = _tracer.set(None)
    try:
        with _disable_current_modes():
            yield
    finally:
        _tracer.reset(token)


def host_value(read: Callable[[], Array], like: Array, device: str, /) -> Tensor:
    tracer = _tracer.get()
    assert tracer is not None
    value = tracer.given(from_numpy(like, device))
    tracer.hosts.append((read, device, value))
    return value


# --- writing down ---------------------------------------------------------------------


@dataclass(eq=False)
class _Call:
    """One call of a kernel.

    Attributes:
        function: What is called.
        args: Its arguments, tensors among them.
        options: Those by name.
        result: What it returned: a tensor, a sequence of tensors and None, or nothing.
        pure: Whether it does nothing but return results.
    """

    function: Callable[..., Any]
    args: Sequence[Any]
    options: Mapping[str, Any]
    result: Any
    pure: bool

    @property
    def operands(self) -> list[Tensor]:
        return _tensors((self.args, list(self.options.values())))

    @property
    def results(self) -> list[Tensor]:
        return _tensors(self.result)


def _tensors(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, list | tuple):
        return [x for one in tree for x in _tensors(one)]
    return []


def _storage(x: Tensor) -> int:
    return int(x.untyped_storage()._cdata)


@dataclass
class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs each call and writes it down."""

    calls: list[_Call] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    hosts: list[tuple[Callable[[], Array], str, Tensor]] = field(default_factory=list)
    states: dict[Cell, Tensor] = field(default_factory=dict)
    written: set[Cell] = field(default_factory=set)
    known: dict[int, Tensor] = field(default_factory=dict)
    same: dict[int, Tensor] = field(default_factory=dict)
    outer: _Tracer | None = None

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        options = kwargs or {}
        if func is _aten.allclose.default:
            # PyTorch's derivative of a complex `svd` checks its operand, no more.
            return func(*args, **options)
        if _NEEDS_VALUES.intersection(func.tags) and self._traces(args):
            raise TracedValueError(func.overloadpacket.__name__)
        result = func(*args, **options)
        if func is _aten.detach.default:
            # The memory of its operand, and nothing here asks for a history.
            self.same[id(result)] = self.original(args[0])
            self.known[id(result)] = result
        elif func is not _aten.lift_fresh.default:
            pure = not func._schema.is_mutable and bool(func._schema.returns)
            self.calls.append(_Call(func, args, options, result, pure))
            for one in _tensors(result):
                self.known[id(one)] = one
        return result

    def _traces(self, args: Any) -> bool:
        return any(map(self.knows, _tensors(args)))

    def knows(self, x: Tensor) -> bool:
        """Tell whether a tensor stands for something here, or further outside."""
        here = id(x) in self.known
        return here or (self.outer is not None and self.outer.knows(x))

    def original(self, x: Tensor) -> Tensor:
        return self.same.get(id(x), x)

    def state(self, cell: Cell) -> Tensor:
        if self.outer is not None:
            return self.outer.state(cell)
        if cell not in self.states:
            self.states[cell] = self.given(cell.shown())
        return self.states[cell]

    def given(self, x: Tensor) -> Tensor:
        """Return the stand-in of a tensor that is given anew for each run."""
        # A new object: one tensor given twice is two inputs.
        x = x.detach()
        self.same.pop(id(x), None)
        self.known[id(x)] = x
        return x

    def write(self, function: Callable[..., Any], *args: Any) -> None:
        """Note a call that changes cells, without making it."""

        def opened(arg: Any) -> Any:
            if isinstance(arg, list):
                return [opened(one) for one in arg]
            if isinstance(arg, Cell):
                self.written.add(arg)
                return self.state(arg)
            return arg

        self.calls.append(_Call(function, [*map(opened, args)], {}, None, pure=False))

    def copied(self, x: Tensor) -> Tensor:
        """Return a tensor of its own memory, if that of ``x`` is a cell's."""
        x = x.detach()
        own = {_storage(state) for state in self.states.values()}
        return x.clone() if _storage(x) in own else x


_tracer: ContextVar[_Tracer | None] = ContextVar("unifiedml_torch_trace", default=None)


def is_traced(x: Tensor, /) -> bool:
    tracer = _tracer.get()
    return tracer is not None and tracer.knows(x)


def trace(function: Function, inputs: Sequence[Tensor], compiled: bool, /) -> Program:
    tracer = _Tracer()
    token = _tracer.set(tracer)
    try:
        with tracer:
            tracer.inputs += map(tracer.given, inputs)
            outputs, writes, updates = function(*tracer.inputs)
            # What is written last may be an operand of what is written first.
            outputs = [tracer.copied(x) for x in outputs]
            writes = [(cell, tracer.copied(x)) for cell, x in writes]
            for cell, x in writes:
                tracer.write(Tensor.copy_, cell, x)
            for update, args in updates:
                tracer.write(update, *args)
    finally:
        _tracer.reset(token)
    return Program(tracer, outputs, compiled)


# --- running again --------------------------------------------------------------------

_FOLDED: Final = 16_384
"""Results that depend on nothing are kept if they have no more elements than this."""


def _fast(function: Any) -> Callable[..., Any]:
    """Return the binding of a kernel that costs least to call.

    `torch.mm` costs half of `torch.ops.aten.mm.default`. It finds the same kernel,
    since its arguments have the order and the types of the schema.
    """
    if not isinstance(function, torch._ops.OpOverload):
        return cast(Callable[..., Any], function)
    name = function.overloadpacket.__name__
    for owner in (torch._C._VariableFunctions, torch._C.TensorBase):
        if hasattr(owner, name) and function.namespace == "aten":
            return cast(Callable[..., Any], getattr(owner, name))
    return function._op


class Control:
    """A call of a program that decides what to call.

    Attributes:
        sources: The texts of what it may call.
    """

    def __init__(
        self, name: str, run: Callable[..., list[Tensor]], sources: Sequence[str]
    ) -> None:
        self.__name__ = name
        self._run = run
        self.sources = sources

    def __call__(self, *given: Tensor) -> list[Tensor]:
        return self._run(*given)


def sources(calls: Sequence[_Call]) -> list[str]:
    """Return the texts of what calls of control flow may call."""
    return [
        text
        for call in calls
        if isinstance(call.function, Control)
        for text in call.function.sources
    ]


class Program:
    """A list of kernel calls as a Python function."""

    def __init__(
        self, tracer: _Tracer, outputs: Sequence[Tensor], compiled: bool
    ) -> None:
        self._hosts = [(read, device) for read, device, _ in tracer.hosts]
        self._states = [
            cell.owned if cell in tracer.written else cell.shown
            for cell in tracer.states
        ]
        writer = _Writer(tracer, outputs)
        self._source, self._run = writer.written()
        self._parts = sources(tracer.calls)
        if compiled and any(isinstance(c.function, Control) for c in tracer.calls):
            warnings.warn(
                "PyTorch's compiler, Inductor, takes no program with control flow of "
                "its own (um.cond, um.while_loop, um.scan, um.map): it runs without",
                stacklevel=2,
            )
        elif compiled:
            self._run = compiled_by_inductor(self._run, [x for _, x in writer.given])

    def __call__(self, *inputs: Tensor) -> Sequence[Tensor]:
        states = [state() for state in self._states]
        hosts = [from_numpy(read(), device) for read, device in self._hosts]
        # No tensor here is recorded, so autograd's part of each call can be left out.
        with torch._C._AutoDispatchBelowAutograd():
            return cast(Sequence[Tensor], self._run(*inputs, *states, *hosts))

    def text(self) -> str:
        return "\n".join([self._source, *self._parts])


class _Writer:
    """Turns calls into Python."""

    def __init__(self, tracer: _Tracer, outputs: Sequence[Tensor]) -> None:
        self._tracer = tracer
        self._outputs = [tracer.original(x) for x in outputs]
        self._values: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._numbers = itertools.count()
        self._changed = {
            _storage(x) for call in tracer.calls if not call.pure for x in call.operands
        }
        self.given = [
            *((f"x{i}", x) for i, x in enumerate(tracer.inputs)),
            *((f"state{i}", x) for i, x in enumerate(tracer.states.values())),
            *((f"host{i}", x) for i, (_, _, x) in enumerate(tracer.hosts)),
        ]
        self._calls = self._needed(self._folded())

    def _folded(self) -> list[_Call]:
        """Return the calls that depend on something, or that something depends on."""
        depends = {id(x) for _, x in self.given}
        kept = []
        for call in self._tracer.calls:
            operands = [self._tracer.original(x) for x in call.operands]
            fixed = not any(id(x) in depends for x in operands) and call.pure
            small = all(x.numel() <= _FOLDED for x in call.results)
            if (
                fixed
                and small
                and not any(_storage(x) in self._changed for x in call.results)
            ):
                continue
            depends |= {id(x) for x in call.results}
            kept.append(call)
        return kept

    def _needed(self, calls: Sequence[_Call]) -> list[_Call]:
        """Return the calls without those whose results nobody uses."""
        used = {id(x) for x in self._outputs}
        kept = []
        for call in reversed(calls):
            if call.pure and not any(id(x) in used for x in call.results):
                continue
            used |= {id(self._tracer.original(x)) for x in call.operands}
            kept.append(call)
        return kept[::-1]

    def written(self) -> tuple[str, Callable[..., Any]]:
        """Return the text of the function, and the function."""
        arguments = [self._new(x, name) for name, x in self.given]
        lines = [
            line for call, over in self._lives() for line in self._lines(call, over)
        ]
        lines.append(f"return [{', '.join(map(self._shown, self._outputs))}]")
        body = "\n    ".join(lines)
        source = f"def run({', '.join(arguments)}):\n    {body}\n"
        space = dict(self._values)
        exec(compile(source, "<unifiedml program>", "exec"), space)
        return source, cast(Callable[..., Any], space["run"])

    def _lives(self) -> Iterator[tuple[_Call, list[Tensor]]]:
        """Yield each call with the results of calls that nobody needs after it."""
        made = {id(x) for call in self._calls for x in call.results}
        alive = {id(x) for x in self._outputs}
        over: list[list[Tensor]] = []
        for call in reversed(self._calls):
            here: dict[int, Tensor] = {}
            for x in (*map(self._tracer.original, call.operands), *call.results):
                if id(x) in made and id(x) not in alive:
                    alive.add(id(x))
                    here[id(x)] = x
            over.append(list(here.values()))
        return zip(self._calls, reversed(over), strict=True)

    def _lines(self, call: _Call, over: Sequence[Tensor]) -> Iterator[str]:
        name = self._constant(_fast(call.function), _title(call.function))
        shown = [self._shown(arg) for arg in call.args]
        shown += [f"{key}={self._shown(one)}" for key, one in call.options.items()]
        made = f"{name}({', '.join(shown)})"
        result = call.result
        if isinstance(result, Tensor):
            yield f"{self._new(result, self._fresh())} = {made}"
        elif isinstance(result, list | tuple):
            names = [
                self._new(x, self._fresh()) if isinstance(x, Tensor) else "_"
                for x in result
            ]
            yield f"[{', '.join(names)}] = {made}"
        else:
            yield made
        if over:
            # The memory of what is not needed any more can be used again.
            yield f"del {', '.join(self._names[id(x)] for x in over)}"

    def _fresh(self) -> str:
        # Calls that work in place return, and name anew, what has a name already.
        return f"v{next(self._numbers)}"

    def _new(self, x: Tensor, name: str) -> str:
        self._names[id(x)] = name
        return name

    def _constant(self, value: Any, name: str) -> str:
        found = self._values.setdefault(name, value)
        if found is not value:
            return self._constant(value, f"{name}_")
        return name

    def _shown(self, arg: Any) -> str:
        if isinstance(arg, Tensor):
            arg = self._tracer.original(arg)
            if id(arg) not in self._names:
                self._new(arg, self._constant(arg, f"constant{len(self._names)}"))
            return self._names[id(arg)]
        if isinstance(arg, list | tuple):
            return f"[{', '.join(map(self._shown, arg))}]"
        if arg is None or type(arg) in (bool, int, str):
            return repr(arg)
        if type(arg) is float and np.isfinite(arg):
            return repr(arg)
        return self._constant(arg, f"value{len(self._values)}")


def _title(function: Callable[..., Any]) -> str:
    if isinstance(function, torch._ops.OpOverload):
        return str(function.overloadpacket.__name__)
    return function.__name__


# PyTorch's generators are not counter-based on the CPU.
random_words = None
