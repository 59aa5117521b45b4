"""Data types: one object per dtype of the library, the same on every backend."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args

import ml_dtypes
import numpy as np

from unifiedml._rules.promotion import DEFAULTS

__all__ = ["DTYPES", "DType", "DTypeLike", "as_dtype", "finfo", "iinfo", "isdtype"]

Kind = Literal["bool", "signed", "unsigned", "float", "complex"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DType:
    """A data type, such as ``um.float32``.

    There is one object per data type, so ``is`` and ``==`` agree.

    Attributes:
        name: The standard's name, for example ``"float32"``.
        kind: ``"bool"``, ``"signed"``, ``"unsigned"``, ``"float"`` or ``"complex"``.
        bits: Size of one element in bits (8 for bool).
        numpy: The NumPy dtype of arrays that hold this data type.

    Example:
        >>> import unifiedml as um
        >>> um.float32.name, um.float32.bits
        ('float32', 32)
    """

    name: str
    kind: Kind
    bits: int
    numpy: np.dtype[Any]

    def __repr__(self) -> str:
        return f"unifiedml.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return as_dtype, (self.name,)

    @property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer (not bool)."""
        return self.kind in ("signed", "unsigned")

    @property
    def is_differentiable(self) -> bool:
        """Whether gradients exist for values of this data type."""
        return self.kind in ("float", "complex")


def _dtype(name: str, kind: Kind, numpy: Any = None) -> DType:
    array = np.dtype(name if numpy is None else numpy)
    return DType(name, kind, 8 * array.itemsize, array)


DTYPES: Final[dict[str, DType]] = {
    dtype.name: dtype
    for dtype in (
        _dtype("bool", "bool"),
        _dtype("int8", "signed"),
        _dtype("int16", "signed"),
        _dtype("int32", "signed"),
        _dtype("int64", "signed"),
        _dtype("uint8", "unsigned"),
        _dtype("uint16", "unsigned"),
        _dtype("uint32", "unsigned"),
        _dtype("uint64", "unsigned"),
        _dtype("float16", "float"),
        _dtype("bfloat16", "float", ml_dtypes.bfloat16),
        _dtype("float32", "float"),
        _dtype("float64", "float"),
        _dtype("complex64", "complex"),
        _dtype("complex128", "complex"),
    )
}

_DEFAULTS: Final[dict[type, DType]] = {
    kind: DTYPES[name] for kind, name in DEFAULTS.items()
}
_BY_NUMPY: Final[dict[np.dtype[Any], DType]] = {d.numpy: d for d in DTYPES.values()}


DTypeLike = DType | str | type | np.dtype[Any]


def as_dtype(dtype: DTypeLike) -> DType:
    """Return the data type that ``dtype`` names.

    Args:
        dtype: A ``DType``, its name, a Python scalar type (``bool``, ``int``,
            ``float``, ``complex``: the default data type of that kind) or a NumPy
            dtype.

    Raises:
        TypeError: ``dtype`` names no data type of the library.
    """
    if isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, str) and dtype in DTYPES:
        return DTYPES[dtype]
    if isinstance(dtype, type) and dtype in _DEFAULTS:
        return _DEFAULTS[dtype]
    # Not any name of NumPy's: its "float" is float64, ours float32.
    if isinstance(dtype, np.dtype) or (
        isinstance(dtype, type) and issubclass(dtype, np.generic)
    ):
        with suppress(KeyError, TypeError):
            return _BY_NUMPY[np.dtype(dtype).newbyteorder("=")]
    known = ", ".join(DTYPES)
    raise TypeError(f"{dtype!r} is not a data type: choose from {known}")


@dataclass(frozen=True, slots=True)
class FInfo:
    """Machine limits of a floating-point data type (see `finfo`)."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True, slots=True)
class IInfo:
    """Limits of an integer data type (see `iinfo`)."""

    bits: int
    max: int
    min: int
    dtype: DType


def _dtype_of(value: Any) -> DType:
    return as_dtype(getattr(value, "dtype", value))


def finfo(type: Any, /) -> FInfo:
    """Return the machine limits of a floating-point data type or tensor.

    For a complex data type these are the limits of its real and imaginary parts.

    Raises:
        TypeError: The data type is not floating-point.

    Example:
        >>> import unifiedml as um
        >>> um.finfo(um.float32).eps
        1.1920928955078125e-07
    """
    return _finfo(_dtype_of(type))


@cache
def _finfo(dtype: DType) -> FInfo:
    if not dtype.is_differentiable:
        raise TypeError(f"finfo needs a floating-point data type, not {dtype.name}")
    part = dtype
    if dtype.kind == "complex":
        part = DTYPES["float32" if dtype.bits == 64 else "float64"]
    info: Any = ml_dtypes.finfo(part.numpy)  # type: ignore[no-untyped-call]
    return FInfo(
        bits=int(info.bits),
        eps=float(info.eps),
        max=float(info.max),
        min=float(info.min),
        smallest_normal=float(info.smallest_normal),
        dtype=part,
    )


def iinfo(type: Any, /) -> IInfo:
    """Return the limits of an integer data type or tensor.

    Raises:
        TypeError: The data type is not an integer.

    Example:
        >>> import unifiedml as um
        >>> um.iinfo(um.int8).max
        127
    """
    return _iinfo(_dtype_of(type))


@cache
def _iinfo(dtype: DType) -> IInfo:
    if not dtype.is_integer:
        raise TypeError(f"iinfo needs an integer data type, not {dtype.name}")
    info = np.iinfo(dtype.numpy)
    return IInfo(bits=info.bits, max=int(info.max), min=int(info.min), dtype=dtype)


_KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "bool": ("bool",),
    "signed integer": ("signed",),
    "unsigned integer": ("unsigned",),
    "integral": ("signed", "unsigned"),
    "real floating": ("float",),
    "complex floating": ("complex",),
    "numeric": tuple(kind for kind in get_args(Kind) if kind != "bool"),
}


def isdtype(dtype: DType, kind: DType | str | tuple[DType | str, ...]) -> bool:
    """Tell whether ``dtype`` is of a kind, as the Array API standard names kinds.

    Args:
        dtype: A data type.
        kind: A data type, ``"bool"``, ``"signed integer"``, ``"unsigned integer"``,
            ``"integral"``, ``"real floating"``, ``"complex floating"``,
            ``"numeric"``, or a tuple of these.

    Raises:
        ValueError: ``kind`` is no kind of the standard.

    Example:
        >>> import unifiedml as um
        >>> um.isdtype(um.int8, "integral")
        True
    """
    dtype = as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, DType):
        return dtype is kind
    if kind not in _KINDS:
        raise ValueError(f"{kind!r} is not a kind: choose from {', '.join(_KINDS)}")
    return dtype.kind in _KINDS[kind]
