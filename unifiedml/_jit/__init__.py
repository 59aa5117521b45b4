"""Programs: `jit`."""

from unifiedml._jit._jit import Jitted as Jitted
from unifiedml._jit._jit import jit as jit

__all__ = ["Jitted", "jit"]
