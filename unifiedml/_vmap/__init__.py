"""Functions of one example, made functions of a batch: `vmap`."""

from unifiedml._vmap._vmap import vmap as vmap

__all__ = ["vmap"]
