"""Running a row: on every device of every backend, in every data type it is for."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml._dtypes import DTYPES, as_dtype
from unifiedml._tensor import Tensor
from unifiedml.contract._literal import NAMES, parse
from unifiedml.contract._row import Row
from unifiedml.testing import _parity
from unifiedml.testing._compare import assert_close

__all__ = ["check"]

Array = npt.NDArray[Any]

_COTANGENT: Final = 3.0
"""Not one, so that a gradient that forgets its cotangent is seen."""

# What a row may raise where its outcome is open: anything, but not a crash.
_OPEN: Final = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def check(row: Row, backends: Iterable[str], traced: bool, compiler: bool) -> None:
    """Check a row; see `Row.check`."""
    messages: dict[str, str] = {}
    for place in _parity.places(tuple(backends) or None):
        if traced and row.raises is not None and place.device != "cpu":
            # Programs look at no values there, and some kernels end the process.
            continue
        for dtype in row.runs:
            where = f"{row} [{dtype}, {place}{', as a program' * traced}]"
            run = _Run(row, place, dtype, traced, compiler)
            message = _checked(row, run, where)
            if message is not None:
                messages.setdefault(dtype, message)
                if messages[dtype] != message:
                    raise AssertionError(
                        f"{where} says\n  {message}\ninstead of\n  {messages[dtype]}"
                    )


def _checked(row: Row, run: _Run, where: str) -> str | None:
    """Check one run; return the message of an expected exception."""
    measured = row.deviation.get(run.place.backend)
    try:
        message = run.check()
    except AssertionError as error:
        if measured is None:
            raise AssertionError(f"{where}\n{error}") from error
        return None
    if measured is not None:
        raise AssertionError(f"{where}: no longer deviates ({measured})")
    return message


class _Run:
    """One row on one device of one backend in one data type."""

    def __init__(
        self,
        row: Row,
        place: _parity.Place,
        dtype: str,
        traced: bool,
        compiler: bool,
    ) -> None:
        self.row = row
        self.place = place
        self.dtype = dtype
        self.traced = traced
        self.compiler = compiler

    def check(self) -> str | None:
        row = self.row
        with self.place.here():
            um.random.seed(0)
            if self.traced and row.eager:
                self._refused()
                return None
            if row.raises is not None:
                return self._raised(row.raises)
            if row.unspecified:
                self._survived()
            if row.equals is not None:
                self._equal(row.equals)
            if row.value is not None:
                self._valued(row.value)
            if row.gradient:
                found = self._run(
                    lambda operands: self._gradients(operands, row.gradient)
                )
                self._differentiated(found, row.gradient, "gradient", _COTANGENT)
            if row.second:
                found = self._run(self._second)
                self._differentiated(found, row.second, "second", _COTANGENT**2)
        return None

    # --- running it ---

    def _operands(self) -> dict[str, Tensor]:
        return {name: self._tensor(text) for name, text in self.row.operands.items()}

    def _tensor(self, text: str) -> Tensor:
        values, dtype = parse(text, self.dtype)
        with np.errstate(over="ignore"):
            array = values.astype(DTYPES[dtype].numpy)
        return um.asarray(array)

    def _run(self, function: Callable[[dict[str, Tensor]], Any]) -> Any:
        """Return what a function of the operands gives, as a program if that is due."""
        if self.traced:
            function = um.jit(function, compiler=self.compiler)
        return function(self._operands())

    def _result(self, operands: Mapping[str, Tensor]) -> Any:
        names: dict[str, Any] = {**NAMES, "um": um, **operands}
        names["dtype"] = getattr(um, self.dtype)
        # The rows are the package's own data, never a user's.
        exec(self.row.setup, names)
        return eval(self.row.call, names)

    # --- what came out ---

    def _raised(self, name: str) -> str:
        wanted = _exception(name)
        try:
            result = self._run(self._result)
        except wanted as error:
            if isinstance(error, um.BackendError) and wanted is not type(error):
                raise AssertionError(f"the backend's own error: {error}") from error
            return _parity.comparable_message(error)
        except _OPEN as error:
            raise AssertionError(f"raised {error!r}, not {name}") from error
        raise AssertionError(f"returned {result!r}, where {name} is due")

    def _refused(self) -> None:
        try:
            result = self._run(self._result)
        except (um.TracedStateError, um.TracedValueError):
            return
        raise AssertionError(f"returned {result!r}: no longer refused")

    def _survived(self) -> None:
        try:
            result = self._run(self._result)
            for _ in _parity.leaves(result):
                pass
        except _OPEN:
            return

    def _equal(self, expression: str) -> None:
        result = self._run(self._result)
        wanted = eval(expression, {**NAMES, "um": um})
        if type(result) is not type(wanted) or result != wanted:
            raise AssertionError(f"returned {result!r}, not {wanted!r}")

    def _valued(self, value: str | tuple[str, ...]) -> None:
        result = dict(_parity.leaves(self._run(self._result)))
        wanted = (value,) if isinstance(value, str) else value
        if len(result) != len(wanted):
            raise AssertionError(f"returned {len(result)} arrays, not {len(wanted)}")
        for (path, actual), text in zip(result.items(), wanted, strict=True):
            self._close(actual, text, f"result{path}")

    def _close(self, actual: Array, text: str, name: str) -> None:
        row = self.row
        expected, dtype = parse(text, self.dtype)
        if row.family == "exact":
            with np.errstate(over="ignore"):
                expected = expected.astype(DTYPES[dtype].numpy)
        assert_close(
            actual,
            expected,
            family=row.family,
            length=row.length,
            condition=row.condition,
            pair=False,
            device=self.place.device,
            dtype=dtype,
            name=name,
        )
        if row.signed_zeros:
            zero = np.asarray(expected) == 0
            if (np.signbit(actual) != np.signbit(expected))[zero].any():
                raise AssertionError(f"{name}: {actual} has zeros of another sign")

    # --- gradients ---

    def _gradients(
        self, operands: Mapping[str, Tensor], names: Iterable[str]
    ) -> dict[str, Tensor]:
        """Return the gradients for the operands named, for 3 times the cotangent."""
        chosen = tuple(names)

        def scalar(*values: Tensor) -> Tensor:
            result = self._result(
                {**operands, **dict(zip(chosen, values, strict=True))}
            )
            given = self.row.cotangent
            weights = um.ones_like(result) if given is None else self._tensor(given)
            return um.sum(um.real(result * um.conj(weights * _COTANGENT)))

        places = tuple(range(len(chosen)))
        found = um.grad(scalar, places)(*(operands[name] for name in chosen))
        return dict(zip(chosen, found, strict=True))

    def _second(self, operands: Mapping[str, Tensor]) -> dict[str, Tensor]:
        chosen = tuple(self.row.second)

        def slope(*values: Tensor) -> Tensor:
            moved = {**operands, **dict(zip(chosen, values, strict=True))}
            total = um.zeros((), dtype=values[0].dtype)
            for gradient in self._gradients(moved, chosen).values():
                total = total + um.sum(gradient) * _COTANGENT
            return total

        places = tuple(range(len(chosen)))
        found = um.grad(slope, places)(*(operands[name] for name in chosen))
        return dict(zip(chosen, found, strict=True))

    def _differentiated(
        self,
        found: Mapping[str, Tensor],
        wanted: Mapping[str, str],
        title: str,
        factor: float,
    ) -> None:
        for name, text in wanted.items():
            expected, dtype = parse(text, self.dtype)
            exact = np.asarray(expected * factor)
            actual = found[name].numpy()
            if as_dtype(actual.dtype).kind not in ("float", "complex"):
                raise AssertionError(f"{title} for {name} has dtype {actual.dtype}")
            magnitude = np.abs(exact)
            scale = np.where(np.isfinite(magnitude), magnitude, 0) + factor
            assert_close(
                actual,
                exact,
                family="elementwise_gradient",
                scale=scale * self.row.length,
                pair=False,
                device=self.place.device,
                dtype=dtype,
                name=f"{title} for {name}",
            )


def _exception(name: str) -> type[Exception]:
    for home in (builtins, np.exceptions, np.linalg, um):
        found = getattr(home, name, None)
        if isinstance(found, type) and issubclass(found, Exception):
            return found
    raise ValueError(f"there is no exception {name!r}")
