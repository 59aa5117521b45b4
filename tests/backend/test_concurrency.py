"""Threads, tasks and processes: what docs/concurrency.md promises."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import unifiedml as um

BACKENDS = um.available_backends()


def together(*works: Callable[[], Any]) -> list[Any]:
    """Run functions in threads of their own that start at once."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        start.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


# --- threads --------------------------------------------------------------------------


def test_backends_work_side_by_side() -> None:
    """Each in two threads, in all three styles, with a use_backend of its own."""

    def work(name: str, number: int) -> list[float]:
        with um.use_backend(name):
            x = um.tensor(float(number), requires_grad=True)
            results = []
            for _ in range(25):
                x.grad = None
                (x * x * x).backward()
                with um.GradientTape() as tape:
                    y = um.tensor(float(number))
                    tape.watch(y)
                    z = y * y * y
                with um.no_grad():
                    hidden = x * x
                assert not hidden.requires_grad
                results += [
                    x.grad.item(),
                    tape.gradient(z, y).item(),
                    um.grad(um.grad(lambda x: x * x * x))(x).item(),
                ]
            assert x.grad.backend == y.backend == name
        return results

    jobs = [(name, number) for name in BACKENDS for number in (2, 3)]
    found = together(*(lambda job=job: work(*job) for job in jobs))
    assert found == [[3.0 * n * n, 3.0 * n * n, 6.0 * n] * 25 for _, n in jobs]


def test_gradients_of_several_threads_add_up_in_one_leaf(backend: str) -> None:
    x = um.tensor([1.0, 2.0], requires_grad=True)

    def work() -> None:
        for _ in range(50):
            um.sum(x * 3).backward()

    together(*[work] * 4)
    assert x.grad.tolist() == [600, 600]


def test_a_value_is_drawn_once_whoever_reads_it_first(backend: str) -> None:
    draws: list[int] = []

    def draw(shape: tuple[int, ...], **_: Any) -> um.Tensor:
        draws.append(1)
        return um.full(shape, 2.0)

    p = um.nn.Parameter(shape=(2,), initializer=draw)
    found = together(*[lambda: um.sum(p * p)] * 4)
    assert [one.item() for one in found] == [8] * 4
    assert all(one.requires_grad for one in found)
    assert len(draws) == 1


def test_no_grad_and_tapes_belong_to_their_thread(backend: str) -> None:
    p = um.nn.Parameter(3.0)
    inside, outside = threading.Event(), threading.Event()

    def quiet() -> bool:
        with um.no_grad():
            inside.set()
            outside.wait(30)
            return (p * p).requires_grad

    def loud() -> bool:
        inside.wait(30)
        y = p * p
        with um.GradientTape() as tape:
            z = p * p
        y.backward()
        outside.set()
        return y.requires_grad and tape.gradient(z, p).item() == p.grad.item() == 6

    assert together(quiet, loud) == [False, True]


# --- tasks ----------------------------------------------------------------------------


def test_tasks_that_take_turns_inside_no_grad_leave_recording_on(backend: str) -> None:
    x = um.tensor(3.0, requires_grad=True)

    async def quiet(first: int, last: int) -> bool:
        for _ in range(first):
            await asyncio.sleep(0)
        with um.no_grad():
            for _ in range(last):
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return (x * x).requires_grad

    async def main() -> list[bool]:
        # The blocks overlap in every order, also the last to enter leaving first.
        turns = [(0, 2), (1, 3), (2, 1), (1, 6), (3, 1), (0, 9)]
        return await asyncio.gather(*(quiet(*turn) for turn in turns))

    asyncio.run(main())
    assert (x * x).requires_grad


def test_a_task_that_does_not_wait_inside_no_grad_disturbs_nobody(backend: str) -> None:
    x = um.tensor(3.0, requires_grad=True)

    async def quiet() -> list[bool]:
        found = []
        for _ in range(5):
            with um.no_grad():
                found.append((x * x).requires_grad)
            await asyncio.sleep(0)
        return found

    async def loud() -> list[bool]:
        found = []
        for _ in range(5):
            found.append((x * x).requires_grad)
            await asyncio.sleep(0)
        return found

    async def main() -> list[list[bool]]:
        return await asyncio.gather(quiet(), loud(), quiet())

    assert asyncio.run(main()) == [[False] * 5, [True] * 5, [False] * 5]


# --- modes of models ------------------------------------------------------------------


def noisy(run_eagerly: bool = False) -> um.Sequential:
    """Return a model that shows the mode it runs in."""
    um.random.seed(0)
    model = um.Sequential(um.Dense(4, input_size=3), um.nn.BatchNorm(), um.Dropout(0.5))
    model.compile("sgd", "mean_squared_error", run_eagerly=run_eagerly)
    model.predict(np.ones((2, 3), "float32"))  # all buffers are made
    return model


class Waiting:
    """Two batches; what comes after the first, and at the end, waits for events."""

    def __init__(self, batch: Any, after: Callable[[], Any], end: Callable[[], Any]):
        self.batch, self.after, self.end = batch, after, end

    def __iter__(self) -> Iterator[Any]:
        yield self.batch
        self.after()
        yield self.batch
        self.end()


@pytest.mark.parametrize("run_eagerly", [True, False])
@pytest.mark.parametrize("what", ["predict", "evaluate"])
def test_threads_that_predict_stay_in_evaluation_mode(
    backend: str, what: str, run_eagerly: bool
) -> None:
    """The first to leave used to switch the other to training mode."""
    model = noisy(run_eagerly)
    x, y = np.ones((2, 3), "float32"), np.zeros((2, 4), "float32")
    expected, before = model.predict(x), model.state_dict()
    inside, entered, left = (threading.Event() for _ in range(3))

    def first() -> None:
        def after() -> None:
            inside.set()
            assert entered.wait(30)

        model.predict(Waiting(x, after, int))
        left.set()

    def second() -> Any:
        def after() -> None:
            entered.set()
            assert left.wait(30)

        assert inside.wait(30)
        with um.use_backend(backend):
            if what == "evaluate":
                return model.evaluate(Waiting((x, y), after, int))
            return model.predict(Waiting(x, after, int))

    _, found = together(first, second)
    if what == "evaluate":
        assert found == model.evaluate([(x, y), (x, y)])
    else:
        np.testing.assert_array_equal(found, np.concatenate([expected, expected]))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    assert model.training


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_fit_beside_predict_trains_in_training_mode(
    backend: str, run_eagerly: bool
) -> None:
    """Steps used to be taken in evaluation mode while another thread predicted."""
    x, y = np.ones((2, 3), "float32"), np.zeros((2, 4), "float32")
    alone = noisy(run_eagerly)
    alone.fit([(x, y), (x, y)], verbose=False)
    model = noisy(run_eagerly)
    begun, stepped, predicting = (threading.Event() for _ in range(3))

    def predict() -> None:
        def after() -> None:
            predicting.set()
            assert stepped.wait(30)

        assert begun.wait(30)
        with um.use_backend(backend):
            model.predict(Waiting(x, after, int))

    def after() -> None:
        begun.set()
        assert predicting.wait(30)

    with um.use_backend(backend), ThreadPoolExecutor(1) as pool:
        other = pool.submit(predict)
        model.fit(Waiting((x, y), after, stepped.set), verbose=False)
        other.result()
    assert model.layers[2].draws.item() == 2
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, alone.state_dict()[name], err_msg=name)


def test_threads_that_evaluate_have_metrics_of_their_own(backend: str) -> None:
    """Each used to count the examples of the other, and to make it begin anew."""
    model = um.Sequential(um.Dense(1, input_size=1, kernel_initializer="ones"))
    model.compile("sgd", "mean_squared_error", ["accuracy"])
    start = threading.Barrier(2)
    x = np.ones((4, 1), "float32")

    def work(label: float) -> Any:
        with um.use_backend(backend):
            y = np.full((4, 1), label, "float32")
            return model.evaluate(Waiting((x, y), lambda: start.wait(30), start.wait))

    found = together(lambda: work(1.0), lambda: work(0.0))
    assert [one["accuracy"] for one in found] == [1.0, 0.0]


def test_the_mode_of_a_call_belongs_to_its_thread(backend: str) -> None:
    model = noisy()
    found: list[bool] = []

    class Look:
        def __iter__(self) -> Iterator[Any]:
            found.append(model.training)
            thread = threading.Thread(target=lambda: found.append(model.training))
            thread.start()
            thread.join()
            yield np.ones((2, 3), "float32")

    model.predict(Look())
    assert found == [False, True]
    model.eval()
    found.clear()
    model.predict(Look())
    assert found == [False, False]


def test_a_mode_that_a_model_sets_as_it_runs_holds_at_once(backend: str) -> None:
    class Frozen(um.Module):
        def __init__(self) -> None:
            self.norm = um.nn.BatchNorm()
            self.dense = um.Dense(1, input_size=3)

        def forward(self, x: um.Tensor) -> um.Tensor:
            self.norm.eval()
            return self.dense(self.norm(x))

    model = Frozen()
    model.compile("sgd", "mean_squared_error", run_eagerly=True)
    x = np.ones((2, 3), "float32")
    model.train_on_batch(x, x[:, :1])
    assert model.norm.moving_mean.tolist() == [0.0] * 3
    assert model.training
    assert not model.norm.training


def test_checkpoints_are_computed_again_in_the_mode_of_the_first_time(
    backend: str,
) -> None:
    """On a GPU PyTorch takes gradients in threads of its own."""
    modes: list[bool] = []

    class Look(um.Module):
        def forward(self, x: um.Tensor) -> um.Tensor:
            modes.append(self.training)
            return x * x

    model = Look().eval()
    x = um.tensor(3.0, requires_grad=True)
    with model._mode(True):
        y = um.checkpoint(model)(x)
    y.backward()
    assert modes == [True, True]


# --- processes ------------------------------------------------------------------------


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FORK = """
    import os
    import signal
    import sys
    import time

    import unifiedml as um

    def work(name):
        # Large enough for every thread of the framework.
        with um.use_backend(name):
            x = um.ones((1000, 1000)) / 1000
            gradient = um.grad(lambda w: um.sum(um.tanh(x @ w)))(x)
            y = um.tensor(3.0, requires_grad=True)
            (y * y).backward()
            return gradient.shape == (1000, 1000) and y.grad.item() == 6

    def forked(job):
        child = os.fork()
        if not child:
            # A child that hangs ends by this signal.
            signal.alarm(120)
            os._exit(0 if job() else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_framework_that_has_not_computed_yet_works_in_a_forked_child(
    backend: str,
) -> None:
    others = [name for name in BACKENDS if name != backend]
    code = f"""
    for other in {others!r}:
        assert work(other)
    assert forked(lambda: work({backend!r})) == 0
    print("done")
    """
    assert python(textwrap.dedent(FORK) + textwrap.dedent(code)) == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.skipif("torch" not in BACKENDS, reason="about torch")
def test_torch_works_in_a_forked_child_of_one_thread() -> None:
    code = """
    def job():
        import torch
        torch.set_num_threads(1)
        return work("torch")

    assert work("torch")
    assert forked(job) == 0
    assert work("torch")
    print("done")
    """
    assert python(textwrap.dedent(FORK) + textwrap.dedent(code)) == "done"


def spawned_work(name: str) -> tuple[str, float]:
    with um.use_backend(name):
        x = um.tensor(3.0, requires_grad=True)
        (x * x).backward()
        return x.backend, x.grad.item()


@pytest.mark.slow
def test_spawned_processes_start_afresh(backend: str) -> None:
    assert spawned_work(backend) == (backend, 6)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(spawned_work, [backend]) == [(backend, 6)]


@pytest.mark.parametrize("rule", [um.SGD, um.Adam])
def test_values_that_are_read_while_a_step_runs_are_whole(
    backend: str, rule: Callable[..., um.optim.Optimizer]
) -> None:
    """Steps are made in place: what somebody was given must not change."""
    size = 300_000
    weight = um.nn.Parameter(um.zeros(size))
    optimizer = rule([weight], learning_rate=1.0)
    gradient = um.ones(size)
    done = threading.Event()
    odd: list[str] = []
    reads = [0, 0]

    def read(number: int) -> None:
        with um.use_backend(backend):
            while not done.is_set():
                value = weight.detach()
                first = value.numpy().copy()
                if (first != first[0]).any():
                    odd.append("torn")
                if (value.numpy() != first).any():
                    odd.append("changed")
                reads[number] += 1

    threads = [threading.Thread(target=read, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(150):
        optimizer.step([gradient])
    done.set()
    for thread in threads:
        thread.join()
    assert not odd
    assert min(reads) > 10
