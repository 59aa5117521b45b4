"""What the namespace can do, as the Array API standard asks for it."""

from __future__ import annotations

from typing import Final

from unifiedml._backend.devices import get_device, resolve_device
from unifiedml._backend.registry import current
from unifiedml._dtypes import DTYPES, DType, isdtype
from unifiedml._rules.promotion import DEFAULTS
from unifiedml._rules.shapes import MAX_DIMS

__all__ = ["__array_api_version__", "__array_namespace_info__"]

__array_api_version__: Final = "2025.12"

# Data types beyond the standard are not to be listed.
_BEYOND: Final = frozenset({"float16", "bfloat16"})


class Info:
    """What the namespace can do on the current backend; see the standard.

    Reference:
        Python Array API standard 2025.12, section "Inspection".
    """

    def capabilities(self) -> dict[str, bool | int | None]:
        """Return which optional parts of the standard there are."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": MAX_DIMS,
        }

    def default_device(self) -> str:
        """Return the device that new tensors are put on."""
        return get_device()

    def default_dtypes(self, *, device: str | None = None) -> dict[str, DType]:
        """Return the default data types, the same on every device.

        Raises:
            ValueError: The current backend has no such device.
        """
        resolve_device(device, current())
        return {
            "real floating": DTYPES[DEFAULTS[float]],
            "complex floating": DTYPES[DEFAULTS[complex]],
            "integral": DTYPES[DEFAULTS[int]],
            "indexing": DTYPES[DEFAULTS[int]],
        }

    def devices(self) -> tuple[str, ...]:
        """Return the names of the devices of the current backend."""
        return current().ops.devices()

    def dtypes(
        self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, DType]:
        """Return the data types of the standard, by name.

        Args:
            device: Where; they are the same on every device.
            kind: Only those of a kind, or of several; see `unifiedml.isdtype`.

        Raises:
            ValueError: There is no such device, or no such kind.
        """
        resolve_device(device, current())
        return {
            name: dtype
            for name, dtype in DTYPES.items()
            if name not in _BEYOND
            and name in current().ops.dtypes
            and (kind is None or isdtype(dtype, kind))
        }


def __array_namespace_info__() -> Info:  # noqa: N807  # the standard's name
    """Return an object that tells what the namespace can do.

    Example:
        >>> import unifiedml as um
        >>> info = um.__array_namespace_info__()
        >>> info.capabilities()["max dimensions"]
        8
        >>> list(info.dtypes(kind="real floating"))
        ['float32', 'float64']
    """
    return Info()
