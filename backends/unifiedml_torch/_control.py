"""Control flow in programs: functions traced apart, which a program calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from unifiedml_torch._program import Control, _Writer, sources
from unifiedml_torch._tracing import Tracer, storage_of, tracing

__all__ = ["apart", "cond", "is_watched", "scan", "while_loop"]


@contextmanager
def _inner() -> Iterator[Tracer]:
    """Return a context whose calls are written down by themselves."""
    tracer = Tracer(outer=tracing.get())
    token = tracing.set(tracer)
    try:
        # Autograd sees a part as a whole.
        with _disable_current_modes(), torch.no_grad(), tracer:
            yield tracer
    finally:
        tracing.reset(token)


def apart(function: Callable[[], None], /) -> Sequence[Tensor]:
    with _inner() as tracer:
        function()
    return _captured(tracer)


def is_watched(x: Tensor, /) -> bool:
    return x.requires_grad


def _captured(tracer: Tracer) -> list[Tensor]:
    """Return what calls take of the program around."""
    outer = tracer.outer
    used = [x.tensor for x in tracer.constants.values()]
    return [x for x in used if x is not None and outer is not None and outer.knows(x)]


class _Part:
    """A function as a straight list of calls, with what it closes over.

    Attributes:
        captured: What it closes over of the program: further operands.
        run: The function of operands and these.
        sources: Its text, and those of what it may call.
    """

    def __init__(
        self, function: Callable[..., Sequence[Tensor]], operands: Sequence[Tensor]
    ) -> None:
        with _inner() as tracer:
            tracer.inputs += [tracer.given(x) for x in operands]
            given = {storage_of(x) for x in tracer.inputs}
            # What a part returns has memory of its own.
            outputs = [
                x.clone() if storage_of(x) in given or not tracer.makes(x) else x
                for x in function(*tracer.inputs)
            ]
        self.captured = _captured(tracer)
        tracer.inputs += self.captured
        source, self.run = _Writer(tracer.record(outputs)).written()
        self.sources = [source, *sources(tracer.calls)]


def _called(
    function: Callable[..., list[Tensor]],
    operands: Sequence[Tensor],
    parts: Sequence[_Part],
) -> list[Tensor]:
    """Call a function of parts, and make that a call of the program."""
    tracer = tracing.get()
    assert tracer is not None
    with _disable_current_modes(), torch.no_grad():
        results = function(*operands)
    texts = [text for part in parts for text in part.sources]
    control = Control(function.__name__, function, texts)
    tracer.note(control, list(operands), {}, results, pure=True)
    return results


def cond(
    condition: Tensor,
    true: Callable[..., Sequence[Tensor]],
    false: Callable[..., Sequence[Tensor]],
    operands: Sequence[Tensor],
    /,
) -> Sequence[Tensor]:
    operands = [x.detach() for x in operands]
    first, second = _Part(true, operands), _Part(false, operands)
    count, own = len(operands), len(first.captured)

    def cond(condition: Tensor, *given: Tensor) -> list[Tensor]:
        shared, rest = given[:count], given[count:]
        if condition:
            return list(first.run(*shared, *rest[:own]))
        return list(second.run(*shared, *rest[own:]))

    given = [condition, *operands, *first.captured, *second.captured]
    return _called(cond, given, [first, second])


def while_loop(
    condition: Callable[..., Tensor],
    body: Callable[..., Sequence[Tensor]],
    state: Sequence[Tensor],
    constants: Sequence[Tensor],
    /,
) -> Sequence[Tensor]:
    operands = [x.detach() for x in (*state, *constants)]
    first = _Part(lambda *given: [condition(*given)], operands)
    second = _Part(body, operands)
    moving, count, own = len(state), len(operands), len(first.captured)

    def while_loop(*given: Tensor) -> list[Tensor]:
        fixed, rest = given[moving:count], given[count:]
        now = [x.clone() for x in given[:moving]]
        while first.run(*now, *fixed, *rest[:own])[0]:
            now = second.run(*now, *fixed, *rest[own:])
        return now

    given = [*operands, *first.captured, *second.captured]
    return _called(while_loop, given, [first, second])


def scan(
    step: Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]],
    carry: Sequence[Tensor],
    slices: Sequence[Tensor],
    constants: Sequence[Tensor],
    length: int,
    reverse: bool,
    /,
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    operands = [x.detach() for x in (*carry, *slices, *constants)]
    moving, until = len(carry), len(carry) + len(slices)

    def both(*given: Tensor) -> list[Tensor]:
        new, results = step(*given)
        return [*new, *results]

    with _disable_current_modes():
        first = [x.select(0, 0) for x in operands[moving:until]]
    part = _Part(both, [*operands[:moving], *first, *operands[until:]])
    order = range(length)[::-1] if reverse else range(length)

    def scan(*given: Tensor) -> list[Tensor]:
        now, along, rest = given[:moving], given[moving:until], given[until:]
        # A loop over slices costs less than one that makes each of them.
        rows = [x.unbind(0) for x in along]
        made: list[Any] = [None] * length
        for number in order:
            found = part.run(*now, *(row[number] for row in rows), *rest)
            now, made[number] = found[:moving], found[moving:]
        columns = [torch.stack(column) for column in zip(*made, strict=True)]
        return [*now, *columns]

    found = _called(scan, [*operands, *part.captured], [part])
    return found[:moving], found[moving:]
