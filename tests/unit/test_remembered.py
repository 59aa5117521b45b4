"""Rules whose answers are kept tell apart what is equal and not the same."""

from __future__ import annotations

import pytest

import unifiedml as um
from unifiedml._rules.remembered import remembered


def test_an_answer_is_computed_once() -> None:
    asked = []

    @remembered
    def rule(given: object, beside: object) -> object:
        asked.append(given)
        return given

    assert rule((1, 2), 3) == rule((1, 2), 3) == (1, 2)
    assert rule([1, 2], 3) == rule([1, 2], 3) == [1, 2]
    assert asked == [(1, 2), [1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (lambda x: um.reshape(x, (1, 2)), lambda x: um.reshape(x, (1.0, 2.0))),
        (lambda x: um.sum(x, axis=(0, 1)), lambda x: um.sum(x, axis=(0, True))),
        (
            lambda x: um.permute_dims(x, (0, 1)),
            lambda x: um.permute_dims(x, (0.0, 1.0)),
        ),
        (lambda x: um.sum(x, axis=1), lambda x: um.sum(x, axis=True)),
    ],
)
def test_wrong_types_raise_after_right_ones(right: object, wrong: object) -> None:
    x = um.ones((2, 1))
    right(x)
    with pytest.raises(TypeError):
        wrong(x)
    right(x)
