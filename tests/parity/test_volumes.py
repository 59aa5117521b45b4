"""Windows over three axes, with gradients, and with steps that differ by the axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close, assert_parity

SHAPES = {
    # Operation: channels of the image, the kernel's last two axes, groups.
    "conv": ((4, (2, 6)), {}),
    "conv_transpose": ((4, (3, 4)), {}),
    "conv_transpose in groups": ((4, (3, 4)), {"groups": 2}),
    "depthwise_conv": ((2, (2, 3)), {}),
}


@pytest.mark.parametrize(
    "steps",
    [
        {},
        {"strides": (1, 2, 2)},
        {"dilation_rate": (2, 1, 2)},
        {"strides": 2, "padding": "valid"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", SHAPES)
def test_of_volumes(kind: str, steps: dict[str, Any]) -> None:
    (channels, last), options = SHAPES[kind]
    random = np.random.default_rng(3)
    x = random.normal(size=(2, 4, 5, 3, channels))
    kernel = random.normal(size=(2, 3, 2, *last))
    options = {"padding": "same"} | options | steps
    operation = getattr(um, kind.split()[0])
    assert_parity(lambda x, kernel: operation(x, kernel, **options), x, kernel)


@pytest.mark.parametrize("pads", [((2, 1),), ((1, 0),), ((0, 2),), ((3, 1),)], ids=str)
@pytest.mark.parametrize("kind", ["conv", "depthwise_conv"])
def test_padding_by_numbers(kind: str, pads: Any) -> None:
    random = np.random.default_rng(4)
    x = random.normal(size=(2, 6, 2))
    kernel = random.normal(size=(3, 2, 3))
    operation = getattr(um, kind)
    assert_parity(lambda x, kernel: operation(x, kernel, padding=pads), x, kernel)
    wide = np.pad(x, ((0, 0), *pads, (0, 0)))
    for backend in um.available_backends():
        with um.use_backend(backend):
            found = operation(um.asarray(x), um.asarray(kernel), padding=pads)
            same = operation(um.asarray(wide), um.asarray(kernel))
            assert_close(found, same.numpy(), family="accumulation", length=6, scale=10)


@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pools_of_volumes(name: str, padding: str, dtype: str) -> None:
    x = np.random.default_rng(5).normal(size=(2, 9, 8, 7, 3)).astype(dtype)
    pool = getattr(um, name)

    def unequal(x: um.Tensor) -> um.Tensor:
        result: um.Tensor = pool(x, (2, 3, 4), strides=(3, 1, 2), padding=padding)
        return result

    assert_parity(unequal, x)
