"""docs/accuracy.md, which `make accuracy` writes, is about the operations there are."""

from __future__ import annotations

import re
from pathlib import Path

import unifiedml as um

PAGE = (Path(__file__).parents[2] / "docs" / "accuracy.md").read_text("utf-8")

CASES = [
    case
    for case in um.testing.conformance_cases()
    if not case.name.startswith("Tensor.")
]


def test_every_operation_is_measured() -> None:
    # Those that round nothing have no row, and are named in a list.
    found = set(re.findall(r"`([^`]+)`", PAGE.split("## Values\n", 1)[1]))
    missing = sorted({case.name for case in CASES} - found)
    assert not missing, f"measure anew (make accuracy): {missing}"


def test_nothing_is_beyond_its_bound() -> None:
    assert "Beyond their bound, which makes them defects: none." in PAGE
