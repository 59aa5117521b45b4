"""Every operation, called wrongly in every way: see `unifiedml.testing._wrong`."""

from __future__ import annotations

import pytest

import unifiedml as um
from unifiedml.testing._line import Line

EXEMPT = {
    "nn.": "a layer's line sets its weights behind its back: test_errors_training.py",
    "optim.": "the same",
    "metrics.": "the same",
    "nn.initializers.": "called by layers, with arguments that they have checked",
    "tensor": "is asarray; its line makes a tensor first",
}
"""Lines whose function is not the public one, by name or beginning of the name."""

CASES = [
    case
    for case in um.testing.conformance_cases()
    if case.name not in EXEMPT
    if not case.name.startswith(tuple(one for one in EXEMPT if one.endswith(".")))
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_wrong_calls_are_refused_alike(case: Line) -> None:
    case.check_errors()
