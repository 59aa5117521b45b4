"""Every operation, called wrongly in every way: see `unifiedml.testing._wrong`."""

from __future__ import annotations

import pytest

import unifiedml as um
from unifiedml.testing._line import Line

CASES = um.testing.conformance_cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_wrong_calls_are_refused_alike(case: Line) -> None:
    case.check_errors()
