"""A call of a function whose arguments a tape watches: what transformations share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.protocol import Native, Tape
from unifiedml._backend.registry import LoadedBackend
from unifiedml._batched import innermost
from unifiedml._imperative import materialized
from unifiedml._parameter import Parameter, lift
from unifiedml._recording import Mode, mode, switched
from unifiedml._tensor import Tensor
from unifiedml._tree import expand, is_module, leaves, map_tree, rebuild, tensors
from unifiedml.ops._dispatch import ANY, Op, as_tensors
from unifiedml.ops.creation import zeros_like

__all__ = [
    "Call",
    "Opened",
    "check_function",
    "lifted",
    "one_backend",
    "positions",
    "read",
    "split",
    "stand_in",
]

_DIFFERENTIATE = Op("differentiate", ANY)


def check_function(function: Any) -> None:
    """Raise `TypeError` for what cannot be called."""
    if not callable(function):
        raise TypeError(
            f"a function is differentiated, not {type(function).__name__}: to go back "
            "from a computed tensor use backward() or a GradientTape"
        )


def positions(argnums: int | Sequence[int]) -> tuple[int, ...]:
    """Return the numbers that ``argnums`` names."""
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


class Opened:
    """Trees that have been taken apart, modules included.

    Attributes:
        leaves: What is in them, the parameters of modules among it.
    """

    def __init__(self, trees: Sequence[Any]) -> None:
        self._trees = list(trees)
        self._parts = leaves(self._trees)
        self._inside = [expand(part) for part in self._parts]
        self.leaves = leaves(self._inside)

    def closed(self, values: Iterable[Any]) -> list[Any]:
        """Return the trees of other leaves; the modules stay themselves."""
        inside = rebuild(self._inside, values)
        kept = [
            part if is_module(part) else value
            for part, value in zip(self._parts, inside, strict=True)
        ]
        found: list[Any] = rebuild(self._trees, kept)
        return found

    def shaped(self, values: Iterable[Any]) -> list[Any]:
        """Return the trees of other leaves, each module a dict of them."""
        found: list[Any] = rebuild(self._trees, rebuild(self._inside, values))
        return found


class Call:
    """A function that has been called, and what is needed to differentiate it there.

    Args:
        function: The function.
        args: Its arguments.
        kwargs: Those with names.
        numbers: Which of ``args`` are differentiated by.
        has_aux: Whether the function returns ``(result, extra)``.
        persistent: Whether `pull` is called more than once.

    Attributes:
        backend: Where the inputs are.
        inputs: The tensors that are differentiated by, in the order of their leaves.
        result: What the function returned.
        outputs: The leaves of that.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        numbers: Sequence[int],
        *,
        has_aux: bool = False,
        persistent: bool = False,
    ) -> None:
        chosen = _chosen(args, numbers)
        self._opened = Opened([args[number] for number in chosen])
        self.inputs = [_as_input(x, (args, kwargs)) for x in self._opened.leaves]
        self.backend = one_backend(self.inputs)
        self._tape = self.backend.ops.tape(persistent)
        with self._tape, switched(Mode.TAPE):
            self._natives = _watched(self._tape, self.inputs)
            given = list(args)
            stand_ins = [
                stand_in(x, native, self.backend)
                for x, native in zip(self.inputs, self._natives, strict=True)
            ]
            for number, tree in zip(
                chosen, self._opened.closed(stand_ins), strict=True
            ):
                given[number] = tree
            with lifted(self.inputs, self._natives):
                result, extra = split(function(*given, **kwargs), has_aux)
                self.result, self._extra = map_tree(read, result), map_tree(read, extra)
        self.outputs = leaves(self.result)

    def shown(self) -> tuple[Any, Any]:
        """Return the result and what is extra as the user gets them."""
        if mode() is Mode.TAPE:
            return self.result, self._extra
        # Outermost: an outer transformation would need the history.
        return map_tree(_detached, self.result), map_tree(_detached, self._extra)

    def pull(
        self, outputs: Sequence[Tensor], cotangents: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the vector-Jacobian product for each input."""
        found = self._tape.gradient(
            [y._native for y in outputs],
            self._natives,
            [cotangent._native for cotangent in cotangents],
        )
        return materialized(found, self._natives, self.backend)

    def pushing(self) -> Callable[[Sequence[Tensor]], list[Tensor]]:
        """Return what computes the Jacobian-vector product for each output.

        `pull` is linear in the cotangents, so its own vector-Jacobian product is the
        transpose of a transpose: exact, and at the price of one more pass.
        """
        dual = Call(
            lambda cotangents: self.pull(self.outputs, cotangents),
            [[zeros_like(y) for y in self.outputs]],
            {},
            [0],
            persistent=True,
        )
        return lambda tangents: dual.pull(dual.outputs, tangents)

    def gradients(self, values: Iterable[Any]) -> tuple[Any, ...]:
        """Return what belongs to the inputs in the structure of the arguments."""
        return tuple(self._opened.shaped(values))

    def results(self, values: Iterable[Any]) -> Any:
        """Return what belongs to the outputs in the structure of the result."""
        return rebuild(self.result, values)


# --- the arguments -------------------------------------------------------------------


def _chosen(args: Sequence[Any], numbers: Sequence[int]) -> list[int]:
    """Return the numbers of the arguments to differentiate by, from the front."""
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise TypeError(
                f"argnums names argument {number} of {len(args)} positional ones: pass "
                "what to differentiate by in its place, without its name"
            )
    chosen = [number % len(args) for number in numbers]
    if len(set(chosen)) < len(chosen):
        raise TypeError(f"argnums names an argument twice: {tuple(numbers)}")
    return chosen


def _as_input(leaf: Any, beside: Any) -> Tensor:
    """Return a leaf to differentiate by as a tensor, where those beside it are."""
    if isinstance(leaf, float | complex | np.ndarray | np.generic):
        (leaf,) = as_tensors(_DIFFERENTIATE, leaf, beside=tensors(beside))
    if not isinstance(leaf, Tensor):
        raise TypeError(
            f"gradients are taken by tensors and floats, not {type(leaf).__name__}: "
            "name the other arguments' numbers in argnums"
        )
    if not leaf.dtype.is_differentiable:
        raise TypeError(
            f"gradients are taken by floating-point tensors, not {leaf.dtype.name}: "
            "convert with astype first"
        )
    return leaf


def one_backend(inputs: Sequence[Tensor]) -> LoadedBackend:
    """Return the backend of all ``inputs``, of which there are some.

    Inside `unifiedml.vmap` all of them may differ between the examples.
    """
    if not inputs:
        raise TypeError("there is nothing to differentiate by: no tensors found")
    backend = inputs[0]._backend
    for x in inputs[1:]:
        if x._backend.name != backend.name:
            raise BackendMismatchError(
                f"cannot differentiate by tensors of backends {backend.name!r} and "
                f"{x.backend!r} at once: move one with x.to_backend(...) first"
            )
    return innermost(max((x._backend for x in inputs), key=lambda one: one.level))


def _watched(tape: Tape, inputs: Iterable[Tensor]) -> list[Native]:
    """Have the tape watch the inputs, and return the stand-in of each.

    A parameter has one stand-in, however often it occurs: it has one value.
    """
    natives: list[Native] = []
    known: dict[int, Native] = {}
    for x in inputs:
        native = known.get(id(x))
        if native is None:
            native = tape.watch(x._native)
            if isinstance(x, Parameter):
                known[id(x)] = native
        natives.append(native)
    return natives


def stand_in(x: Tensor, native: Native, backend: LoadedBackend) -> Tensor:
    """Return what a function is given for ``x``: a parameter stays itself."""
    return x if isinstance(x, Parameter) else Tensor(native, backend)


def lifted(
    inputs: Sequence[Tensor], natives: Sequence[Native]
) -> AbstractContextManager[None]:
    """Return a context in which the parameters among the inputs read as ``natives``."""
    pairs = [
        (x, native)
        for x, native in zip(inputs, natives, strict=True)
        if isinstance(x, Parameter)
    ]
    return lift([x for x, _ in pairs], [native for _, native in pairs])


# --- the result ----------------------------------------------------------------------


def split(result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            "with has_aux=True the function returns a pair (value, extra), not "
            f"{type(result).__name__}"
        )
    return result


def read(leaf: Any) -> Any:
    """Return a parameter as what it reads as inside, and there only."""
    return Tensor(leaf._native, leaf._backend) if isinstance(leaf, Parameter) else leaf


def _detached(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, Tensor) else leaf
