"""Convolutions over three axes, with gradients: the table draws only their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_parity

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
