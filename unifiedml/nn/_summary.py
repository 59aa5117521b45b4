"""The table of `Module.summary`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unifiedml._parameter import Buffer, Parameter

if TYPE_CHECKING:
    from unifiedml.nn._module import Module

HEADER = ("layer", "kind", "returns", "parameters")


def table(model: Module, shapes: dict[int, Any]) -> str:
    """Return the layers of ``model``, the shapes they return and their parameters."""
    counted: set[int] = set()
    rows: list[tuple[str, ...]] = []
    total = 0
    for name, module in model.named_modules():
        count, known = _count(module, name, counted)
        total += count
        inner = any(not isinstance(one, Parameter) for _, one in module._children())
        if module is model and inner and not count:
            continue
        returned = str(shapes[id(module)]) if id(module) in shapes else "-"
        shown = f"{count:,}" if known else "unknown yet"
        rows.append((name or "(model)", type(module).__name__, returned, shown))
    return _lines(rows, ("total", "", "", f"{total:,}"))


def _count(module: Module, name: str, counted: set[int]) -> tuple[int, bool]:
    """Return how many numbers are learnt here, those counted before left out."""
    try:
        module._check_built(name)
    except ValueError:
        return 0, False
    total = 0
    for _, one in module._children():
        if isinstance(one, Parameter) and not isinstance(one, Buffer):
            total += 0 if id(one) in counted else math.prod(one.shape)
            counted.add(id(one))
    return total, True


def _lines(rows: list[tuple[str, ...]], total: tuple[str, ...]) -> str:
    everything = [HEADER, *rows, total]
    widths = [max(len(row[place]) for row in everything) for place in range(4)]
    rule = tuple("-" * width for width in widths)

    def line(row: tuple[str, ...]) -> str:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        right = [
            cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)
        ]
        return "  ".join((*left, *right)).rstrip()

    return "\n".join(line(row) for row in (HEADER, rule, *rows, total))
