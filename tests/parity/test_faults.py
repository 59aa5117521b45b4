"""A suite that passes proves little if it passes on wrong code, too: a few faults.

All of them: ``python scripts/plant_faults.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts import plant_faults
from scripts.faults import FAULTS

NAMES = [
    "torch tanh: relative error 1e-4",
    "torch permute: gradient by the inverse",
    "tensorflow less: is less_equal",
    "torch cross-entropy: label off by one",
    "losses: mean is sum",
    "Adam: epsilon before the correction",
    "dropout: scale forgotten",
    "initializers: fans transposed",
    "tensorflow minimum: a tie's gradient to one",
]


@pytest.mark.parametrize("name", NAMES)
def test_is_caught(name: str) -> None:
    (fault,) = (one for one in FAULTS if one.name == name)
    assert plant_faults.run([fault])[name], "the fault survived"


def test_nothing_is_caught_where_nothing_is_wrong() -> None:
    (fault,) = (one for one in FAULTS if one.name == NAMES[0])
    right = type(fault)("none", fault.where, fault.attribute, lambda f: f, fault.lines)
    assert not plant_faults.run([right])["none"]
