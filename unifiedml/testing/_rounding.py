"""How scale, length and condition of the tolerance model follow from the arguments.

A `Rounding` says, for a call in double precision and its exact result, which families
of `unifiedml.tolerance` explain differences, with which magnitudes; their bounds add
up. A `Gradient` says the same of gradients, with the exact gradients themselves where
there is an oracle: they come from `numeric_vjp`, so they owe nothing to any framework.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import as_dtype
from unifiedml.testing._gradients import numeric_vjp

__all__ = [
    "EXACT",
    "Expected",
    "Gradient",
    "Rounding",
    "Terms",
    "accumulated",
    "elementwise",
    "elementwise_gradient",
    "float64",
    "linear_gradient",
    "whole",
    "whole_gradient",
]

Array = npt.NDArray[Any]
Oracle: TypeAlias = Callable[..., Any] | None
Terms: TypeAlias = Sequence[tuple[str, dict[str, Any]]]
Expected: TypeAlias = tuple[Array | None, npt.ArrayLike, Terms]
"""The exact gradient (if known), its own error, and the rounding of a computed one."""


class Call(Protocol):
    """See `unifiedml.testing._line.Call`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Rounding(Protocol):
    """Returns the terms for a call in double precision and its result."""

    def __call__(self, call: Any, result: Array, /) -> Terms: ...


class Gradient(Protocol):
    """Returns what is expected of the gradient of each argument of ``argnums``."""

    def __call__(
        self,
        oracle: Oracle,
        call: Any,
        cotangents: Sequence[Array],
        argnums: Sequence[int],
        found: Sequence[Array],
        /,
    ) -> list[Expected]: ...


def float64(value: Any) -> Any:
    """Return floating-point arrays (of a nest) in double precision, others as is."""
    if isinstance(value, list | tuple):
        return type(value)(float64(one) for one in value)
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind in "fc":  # extended precision, which is none of ours, too
        return value.astype(np.float64 if value.dtype.kind == "f" else np.complex128)
    kind = as_dtype(value.dtype).kind
    return value.astype(np.float64) if kind == "float" else value


def magnitude(value: Any) -> Array:
    """Return ``|value|``, 0 for NaN and the largest number for infinities."""
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(np.asarray(value)).astype(np.float64)
    return np.asarray(np.nan_to_num(size))


# --- values ---


def EXACT(call: Any, result: Array) -> Terms:  # noqa: N802 - used like a constant
    """Nothing is rounded."""
    return [("exact", {"scale": 0})]


def elementwise(
    family: str,
    *,
    scale: Callable[[Array], Any] = magnitude,
    condition: Callable[..., Any] | None = None,
) -> Rounding:
    """Return the rounding of a function applied element by element.

    Args:
        family: Its family.
        scale: Computed from the exact result.
        condition: Computed from the arguments.
    """

    def rounding(call: Any, result: Array) -> Terms:
        magnitudes: dict[str, Any] = {"scale": magnitude(scale(result))}
        if condition is not None:
            magnitudes["condition"] = magnitude(condition(*call.args))
        return [(family, magnitudes)]

    return rounding


def accumulated(
    oracle: Callable[..., Any],
    length: Callable[..., int],
    *,
    family: str = "accumulation",
) -> Rounding:
    """Return the rounding of a sum of products: the scale is that of absolute values.

    Args:
        oracle: The operation itself, of NumPy arrays.
        length: How many terms a sum has, from the arguments.
        family: Its family.
    """

    def rounding(call: Any, result: Array) -> Terms:
        first = next(x for x in call.args if isinstance(x, np.ndarray))
        # Integers beside the numbers are indices: where they are not counted, such as
        # those of a segment that is left out, they are negative.
        sizes = [magnitude(x) if x is first else _size(x) for x in call.args]
        scale = magnitude(oracle(*sizes, **call.kwargs))
        count = length(*call.args, **call.kwargs)
        return [(family, {"scale": scale, "length": max(1, count)})]

    return rounding


def _size(x: Any) -> Any:
    is_number = isinstance(x, np.ndarray) and x.dtype.kind not in "iub"
    return magnitude(x) if is_number else x


def whole(layers: int = 1, terms: Callable[..., Array] | None = None) -> Rounding:
    """Return the rounding of a composite: relative to the largest element.

    Args:
        layers: How many operations follow each other.
        terms: A function of the call's arguments: how large terms are that cancel in
            the result; default: no larger than that.
    """

    def rounding(call: Any, result: Array) -> Terms:
        scale = _largest(result)
        if terms is not None:
            scale = max(scale, _largest(terms(*call.args, **call.kwargs)))
        return _network(scale, layers)

    return rounding


# --- gradients ---


def elementwise_gradient(family: str = "elementwise_gradient") -> Gradient:
    """Return the rounding of gradients of an element-wise function.

    That of an operand which was broadcast is a sum of the gradients of its copies.
    """

    def gradient(
        oracle: Oracle,
        call: Any,
        cotangents: Sequence[Array],
        argnums: Sequence[int],
        found: Sequence[Array],
    ) -> list[Expected]:
        if oracle is None or _is_complex(call, argnums, cotangents):
            return _unknown(cotangents, found)
        (cotangent,) = cotangents
        shape = cotangent.shape
        copies = [np.array(np.broadcast_to(call.args[n], shape)) for n in argnums]
        exact = numeric_vjp(_only(oracle, call, argnums), copies, cotangent)
        expected: list[Expected] = []
        for number, (each, error) in zip(argnums, exact, strict=True):
            own = call.args[number].shape

            def total(x: Array, own: tuple[int, ...] = own) -> Array:
                return _sum_to(x, own)

            terms = [
                (family, {"scale": total(np.maximum(abs(cotangent), abs(each)))}),
                ("accumulation", _sum_of(each, own)),
            ]
            expected.append((total(each), total(error), terms))
        return expected

    return gradient


def linear_gradient(
    length: Callable[..., int] | None = None,
    *,
    sizes: Oracle = None,
    selects: bool = False,
) -> Gradient:
    """Return the rounding of gradients of a function that is linear in each argument.

    Args:
        length: How many terms the sums in the gradients have, at most, from the
            arguments; default: the size of the result.
        sizes: The function without its negative signs; default: the oracle.
        selects: Whether the operands' order decides which of them are added up, as
            that of a maximum does.
    """

    def gradient(
        oracle: Oracle,
        call: Any,
        cotangents: Sequence[Array],
        argnums: Sequence[int],
        found: Sequence[Array],
    ) -> list[Expected]:
        if oracle is None or _is_complex(call, argnums, cotangents):
            return _unknown(cotangents, found)
        (cotangent,) = cotangents
        function = _only(oracle, call, argnums)
        operands = [call.args[n] for n in argnums]
        exact = numeric_vjp(function, operands, cotangent)
        positive = operands if selects else [*map(np.abs, operands)]
        adding = _only(sizes or oracle, call, argnums)
        scales = numeric_vjp(adding, positive, np.abs(cotangent))
        count = length(*call.args, **call.kwargs) if length else cotangent.size
        return [
            (
                value,
                error,
                [
                    (
                        "accumulation",
                        {"scale": magnitude(size), "length": max(1, count)},
                    ),
                    # The gradient of each copy of what was broadcast is stored.
                    ("arithmetic", {"scale": magnitude(size)}),
                ],
            )
            for (value, error), (size, _) in zip(exact, scales, strict=True)
        ]

    return gradient


def whole_gradient(
    layers: int = 1,
    terms: Callable[..., float] | None = None,
    *,
    sums: Oracle = None,
) -> Gradient:
    """Return the rounding of gradients of a composite, relative to the largest.

    Args:
        layers: How many operations follow each other.
        terms: A function of the call's arguments: how large the terms are, relative to
            the cotangent, that cancel in the gradient; default: as large as that.
        sums: The function's linear part, where sums in its gradient are long.
    """

    def gradient(
        oracle: Oracle,
        call: Any,
        cotangents: Sequence[Array],
        argnums: Sequence[int],
        found: Sequence[Array],
    ) -> list[Expected]:
        if oracle is None or _is_complex(call, argnums, cotangents):
            return _unknown(cotangents, found, layers)
        operands = [call.args[n] for n in argnums]
        exact = numeric_vjp(_only(oracle, call, argnums), operands, cotangents[0])
        least = _largest(cotangents[0]) if cotangents[0].size else 0.0
        if terms is not None:
            least *= terms(*call.args, **call.kwargs)
        sizes: Sequence[Terms] = [[]] * len(operands)
        if sums is not None:
            size = np.abs(cotangents[0])
            linear = numeric_vjp(
                _only(sums, call, argnums),
                [*map(np.abs, operands)],
                size,
                method="complex",
            )
            sizes = [
                [("accumulation", {"scale": magnitude(one), "length": size.size})]
                for one, _ in linear
            ]
        return [
            (value, error, [*_network(max(_largest(value), least), layers), *more])
            for (value, error), more in zip(exact, sizes, strict=True)
        ]

    return gradient


def _is_complex(call: Any, argnums: Sequence[int], cotangents: Sequence[Array]) -> bool:
    """Tell whether `numeric_vjp`, which is real, has no answer (nor for several)."""
    operands = [*(call.args[n] for n in argnums), *cotangents]
    return len(cotangents) != 1 or any(map(np.iscomplexobj, operands))


def _unknown(
    cotangents: Sequence[Array], found: Sequence[Array], layers: int = 1
) -> list[Expected]:
    """Compare backends with each other only, relative to the largest element."""
    least = max((_largest(one) for one in cotangents), default=0.0)
    return [
        (None, 0, _network(max(_largest(float64(one)), least), layers)) for one in found
    ]


def _network(scale: float, layers: int) -> Terms:
    return [("network", {"scale": scale, "length": layers})]


def _largest(x: Array) -> float:
    return float(np.max(magnitude(x), initial=0.0))


def _only(
    oracle: Callable[..., Any], call: Any, argnums: Sequence[int]
) -> Callable[..., Array]:
    """Return ``oracle`` as a function of the arguments that are differentiated by."""

    def function(*operands: Array) -> Array:
        args = list(call.args)
        for number, operand in zip(argnums, operands, strict=True):
            args[number] = operand
        return np.asarray(oracle(*args))

    return function


def _sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    """Sum what broadcasting has repeated."""
    lead = x.ndim - len(shape)
    x = np.sum(x, axis=tuple(range(lead)))
    axes = tuple(n for n, size in enumerate(shape) if size == 1 and x.shape[n] != 1)
    return np.asarray(np.sum(x, axis=axes, keepdims=True)) if axes else np.asarray(x)


def _sum_of(each: Array, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return scale and length of the sum of ``each`` to ``shape``."""
    copies = each.size // max(1, math.prod(shape))
    return {"scale": _sum_to(np.abs(each), shape), "length": max(1, copies)}
