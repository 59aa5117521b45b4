"""Comparison of results by the tolerance model, with messages for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unifiedml import tolerance
from unifiedml._dtypes import as_dtype, finfo

__all__ = ["assert_close"]

Array = npt.NDArray[Any]
Magnitudes = npt.ArrayLike | Callable[[Array], npt.ArrayLike]


def assert_close(
    actual: Any,
    expected: Any,
    /,
    *,
    family: str = "transcendental",
    scale: Magnitudes | None = None,
    length: npt.ArrayLike = 1,
    condition: npt.ArrayLike = 0,
    inputs: tolerance.Inputs = "any",
    pair: bool = True,
    device: str = "cpu",
    dtype: tolerance.DTypeLike | None = None,
    gain: npt.ArrayLike = 1,
    oracle_error: npt.ArrayLike = 0,
    name: str = "",
) -> None:
    """Assert that two results agree within the tolerance model.

    They agree if they have the same structure, data types and shapes, NaN in the same
    places, equal infinities, and elsewhere values no farther apart than
    `unifiedml.tolerance.bound`. The sign of zero does not matter, subnormals may be
    zeros, and next to the largest number of the data type one result may have
    overflowed. Integers and bool must be equal.

    Args:
        actual: A tensor, an array, a Python number or None, or a nested list, tuple or
            dict of these. Tensors are converted with their method ``numpy``; lists and
            tuples are interchangeable.
        expected: The same, from another backend or from an oracle.
        family: The family of operations that computed the results, a key of
            `unifiedml.tolerance.FAMILIES`, which says what to give as ``scale``,
            ``length`` and ``condition``.
        scale: Magnitudes that the rounding errors are proportional to; a function
            computes them from ``|expected|`` for each array of a nest (``np.max``: one
            for the whole array). By default ``|expected|`` itself.
        length: How many terms the longest sum behind an element has.
        condition: Amplification of errors in the operands.
        inputs: ``"random"`` for operands drawn independently at random.
        pair: Whether ``expected`` was computed in the same data type, too. False if it
            is exact for this purpose.
        device: Where the less accurate of the two ran.
        dtype: The data type that ``actual`` must have, if ``expected`` is an oracle in
            another one, such as float64. By default that of ``expected``.
        gain: What an intermediate value that may underflow is multiplied by.
        oracle_error: What ``expected`` itself may be off by, such as the error
            estimate of `numeric_vjp`. It is added to the bound.
        name: What was compared, for the message.

    Raises:
        AssertionError: They do not agree. The message shows the worst element.

    Example:
        >>> import numpy as np
        >>> assert_close(np.exp(np.log([0.5, 3.0])), np.array([0.5, 3.0]))
        >>> assert_close(np.array([1.0, 2.5]), np.array([1.0, 2.0]), name="y")
        Traceback (most recent call last):
        ...
        AssertionError: y: 1 of 2 elements differ by more than rounding explains
          worst at [1]: actual 2.5, expected 2.0
          difference 0.5 is 7.04e+13 times the allowed 7.11e-15
          float64, family 'transcendental', two backends compared on cpu
    """
    __tracebackhide__ = True
    for path, one, other in _leaves(actual, expected, name):
        problem = _Comparison(path or "result", one, other, dtype).problem(
            family=family,
            scale=scale,
            oracle_error=oracle_error,
            length=length,
            condition=condition,
            inputs=inputs,
            pair=pair,
            device=device,
            gain=gain,
        )
        if problem:
            raise AssertionError(problem)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two arrays to be compared."""

    name: str
    actual: Array
    expected: Array
    dtype: tolerance.DTypeLike | None

    def problem(
        self,
        *,
        family: str,
        scale: Magnitudes | None,
        oracle_error: npt.ArrayLike,
        **options: Any,
    ) -> str | None:
        """Return why the arrays do not agree, or None if they do."""
        dtype = as_dtype(self.actual.dtype)
        wanted = as_dtype(self.expected.dtype if self.dtype is None else self.dtype)
        if dtype is not wanted:
            return f"{self.name}: data type {dtype.name}, expected {wanted.name}"
        if self.actual.shape != self.expected.shape:
            shapes = f"{self.actual.shape}, expected {self.expected.shape}"
            return f"{self.name}: shape {shapes}"
        if not dtype.is_differentiable:
            return self._unequal()
        if np.iscomplexobj(self.expected) and dtype.kind != "complex":
            return f"{self.name}: data type {dtype.name}, expected complex numbers"

        actual, expected = _wide(self.actual), _wide(self.expected)
        nan = np.isnan(expected)
        if (misplaced := np.isnan(actual) != nan).any():
            return self._misplaced_nan(misplaced)
        magnitude = np.where(nan, 0, np.minimum(np.abs(expected), finfo(dtype).max))
        if scale is None:
            scale = magnitude
        elif callable(scale):
            scale = scale(magnitude) if magnitude.size else 0
        allowed = tolerance.bound(family, dtype, scale=scale, **options)
        allowed = np.broadcast_to(allowed + np.asarray(oracle_error), actual.shape)
        differences = np.maximum(
            _differences(actual.real, expected.real, allowed, finfo(dtype).max),
            _differences(actual.imag, expected.imag, allowed, finfo(dtype).max),
        )
        context = (
            f"{dtype.name}, family {family!r}, "
            f"{'two backends' if options['pair'] else 'with an oracle'} compared "
            f"on {options['device']}"
        )
        return self._too_far(np.where(nan, 0, differences), allowed, context)

    def _unequal(self) -> str | None:
        wrong = self.actual != self.expected
        if not wrong.any():
            return None
        index = np.unravel_index(np.argmax(wrong), wrong.shape)
        return (
            f"{self.name}: {np.count_nonzero(wrong)} of {wrong.size} elements are not "
            f"equal\n  first {self._at(index)}\n  {self.actual.dtype.name} is exact"
        )

    def _misplaced_nan(self, wrong: Array) -> str:
        index = np.unravel_index(np.argmax(wrong), wrong.shape)
        return (
            f"{self.name}: {np.count_nonzero(wrong)} of {wrong.size} elements are NaN "
            f"in one result only\n  first {self._at(index)}"
        )

    def _too_far(self, difference: Array, allowed: Array, context: str) -> str | None:
        agrees = (difference == 0) | ((difference <= allowed) & np.isfinite(allowed))
        if agrees.all():
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(
                agrees, -1, np.nan_to_num(difference / allowed, nan=np.inf)
            )
        index = np.unravel_index(np.argmax(ratio), ratio.shape)
        worst, limit = difference[index], allowed[index]
        if np.isfinite(limit):
            verdict = f"is {ratio[index]:.3g} times the allowed {limit:.3g}"
        else:
            verdict = f"has the bound {limit}: give a finite scale and condition"
        return (
            f"{self.name}: {np.count_nonzero(~agrees)} of {agrees.size} elements "
            "differ by more than rounding explains\n"
            f"  worst {self._at(index)}\n"
            f"  difference {worst:.3g} {verdict}\n"
            f"  {context}"
        )

    def _at(self, index: tuple[Any, ...]) -> str:
        place = "[" + ", ".join(str(int(i)) for i in index) + "]"
        return (
            f"at {place}: actual {self.actual[index]}, expected {self.expected[index]}"
        )


def _differences(x: Array, y: Array, allowed: Array, largest: float) -> Array:
    """Return |x − y|, which is 0 for equal infinities and justified overflow."""
    near = largest - np.where(np.isfinite(allowed), allowed, 0)
    overflowed = (np.isinf(x) | np.isinf(y)) & (np.sign(x) == np.sign(y))
    with np.errstate(invalid="ignore", over="ignore"):
        justified = overflowed & (np.minimum(np.abs(x), np.abs(y)) >= near)
        difference: Array = np.where((x == y) | justified, 0, np.abs(x - y))
    return difference


def _wide(array: Array) -> Array:
    """Convert to at least double precision, where differences are nearly exact."""
    if array.dtype.kind in "fciu" and array.dtype.itemsize >= np.dtype("f8").itemsize:
        return array.astype(np.result_type(array.dtype, np.float64))
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _leaves(
    actual: Any, expected: Any, path: str
) -> Iterator[tuple[str, Array, Array]]:
    """Yield the path and both arrays of every leaf of two nests."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            keys = f"{sorted(map(str, actual))}, expected {sorted(map(str, expected))}"
            raise AssertionError(f"{path or 'result'}: keys {keys}")
        for key in expected:
            yield from _leaves(actual[key], expected[key], f"{path}[{key!r}]")
    elif isinstance(actual, list | tuple) and isinstance(expected, list | tuple):
        if len(actual) != len(expected):
            sizes = f"{len(actual)} items, expected {len(expected)}"
            raise AssertionError(f"{path or 'result'}: {sizes}")
        for index, pair in enumerate(zip(actual, expected, strict=True)):
            yield from _leaves(*pair, f"{path}[{index}]")
    elif actual is None and expected is None:
        return
    elif _is_leaf(actual) and _is_leaf(expected):
        yield path, _to_numpy(actual), _to_numpy(expected)
    else:
        kinds = f"{type(actual).__name__}, expected {type(expected).__name__}"
        raise AssertionError(f"{path or 'result'}: {kinds}")


def _is_leaf(value: Any) -> bool:
    numbers = (np.ndarray, np.generic, bool, int, float, complex)
    return isinstance(value, numbers) or callable(getattr(value, "numpy", None))


def _to_numpy(value: Any) -> Array:
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
