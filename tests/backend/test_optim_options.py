"""Options of optimizers: which are refused, when, and what changing one does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

optim = um.optim

OPTIONS: dict[type[optim.Optimizer], tuple[str, ...]] = {
    um.SGD: ("momentum", "weight_decay"),
    um.Adam: ("beta_1", "beta_2", "epsilon", "weight_decay"),
    um.AdamW: ("beta_1", "beta_2", "epsilon", "weight_decay"),
    optim.RMSprop: ("rho", "momentum", "epsilon", "weight_decay"),
    optim.Adagrad: ("epsilon", "weight_decay"),
    optim.Adadelta: ("rho", "epsilon", "weight_decay"),
    optim.Adamax: ("beta_1", "beta_2", "epsilon", "weight_decay"),
}
EACH = [(rule, name) for rule, names in OPTIONS.items() for name in names]
BELOW_ONE = ("beta_1", "beta_2", "rho", "momentum")


def wrong_values(name: str) -> Iterator[Any]:
    yield from (-5, math.nan, math.inf, "0.1", None)
    if name in BELOW_ONE:
        yield from (1.0, 2)
    if name == "epsilon":
        yield 0.0


@pytest.mark.parametrize(("rule", "name"), EACH)
def test_options_are_checked_whenever_they_are_set(rule: Any, name: str) -> None:
    """They used to be checked when the optimizer was made, and never again."""
    optimizer = rule()
    before = getattr(optimizer, name)
    for wrong in wrong_values(name):
        with pytest.raises((ValueError, TypeError), match=f"^{name} is ") as made:
            rule(**{name: wrong})
        with pytest.raises(made.type) as later:
            setattr(optimizer, name, wrong)
        assert str(later.value) == str(made.value)
        assert getattr(optimizer, name) == before


def in_eager_code(optimizer: optim.Optimizer, w: um.Parameter) -> Callable[[], object]:
    return lambda: optimizer.step([w.detach() * 2.0])


def in_a_program(optimizer: optim.Optimizer, w: um.Parameter) -> Callable[[], object]:
    return um.jit(in_eager_code(optimizer, w))


class Squares(um.Module):
    """Returns its weight: the loss is that of its elements."""

    def __init__(self, w: um.Parameter) -> None:
        self.w = w

    def forward(self, x: um.Tensor) -> um.Tensor:
        return self.w * x


def in_fit(optimizer: optim.Optimizer, w: um.Parameter) -> Callable[[], object]:
    model = Squares(w)
    # The gradient of the sum of squares is 2 w.
    model.compile(optimizer, lambda y, found: um.sum(um.square(found - y)))
    one, zero = np.ones((1, 3), "float32"), np.zeros((1, 3), "float32")
    return lambda: model.fit(one, zero, verbose=False)


@pytest.mark.parametrize("steps", [in_eager_code, in_a_program, in_fit])
@pytest.mark.parametrize(("rule", "name"), EACH)
def test_a_changed_option_takes_effect(
    backend: str, rule: Any, name: str, steps: Any
) -> None:
    class Own(rule):  # type: ignore[misc]
        """Runs op by op, as all rules of users do."""

    found = []
    given = {"momentum": 0.5} if name == "momentum" else {}
    for changes in (True, True, False):
        w = um.Parameter(um.tensor([1.0, -2.0, 3.0]))
        make = Own if found else rule
        optimizer = make([w], learning_rate=0.125, **given)
        step = (in_eager_code if found else steps)(optimizer, w)
        step()
        step()
        if changes:
            setattr(optimizer, name, 0.75)
        step()
        found.append(w.numpy())
    tolerance: dict[str, Any] = {"family": "optimizer", "scale": 4.0, "length": 3}
    assert_close(found[0], found[1], **tolerance)
    with pytest.raises(AssertionError):
        assert_close(found[0], found[2], **tolerance)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("rule", "name"), EACH)
def test_what_rounding_takes_out_of_range_is_refused(
    backend: str, rule: Any, name: str, dtype: str
) -> None:
    """Adam used to divide by 0, or to make weights NaN, without a word."""
    wrong, rounded = {"epsilon": (1e-50, "0"), "weight_decay": (1e39, "inf")}.get(
        name, (1 - 1e-9, "1")
    )
    w = um.Parameter(um.ones(2), dtype=dtype)
    match = f"^{name} is .* not {wrong!r}, which float32 rounds to {rounded}$"
    with pytest.raises(ValueError, match=match.replace("+", r"\+")):
        rule([w], **{name: wrong})
    optimizer = rule([w], **({"momentum": 0.5} if name == "momentum" else {}))
    before = getattr(optimizer, name)
    with pytest.raises(ValueError, match=match.replace("+", r"\+")):
        setattr(optimizer, name, wrong)
    assert getattr(optimizer, name) == before
    # The data type is not known here: it is when there are parameters.
    optimizer = rule(**{name: wrong})
    with pytest.raises(ValueError, match=match.replace("+", r"\+")):
        optimizer.bind([w])
    assert optimizer.parameters == []
    wide = um.Parameter(um.ones(2, dtype="float64"))
    optimizer.bind([wide])
    optimizer.step([um.ones(2, dtype="float64")])
    assert np.isfinite(wide.numpy()).all()


def test_fit_refuses_what_rounding_takes_out_of_range(backend: str) -> None:
    model = um.Sequential(um.Dense(1))
    model.compile(um.Adam(beta_2=1 - 1e-9), "mean_squared_error")
    with pytest.raises(ValueError, match="beta_2 .* which float32 rounds to 1"):
        model.fit(np.ones((4, 2), "float32"), np.ones((4, 1), "float32"), verbose=False)


# --- complex parameters ------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("rule", [one for one in OPTIONS if one is not um.SGD])
def test_rules_that_square_refuse_complex_parameters(
    backend: str, rule: Any, dtype: str
) -> None:
    """They used to compute nonsense, or to raise errors of operations."""
    w = um.Parameter(um.asarray([1j, 2.0], dtype=dtype))
    match = rf"^{rule.__name__} is no rule for complex .* {dtype}: .* two parameters"
    with pytest.raises(TypeError, match=match):
        rule([w])
    optimizer = rule()
    with pytest.raises(TypeError, match=match):
        optimizer.bind([w])
    assert optimizer.parameters == []
    # A constant of the model may be complex.
    w.trainable = False
    real = um.Parameter(um.ones(2))
    optimizer.bind([w, real])
    optimizer.step([um.ones(2)])
    w.trainable = True
    with pytest.raises(TypeError, match=match):
        optimizer.step([um.asarray([1j, 2.0], dtype=dtype), um.ones(2)])
    assert optimizer.iterations == 1


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_linear_rule_steps_in_both_parts(backend: str, nesterov: bool) -> None:
    class Own(um.optim.Optimizer):
        """Rules of users decide for themselves."""

        def update(
            self, gradient: um.Tensor, state: Any, parameter: um.Tensor, numbers: Any
        ) -> tuple[um.Tensor, Any]:
            return parameter - gradient * numbers["learning_rate"], {}

    start, g = np.asarray([1 + 2j, -3j]), np.asarray([2 - 1j, 0.5 + 1j])

    def stepped(make: Any, w: Any, g: Any) -> Any:
        w, g = um.Parameter(um.asarray(w)), um.asarray(g)
        optimizer = make([w])
        for _ in range(3):
            optimizer.step([g])
        return w.numpy()

    def momentum(parameters: Any) -> um.SGD:
        options: dict[str, Any] = {"nesterov": nesterov, "weight_decay": 0.25}
        return um.SGD(parameters, learning_rate=0.5, momentum=0.5, **options)

    for make in (momentum, lambda ws: Own(ws, learning_rate=0.5)):
        parts = [
            stepped(make, w, d) for w, d in ((start.real, g.real), (start.imag, g.imag))
        ]
        np.testing.assert_array_equal(stepped(make, start, g), parts[0] + 1j * parts[1])
