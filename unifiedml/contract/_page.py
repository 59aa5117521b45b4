"""The rows as a page of tables, for people who look something up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from unifiedml.contract._files import Chapter, chapters, rows
from unifiedml.contract._row import Row

__all__ = ["page"]

_HEAD: Final = """\
# What every operation does, in every odd case

Generated from `unifiedml/contract/*.toml` by `make docs`; do not edit. Each row runs on
every backend and device with every test run (`tests/parity/test_contract.py`).

Arrays without a data type hold in float32 and float64. A gradient is the
vector-Jacobian product for a cotangent of ones, unless one is given. *Open* means that
nothing is promised but that the process goes on.
"""


def page() -> str:
    """Return the page in Markdown.

    Example:
        >>> page().splitlines()[0]
        '# What every operation does, in every odd case'
    """
    parts = [_HEAD, *_deviations(), *_index(), *map(_chapter, chapters())]
    return "\n".join(parts)


def _deviations() -> Iterator[str]:
    found = [row for row in rows() if row.deviation]
    if found:
        yield f"{len(found)} of the {len(rows())} rows are not met on every backend;"
        yield "each of them says what was measured there.\n"
    else:
        yield f"All {len(rows())} rows are met on every backend.\n"


def _index() -> Iterator[str]:
    """Yield the operations, each with links to the chapters that it is in."""
    places: dict[str, dict[str, str]] = {}
    for chapter in chapters():
        for row in chapter.rows:
            places.setdefault(row.operation, {})[chapter.name] = chapter.title
    yield "## Operations\n"
    for name in sorted(places, key=str.lower):
        links = ", ".join(f"[{t}](#{_anchor(t)})" for t in places[name].values())
        yield f"- `{name}`: {links}"
    yield ""


def _anchor(title: str) -> str:
    kept = (c for c in title.lower() if c.isalnum() or c in " -_")
    return "".join(kept).replace(" ", "-")


def _chapter(chapter: Chapter) -> str:
    lines = [f"## {chapter.title}\n"]
    lines.append("| operation | case | call | result | why | source |")
    lines.append("|---|---|---|---|---|---|")
    lines += [_line(row) for row in chapter.rows]
    return "\n".join((*lines, ""))


def _line(row: Row) -> str:
    cells = (
        _code(row.operation),
        _text(row.case),
        "<br>".join(_call(row)),
        "<br>".join(_result(row)),
        "<br>".join((_text(row.reason), *_measured(row))),
        _text(row.source),
    )
    return f"| {' | '.join(cells)} |"


def _call(row: Row) -> Iterator[str]:
    yield from map(_code, row.setup.strip().splitlines())
    yield _code(row.call)
    for name, text in row.operands.items():
        yield _code(f"{name} = {text}")
    if row.cotangent is not None:
        yield f"cotangent {_code(row.cotangent)}"


def _result(row: Row) -> Iterator[str]:
    if row.unspecified:
        yield "*open*"
    if row.raises is not None:
        yield f"raises {_code(row.raises)}"
    if row.equals is not None:
        yield _code(row.equals)
    if row.value is not None:
        yield from map(_code, _several(row.value))
    for name, text in row.gradient.items():
        yield f"∂{name}: {_code(text)}"
    for name, text in row.second.items():
        yield f"∂²{name}: {_code(text)}"


def _measured(row: Row) -> Iterator[str]:
    for backend, text in row.deviation.items():
        yield f"**not on {backend}**: {_text(text)}"
    if row.eager:
        yield f"not inside `um.jit`: {_text(row.eager)}"


def _several(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _text(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    return f"`{_text(text)}`"
