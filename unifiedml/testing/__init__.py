"""Proof that computations agree: comparison, gradient oracles, Hypothesis strategies.

The strategies and the conformance cases need Hypothesis, which is loaded when the
first of them is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from unifiedml.testing._compare import assert_close
from unifiedml.testing._gradients import NumericGradient, numeric_vjp, random_cotangent
from unifiedml.testing._parity import assert_parity

if TYPE_CHECKING:
    from unifiedml.testing._conformance import conformance_cases
    from unifiedml.testing._strategies import (
        arrays,
        axes,
        broadcastable_shapes,
        dtypes,
        seeds,
        shapes,
    )

__all__ = [
    # comparison
    "assert_close",
    "assert_parity",
    "conformance_cases",
    # gradients
    "NumericGradient",
    "numeric_vjp",
    "random_cotangent",
    # strategies
    "arrays",
    "axes",
    "broadcastable_shapes",
    "dtypes",
    "seeds",
    "shapes",
]


_HOMES: Final = {"conformance_cases": "_conformance"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "_strategies")
    try:
        strategies = importlib.import_module(f"unifiedml.testing.{home}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "hypothesis":
            raise
        raise ImportError(
            f"unifiedml.testing.{name} needs Hypothesis: pip install 'unifiedml[test]'"
        ) from error
    return getattr(strategies, name)


def __dir__() -> list[str]:
    return sorted(__all__)
