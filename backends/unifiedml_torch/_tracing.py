"""Writing down what a function does with tensors, call by call.

A dispatch mode sees each call below autograd and below the library's own wrappers, so
forward pass, gradients and updates become one straight list of kernel calls.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from unifiedml._backend.errors import TracedValueError
from unifiedml_torch._tensor import from_numpy

__all__ = ["cell", "host_value", "is_traced", "untraced"]

Array = npt.NDArray[Any]
Read = Callable[[Sequence[int]], Array]
T = TypeVar("T")

_aten: Final = torch.ops.aten
FOLDED: Final = 16_384
"""Results that depend on nothing are kept if they have no more elements than this."""
_NEEDS_VALUES: Final = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class Cell:
    """The value of a parameter, in memory that programs change in place.

    Memory that others may see, too, is copied before a program changes it.
    """

    __slots__ = ("_own", "_tensor", "lock")

    def __init__(self, x: Tensor) -> None:
        # Held while a program changes the memory: nobody is given it meanwhile.
        self.lock = threading.RLock()
        self.write(x)

    def write(self, x: Tensor) -> None:
        with self.lock:
            self._tensor = x.detach()
            self._own = False

    def read(self) -> Tensor:
        tracer = tracing.get()
        if tracer is not None:
            return tracer.state(self)
        with self.lock:
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
    token = tracing.set(None)
    try:
        with _disable_current_modes():
            yield
    finally:
        tracing.reset(token)


def host_value(read: Read, like: Array, device: str, /) -> Tensor:
    tracer = tracing.get()
    assert tracer is not None
    value = tracer.given(from_numpy(like, device))
    tracer.hosts.append((read, device, value))
    return value


# --- writing down ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """What stands for a tensor, so that its memory can be used again meanwhile.

    Attributes:
        key: The number of a tensor of the program, or the ``id`` of a constant.
        size: How many elements it has.
        memory: What those have in common that are views of the same memory.
        tensor: A constant, or what may turn out to be one; else None.
    """

    key: int
    size: int
    memory: int
    tensor: Tensor | None


@runtime_checkable
class Sized(Protocol):
    """What is a number or a tensor at each size."""

    def at(self, size: int, /) -> Any: ...


@dataclass(eq=False)
class Call:
    """One call of a kernel.

    Attributes:
        function: What is called.
        args: Its arguments, values among them.
        options: Those by name.
        result: What it returned: a value, a sequence of values and None, or nothing.
        pure: Whether it does nothing but return results.
        fits: Which arguments have a memory that the result would fit into.
    """

    function: Callable[..., Any]
    args: Sequence[Any]
    options: Mapping[str, Any]
    result: Any
    pure: bool
    fits: Sequence[int] = ()

    @property
    def operands(self) -> list[Value]:
        return _all(Value, (self.args, list(self.options.values())))

    @property
    def sized(self) -> list[Sized]:
        return _all(Sized, (self.args, list(self.options.values())))  # type: ignore[type-abstract]

    @property
    def results(self) -> list[Value]:
        return _all(Value, self.result)


@dataclass(eq=False)
class Record:
    """What was written down.

    Attributes:
        calls: The calls, in order.
        given: What is given to each run: names and keys.
        outputs: What the function returns.
        cells: Whose values are given, and whether they are written.
        hosts: What the host gives: who reads it, with its shape, and where it goes.
    """

    calls: Sequence[Call]
    given: Sequence[tuple[str, int]]
    outputs: Sequence[Value]
    cells: Sequence[tuple[Cell, bool]]
    hosts: Sequence[tuple[Read, Sequence[Any], str]]


def _all(kind: type[T], tree: Any) -> list[T]:
    if isinstance(tree, kind):
        return [tree]
    if isinstance(tree, list | tuple):
        return [x for one in tree for x in _all(kind, one)]
    return []


def copied(x: Sized) -> Call:
    """Return a call that makes a value of what is a tensor at each size."""
    key = next(_numbers)
    return Call(_aten.clone.default, [x], {}, Value(key, 0, key, None), pure=True)


# The tensors of programs have numbers below 0; the key of others is their `id`.
_NUMBER: Final = "_unifiedml_number"
_numbers: Final = itertools.count(-1, -1)


def key_of(x: Tensor) -> int:
    return getattr(x, _NUMBER, None) or id(x)


def _are_alike(x: object, y: Tensor) -> bool:
    """Tell whether the elements of ``y`` could stand where those of ``x`` do."""
    return (
        isinstance(x, Tensor)
        and (x.shape, x.dtype, x.device) == (y.shape, y.dtype, y.device)
        and x.stride() == y.stride()
        and not (x.is_conj() or x.is_neg())
    )


def storage_of(x: Tensor) -> int:
    return int(x.untyped_storage()._cdata)


@dataclass
class Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs each call and writes it down."""

    calls: list[Call] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    hosts: list[tuple[Read, str, Tensor]] = field(default_factory=list)
    states: dict[Cell, Tensor] = field(default_factory=dict)
    written: set[Cell] = field(default_factory=set)
    storages: set[int] = field(default_factory=set)
    values: dict[int, Value] = field(default_factory=dict)
    constants: dict[int, Value] = field(default_factory=dict)
    varying: set[int] = field(default_factory=set)
    outer: Tracer | None = None

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # To protect `__torch_dispatch__` from `torch.compile`, which never sees it,
        # PyTorch would import the compiler: 0.6 s before the first program.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        options = kwargs or {}
        if func is _aten.allclose.default:
            # PyTorch's derivative of a complex `svd` checks its operand, no more.
            return func(*args, **options)
        if _NEEDS_VALUES.intersection(func.tags) and self._traces(args):
            raise TracedValueError(func.overloadpacket.__name__)
        if func is _aten.detach.default:
            result = func(*args, **options)
            if self.knows(args[0]):
                # The memory of its operand, and nothing here asks for a history.
                setattr(result, _NUMBER, key_of(args[0]))
        elif func is _aten.lift_fresh.default:
            result = func(*args, **options)
        else:
            result = func(*args, **options)
            pure = not func._schema.is_mutable and bool(func._schema.returns)
            self.note(func, args, options, result, pure)
        return result

    def note(
        self, function: Any, args: Any, options: Any, result: Any, pure: bool
    ) -> None:
        """Write down a call, and what stands for its results."""
        named = {key: self.shown(x) for key, x in options.items()}
        call = Call(function, self.shown(args), named, None, pure)
        results = _all(Tensor, result)
        operands = _all(Tensor, [args, list(options.values())])
        memory = {storage_of(x): self.value(x).memory for x in operands}
        kept = (
            pure
            and not any(x.key in self.varying for x in call.operands)
            and all(x.numel() <= FOLDED for x in results)
        )
        for x in results:
            if not hasattr(x, _NUMBER):
                setattr(x, _NUMBER, next(_numbers))
            key = key_of(x)
            if key not in self.values:
                place = memory.setdefault(storage_of(x), key)
                self.values[key] = Value(key, x.numel(), place, x if kept else None)
            if not kept:
                self.varying.add(key)
        call.result = self.shown(result)
        if pure and isinstance(result, Tensor):
            call.fits = [n for n, x in enumerate(args) if _are_alike(x, result)]
        self.calls.append(call)

    def shown(self, tree: Any) -> Any:
        """Return a tree with values for its tensors."""
        if isinstance(tree, Tensor):
            return self.value(tree)
        if isinstance(tree, list | tuple):
            return [self.shown(one) for one in tree]
        return tree

    def value(self, x: Tensor) -> Value:
        """Return what stands for a tensor: here, or as a constant."""
        key = key_of(x)
        if key in self.values:
            return self.values[key]
        known = self.constants.get(key)
        # A tensor that has a history stands for those that were detached from it.
        if known is None or (x.requires_grad and known.tensor is not x):
            known = self.constants[key] = Value(key, x.numel(), storage_of(x), x)
        return known

    def _traces(self, args: Any) -> bool:
        return any(map(self.knows, _all(Tensor, args)))

    def knows(self, x: Tensor) -> bool:
        """Tell whether a tensor stands for something here, or further outside."""
        return self.makes(x) or (self.outer is not None and self.outer.knows(x))

    def makes(self, x: Tensor) -> bool:
        """Tell whether a tensor stands for something here."""
        return key_of(x) in self.values

    def state(self, cell: Cell) -> Tensor:
        if self.outer is not None:
            return self.outer.state(cell)
        if cell not in self.states:
            with _disable_current_modes():
                value = cell.shown().contiguous()
            self.states[cell] = self.given(value)
            self.storages.add(storage_of(value))
        return self.states[cell]

    def given(self, x: Tensor) -> Tensor:
        """Return the stand-in of a tensor that is given anew for each run."""
        # A new object: one tensor given twice is two inputs.
        x = x.detach()
        key = next(_numbers)
        setattr(x, _NUMBER, key)
        self.values[key] = Value(key, x.numel(), storage_of(x), None)
        self.varying.add(key)
        return x

    def write(self, function: Callable[..., Any], *args: Any) -> None:
        """Note a call that changes cells, without making it."""
        self.note(function, [*map(self._opened, args)], {}, None, pure=False)

    # No inner function: one that calls itself keeps all that it sees for the collector.

    def _opened(self, arg: Any) -> Any:
        if isinstance(arg, list):
            return [*map(self._opened, arg)]
        if isinstance(arg, Cell):
            self.written.add(arg)
            return self.state(arg)
        # An operand that is a cell's value must not change with the cell.
        return self.copied(arg) if isinstance(arg, Tensor) else arg

    def given_tensors(self) -> list[Tensor]:
        """Return what is given to each run, in order."""
        hosts = [x for _, _, x in self.hosts]
        return [*self.inputs, *self.states.values(), *hosts]

    def record(self, outputs: Sequence[Tensor]) -> Record:
        """Return what was written down, for a function that returns ``outputs``."""
        named = [
            *((f"x{i}", x) for i, x in enumerate(self.inputs)),
            *((f"state{i}", x) for i, x in enumerate(self.states.values())),
            *((f"host{i}", x) for i, (_, _, x) in enumerate(self.hosts)),
        ]
        return Record(
            self.calls,
            [(name, key_of(x)) for name, x in named],
            [self.value(x) for x in outputs],
            [(cell, cell in self.written) for cell in self.states],
            [(read, tuple(x.shape), device) for read, device, x in self.hosts],
        )

    def copied(self, x: Tensor) -> Tensor:
        """Return a tensor of its own memory, if that of ``x`` is a cell's."""
        x = x.detach()
        return x.clone() if storage_of(x) in self.storages else x


tracing: ContextVar[Tracer | None] = ContextVar("unifiedml_torch_trace", default=None)


def is_traced(x: Tensor, /) -> bool:
    tracer = tracing.get()
    return tracer is not None and tracer.knows(x)
