"""`cond`: one of two functions."""

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
    is_operand,
    outline,
    states,
    write,
)
from unifiedml._control._primitives import chosen
from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, map_tree, rebuild, twins
from unifiedml.autodiff._custom import has_gradient
from unifiedml.ops._known import is_known
from unifiedml.ops.selection import where

__all__ = ["cond", "is_condition"]

R = TypeVar("R")
_UNLIKE = "the functions of um.cond return results of the same structure, shapes and "
_UNLIKE += "data types"


def cond(
    condition: Any,
    true_function: Callable[..., R],
    false_function: Callable[..., R],
    /,
    *operands: Any,
) -> R:
    """Return what one of two functions returns, as ``condition`` says.

    In eager code this is Python's ``if``. Inside `unifiedml.jit` the program decides at
    each run. Inside `unifiedml.vmap`, where the examples may decide otherwise, both
    functions run.

    Args:
        condition: A 0-d bool tensor, or a bool.
        true_function: What is called with the operands if it is true. It returns a
            tensor or number, or dicts, lists and tuples of them.
        false_function: What is called else, with a result like that.
        operands: Any arguments.

    Gradients of every order flow to the operands, and to the parameters that the
    functions read. They may write to parameters and buffers. In a program what happens
    inside is computed again on the way back, and the functions use no other tensors
    that gradients are taken by, draw no random numbers and take no steps of optimizers.

    Raises:
        TypeError: The condition is no 0-d bool; in a program: the results differ in
            structure, shape or data type, or a function closes over a tensor that
            gradients are taken by.
        TracedStateError: A function draws random numbers in a program.

    Example:
        >>> import unifiedml as um
        >>> f = um.jit(lambda x: um.cond(um.sum(x) > 0, um.sqrt, um.zeros_like, x))
        >>> f(um.tensor([4.0])).tolist(), f(um.tensor([-4.0])).tolist()
        ([2.0], [0.0])

    Reference:
        The interface is that of ``jax.lax.cond``.
    """
    is_condition("um.cond", condition)
    functions = true_function, false_function
    if not isinstance(condition, Tensor) or _is_known(condition):
        return functions[not condition](*twins(operands))
    backend = in_program()
    found: R
    if backend is None:
        found = _both(condition, functions, operands)
        return found
    with use_backend(backend.name):
        found = _in_program(backend, condition, functions, operands)
    return found


def is_condition(name: str, condition: Any) -> None:
    """Raise `TypeError` for what is no condition."""
    if isinstance(condition, Tensor):
        if condition.dtype.kind == "bool" and not condition.shape:
            return
        kind = f"{condition.dtype.name} of shape {condition.shape}"
    elif isinstance(condition, bool):
        return
    else:
        kind = type(condition).__name__
    raise TypeError(
        f"the condition of {name} is a bool or a 0-d bool tensor, not {kind}"
    )


def _is_known(condition: Tensor) -> bool:
    """Tell whether there is a value, and one for all examples of `unifiedml.vmap`."""
    return is_known(condition) and not condition._backend.level


Functions = tuple[Callable[..., Any], Callable[..., Any]]


def _both(condition: Tensor, functions: Functions, operands: tuple[Any, ...]) -> Any:
    found = [map_tree(as_leaf, one(*twins(operands))) for one in functions]
    check_alike(outline(found[0]), outline(found[1]), _UNLIKE)
    pairs = zip(leaves(found[0]), leaves(found[1]), strict=True)
    return rebuild(found[0], [where(condition, x, y) for x, y in pairs])


def _in_program(
    backend: LoadedBackend,
    condition: Tensor,
    functions: Functions,
    operands: tuple[Any, ...],
) -> Any:
    given = alone(operands)
    bodies = [
        Body("um.cond", backend, function, lambda: given) for function in functions
    ]
    true, false = bodies
    check_alike(true.result, false.result, _UNLIKE)
    parameters, written, carried, constants = states(bodies, backend)
    tensors = [x for x in leaves(operands) if is_operand(x)]

    def running(body: Body) -> Callable[[list[Tensor]], list[Tensor]]:
        def run(inputs: list[Tensor]) -> list[Tensor]:
            given = iter(inputs[: len(tensors)])
            arguments = map_tree(
                lambda x: next(given) if is_operand(x) else x, operands
            )
            natives = [x._native for x in inputs[len(tensors) :]]
            result, after = body.run(arguments, parameters, natives, written)
            return [*leaves(result), *(Tensor(native, backend) for native in after)]

        return run

    kinds = [one.spec.has_gradient for one in leaves(true.result)]
    found = chosen(
        condition,
        running(true),
        running(false),
        [*tensors, *carried, *constants],
        any(kinds) or any(map(has_gradient, written)),
    )
    write(written, found[len(kinds) :])
    return rebuild(true.result, found)
