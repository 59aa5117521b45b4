"""Whole runs on all backends agree, as far as the data type allows.

The full form, 5,000 steps and many seeds, is ``python scripts/agreement.py``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import unifiedml as um

SCRIPT = Path(__file__).parents[2] / "scripts" / "agreement.py"


@pytest.fixture(scope="module")
def agreement() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("agreement", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(("dtype", "steps"), [("float64", 150), ("float32", 100)])
def test_losses_agree(
    agreement: ModuleType, optimizer: str, dtype: str, steps: int
) -> None:
    """Every step's loss agrees within the bound of whole runs."""
    curve = agreement.differences(0, dtype, optimizer, steps)
    assert curve.shape == (steps,)
    assert curve.max() <= um.tolerance.run_bound(dtype, steps=steps)


def test_runs_differ_with_the_seed(agreement: ModuleType) -> None:
    """The comparison sees something: another seed is another run."""
    name = um.available_backends()[0]
    first, second = (
        list(agreement.losses(name, seed, "float64", "sgd", 3)) for seed in (0, 1)
    )
    assert first != second
