"""Control flow on lists of tensors, with gradients.

The gradient of a choice is the choice between gradients, and that of a scan is a scan
the other way: so each rule is written in the terms of what it is the rule of, and holds
for gradients of every order. What happens inside is computed again on the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from unifiedml._backend.protocol import Native
from unifiedml._backend.registry import LoadedBackend
from unifiedml._imperative import no_grad
from unifiedml._tensor import Tensor
from unifiedml.autodiff._call import Call
from unifiedml.autodiff._custom import has_gradient, ruled
from unifiedml.ops.creation import zeros_like

__all__ = ["chosen", "repeated", "scanned"]

Tensors: TypeAlias = list[Tensor]
Function: TypeAlias = Callable[[Tensors], Tensors]
Step: TypeAlias = Callable[[Tensors, Tensors, Tensors], tuple[Tensors, Tensors]]
"""From carry, slices and constants to the next carry and results."""


def _tensors(natives: Sequence[Native], backend: LoadedBackend) -> Tensors:
    return [Tensor(native, backend) for native in natives]


def _natives(tensors: Sequence[Tensor]) -> list[Native]:
    return [x._native for x in tensors]


def _smooth(tensors: Sequence[Tensor]) -> Tensors:
    return [x for x in tensors if has_gradient(x)]


def _replaced(tensors: Sequence[Tensor], smooth: Sequence[Tensor]) -> Tensors:
    """Return ``tensors`` with others in place of those that have gradients."""
    others = iter(smooth)
    return [next(others) if has_gradient(x) else x for x in tensors]


def _with_rule(
    inputs: Tensors,
    compute: Function,
    pull: Callable[[Tensors, Tensors], Tensors],
    smooth_results: bool = True,
) -> Tensors:
    """Return what ``compute`` returns, with a gradient.

    Args:
        inputs: What it is called with.
        compute: The function.
        pull: Returns the gradients by the inputs that have some, of the inputs and the
            cotangents of the results that have some.
        smooth_results: Whether there are such results.
    """
    smooth = _smooth(inputs)
    if not smooth or not smooth_results:
        return compute(inputs)
    backend = inputs[0]._backend
    results: Tensors = []

    def run(natives: Sequence[Native]) -> tuple[list[Native], Any]:
        given = _replaced(inputs, _tensors(natives, backend))
        with no_grad():
            results[:] = compute(given)
        return _natives(_smooth(results)), lambda cotangents: pull(given, cotangents)

    found = ruled(smooth, run)
    return _replaced(results, found)


def chosen(
    condition: Tensor,
    true: Function,
    false: Function,
    inputs: Tensors,
    smooth_results: bool = True,
) -> Tensors:
    """Return what one of two functions returns, whose results are of the same kinds."""
    backend = condition._backend

    def opened(function: Function) -> Callable[..., list[Native]]:
        return lambda *natives: _natives(function(_tensors(natives, backend)))

    def compute(given: Tensors) -> Tensors:
        found = backend.ops.cond(
            condition._native, opened(true), opened(false), _natives(given)
        )
        return _tensors(found, backend)

    def pull(given: Tensors, cotangents: Tensors) -> Tensors:
        count = len(given)

        def pulling(function: Function) -> Function:
            return lambda both: _pulled(function, both[:count], both[count:])

        return chosen(condition, pulling(true), pulling(false), [*given, *cotangents])

    return _with_rule(inputs, compute, pull, smooth_results)


def _pulled(function: Function, inputs: Tensors, cotangents: Tensors) -> Tensors:
    """Return the gradients by the inputs that have some."""
    call = Call(
        lambda smooth: _smooth(function(_replaced(inputs, smooth))),
        [_smooth(inputs)],
        {},
        [0],
    )
    return call.pull(call.outputs, cotangents)


def repeated(
    condition: Callable[[Tensors], Tensor],
    body: Function,
    state: Tensors,
    constants: Tensors,
    pull: Callable[[Tensors, Tensors], Tensors],
    smooth_results: bool,
) -> Tensors:
    """Return the state that ``body`` leads to, while ``condition`` holds.

    Args:
        condition: A function of the state and the constants.
        body: Returns the next state.
        state: Where it begins.
        constants: What stays the same.
        pull: The rule of its gradient; see `_with_rule`.
        smooth_results: Whether any of the state has a gradient.
    """
    backend, count = state[0]._backend, len(state)

    def compute(given: Tensors) -> Tensors:
        found = backend.ops.while_loop(
            lambda *natives: condition(_tensors(natives, backend))._native,
            lambda *natives: _natives(body(_tensors(natives, backend))),
            _natives(given[:count]),
            _natives(given[count:]),
        )
        return _tensors(found, backend)

    return _with_rule([*state, *constants], compute, pull, smooth_results)


def scanned(
    step: Step,
    carry: Tensors,
    slices: Tensors,
    constants: Tensors,
    length: int,
    reverse: bool,
    backend: LoadedBackend,
    smooth_results: bool = True,
) -> tuple[Tensors, Tensors]:
    """Return the last carry and the results of all steps, one behind the other.

    Args:
        step: What is done ``length`` times.
        carry: What the first step is given.
        slices: What each step is given a slice of, along the first dimension.
        constants: What all steps are given.
        length: How many steps there are, at least one.
        reverse: Whether the last slice comes first.
        backend: Where all of this is.
        smooth_results: Whether any carry or result has a gradient.
    """
    first, second = len(carry), len(carry) + len(slices)

    def parted(values: Sequence[Any]) -> tuple[Any, Any, Any]:
        return values[:first], values[first:second], values[second:]

    def step_natives(*natives: Native) -> tuple[list[Native], list[Native]]:
        new, results = step(*parted(_tensors(natives, backend)))
        return _natives(new), _natives(results)

    def compute(given: Tensors) -> Tensors:
        c, x, k = (_natives(part) for part in parted(given))
        found = backend.ops.scan(step_natives, c, x, k, length, reverse)
        return [x for part in found for x in _tensors(part, backend)]

    def pull(given: Tensors, cotangents: Tensors) -> Tensors:
        return _scan_back(step, *parted(given), cotangents, length, reverse, backend)

    inputs = [*carry, *slices, *constants]
    found = _with_rule(inputs, compute, pull, smooth_results)
    return found[:first], found[first:]


def _scan_back(
    step: Step,
    carry: Tensors,
    slices: Tensors,
    constants: Tensors,
    cotangents: Tensors,
    length: int,
    reverse: bool,
    backend: LoadedBackend,
) -> Tensors:
    """Return the gradients of a scan by carry, slices and constants.

    First the carry before each step is computed once more, then each step is gone
    through backwards, the last one first.
    """

    def keeping(c: Tensors, x: Tensors, k: Tensors) -> tuple[Tensors, Tensors]:
        new, _ = step(c, x, k)
        return new, c

    befores: Tensors = []
    if carry:
        _, befores = scanned(
            keeping,
            carry,
            slices,
            constants,
            length,
            reverse,
            backend,
            bool(_smooth(carry)),
        )
    count, moving = len(carry), len(slices)
    smooth_carry, smooth_slices = len(_smooth(carry)), len(_smooth(slices))

    def back(c: Tensors, x: Tensors, k: Tensors) -> tuple[Tensors, Tensors]:
        before, here = x[:count], x[count : count + moving]
        inputs = [*before, *here, *k]

        def stepped(inputs: Tensors) -> Tensors:
            new, results = step(
                inputs[:count],
                inputs[count : count + moving],
                inputs[count + moving :],
            )
            return [*new, *results]

        given = [*c[:smooth_carry], *x[count + moving :]]
        found = _pulled(stepped, inputs, given)
        own, rest = found[:smooth_carry], found[smooth_carry:]
        by_slices, by_constants = rest[:smooth_slices], rest[smooth_slices:]
        added = [
            total + one
            for total, one in zip(c[smooth_carry:], by_constants, strict=True)
        ]
        return [*own, *added], by_slices

    first = [*cotangents[:smooth_carry], *map(zeros_like, _smooth(constants))]
    given = [*befores, *slices, *cotangents[smooth_carry:]]
    last, by_slices = scanned(
        back, first, given, constants, length, not reverse, backend
    )
    return [*last[:smooth_carry], *by_slices, *last[smooth_carry:]]
