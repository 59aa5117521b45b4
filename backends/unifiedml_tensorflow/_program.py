"""Programs: graphs of `tf.function`, run without its call signatures."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unifiedml._backend.sizes import ChangedError, are_alike
from unifiedml_tensorflow._import import Eager, context, execute, kernel, tf
from unifiedml_tensorflow._sizes import General, general, merged_tree, numbers

__all__ = ["cell", "fused", "host_value", "random_words", "trace", "untraced"]

Array = npt.NDArray[Any]
Read = Callable[[Sequence[int]], Array]
Tensor = Any
Write = tuple["Cell", Tensor]
Update = tuple[Callable[..., None], tuple[Any, ...]]
Function = Callable[..., tuple[Sequence[Tensor], Sequence[Write], Sequence[Update]]]

# The graph that is being traced, and what the host gives it at each run.
_traced: ContextVar[Any] = ContextVar("unifiedml_tensorflow_traced", default=None)


with tf.init_scope():
    _Variable: Final = type(tf.Variable(0.0, trainable=False))


class Cell:
    """The value of a parameter, in a variable that programs change in place.

    TensorFlow copies memory that somebody else holds before it changes it.
    """

    __slots__ = ("variable",)

    def __init__(self, x: Tensor) -> None:
        # Made while a graph is traced, it outlives the graph. `tf.Variable` itself
        # would tell `tf.function`, which then traces everything once more.
        self.variable = object.__new__(_Variable)
        with tf.init_scope(), tf.device(x.device):
            self.variable.__init__(x, trainable=False)

    def write(self, x: Tensor) -> None:
        self.variable.assign(x, read_value=False)

    def read(self) -> Tensor:
        traced = _traced.get()
        if traced is None:
            return self.variable.read_value()
        # Also from inside of control flow: it is the program that reads, once.
        with traced[0].as_default():
            return self.variable.read_value()


cell = Cell


@contextmanager
def untraced() -> Iterator[None]:
    token = _traced.set(None)
    try:
        with tf.init_scope():
            yield
    finally:
        _traced.reset(token)


def host_value(read: Read, like: Array, device: str, /) -> Tensor:
    graph, hosts = _traced.get()
    hosts.append((read, like.shape))
    return graph.capture_call_time_value(read, tf.TensorSpec(like.shape, like.dtype))


def trace(function: Function, inputs: Sequence[Tensor], compiled: bool, /) -> Program:
    return Program(function, inputs, compiled)


_config: Final = tf.compat.v1.ConfigProto()
# These replace operations by others that differ in zeros, infinities and NaN: x ** 0.5
# by a square root, x + 0 by x, relu(a @ b + c) by a kernel whose relu(NaN) is 0.
_rewrites: Final = _config.graph_options.rewrite_options
_rewrites.arithmetic_optimization = _rewrites.constant_folding = _rewrites.OFF
_rewrites.remapping = _rewrites.OFF
_OPTIONS: Final = (
    "executor_type",
    "",
    "config_proto",
    _config.SerializeToString(deterministic=True),
)


_NO_KERNEL: Final = "Detected unsupported operations"


class Program:
    """A concrete function and what it captures.

    XLA's programs raise nothing about values. One that is compiled has one more result,
    whether the values are such that TensorFlow's kernels would not have raised, and
    writes nothing if they are not.
    """

    def __init__(
        self, function: Function, inputs: Sequence[Tensor], compiled: bool
    ) -> None:
        self._hosts: list[tuple[Read, Sequence[Any]]] = []
        self._sized: list[Tensor] = []
        self._general: General | None = None
        self._checked = False

        def body(*natives: Tensor) -> list[Tensor]:
            graph = tf.compat.v1.get_default_graph()
            _inline_constants(graph)
            token = _traced.set((graph, self._hosts))
            try:
                outputs, writes, updates = function(*natives)
            finally:
                _traced.reset(token)
            results = [_identity(x) for x in outputs]
            # What is written last may be an operand of what is written first.
            values = [_identity(x) for _, x in writes]
            valid = _valid(graph) if compiled else None
            if valid is not None:
                self._checked = True
                values = [
                    tf.where(valid, value, cell.read())
                    for (cell, _), value in zip(writes, values, strict=True)
                ]
                results.append(valid)
            with tf.control_dependencies([*results, *values]):
                for (cell, _), value in zip(writes, values, strict=True):
                    cell.write(value)
                for update, args in updates:
                    update(*args)
            return results

        specs = [tf.TensorSpec(x.shape, x.dtype) for x in inputs]
        traced = tf.function(body, autograph=False, jit_compile=compiled or None)
        self._concrete = traced.get_concrete_function(*specs)
        inner = self._concrete.inference_fn
        self._name = inner.name.decode()
        self._compiled = compiled
        self._count = len(inner.function_type.flat_outputs)
        # Functions stand for what the host gives.
        self._captures = [x for x in self._concrete._captured_inputs if not callable(x)]
        unchecked = compiled and _unchecked(self._concrete.graph)
        if unchecked:
            self._do_without_compiler(unchecked)

    def __call__(self, *inputs: Tensor) -> Sequence[Tensor]:
        hosts = [tf.constant(read(shape)) for read, shape in self._hosts]
        # Calling the concrete function costs twice as much: it checks and flattens its
        # arguments once more.
        given = [*inputs, *self._captures, *hosts, *self._sized]
        try:
            found = self._run(given)
        except tf.errors.InvalidArgumentError as error:
            if not self._compiled or _NO_KERNEL not in error.message:
                raise
            operations = re.findall(r"(\w+) \(No registered", error.message)
            self._do_without_compiler(operations)
            found = self._run(given)
        if not self._checked:
            return found
        *results, valid = found
        if not valid:
            raise tf.errors.InvalidArgumentError(None, None, "a value is out of range")
        return results

    def _run(self, given: Sequence[Tensor]) -> Sequence[Tensor]:
        context_ = context.context()
        found: Sequence[Tensor]
        found = execute(self._name, self._count, given, _OPTIONS, context_)
        return found

    def generalized(
        self, others: Sequence[Program], sizes: Sequence[int]
    ) -> Callable[[int], Program]:
        programs = [self, *others]
        captured = {tuple(map(id, one._captures)) for one in programs}
        reads = [[read for read, _ in one._hosts] for one in programs]
        if len(captured) > 1 or not all(are_alike(reads[0], one) for one in reads):
            raise ChangedError
        shapes = merged_tree(
            [[shape for _, shape in one._hosts] for one in programs], sizes
        )
        found = general(
            [one._concrete.inference_fn.definition for one in programs], sizes
        )
        name = found.register()

        def at(size: int) -> Program:
            made = copy.copy(programs[-1])
            made._name, made._general = name, found
            made._sized = [tf.constant(one.at(size)) for one in found.constants]
            made._hosts = list(zip(reads[-1], numbers(shapes, size), strict=True))
            return made

        return at

    def _do_without_compiler(self, operations: Sequence[str]) -> None:
        """Have the same graph run by TensorFlow's own kernels; nothing has run yet."""
        definition = self._concrete.inference_fn.definition
        plain = type(definition)()
        plain.CopyFrom(definition)
        del plain.attr["_XlaMustCompile"]
        plain.signature.name = f"{self._name}_plain"
        context.context().add_function_def(plain)
        self._name, self._compiled = plain.signature.name, False
        warnings.warn(
            "TensorFlow's compiler, XLA, has no kernel of "
            f"{', '.join(operations) or 'an operation'}, or none that tells where it "
            "is not defined: the program runs without",
            stacklevel=2,
        )

    def text(self) -> str:
        graph = self._concrete.graph
        lines = [_line(operation) for operation in graph.get_operations()]
        # What control flow calls.
        for function in graph.as_graph_def().library.function:
            lines.append(f"\n{function.signature.name}:")
            lines += [
                f"    {node.name} = {node.op}({', '.join(node.input)})"
                for node in function.node_def
            ]
        return "\n".join(lines)


def _line(operation: Any) -> str:
    inputs = [x.name for x in operation.inputs]
    inputs += [f"^{one.name}" for one in operation.control_inputs]
    types = [f"{y.dtype.name}{y.shape}" for y in operation.outputs]
    text = f"{operation.name} = {operation.type}({', '.join(inputs)})"
    return f"{text}: {', '.join(types)}" if types else text


# --- what kernels check and programs of XLA do not ------------------------------------


def _divides(operation: Any) -> Tensor | None:
    divisor = operation.inputs[1]
    return tf.reduce_all(divisor != 0) if divisor.dtype.is_integer else None


def _gathers(operation: Any) -> Tensor:
    x, indices, axis = operation.inputs
    return _within(indices, x.shape[int(tf.get_static_value(axis))])


def _scatters(operation: Any) -> Tensor:
    x, indices, _ = operation.inputs
    return _within(indices, x.shape[: indices.shape[-1]].as_list())


def _picks(operation: Any) -> Tensor:
    logits, labels = operation.inputs
    return _within(labels, logits.shape[-1])


def _inverts_triangle(operation: Any) -> Tensor:
    return tf.reduce_all(tf.linalg.diag_part(operation.inputs[0]) != 0)


def _within(indices: Tensor, bounds: Any) -> Tensor:
    bounds = tf.constant(bounds, indices.dtype)
    return tf.reduce_all((indices >= 0) & (indices < bounds))


_VALID: Final[Mapping[str, Callable[[Any], Tensor | None]]] = {
    "Assert": lambda operation: operation.inputs[0],
    "FloorDiv": _divides,
    "FloorMod": _divides,
    "GatherV2": _gathers,
    "MatrixTriangularSolve": _inverts_triangle,
    "SparseSoftmaxCrossEntropyWithLogits": _picks,
    "TensorScatterAdd": _scatters,
    "TensorScatterMax": _scatters,
    "TensorScatterMin": _scatters,
    "TensorScatterUpdate": _scatters,
}
"""What returns whether the values of an operation are such that it does not raise."""

_UNTOLD: Final = {"MatrixInverse", "MatrixSolve"}
"""Operations that give numbers of any size for singular matrices, which nothing tells.

XLA factorizes by rotations, which leave a pivot of about eps where there is none.
"""


def _valid(graph: Any) -> Tensor | None:
    """Return whether all values are valid; None if no operation depends on that."""
    checks = [
        check(operation)
        for operation in graph.get_operations()
        if (check := _VALID.get(operation.type)) is not None
    ]
    doubtful = [x for x in checks if x is not None and not _is_known_to_hold(x)]
    return tf.reduce_all(tf.stack(doubtful)) if doubtful else None


def _is_known_to_hold(condition: Tensor) -> bool:
    value = tf.get_static_value(condition)
    return value is not None and bool(value)


def _unchecked(graph: Any) -> list[str]:
    """Return operations of a graph about whose values nobody would know."""
    inner = {
        node.op
        for function in graph.as_graph_def().library.function
        for node in function.node_def
    }
    own = {operation.type for operation in graph.get_operations()}
    return sorted((own & _UNTOLD) | (inner & (_UNTOLD | _VALID.keys())))


# --- constants ------------------------------------------------------------------------

_identity = kernel(tf.raw_ops.Identity)

_INLINED: Final = 16_384
"""Constants become part of the graph if they have no more elements than this."""


def _inline_constants(graph: Any) -> None:
    """Have small eager tensors become constants of ``graph``.

    TensorFlow makes each an argument, which costs time at each run and keeps shapes,
    axes and numbers from being folded.
    """
    capture = graph.capture
    made: dict[int, tuple[Tensor, Tensor]] = {}

    def inlined(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        fixed = type(tensor) is Eager and tensor.dtype not in (tf.resource, tf.variant)
        if not fixed or tensor.shape.num_elements() > _INLINED:
            return capture(tensor, *args, **kwargs)
        if id(tensor) not in made:
            # An id stays unique only as long as its object lives.
            with graph.as_default(), tf.control_dependencies(None):
                made[id(tensor)] = tensor, tf.constant(tensor.numpy(), tensor.dtype)
        return made[id(tensor)][1]

    graph.capture = inlined


# --- random numbers -------------------------------------------------------------------

_random = kernel(tf.raw_ops.StatelessRandomUniformFullIntV2)
_PHILOX: Final = 1


def random_words(key: int, draw: Tensor, count: int, /) -> Tensor:
    """Philox4x32-10 with this key, and the draw in the upper half of the counter."""
    counter = _cast(tf.stack([tf.zeros_like(draw), draw]), tf.uint64)
    keys = tf.constant([key], tf.uint64)
    return _cast(_random([count], keys, counter, _PHILOX, dtype=tf.uint32), tf.int64)


_cast = kernel(tf.raw_ops.Cast)

# --- updates of optimizers ------------------------------------------------------------

_apply_adam = kernel(tf.raw_ops.ResourceApplyAdam)


def _adam(
    ws: Sequence[Cell],
    gradients: Sequence[Tensor],
    ms: Sequence[Cell],
    vs: Sequence[Cell],
    rate: Tensor,
    epsilon: Tensor,
    beta_1: float,
    beta_2: float,
    decay: Tensor | None,
    skip: Tensor | None,
) -> None:
    # The kernel computes m + (g - m) (1 - β) for m β + g (1 - β). That rounds g - m, an
    # error of eps (1 - β) (|m| + |g|) at most, where the operations round the products,
    # an error of eps (β |m| + (1 - β) |g|). The former is no larger where 1 - β ≤ β; a
    # smaller β forgets m, and would keep the error of it. The same holds of v and g².
    step = _adam_by_kernel if min(beta_1, beta_2) >= 0.5 else _adam_by_operations

    def apply() -> Tensor:
        for w, gradient, m, v in zip(ws, gradients, ms, vs, strict=True):
            if decay is not None:
                w.variable.assign(w.variable * decay, read_value=False)
            cells = w.variable, m.variable, v.variable
            step(*cells, gradient, rate, epsilon, beta_1, beta_2)
        return tf.constant(True)

    if skip is None:
        apply()
    else:
        tf.cond(skip, lambda: tf.constant(False), apply)


def _adam_by_kernel(
    w: tf.Variable,
    m: tf.Variable,
    v: tf.Variable,
    gradient: Tensor,
    rate: Tensor,
    epsilon: Tensor,
    beta_1: float,
    beta_2: float,
) -> None:
    zero, dtype = np.zeros((), w.dtype.as_numpy_dtype), gradient.dtype
    # The rate and epsilon are corrected for the number of steps already, and powers of
    # 0 leave them as they are.
    _apply_adam(
        w.handle,
        m.handle,
        v.handle,
        zero,
        zero,
        rate,
        tf.constant(beta_1, dtype),
        tf.constant(beta_2, dtype),
        epsilon,
        gradient,
    )


def _adam_by_operations(
    w: tf.Variable,
    m: tf.Variable,
    v: tf.Variable,
    gradient: Tensor,
    rate: Tensor,
    epsilon: Tensor,
    beta_1: float,
    beta_2: float,
) -> None:
    new_m = m * beta_1 + gradient * (1 - beta_1)
    new_v = v * beta_2 + tf.square(gradient) * (1 - beta_2)
    m.assign(new_m, read_value=False)
    v.assign(new_v, read_value=False)
    w.assign_sub(new_m * rate / (tf.sqrt(new_v) + epsilon), read_value=False)


fused: Final[Mapping[str, Callable[..., None]]] = {"adam": _adam}
