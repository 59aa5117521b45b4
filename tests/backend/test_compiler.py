"""Programs of the frameworks' compilers refuse what eager code refuses.

XLA gives numbers where TensorFlow's kernels raise an error: an index out of range reads
the last row, a division by zero gives -1, a singular matrix has an inverse.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import unifiedml as um
from unifiedml.testing import assert_close

Function = Callable[..., um.Tensor]

# Arguments that are refused, and such of the same shapes that are not.
CASES: dict[str, tuple[Function, list[Any], list[Any]]] = {
    "floor_divide": (lambda x, y: x // y, [[1, 2], [1, 0]], [[1, 2], [1, 2]]),
    "remainder": (lambda x, y: x % y, [[1, 2], [1, 0]], [[1, 2], [1, 2]]),
    "take": (
        lambda x, i: um.take(x, i, axis=1),
        [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [3]],
        [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [2]],
    ),
    "cross entropy": (
        um.losses.sparse_categorical_crossentropy,
        [[0, 3], [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]],
        [[0, 2], [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]],
    ),
    "inv": (um.linalg.inv, [[[1.0, 2.0], [2.0, 4.0]]], [[[1.0, 2.0], [2.0, 3.0]]]),
    "division in a branch": (
        lambda x, y: um.cond(x[0] > 0, lambda: x // y, lambda: x),
        [[1, 2], [1, 0]],
        [[1, 2], [1, 2]],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_compilers_program_refuses_what_eager_code_refuses(
    backend: str, name: str
) -> None:
    function, bad, good = CASES[name]
    bad, good = [um.tensor(x) for x in bad], [um.tensor(x) for x in good]
    with pytest.raises((ArithmeticError, LookupError, ValueError)) as eager:
        function(*bad)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        compiled = um.jit(function, compiler=True)
        # Sums of up to 8 terms of order 1.
        expected = function(*good).numpy()
        assert_close(compiled(*good), expected, family="accumulation", length=8)
        with pytest.raises(eager.type) as found:
            compiled(*bad)
    assert str(found.value) == str(eager.value)


@pytest.mark.parametrize("divisor", [[2, 0], [2, 1]])
def test_a_divisor_that_is_a_constant_is_looked_at(
    backend: str, divisor: list[int]
) -> None:
    compiled = um.jit(lambda x: x // um.tensor(divisor), compiler=True)
    if 0 in divisor:
        with pytest.raises(ZeroDivisionError):
            compiled(um.tensor([1, 2]))
    else:
        assert compiled(um.tensor([1, 2])).tolist() == [0, 2]


def test_a_program_that_the_compiler_would_not_check_runs_without(backend: str) -> None:
    compiled = um.jit(um.linalg.inv, compiler=True)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", UserWarning)
        compiled(um.eye(2))
    notices = [str(one.message) for one in seen if "runs without" in str(one.message)]
    assert len(notices) == (backend == "tensorflow"), notices
    assert all("MatrixSolve" in notice for notice in notices)


def test_dropout_drops_what_it_drops_elsewhere(backend: str) -> None:
    """Bits come from the host, a kernel, or a chain that the compiler makes one of."""
    x = um.ones((3, 7))
    masks = []
    for wrap in (
        lambda layer: layer,
        um.jit,
        lambda layer: um.jit(layer.__call__, compiler=True),
    ):
        um.random.seed(5)
        layer = um.Dropout(0.4)
        run = wrap(layer)
        masks.append([run(x).tolist() for _ in range(3)])
        assert int(layer.draws) == 3
    assert masks[1] == masks[0]
    assert masks[2] == masks[0]
    assert masks[0][0] != masks[0][1]


def test_other_shapes_wait_until_they_have_come_often(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unifiedml._jit._jit._LONG", 3)
    f = um.jit(lambda x: x * 2.0 + 1.0, compiler=True)

    def is_compiled(size: int) -> bool:
        assert f(um.ones(size)).tolist() == [3.0] * size
        (programs,) = (
            programs for key, programs in f._programs.items() if key[1] == ((size,),)
        )
        return programs[0].compiled

    assert is_compiled(4)
    assert [is_compiled(3) for _ in range(5)] == [False, False, False, True, True]
    assert is_compiled(4)
    assert [is_compiled(2) for _ in range(2)] == [False, False]
