"""All 225 ordered pairs of data types: the standard's table, and what it leaves open.

Reference:
    Python Array API standard 2025.12, section "Type Promotion Rules".
"""

from __future__ import annotations

import itertools

import pytest

import unifiedml as um
from unifiedml._dtypes import DTYPES

# One row a data type: i1 i2 i4 i8 of itself with each of the columns.
INTEGERS = """
     i1 i2 i4 i8 u1 u2 u4 u8
i1   i1 i2 i4 i8 i2 i4 i8 --
i2   i2 i2 i4 i8 i2 i4 i8 --
i4   i4 i4 i4 i8 i4 i4 i8 --
i8   i8 i8 i8 i8 i8 i8 i8 --
u1   i2 i2 i4 i8 u1 u2 u4 u8
u2   i4 i4 i4 i8 u2 u2 u4 u8
u4   i8 i8 i8 i8 u4 u4 u4 u8
u8   -- -- -- -- u8 u8 u8 u8
"""
FLOATS = """
     f2 bf f4 f8 c8 cc
f2   f2 f4 f4 f8 c8 cc
bf   f4 bf f4 f8 c8 cc
f4   f4 f4 f4 f8 c8 cc
f8   f8 f8 f8 f8 cc cc
c8   c8 c8 c8 cc c8 cc
cc   cc cc cc cc cc cc
"""
NAMES = {
    **{f"i{size}": f"int{8 * size}" for size in (1, 2, 4, 8)},
    **{f"u{size}": f"uint{8 * size}" for size in (1, 2, 4, 8)},
    **{f"f{size}": f"float{8 * size}" for size in (2, 4, 8)},
    "bf": "bfloat16",
    "c8": "complex64",
    "cc": "complex128",
}


def table(text: str) -> dict[tuple[str, str], str | None]:
    columns, *rows = (line.split() for line in text.strip().splitlines())
    return {
        (NAMES[first], NAMES[second]): NAMES.get(result)
        for first, *results in rows
        for second, result in zip(columns, results, strict=True)
    }


def expected() -> dict[tuple[str, str], str | None]:
    found = {("bool", "bool"): "bool"} | table(INTEGERS) | table(FLOATS)
    order = ("bool", "integer", "inexact")

    def rank(name: str) -> int:
        dtype = DTYPES[name]
        kind = "integer" if dtype.is_integer else "inexact"
        return order.index("bool" if name == "bool" else kind)

    # The standard is silent on mixed kinds: the greater one's data type.
    for pair in itertools.product(DTYPES, DTYPES):
        if rank(pair[0]) != rank(pair[1]):
            found[pair] = max(pair, key=rank)
    return found


EXPECTED = expected()


def test_the_table_is_complete() -> None:
    assert len(EXPECTED) == 225


@pytest.mark.parametrize("pair", EXPECTED, ids="-".join)
def test_result_type(pair: tuple[str, str]) -> None:
    first, second = (DTYPES[name] for name in pair)
    wanted = EXPECTED[pair]
    if wanted is None:
        with pytest.raises(TypeError, match="no data type holds all values of both"):
            um.result_type(first, second)
        assert not um.can_cast(first, second)
    else:
        assert um.result_type(first, second) is DTYPES[wanted]
        assert um.can_cast(first, second) == (wanted == second.name)
