"""One graph from those that were traced at several sizes."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unifiedml._backend.sizes import (
    ChangedError,
    Nested,
    Number,
    merged,
    nested,
)
from unifiedml_tensorflow._import import context, tf

__all__ = ["General", "general", "merged_tree", "numbers"]

Array = npt.NDArray[Any]


_counter: Final = itertools.count()


@dataclass(frozen=True)
class Constant:
    """An array in which some numbers depend on the size.

    Attributes:
        name: The argument that stands for it.
        dtype: Its data type.
        values: Its elements, in lists; or what it is a part of.
    """

    name: str
    dtype: npt.DTypeLike
    values: Any

    def at(self, size: int) -> Array:
        """Return the array at a size."""
        if isinstance(self.values, Nested):
            return np.asarray(self.values.at(size))
        return np.asarray(numbers(self.values, size), self.dtype)


def numbers(tree: Any, size: int) -> Any:
    """Return nested sequences as lists, with what numbers are at a size."""
    if isinstance(tree, list | tuple):
        return [numbers(one, size) for one in tree]
    return tree.at(size) if isinstance(tree, Number) else tree


def merged_tree(trees: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return nested sequences of one form as lists, with numbers that depend.

    Raises:
        ChangedError: They have other forms, or differ in something else.
    """
    first = trees[0]
    if isinstance(first, list | tuple):
        if len({len(one) for one in trees}) > 1:
            raise ChangedError
        return [merged_tree(each, sizes) for each in zip(*trees, strict=True)]
    return merged(trees, sizes)


@dataclass(frozen=True, eq=False)
class General:
    """A function of TensorFlow's runtime for arguments of all sizes.

    Attributes:
        definition: The function, with further arguments at the end.
        constants: What these are.
        inside: The functions that it calls.
    """

    definition: Any
    constants: Sequence[Constant]
    inside: Sequence[General]

    def register(self) -> str:
        """Have the runtime know the function as long as this lives; return its name."""
        runtime, name = context.context(), str(self.definition.signature.name)
        runtime.add_function_def(self.definition)
        weakref.finalize(self, runtime.remove_function, name)
        return name


def general(definitions: Sequence[Any], sizes: Sequence[int]) -> General:
    """Return a function whose constants are arguments where they depend on the size.

    Raises:
        ChangedError: The functions differ in something else.
    """
    first = definitions[0]
    made = type(first)()
    made.CopyFrom(first)
    made.signature.name = f"{first.signature.name}_of_any_size_{next(_counter)}"
    del made.node_def[:]
    for argument in made.arg_attr.values():
        argument.attr.pop("_output_shapes", None)
    if not _are_equal([_around(one) for one in definitions]):
        raise ChangedError
    constants: dict[str, Constant] = {}
    inside: list[General] = []
    for nodes in zip(*(one.node_def for one in definitions), strict=True):
        if nodes[0].op != "Const" or _are_equal(nodes):
            made.node_def.add().CopyFrom(_node(nodes, sizes, inside))
            continue
        constant = _constant(f"size_{len(constants)}", nodes, sizes)
        kind = nodes[0].attr["dtype"].type
        made.signature.input_arg.add(name=constant.name, type=kind)
        constants[nodes[0].name] = constant
    for node in made.node_def:
        inputs = [_renamed(one, constants) for one in node.input]
        node.input[:] = [one for one in inputs if one]
    for name, one in made.ret.items():
        made.ret[name] = _renamed(one, constants)
    return General(made, list(constants.values()), inside)


def _are_equal(messages: Sequence[Any]) -> bool:
    return all(one == messages[0] for one in messages)


def _around(definition: Any) -> Any:
    """Return all of a function but its nodes, its name, and the sizes of arguments."""
    rest = type(definition)()
    rest.CopyFrom(definition)
    rest.signature.name = str(len(rest.node_def))
    del rest.node_def[:]
    for argument in rest.arg_attr.values():
        argument.attr.pop("_output_shapes", None)
    return rest


def _node(nodes: Sequence[Any], sizes: Sequence[int], inside: list[General]) -> Any:
    """Return a node that differs in sizes it needs not know, and in what it calls."""
    if _are_equal(nodes):
        return nodes[0]
    made = type(nodes[0])()
    made.CopyFrom(nodes[0])
    for name in made.attr:
        values = [node.attr[name] for node in nodes]
        if name == "output_shapes":
            made.attr[name].list.Clear()
        elif made.attr[name].HasField("func"):
            called = [one.func.name for one in values]
            made.attr[name].func.name = _called(called, sizes, inside)
    rest = []
    for node in nodes:
        other = type(node)()
        other.CopyFrom(node)
        for name, value in made.attr.items():
            if name == "output_shapes" or value.HasField("func"):
                other.attr[name].CopyFrom(value)
        rest.append(other)
    if not _are_equal(rest):
        raise ChangedError
    return made


def _called(names: Sequence[str], sizes: Sequence[int], inside: list[General]) -> str:
    """Return the name of a function for all sizes that a node may call."""
    runtime = context.context()
    found = general([runtime.get_function_def(name) for name in names], sizes)
    if found.constants:
        # Nobody would give it these.
        raise ChangedError
    inside.append(found)
    return found.register()


def _constant(name: str, nodes: Sequence[Any], sizes: Sequence[int]) -> Constant:
    if len({node.name for node in nodes}) > 1 or any(n.op != "Const" for n in nodes):
        raise ChangedError
    arrays = [tf.make_ndarray(node.attr["value"].tensor) for node in nodes]
    first = arrays[0]
    if any(x.dtype != first.dtype for x in arrays):
        raise ChangedError
    if any(x.shape != first.shape for x in arrays):
        return Constant(name, first.dtype, nested(arrays, sizes, _are_same))
    return Constant(name, first.dtype, merged_tree([x.tolist() for x in arrays], sizes))


def _are_same(x: Array, y: Array) -> bool:
    return x.tobytes() == y.tobytes()


def _renamed(name: str, constants: Mapping[str, Constant]) -> str:
    """Return what an input of a node is called now; nothing for an order that is gone.

    A constant that waits for others does not, as an argument.
    """
    if name.startswith("^"):
        return "" if name[1:] in constants else name
    found = constants.get(name.partition(":")[0])
    return name if found is None else found.name
