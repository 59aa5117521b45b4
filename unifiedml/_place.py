"""Where modules and parameters stand in a model: owners, paths, the model in use.

A node is a module or a parameter: it has an attribute ``_place``. Modules also have
``_settle()``, which tells everything inside them its place.
"""

from __future__ import annotations

import itertools
import weakref
from contextvars import ContextVar
from typing import Any, Final

__all__ = [
    "Place",
    "changed",
    "edited",
    "edits",
    "modes",
    "path_of",
    "put",
    "root_of",
    "running",
    "version",
]


running: Final[ContextVar[Any]] = ContextVar("unifiedml_running", default=None)
"""The outermost module that is being called."""

modes: Final[ContextVar[dict[int, bool] | None]] = ContextVar(
    "unifiedml_modes", default=None
)
"""Which modules, by ``id``, are in training mode or not in this thread and task,
whatever their attributes say."""

_changes = itertools.count(1)
version: int = 0
"""Differs whenever a module anywhere may have been given a new part."""


edits: int = 0
"""Differs whenever an attribute of a module anywhere has been set."""


def changed() -> None:
    """Note that a module may have been given a new part."""
    global version
    version = next(_changes)


def edited() -> None:
    """Note that an attribute of a module has been set."""
    global edits
    edits = next(_changes)


class Place:
    """The module that holds a node, and the node's name there."""

    __slots__ = ("_owner", "name")

    def __init__(self, owner: Any, name: str) -> None:
        self._owner = weakref.ref(owner)
        self.name = name

    @property
    def owner(self) -> Any:
        """The module; None once it is gone."""
        return self._owner()


def _owner(node: Any) -> Any:
    place: Place | None = node._place
    return None if place is None else place.owner


def root_of(node: Any) -> Any:
    """Return the outermost module that holds ``node``, or ``node`` itself."""
    while (owner := _owner(node)) is not None:
        node = owner
    return node


def put(node: Any, owner: Any, name: str) -> None:
    """Give ``node`` a place in ``owner``, unless ``owner`` is inside ``node``."""
    above = owner
    while above is not None:
        if above is node:
            return
        above = _owner(above)
    node._place = Place(owner, name)


def path_of(node: Any, *, settle: bool = False) -> str:
    """Return the name of ``node`` in the model that it is part of.

    Args:
        node: A module or a parameter.
        settle: Look the whole model through first, so that the name is the one that
            the model itself gives, whatever was put into what in which order.
    """
    # What was put into a list after the list was made an attribute is found only
    # by looking through the model, which is the one that is running.
    caller = running.get()
    if caller is not None and (outer := root_of(caller)) is not root_of(node):
        outer._settle()
    if settle and (top := root_of(node)) is not node:
        top._settle()
    names: list[str] = []
    while (owner := _owner(node)) is not None:
        names.append(node._place.name)
        node = owner
    return ".".join(reversed(names))
