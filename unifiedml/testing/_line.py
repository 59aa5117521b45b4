"""One line of the parity table: an operation, its arguments, rounding and oracle."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from unifiedml._backend.registry import load
from unifiedml._dtypes import as_dtype
from unifiedml.testing import _parity, _refusals
from unifiedml.testing._compare import assert_close
from unifiedml.testing._gradients import random_cotangent
from unifiedml.testing._parity import Outcome, Place
from unifiedml.testing._rounding import EXACT, Gradient, Rounding, Terms, float64
from unifiedml.testing._second import SecondOrder, directions_of

__all__ = ["Call", "Comparison", "Line", "judged_by"]

Array = npt.NDArray[Any]
Strategy: TypeAlias = Any  # of Hypothesis, which is not needed to import this


class Call:
    """The arguments of one call; its repr can be run."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # NumPy's functions of 0-d arrays return scalars, which are weak operands.
        self.args = tuple(
            np.asarray(arg) if isinstance(arg, np.generic) else arg for arg in args
        )
        self.kwargs = kwargs

    def __repr__(self) -> str:
        named = [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"Call({', '.join([*map(repr, self.args), *named])})"

    def substance(self) -> tuple[int, int]:
        """Return how many arrays have elements and dimensions, and how many options."""
        arrays = [arg for arg in self.args if isinstance(arg, np.ndarray)]
        return sum(bool(x.size and x.ndim) for x in arrays), len(self.kwargs)

    def float64(self) -> Call:
        """Return the same call with every floating-point array in double precision."""
        return Call(*map(float64, self.args), **self.kwargs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results that must agree, and what rounding explains of their difference.

    Attributes:
        actual: What a backend computed.
        expected: The same of another backend, or the oracle's.
        terms: The families of `unifiedml.tolerance` with their magnitudes.
        name: What is compared with what.
        place: Where ``actual`` was computed.
        error: How far ``expected`` may be from the exact result.
        pair: Whether ``expected`` is of another backend.
    """

    actual: Array
    expected: Array
    terms: Terms
    name: str
    place: Place
    error: npt.ArrayLike = 0
    pair: bool = False

    def judge(self) -> None:
        """Raise AssertionError if rounding does not explain the difference."""
        __tracebackhide__ = True
        dtype = as_dtype(self.actual.dtype)
        # In double precision the oracle rounds, too.
        pair = self.pair or dtype.name in ("float64", "complex128")
        options: dict[str, Any] = {"pair": pair, "device": self.place.device}
        first, *others = self.terms
        more = _parity.allowed(others, dtype, **options)
        assert_close(
            self.actual,
            self.expected,
            family=first[0],
            **first[1],
            **options,
            dtype=dtype,
            oracle_error=more + np.asarray(self.error),
            name=self.name,
        )


_judge: ContextVar[Callable[[Comparison], None]] = ContextVar(
    "judge", default=Comparison.judge
)


@contextmanager
def judged_by(judge: Callable[[Comparison], None]) -> Iterator[None]:
    """Have ``judge`` see the comparisons of all lines inside the ``with`` block.

    It takes the place of `Comparison.judge`, such as to measure differences instead.
    """
    token = _judge.set(judge)
    try:
        yield
    finally:
        _judge.reset(token)


@dataclass(frozen=True, slots=True)
class Line:
    """How one public name is compared.

    Attributes:
        name: The public name, without ``um.``.
        function: What is called. Arrays among its positional arguments are tensors of
            the backend in turn.
        calls: A Hypothesis strategy for `Call`: every data type, shape and edge value
            that the contract defines.
        rounding: How far correct results may be apart.
        oracle: The same function of NumPy arrays, called with double precision.
        smooth: A strategy for calls where the function is differentiable (kinks whose
            gradient the contract defines are compared point by point elsewhere).
            Without it, `no_gradient` says why.
        argnums: Which arguments to differentiate by.
        gradient: How far correct gradients may be apart.
        no_gradient: Why there is no gradient to compare.
        no_second: Why there is no gradient of order 2 to compare, where there is one
            of order 1.
    """

    name: str
    function: Callable[..., Any] = field(repr=False)
    calls: Strategy = field(repr=False)
    rounding: Rounding = field(default=EXACT, repr=False)
    oracle: Callable[..., Any] | None = field(default=None, repr=False)
    smooth: Strategy = field(default=None, repr=False)
    argnums: tuple[int, ...] = (0,)
    gradient: Gradient | None = field(default=None, repr=False)
    no_gradient: str = ""
    no_second: str = ""

    def __post_init__(self) -> None:
        if (self.smooth is None) == (not self.no_gradient):
            raise ValueError(f"{self.name}: give either `smooth` or `no_gradient`")

    def __str__(self) -> str:
        return self.name

    def check_values(
        self,
        backends: Iterable[str] | None = None,
        *,
        max_examples: int | None = None,
        seed: int | None = None,
    ) -> None:
        """Compare values, data types, shapes and errors for many drawn calls.

        Args:
            backends: Names; default: all that are installed.
            max_examples: How many calls; default: as Hypothesis's profile says.
            seed: Of the draws; default: as Hypothesis's profile says.

        Raises:
            AssertionError: Two backends disagree with each other, or with the oracle.
        """
        where = _parity.places(backends)
        seen: list[Outcome] = []
        check = partial(self._compare_values, where=where, seen=seen)
        _for_all(self.calls, check, max_examples, seed)
        if all(outcome.error is not None for outcome in seen):
            # Agreement on an error proves nothing where there is nothing else.
            raise AssertionError(f"{self.name}: every call {seen[0]}")

    def check_gradients(
        self,
        backends: Iterable[str] | None = None,
        *,
        max_examples: int | None = None,
        seed: int | None = None,
        traced: bool = False,
    ) -> None:
        """Compare first gradients for random cotangents, for many calls.

        Backends whose tape raises `NotImplementedError` have no gradients and are left
        out. Arguments and errors are those of `check_values`; with ``traced``, the
        gradients as programs are compared, too.
        """
        if self.smooth is None:
            return
        where = [one for one in _parity.places(backends) if has_gradients(one.backend)]
        if traced:
            where += [dataclasses.replace(one, traced=True) for one in where]
        check = partial(self._compare_gradients, where=where)
        _for_all(self.smooth, check, max_examples, seed)

    def check_errors(
        self, backends: Iterable[str] | None = None, *, max_examples: int = 8
    ) -> None:
        """Make wrong calls of a right one, and look at the errors.

        Each must be refused with a documented exception, the same on every backend,
        that names what is wrong: see `unifiedml.testing._wrong`.

        Args:
            backends: Names; default: all that are installed.
            max_examples: How many calls to choose the right one from: the one with
                most arrays that are neither empty nor 0-d.

        Raises:
            AssertionError: A wrong call is accepted, or its errors are no good.
        """
        where = _parity.places(backends)
        for call in self.drawn(max_examples):
            if _parity.evaluate(
                partial(self.function, **call.kwargs), call.args, where[0]
            ).error:
                continue
            found = _refusals.check(
                self.name, self.function, (call.args, call.kwargs), where
            )
            assert not found, f"{self.name}: {len(found)} faults\n" + "\n".join(found)
            return
        raise AssertionError(f"{self.name}: no call is right")

    def drawn(self, count: int) -> list[Call]:
        """Return so many calls, those with most arrays and options first."""
        hypothesis = importlib.import_module("hypothesis")
        found: list[Call] = []
        quick = hypothesis.settings(
            max_examples=count,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
            database=None,
        )

        def keep(call: Call) -> None:
            found.append(call)

        quick(hypothesis.given(self.calls)(keep))()
        return sorted(found, key=Call.substance, reverse=True)

    def check_second_gradients(
        self,
        backends: Iterable[str] | None = None,
        *,
        max_examples: int | None = None,
        seed: int | None = None,
    ) -> None:
        """Compare gradients of order 2 for random cotangents and directions.

        They are products of the Hessian and of the Jacobian with random vectors, held
        against each other and against numeric derivatives of first gradients in double
        precision; see `unifiedml.testing._second`. Arguments and errors are those of
        `check_gradients`.
        """
        if self.smooth is None or self.no_second:
            return
        where = [one for one in _parity.places(backends) if has_gradients(one.backend)]
        check = partial(self._compare_second, where=where)
        _for_all(self.smooth, check, max_examples, seed)

    # --- one call ---

    def _compare_values(
        self, call: Call, where: Sequence[Place], seen: list[Outcome]
    ) -> None:
        __tracebackhide__ = True
        function = partial(self.function, **call.kwargs)
        outcomes = [_parity.evaluate(function, call.args, one) for one in where]
        first = outcomes[0]
        for place, outcome in zip(where[1:], outcomes[1:], strict=True):
            _parity.assert_same_kind(first, where[0], outcome, place)
        seen.append(first)
        if first.error is not None:
            return
        wide = call.float64()
        exact = self._exact(wide, first)
        for path, reference in first.leaves.items():
            known = exact.get(path)
            terms = self.rounding(wide, float64(reference if known is None else known))
            for place, outcome in zip(where, outcomes, strict=True):
                actual = outcome.leaves[path]
                if known is not None:
                    _close(actual, known, terms, f"{place} against the oracle", place)
                if place is not where[0]:
                    title = f"{place} against {where[0]}"
                    _close(actual, reference, terms, title, place, pair=True)

    def _exact(self, wide: Call, first: Outcome) -> Mapping[str, Array]:
        """Return the oracle's results, where it has an answer."""
        if self.oracle is None:
            return {}
        with np.errstate(all="ignore"):
            return dict(_parity.leaves(self.oracle(*wide.args, **wide.kwargs)))

    def _cotangents(self, call: Call, place: Place) -> list[Array]:
        """Return a random cotangent of each result that has gradients."""
        function = partial(self.function, **call.kwargs)
        outcome = _parity.evaluate(function, call.args, place)
        if outcome.error is not None:
            raise AssertionError(f"{place} {outcome}")
        return [
            random_cotangent(leaf.shape, leaf.dtype, seed)
            for seed, leaf in enumerate(outcome.leaves.values())
            if as_dtype(leaf.dtype).is_differentiable
        ]

    def _compare_second(self, call: Call, where: Sequence[Place]) -> None:
        __tracebackhide__ = True
        if not where:
            return
        cotangents = self._cotangents(call, where[0])
        directions = directions_of(call.args, self.argnums)
        gradients = SecondOrder(
            partial(self.function, **call.kwargs),
            call.args,
            self.argnums,
            cotangents,
            directions,
        )
        names = [f"argument {n}" for n in self.argnums]
        names += [f"cotangent {n}" for n in range(len(cotangents))]
        found = [gradients.at(place) for place in where]
        with np.errstate(all="ignore"):
            exact = gradients.numeric(where[0])
            terms = gradients.rounding(where[0])
        for number, (value, error) in enumerate(exact):
            for place, second in zip(where, found, strict=True):
                title = f"order 2, by {names[number]}, of {place} against "
                actual, one = second[number], terms[number]
                _close(actual, value, one, f"{title}the oracle", place, error)
                if place is not where[0]:
                    reference, title = found[0][number], f"{title}{where[0]}"
                    _close(actual, reference, one, title, place, pair=True)

    def _compare_gradients(self, call: Call, where: Sequence[Place]) -> None:
        __tracebackhide__ = True
        if not where:
            return
        function = partial(self.function, **call.kwargs)
        cotangents = [float64(one) for one in self._cotangents(call, where[0])]
        found = [
            _parity.differentiate(function, call.args, self.argnums, one)
            for one in where
        ]
        wide = call.float64()
        oracle = None if self.oracle is None else partial(self.oracle, **call.kwargs)
        assert self.gradient is not None
        with np.errstate(all="ignore"):
            wanted = self.gradient(oracle, wide, cotangents, self.argnums, found[0])
        for number, (exact, error, terms) in enumerate(wanted):
            for place, gradients in zip(where, found, strict=True):
                title = f"gradient {self.argnums[number]} of {place} against "
                actual = gradients[number]
                if exact is not None:
                    _close(actual, exact, terms, f"{title}the oracle", place, error)
                if place is not where[0]:
                    reference, title = found[0][number], f"{title}{where[0]}"
                    _close(actual, reference, terms, title, place, pair=True)


def has_gradients(backend: str) -> bool:
    """Tell whether a backend computes gradients at all."""
    try:
        load(backend).ops.tape(False)
    except NotImplementedError:
        return False
    return True


def _for_all(
    calls: Strategy,
    check: Callable[[Call], None],
    max_examples: int | None,
    seed: int | None,
) -> None:
    hypothesis = importlib.import_module("hypothesis")

    def compare(call: Call) -> None:
        check(call)

    run = hypothesis.given(calls)(compare)
    if max_examples is not None:
        run = hypothesis.settings(max_examples=max_examples)(run)
    if seed is not None:
        run = hypothesis.seed(seed)(run)
    run()


def _close(
    actual: Array,
    expected: Array,
    terms: Terms,
    name: str,
    place: Place,
    error: npt.ArrayLike = 0,
    *,
    pair: bool = False,
) -> None:
    __tracebackhide__ = True
    dtype = as_dtype(actual.dtype)
    if not dtype.is_differentiable and not pair:
        # What the data type is, the backends say; the oracle says the value.
        expected = np.asarray(expected).astype(actual.dtype)
    _judge.get()(
        Comparison(actual, np.asarray(expected), terms, name, place, error, pair)
    )
