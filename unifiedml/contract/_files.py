"""The rows, read from the files beside this module."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from unifiedml.contract._row import Row

__all__ = ["Chapter", "chapters", "rows"]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The rows of one file.

    Attributes:
        name: The name of the file.
        title: The heading of its part of the page.
        rows: In the order of the file.
    """

    name: str
    title: str
    rows: tuple[Row, ...]


@cache
def chapters() -> tuple[Chapter, ...]:
    """Return all chapters, by name.

    Example:
        >>> all(chapter.rows for chapter in chapters())
        True
    """
    found = [file for file in files(__package__).iterdir() if file.name[-5:] == ".toml"]
    result = []
    for file in sorted(found, key=lambda file: file.name):
        content = tomllib.loads(file.read_text("utf-8"))
        name = file.name.removesuffix(".toml")
        entries = tuple(Row.of(entry, name) for entry in content["row"])
        result.append(Chapter(name, content["title"], entries))
    return tuple(result)


def rows() -> tuple[Row, ...]:
    """Return all rows of all chapters.

    Example:
        >>> len(rows()) > 100
        True
    """
    return tuple(row for chapter in chapters() for row in chapter.rows)
