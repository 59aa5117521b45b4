"""`while_loop`: as long as a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from unifiedml._backend.registry import LoadedBackend, use_backend
from unifiedml._control._body import (
    Body,
    alone,
    as_leaf,
    check_alike,
    in_program,
    outline,
    states,
    write,
)
from unifiedml._control._cond import cond, is_condition
from unifiedml._control._primitives import chosen, repeated, scanned
from unifiedml._rules.options import positive_integer
from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, map_tree, rebuild, twins
from unifiedml.autodiff._call import Call
from unifiedml.autodiff._custom import has_gradient
from unifiedml.ops.conversion import asarray
from unifiedml.ops.logic import logical_and

__all__ = ["while_loop"]

S = TypeVar("S")
_UNLIKE = "the function of um.while_loop returns a state like the one it is given, of "
_UNLIKE += "the same structure, shapes and data types"


def while_loop(
    condition: Callable[[Any], Any],
    function: Callable[[Any], Any],
    state: S,
    /,
    *,
    max_steps: int | None = None,
) -> S:
    """Return the state that ``function`` leads to, while ``condition`` holds.

    In eager code this is Python's ``while``; inside `unifiedml.jit` the program decides
    after each step.

    Args:
        condition: Takes the state and returns a 0-d bool tensor, or a bool.
        function: Takes the state and returns the next one, of the same structure,
            shapes and data types.
        state: A tensor or number, or dicts, lists and tuples of them.
        max_steps: The most steps that are taken; None for any number. Gradients inside
            `unifiedml.jit` need it: their memory is that of so many states.

    Gradients and restrictions are those of `unifiedml.cond`. Inside `unifiedml.vmap`
    the loop goes on while the condition holds for any example, and the state of the
    others stays.

    Raises:
        TypeError: The condition is no 0-d bool, or the state changes its structure, a
            shape or a data type.
        ValueError: A gradient is taken in a program and ``max_steps`` is not given.
        TracedStateError: A function draws random numbers in a program.

    Example:
        >>> import unifiedml as um
        >>> double = um.jit(
        ...     lambda x: um.while_loop(lambda y: y < 100, lambda y: 2 * y, x)
        ... )
        >>> double(um.tensor(7)).item()
        112

    Reference:
        The interface is that of ``jax.lax.while_loop``, which has no gradients in
        reverse mode.
    """
    if max_steps is not None:
        positive_integer("max_steps", max_steps)
    backend = in_program()
    found: S
    if backend is None:
        found = _in_python(condition, function, state, max_steps)
        return found
    with use_backend(backend.name):
        found = _in_program(backend, condition, function, state, max_steps)
    return found


def _in_python(
    condition: Callable[[Any], Any],
    function: Callable[[Any], Any],
    state: Any,
    max_steps: int | None,
) -> Any:
    state = map_tree(as_leaf, state)
    shape, steps = outline(state), 0
    while max_steps is None or steps < max_steps:
        going = condition(state)
        is_condition("um.while_loop", going)
        if isinstance(going, Tensor) and going._backend.level:
            if not _any(going):
                break
            state = cond(going, function, lambda same: same, state)
        elif going:
            state = map_tree(as_leaf, function(twins(state)))
        else:
            break
        if not steps:
            check_alike(shape, outline(state), _UNLIKE)
        steps += 1
    return state


def _any(going: Tensor) -> bool:
    """Tell whether a condition holds for any example of `unifiedml.vmap`."""
    from unifiedml._backend.errors import TracedValueError
    from unifiedml.ops._known import known_values

    values = known_values(going)
    if values is None:
        raise TracedValueError("the condition of um.while_loop for each example")
    return bool(values.any())


def _in_program(
    backend: LoadedBackend,
    condition: Callable[[Any], Any],
    function: Callable[[Any], Any],
    state: Any,
    max_steps: int | None,
) -> Any:
    state = map_tree(as_leaf, state)
    given = alone([state])
    test = Body("um.while_loop", backend, condition, lambda: given)
    body = Body("um.while_loop", backend, function, lambda: given)
    check_alike(outline(state), body.result, _UNLIKE)
    if test.written:
        raise TypeError("the condition of um.while_loop writes to a parameter")
    parameters, written, carried, constants = states([test, body], backend)
    own = leaves(state)
    first = [*own, *carried]

    def holds(inputs: list[Tensor]) -> Tensor:
        natives = [x._native for x in inputs[len(own) :]]
        found, _ = test.run([rebuild(state, inputs)], parameters, natives, [])
        is_condition("um.while_loop", found)
        return asarray(found)

    def go_on(inputs: list[Tensor]) -> list[Tensor]:
        natives = [x._native for x in inputs[len(own) :]]
        found, after = body.run([rebuild(state, inputs)], parameters, natives, written)
        return [*leaves(found), *(Tensor(native, backend) for native in after)]

    smooth = any(map(has_gradient, first))
    found = _bounded(backend, holds, go_on, first, constants, max_steps, smooth)
    write(written, found[len(own) :])
    return rebuild(state, found)


def _bounded(
    backend: LoadedBackend,
    holds: Callable[[list[Tensor]], Tensor],
    go_on: Callable[[list[Tensor]], list[Tensor]],
    state: list[Tensor],
    constants: list[Tensor],
    max_steps: int | None,
    smooth: bool,
) -> list[Tensor]:
    """Return the last state; the gradient is that of a scan of `max_steps` steps."""
    count = len(state)

    def pull(inputs: list[Tensor], cotangents: list[Tensor]) -> list[Tensor]:
        if max_steps is None:
            raise ValueError(
                "a gradient of um.while_loop inside um.jit keeps the state of each "
                "step: say how many there are at most, max_steps=..."
            )
        places = [n for n, x in enumerate(inputs) if has_gradient(x)]

        def in_steps(chosen_: list[Tensor]) -> list[Tensor]:
            given = list(inputs)
            for place, x in zip(places, chosen_, strict=True):
                given[place] = x

            def step(
                carry: list[Tensor], _: list[Tensor], fixed: list[Tensor]
            ) -> tuple[list[Tensor], list[Tensor]]:
                both = [*carry, *fixed]
                return chosen(holds(both), go_on, lambda x: x[:count], both), []

            last, _ = scanned(
                step, given[:count], [], given[count:], max_steps, False, backend
            )
            return [x for x in last if has_gradient(x)]

        call = Call(in_steps, [[inputs[n] for n in places]], {}, [0])
        return call.pull(call.outputs, cotangents)

    if max_steps is None:
        return repeated(holds, go_on, state, constants, pull, smooth)

    # The number of steps left is one more part of the state.
    def counted_holds(inputs: list[Tensor]) -> Tensor:
        return logical_and(inputs[0] > 0, holds(inputs[1:]))

    def counted_go_on(inputs: list[Tensor]) -> list[Tensor]:
        return [inputs[0] - 1, *go_on(inputs[1:])]

    def counted_pull(inputs: list[Tensor], cotangents: list[Tensor]) -> list[Tensor]:
        return pull(inputs[1:], cotangents)

    left = asarray(max_steps, device=state[0].device)
    return repeated(
        counted_holds, counted_go_on, [left, *state], constants, counted_pull, smooth
    )[1:]
