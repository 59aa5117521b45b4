"""Subscripts of einsum: what they mean for shapes, and in which order to contract."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

Shape = tuple[int, ...]
Labels = tuple[str, ...]


class Contraction(NamedTuple):
    """What an einsum does: the labels of each operand, of the result, and their sizes.

    A dimension of an ellipsis has a label such as ``"...0"``, counted from the last.
    """

    inputs: tuple[Labels, ...]
    output: Labels
    sizes: Mapping[str, int]


def parse(subscripts: str, shapes: Sequence[Shape]) -> Contraction:
    """Return what ``subscripts`` mean for operands of these shapes.

    Raises:
        ValueError: They are malformed, or do not fit the shapes.
    """
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(
            f"einsum {subscripts!r} names {len(terms)} operands, but {len(shapes)} are "
            "given"
        )
    inputs = tuple(
        _labels(term, len(shape), subscripts)
        for term, shape in zip(terms, shapes, strict=True)
    )
    sizes = _sizes(inputs, shapes, subscripts)
    spread = sorted((one for one in sizes if one[0] == "."), reverse=True)
    if not arrow:
        every = [label for labels in inputs for label in labels]
        once = sorted(one for one in set(every) if every.count(one) == 1)
        output = (*spread, *(one for one in once if one[0] != "."))
        return Contraction(inputs, output, sizes)
    output = _labels(right, len(right.replace("...", "")) + len(spread), subscripts)
    if "..." not in right:
        output = tuple(right)
    missing = [one for one in output if one not in sizes]
    if missing or len(set(output)) < len(output):
        raise ValueError(
            f"einsum {subscripts!r}: the result names "
            + (f"{missing[0]!r}, which no operand has" if missing else "one twice")
        )
    return Contraction(inputs, output, sizes)


def _labels(term: str, ndim: int, subscripts: str) -> Labels:
    before, dots, after = term.partition("...")
    letters = before + after
    if not all(one.isalpha() for one in letters):
        raise ValueError(
            f"einsum {subscripts!r}: {term!r} has other characters than letters and "
            "one '...'"
        )
    spread = ndim - len(letters)
    if spread < 0 or (spread and not dots):
        raise ValueError(
            f"einsum {subscripts!r}: {term!r} does not fit an operand of {ndim} "
            "dimensions"
        )
    middle = [f"...{number}" for number in reversed(range(spread))]
    return (*before, *middle, *after)


def _sizes(
    inputs: Sequence[Labels], shapes: Sequence[Shape], subscripts: str
) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        for label, size in zip(labels, shape, strict=True):
            before = sizes.setdefault(label, size)
            if before == size:
                continue
            if label[0] != "." or 1 not in (before, size):
                what = "a dimension of '...'" if label[0] == "." else repr(label)
                raise ValueError(
                    f"einsum {subscripts!r}: {what} has sizes {before} and {size}"
                )
            sizes[label] = size if before == 1 else before
    return sizes


def cheapest_pair(
    operands: Sequence[Labels], output: Labels, sizes: Mapping[str, int]
) -> tuple[int, int]:
    """Return the two operands to multiply next: the smallest product, then the fewest.

    Of all pairs, it is the one whose result is smallest beside what goes into it, and
    of these the one of the fewest multiplications.
    """

    def cost(pair: tuple[int, int]) -> tuple[int, int]:
        first, second = (operands[place] for place in pair)
        kept = kept_labels(first, second, operands, pair, output)
        volume = math.prod(sizes[one] for one in {*first, *second})
        grown = math.prod(sizes[one] for one in kept) - sum(
            math.prod(sizes[one] for one in labels) for labels in (first, second)
        )
        return grown, volume

    return min(combinations(range(len(operands)), 2), key=cost)


def kept_labels(
    first: Labels,
    second: Labels,
    operands: Sequence[Labels],
    pair: tuple[int, int],
    output: Labels,
) -> set[str]:
    """Return the labels of a product of two operands that are still needed."""
    others = [labels for place, labels in enumerate(operands) if place not in pair]
    needed = set(output).union(*others)
    return {*first, *second} & needed
