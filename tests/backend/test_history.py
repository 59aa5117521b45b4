"""The history behind ``backward()``: kept, freed, paused; and its errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import unifiedml as um


def leaf(*values: float) -> um.Tensor:
    return um.tensor(list(values) if len(values) > 1 else values[0], requires_grad=True)


# --- the graph: kept, freed, differentiated -------------------------------------------


def histories() -> Iterator[tuple[str, Callable[[um.Tensor], um.Tensor]]]:
    yield "x * x", lambda x: x * x
    # Nothing has to be kept for the gradients of these.
    yield "x + x", lambda x: x + x
    yield "x - 1", lambda x: x - 1
    yield "x[None]", lambda x: x[None]


@pytest.mark.parametrize(
    "function", [one for _, one in histories()], ids=[name for name, _ in histories()]
)
def test_a_history_serves_once(
    backend: str, function: Callable[[um.Tensor], um.Tensor]
) -> None:
    x = leaf(3.0)
    y = function(x)
    y.backward()
    gradient = x.grad.item()
    with pytest.raises(RuntimeError, match=r"freed; call backward\(retain_graph=True"):
        y.backward()
    assert x.grad.item() == gradient, "nothing was added"


@pytest.mark.parametrize(
    "function", [one for _, one in histories()], ids=[name for name, _ in histories()]
)
def test_a_history_is_kept_on_demand(
    backend: str, function: Callable[[um.Tensor], um.Tensor]
) -> None:
    x = leaf(3.0)
    y = function(x)
    y.backward(retain_graph=True)
    once = x.grad.item()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 3 * once
    with pytest.raises(RuntimeError, match="has been freed"):
        y.backward()


def test_a_shared_part_that_has_been_freed(backend: str) -> None:
    x = leaf(3.0)
    shared = x + 1
    first, second = shared + 2, shared * x
    first.backward()
    with pytest.raises(RuntimeError, match="has been freed"):
        second.backward()
    assert x.grad.item() == 1
    (x * x).backward()
    assert x.grad.item() == 7, "the leaf itself is not used up"


def test_a_leaf_is_its_own_history(backend: str) -> None:
    x = leaf(3.0)
    x.backward()
    x.backward()
    assert x.grad.item() == 2


def test_second_derivatives_by_two_passes(backend: str) -> None:
    x = leaf(1.0, 2.0)
    um.sum(x * x * x).backward(create_graph=True)
    slope = x.grad
    assert slope.requires_grad
    assert slope.tolist() == [3, 12]
    x.grad = None
    um.sum(slope).backward()
    assert x.grad.tolist() == [6, 12]


def test_third_derivatives_by_three_passes(backend: str) -> None:
    x = leaf(2.0)
    y = x * x * x * x
    for expected in (32, 48, 48):
        x.grad = None
        y.backward(create_graph=True)
        y = x.grad
        assert y.item() == expected


def test_mixed_second_derivatives(backend: str) -> None:
    x, y = leaf(3.0), leaf(5.0)
    (x * x * y).backward(create_graph=True)
    slope_x, slope_y = x.grad, y.grad
    assert (slope_x.item(), slope_y.item()) == (30, 9)
    x.grad = y.grad = None
    (slope_x * 1).backward(retain_graph=True)
    assert (x.grad.item(), y.grad.item()) == (10, 6)
    x.grad = y.grad = None
    (slope_y * 1).backward()
    assert x.grad.item() == 6


def test_a_penalty_on_the_gradient(backend: str) -> None:
    x, w = leaf(1.0, -2.0), leaf(3.0, 5.0)
    um.sum(w * x * x).backward(create_graph=True)
    penalty = um.sum(x.grad * x.grad)
    x.grad = w.grad = None
    penalty.backward()
    # (2wx)²: by w 8wx², by x 8w²x
    assert w.grad.tolist() == [24, 160]
    assert x.grad.tolist() == [72, -400]


def test_gradients_with_history_add_up(backend: str) -> None:
    x = leaf(3.0)
    (x * x).backward(create_graph=True)
    (x * x * x).backward(create_graph=True)
    total = x.grad
    assert total.item() == 6 + 27
    x.grad = None
    total.backward()
    assert x.grad.item() == 2 + 18


def test_a_cotangent_with_history(backend: str) -> None:
    x, c = leaf(3.0), leaf(5.0)
    (x * x).backward(c * 1, create_graph=True)
    slope = x.grad
    x.grad = None
    slope.backward()
    # slope = 2xc
    assert (x.grad.item(), c.grad.item()) == (10, 6)


def test_create_graph_works_inside_no_grad(backend: str) -> None:
    x = leaf(3.0)
    y = x * x * x + x
    with um.no_grad():
        y.backward(create_graph=True)
    slope = x.grad
    x.grad = None
    slope.backward()
    assert x.grad.item() == 18


# --- no_grad --------------------------------------------------------------------------


def test_no_history_inside_no_grad(backend: str) -> None:
    x = leaf(3.0)
    with um.no_grad():
        y = x * x
        with um.no_grad():
            pass
        z = x * x
        fresh = leaf(1.0)
        assert x.requires_grad
        assert fresh.requires_grad
    assert not y.requires_grad
    assert not z.requires_grad
    assert (x * x).requires_grad
    assert (fresh * 2).requires_grad
    with pytest.raises(RuntimeError, match=r"no_grad\(\) and um.jit: this one has no"):
        y.backward()


def test_no_grad_ends_with_an_exception(backend: str) -> None:
    x = leaf(3.0)
    with pytest.raises(ZeroDivisionError), um.no_grad():
        raise ZeroDivisionError
    assert (x * x).requires_grad


def test_no_grad_decorates_functions(backend: str) -> None:
    x = leaf(3.0)

    @um.no_grad()
    def power(x: um.Tensor, n: int) -> um.Tensor:
        """Document it."""
        return x if n == 1 else x * power(x, n - 1)

    assert power.__name__ == "power"
    assert power.__doc__ == "Document it."
    result = power(x, n=4)
    assert result.item() == 81
    assert not result.requires_grad
    assert (x * x).requires_grad


def test_no_grad_decorates_no_generators() -> None:
    def generator() -> Iterator[int]:
        yield 1

    async def coroutine() -> None:
        pass

    for function in (generator, coroutine):
        with pytest.raises(TypeError, match="decorates plain functions: .* inside it"):
            um.no_grad()(function)


def test_one_context_is_entered_again(backend: str) -> None:
    x = leaf(3.0)
    quiet = um.no_grad()
    with quiet:
        with quiet:
            pass
        assert not (x * x).requires_grad
    assert (x * x).requires_grad
    with quiet:
        assert not (x * x).requires_grad


def test_a_pass_inside_no_grad(backend: str) -> None:
    x = leaf(3.0)
    y = x * x
    with um.no_grad():
        y.backward()
    assert x.grad.item() == 6


def test_no_grad_belongs_to_its_thread(backend: str) -> None:
    x = leaf(3.0)
    seen: list[bool] = []
    with um.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * x).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


# --- explicit gradients beside --------------------------------------------------------


def test_no_pass_inside_of_a_transformation(backend: str) -> None:
    x = leaf(3.0)
    message = r"backward\(\) cannot be called inside um.grad or a GradientTape"

    def f(y: um.Tensor) -> um.Tensor:
        z = x * y * y
        with pytest.raises(RuntimeError, match=message):
            z.backward()
        return z

    um.grad(f)(um.tensor(2.0))
    um.grad(f)(x)
    with um.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(RuntimeError, match=message):
            (x * x).backward()
    with um.GradientTape(), pytest.raises(RuntimeError, match=message):
        (x * x).backward()
    assert x.grad is None


def test_what_a_tape_watches_is_a_constant_for_backward(backend: str) -> None:
    x, other = leaf(3.0), leaf(5.0)
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        assert not x.requires_grad
        square = x * x
        mixed = square * other
    assert x.requires_grad
    assert not square.requires_grad
    with pytest.raises(RuntimeError, match="this one has no history"):
        square.backward()
    # `other` was not watched: it is recorded as everywhere.
    assert mixed.requires_grad
    (mixed + square * x).backward()
    assert (x.grad.item(), other.grad.item()) == (9, 9)
    assert tape.gradient(mixed, x).item() == 30


def test_parameters_are_constants_for_backward_inside_of_transformations(
    backend: str,
) -> None:
    p, q = um.nn.Parameter(3.0), um.nn.Parameter(5.0)
    leaked: list[um.Tensor] = []

    def f(p: um.nn.Parameter) -> um.Tensor:
        leaked.extend((p * 2, q * 2, p * q))
        return p * q

    um.grad(f)(p)
    with um.GradientTape():
        leaked += [p * 2, p * q]
    for result in leaked:
        assert not result.requires_grad
        (result + p).backward()
    assert p.grad.item() == len(leaked)
    assert q.grad is None


# --- errors ---------------------------------------------------------------------------


def test_a_constant_has_no_backward(backend: str) -> None:
    with pytest.raises(
        RuntimeError, match="needs a tensor computed from one made with"
    ):
        um.tensor(1.0).backward()
    with pytest.raises(RuntimeError, match="this one has no history"):
        (um.tensor(1.0) * 2).backward()


def test_a_vector_needs_its_cotangent(backend: str) -> None:
    y = leaf(1.0, 2.0) * 2
    with pytest.raises(
        ValueError, match=r"shape \(2,\) is no scalar: .* pass gradient="
    ):
        y.backward()
    um.sum(y).backward()


def test_one_element_of_any_shape_is_a_scalar(backend: str) -> None:
    x = leaf(3.0)
    (x * um.ones((1, 1))).backward()
    assert x.grad.item() == 1


def test_a_complex_number_needs_its_cotangent(backend: str) -> None:
    z = um.tensor(3 + 4j, requires_grad=True)
    with pytest.raises(
        TypeError, match=r"complex64 has no gradient of its own: .* real"
    ):
        (z * z).backward()
    (z * z).backward(um.tensor(1 + 0j))
    assert z.grad.item() == 6 - 8j


def test_a_cotangent_fits_its_tensor(backend: str) -> None:
    y = leaf(1.0, 2.0) * 2
    message = r"gradient has shape \(3,\) and data type float32, the tensor \(2,\)"
    with pytest.raises(ValueError, match=message):
        y.backward(um.ones(3))
    with pytest.raises(ValueError, match="data type float64, the tensor"):
        y.backward(um.ones(2, dtype=um.float64))
    wrong: Any = [1.0, 1.0]
    with pytest.raises(TypeError, match="gradient is a tensor, not list"):
        y.backward(wrong)


def test_a_cotangent_lives_where_its_tensor_lives(backend: str) -> None:
    y = leaf(1.0) * 2
    for other in set(um.available_backends()) - {backend}:
        with pytest.raises(um.BackendMismatchError, match=f"{other!r}.*{backend!r}"):
            y.backward(um.tensor(1.0).to_backend(other))
        with pytest.raises(um.BackendMismatchError, match=f"{other!r}.*{backend!r}"):
            leaf(1.0).grad = um.tensor(1.0).to_backend(other)
