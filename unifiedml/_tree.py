"""Trees: nested dicts, lists, tuples and modules, with tensors as leaves.

None is a tree without leaves. A dict is in its own order.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any

from unifiedml._tensor import Tensor

__all__ = [
    "aligned",
    "are_same",
    "expand",
    "is_module",
    "leaves",
    "map_tree",
    "rebuild",
    "tensors",
    "twins",
]


def is_module(tree: Any) -> bool:
    """Tell whether ``tree`` has parameters of its own, as `unifiedml.nn.Module`."""
    return hasattr(tree, "trainable_parameters") and not isinstance(tree, type)


def are_same(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Tell whether two sequences hold the same objects, in one order."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def expand(tree: Any) -> Any:
    """Return the tree with each module replaced by the dict of its parameters."""
    if is_module(tree):
        return dict(tree.trainable_parameters())
    children = _children(tree)
    return tree if children is None else _like(tree, map(expand, children))


def leaves(tree: Any) -> list[Any]:
    """Return the leaves, depth first; a module is a leaf until it is expanded."""
    return list(_walk(tree))


def twins(tree: Any) -> Any:
    """Return the tree for a function that may write into its tensors, and containers.

    They have the same values and histories, and nobody else holds them.
    """
    return map_tree(lambda x: x._twin() if type(x) is Tensor else x, tree)


def tensors(tree: Any) -> list[Tensor]:
    """Return the leaves that are tensors, those of modules included."""
    return [leaf for leaf in _walk(expand(tree)) if isinstance(leaf, Tensor)]


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return the tree with ``function`` applied to each leaf."""
    if tree is None:
        return None
    children = _children(tree)
    if children is None:
        return function(tree)
    return _like(tree, (map_tree(function, child) for child in children))


def rebuild(tree: Any, values: Iterable[Any]) -> Any:
    """Return the tree with its leaves replaced, in order, by ``values``."""
    iterator = iter(values)
    return map_tree(lambda _: next(iterator), tree)


def aligned(tree: Any, other: Any, name: str, whose: str) -> Iterator[tuple[Any, Any]]:
    """Yield each leaf of ``tree`` with what stands there in ``other``.

    Args:
        tree: A tree without modules.
        other: What should have its structure.
        name: What ``other`` is called in messages.
        whose: What ``tree`` is called there.

    Raises:
        ValueError: The structures differ.
    """
    if tree is None:
        fits = other is None
    elif _children(tree) is None:
        yield tree, other
        return
    elif isinstance(tree, list | tuple):
        fits = isinstance(other, list | tuple) and len(other) == len(tree)
    else:
        fits = isinstance(other, Mapping) and other.keys() == tree.keys()
    if not fits:
        raise ValueError(
            f"{name} has the structure of the {whose}, {_outline(tree)}, not "
            f"{_outline(other)}"
        )
    if tree is not None:
        keys = tree if isinstance(tree, Mapping) else range(len(tree))
        for key in keys:
            yield from aligned(tree[key], other[key], name, whose)


def _outline(tree: Any) -> str:
    """Return the outermost level of a tree, for messages."""
    if isinstance(tree, list | tuple):
        return f"a {type(tree).__name__} of {len(tree)}"
    if isinstance(tree, Mapping):
        return f"a dict of {list(tree)}"
    return "None" if tree is None else f"one {type(tree).__name__}"


def _children(tree: Any) -> Collection[Any] | None:
    """Return the branches of an inner node, None for a leaf."""
    # Whether something is a Mapping is a slow question: first what it mostly is.
    if isinstance(tree, Tensor):
        return None
    if isinstance(tree, list | tuple):
        return tree
    return tree.values() if isinstance(tree, Mapping) else None


def _walk(tree: Any) -> Iterator[Any]:
    children = _children(tree)
    if children is not None:
        for child in children:
            yield from _walk(child)
    elif tree is not None:
        yield tree


def _like(tree: Any, values: Iterable[Any]) -> Any:
    """Return an inner node like ``tree`` of other branches."""
    if not isinstance(tree, list | tuple):
        items = dict(zip(tree, values, strict=True))
        if type(tree) is dict or not isinstance(tree, dict):
            return items
        # An OrderedDict, a defaultdict: what else it knows stays.
        result = copy.copy(tree)
        result.update(items)
        return result
    if hasattr(tree, "_fields"):
        return type(tree)(*values)
    return type(tree)(values)
