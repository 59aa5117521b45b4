"""Trees of dicts, lists, tuples and modules."""

from __future__ import annotations

import types
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from unifiedml._tree import expand, leaves, map_tree, rebuild


class Pair(NamedTuple):
    first: Any
    second: Any


class Model:
    """What the tree asks of a module."""

    def __init__(self, **parameters: Any) -> None:
        self._parameters = parameters

    def trainable_parameters(self) -> dict[str, Any]:
        return self._parameters


TREES = st.recursive(
    st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=12,
)


@given(TREES)
def test_a_tree_is_rebuilt_from_its_leaves(tree: Any) -> None:
    again = rebuild(tree, leaves(tree))
    assert again == tree
    assert repr(again) == repr(tree), "kinds of branches stay, too"


@given(TREES)
def test_a_map_reaches_each_leaf_once_in_order(tree: Any) -> None:
    seen: list[int] = []
    mapped = map_tree(lambda leaf: seen.append(leaf) or (leaf, "seen"), tree)
    assert seen == leaves(tree)
    assert map_tree(lambda leaf: leaf, mapped) == mapped
    assert leaves(mapped) == [part for leaf in seen for part in (leaf, "seen")]


def test_none_is_a_tree_without_leaves() -> None:
    assert leaves(None) == []
    assert leaves([None, 1, {"a": None}]) == [1]
    assert map_tree(str, [None, 1]) == [None, "1"]


def test_dicts_are_in_their_own_order() -> None:
    assert leaves({"b": 1, "a": 2}) == [1, 2]


def test_kinds_of_dicts_stay_what_they_are() -> None:
    ordered = map_tree(str, OrderedDict(b=1, a=2))
    assert ordered == OrderedDict(b="1", a="2")
    assert type(ordered) is OrderedDict

    counts: defaultdict[str, Any] = defaultdict(list, a=1)
    mapped = map_tree(str, counts)
    assert mapped == {"a": "1"}
    assert mapped["new"] == []
    assert counts == {"a": 1}, "the tree that was given is untouched"

    assert map_tree(str, types.MappingProxyType({"a": 1})) == {"a": "1"}


def test_modules_stand_for_the_dict_of_their_parameters() -> None:
    model = Model(weight=1, bias=2)
    assert leaves(model) == [model]
    assert expand(model) == {"weight": 1, "bias": 2}
    assert expand({"a": [model, None], "b": Pair(3, model)}) == {
        "a": [{"weight": 1, "bias": 2}, None],
        "b": Pair(3, {"weight": 1, "bias": 2}),
    }


def test_expanding_copies_the_dict_of_a_module() -> None:
    model = Model(weight=1)
    expand(model)["weight"] = 5
    assert expand(model) == {"weight": 1}


def test_a_class_of_modules_is_a_leaf() -> None:
    assert expand(Model) is Model
