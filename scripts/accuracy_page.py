"""The page docs/accuracy.md: what `accuracy` has measured, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from unifiedml.testing._accuracy import Kind, Measured
from unifiedml.tolerance import FAMILIES

__all__ = ["Row", "names_on", "page", "table"]

COLUMNS: Final = (
    "float64",
    "float32",
    "bfloat16",
    "float16",
    "complex128",
    "complex64",
)
TITLES: Final = {"torch": "PyTorch", "tensorflow": "TensorFlow"}


@dataclass(frozen=True)
class Row:
    """What was measured of one operation.

    Attributes:
        name: Of the operation.
        kind: Values or gradients.
        measured: The worst errors.
        exact: Whether the oracle has multiple precision.
    """

    name: str
    kind: Kind
    measured: Measured
    exact: bool = False

    @property
    def is_exact(self) -> bool:
        """Tell whether no result was rounded, or none is a floating-point number."""
        return all(one.error == 0 for one in self.measured.worst.values())


def table(rows: Sequence[Row], backends: Sequence[str]) -> str:
    """Return the rows as a table."""
    lines = [
        f"| operation | family | share | {' | '.join(COLUMNS)} |",
        f"|---|---|---|{'---|' * len(COLUMNS)}",
    ]
    for row in rows:
        cells = " | ".join(_cell(row, dtype, backends) for dtype in COLUMNS)
        families = ", ".join(
            sorted(row.measured.family, key=list(FAMILIES).index)
        ).replace("_", " ")
        mark = " ◆" if row.exact else ""
        share = f"{row.measured.share():.0%}"
        lines.append(f"| `{row.name}`{mark} | {families} | {share} | {cells} |")
    return "\n".join(lines)


def _cell(row: Row, dtype: str, backends: Sequence[str]) -> str:
    found = [row.measured.worst.get((dtype, backend)) for backend in backends]
    known = [one for one in found if one is not None and one.elements]
    if not known:
        return ""
    if row.kind == "gradients" and dtype in ("float64", "complex128"):
        return f"↔ {_number(known[0].error)}"
    texts = ["–" if one is None else _number(one.error) for one in found]
    return texts[0] if len(set(texts)) == 1 else " / ".join(texts)


def _number(error: float) -> str:
    if error == 0:
        return "0"
    if error < 0.05:
        return "<0.1"
    return f"{error:.1f}" if error < 9.95 else f"{error:.0f}"


def page(
    rows: Sequence[Row],
    methods: Sequence[str],
    backends: Sequence[str],
    versions: Mapping[str, str],
) -> str:
    """Return the whole page."""
    order = " / ".join(TITLES.get(name, name) for name in backends)
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    rounded = {kind: _rounded(rows, kind) for kind in ("values", "gradients")}
    unrounded = sorted({row.name for row in rows} - {row.name for row in _all(rounded)})
    worst = max(_all(rounded), key=lambda row: row.measured.share())
    numbers = sum(one.elements for row in rows for one in row.measured.worst.values())
    return _TEXT.format(
        order=order,
        versions=named,
        numbers=f"{numbers:,}",
        operations=len({row.name for row in rows}),
        worst=worst.name,
        beyond=_names([row.name for row in _all(rounded) if row.measured.share() > 1])
        or "none",
        share=f"{worst.measured.share():.0%}",
        values=table(rounded["values"], backends),
        gradients=table(rounded["gradients"], backends),
        exact=_names(unrounded),
        methods=_names(methods),
    )


def _all(rounded: Mapping[str, Sequence[Row]]) -> list[Row]:
    return [row for some in rounded.values() for row in some]


def _rounded(rows: Sequence[Row], kind: str) -> list[Row]:
    return [row for row in rows if row.kind == kind and not row.is_exact]


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def names_on(text: str) -> set[str]:
    """Return the operations that a page names."""
    return set(re.findall(r"`([A-Za-z_0-9.]+)`", text))


_TEXT: Final = """\
# How accurate the operations are

<!-- Written by `make accuracy` (scripts/accuracy.py). Do not edit. -->

The worst error found in {numbers} numbers computed by {operations} operations,
{order}. Two numbers in a cell are of {order}; one number is of both.
Measured on x86-64 CPUs with {versions}.

**Read it so.** `tanh`, float32, *2.3 / 0.5*: no result of TensorFlow was farther from
the exact one than 2.3 `eps` times the result, none of PyTorch more than half an `eps`.
`eps` is the spacing of numbers at 1: 2.2e-16 in float64, 1.2e-7 in float32, 7.8e-3 in
bfloat16 and 9.8e-4 in float16. 0.5 is perfect: the exact result, rounded. Where terms
cancel the error is in units of their size, not of the result: a sum has `Σ|x|`, a
matrix product `|A| @ |B|`. 0 means that every result was the exact one, rounded to it
or not.

**Share** is how much of the bound the worst of all errors used. The bounds come from
the error analysis of each family of operations (`unifiedml/tolerance.py` has the
theorems and constants); two backends may differ by twice the bound. The largest share
of all is {share} (`{worst}`). Beyond their bound, which makes them defects: {beyond}.

**Exact means exact.** ◆: compared with mpmath, 40 digits, on 600 more numbers of each
data type. Otherwise the oracle is NumPy's or SciPy's formula in extended precision (80
bits) for float64 where NumPy has it, and in float64 for the shorter types, on the same
rounded operands. Calls, edge values and shapes are drawn by Hypothesis as in the parity
tests. Results within a few of the smallest normal numbers, which TensorFlow flushes to
zero, count as 0.

## Values

{values}

## First gradients

Vector-Jacobian products for random cotangents, compared with derivatives by
extrapolated differences in float64. Those are not good enough for float64 itself: there
↔ is the distance between the two backends. float16 and bfloat16 store intermediate
values in 16 bits, so more than 0.5 is normal.

{gradients}

## Not rounded

Every result of these was equal to the oracle's: they choose, compare, count or move
numbers.

{exact}

## Methods and operators

They call the functions above and are compared like them, not measured again.

{methods}
"""
