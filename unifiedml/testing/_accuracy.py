"""Measured accuracy: the worst error of each operation, by data type and backend.

Nothing is drawn or computed here that the lines of the parity table do not draw and
compute; `measure` looks at their comparisons instead of judging them. So an operation
that gets a line is measured with no further word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from unifiedml import tolerance
from unifiedml._dtypes import as_dtype, finfo
from unifiedml.testing import _parity
from unifiedml.testing._line import Comparison, Line, judged_by

__all__ = ["Kind", "Measured", "Worst", "extended", "measure"]

Array = npt.NDArray[Any]
Kind = Literal["values", "gradients"]


@dataclass
class Worst:
    """The worst error of one operation in one data type on one backend.

    Attributes:
        error: In units of ``eps · scale``; what may underflow is taken off first.
        share: Of the bound: 1 would be all that the tolerance model allows.
        elements: How many numbers were compared.
    """

    error: float = 0.0
    share: float = 0.0
    elements: int = 0


@dataclass
class Measured:
    """What was measured of one line.

    Attributes:
        family: The families whose bounds apply.
        worst: By data type and backend.
    """

    family: set[str] = field(default_factory=set)
    worst: dict[tuple[str, str], Worst] = field(default_factory=dict)

    def merge(self, other: Measured) -> None:
        """Take over what is worse in another measurement of the same line."""
        self.family |= other.family
        for place, one in other.worst.items():
            worst = self.worst.setdefault(place, Worst())
            worst.error = max(worst.error, one.error)
            worst.share = max(worst.share, one.share)
            worst.elements += one.elements

    def share(self) -> float:
        """Return the largest share of the bound that anything used."""
        return max((one.share for one in self.worst.values()), default=0.0)


def measure(
    line: Line,
    kind: Kind,
    backends: Iterable[str] | None = None,
    *,
    max_examples: int | None = None,
    oracle: Callable[..., Any] | None = None,
) -> Measured:
    """Return the worst errors in the calls that a line draws.

    Values are compared with the oracle in extended precision where NumPy has it. A
    gradient in double precision is as good as the numerical one it is compared with,
    so there the distance between two backends is measured.

    Args:
        line: Of the parity table.
        kind: Values or gradients.
        backends: Names; default: all that are installed.
        max_examples: How many calls; default: as Hypothesis's profile says.
        oracle: In place of the line's own.
    """
    found = Measured()
    exact = line.oracle if oracle is None else oracle
    if exact is not None and kind == "values":
        line = replace(line, oracle=extended(exact))
    check = line.check_values if kind == "values" else line.check_gradients
    with judged_by(partial(_note, found, kind)):
        check(backends, max_examples=max_examples)
    return found


def extended(oracle: Callable[..., Any]) -> Callable[..., Any]:
    """Return an oracle that computes in extended precision where it can.

    It falls back to the precision of its arguments where NumPy has no such function.
    """

    def exact(*args: Any, **kwargs: Any) -> Any:
        try:
            return oracle(*map(_extended, args), **kwargs)
        except (TypeError, ValueError, OverflowError, np.linalg.LinAlgError):
            return oracle(*args, **kwargs)

    return exact


def _extended(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_extended(one) for one in value)
    wide = {"float64": np.longdouble, "complex128": np.clongdouble}
    if isinstance(value, np.ndarray) and value.dtype.name in wide:
        return value.astype(wide[value.dtype.name])
    return value


def _note(found: Measured, kind: Kind, one: Comparison) -> None:
    """Keep the worst of one comparison."""
    dtype = as_dtype(one.actual.dtype)
    double = dtype.name in ("float64", "complex128")
    if not dtype.is_differentiable or one.pair != (kind == "gradients" and double):
        return
    found.family |= {family for family, _ in one.terms}
    place = (dtype.name, one.place.backend)
    worst = found.worst.setdefault(place, Worst())
    difference = _distance(one.actual, one.expected, finfo(dtype).max)
    difference = np.maximum(0, difference - np.asarray(one.error, dtype=np.float64))
    options: dict[str, Any] = {"pair": one.pair, "device": one.place.device}
    allowed = _parity.allowed(one.terms, dtype, **options)
    flushed = _parity.allowed(
        [(family, {**given, "scale": 0}) for family, given in one.terms],
        dtype,
        **options,
    )
    scale = np.asarray(sum(np.asarray(given["scale"]) for _, given in one.terms))
    with np.errstate(all="ignore"):
        excess = np.maximum(0, difference - flushed)
        errors = excess / (tolerance.eps(dtype) * scale)
        shares = excess / np.maximum(allowed - flushed, np.finfo(float).tiny)
    worst.elements += difference.size
    worst.error = max(worst.error, _largest(np.where(excess > 0, errors, 0)))
    worst.share = max(worst.share, _largest(np.where(excess > 0, shares, 0)))


def _distance(actual: Array, expected: Array, largest: float) -> Array:
    """Return the larger distance of the parts, 0 where either is not finite."""
    kind = np.clongdouble if np.iscomplexobj(expected) else np.longdouble
    with np.errstate(all="ignore"):
        apart = actual.astype(kind) - expected.astype(kind)
        size = np.maximum(np.abs(apart.real), np.abs(apart.imag))
        near = np.abs(expected.astype(kind)) > largest * 0.99
    return np.where(np.isfinite(size) & ~near, size, 0).astype(np.float64)


def _largest(x: Array) -> float:
    return float(np.max(x, initial=0.0))
