"""Control flow that depends on values: Python's in eager code, a program's else."""

from unifiedml._control._cond import cond as cond
from unifiedml._control._scan import map as map
from unifiedml._control._scan import scan as scan
from unifiedml._control._while import while_loop as while_loop

__all__ = ["cond", "map", "scan", "while_loop"]
