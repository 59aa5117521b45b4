"""The contract's rows, run on every backend and device."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import unifiedml as um
from unifiedml.contract import Row, rows
from unifiedml.contract._page import page

MOST_DEVIATIONS = 10

ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row_as_a_program(row: Row) -> None:
    row.check(traced=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:TensorFlow's compiler, XLA, has no kernel")
@pytest.mark.filterwarnings("ignore::FutureWarning:torch._inductor")
@pytest.mark.filterwarnings("ignore:Torchinductor does not support code generation for")
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row_as_a_compiled_program(row: Row) -> None:
    row.check(traced=True, compiler=True)


def test_rows_are_distinct() -> None:
    names = [str(row) for row in ROWS]
    again = {name for name in names if names.count(name) > 1}
    assert not again


def test_few_rows_are_not_met() -> None:
    deviating = [str(row) for row in ROWS if row.deviation]
    assert len(deviating) <= MOST_DEVIATIONS, deviating


def test_the_page_is_up_to_date() -> None:
    found = Path(__file__).parents[2] / "docs" / "semantics.md"
    assert found.read_text("utf-8") == page(), "write it anew: make docs"


# --- a row that is wrong is found -----------------------------------------------------

SIGN = Row(
    operation="sign",
    case="an example",
    call="um.sign(x)",
    operands={"x": "[-2, 0]"},
    value="[-1, 0]",
    gradient={"x": "[0, 0]"},
    reason="an example",
    source="none",
)
TIE = dataclasses.replace(
    SIGN,
    call="x * y + 0 * x",
    operands={"x": "[2]", "y": "[3]"},
    value="[6]",
    gradient={"x": "[3]", "y": "[2]"},
    second={"x": "[1]", "y": "[1]"},
)


@pytest.mark.parametrize("row", [SIGN, TIE], ids=["sign", "product"])
def test_a_right_row_passes(row: Row) -> None:
    row.check()


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (SIGN, {"value": "[-1, 1]"}),
        (SIGN, {"value": "[-1]"}),
        (SIGN, {"value": "float64[-1, 0]", "dtypes": ("float32",)}),
        (SIGN, {"value": ("[-1, 0]", "[-1, 0]")}),
        (SIGN, {"value": "[-1, -0.0]", "signed_zeros": True}),
        (SIGN, {"gradient": {"x": "[0, 1e-4]"}}),
        (TIE, {"gradient": {"x": "[3]", "y": "[2.001]"}}),
        (TIE, {"second": {"x": "[1]", "y": "[0]"}}),
        (SIGN, {"deviation": {"torch": "none", "tensorflow": "none"}}),
        (SIGN, {"value": None, "gradient": {}, "equals": "1"}),
        (SIGN, {"value": None, "gradient": {}, "raises": "TypeError"}),
        (
            SIGN,
            {
                "value": None,
                "gradient": {},
                "raises": "ValueError",
                "operands": {"x": "bool[True]"},
            },
        ),
    ],
)
def test_a_wrong_row_fails(row: Row, changes: dict[str, object]) -> None:
    wrong = dataclasses.replace(row, **changes)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        wrong.check()


@pytest.mark.skipif(
    len(um.available_backends()) < 2, reason="one backend agrees with itself"
)
def test_a_message_that_differs_is_found() -> None:
    row = dataclasses.replace(
        SIGN,
        value=None,
        gradient={},
        call="um.zeros(2, device='gpu:' + str(len(x.backend)))",
        raises="ValueError",
    )
    with pytest.raises(AssertionError, match="instead of"):
        row.check()


def test_a_row_says_one_thing() -> None:
    with pytest.raises(ValueError, match="one of these only"):
        dataclasses.replace(SIGN, raises="ValueError")
