"""Values that can be looked at: there are none while a program is traced."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from unifiedml._batched import Batched
from unifiedml._tensor import Tensor

__all__ = ["is_known", "known_values"]


def is_known(x: Tensor) -> bool:
    """Tell whether ``x`` has values, one each.

    While a program is traced there are none.
    """
    return not x._backend.ops.is_traced(x._native)


def known_values(x: Tensor) -> npt.NDArray[Any] | None:
    """Return the values of ``x`` for checks; None while a program is traced.

    Inside `unifiedml.vmap` those of all examples, along dimensions in front.
    """
    backend, native = x._backend, x._native
    while isinstance(native, Batched):
        backend, native = native.owner.behind, native.native
    return None if backend.ops.is_traced(native) else backend.ops.to_numpy(native)
