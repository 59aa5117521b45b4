"""Type promotion: the Array API standard's table, closed under symmetry.

The standard leaves integer with float, and anything with bool, undefined. As in
PyTorch and JAX, an integer or a bool takes the other operand's data type, and
float16 with bfloat16 gives float32, the smallest type that holds both.

Reference:
    Python Array API standard 2025.12, section "Type Promotion Rules".
"""

from __future__ import annotations

from functools import cache
from typing import Final

DEFAULTS: Final[dict[type, str]] = {
    bool: "bool",
    int: "int64",
    float: "float32",
    complex: "complex64",
}

_SIGNED = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
_FLOAT = ("float16", "bfloat16", "float32", "float64")
_COMPLEX = ("complex64", "complex128")
_RANK: Final[dict[str, int]] = {
    name: rank
    for rank, names in enumerate((("bool",), _SIGNED + _UNSIGNED, _FLOAT, _COMPLEX))
    for name in names
}


def promote(*names: str) -> str:
    """Return the name of the smallest data type that operands share.

    Raises:
        TypeError: There is none (``uint64`` with a signed integer).
    """
    if len(names) > 2:
        # An integer beside floats does not count, whatever stands next to it.
        top = max(_RANK[name] for name in names)
        names = tuple(name for name in names if _RANK[name] >= min(top, 2))
    result = names[0]
    for name in names[1:]:
        shared = _promote(result, name)
        if shared is None:
            raise TypeError(
                f"no data type holds all values of both {result} and {name}: "
                "convert one operand with astype first"
            )
        result = shared
    return result


@cache
def _promote(first: str, second: str) -> str | None:
    if first == second:
        return first
    if _RANK[first] < _RANK[second]:
        first, second = second, first
    if _RANK[first] == 3:
        wide = second in ("complex128", "float64")
        return "complex128" if wide else first
    if _RANK[first] > _RANK[second]:
        return first
    if _RANK[first] == 2:
        if {first, second} == {"float16", "bfloat16"}:
            return "float32"
        return max(first, second, key=_FLOAT.index)
    return _promote_integers(first, second)


def _promote_integers(first: str, second: str) -> str | None:
    for family in (_SIGNED, _UNSIGNED):
        if first in family and second in family:
            return max(first, second, key=family.index)
    signed, unsigned = (first, second) if first in _SIGNED else (second, first)
    needed = max(_SIGNED.index(signed), _UNSIGNED.index(unsigned) + 1)
    return _SIGNED[needed] if needed < len(_SIGNED) else None


def promote_scalar(dtype: str, kind: type) -> str:
    """Return the data type of an operation of a tensor with a Python scalar.

    Python scalars are weak: they take the tensor's data type where its kind can
    hold them, else the default data type of their own kind.

    Args:
        dtype: Name of the tensor's data type.
        kind: ``bool``, ``int``, ``float`` or ``complex``.
    """
    scalar = DEFAULTS[kind]
    if _RANK[scalar] <= _RANK[dtype]:
        return dtype
    if kind is complex:
        return "complex128" if dtype == "float64" else "complex64"
    return scalar
