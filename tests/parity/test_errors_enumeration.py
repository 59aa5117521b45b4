"""Every operation, called wrongly in every way: see `unifiedml.testing._wrong`."""

from __future__ import annotations

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import _refusals
from unifiedml.testing._line import Line
from unifiedml.testing._parity import places

CASES = um.testing.conformance_cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_wrong_calls_are_refused_alike(case: Line) -> None:
    case.check_errors()
