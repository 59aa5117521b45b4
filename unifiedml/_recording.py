"""What is recorded, and history for ``backward()`` where tensors keep none themselves.

On frameworks whose tensors do not remember how they were computed, each operation on
a recorded tensor runs under a small tape of its own that only the result holds. When
the result dies, so do the tape and the history behind it: there is no long-lived tape
that grows, and memory stays flat over any number of steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from unifiedml._backend.errors import FreedError
from unifiedml._backend.protocol import Native

if TYPE_CHECKING:
    from unifiedml._hooks import Hook
    from unifiedml._tensor import Tensor


T = TypeVar("T")


class Within(Generic[T]):
    """A context in which a variable has another value; made anew for each block."""

    # A generator would cost four times as much, and every gradient enters several.
    __slots__ = ("_token", "_value", "_variable")

    def __init__(self, variable: ContextVar[T], value: T) -> None:
        self._variable = variable
        self._value = value

    def __enter__(self) -> None:
        self._token: Token[T] = self._variable.set(self._value)

    def __exit__(self, *exception: object) -> None:
        self._variable.reset(self._token)


class Mode(Enum):
    """What happens to operations in the current thread and task."""

    ON = "operations on tensors that require gradients are recorded"
    OFF = "nothing is recorded"
    TAPE = "as ON, and a tape records too"


_mode: ContextVar[Mode] = ContextVar("unifiedml_recording", default=Mode.ON)


def mode() -> Mode:
    """Return what happens to operations here."""
    return _mode.get()


def switched(new: Mode) -> Within[Mode]:
    """Return a context in which operations are recorded as ``new`` says."""
    return Within(_mode, new)


def is_recording() -> bool:
    """Tell whether operations on recorded tensors are recorded."""
    return _mode.get() is not Mode.OFF


# --- nodes ---------------------------------------------------------------------------


class Leaf:
    """Where a history starts: the gradients that reach it are added up here."""

    __slots__ = ("gradient", "hooks")

    def __init__(self) -> None:
        self.gradient: Tensor | None = None
        self.hooks: Sequence[Hook] = ()


class Operation:
    """One recorded operation: what made a tensor, and of what.

    Attributes:
        function: The operation on native tensors, to run it again.
        operands: What it was given: stand-ins that the tape watches, or constants.
        nodes: The node behind each operand; None for a constant.
        tape: The tape it ran under; None once it has been freed.
        output: The native result.
        hooks: What is called with the gradient that arrives here.
        siblings: For an operation of several results, the recorded operation of each,
            itself among them: they share a tape, and are freed together.
    """

    __slots__ = (
        "function",
        "hooks",
        "nodes",
        "operands",
        "output",
        "siblings",
        "tape",
    )

    def __init__(
        self,
        function: Callable[..., Native],
        operands: Sequence[Native],
        nodes: Sequence[Node | None],
        tape: Any,
        output: Native,
    ) -> None:
        self.function = function
        self.operands = operands
        self.nodes = nodes
        self.tape = tape
        self.output = output
        self.siblings: Sequence[Operation] = ()
        self.hooks: Sequence[Hook] = ()

    def free(self) -> None:
        """Forget everything but what is behind, which is what PyTorch keeps."""
        self.function, self.operands = _freed, ()
        self.tape = self.output = None
        self.siblings = ()


def _freed(*_: Any) -> Native:
    raise FreedError


Node = Leaf | Operation


def record(
    function: Callable[..., Native], tensors: Sequence[Tensor], static: Sequence[Any]
) -> tuple[Native, Operation]:
    """Run ``function`` on native tensors under a tape that its result will hold.

    Args:
        function: The operation, called as ``function(*natives, *static)``.
        tensors: Its operands; the same object may stand in several places.
        static: Further arguments, not tensors.
    """
    operation = _run(function, tensors, static)
    return operation.output, operation


def record_several(
    function: Callable[..., Sequence[Native]],
    tensors: Sequence[Tensor],
    static: Sequence[Any],
) -> list[tuple[Native, Operation]]:
    """Run a function of several results: each is recorded as an operation of its own.

    Gradients are linear, so what the results contribute is added up where the operands
    are, as for any other operations of the same operands.
    """
    whole = _run(function, tensors, static)

    def part(place: int, output: Native) -> Operation:
        def run(*natives: Native) -> Native:
            return whole_run(*natives)[place]

        return Operation(run, whole.operands, whole.nodes, whole.tape, output)

    whole_run = whole.function
    parts = [part(place, output) for place, output in enumerate(whole.output)]
    for one in parts:
        one.siblings = parts
    return [(one.output, one) for one in parts]


def _run(
    function: Callable[..., Any], tensors: Sequence[Tensor], static: Sequence[Any]
) -> Operation:
    def run(*natives: Native) -> Any:
        return function(*natives, *static)

    # Each place is watched on its own, so that x * x counts both. The nodes are taken
    # now: a tensor has another one after x[i] = v.
    nodes = [tensor._node for tensor in tensors]
    tape = tensors[0]._backend.ops.tape(True)
    with tape:
        operands = [
            tensor._native if node is None else tape.watch(tensor._native)
            for tensor, node in zip(tensors, nodes, strict=True)
        ]
        output = run(*operands)
    return Operation(run, operands, nodes, tape, output)


# --- the way back --------------------------------------------------------------------

# Threads may add to the gradient of one leaf at once.
_adding = threading.Lock()


def backward(
    output: Tensor, cotangent: Tensor, retain_graph: bool, create_graph: bool
) -> None:
    """Add the gradients of ``output`` to those of its leaves.

    Raises:
        FreedError: A pass without ``retain_graph`` went through here before.
    """
    root = output._node
    assert root is not None
    order = _topological(root)
    if any(node.tape is None for node in order):
        raise FreedError
    arrived: dict[Node, Tensor] = {root: cotangent}
    freed: list[Operation] = []
    with switched(Mode.ON if create_graph else Mode.OFF):
        for operation in order:
            cotangent = _hooked(operation, arrived.pop(operation))
            gradients = _pull(operation, cotangent, create_graph)
            for node, gradient in gradients:
                before = arrived.get(node)
                arrived[node] = gradient if before is None else before + gradient
            if not retain_graph:
                freed += operation.siblings
                operation.free()
        for operation in freed:
            operation.free()
        # The operations have been taken out: what is left are the leaves.
        final = {leaf: _hooked(leaf, gradient) for leaf, gradient in arrived.items()}
        with _adding:
            for leaf, gradient in final.items():
                assert isinstance(leaf, Leaf)
                before = leaf.gradient
                leaf.gradient = gradient if before is None else before + gradient


def _hooked(node: Node, gradient: Tensor) -> Tensor:
    """Return the gradient that the hooks at ``node`` make of the one that arrived."""
    for hook in node.hooks:
        gradient = hook(gradient)
    return gradient


def _topological(root: Node) -> list[Operation]:
    """Return the operations from ``root`` on, each after all that use it."""
    done: set[Node] = set()
    result: list[Operation] = []
    stack: list[tuple[Node | None, bool]] = [(root, False)]
    while stack:
        node, expanded = stack.pop()
        if not isinstance(node, Operation):
            continue
        if expanded:
            result.append(node)
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            stack.extend((behind, False) for behind in node.nodes)
    return result[::-1]


def _pull(
    operation: Operation, cotangent: Tensor, create_graph: bool
) -> list[tuple[Node, Tensor]]:
    """Return the nodes behind an operation, each with the gradient for it."""
    from unifiedml._imperative import materialized

    behind = [(place, node) for place, node in enumerate(operation.nodes) if node]
    if create_graph:
        found = [_recorded_pull(operation, place, cotangent) for place, _ in behind]
    else:
        watched = [operation.operands[place] for place, _ in behind]
        natives = operation.tape.gradient(
            [operation.output], watched, [cotangent._native]
        )
        found = materialized(natives, watched, cotangent._backend)
    return [(node, one) for (_, node), one in zip(behind, found, strict=True)]


def _recorded_pull(operation: Operation, place: int, cotangent: Tensor) -> Tensor:
    """Return the gradient for one operand, by an operation that is recorded in turn."""
    from unifiedml._imperative import materialized
    from unifiedml._tensor import Tensor

    backend = cotangent._backend
    function = operation.function

    def pull(*natives: Native) -> Native:
        *operands, given = natives
        tape = backend.ops.tape(False)
        with tape:
            operands[place] = tape.watch(operands[place])
            output = function(*operands)
        watched = [operands[place]]
        found = tape.gradient([output], watched, [given])
        return materialized(found, watched, backend)[0]._native

    operands = [
        Tensor(native, backend, node)
        for native, node in zip(operation.operands, operation.nodes, strict=True)
    ]
    native, node = record(pull, [*operands, cotangent], ())
    return Tensor(native, backend, node)
