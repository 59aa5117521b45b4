"""Every line of the parity table, on every pair of backends and against its oracle."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from hypothesis import settings

import unifiedml as um
from unifiedml.testing._conformance import EXEMPT
from unifiedml.testing._line import Line

CASES = um.testing.conformance_cases()
GRADIENTS = [case for case in CASES if not case.no_gradient]
SECOND = [case for case in GRADIENTS if not case.no_second]


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """Load the frameworks once, outside of any test's time."""
    for name in um.available_backends():
        with um.use_backend(name):
            um.zeros(1)


def examples(part: int) -> int:
    """Return a part of the examples that Hypothesis's profile asks for."""
    return max(4, settings().max_examples // part)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_agree(case: Line) -> None:
    case.check_values(max_examples=examples(3 if "Tensor." not in case.name else 6))


@pytest.mark.parametrize("case", GRADIENTS, ids=str)
def test_gradients_agree(case: Line) -> None:
    # The oracle evaluates the function a hundred times an element.
    case.check_gradients(max_examples=examples(8))


@pytest.mark.parametrize("case", SECOND, ids=str)
def test_second_gradients_agree(case: Line) -> None:
    case.check_second_gradients(max_examples=examples(12))


# --- the table is complete ------------------------------------------------------------

CHAPTERS: dict[str, ModuleType] = {
    "": um,
    "fft.": um.fft,
    "linalg.": um.linalg,
    "nn.": um.nn,
    "nn.initializers.": um.nn.initializers,
    "losses.": um.losses,
    "optim.": um.optim,
    "metrics.": um.metrics,
    "random.": um.random,
}


def public_names() -> Iterator[str]:
    for prefix, module in CHAPTERS.items():
        for name in getattr(module, "__all__", dir(module)):
            value = getattr(module, name)
            if name.startswith("_") or inspect.ismodule(value) or not callable(value):
                continue
            again = not prefix and any(hasattr(one, name) for one in (um.nn, um.optim))
            if not again or name in ("abs", "sum"):
                yield prefix + name
    own = {**vars(um.Tensor.__base__), **vars(um.Tensor)}
    for name, value in own.items():
        private = name.startswith("_") and not name.startswith("__")
        if not private and (callable(value) or isinstance(value, property)):
            yield f"Tensor.{name}"


def test_every_public_name_has_a_line_or_a_reason() -> None:
    lines = {case.name for case in CASES}
    missing = sorted(set(public_names()) - lines - set(EXEMPT))
    assert not missing, f"give each a line, or a reason in EXEMPT: {missing}"


def test_every_line_has_one_name() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


def test_no_reason_is_given_twice() -> None:
    assert not {case.name for case in CASES} & set(EXEMPT)


def test_lines_without_an_oracle_are_few() -> None:
    without = {case.name for case in CASES if case.oracle is None}
    assert len(without) < len(CASES) / 10, sorted(without)


# --- the methods without lines ---


def test_the_rest_of_the_methods(backend: str) -> None:
    x = um.asarray(np.arange(6.0).reshape(2, 3))
    assert x.T.tolist() == x.mT.tolist()
    assert x.clip(1, 2).tolist() == um.clip(x, 1, 2).tolist()
    assert (x / 4).round().tolist() == um.round(x / 4).tolist()
    assert (np.eye(2) @ x).tolist() == x.tolist()


# --- assert_parity ---

two_backends = pytest.mark.skipif(
    len(um.available_backends()) < 2, reason="one backend agrees with itself"
)


def test_assert_parity_passes_and_differentiates() -> None:
    um.testing.assert_parity(
        lambda x, w: um.tanh(x @ w), np.eye(3, dtype=np.float32), np.ones((3, 2), "f4")
    )


def test_assert_parity_compares_errors() -> None:
    um.testing.assert_parity(lambda x: um.reshape(x, (7,)), np.ones(3))


@two_backends
def test_assert_parity_sees_another_value() -> None:
    def crooked(x: um.Tensor) -> um.Tensor:
        return x * (1.0 if um.get_backend() == "torch" else 1.0001)

    with pytest.raises(AssertionError, match="differ by more than rounding"):
        um.testing.assert_parity(crooked, np.ones(3))


@two_backends
def test_assert_parity_sees_another_gradient() -> None:
    def crooked(x: um.Tensor) -> um.Tensor:
        return x if um.get_backend() == "torch" else um.stop_gradient(x)

    with pytest.raises(AssertionError, match="gradient"):
        um.testing.assert_parity(crooked, np.ones(3))


@two_backends
def test_assert_parity_sees_another_type_and_error() -> None:
    def crooked(x: um.Tensor) -> um.Tensor:
        return x if um.get_backend() == "torch" else x.astype("float64")

    with pytest.raises(AssertionError, match="returned"):
        um.testing.assert_parity(crooked, np.ones(3, np.float32))

    def failing(x: um.Tensor) -> um.Tensor:
        if um.get_backend() == "torch":
            raise ValueError("only here")
        return x

    with pytest.raises(AssertionError, match="only here"):
        um.testing.assert_parity(failing, np.ones(3))
