"""Shapes and the like, as TensorFlow's kernels take them."""

from __future__ import annotations

import pytest

integers = pytest.importorskip(
    "unifiedml_tensorflow._import", reason="about TensorFlow's kernels"
).integers


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([3, -4], "int32"),
        ([2**31 - 1], "int32"),
        ([2**31], "int64"),
        ([5, -(2**31)], "int64"),
    ],
)
def test_large_ones_are_wide(values: list[int], name: str) -> None:
    found = integers(tuple(values))
    assert found.dtype.name == name
    assert found.numpy().tolist() == values
