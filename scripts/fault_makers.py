"""How a right function becomes a wrong one: what the table in `faults` is made of."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from unifiedml._backend.registry import load

Wrong = Callable[[Any], Any]


@dataclass(frozen=True)
class Fault:
    """A wrong function.

    Attributes:
        name: What is wrong.
        where: ``"torch"`` or ``"tensorflow"`` (a member of the backend), or the dotted
            name of a module or class of the frontend.
        attribute: The function that is replaced.
        wrong: Makes the wrong one of the right one.
        lines: The lines of the parity table that concern it.
        points: The points of the contract (`tests/parity/test_contract_points.py`) that
            concern it.
    """

    name: str
    where: str
    attribute: str
    wrong: Wrong
    lines: tuple[str, ...]
    points: tuple[str, ...] = ()

    def owner(self) -> Any:
        """Return the object that holds the function."""
        if not self.where.startswith("unifiedml"):
            return load(self.where).ops
        module, _, inner = self.where.partition(":")
        found = importlib.import_module(module)
        return getattr(found, inner) if inner else found


def after(change: Callable[[Any], Any]) -> Wrong:
    """Return a fault that changes the result."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(right)
        def changed(*args: Any, **kwargs: Any) -> Any:
            return change(right(*args, **kwargs))

        return changed

    return wrong


def before(change: Callable[..., tuple[Any, ...]]) -> Wrong:
    """Return a fault that changes the positional arguments."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(right)
        def changed(*args: Any, **kwargs: Any) -> Any:
            return right(*change(*args), **kwargs)

        return changed

    return wrong


def options(**changes: Callable[[Any], Any]) -> Wrong:
    """Return a fault that changes keyword arguments."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(right)
        def changed(*args: Any, **kwargs: Any) -> Any:
            for name, change in changes.items():
                if name in kwargs:
                    kwargs[name] = change(kwargs[name])
            return right(*args, **kwargs)

        return changed

    return wrong


def instead(function: Callable[..., Any]) -> Wrong:
    """Return a fault that is another function."""
    return lambda right: function


def torch() -> Any:
    """Return the framework."""
    return importlib.import_module("torch")


def tf() -> Any:
    """Return the framework."""
    return importlib.import_module("tensorflow")


def straight_through(name: str) -> Wrong:
    """Return a fault with the right value and the identity as its derivative."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: x + (right(x) - x).detach() if name == "torch" else x

    return wrong


def scaled_gradient(factor: float) -> Wrong:
    """Return a fault with the right value and a gradient that is off by a factor."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any) -> Any:
            y = right(*args)
            return (
                y.detach() + (y - y.detach()) * factor if y.is_floating_point() else y
            )

        return changed

    return wrong


def self_update(change: Callable[[Any], None]) -> Wrong:
    """Return a fault of a method: its object is changed while it runs."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(right)
        def changed(self: Any, *args: Any) -> Any:
            kept = dict(vars(self))
            change(self)
            try:
                return right(self, *args)
            finally:
                vars(self).update(kept)

        return changed

    return wrong


def with_step(change: Callable[[Any, int], None], *, late: bool = False) -> Wrong:
    """Return a fault of an optimizer's rule, which may depend on the step.

    Args:
        change: Changes the optimizer, given the number of the step.
        late: Whether the rule is told that a million steps have passed.
    """

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        def changed(self: Any, g: Any, state: Any, w: Any, step: int) -> Any:
            kept = dict(vars(self))
            change(self, step)
            try:
                return right(self, g, state, w, 10**6 if late else step)
            finally:
                vars(self).update(kept)

        return changed

    return wrong


def zero_slots(name: str) -> Wrong:
    """Return a fault of an optimizer's rule: one of its slots is forgotten."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        def changed(self: Any, gradient: Any, state: Any, *others: Any) -> Any:
            state = {k: v * 0 if k == name else v for k, v in state.items()}
            return right(self, gradient, state, *others)

        return changed

    return wrong


def set_values(**values: Any) -> Callable[[Any], None]:
    """Return a change of an object's attributes."""
    return lambda one: vars(one).update(values)


def nearly(y: Any) -> Any:
    """Return a floating-point result with a relative error of 1e-4."""
    floating = getattr(
        y.dtype, "is_floating_point", getattr(y.dtype, "is_floating", False)
    )
    return y * 1.0001 if floating else y


def reversed_axes(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return the axes counted from the other end."""
    return tuple(sorted(ndim - 1 - axis for axis in axes))


def turned(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the inverse permutation."""
    return tuple(axes.index(place) for place in range(len(axes)))


def permuted_with_wrong_gradient(right: Callable[..., Any]) -> Callable[..., Any]:
    """Return the right permutation with the gradient of its inverse."""

    def changed(x: Any, axes: tuple[int, ...]) -> Any:
        y = right(x, axes)
        other = right(x, turned(axes))
        if other.shape != y.shape or not y.is_floating_point():
            return y
        return y.detach() + (other - other.detach())

    return changed


def shifted_labels(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Move each label to the next class."""
    return logits, (labels + 1) % logits.shape[-1]


def swapped(x: Any, y: Any) -> tuple[Any, Any]:
    """Swap two operands."""
    return y, x


def first_wins(right: Callable[..., Any]) -> Callable[..., Any]:
    """Return a maximum or minimum that gives the gradient of a tie to one operand."""
    return lambda x, y: torch().where(right(x, y) == x, x, y)


def one_of_the_largest(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Return a maximum that gives its gradient to one of the largest."""
    for axis in reversed(axes):
        x = torch().max(x, dim=axis, keepdim=keepdims).values
    return x


def last_index(right: Callable[..., Any]) -> Callable[..., Any]:
    """Return a search that finds the last of equals."""
    return lambda x, axis: x.shape[axis] - 1 - right(torch().flip(x, [axis]), axis)


def words_swapped(right: Callable[..., Any]) -> Callable[..., Any]:
    """Return a stream whose words are swapped in pairs."""

    def changed(*args: Any) -> Any:
        found = right(*args)
        even = found[: found.size // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
        return importlib.import_module("numpy").concatenate([even, found[even.size :]])

    return changed
