"""Sorting, sets and sums of many elements, against NumPy: right, and not quadratic."""

from __future__ import annotations

import numpy as np

import unifiedml as um
from unifiedml.testing import assert_close

SIZE = 200_000
"""At this size, comparing each element with each other one would take minutes."""

DRAWN = np.random.default_rng(0).integers(0, SIZE // 2, SIZE)


def test_sorting_many(backend: str) -> None:
    x = DRAWN.astype(np.float32)
    order = np.argsort(x, stable=True)
    assert np.array_equal(um.argsort(um.asarray(x)).numpy(), order)
    values, indices = um.topk(um.asarray(x), 100)
    wanted = np.argsort(-x, stable=True)[:100]
    assert np.array_equal(indices.numpy(), wanted)
    assert np.array_equal(values.numpy(), x[wanted])


def test_sets_of_many(backend: str) -> None:
    found = um.unique_all(um.asarray(DRAWN))
    values, first, inverse, counts = np.unique(
        DRAWN, return_index=True, return_inverse=True, return_counts=True
    )
    for actual, wanted in zip(found, (values, first, inverse, counts), strict=True):
        assert np.array_equal(actual.numpy(), wanted)
    members = um.isin(um.asarray(DRAWN), um.asarray(DRAWN[::2]))
    assert np.array_equal(members.numpy(), np.isin(DRAWN, DRAWN[::2]))


def test_sums_of_many(backend: str) -> None:
    x = np.full((SIZE, 2), 0.1, np.float32)
    exact = x.astype(np.float64)
    for actual, wanted in (
        (um.sum(um.asarray(x), axis=0), exact.sum(0)),
        (um.cumulative_sum(um.asarray(x), axis=0), exact.cumsum(0)),
    ):
        assert_close(
            actual.numpy(),
            wanted,
            family="accumulation",
            scale=wanted,
            length=SIZE,
            pair=False,
            dtype="float32",
        )
