"""From tensors to native calls: promotion, the fast path, errors for people.

The fast path is written once, here: when the operands are tensors of one backend
whose data types agree and the operation has a kernel for it, their natives go to the
kernel as they are. Shapes are checked after the fact: a framework refuses what does
not fit, and only then is the reason looked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from unifiedml import _recording
from unifiedml._backend.devices import resolve_device
from unifiedml._backend.errors import (
    BackendError,
    BackendMismatchError,
    interrupted,
)
from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend, current
from unifiedml._dtypes import DTYPES, DType, iinfo
from unifiedml._rules.promotion import promote, promote_scalar
from unifiedml._rules.shapes import broadcast_shapes, check_rank
from unifiedml._sizes import Size
from unifiedml._tensor import Tensor

Kinds = frozenset[str]
ANY: Final[Kinds] = frozenset({"bool", "signed", "unsigned", "float", "complex"})
NUMERIC: Final[Kinds] = ANY - {"bool"}
REAL: Final[Kinds] = NUMERIC - {"complex"}
FLOATING: Final[Kinds] = frozenset({"float", "complex"})
REAL_FLOATING: Final[Kinds] = frozenset({"float"})
COMPLEX: Final[Kinds] = frozenset({"complex"})
INTEGER: Final[Kinds] = frozenset({"signed", "unsigned"})
BITS: Final[Kinds] = INTEGER | {"bool"}
BOOL: Final[Kinds] = frozenset({"bool"})
SIGN: Final = -(2**63)  # flipping this bit maps the order of uint64 to that of int64

_WORDS: Final[dict[Kinds, str]] = {
    NUMERIC: "a numeric",
    REAL: "a real numeric",
    FLOATING: "a floating-point",
    REAL_FLOATING: "a real floating-point",
    INTEGER: "an integer",
    BITS: "an integer or bool",
    BOOL: "a bool",
}

Explain = Callable[..., None]


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    """What the frontend knows of one primitive.

    Attributes:
        name: The member of the Protocol.
        kinds: Kinds of data type that it is defined for.
        order: Whether it depends on the order of its operands' values, so that
            uint64 cannot be computed in int64 bits as they are.
        bits: What computes uint64 in int64 bits, where `order` is not enough.
        parts: What computes complex numbers from their real and imaginary parts.
        finds: Whether it returns int64 indices, whatever its operands are.
        explain: Called with the operands (and static arguments) when the backend
            raised: raises the library's own error if the operands are at fault.
        reads: Whether ``explain`` looks at values. Kernels of the CPU do, too, but
            on other devices they return garbage or end the process: there it is called
            before, which waits for the values.
    """

    name: str
    kinds: Kinds
    order: bool = False
    bits: Callable[..., Tensor] | None = None
    parts: Callable[..., Tensor] | None = None
    finds: bool = False
    explain: Explain | None = None
    reads: bool = False

    def accepts(self, dtype: DType) -> bool:
        """Tell whether the operation is defined for ``dtype``."""
        return dtype.kind in self.kinds


def broadcastable(*tensors: Tensor) -> None:
    """Raise if the shapes of ``tensors`` do not broadcast: an ``explain`` of `Op`."""
    broadcast_shapes(*(x.shape for x in tensors))


def kernel(op: Op, backend: LoadedBackend) -> tuple[Callable[..., Any], frozenset[int]]:
    """Return the backend's function for ``op`` and the dtypes it takes as they are.

    The data types are given by the ``id`` of the framework's own object, which is
    an order of magnitude faster to look up than the object itself.
    """
    found = backend.kernels.get(op)
    if found is None:
        missing = backend.ops.missing.get(op.name, frozenset())
        direct = frozenset(
            id(native)
            for name, native in backend.ops.dtypes.items()
            if op.accepts(DTYPES[name]) and name not in missing
        )
        function = getattr(backend.ops, op.name)
        if op.reads and backend.ops.devices() != ("cpu",):
            function = _read_before(op, function, backend)
        found = backend.kernels[op] = (function, direct)
    return found


def _read_before(
    op: Op, function: Callable[..., Native], backend: LoadedBackend
) -> Callable[..., Native]:
    def checked(*args: Any) -> Native:
        natives = [x for x in args if backend.ops.is_native(x)]
        if backend.ops.device_of(natives[0]) != "cpu" and op.explain is not None:
            tensors = [Tensor(x, backend) for x in natives]
            op.explain(*tensors, *args[len(natives) :])
        return function(*args)

    return checked


def unary(op: Op, x: Any, *static: Any) -> Tensor:
    """Apply an operation of one operand.

    Args:
        op: The operation.
        x: Its operand.
        static: What else the backend is given, such as axes.
    """
    if isinstance(x, Tensor):
        backend = x._backend
        function, direct = backend.kernels.get(op) or kernel(op, backend)
        native = x._native
        if id(native.dtype) in direct:
            if x._node is not None:
                return execute(op, function, (x,), static)
            try:
                return Tensor(function(native, *static), backend)
            except Exception as error:
                raise explained(op, (x,), static, error) from error
    return apply(op, as_tensors(op, x), *static)


def binary(op: Op, x1: Any, x2: Any) -> Tensor:
    """Apply an operation of two operands, after promotion."""
    if isinstance(x1, Tensor):
        if isinstance(x2, Tensor):
            backend = x1._backend
            first = x1._native
            second = x2._native
            dtype = first.dtype
            if dtype is second.dtype and backend is x2._backend:
                function, direct = backend.kernels.get(op) or kernel(op, backend)
                if id(dtype) in direct:
                    if x1._node is not None or x2._node is not None:
                        return execute(op, function, (x1, x2), ())
                    try:
                        return Tensor(function(first, second), backend)
                    except Exception as error:
                        raise explained(op, (x1, x2), (), error) from error
        else:
            number = number_beside(x1, x2)
            if number is not x2:
                return binary(op, x1, number)
    elif isinstance(x2, Tensor):
        number = number_beside(x2, x1)
        if number is not x1:
            return binary(op, number, x2)
    return apply(op, as_tensors(op, x1, x2))


_NUMBERS: Final = frozenset({int, float})


def number_beside(x: Tensor, other: Any) -> Any:
    """Return a number as a tensor beside ``x``, if the data type of that can hold it.

    What is none, and a number that makes the data type another, stays as it is.
    """
    if type(other) not in _NUMBERS:
        if not isinstance(other, Size):
            return other
        other = int(other)
    dtype = x.dtype
    if dtype.kind == "float" or (type(other) is int and dtype.is_integer):
        return constant(other, dtype, x._backend, x.device)
    return other


# --- the general path ----------------------------------------------------------


def as_tensor(op: Op, x: Any) -> Tensor:
    """Return an operand as a tensor, of a data type that the operation takes."""
    if isinstance(x, Tensor):
        found = x._backend.kernels.get(op)
        if found is not None and id(x._native.dtype) in found[1]:
            return x
    (tensor,) = as_tensors(op, x)
    return tensor


def as_tensors(
    op: Op, *operands: Any, beside: Sequence[Any] = ()
) -> tuple[Tensor, ...]:
    """Return ``operands`` as tensors of one backend and of their promoted dtype.

    Args:
        op: The operation that wants them.
        operands: Tensors, NumPy arrays or Python scalars.
        beside: Further operands, whose data type does not count: they take part in
            the choice of the backend and the device.
    """
    if len(operands) == 1 and not beside and isinstance(operands[0], Tensor):
        if not op.accepts(operands[0].dtype):
            raise TypeError(refusal(op, operands[0].dtype))
        return operands
    if not beside and _are_alike(op, operands):
        return operands
    everything = (*operands, *beside)
    backend = common_backend(op.name, everything)
    device = next((x.device for x in everything if isinstance(x, Tensor)), None)
    strong = [as_strong(op.name, x, backend, device) for x in operands]
    dtype = promoted_dtype(op, strong)
    if not op.accepts(dtype):
        given = (x.dtype for x in strong if isinstance(x, Tensor))
        raise TypeError(
            refusal(op, next((one for one in given if not op.accepts(one)), dtype))
        )
    return tuple(
        x.astype(dtype, copy=False)
        if isinstance(x, Tensor)
        else constant(x, dtype, backend, device)
        for x in strong
    )


def _are_alike(op: Op, operands: Sequence[Any]) -> bool:
    """Tell whether operands are tensors of one backend and data type, and fit."""
    first = operands[0]
    if not isinstance(first, Tensor) or not op.accepts(first.dtype):
        return False
    backend, dtype = first._backend, first._native.dtype
    for x in operands:
        if (
            not isinstance(x, Tensor)
            or x._backend is not backend
            or x._native.dtype is not dtype
        ):
            return False
    return True


def common_backend(name: str, operands: Sequence[Any]) -> LoadedBackend:
    """Return the one backend of all tensors among ``operands``.

    Raises:
        BackendMismatchError: There are two.
    """
    found: LoadedBackend | None = None
    for x in operands:
        if not isinstance(x, Tensor) or x._backend is found:
            continue
        if found is not None and x._backend.name != found.name:
            raise BackendMismatchError(
                f"{name}: one operand is on backend {found.name!r}, another on "
                f"{x._backend.name!r}: move one with x.to_backend(...) first"
            )
        # A recorder or batching stands before the backend that computes.
        if found is None or found.level < x._backend.level:
            found = x._backend
    return current() if found is None else found


Scalar = bool | int | float | complex


def as_strong(
    name: str, x: Any, backend: LoadedBackend, device: str | None
) -> Tensor | Scalar:
    """Return a tensor, or a weak Python scalar, from any operand."""
    if isinstance(x, Tensor):
        return x if x._backend is backend else _inside(x, backend)
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, Size):
        return int(x)
    if isinstance(x, (bool, int, float, complex)):
        return x
    if isinstance(x, np.ndarray):
        from unifiedml.ops.conversion import from_array

        return from_array(x, backend, device)
    raise TypeError(
        f"{name} takes tensors, NumPy arrays and numbers, not {type(x).__name__}: "
        "convert with um.asarray first"
    )


def _inside(x: Tensor, backend: LoadedBackend) -> Tensor:
    """Return ``x`` as an operand of a backend that stands before its own."""
    if x.requires_grad and _recording.mode() is _recording.Mode.ON:
        # Not every framework could tell backward() of it.
        raise RuntimeError(
            "a function inside um.vmap uses a tensor that requires gradients and is no "
            "argument: pass it as one, with None in in_axes, or use um.grad"
        )
    return Tensor(x._native, backend, x._node)


def promoted_dtype(op: Op, operands: Sequence[Tensor | Scalar]) -> DType:
    """Return the data type that ``operands`` share."""
    names = [x.dtype.name for x in operands if isinstance(x, Tensor)]
    scalars = [x for x in operands if not isinstance(x, Tensor)]
    result = promote(*names) if names else promote_scalar("bool", type(scalars[0]))
    for scalar in scalars:
        kind = type(scalar)
        # Arithmetic with bool is a mistake, not a promotion to int64.
        if result == "bool" and kind is not bool and not op.accepts(DTYPES["bool"]):
            raise TypeError(refusal(op, DTYPES["bool"]))
        result = promote_scalar(result, kind)
    return DTYPES[result]


def refusal(op: Op, dtype: DType) -> str:
    """Return the sentence that says why ``op`` does not take ``dtype``."""
    wanted = _WORDS.get(op.kinds, "another")
    return (
        f"{op.name} needs {wanted} data type, not {dtype.name}: "
        "convert with astype first"
    )


def constant(
    value: Scalar, dtype: DType, backend: LoadedBackend, device: str | None
) -> Tensor:
    """Return a Python scalar as a 0-d tensor of ``dtype``.

    Raises:
        OverflowError: An integer does not fit into ``dtype``.
    """
    if dtype.is_integer and isinstance(value, int):
        limits = iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise OverflowError(
                f"{value} does not fit into {dtype.name}, which holds "
                f"{limits.min} to {limits.max}"
            )
    where = device or resolve_device(None, backend)
    native = _constant(value, _signs(value), dtype, backend, where)
    return Tensor(native, backend)


def _signs(value: Scalar) -> tuple[float, float]:
    """Return what equality does not tell: 0.0 == -0.0."""
    if isinstance(value, float):
        return math.copysign(1, value), 0
    if isinstance(value, complex):
        return math.copysign(1, value.real), math.copysign(1, value.imag)
    return 0, 0


@lru_cache(maxsize=4096)
def _constant(
    value: Scalar,
    signs: tuple[float, float],
    dtype: DType,
    backend: LoadedBackend,
    device: str,
) -> Native:
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(value).astype(dtype.numpy)
    except OverflowError:
        digits = len(str(abs(value)))
        raise OverflowError(
            f"an integer of {digits} digits does not fit into {dtype.name}"
        ) from None
    return backend.ops.from_numpy(array, device)


def apply(op: Op, tensors: Sequence[Tensor], *static: Any) -> Tensor:
    """Run ``op`` on tensors of one backend; data types have been settled."""
    backend = tensors[0]._backend
    dtype = tensors[-1].dtype
    if not op.accepts(dtype):
        raise TypeError(refusal(op, dtype))
    function, direct = kernel(op, backend)
    if id(tensors[-1]._native.dtype) not in direct:
        return _carried(op, tensors, dtype, static)
    return execute(op, function, tensors, static)


def _carried(
    op: Op, tensors: Sequence[Tensor], dtype: DType, static: Sequence[Any]
) -> Tensor:
    """Compute by other means, where the framework has no kernel for ``dtype``.

    Integer arithmetic modulo 2**64 does not depend on the sign, so uint64 is
    computed in int64, with what the operation says of the cases where it does.
    """
    if dtype.kind == "complex" and op.parts is not None:
        return op.parts(*tensors, *static)
    carrier = DTYPES["float32" if dtype.kind == "float" else "int64"]
    function, direct = kernel(op, tensors[0]._backend)
    wide = [x.astype(carrier) if x.dtype is dtype else x for x in tensors]
    if id(wide[-1]._native.dtype) not in direct:
        raise TypeError(refusal(op, dtype))
    if dtype.name == "uint64" and op.bits is not None:
        return op.bits(*wide, *static).astype(dtype)
    flip = SIGN if op.order and dtype.name == "uint64" else 0
    result = execute(op, function, [x ^ flip for x in wide] if flip else wide, static)
    if op.finds or result.dtype is not carrier:
        return result
    return (result ^ flip if flip else result).astype(dtype)


def execute(
    op: Op,
    function: Callable[..., Native],
    tensors: Sequence[Tensor],
    static: Sequence[Any],
) -> Tensor:
    """Call the backend, keeping the history where a tensor has one."""
    backend = tensors[0]._backend
    try:
        for x in tensors:
            if x._node is not None and _recording.is_recording():
                native, node = _recording.record(function, tensors, static)
                differentiable = backend.dtype_of(native).is_differentiable
                return Tensor(native, backend, node if differentiable else None)
        return Tensor(function(*[x._native for x in tensors], *static), backend)
    except Exception as error:
        raise explained(op, tensors, static, error) from error


def several(op: Op, x: Tensor, *static: Any) -> tuple[Tensor, ...]:
    """Run an operation of one operand that has several results."""
    backend = x._backend
    function, _ = kernel(op, backend)
    try:
        if x._node is None or not _recording.is_recording():
            found = function(x._native, *static)
            return tuple(Tensor(native, backend) for native in found)
        recorded = _recording.record_several(function, (x,), static)
    except Exception as error:
        raise explained(op, (x,), static, error) from error
    return tuple(Tensor(native, backend, node) for native, node in recorded)


def explained(
    op: Op, tensors: Sequence[Tensor], static: Sequence[Any], error: Exception
) -> BaseException:
    """Return the library's own error for one that a backend raised."""
    interrupt = interrupted(error)
    if interrupt is not None:
        return interrupt
    try:
        devices = sorted({x.device for x in tensors})
        if len(devices) > 1:
            return ValueError(
                f"{op.name}: operands are on devices {' and '.join(devices)}: "
                "move one with x.to(device) first"
            )
        if op.explain is not None:
            op.explain(*tensors, *static)
        for x in tensors:
            check_rank(x.shape)  # only `reshape` makes more dimensions than all take
    except (TypeError, ValueError, IndexError, ZeroDivisionError) as own:
        return own
    operands = ", ".join(f"{x.dtype.name} {x.shape}" for x in tensors)
    reason = str(error).strip().split("\n", 1)[0]
    return BackendError(
        f"{op.name} of {operands} failed on backend {tensors[0].backend!r}: {reason}"
    )
