"""Trees: nested dicts, lists, tuples and modules, with tensors as leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from unifiedml._tensor import Tensor

__all__ = ["leaves", "map_tree", "rebuild"]


def _children(tree: Any) -> Iterable[Any] | None:
    """Return the branches of an inner node, None for a leaf."""
    if isinstance(tree, Mapping):
        return tree.values()
    if isinstance(tree, list | tuple):
        return tree
    return None


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of a tree, depth first, dicts in their own order.

    A module stands for the dict of its trainable parameters by name.
    """
    return list(_walk(expand(tree)))


def _walk(tree: Any) -> Iterator[Any]:
    children = _children(tree)
    if children is None:
        if tree is not None:
            yield tree
        return
    for child in children:
        yield from _walk(child)


def expand(tree: Any) -> Any:
    """Return the tree with each module replaced by the dict of its parameters."""
    parameters = getattr(tree, "trainable_parameters", None)
    if parameters is not None:
        return parameters()
    if isinstance(tree, Mapping):
        return {key: expand(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return like(tree, [expand(value) for value in tree])
    return tree


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return the tree with ``function`` applied to each leaf; None stays None."""
    if isinstance(tree, Mapping):
        return {key: map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return like(tree, [map_tree(function, value) for value in tree])
    return None if tree is None else function(tree)


def rebuild(tree: Any, values: Iterable[Any]) -> Any:
    """Return the tree with its leaves replaced, in order, by ``values``."""
    iterator = iter(values)
    return map_tree(lambda _: next(iterator), tree)


def like(tree: list[Any] | tuple[Any, ...], values: list[Any]) -> Any:
    """Return a list, tuple or named tuple like ``tree`` of other values."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*values)
    return type(tree)(values)


def tensors(tree: Any) -> list[Tensor]:
    """Return the leaves that are tensors."""
    return [leaf for leaf in leaves(tree) if isinstance(leaf, Tensor)]
