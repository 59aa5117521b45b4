"""History for ``backward()`` on frameworks whose tensors do not keep their own.

Each operation on a recorded tensor runs under a small tape of its own that only the
result holds. When the result dies, so do the tape and the history behind it: there
is no long-lived tape that grows, and memory stays flat over any number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend

if TYPE_CHECKING:
    from unifiedml._tensor import Tensor

FREED: Final = (
    "backward through the same graph a second time: what the first pass needed has "
    "been freed; call backward(retain_graph=True) the first time"
)

_enabled: ContextVar[bool] = ContextVar("unifiedml_recording", default=True)


def is_recording() -> bool:
    """Tell whether operations on recorded tensors are recorded."""
    return _enabled.get()


@contextmanager
def paused() -> Iterator[None]:
    """Record nothing inside the ``with`` block."""
    token = _enabled.set(False)
    try:
        yield
    finally:
        _enabled.reset(token)


class Leaf:
    """Where a history starts: the gradients that reach it are added up here."""

    __slots__ = ("gradient",)

    def __init__(self) -> None:
        self.gradient: Tensor | None = None


class Operation:
    """One recorded operation: its tape, its operands and what made it.

    Attributes:
        function: The operation on native tensors, to run it again.
        tape: The tape it ran under; None once its buffers have been freed.
        watched: The stand-ins of the distinct operands that the tape watched.
        operands: The distinct operands, as tensors.
        output: The native result.
    """

    __slots__ = ("function", "operands", "output", "tape", "watched")

    def __init__(
        self,
        function: Callable[..., Native],
        tape: Any,
        watched: Sequence[Native],
        operands: Sequence[Tensor],
        output: Native,
    ) -> None:
        self.function = function
        self.tape: Any = tape
        self.watched = watched
        self.operands = operands
        self.output = output


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
    backend = tensors[0]._backend
    # An operand that stands twice (x * x) is watched once, or its gradient would
    # be counted twice.
    distinct = list({id(tensor): tensor for tensor in tensors}.values())
    place = {id(tensor): index for index, tensor in enumerate(distinct)}
    order = [place[id(tensor)] for tensor in tensors]

    def run(*natives: Native) -> Native:
        return function(*[natives[index] for index in order], *static)

    tape = backend.ops.tape(True)
    with tape:
        watched = [tape.watch(tensor._native) for tensor in distinct]
        output = run(*watched)
    return output, Operation(run, tape, watched, distinct, output)


def _topological(root: Operation) -> list[Operation]:
    """Return the operations behind ``root``, each after all that use it."""
    done: set[int] = set()
    result: list[Operation] = []
    stack: list[tuple[Operation, bool]] = [(root, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            result.append(node)
            continue
        if id(node) in done:
            continue
        done.add(id(node))
        stack.append((node, True))
        for operand in node.operands:
            if isinstance(operand._node, Operation):
                stack.append((operand._node, False))
    return result[::-1]


def backward(
    output: Tensor, cotangent: Tensor, retain_graph: bool, create_graph: bool
) -> None:
    """Add the gradients of ``output`` to those of its leaves."""
    from unifiedml.ops.arithmetic import add

    root = output._node
    pending: dict[int, Tensor] = {id(root): cotangent}
    if isinstance(root, Leaf):
        _deposit(root, cotangent, add)
        return
    assert isinstance(root, Operation)
    for node in _topological(root):
        arrived = pending.pop(id(node), None)
        if arrived is None:
            continue
        for operand, gradient in zip(
            node.operands, _pull(node, arrived, create_graph), strict=True
        ):
            source = operand._node
            if isinstance(source, Leaf):
                _deposit(source, gradient, add)
            elif source is not None:
                before = pending.get(id(source))
                total = gradient if before is None else add(before, gradient)
                pending[id(source)] = total
        if not retain_graph:
            node.tape = None


def _deposit(leaf: Leaf, gradient: Tensor, add: Callable[..., Tensor]) -> None:
    before = leaf.gradient
    leaf.gradient = gradient if before is None else add(before, gradient)


def _pull(node: Operation, cotangent: Tensor, create_graph: bool) -> list[Tensor]:
    from unifiedml._tensor import Tensor

    if node.tape is None:
        raise RuntimeError(FREED)
    backend = cotangent._backend
    if create_graph:
        return _recorded_pull(node, cotangent, backend)
    natives = node.tape.gradient([node.output], node.watched, [cotangent._native])
    return [Tensor(native, backend) for native in natives]


def _recorded_pull(
    node: Operation, cotangent: Tensor, backend: LoadedBackend
) -> list[Tensor]:
    """Pull back by operations that are recorded in turn, running the node again."""
    from unifiedml._tensor import Tensor

    def pull(index: int) -> Callable[..., Native]:
        def run(*natives: Native) -> Native:
            tape = backend.ops.tape(False)
            with tape:
                watched = [tape.watch(native) for native in natives[:-1]]
                output = node.function(*watched)
            return tape.gradient([output], watched, [natives[-1]])[index]

        return run

    gradients = []
    for index, operand in enumerate(node.operands):
        if operand._node is None:
            # Nobody asks for it: any value of the right kind will do.
            gradients.append(operand)
            continue
        native, operation = record(pull(index), [*node.operands, cotangent], ())
        gradients.append(Tensor(native, backend, operation))
    return gradients
