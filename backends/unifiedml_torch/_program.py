"""Programs: what a function did with tensors, run again.

The calls that `_tracing` wrote down are turned into a Python function of such calls: no
modules, no autograd, no checks.
"""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor

from unifiedml_torch._inductor import compiled_by_inductor
from unifiedml_torch._shortcuts import layer, recorded_layer
from unifiedml_torch._sizes import general
from unifiedml_torch._tensor import from_numpy
from unifiedml_torch._tracing import (
    FOLDED,
    Call,
    Cell,
    Record,
    Sized,
    Tracer,
    Value,
    tracing,
)

__all__ = ["random_words", "trace"]

Write = tuple[Cell, Tensor]
Update = tuple[Callable[..., None], tuple[Any, ...]]
Function = Callable[..., tuple[Sequence[Tensor], Sequence[Write], Sequence[Update]]]


def trace(function: Function, inputs: Sequence[Tensor], compiled: bool, /) -> Program:
    tracer = Tracer()
    # Programs read memory in one order: strides are no part of a signature.
    inputs = [x.contiguous() for x in inputs]
    token = tracing.set(tracer)
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
        tracing.reset(token)
    return Program(tracer.record(outputs), tracer.given_tensors() if compiled else None)


# --- running again --------------------------------------------------------------------


def _fast(function: Any) -> Callable[..., Any]:
    """Return the binding of a kernel that costs least to call.

    `torch.mm` costs half of `torch.ops.aten.mm.default`. It finds the same kernel,
    since its arguments have the order and the types of the schema.
    """
    if function is layer:
        return recorded_layer
    if not isinstance(function, torch._ops.OpOverload):
        return cast(Callable[..., Any], function)
    name = function.overloadpacket.__name__
    for owner in (torch._C._VariableFunctions, torch._C.TensorBase):
        if hasattr(owner, name) and function.namespace == "aten":
            return cast(Callable[..., Any], getattr(owner, name))
    return function._op


def _in_place(function: Any) -> Callable[..., Any]:
    """Return what writes the result of a kernel where its first operand is."""
    return cast(
        Callable[..., Any],
        getattr(torch._C.TensorBase, f"{function.overloadpacket.__name__}_"),
    )


_COMMUTATIVE: Final = frozenset(
    "add bitwise_and bitwise_or bitwise_xor logical_and logical_or mul".split()
)


def _places(call: Call) -> list[int]:
    """Return which arguments the result of a call may take the place of."""
    function = call.function
    if not isinstance(function, torch._ops.OpOverload) or function.namespace != "aten":
        return []
    by_element = torch.Tag.pointwise in function.tags
    name = function.overloadpacket.__name__
    if not by_element or not hasattr(torch._C.TensorBase, f"{name}_"):
        return []
    commutes = name in _COMMUTATIVE and not call.options
    return [n for n in call.fits if n == 0 or (n == 1 and commutes)]


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


def sources(calls: Sequence[Call]) -> list[str]:
    """Return the texts of what calls of control flow may call."""
    return [
        text
        for call in calls
        if isinstance(call.function, Control)
        for text in call.function.sources
    ]


class Program:
    """A list of kernel calls as a Python function.

    Args:
        record: The calls.
        compiled: What it was traced with, if the compiler is to make it, else None.
    """

    def __init__(self, record: Record, compiled: Sequence[Tensor] | None) -> None:
        self.record = record
        self._states = [
            cell.owned if written else cell.shown for cell, written in record.cells
        ]
        # In one order, so that programs that share some do not wait for each other.
        written = [cell for cell, written in record.cells if written]
        self._locks = [cell.lock for cell in sorted(written, key=id)]
        # A compiler has its own way.
        writer = _Writer(record, reuse=compiled is None)
        self._source, self._run = writer.written()
        self._parts = sources(record.calls)
        self._sized = writer.sized
        self._settle({})
        if compiled is None:
            return
        if any(isinstance(call.function, Control) for call in record.calls):
            warnings.warn(
                "PyTorch's compiler, Inductor, takes no program with control flow of "
                "its own (um.cond, um.while_loop, um.scan, um.map): it runs without",
                stacklevel=2,
            )
        else:
            self._run = compiled_by_inductor(self._run, compiled)

    def _settle(self, values: Mapping[Sized, Any]) -> None:
        """Note what that is which depends on the size."""
        self._given = tuple(values.values())
        self._hosts = [
            (read, tuple([values.get(one, one) for one in shape]), device)
            for read, shape, device in self.record.hosts
        ]

    def __call__(self, *inputs: Tensor) -> Sequence[Tensor]:
        inputs = tuple([x.contiguous() for x in inputs])
        hosts = [from_numpy(read(shape), device) for read, shape, device in self._hosts]
        for lock in self._locks:
            lock.acquire()
        try:
            states = [state().contiguous() for state in self._states]
            # No tensor here is recorded: autograd's part of each call can be left out.
            with torch._C._AutoDispatchBelowAutograd():
                given = *inputs, *states, *hosts, *self._given
                return cast(Sequence[Tensor], self._run(*given))
        finally:
            for lock in self._locks:
                lock.release()

    def generalized(
        self, others: Sequence[Program], sizes: Sequence[int]
    ) -> Callable[[int], Program]:
        records = [one.record for one in (self, *others)]
        made = Program(general(records, sizes), None)

        def at(size: int) -> Program:
            one = copy.copy(made)
            one._settle({each: each.at(size) for each in made._sized})
            return one

        return at

    def text(self) -> str:
        return "\n".join([self._source, *self._parts])


class _Writer:
    """Turns calls into Python.

    Attributes:
        sized: What the function is given at the end, which depends on the size.

    Args:
        record: What was written down.
        reuse: Whether results may be written where an operand is that nobody needs any
            more: memory that is at hand, and in the cache.
    """

    def __init__(self, record: Record, reuse: bool = True) -> None:
        self._reuse = reuse
        self._record = record
        self._outputs = record.outputs
        self._values: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._places_made = itertools.count()
        self._changed = {
            x.memory for call in record.calls if not call.pure for x in call.operands
        }
        self._calls = self._needed(self._folded())
        used = [one for call in self._calls for one in call.sized]
        shapes = [one for _, shape, _ in record.hosts for one in shape]
        hosts = [one for one in shapes if isinstance(one, Sized)]
        self.sized = list(dict.fromkeys([*used, *hosts]))

    def _folded(self) -> list[Call]:
        """Return the calls that depend on something, or that something depends on."""
        depends = {key for _, key in self._record.given}
        kept = []
        for call in self._record.calls:
            fixed = not any(x.key in depends for x in call.operands) and call.pure
            fixed = fixed and not call.sized
            small = all(x.size <= FOLDED for x in call.results)
            if (
                fixed
                and small
                and not any(x.memory in self._changed for x in call.results)
            ):
                continue
            depends |= {x.key for x in call.results}
            kept.append(call)
        return kept

    def _needed(self, calls: Sequence[Call]) -> list[Call]:
        """Return the calls without those whose results nobody uses."""
        used = {x.key for x in self._outputs}
        kept = []
        for call in reversed(calls):
            if call.pure and not any(x.key in used for x in call.results):
                continue
            used |= {x.key for x in call.operands}
            kept.append(call)
        return kept[::-1]

    def written(self) -> tuple[str, Callable[..., Any]]:
        """Return the text of the function, and the function."""
        arguments = [self._new(key, name) for name, key in self._record.given]
        arguments += [f"n{place}" for place in range(len(self.sized))]
        calls = zip(self._calls, self._lives(), self._places(), strict=True)
        lines = [line for call in calls for line in self._lines(*call)]
        lines.append(f"return [{', '.join(map(self._shown, self._outputs))}]")
        body = "\n    ".join(lines)
        source = f"def run({', '.join(arguments)}):\n    {body}\n"
        space = dict(self._values)
        exec(compile(source, "<unifiedml program>", "exec"), space)
        return source, cast(Callable[..., Any], space["run"])

    def _lives(self) -> list[list[int]]:
        """Return for each call the keys of results that nobody needs after it."""
        made = {x.key for call in self._calls for x in call.results}
        alive = {x.key for x in self._outputs}
        over: list[list[int]] = []
        for call in reversed(self._calls):
            here = dict.fromkeys(
                x.key
                for x in (*call.operands, *call.results)
                if x.key in made and x.key not in alive
            )
            alive.update(here)
            over.append(list(here))
        return over[::-1]

    def _places(self) -> list[int | None]:
        """Return for each call which argument its result takes the place of."""
        if not self._reuse:
            return [None] * len(self._calls)
        last: dict[int, int] = {}
        for number, call in enumerate(self._calls):
            last |= {x.memory: number for x in (*call.operands, *call.results)}
        last |= {x.memory: len(self._calls) for x in self._outputs}
        # Memory has the key of the first result there.
        own = {
            x.key
            for call in self._calls
            if call.pure and isinstance(call.function, torch._ops.OpOverload)
            for x in call.results
        }

        def is_free(call: Call, x: Value | Sized, number: int) -> bool:
            if not isinstance(x, Value):
                return False
            others = [y.memory for y in call.operands if y.key != x.key]
            over = x.memory in own and last[x.memory] == number
            return over and x.memory not in others

        found = []
        for number, call in enumerate(self._calls):
            free = (n for n in _places(call) if is_free(call, call.args[n], number))
            found.append(next(free, None))
        return found

    def _lines(
        self, call: Call, over: Sequence[int], place: int | None
    ) -> Iterator[str]:
        if place is None:
            name = self._constant(_fast(call.function), _title(call.function))
        else:
            function = _in_place(call.function)
            name = self._constant(function, function.__name__)
        args = list(call.args)
        if place:
            args[0], args[place] = args[place], args[0]
        shown = [self._shown(arg) for arg in args]
        shown += [f"{key}={self._shown(one)}" for key, one in call.options.items()]
        made = f"{name}({', '.join(shown)})"
        result = call.result
        if isinstance(result, Value):
            yield f"{self._new(result.key, self._fresh())} = {made}"
        elif isinstance(result, list):
            names = [
                self._new(x.key, self._fresh()) if isinstance(x, Value) else "_"
                for x in result
            ]
            yield f"[{', '.join(names)}] = {made}"
        else:
            yield made
        if over:
            # The memory of what is not needed any more can be used again.
            yield f"del {', '.join(self._names[key] for key in over)}"

    def _fresh(self) -> str:
        # Calls that work in place return, and name anew, what has a name already.
        return f"v{next(self._places_made)}"

    def _new(self, key: int, name: str) -> str:
        self._names[key] = name
        return name

    def _constant(self, value: Any, name: str) -> str:
        found = self._values.setdefault(name, value)
        if found is not value:
            return self._constant(value, f"{name}_")
        return name

    def _shown(self, arg: Any) -> str:
        if isinstance(arg, Value):
            if arg.key not in self._names:
                assert arg.tensor is not None
                name = self._constant(arg.tensor, f"constant{len(self._names)}")
                self._new(arg.key, name)
            return self._names[arg.key]
        if isinstance(arg, list):
            return f"[{', '.join(map(self._shown, arg))}]"
        if isinstance(arg, Sized):
            return f"n{self.sized.index(arg)}"
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
