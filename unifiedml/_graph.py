"""The graph of a function: which backend operations it runs, on what, in what order.

The boundary to the backend is where everything passes, so a backend that writes down
each call and passes it on sees the whole program, and costs nothing when not in use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from unifiedml import _imperative
from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend, current, load
from unifiedml._batched import batching
from unifiedml._parameter import Parameter, lift
from unifiedml._tensor import Tensor
from unifiedml._tree import map_tree

if TYPE_CHECKING:
    from unifiedml.nn import Module

__all__ = ["Graph", "Node", "graph"]


@dataclass(frozen=True)
class Node:
    """One value of a graph.

    Attributes:
        name: What other nodes call it: ``"%3"``, or the name of an input.
        operation: The backend operation that makes it; ``"input"`` or ``"constant"``.
        arguments: What the operation is given: names of nodes, and other values.
        inputs: The names of nodes among the arguments.
        dtype: Its data type.
        shape: Its shape.
    """

    name: str
    operation: str
    arguments: tuple[str, ...]
    inputs: tuple[str, ...]
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        made = f"{self.operation}({', '.join(self.arguments)})"
        return f"{self.name} = {made}: {self.dtype} {self.shape}"


@dataclass
class Graph:
    """What a function computes, as `graph` returns it; ``print`` shows it.

    Attributes:
        title: The name of the function.
        backend: The backend that it ran on.
        nodes: Its values, in order; inputs and constants stand where first used.
        outputs: The names of the results.
        result: What the function returned.
    """

    title: str
    backend: str
    nodes: list[Node] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    result: Any = None

    def __str__(self) -> str:
        inputs = [node for node in self.nodes if node.operation == "input"]
        head = ", ".join(f"{n.name}: {n.dtype} {n.shape}" for n in inputs)
        body = [f"  {node}" for node in self.nodes if node.operation != "input"]
        end = f"  return {', '.join(self.outputs)}"
        return "\n".join((f"{self.title}({head}) on {self.backend}:", *body, end))

    def draw(self, path: str | Path) -> None:
        """Draw the graph into a file (``.svg``, ``.png``, ``.pdf``).

        Raises:
            ImportError: matplotlib and networkx are missing:
                ``pip install 'unifiedml[plot]'``.

        Example:
            >>> import unifiedml as um
            >>> traced = um.graph(um.add)(um.tensor(1.0), um.tensor(2.0))
            >>> traced.draw("/tmp/add.svg")
        """
        from unifiedml._draw import draw

        draw(self, Path(path))


def graph(function: Callable[..., Any]) -> Callable[..., Graph]:
    """Return a function that runs ``function`` and returns the graph of what it did.

    Args:
        function: Takes and returns tensors, also in dicts, lists and tuples. A model
            will do: its parameters are shown by name.

    Returns:
        A function of the same arguments that returns a `Graph`.

    Example:
        >>> import unifiedml as um
        >>> print(um.graph(um.add)(um.tensor(2.0), um.tensor(3.0)))
        add(x1: float32 (), x2: float32 ()) on torch:
          %0 = add(x1, x2): float32 ()
          return %0
    """

    def traced(*args: Any, **kwargs: Any) -> Graph:
        if batching.get() is not None:
            raise RuntimeError(
                "um.graph cannot be called inside um.vmap: call it on the whole, "
                "um.graph(um.vmap(function))"
            )
        given = _tensors((args, kwargs))
        backend = given[0]._backend if given else current()
        recorder = Recorder(backend, _title(function))
        named = _named_arguments(function, args, kwargs)
        with _imperative.no_grad():
            inputs = {name: recorder.enter(name, tree) for name, tree in named.items()}
            count = len(args)
            values = list(inputs.values())
            keywords = dict(zip(kwargs, values[count:], strict=True))
            with recorder.parameters(function):
                result = function(*values[:count], **keywords)
        return recorder.finish(result)

    return wraps(function)(traced) if hasattr(function, "__name__") else traced


def _title(function: Any) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return "f" if name == "<lambda>" else str(name)


def _tensors(tree: Any) -> list[Tensor]:
    found: list[Tensor] = []

    def collect(leaf: Any) -> None:
        if isinstance(leaf, Tensor):
            found.append(leaf)

    map_tree(collect, tree)
    return found


def _named_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments by name, in the order in which they were given."""
    target = getattr(function, "forward", function)
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [
        one.name
        for one in parameters
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    names = [*plain, *(f"x{number}" for number in range(len(plain), len(args)))]
    return dict(zip(names, args, strict=False)) | kwargs


class Recorder:
    """A backend that writes down each call and passes it on."""

    # A graph shows what a result is composed of, the same on each backend.
    shortcuts: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, backend: LoadedBackend, title: str) -> None:
        self._real = load(backend.name)
        self._graph = Graph(title, backend.name)
        self._names: dict[int, str] = {}
        # An id stays unique only as long as its object lives.
        self._kept: list[Native] = []
        self._count = 0
        self._proxy = LoadedBackend(backend.name, self, 1)

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._real.ops, name)
        if not callable(member) or name in _SILENT:
            return member

        @wraps(member)
        def recorded(*args: Any) -> Any:
            result = member(*args)
            self._record(name, args, result)
            return result

        return recorded

    def custom_gradient(
        self, values: Sequence[Native], inputs: Sequence[Native], pull: Any, /
    ) -> Sequence[Native]:
        # What has been computed under another gradient: no operation.
        results = self._real.ops.custom_gradient(values, inputs, pull)
        for value, result in zip(values, results, strict=True):
            self._names[id(result)] = self._argument(value, [])
            self._kept.append(result)
        return results

    # --- writing down ----------------------------------------------------------------

    def _record(self, operation: str, args: tuple[Any, ...], result: Any) -> None:
        natives = result if isinstance(result, tuple) else (result,)
        if operation in ("from_numpy", "full"):
            self._remember(result, "constant", (_value(self._real, result),), ())
            return
        inputs: list[str] = []
        arguments = [self._argument(arg, inputs) for arg in args]
        for native in natives:
            self._remember(native, operation, tuple(arguments), tuple(inputs))

    def _remember(
        self,
        native: Native,
        operation: str,
        arguments: tuple[str, ...],
        inputs: tuple[str, ...],
        name: str | None = None,
    ) -> str:
        if name is None:
            name = f"%{self._count}"
            self._count += 1
        self._names[id(native)] = name
        self._kept.append(native)
        dtype = self._real.dtype_of(native).name
        shape = self._real.ops.shape_of(native)
        self._graph.nodes.append(Node(name, operation, arguments, inputs, dtype, shape))
        return name

    def _argument(self, arg: Any, inputs: list[str]) -> str:
        if self._real.ops.is_native(arg):
            name = self._names.get(id(arg))
            if name is None:
                value = _value(self._real, arg)
                name = self._remember(arg, "constant", (value,), ())
            inputs.append(name)
            return name
        if isinstance(arg, list | tuple) and any(map(self._real.ops.is_native, arg)):
            return f"[{', '.join(self._argument(x, inputs) for x in arg)}]"
        for name, native in self._real.ops.dtypes.items():
            if arg is native:
                return name
        return repr(arg)

    # --- into the function and out of it -----------------------------------------

    def enter(self, name: str, tree: Any) -> Any:
        """Return an argument with its tensors replaced by recorded inputs."""
        many = len(_tensors(tree)) > 1
        numbers = iter(range(len(_tensors(tree))))

        def replace(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or isinstance(leaf, Parameter):
                return leaf
            # A copy, so that one tensor given twice is two inputs.
            native = self._real.ops.copy(leaf._native)
            shown = f"{name}.{next(numbers)}" if many else name
            self._remember(native, "input", (), (), shown)
            return Tensor(native, self._proxy)

        return map_tree(replace, tree)

    def parameters(self, function: Any) -> Any:
        """Return a context in which a model's parameters are recorded inputs."""
        owner = getattr(function, "__self__", function)
        if not hasattr(owner, "_state"):
            return lift([], [])
        model: Module = owner
        for _, module in model.named_modules():
            module._check_built("")
        named = dict(model._state())
        natives = [self._real.ops.copy(one._native) for one in named.values()]
        for name, native in zip(named, natives, strict=True):
            self._remember(native, "input", (), (), name)
        return lift(list(named.values()), natives)

    def finish(self, result: Any) -> Graph:
        """Return the graph, its results named."""
        used = {name for node in self._graph.nodes for name in node.inputs}

        def leave(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            self._graph.outputs.append(self._argument(leaf._native, []))
            return Tensor(leaf._native, self._real)

        self._graph.result = map_tree(leave, result)
        kept = used | set(self._graph.outputs)
        self._graph.nodes = [
            node
            for node in self._graph.nodes
            if node.operation not in ("constant", "input")
            or node.name in kept
            or "." not in node.name
        ]
        return self._graph


_SILENT = frozenset(
    {
        "copy",
        "device_of",
        "devices",
        "dlpack_device",
        "is_native",
        "is_traced",
        "shape_of",
        "stop_gradient",
        "tape",
        "to_dlpack",
        "to_numpy",
    }
)

_LONGEST = 6


def _value(backend: LoadedBackend, native: Native) -> str:
    """Return a constant as text, long ones by shape alone."""
    values = np.asarray(backend.ops.to_numpy(native))
    return str(values.tolist()) if values.size <= _LONGEST else "..."
