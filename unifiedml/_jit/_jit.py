"""`jit`: a function as a program of its backend."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from time import perf_counter
from typing import Any, Final, Generic, ParamSpec, TypeVar, overload

from unifiedml._backend.errors import BackendError
from unifiedml._jit._program import Traced
from unifiedml._jit._signature import Arguments
from unifiedml._parameter import Lifted, current_lifted, lifting
from unifiedml._recording import Mode, mode
from unifiedml._tracing import tracing

__all__ = ["Jitted", "Lowered", "jit"]

P = ParamSpec("P")
R = TypeVar("R")

_MOST: Final = 64
"""Programs that a function keeps; the one that was used longest ago goes first."""

_MANY: Final = 8
"""Programs after which a warning says what changes."""


class Jitted(Generic[P, R]):
    """A function that runs as a program; what `jit` returns.

    Attributes:
        traces: How often it has been traced.

    Args:
        function: What runs.
        compiler: Whether the framework's compiler makes the programs.
        warns: Whether a warning tells that it is traced again and again.
    """

    def __init__(
        self, function: Callable[P, R], compiler: bool, warns: bool = True
    ) -> None:
        if not callable(function):
            raise TypeError(f"um.jit takes a function, not {type(function).__name__}")
        self._function = function
        self._compiler = compiler
        self._warns = warns
        self._programs: OrderedDict[Any, list[Traced]] = OrderedDict()
        self._last: tuple[Any, Traced] | None = None
        self._lock = threading.RLock()
        self._compiling = 0.0
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
        start = perf_counter() if self._compiler and not program.is_settled else None
        try:
            result: R = program.run(arguments)
        except Exception as error:
            raise self._explained(arguments, error) from error
        if start is not None:
            self._ran(program, perf_counter() - start)
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        # Programs are made anew, where it arrives.
        return Jitted, (self._function, self._compiler, self._warns)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Lowered:
        """Return the program for these arguments, without running it."""
        return Lowered(self._program(Arguments(args, kwargs)))

    def _program(self, arguments: Arguments) -> Traced:
        last = self._last
        # Comparing with the last signature costs less than looking it up.
        if last is not None and last[0] == arguments.signature and last[1].holds():
            return last[1]
        made = self._found(arguments)
        if made.compiled or not self._compiler:
            self._last = arguments.signature, made
        return made

    # A last, smaller batch must not cost the seconds that compilers take. The first
    # program is compiled at once. Others run without the compiler until that has taken
    # as long as compiling: never more than twice the time of the better choice.

    def _ran(self, program: Traced, seconds: float) -> None:
        program.seconds += seconds
        if program.compiled:
            # Some compilers work when a program first runs.
            program.is_settled = True
            self._compiling = max(self._compiling, program.seconds)

    def _is_to_compile(self, found: Sequence[Traced]) -> bool:
        if not self._compiler or not self.traces:
            return self._compiler
        waited = [one.seconds for one in found if not one.compiled and one.holds()]
        return max(waited, default=-1.0) >= self._compiling

    def _found(self, arguments: Arguments) -> Traced:
        with self._lock:
            found = self._programs.setdefault(arguments.signature, [])
            self._programs.move_to_end(arguments.signature)
            compiled = self._is_to_compile(found)
            for one in found:
                if one.holds() and (one.compiled or not compiled):
                    return one
            start = perf_counter()
            try:
                made = Traced(self._function, arguments, compiled)
            except BaseException as error:
                if not found:
                    del self._programs[arguments.signature]
                if isinstance(error, BackendError):
                    # Values explain it, which stand-ins do not have.
                    raise self._explained(arguments, error) from error
                raise
            made.seconds = perf_counter() - start if compiled else 0.0
            # What does not hold any more seldom holds again.
            found[:] = [made, *found[:3]]
            self._count(arguments)
            return made

    def _count(self, arguments: Arguments) -> None:
        self.traces += 1
        while len(self._programs) > _MOST:
            self._programs.popitem(last=False)
        if self._warns and self.traces % _MANY == 0:
            signatures = list(self._programs)
            changed = (
                _difference(signatures[-2][0], signatures[-1][0], "the arguments")
                if len(signatures) > 1
                else "the mode or the parts of a module change"
            )
            warnings.warn(
                f"um.jit has traced {self._name()} {self.traces} times: {changed}. "
                "Pass numbers that change as tensors (um.tensor), and batches of one "
                "size",
                stacklevel=4,
            )

    def _name(self) -> str:
        return getattr(self._function, "__qualname__", type(self._function).__name__)

    def _explained(self, arguments: Arguments, error: Exception) -> Exception:
        """Return the error that the operation at fault raises by itself."""
        args, kwargs = arguments.tree
        try:
            with lifting(_Sandbox()):
                self._function(*args, **kwargs)
        except Exception as own:  # noqa: BLE001 - whatever it is, it is the reason
            return own
        return BackendError(
            f"the program of {self._name()} failed: "
            + str(error).strip().split("\n", 1)[0]
        )


class _Sandbox(Lifted):
    """What is written to parameters is forgotten."""

    forgets = True

    def __init__(self) -> None:
        super().__init__(None)

    def write(self, parameter: Any, native: Any) -> bool:
        self.natives[id(parameter)] = native
        return True


class Lowered:
    """A traced program, to be looked at."""

    def __init__(self, traced: Traced) -> None:
        self._traced = traced

    def text(self) -> str:
        """Return the operations of the program, in the words of the framework."""
        return self._traced.program.text()


def _difference(before: Any, after: Any, where: str) -> str:
    """Say where two signatures differ."""
    both = isinstance(before, tuple) and isinstance(after, tuple)
    if both and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            if one != other:
                inner = f"{where}[{number - 1}]" if isinstance(one, tuple) else where
                return _difference(one, other, inner)
    return f"{where} changed from {before!r} to {after!r}"


@overload
def jit(function: Callable[P, R], /, *, compiler: bool = ...) -> Jitted[P, R]: ...
@overload
def jit(*, compiler: bool = ...) -> Callable[[Callable[P, R]], Jitted[P, R]]: ...
def jit(function: Any = None, /, *, compiler: bool = False) -> Any:
    """Return a function that runs as one program of its backend.

    The first call with arguments of new shapes, data types or static values traces the
    function: it runs once with stand-ins for its tensors, and what it does with them
    becomes a program, which later calls run without Python, wrappers and autograd.

    Args:
        function: Takes tensors, NumPy arrays, modules, optimizers and random keys, in
            dicts, lists and tuples; everything else is static: each value of it has
            its own program, and so has each state of the attributes that are set on
            modules (numbers, functions, layers, also in lists of up to 1000 items),
            but not what changes inside of other objects. It may read, change and train
            the parameters of any module, take gradients, and draw random numbers. Its
            other effects (printing, appending to lists) happen when it is traced only.
        compiler: Whether the framework's compiler (Inductor, XLA) makes the program:
            faster, after a first call that takes seconds. Programs after the first, for
            other shapes or modes, run without the compiler, until that has taken as
            long as compiling took. Where the compiler has no kernel, or none that knows
            a singular matrix, or is missing, a warning says so once and the program
            runs without.

    Returns:
        A function of the same arguments. Its results carry no history for
        ``backward()``: take gradients inside, by `grad` or a tape. Where a gradient is
        taken through the jitted function itself, it runs without a program.

    Raises:
        TracedStateError: The function makes a parameter or sets the learning rate.
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
        return partial(Jitted, compiler=compiler)
    return Jitted(function, compiler)
