"""One list of calls from those that were written down at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unifiedml._backend.sizes import (
    ChangedError,
    Number,
    are_alike,
    merged,
    nested,
    number_of,
)
from unifiedml_torch._tracing import Call, Record, Sized, Value, copied

__all__ = ["general"]


def general(records: Sequence[Record], sizes: Sequence[int]) -> Record:
    """Return a record whose calls have a `Number` where they differ by the size.

    Raises:
        ChangedError: They differ in something else.
    """
    return _Merged(sizes).record(records)


class _Merged:
    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = sizes
        # For each other record, its keys of tensors in those of the first.
        self._keys: list[dict[int, int]] = [{} for _ in sizes[1:]]
        self._constants: dict[int, Value | Sized] = {}

    def record(self, records: Sequence[Record]) -> Record:
        first = records[0]
        for known in zip(*(one.given for one in records), strict=True):
            _demand(len({name for name, _ in known}) == 1)
            self._same_key([key for _, key in known])
        _demand(all(one.cells == first.cells for one in records))
        calls = [self._call(calls) for calls in _zipped([r.calls for r in records])]
        outputs = []
        for x in self.tree([one.outputs for one in records]):
            if not isinstance(x, Value):
                call = copied(x)
                calls.append(call)
                x = call.result
            outputs.append(x)
        return Record(
            calls,
            first.given,
            outputs,
            first.cells,
            [
                (records[-1].hosts[number][0], self.tree(shapes), device)
                for number, (shapes, device) in enumerate(self._hosts(records))
            ],
        )

    def _hosts(self, records: Sequence[Record]) -> list[tuple[list[Any], str]]:
        found = []
        for hosts in _zipped([one.hosts for one in records]):
            reads, shapes, devices = zip(*hosts, strict=True)
            _demand(
                len(set(devices)) == 1
                and all(are_alike(reads[0], one) for one in reads)
            )
            found.append((list(shapes), devices[0]))
        return found

    def _call(self, calls: Sequence[Call]) -> Call:
        first = calls[0]
        _demand(all(c.function == first.function for c in calls))
        _demand(all(c.pure == first.pure for c in calls))
        args = self.tree([call.args for call in calls])
        _demand(all(c.options.keys() == first.options.keys() for c in calls))
        options = {
            name: self.tree([call.options[name] for call in calls])
            for name in first.options
        }
        for results in _zipped([call.results for call in calls]):
            self._same_key([x.key for x in results])
        self.tree([call.result for call in calls])
        fits = [n for n in first.fits if all(n in call.fits for call in calls)]
        return Call(first.function, args, options, first.result, first.pure, fits)

    def _same_key(self, keys: Sequence[int]) -> None:
        for known, key in zip(self._keys, keys[1:], strict=True):
            _demand(known.setdefault(key, keys[0]) == keys[0])

    def tree(self, trees: Sequence[Any]) -> Any:
        """Return what several trees have in common, with numbers that depend."""
        first = trees[0]
        if isinstance(first, list | tuple):
            _demand(all(isinstance(one, list | tuple) for one in trees))
            return [self.tree(each) for each in _zipped(trees)]
        if isinstance(first, Value):
            _demand(all(isinstance(one, Value) for one in trees))
            return self._value(trees)
        return merged(trees, self._sizes)

    def _value(self, values: Sequence[Value]) -> Value | Sized:
        key = values[0].key
        known = [
            keys.get(value.key)
            for keys, value in zip(self._keys, values[1:], strict=True)
        ]
        if all(one is None for one in known) and key not in self._constants:
            self._constants[key] = self._constant(values)
            self._same_key([value.key for value in values])
        else:
            _demand(all(one == key for one in known))
        return self._constants.get(key, values[0])

    def _constant(self, values: Sequence[Value]) -> Value | Sized:
        """Return what constants are, which nothing has made."""
        tensors = [x for x in (value.tensor for value in values) if x is not None]
        _demand(len(tensors) == len(values) and values[0].key > 0)
        first = tensors[0]
        _demand(len({(x.dtype, x.device) for x in tensors}) == 1)
        if all(x is first or _are_same(x, first) for x in tensors):
            return values[0]
        if first.ndim == 0 and all(x.ndim == 0 for x in tensors):
            number = number_of([x.item() for x in tensors], self._sizes)
            return _Scalar(number, first)
        return nested(tensors, self._sizes, _are_same)


@dataclass(frozen=True, eq=False)
class _Scalar:
    """A 0-d tensor whose value depends on the size; of the kind of ``like``."""

    number: Number
    like: torch.Tensor

    def at(self, size: int) -> torch.Tensor:
        return torch.full_like(self.like, self.number.at(size))


def _are_same(x: torch.Tensor, y: torch.Tensor) -> bool:
    """Tell whether two tensors have the same bits; strides are no part of that."""
    if x.shape != y.shape or not x.is_contiguous():
        return False
    bits = [one.contiguous().reshape(-1).view(torch.uint8) for one in (x, y)]
    return torch.equal(*bits)


def _zipped(sequences: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    _demand(len({len(one) for one in sequences}) == 1)
    return list(zip(*sequences, strict=True))


def _demand(condition: bool) -> None:
    if not condition:
        raise ChangedError
