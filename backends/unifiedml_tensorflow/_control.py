"""Control flow in programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from unifiedml_tensorflow._import import kernel, record, tf

__all__ = ["apart", "cond", "is_watched", "scan", "while_loop"]

Tensor = Any
_identity = kernel(tf.raw_ops.Identity)


def apart(function: Callable[[], None], /) -> Sequence[Tensor]:
    made = tf.function(function, autograph=False).get_concrete_function()
    found: Sequence[Tensor] = made.captured_inputs
    return found


def is_watched(x: Tensor, /) -> bool:
    found: bool = record.should_record_backprop([x])
    return found


def cond(
    condition: Tensor,
    true: Callable[..., Sequence[Tensor]],
    false: Callable[..., Sequence[Tensor]],
    operands: Sequence[Tensor],
    /,
) -> Sequence[Tensor]:
    def branch(function: Callable[..., Sequence[Tensor]]) -> Callable[[], Any]:
        return lambda: tuple(_identity(x) for x in function(*operands))

    found: Sequence[Tensor] = tf.cond(condition, branch(true), branch(false))
    return found


def while_loop(
    condition: Callable[..., Tensor],
    body: Callable[..., Sequence[Tensor]],
    state: Sequence[Tensor],
    constants: Sequence[Tensor],
    /,
) -> Sequence[Tensor]:
    found: Sequence[Tensor] = tf.while_loop(
        lambda *now: condition(*now, *constants),
        lambda *now: tuple(body(*now, *constants)),
        tuple(state),
    )
    return found


def scan(
    step: Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]],
    carry: Sequence[Tensor],
    slices: Sequence[Tensor],
    constants: Sequence[Tensor],
    length: int,
    reverse: bool,
    /,
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    kinds: list[tf.TensorSpec] = []

    def first() -> None:
        _, results = step(*carry, *(x[0] for x in slices), *constants)
        kinds.extend(tf.TensorSpec(x.shape, x.dtype) for x in results)

    apart(first)
    rows = [
        tf.TensorArray(x.dtype, length, element_shape=x.shape[1:]).unstack(x)
        for x in slices
    ]
    made = tuple(
        tf.TensorArray(kind.dtype, length, element_shape=kind.shape) for kind in kinds
    )

    def body(number: Tensor, now: Any, made: Any) -> Any:
        new, results = step(*now, *(row.read(number) for row in rows), *constants)
        pairs = zip(made, results, strict=True)
        following = number - 1 if reverse else number + 1
        return following, tuple(new), tuple(one.write(number, x) for one, x in pairs)

    _, last, made = tf.while_loop(
        lambda number, *_: number >= 0 if reverse else number < length,
        body,
        (tf.constant(length - 1 if reverse else 0), tuple(carry), made),
        maximum_iterations=length,
    )
    return last, [one.stack() for one in made]
