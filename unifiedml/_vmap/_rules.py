"""Where the dimension of the examples goes, for each operation of a backend.

A rule is called with the batching, the operation of the real backend, and the
operands. Where none of them differs between examples, the operation runs as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from unifiedml._vmap._batching import Batching

__all__ = ["LOOPED", "RULES", "looped"]

Native = Any
Operation = Callable[..., Any]
Rule = Callable[..., Any]


def _if_batched(rule: Rule) -> Rule:
    """Return the rule, for calls with a batch among the operands."""

    def applied(batching: Batching, operation: Operation, *args: Any) -> Any:
        parts = [x for arg in args for x in (arg if isinstance(arg, list) else [arg])]
        if not any(map(batching.owns, parts)):
            return operation(*args)
        return rule(batching, operation, *args)

    return applied


@_if_batched
def _elementwise(batching: Batching, operation: Operation, *xs: Any) -> Any:
    rank = max(len(batching.inside(x)) for x in xs)
    return batching.wrapped(operation(*(_aligned(batching, x, rank) for x in xs)))


def _aligned(batching: Batching, x: Any, rank: int) -> Native:
    """Return ``x`` with dimensions of 1 between the examples and its own."""
    if not batching.owns(x):
        return x
    shape = batching.inside(x)
    if len(shape) == rank:
        return x.native
    missing = (1,) * (rank - len(shape))
    return batching.inner.reshape(x.native, (batching.size, *missing, *shape))


@_if_batched
def _single(batching: Batching, operation: Operation, x: Any, *static: Any) -> Any:
    return batching.wrapped(operation(x.native, *static))


@_if_batched
def _along_axes(
    batching: Batching, operation: Operation, x: Any, axes: Any, *static: Any
) -> Any:
    moved = tuple(axis + 1 for axis in axes)
    return batching.wrapped(operation(x.native, moved, *static))


@_if_batched
def _along_axis(batching: Batching, operation: Operation, x: Any, axis: int) -> Any:
    return batching.wrapped(operation(x.native, axis + 1))


@_if_batched
def _irfft(
    batching: Batching, operation: Operation, x: Any, size: int, axis: int
) -> Any:
    return batching.wrapped(operation(x.native, size, axis + 1))


@_if_batched
def _reshape(batching: Batching, operation: Operation, x: Any, shape: Any) -> Any:
    return batching.wrapped(operation(x.native, (batching.size, *shape)))


@_if_batched
def _broadcast_to(batching: Batching, operation: Operation, x: Any, shape: Any) -> Any:
    aligned = _aligned(batching, x, len(shape))
    return batching.wrapped(operation(aligned, (batching.size, *shape)))


@_if_batched
def _permute_dims(batching: Batching, operation: Operation, x: Any, axes: Any) -> Any:
    moved = (0, *(axis + 1 for axis in axes))
    return batching.wrapped(operation(x.native, moved))


@_if_batched
def _pad(batching: Batching, operation: Operation, x: Any, widths: Any, v: Any) -> Any:
    return batching.wrapped(operation(x.native, ((0, 0), *widths), v))


def _concat(batching: Batching, operation: Operation, xs: Any, axis: int) -> Any:
    if not any(map(batching.owns, xs)):
        return operation(xs, axis)
    return batching.wrapped(operation([batching.whole(x) for x in xs], axis + 1))


@_if_batched
def _getitem(batching: Batching, operation: Operation, x: Any, key: Any) -> Any:
    return batching.wrapped(operation(x.native, (slice(0, batching.size, 1), *key)))


@_if_batched
def _split(
    batching: Batching, operation: Operation, x: Any, sizes: Any, axis: int
) -> Any:
    return tuple(map(batching.wrapped, operation(x.native, sizes, axis + 1)))


@_if_batched
def _setitem(
    batching: Batching, operation: Operation, x: Any, value: Any, key: Any
) -> Any:
    whole = operation(
        batching.whole(x),
        batching.whole(value),
        (slice(0, batching.size, 1), *key),
    )
    return batching.wrapped(whole)


# --- indices --------------------------------------------------------------------------


def _offset(batching: Batching, indices: Any, count: int) -> Native:
    """Return the places of indices among the ``count`` rows of all examples, 1-d."""
    real = batching.inner
    whole = batching.whole(indices)
    device = real.device_of(whole)

    def constant(values: Any) -> Native:
        return real.from_numpy(np.asarray(values, np.int64), device)

    starts = constant(np.arange(batching.size)[:, None] * count)
    # An index out of bounds must not be one of the next example's.
    beyond = real.logical_or(
        real.less(whole, constant(0)), real.less_equal(constant(count), whole)
    )
    places = real.where(
        beyond, constant(batching.size * count), real.add(whole, starts)
    )
    return real.reshape(places, (math.prod(real.shape_of(whole)),))


@_if_batched
def _take(
    batching: Batching, operation: Operation, x: Any, indices: Any, axis: int
) -> Any:
    real, size = batching.inner, batching.size
    if not batching.owns(indices):
        return batching.wrapped(operation(x.native, indices, axis + 1))
    (count,) = batching.inside(indices)
    shape = batching.inside(x)
    rest = (*shape[:axis], *shape[axis + 1 :])
    order = (axis, *(one for one in range(len(shape)) if one != axis))
    if batching.owns(x):
        moved = real.permute_dims(x.native, (0, *(one + 1 for one in order)))
        rows = real.reshape(moved, (size * shape[axis], *rest))
        flat = _offset(batching, indices, shape[axis])
    else:
        rows = real.permute_dims(x, order)
        flat = real.reshape(indices.native, (size * count,))
    found = real.reshape(operation(rows, flat, 0), (size, count, *rest))
    back = [1 + order.index(one) for one in range(len(shape))]
    return batching.wrapped(real.permute_dims(found, (0, *back)))


@_if_batched
def _scatter(
    batching: Batching, operation: Operation, x: Any, indices: Any, updates: Any
) -> Any:
    real, size = batching.inner, batching.size
    rows, width = batching.inside(x)
    (count, _) = batching.inside(updates)
    found = operation(
        real.reshape(batching.whole(x), (size * rows, width)),
        _offset(batching, indices, rows),
        real.reshape(batching.whole(updates), (size * count, width)),
    )
    return batching.wrapped(real.reshape(found, (size, rows, width)))


@_if_batched
def _searchsorted(
    batching: Batching, operation: Operation, x: Any, values: Any, right: bool
) -> Any:
    real, size = batching.inner, batching.size
    rows = [
        real.reshape(batching.whole(one), (size, *batching.inside(one)[1:]))
        for one in (x, values)
    ]
    found = operation(*rows, right)
    return batching.wrapped(real.reshape(found, (size, 1, *real.shape_of(found)[1:])))


# --- matrices and images --------------------------------------------------------------


def _folded(*batched: int) -> Rule:
    """Return a rule for operands that are stacks: the examples join the stack.

    Args:
        batched: The numbers of the operands that are stacks; others are the same for
            all examples, or the operation runs for each.
    """

    @_if_batched
    def rule(batching: Batching, operation: Operation, *args: Any) -> Any:
        if any(batching.owns(x) for n, x in enumerate(args) if n not in batched):
            return looped(batching, operation, *args)
        real, size = batching.inner, batching.size
        given, stack = list(args), 0
        for number in batched:
            stack, *rest = batching.inside(args[number])
            given[number] = real.reshape(
                batching.whole(args[number]), (size * stack, *rest)
            )
        found = operation(*given)

        def unfolded(y: Native) -> Any:
            rest = real.shape_of(y)[1:]
            return batching.wrapped(real.reshape(y, (size, stack, *rest)))

        several = isinstance(found, tuple | list)
        return tuple(map(unfolded, found)) if several else unfolded(found)

    return rule


def _of_matrices(*batched: int) -> Rule:
    """Return a rule for operands that are matrices, or one stack of them."""
    fold = _folded(*batched)

    @_if_batched
    def rule(batching: Batching, operation: Operation, *args: Any) -> Any:
        if len(batching.inside(args[0])) == 3:
            return fold(batching, operation, *args)
        given = list(args)
        for number in batched:
            given[number] = batching.whole(args[number])
        found = operation(*given)
        several = isinstance(found, tuple | list)
        if not several:
            return batching.wrapped(found)
        return tuple(map(batching.wrapped, found))

    return rule


# --- one after the other --------------------------------------------------------------


@_if_batched
def looped(batching: Batching, operation: Operation, *args: Any) -> Any:
    """Run an operation for each example, and join the results."""
    real = batching.inner

    def example(arg: Any, number: int) -> Any:
        return real.getitem(arg.native, (number,)) if batching.owns(arg) else arg

    def empty(arg: Any) -> Any:
        if not batching.owns(arg):
            return arg
        shape, device = batching.inside(arg), real.device_of(arg.native)
        return real.full(shape, 0, arg.dtype, device)

    if not batching.size:
        # There is no example to run, but one like it says what would come out.
        results = [operation(*map(empty, args))]
    else:
        results = [
            operation(*(example(arg, number) for arg in args))
            for number in range(batching.size)
        ]

    def joined(parts: Sequence[Native]) -> Any:
        if not batching.size:
            (one,) = parts
            shape, device = real.shape_of(one), real.device_of(one)
            return batching.wrapped(real.full((0, *shape), 0, one.dtype, device))
        rows = [real.reshape(one, (1, *real.shape_of(one))) for one in parts]
        return batching.wrapped(real.concat(rows, 0))

    if isinstance(results[0], tuple | list):
        return tuple(map(joined, zip(*results, strict=True)))
    return joined(results)


LOOPED: Final = frozenset({"segment_max", "segment_sum"})
"""What runs once for each example: there is no room for another dimension."""

_FAMILIES: Final[dict[Rule, str]] = {
    _elementwise: "abs acos acosh add asin asinh atan atan2 atanh bitwise_and "
    "bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor "
    "ceil clip complex conj copy cos cosh digamma divide equal erf erfc erfinv exp "
    "expm1 floor floor_divide imag isfinite isinf isnan less less_equal lgamma log "
    "log1p logical_and logical_not logical_or logical_xor matmul maximum minimum "
    "multiply negative not_equal power power_constant real relu remainder round "
    "sigmoid sign sin sinh softplus sqrt square stop_gradient subtract tan tanh trunc "
    "where",
    _single: "argsort bitcast cast to_device top_k",
    _along_axes: "all any flip max mean min prod sum",
    _along_axis: "argmax argmin cumulative_max cumulative_min cumulative_prod "
    "cumulative_sum fft ifft log_softmax rfft softmax",
    _irfft: "irfft",
    _reshape: "reshape",
    _broadcast_to: "broadcast_to",
    _permute_dims: "permute_dims",
    _pad: "pad",
    _concat: "concat",
    _getitem: "getitem",
    _split: "split",
    _setitem: "setitem",
    _take: "take",
    _scatter: "scatter scatter_add scatter_max scatter_min scatter_multiply",
    _searchsorted: "searchsorted",
    _folded(0): "average_pool conv conv_transpose max_pool",
    _folded(0, 1): "sparse_cross_entropy",
    _of_matrices(0): "cholesky det eig eigh eigvals eigvalsh qr slogdet svd svdvals",
    _of_matrices(0, 1): "solve solve_triangular",
}

RULES: Final[dict[str, Rule]] = {
    name: rule for rule, names in _FAMILIES.items() for name in names.split()
}
"""The rule of each operation that has one."""
