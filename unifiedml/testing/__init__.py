"""Proof that computations agree: comparison, gradient oracles, Hypothesis strategies.

The strategies need Hypothesis, which is loaded when the first of them is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from unifiedml.testing._compare import assert_close
from unifiedml.testing._gradients import NumericGradient, numeric_vjp, random_cotangent

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        strategies = importlib.import_module("unifiedml.testing._strategies")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "hypothesis":
            raise
        raise ImportError(
            f"unifiedml.testing.{name} needs Hypothesis: pip install 'unifiedml[test]'"
        ) from error
    return getattr(strategies, name)


def __dir__() -> list[str]:
    return sorted(__all__)
