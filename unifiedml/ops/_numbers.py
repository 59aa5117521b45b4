"""NumPy arrays of whatever holds numbers: what has a data type keeps it.

Python's numbers have none: they are checked against the data type they become.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import DTYPES, DType, as_dtype, iinfo
from unifiedml._rules.promotion import DEFAULTS, promote, promote_scalar

Array = npt.NDArray[Any]
Foreign = Callable[[Any], Array]

SCALARS: Final[frozenset[type]] = frozenset(DEFAULTS)
_WORDS: Final = ("bool", "integer", "float", "complex")
_RANK: Final = {"bool": 0, "signed": 1, "unsigned": 1, "float": 2, "complex": 3}


def array(obj: Any, dtype: DType | None, foreign: Foreign) -> Array:
    """Return ``obj`` as an array, of ``dtype`` if one is given.

    Args:
        obj: An array, a number, nested sequences of these, or something foreign.
        dtype: The wanted data type.
        foreign: Makes arrays of what is neither NumPy's nor Python's.
    """
    if not isinstance(obj, list | tuple | range) and type(obj) not in SCALARS:
        return converted(_strong(obj, foreign), dtype)
    kinds: set[type] = set()
    dtypes: set[str] = set()
    return _joined(_plain(obj, kinds, dtypes, foreign), kinds, dtypes, dtype)


def converted(array: Array, dtype: DType | None) -> Array:
    """Convert an array, which has a data type, as ``astype`` does."""
    if dtype is None:
        return array
    if array.dtype.kind == "c" and dtype.kind not in ("complex", "bool"):
        raise TypeError(
            f"cannot convert {array.dtype} to {dtype.name}: take the real part, the "
            "imaginary part or the magnitude first"
        )
    with np.errstate(invalid="ignore", over="ignore"):
        return array.astype(dtype.numpy)


def _strong(obj: Any, foreign: Foreign) -> Array:
    known = isinstance(obj, np.ndarray | np.generic)
    found = np.asarray(obj) if known else foreign(obj)
    try:
        as_dtype(found.dtype)
    except TypeError:
        what = type(obj).__name__ + (f" of {found.dtype}" if known else "")
        raise TypeError(
            f"cannot make a tensor of {what}: it needs numbers, arrays, or nested "
            "sequences of these"
        ) from None
    return found


def _plain(obj: Any, kinds: set[type], dtypes: set[str], foreign: Foreign) -> Any:
    """Return ``obj`` with arrays in it as NumPy's, and write down what it holds."""
    if isinstance(obj, list | tuple | range):
        found = set(map(type, obj))
        if not found <= SCALARS:
            return [_plain(one, kinds, dtypes, foreign) for one in obj]
        kinds |= found
        return obj
    if type(obj) in SCALARS:
        kinds.add(type(obj))
        return obj
    array = _strong(obj, foreign)
    dtypes.add(as_dtype(array.dtype).name)
    return array


def _joined(obj: Any, kinds: set[type], dtypes: set[str], dtype: DType | None) -> Array:
    try:
        array = np.asarray(obj)
    except ValueError:
        raise ValueError(_difference(obj)) from None
    given = max((_RANK[DTYPES[name].kind] for name in _names(kinds, dtypes)), default=0)
    if given < 2 and array.size and array.dtype.kind in "fO":
        # NumPy makes floats of integers beyond int64.
        array = np.asarray(obj, dtype=object)
    if dtype is None:
        dtype = _shared_dtype(array, kinds, dtypes)
    return _checked(array, dtype, given) if kinds else converted(array, dtype)


def _names(kinds: set[type], dtypes: set[str]) -> set[str]:
    return dtypes | {DEFAULTS[kind] for kind in kinds}


def _shared_dtype(array: Array, kinds: set[type], dtypes: set[str]) -> DType:
    if dtypes:
        name = promote(*sorted(dtypes))
        for kind in kinds:
            name = promote_scalar(name, kind)
    else:
        # Nothing at all could be anything; NumPy calls it float.
        name = promote(*_names(kinds, dtypes)) if kinds else DEFAULTS[float]
        if name == DEFAULTS[int] and array.dtype.kind in "Ou" and array.min() >= 0:
            name = "uint64"
    return DTYPES[name]


def _checked(array: Array, dtype: DType, given: int) -> Array:
    """Convert Python numbers where nothing is lost in kind."""
    if given > _RANK[dtype.kind] and dtype.kind != "bool":
        able = _WORDS[_RANK[dtype.kind]]
        raise TypeError(
            f"{_WORDS[given]} numbers do not fit into {dtype.name}, which holds "
            f"{able} numbers: convert with astype"
        )
    if dtype.is_integer and array.size:
        check_range(int(array.min()), dtype)
        check_range(int(array.max()), dtype)
    try:
        with np.errstate(over="ignore"):
            return array.astype(dtype.numpy)
    except OverflowError:
        largest = max(abs(array.min()), abs(array.max()))
        raise too_long(largest, dtype) from None


def check_range(value: int, dtype: DType) -> None:
    """Raise if an integer data type does not hold ``value``."""
    limits = iinfo(dtype)
    if not limits.min <= value <= limits.max:
        raise OverflowError(
            f"{value} does not fit into {dtype.name}, which holds {limits.min} to "
            f"{limits.max}"
        )


def too_long(value: int, dtype: DType) -> OverflowError:
    """Return the error for an integer beyond the range of floating-point numbers."""
    digits = len(str(abs(value)))
    return OverflowError(
        f"an integer of {digits} digits does not fit into {dtype.name}"
    )


def _difference(obj: Any) -> str:
    """Return the sentence that says where nested sequences differ in length."""
    level = {"": obj}
    while level:
        (first, size), *others = [(place, _size(one)) for place, one in level.items()]
        for place, other in others:
            if other != size:
                return (
                    "nested sequences must have equal lengths: there is "
                    f"{size} at {first}, {other} at {place}"
                )
        level = {
            f"{place}[{index}]": each
            for place, one in level.items()
            for index, each in enumerate(one if _is_nested(one) else ())
        }
    return "nested sequences must have equal lengths"


def _is_nested(obj: Any) -> bool:
    return isinstance(obj, list | tuple | range) or bool(np.ndim(obj))


def _size(obj: Any) -> str:
    return f"a sequence of {len(obj)}" if _is_nested(obj) else "a number"
