"""`um.GradientTape`."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.testing import assert_close, random_cotangent


def fail(*_: object) -> None:
    """Raise, after what stands in the arguments has been done."""
    raise ZeroDivisionError


# --- values ---------------------------------------------------------------------------


def test_the_gradient_by_a_watched_tensor(backend: str) -> None:
    x = um.tensor([1.0, 2.0, 3.0])
    with um.GradientTape() as tape:
        tape.watch(x)
        y = um.sum(x * x * x)
    gradient = tape.gradient(y, x)
    assert gradient.tolist() == [3, 12, 27]
    assert not gradient.requires_grad


def test_a_random_output_gradient(backend: str) -> None:
    x = np.linspace(-2, 2, 6).reshape(2, 3)
    cotangent = random_cotangent((2, 3))
    source = um.tensor(x)
    with um.GradientTape() as tape:
        tape.watch(source)
        y = um.sin(source) * source
    gradient = tape.gradient(y, source, output_gradients=um.tensor(cotangent))
    expected = cotangent * (np.cos(x) * x + np.sin(x))
    assert_close(gradient, expected, scale=lambda g: g + 4, pair=False)


def test_sources_keep_their_structure(backend: str, model: Any) -> None:
    a, b, unused = um.tensor(5.0), um.tensor(7.0), um.tensor([1.0, 2.0])
    with um.GradientTape() as tape:
        tape.watch({"a": a, "more": [b, unused]})
        y = um.sum(model(a * b))
    gradient = tape.gradient(y, {"model": model, "x": (a, [b]), "unused": unused})
    assert gradient["model"]["weight"].tolist() == [35, 35]
    assert gradient["model"]["bias"].item() == 2
    assert isinstance(gradient["x"], tuple)
    assert (gradient["x"][0].item(), gradient["x"][1][0].item()) == (35, 25)
    assert gradient["unused"].tolist() == [0, 0]


def test_parameters_are_watched_when_they_are_read(backend: str, model: Any) -> None:
    with um.GradientTape() as tape:
        y = um.sum(model(um.tensor([5.0, 7.0])) ** 2)
    gradient = tape.gradient(y, model)
    assert gradient["weight"].tolist() == [2 * 11 * 5, 2 * 22 * 7]
    assert gradient["bias"].item() == 2 * (11 + 22)
    assert model.weight.grad is None


def test_a_parameter_that_was_not_read_has_a_zero_gradient(
    backend: str, model: Any
) -> None:
    with um.GradientTape() as tape:
        y = model.bias * model.bias
    gradient = tape.gradient(y, model)
    assert gradient["weight"].tolist() == [0, 0]
    assert gradient["bias"].item() == 2


def test_a_parameter_that_is_read_often_is_one_source(backend: str) -> None:
    p = um.nn.Parameter(3.0)
    with um.GradientTape() as tape:
        y = p * p
        y = y * p + p
    assert tape.gradient(y, p).item() == 28


def test_each_value_of_a_changed_parameter_counts(backend: str) -> None:
    p = um.nn.Parameter(3.0)
    with um.GradientTape() as tape:
        y = p * 10
        p.assign(5.0)
        y = y + p * p
    assert p.item() == 5, "the change lasts"
    assert tape.gradient(y, p).item() == 10 + 10


def test_an_optimizer_may_step_inside_of_the_block(backend: str, model: Any) -> None:
    optimizer = um.SGD(model.trainable_parameters().values(), learning_rate=1.0)
    with um.GradientTape() as tape:
        y = um.sum(model(um.ones(2)))
        optimizer.step(tape.gradient(y, model))
    assert model.weight.tolist() == [1, 2]
    assert model.bias.item() == -1


def test_frozen_parameters_are_watched_on_demand(backend: str) -> None:
    p = um.nn.Parameter(3.0, trainable=False)
    with um.GradientTape() as tape:
        y = p * p
    with pytest.raises(ValueError, match=r"of shape \(\) has not been watched"):
        tape.gradient(y, p)
    with um.GradientTape() as tape:
        tape.watch(p)
        y = p * p
    assert tape.gradient(y, p).item() == 6


def test_a_target_that_is_a_source(backend: str) -> None:
    x, p = um.tensor(3.0), um.nn.Parameter(3.0)
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        tape.watch(p)
        same = x
        assert tape.gradient(x, x).item() == 1
    assert tape.gradient(same, x).item() == 1
    assert tape.gradient(p, p).item() == 1


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
def test_gradients_have_the_data_type_of_their_source(backend: str, name: str) -> None:
    x = um.tensor([1.0, -3.0], dtype=name)
    with um.GradientTape() as tape:
        tape.watch(x)
        y = um.sum(x * x)
    gradient = tape.gradient(y, x)
    assert gradient.dtype.name == name
    assert gradient.tolist() == [2, -6]


# --- what is recorded -----------------------------------------------------------------


def test_what_was_computed_before_is_a_constant(backend: str) -> None:
    x = um.tensor(3.0)
    before = x * x
    with um.GradientTape() as tape:
        unwatched = x * x
        tape.watch(x)
        y = before + unwatched + x
    assert tape.gradient(y, x).item() == 1


def test_what_is_computed_afterwards_is_not_recorded(backend: str) -> None:
    x = um.tensor(3.0)
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y * 2, x).item() == 0
    assert tape.gradient(y, x).item() == 6


def test_what_is_computed_in_no_grad_is_a_constant(backend: str) -> None:
    x, p = um.tensor(3.0), um.nn.Parameter(3.0)
    with um.GradientTape() as tape:
        tape.watch(x)
        with um.no_grad():
            constant = x * p
            with um.no_grad():
                constant = constant * 1
            constant = constant * 1
        y = constant * x * p
    by_x, by_p = tape.gradient(y, [x, p])
    assert (by_x.item(), by_p.item()) == (27, 27)


def test_a_tape_inside_no_grad_records(backend: str) -> None:
    x, p = um.tensor(3.0), um.nn.Parameter(5.0)
    with um.no_grad(), um.GradientTape() as tape:
        tape.watch(x)
        y = x * x * p
    by_x, by_p = tape.gradient(y, [x, p])
    assert (by_x.item(), by_p.item()) == (30, 9)


def test_a_write_gives_a_watched_tensor_another_value(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    with um.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        x[0] = 10.0
        z = um.sum(y + x * x)
    assert x.tolist() == [10, 2], "the change lasts"
    # The source is the value that was watched, which only x[1] still has.
    assert tape.gradient(z, x).tolist() == [2, 8]


def test_a_watched_tensor_is_itself_again_afterwards(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    leaf = um.tensor(3.0, requires_grad=True)
    computed = leaf * 2
    tensors = (x, leaf, computed)
    before = [one.native for one in tensors]
    with um.GradientTape() as tape:
        tape.watch(list(tensors))
    assert all(one.native is two for one, two in zip(tensors, before, strict=True))
    tape = um.GradientTape()
    with pytest.raises(ZeroDivisionError), tape:
        fail(tape.watch(list(tensors)))
    assert all(one.native is two for one, two in zip(tensors, before, strict=True))
    assert [one.requires_grad for one in tensors] == [False, True, True]
    (computed * leaf).backward()
    assert leaf.grad.item() == 12


def test_after_an_exception_nothing_is_recorded_any_more(backend: str) -> None:
    p = um.nn.Parameter(3.0)
    with pytest.raises(ZeroDivisionError), um.GradientTape():
        fail(p * p)
    (p * p).backward()
    assert p.grad.item() == 6


def test_each_thread_has_its_tapes(backend: str, model: Any) -> None:
    failures: list[Any] = []
    start = threading.Barrier(3)

    def work(number: int) -> None:
        with um.use_backend(backend):
            x = um.tensor([float(number), 1.0])
        start.wait()
        for _ in range(30):
            with um.GradientTape() as tape:
                y = um.sum(model(x) ** 2)
            found = tape.gradient(y, model)["weight"].tolist()
            if found != [2 * (2 * number + 1) * number, 8]:
                failures.append((number, found))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_task_that_outlives_the_block_reads_parameters_as_they_are(
    backend: str,
) -> None:
    p = um.nn.Parameter(3.0)

    async def main() -> float:
        async def later() -> float:
            await asyncio.sleep(0)
            return (p * p).item()

        with um.GradientTape():
            task = asyncio.create_task(later())
        p.assign(5.0)
        return await task

    assert asyncio.run(main()) == 25


# --- nesting --------------------------------------------------------------------------


def test_nested_tapes_give_higher_derivatives(backend: str) -> None:
    x = um.tensor(3.0)
    with um.GradientTape() as outer:
        outer.watch(x)
        with um.GradientTape() as middle:
            middle.watch(x)
            with um.GradientTape() as inner:
                inner.watch(x)
                y = x * x * x * x
            first = inner.gradient(y, x)
        second = middle.gradient(first, x)
    third = outer.gradient(second, x)
    assert (first.item(), second.item(), third.item()) == (108, 108, 72)


def test_nested_tapes_watch_parameters_on_their_own(backend: str) -> None:
    p = um.nn.Parameter(3.0)
    with um.GradientTape() as outer:
        with um.GradientTape() as inner:
            y = p * p * p
        slope = inner.gradient(y, p)
        total = slope + p
    assert slope.item() == 27
    assert outer.gradient(total, p).item() == 18 + 1


def test_a_nested_tape_that_fails_leaves_the_outer_one_alone(backend: str) -> None:
    p, x = um.nn.Parameter(3.0), um.tensor(2.0)
    with um.GradientTape() as outer:
        outer.watch(x)
        inner = um.GradientTape()
        with pytest.raises(ZeroDivisionError), inner:
            fail(inner.watch(x), p * x)
        y = p * x
    by_p, by_x = outer.gradient(y, [p, x])
    assert (by_p.item(), by_x.item()) == (2, 3)


def test_what_an_inner_tape_recorded_stays_recorded_by_the_outer_one(
    backend: str,
) -> None:
    x = um.tensor(3.0)
    with um.GradientTape() as outer:
        outer.watch(x)
        with um.GradientTape() as inner:
            inner.watch(x)
            y = x * x
        z = y * x
    assert outer.gradient(z, x).item() == 27
    assert inner.gradient(z, x).item() == 0, "computed after its block"


def test_an_inner_tape_in_no_grad_is_constant_for_the_outer_one(backend: str) -> None:
    p = um.nn.Parameter(3.0)
    with um.GradientTape() as outer:
        with um.no_grad():
            with um.GradientTape() as inner:
                y = p * p
            slope = inner.gradient(y, p)
        z = slope * p
    assert slope.item() == 6
    assert outer.gradient(z, p).item() == 6


# --- how often ------------------------------------------------------------------------


def test_a_tape_is_used_once(backend: str) -> None:
    x = um.tensor(3.0)
    with um.GradientTape() as tape:
        tape.watch(x)
        y, z = x * x, x * 2
    assert tape.gradient(y, x).item() == 6
    with pytest.raises(
        RuntimeError, match="has been used: make it with persistent=True"
    ):
        tape.gradient(z, x)


def test_a_failed_call_does_not_use_a_tape_up(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    with um.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(ValueError, match="output_gradients"):
        tape.gradient(y, x)
    with pytest.raises(ValueError, match="has not been watched"):
        tape.gradient(y, um.tensor(1.0), um.ones(2))
    assert tape.gradient(y, x, um.ones(2)).tolist() == [2, 4]


def test_a_persistent_tape_is_used_often(backend: str) -> None:
    x = um.tensor(3.0)
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
        inside = tape.gradient(y, x)
    assert inside.item() == 6
    assert tape.gradient(y, x).item() == 6
    assert tape.gradient(z, x).item() == 108
    assert tape.gradient(z, x).item() == 108
    # The gradient inside was itself recorded.
    assert tape.gradient(inside, x).item() == 2


def test_a_tape_records_one_block(backend: str) -> None:
    tape = um.GradientTape()
    with tape, pytest.raises(RuntimeError, match="one block: make a new GradientTape"):
        tape.__enter__()
    with pytest.raises(RuntimeError, match="one block: make a new GradientTape"), tape:
        pass


# --- errors ---------------------------------------------------------------------------


def test_a_source_must_have_been_watched(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    with um.GradientTape() as tape:
        y = um.sum(x * x)
    with pytest.raises(
        ValueError,
        match=r"source of shape \(2,\) has not been watched: call tape.watch",
    ):
        tape.gradient(y, x)


def test_a_source_is_a_tensor(backend: str) -> None:
    with um.GradientTape() as tape:
        y = um.tensor(1.0)
    with pytest.raises(TypeError, match="a source is a tensor, not float"):
        tape.gradient(y, 1.0)


def test_watching_belongs_into_the_block(backend: str) -> None:
    tape, x = um.GradientTape(), um.tensor(1.0)
    message = r"watch\(\) belongs inside the tape's with block, outside of no_grad\(\)"
    with pytest.raises(RuntimeError, match=message):
        tape.watch(x)
    with tape, um.no_grad(), pytest.raises(RuntimeError, match=message):
        tape.watch(x)
    with pytest.raises(RuntimeError, match=message):
        tape.watch(x)


def test_floating_point_tensors_are_watched(backend: str) -> None:
    with um.GradientTape() as tape:
        with pytest.raises(
            TypeError, match="watches floating-point tensors, not int64"
        ):
            tape.watch(um.tensor([1, 2]))
        with pytest.raises(
            TypeError, match="watches floating-point tensors, not float"
        ):
            tape.watch(3.0)


def test_targets_that_have_no_gradient(backend: str) -> None:
    x = um.tensor([1.0, 2.0])
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(
        ValueError,
        match=r"target of shape \(2,\) is no scalar: .* pass output_gradients=",
    ):
        tape.gradient(y, x)
    with pytest.raises(ValueError, match=r"output_gradients has shape \(\)"):
        tape.gradient(y, x, um.tensor(1.0))
    with pytest.raises(TypeError, match="target is a floating-point tensor, not int64"):
        tape.gradient(um.argmax(x), x)
    with pytest.raises(TypeError, match=r"target is a floating-point tensor, not 3\.0"):
        tape.gradient(3.0, x)
    with pytest.raises(TypeError, match="complex64 has no gradient of its own"):
        tape.gradient(um.sum(y).astype(um.complex64), x)


def test_a_complex_target_with_its_output_gradient(backend: str) -> None:
    z = um.tensor(3 + 4j)
    with um.GradientTape() as tape:
        tape.watch(z)
        y = z * z
    assert tape.gradient(y, z, um.tensor(1 + 0j)).item() == 6 - 8j


def test_target_and_sources_live_on_one_backend(backend: str) -> None:
    for other in set(um.available_backends()) - {backend}:
        x, y = um.tensor(1.0), um.tensor(1.0).to_backend(other)
        with um.GradientTape(persistent=True) as tape:
            tape.watch([x, y])
            z = y * y
        with pytest.raises(um.BackendMismatchError, match=f"{other!r}.*{backend!r}"):
            tape.gradient(z, x)
        with pytest.raises(um.BackendMismatchError, match=f"{backend!r}.*{other!r}"):
            tape.gradient(z, y, um.tensor(1.0))
        assert tape.gradient(z, y).item() == 2


def test_one_tape_records_every_backend(backend: str) -> None:
    names = um.available_backends()
    xs = [um.tensor(float(n)).to_backend(name) for n, name in enumerate(names)]
    with um.GradientTape(persistent=True) as tape:
        tape.watch(xs)
        ys = [x * x for x in xs]
    found = [tape.gradient(y, x).item() for x, y in zip(xs, ys, strict=True)]
    assert found == [2 * n for n in range(len(names))]


def test_the_sources_of_a_jacobian_are_checked(backend: str) -> None:
    x, other = um.tensor([1.0, 2.0]), um.tensor([3.0])
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(TypeError, match="a source is a tensor, not float"):
        tape.jacobian(y, 3.0)
    with pytest.raises(ValueError, match=r"shape \(1,\) has not been watched"):
        tape.jacobian(y, other)


def test_what_is_computed_may_be_watched_too(backend: str) -> None:
    x = um.tensor([1.0, -2.0])
    with um.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        tape.watch(y)
        z = um.sum(y * y)
    assert tape.gradient(z, x).tolist() == [4.0, -32.0]
    assert tape.gradient(z, y).tolist() == [2.0, 8.0]
