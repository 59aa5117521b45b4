"""Gradients by tf.GradientTape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

from unifiedml_tensorflow._import import kernel, tf

Tensor = Any

_identity = kernel(tf.raw_ops.Identity)

# TensorFlow's tensors keep no history: the frontend keeps it in tapes.
engine = None

stop_gradient = kernel(tf.raw_ops.StopGradient)


def custom_gradient(
    values: Sequence[Tensor], inputs: Sequence[Tensor], pull: Callable[..., Any], /
) -> Sequence[Tensor]:
    def pulled(*given: Any) -> Any:
        return pull(*map(_dense, given))

    rule = tf.custom_gradient(lambda *_: (list(values), pulled))
    return tuple(rule(*inputs))


def _dense(gradient: Any) -> Any:
    """Return a gradient as a tensor: that of a gather arrives as tf.IndexedSlices."""
    sparse = isinstance(gradient, tf.IndexedSlices)
    return tf.convert_to_tensor(gradient) if sparse else gradient


_entered: ContextVar[tuple[Tape, ...]] = ContextVar(
    "unifiedml_tensorflow_tapes", default=()
)


@contextmanager
def paused() -> Iterator[None]:
    tapes = _entered.get()
    token = _entered.set(())
    try:
        with ExitStack() as stack:
            for one in tapes:
                # One that is not persistent stops for good when it is used.
                if one._tape._recording:
                    stack.enter_context(one._tape.stop_recording())
            yield
    finally:
        _entered.reset(token)


class Tape:
    """A `tf.GradientTape` that watches copies, so that closures see constants."""

    def __init__(self, persistent: bool) -> None:
        self._tape = tf.GradientTape(
            persistent=persistent, watch_accessed_variables=False
        )

    def __enter__(self) -> Tape:
        self._tape.__enter__()
        self._token = _entered.set((*_entered.get(), self))
        return self

    def __exit__(self, *exception: object) -> None:
        _entered.reset(self._token)
        self._tape.__exit__(*(exception or (None, None, None)))

    def watch(self, x: Tensor, /) -> Tensor:
        copied = _identity(x)
        self._tape.watch(copied)
        return copied

    def gradient(
        self,
        outputs: Sequence[Tensor],
        inputs: Sequence[Tensor],
        cotangents: Sequence[Tensor],
    ) -> list[Tensor | None]:
        found = self._tape.gradient(list(outputs), list(inputs), list(cotangents))
        return [*map(_dense, found)]


tape = Tape
