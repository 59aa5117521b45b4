"""Gradients of order 2, and numeric ones to hold them against.

For a function ``f``, a random cotangent ``c`` and random directions ``v`` of its
arguments ``x``, the scalar ``h(x, c) = Σ v · ∂/∂x Σ c · f(x)`` is a first gradient
times ``v``. Its own gradient by ``x`` is the product of the Hessian with ``v``; its
gradient by ``c`` is the product of the Jacobian with ``v``, which is not zero where
``f`` is linear, so it sees a derivative that was computed but not recorded.

The oracle owes nothing to a framework's second derivatives. The Hessian is symmetric,
so its product with ``v`` is the derivative of the first gradient *along* ``v``: a few
first gradients in double precision, at ``x ± t·v``, give all of its elements. They and
the values, whose derivative along ``v`` is the other half, are the first backend's;
both have oracles of their own in `Line.check_gradients` and `Line.check_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._tensor import Tensor
from unifiedml.testing._gradients import random_cotangent
from unifiedml.testing._parity import Place, tensor_leaves, tensors, total
from unifiedml.testing._rounding import Terms, float64, magnitude
from unifiedml.tolerance import bound, eps

__all__ = ["SecondOrder", "directions_of"]

Array = npt.NDArray[Any]

_LEVELS: Final = 6
_FIRST: Final = 2.0**-5  # what is drawn as smooth is at least 1/9 away from a kink
_PATTERNS: Final = 4


def directions_of(args: Sequence[Any], argnums: Sequence[int]) -> list[Array]:
    """Return a random direction for each argument, in proportion to its elements.

    Where an argument moves by a small part of itself, a smooth function stays smooth.
    """
    found = []
    for seed, number in enumerate(argnums):
        x = args[number]
        size = magnitude(x)
        step = np.minimum(1, np.where(size == 0, 1, size)) / 2
        kind = "complex128" if np.iscomplexobj(x) else "float64"
        v = random_cotangent(x.shape, kind, seed + 1) * step
        found.append(np.asarray(v).astype(x.dtype))
    return found


@dataclass(frozen=True, slots=True)
class SecondOrder:
    """The gradients of ``h`` for one call of one function.

    Attributes:
        function: ``f``.
        args: All of its arguments.
        argnums: Those that it is differentiated by.
        cotangents: ``c``, one for each result that has gradients.
        directions: ``v``, one for each of ``argnums``.
    """

    function: Callable[..., Any]
    args: Sequence[Any]
    argnums: Sequence[int]
    cotangents: Sequence[Array]
    directions: Sequence[Array]

    def at(self, place: Place) -> list[Array]:
        """Return the gradient of ``h`` by each ``x``, then by each ``c``."""
        count = len(self.argnums)
        with place.here():
            vs = tensors(self.directions, place)

            def slope(*operands: Any) -> Tensor:
                xs, cs = operands[:count], operands[count:]

                def weighted(*xs: Any) -> Tensor:
                    return total(tensor_leaves(self._call(place, xs)), cs)

                found = um.grad(weighted, tuple(range(count)))(*xs)
                return total(found, [_conj(v) for v in vs])

            operands = [
                *tensors([self.args[n] for n in self.argnums], place),
                *tensors(self.cotangents, place),
            ]
            gradients = um.grad(slope, tuple(range(len(operands))))(*operands)
            return [gradient.numpy() for gradient in gradients]

    def numeric(self, place: Place) -> list[tuple[Array, Array]]:
        """Return what `at` should give, and how far that may be off."""
        wide = self._wide()
        limits: list[_Limit] = []
        step = _FIRST
        for _ in range(_LEVELS):
            upper, lower = wide._moved(place, step), wide._moved(place, -step)
            limits = limits or [_Limit(_largest(wide.cotangents)) for _ in upper]
            for one, above, below in zip(limits, upper, lower, strict=True):
                one.add(above, below, step)
            step /= 2
        return [(one.value, one.error) for one in limits]

    def rounding(self, place: Place) -> list[Terms]:
        """Return how far each gradient of `at` may be off, relative to its scale.

        The scale is the largest element for a few patterns of signs of ``c`` and ``v``,
        one of them with equal signs of ``c``: the terms that cancel for one of them do
        not for another.
        """
        least = _largest(self.cotangents) * _largest(self.directions)
        rows = [[least] * (len(self.argnums) + len(self.cotangents))]
        wide = self._wide()
        for seed in range(_PATTERNS):
            random = np.random.Generator(np.random.Philox(seed))
            other = replace(
                wide,
                cotangents=[
                    _signed(c, random) if seed else np.asarray(np.abs(c))
                    for c in wide.cotangents
                ],
                directions=[_signed(v, random) for v in wide.directions],
            )
            rows.append([_largest([one]) for one in other.at(place)])
        return [
            [("second_order", {"scale": max(sizes)})]
            for sizes in zip(*rows, strict=True)
        ]

    def _wide(self) -> SecondOrder:
        """Return the same call in double precision."""
        return replace(
            self,
            args=[float64(arg) for arg in self.args],
            cotangents=[float64(c) for c in self.cotangents],
            directions=[float64(v) for v in self.directions],
        )

    def _call(self, place: Place, xs: Sequence[Any]) -> Any:
        args = tensors(self.args, place)
        for number, x in zip(self.argnums, xs, strict=True):
            args[number] = x
        return self.function(*args)

    def _moved(self, place: Place, step: float) -> list[Array]:
        """Return the first gradients and the values at ``x + step · v``."""
        with place.here():
            moved = [
                np.asarray(self.args[n] + step * v)
                for n, v in zip(self.argnums, self.directions, strict=True)
            ]
            cs = tensors(self.cotangents, place)

            def weighted(*xs: Any) -> tuple[Tensor, list[Tensor]]:
                leaves = list(tensor_leaves(self._call(place, xs)))
                kept = [one for one in leaves if one.dtype.is_differentiable]
                return total(leaves, cs), kept

            numbers = tuple(range(len(moved)))
            gradients, values = um.grad(weighted, numbers, has_aux=True)(
                *tensors(moved, place)
            )
            # The gradient of real(c·z) by c is the conjugate of z.
            return [
                *(one.numpy() for one in gradients),
                *(np.conj(one.numpy()) for one in values),
            ]


class _Limit:
    """Differences of one array along a line, extrapolated to a step of 0 (Richardson).

    `numeric_vjp` explains the method. Each element keeps the extrapolation of the
    least estimated error.

    Args:
        least: The magnitude of what was added up and may have cancelled.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self.value: Array = np.zeros(())
        self.error: Array = np.asarray(np.inf)
        self._previous: list[Array] = []

    def add(self, upper: Array, lower: Array, step: float) -> None:
        """Take the values at ``step`` and ``-step`` into account."""
        # What was computed in less than double precision says so by its data type.
        unit = eps(upper.dtype)
        upper, lower = float64(upper), float64(lower)
        scale = self._least + _largest([upper]) + _largest([lower])
        family = bound("network", "float64", scale=scale, pair=False)
        rounding = float(family) * (unit / eps("float64")) / step
        current = [np.asarray((upper - lower) / (2 * step))]
        self._keep(current[0], magnitude(current[0]) + rounding)
        for order, coarse in enumerate(self._previous, start=1):
            fine = current[-1]
            current.append(np.asarray(fine + (fine - coarse) / (4.0**order - 1)))
            change = np.maximum(abs(current[-1] - fine), abs(current[-1] - coarse))
            self._keep(current[-1], change + rounding)
        self._previous = current

    def _keep(self, value: Array, error: Array) -> None:
        better = error < self.error
        self.value = np.where(better, value, self.value)
        self.error = np.where(better, error, self.error)


def _largest(arrays: Sequence[Array]) -> float:
    return max((float(np.max(magnitude(x), initial=0)) for x in arrays), default=0.0)


def _signed(x: Array, random: np.random.Generator) -> Array:
    return np.asarray(x * random.choice([-1.0, 1.0], x.shape))


def _conj(x: Tensor) -> Tensor:
    return um.conj(x) if x.dtype.kind == "complex" else x
