"""``x[key]`` and ``x[key] = value`` run no operation that they do not need."""

from __future__ import annotations

from typing import Any

import pytest

import unifiedml as um


@pytest.mark.parametrize(
    ("key", "calls"),
    [
        (0, ["getitem"]),
        (slice(1, 3), ["getitem"]),
        ((..., 0), ["getitem"]),
        (slice(None, None, -1), ["getitem"]),
        ((slice(None), None), ["reshape"]),
        (..., []),
        ([0, 1], ["take"]),
        ((slice(None), [0, 1]), ["take"]),
        ((slice(None), [0, 1], [1, 2]), ["reshape", "take"]),
    ],
)
def test_keys_do_no_needless_work(backend: str, key: Any, calls: list[str]) -> None:
    traced = um.graph(lambda x: x[key])(um.zeros((3, 4, 5)))
    ran = [node.operation for node in traced.nodes]
    assert [name for name in ran if name not in ("input", "constant")] == calls


@pytest.mark.parametrize(
    ("key", "calls"),
    [
        (0, ["broadcast_to", "setitem"]),
        (slice(1, 3), ["broadcast_to", "setitem"]),
        (..., ["broadcast_to"]),
        # Kernels that scatter take rows.
        ([0, 1], ["broadcast_to", "reshape", "reshape", "scatter", "reshape"]),
    ],
)
def test_writing_does_no_needless_work(
    backend: str, key: Any, calls: list[str]
) -> None:
    def write(x: um.Tensor) -> um.Tensor:
        x[key] = 1.0
        return x

    traced = um.graph(write)(um.zeros((3, 4, 5)))
    ran = [node.operation for node in traced.nodes]
    assert [name for name in ran if name not in ("input", "constant")] == calls
