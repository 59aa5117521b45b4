"""Programs for arguments of all sizes, from three that were traced."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from unifiedml._backend.objects import Program
from unifiedml._backend.sizes import (
    SAMPLES,
    ChangedError,
    Number,
    are_alike,
    merged,
)
from unifiedml._jit._program import Traced
from unifiedml._jit._signature import Arguments, Shapes
from unifiedml._sizes import Question

__all__ = ["Families", "Sized"]

_KINDS: Final = 64
"""Kinds of call whose programs are remembered: the latest."""
_MOST: Final = 8
"""Families of one kind: batches of several sizes, say, of sentences of all lengths."""
_PATIENCE: Final = 6
"""Programs of one kind that are traced without one for all sizes coming of it."""


class Sized:
    """A family's program at one size."""

    compiled = False

    def __init__(self, traced: Traced, program: Program) -> None:
        self._traced = traced
        self.program = program
        self.holds = traced.holds
        self.runs = 0

    def run(self, arguments: Arguments) -> Any:
        """Return the result for arguments of this size."""
        return self._traced.run(arguments, self.program)


class Families:
    """What has been traced, by what it may become."""

    def __init__(self) -> None:
        self._families: OrderedDict[Any, list[_Family]] = OrderedDict()
        self._traced: dict[Any, int] = {}

    def is_hopeful(self, kind: Any) -> bool:
        """Tell whether tracing may lead to a program for all sizes."""
        return self._traced.get(kind, 0) < _PATIENCE

    def find(self, kind: Any, shapes: Shapes) -> Sized | None:
        """Return a program for a call that has not been traced."""
        sizes = _flat(shapes)
        for family in self._families.get(kind, ()):
            found = family.at(sizes)
            if found is not None:
                return found
        return None

    def add(self, kind: Any, shapes: Shapes, traced: Traced) -> None:
        """Note what has been traced."""
        families = self._families.setdefault(kind, [])
        self._families.move_to_end(kind)
        while len(self._families) > _KINDS:
            gone, _ = self._families.popitem(last=False)
            self._traced.pop(gone, None)
        self._traced[kind] = self._traced.get(kind, 0) + 1
        sizes = _flat(shapes)
        for family in families:
            # Others wait for their mode to come back.
            if family.holds() and family.add(sizes, traced):
                if family.is_general:
                    self._traced[kind] = 0
                return
        families.append(_Family(sizes, traced))
        del families[:-_MOST]


class _Family:
    """Programs of one kind whose arguments differ in one size alone.

    It serves sizes between those that have been traced: a way that the function takes
    from some size on has been seen, then. And it serves those only that differ from
    them by multiples of what they differ by themselves: what is done by remainders,
    such as the padding of strides, is the same.
    """

    def __init__(self, sizes: Sequence[int], traced: Traced) -> None:
        self._first = sizes
        self._places: Sequence[int] = ()
        self._samples: list[tuple[int, Traced]] = [(0, traced)]
        self._general: _General | None = None
        self._step = 0

    @property
    def is_general(self) -> bool:
        """Whether it has a program for all sizes."""
        return self._general is not None

    def holds(self) -> bool:
        """Tell whether what was traced last still does what the function would."""
        return self._samples[-1][1].holds()

    def _size(self, sizes: Sequence[int]) -> int | None:
        """Return the one size in which arguments differ; None if they differ more."""
        if not self._places:
            return None
        found = {sizes[place] for place in self._places}
        fixed = [
            one == sizes[place] or place in self._places
            for place, one in enumerate(self._first)
        ]
        return found.pop() if len(found) == 1 and all(fixed) else None

    def at(self, sizes: Sequence[int]) -> Sized | None:
        size, general = self._size(sizes), self._general
        if general is None or size is None or not self.holds():
            return None
        if (size - self._samples[-1][0]) % self._step:
            return None
        return general.at(size)

    def add(self, sizes: Sequence[int], traced: Traced) -> bool:
        """Take in what has been traced, if it belongs here."""
        if not self._places:
            self._choose_places(sizes)
        size, last = self._size(sizes), self._samples[-1][1]
        if size is None or size < 2 or not _take_one_way(traced, last):
            return False
        others = [one for one in self._samples if one[0] != size]
        if self._general is not None:
            samples = [*_ends(others), (size, traced)]
            general = _general(samples) if len(samples) == SAMPLES else None
            if general is None:
                return False
            self._general, self._samples = general, samples
            self._step = math.gcd(self._step, size - samples[0][0])
            return True
        self._samples = [*others, (size, traced)][-SAMPLES:]
        if len(self._samples) == SAMPLES:
            self._general = _general(self._samples)
            self._step = math.gcd(*(one - size for one, _ in self._samples))
        return True

    def _choose_places(self, sizes: Sequence[int]) -> None:
        """Choose where arguments differ: where the second differs from the first."""
        both = list(enumerate(zip(self._first, sizes, strict=True)))
        differing = {pair for _, pair in both if pair[0] != pair[1]}
        if len(differing) == 1 and all(min(pair) > 1 for pair in differing):
            ((size, _),) = differing
            self._places = [place for place, pair in both if pair in differing]
            self._samples = [(size, self._samples[0][1])]


def _ends(samples: Sequence[tuple[int, Traced]]) -> list[tuple[int, Traced]]:
    """Return those of the smallest and the largest size, if these are two."""
    ordered = sorted(samples, key=lambda one: one[0])
    return [ordered[0], *ordered[1:][-1:]]


class _General:
    """A program for all sizes between two."""

    def __init__(self, samples: Sequence[tuple[int, Traced]]) -> None:
        sizes = [size for size, _ in samples]
        traced = [one for _, one in samples]
        self._range = min(sizes), max(sizes)
        self._traced = traced[-1]
        self._questions = _questions(traced, sizes)
        programs = [one.program for one in traced]
        if not all(are_alike(traced[0].result, one.result) for one in traced):
            raise ChangedError
        self._program = programs[0].generalized(programs[1:], sizes)

    def at(self, size: int) -> Sized | None:
        low, high = self._range
        if not low <= size <= high:
            return None
        try:
            for question in self._questions:
                operands = [_at(one, size) for one in question.operands]
                if question.function(*operands) != question.answer:
                    return None
            return Sized(self._traced, self._program(size))
        except ChangedError:
            return None


def _at(number: Any, size: int) -> Any:
    return number.at(size) if isinstance(number, Number) else number


def _general(samples: Sequence[tuple[int, Traced]]) -> _General | None:
    try:
        return _General(samples)
    except ChangedError:
        return None


def _take_one_way(one: Traced, other: Traced) -> bool:
    """Tell whether two have asked the same, and were told the same."""
    return [(q.function, q.answer) for q in one.questions] == [
        (q.function, q.answer) for q in other.questions
    ]


def _questions(traced: Sequence[Traced], sizes: Sequence[int]) -> list[Question]:
    """Return what has been asked, and was told each time, for all sizes."""
    found = []
    for asked in zip(*(one.questions for one in traced), strict=True):
        operands = zip(*(question.operands for question in asked), strict=True)
        known = tuple(merged(each, sizes) for each in operands)
        found.append(Question(asked[0].function, known, asked[0].answer))
    return list(dict.fromkeys(found))


def _flat(shapes: Shapes) -> Sequence[int]:
    return [size for shape in shapes for size in shape]
