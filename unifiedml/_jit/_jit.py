"""`jit`: a function as a program of its backend."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any, Final, Generic, ParamSpec, TypeVar, overload

from unifiedml._backend.errors import BackendError, interrupted
from unifiedml._jit._apart import Apart
from unifiedml._jit._families import Families, Sized
from unifiedml._jit._program import Traced
from unifiedml._jit._signature import Arguments
from unifiedml._parameter import current_lifted, lifting
from unifiedml._recording import Mode, mode
from unifiedml._tensor import Tensor
from unifiedml._tracing import tracing
from unifiedml._tree import map_tree

__all__ = ["Jitted", "Lowered", "jit"]

P = ParamSpec("P")
R = TypeVar("R")

_MOST: Final = 64
"""Programs that a function keeps; the one that was used longest ago goes first."""

_MANY: Final = 8
"""Programs after which a warning says what changes."""

_OFTEN: Final = 8
"""Calls that run op by op before they are traced, where shapes are dynamic.

Tracing costs about what it saves in 10 steps of a training, in small networks and in
Transformers, on either backend.
"""

_LONG: Final = 1000
"""Runs of a program, not the first, before the compiler makes it anew.

Counted, not timed: which program runs, and so how results are rounded, must not depend
on the load of the machine.
"""

_REMEMBERED: Final = 1024
"""Kinds of call whose number is known, where shapes are dynamic."""


class Jitted(Generic[P, R]):
    """A function that runs as a program; what `jit` returns.

    Attributes:
        traces: How often it has been traced.

    Args:
        function: What runs.
        compiler: Whether the framework's compiler makes the programs.
        dynamic: Whether calls of a new kind run op by op until they come often, if
            no program for all sizes comes of tracing them.
        general: Whether programs of several sizes may become one for all.
        warns: Whether a warning tells that it is traced again and again.
        title: What warnings call it, if the user has not asked for a program.
    """

    def __init__(
        self,
        function: Callable[P, R],
        compiler: bool = False,
        dynamic: bool = False,
        general: bool = False,
        warns: bool = True,
        title: str | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"um.jit takes a function, not {type(function).__name__}")
        self._function = function
        self._compiler = compiler
        self._dynamic = dynamic
        self._general = general or dynamic
        self._warns = warns
        self._title = title
        self._programs: OrderedDict[Any, list[Traced | Sized]] = OrderedDict()
        self._families = Families()
        self._last: tuple[Any, Traced | Sized] | None = None
        self._lock = threading.RLock()
        self._met: OrderedDict[Any, int] = OrderedDict()
        self.traces = 0
        update_wrapper(self, function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns."""
        if (
            tracing.get() is not None
            or current_lifted() is not None
            or mode() is Mode.TAPE
        ):
            # Part of another program, or of what is differentiated.
            return self._function(*args, **kwargs)
        arguments = Arguments(args, kwargs)
        if not arguments.is_plain or arguments.backend().ops.trace is None:
            return self._function(*args, **kwargs)
        program = self._program(arguments)
        if program is None:
            return self._op_by_op(arguments)
        try:
            result: R = program.run(arguments)
        except Exception as error:
            raise self._explained(arguments, error) from error
        program.runs += 1
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        # Programs are made anew, where it arrives.
        return Jitted, (
            self._function,
            self._compiler,
            self._dynamic,
            self._general,
            self._warns,
            self._title,
        )

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Lowered:
        """Return the program for these arguments, without running it."""
        arguments = Arguments(args, kwargs)
        return Lowered(self._found(arguments) or self._traced(arguments))

    def _program(self, arguments: Arguments) -> Traced | Sized | None:
        """Return the program for a call; None where it is to run op by op."""
        last = self._last
        # Comparing with the last signature costs less than looking it up.
        if last is not None and last[0] == arguments.signature and last[1].holds():
            return last[1]
        with self._lock:
            made = self._found(arguments)
            if made is None:
                hopeful = self._families.is_hopeful(arguments.signature[0])
                waits = self._dynamic and self.traces and not hopeful
                if waits and self._is_rare(arguments):
                    return None
                made = self._traced(arguments)
        if made.compiled or not self._compiler:
            self._last = arguments.signature, made
        return made

    def _is_rare(self, arguments: Arguments) -> bool:
        """Count a call that no program serves; tell whether there were few so far."""
        calls = self._met.pop(arguments.signature, 0)
        if calls == _OFTEN:
            return False
        self._met[arguments.signature] = calls + 1
        if len(self._met) > _REMEMBERED:
            self._met.popitem(last=False)
        return True

    def _op_by_op(self, arguments: Arguments) -> R:
        """Do what the program would do, without one."""
        # New objects: the function may rebind its own.
        args, kwargs = arguments.rebuilt(
            lambda number: _unrecorded(arguments.tensors[number]),
            lambda number: arguments.keys[number],
        )
        apart = Apart()
        with lifting(apart):
            result: R = map_tree(_unrecorded, self._function(*args, **kwargs))
        apart.commit()
        return result

    def _found(self, arguments: Arguments) -> Traced | Sized | None:
        """Return the program that there is for a call."""
        with self._lock:
            found = self._programs.get(arguments.signature, [])
            held = [one for one in found if one.holds()]
            compiled = self._is_to_compile(held)
            for one in held:
                if one.compiled or not compiled:
                    self._programs.move_to_end(arguments.signature)
                    return one
            if compiled or not self._general:
                return None
            sized = self._families.find(*arguments.signature)
            if sized is not None:
                self._keep(arguments, sized)
            return sized

    def _keep(self, arguments: Arguments, made: Traced | Sized) -> None:
        # What does not hold any more seldom holds again.
        found = self._programs.get(arguments.signature, [])
        self._programs[arguments.signature] = [made, *found[:3]]
        self._programs.move_to_end(arguments.signature)
        while len(self._programs) > _MOST:
            self._programs.popitem(last=False)

    def _is_to_compile(self, held: Sequence[Traced | Sized]) -> bool:
        # The first program is compiled at once. A last, smaller batch must not cost the
        # seconds that compilers take, if it does not come often.
        if not self._compiler or not self.traces:
            return self._compiler
        return any(one.runs >= _LONG for one in held)

    def _traced(self, arguments: Arguments) -> Traced:
        """Return a new program for a call."""
        with self._lock:
            found = self._programs.get(arguments.signature, [])
            compiled = self._is_to_compile([one for one in found if one.holds()])
            general = self._general and not compiled
            try:
                made = Traced(self._function, arguments, compiled, general)
            except BackendError as error:
                # Values explain it, which stand-ins do not have.
                raise self._explained(arguments, error) from error
            self._keep(arguments, made)
            self.traces += 1
            if general:
                self._families.add(*arguments.signature, made)
            hopeful = general and self._families.is_hopeful(arguments.signature[0])
            if self._warns and not hopeful and self.traces % _MANY == 0:
                self._warn()
            return made

    def _warn(self) -> None:
        signatures = list(self._programs)
        changed = (
            _difference(*signatures[-2:])
            if len(signatures) > 1
            else "the mode or the parts of a module change"
        )
        if self._title is not None:
            advice = "Give it batches of one size, or compile(..., run_eagerly=True)"
        else:
            others = "" if self._dynamic else ", or say um.jit(..., dynamic=True)"
            advice = (
                "Pass numbers that change as tensors (um.tensor), and batches of one "
                f"size{others}"
            )
        warnings.warn(
            f"{self._name()} has been traced {self.traces} times: {changed}. {advice}",
            stacklevel=5,
        )

    def _name(self) -> str:
        if self._title is not None:
            return self._title
        return getattr(self._function, "__qualname__", type(self._function).__name__)

    def _explained(self, arguments: Arguments, error: Exception) -> BaseException:
        """Return the error that the operation at fault raises by itself."""
        interrupt = interrupted(error)
        if interrupt is not None:
            return interrupt
        args, kwargs = arguments.tree
        try:
            with lifting(Apart()):
                self._function(*args, **kwargs)
        except Exception as own:  # noqa: BLE001 - whatever it is, it is the reason
            return own
        return BackendError(
            f"the program of {self._name()} failed: "
            + str(error).strip().split("\n", 1)[0]
        )


class Lowered:
    """A traced program, to be looked at."""

    def __init__(self, traced: Traced | Sized) -> None:
        self._traced = traced

    def text(self) -> str:
        """Return the operations of the program, in the words of the framework."""
        return self._traced.program.text()


def _unrecorded(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, Tensor) else leaf


def _difference(before: Any, after: Any) -> str:
    """Say where two signatures differ."""
    (kind, shapes), (other, others) = before, after
    if kind != other:
        return _where(kind[0], other[0], "the arguments")
    for one, new in zip(shapes, others, strict=True):
        if one != new:
            return f"the shape of a tensor changed from {one} to {new}"
    return "the mode or the parts of a module change"


def _where(before: Any, after: Any, place: str) -> str:
    both = isinstance(before, tuple) and isinstance(after, tuple)
    if both and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            if one != other:
                inner = f"{place}[{number - 1}]" if isinstance(one, tuple) else place
                return _where(one, other, inner)
    return f"{place} changed from {before!r} to {after!r}"


@overload
def jit(
    function: Callable[P, R], /, *, compiler: bool = ..., dynamic: bool = ...
) -> Jitted[P, R]: ...
@overload
def jit(
    *, compiler: bool = ..., dynamic: bool = ...
) -> Callable[[Callable[P, R]], Jitted[P, R]]: ...
def jit(
    function: Any = None, /, *, compiler: bool = False, dynamic: bool = False
) -> Any:
    """Return a function that runs as one program of its backend.

    The first call with arguments of new shapes, data types or static values traces the
    function: it runs once with stand-ins for its tensors, and what it does with them
    becomes a program, which later calls run without Python, wrappers and autograd.

    Args:
        function: Takes tensors, NumPy arrays, modules, optimizers and random keys, in
            dicts, lists and tuples; everything else is static: each value of it has
            its own program, and so has each state of the attributes of modules, and of
            the object that a method belongs to (numbers, functions, tensors, layers,
            also in lists and arrays of up to 1000 items), but not what changes inside
            of other objects, nor variables that the function closes over. It may read,
            change and train the parameters of any module, take gradients, and draw
            random numbers. Its other effects (printing, appending to lists, writing
            into an argument) happen when it is traced only.
        compiler: Whether the framework's compiler (Inductor, XLA) makes the program:
            faster, after a first call that takes seconds. Programs after the first, for
            other shapes or modes, run without the compiler, until they have run 1000
            times. Where the compiler has no kernel, or none that knows a singular
            matrix, or is missing, a warning says so once and the program runs without.
        dynamic: Whether arguments come in many shapes, such as sentences of all
            lengths. When three have been traced that differ in one size (along any
            axes), one program of all sizes between them is made; a size beyond is
            traced, and extends it. Where the function compares a size, or divides it,
            programs are apart whose answers differ; where it makes another number of
            it, such as ``1 / len(x)``, each size is. If that way six programs become
            none for all sizes, new shapes run op by op, which is slower, and are traced
            when they come for the ninth time.

    Returns:
        A function of the same arguments. Its results carry no history for
        ``backward()``: take gradients inside, by `grad` or a tape. Where a gradient is
        taken through the jitted function itself, it runs without a program.

    Raises:
        TracedStateError: The function makes a parameter, sets the learning rate, or
            runs a module that changes a number of its own or keeps a tensor.
        TracedValueError: The function needs the value of a tensor, to branch on it.
        TypeError: An argument cannot be hashed.

    Example:
        >>> import unifiedml as um
        >>> @um.jit
        ... def step(model, optimizer, x, y):
        ...     loss = lambda model: um.mean((model(x) - y) ** 2)
        ...     value, gradients = um.value_and_grad(loss)(model)
        ...     optimizer.step(gradients)
        ...     return value
        >>> model = um.Dense(1, input_size=2)
        >>> optimizer = um.Adam(model.parameters())
        >>> first = step(model, optimizer, um.ones((4, 2)), um.ones((4, 1)))
        >>> second = step(model, optimizer, um.ones((4, 2)), um.ones((4, 1)))
        >>> float(second) < float(first)
        True
    """
    if function is None:
        return partial(Jitted, compiler=compiler, dynamic=dynamic)
    return Jitted(function, compiler, dynamic)
