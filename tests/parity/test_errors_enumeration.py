"""Every operation, called wrongly in every way: see `unifiedml.testing._wrong`."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import unifiedml as um
from unifiedml.testing._line import Line

EXEMPT = {
    "nn.": "a layer's line sets its weights behind its back: test_errors_training.py",
    "optim.": "the same",
    "metrics.": "the same",
    "nn.initializers.": "called by layers, with arguments that they have checked",
    "tensor": "is asarray; its line makes a tensor first",
    "linalg.solve": "a matrix of bool is promoted, and a singular one of floats",
    "roll": "axes named twice move twice, as in NumPy",
    "Tensor.at": "its line asks for attributes",
    "cond": "Python's own in eager code, where operands may be anywhere",
    "while_loop": "the same",
}
"""Lines whose function is not the public one, by name or beginning of the name."""

PUBLIC: dict[str, Any] = {
    "linalg.solve_triangular": um.linalg.solve_triangular,
    "unstack": um.unstack,
}
"""The functions themselves, where a line does more than to call one."""

CASES = [
    dataclasses.replace(case, function=PUBLIC.get(case.name, case.function))
    for case in um.testing.conformance_cases()
    if case.name not in EXEMPT
    if not case.name.startswith(tuple(one for one in EXEMPT if one.endswith(".")))
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_wrong_calls_are_refused_alike(case: Line) -> None:
    case.check_errors()


# --- the check finds faults --------------------------------------------------------


def planted(function: object) -> Line:
    """Return the line of `exp` with another function in its place."""
    (line,) = (case for case in CASES if case.name == "exp")
    return dataclasses.replace(line, function=function)


@pytest.mark.parametrize(
    ("refuse", "fault"),
    [
        (lambda x: RuntimeError(f"{x!r}"), "RuntimeError is not documented"),
        (lambda x: TypeError("No kernel [Op:Exp]"), r"says '\[Op:'"),
        (lambda x: TypeError("no such thing"), "does not name what is wrong"),
        (lambda x: TypeError(f"{um.get_backend()} {x!r}"), "backends differ"),
    ],
)
def test_a_bad_error_is_found(refuse: Any, fault: str) -> None:
    def crooked(x: Any) -> um.Tensor:
        if not isinstance(x, um.Tensor) or x.dtype.kind != "float":
            raise refuse(x)
        return um.exp(x)

    with pytest.raises(AssertionError, match=fault):
        planted(crooked).check_errors()


def test_an_accepted_mistake_is_found() -> None:
    def lenient(x: Any) -> um.Tensor:
        return um.exp(x) if isinstance(x, um.Tensor) else um.zeros(1)

    with pytest.raises(AssertionError, match="accepted"):
        planted(lenient).check_errors()
