"""Which backends there are, which is current, loading, and mixing them up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import unifiedml as um
from unifiedml._backend import registry

BACKENDS = um.available_backends()
VARIABLE = "UNIFIEDML_BACKEND"


def python(code: str, **environment: str | None) -> str:
    """Return what a fresh interpreter prints."""
    variables = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- the environment ------------------------------------------------------------------


@pytest.mark.parametrize("name", BACKENDS)
def test_the_environment_names_the_backend(name: str) -> None:
    code = """
        import sys
        import unifiedml as um
        print(um.get_backend(), um.get_backend() in sys.modules)
    """
    assert python(code, UNIFIEDML_BACKEND=name) == f"{name} False"


def test_without_the_variable_the_first_that_is_installed(tmp_path: Path) -> None:
    code = "import unifiedml as um; print(um.get_backend())"
    preferred = [name for name in registry.PREFERENCE if name in BACKENDS]
    assert python(code, UNIFIEDML_BACKEND=None) == preferred[0]
    assert python(code, UNIFIEDML_BACKEND="") == preferred[0]


def test_an_unknown_name_in_the_environment_says_what_there_is() -> None:
    code = """
        import unifiedml as um
        for use in (um.get_backend, lambda: um.zeros(3)):
            try:
                use()
            except um.BackendNotFoundError as error:
                print(error)
    """
    known = ", ".join(map(repr, BACKENDS))
    line = (
        f"environment variable {VARIABLE} names no backend: 'pytroch'; "
        f"installed backends: {known}"
    )
    assert python(code, UNIFIEDML_BACKEND="pytroch").splitlines() == [line, line]


def test_flags_for_xla_are_kept_and_so_is_nan() -> None:
    pytest.importorskip("tensorflow", reason="XLA is TensorFlow's compiler")
    code = """
        import os
        import unifiedml as um
        x = um.concat([um.tensor([float("nan")]), um.zeros(99)])
        print(um.jit(um.max, compiler=True)(x).item())
        print(os.environ["XLA_FLAGS"].split()[0])
    """
    flag = "--xla_cpu_enable_fast_min_max=true"
    found = python(code, UNIFIEDML_BACKEND="tensorflow", XLA_FLAGS=flag)
    assert found.splitlines() == ["nan", flag]


def test_a_first_step_does_not_wait_for_compilers_and_symbols() -> None:
    """Each takes PyTorch longer to import than the step takes."""
    pytest.importorskip("torch", reason="about what PyTorch imports")
    code = """
        import sys
        import unifiedml as um
        model = um.Sequential(um.Dense(2, "tanh", input_size=3), um.Dropout(0.5))
        model.compile("adam", "mean_squared_error")
        model.fit(um.ones((4, 3)), um.ones((4, 2)), verbose=False)
        x = um.tensor(2.0, requires_grad=True)
        (x * x).backward()
        print([name for name in ("sympy", "torch._dynamo") if name in sys.modules])
    """
    assert python(code, UNIFIEDML_BACKEND="torch") == "[]"


def test_set_backend_stands_above_the_environment_in_every_thread() -> None:
    first, last = BACKENDS[0], BACKENDS[-1]
    code = f"""
        import threading
        import unifiedml as um

        um.set_backend({last!r})
        print(um.get_backend())
        thread = threading.Thread(target=lambda: print(um.get_backend()))
        thread.start()
        thread.join()
        with um.use_backend({last!r}):
            print(um.zeros(1).backend)
    """
    printed = python(code, UNIFIEDML_BACKEND=first).splitlines()
    assert printed == [last, last, last]


# --- use_backend ----------------------------------------------------------------------


def test_new_tensors_are_made_on_the_current_backend(backend: str) -> None:
    assert um.get_backend() == backend
    assert um.zeros(3).backend == backend
    assert um.nn.Parameter(1.0).backend == backend


def test_blocks_nest_and_end_with_exceptions(backend: str, other: str) -> None:
    with um.use_backend(other) as name:
        assert name == um.get_backend() == other
        with um.use_backend(backend):
            assert um.get_backend() == backend
        assert um.get_backend() == other
        with pytest.raises(ZeroDivisionError), um.use_backend(backend):
            raise ZeroDivisionError
        assert um.get_backend() == other
        with pytest.raises(um.BackendNotFoundError), um.use_backend("pytroch"):
            pass
        assert um.get_backend() == other
    assert um.get_backend() == backend


def test_set_backend_waits_for_the_end_of_the_block(
    backend: str, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setattr(registry, "_process_default", None)
    um.set_backend(other)
    assert um.get_backend() == backend
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(um.get_backend()))
    thread.start()
    thread.join()
    assert seen == [other]


def test_operations_stay_where_their_operands_are(backend: str, other: str) -> None:
    x = um.ones(3)
    with um.use_backend(other):
        assert (x * 2 + x).backend == backend
        assert um.zeros_like(x).backend == backend
        assert um.grad(um.sum)(x).backend == backend


def test_use_backend_decorates_functions(backend: str, other: str) -> None:

    @um.use_backend(other)
    def make() -> um.Tensor:
        return um.zeros(1)

    assert make().backend == make().backend == other
    assert um.get_backend() == backend


def test_threads_choose_on_their_own(backend: str, other: str) -> None:
    failures: list[str] = []
    start = threading.Barrier(4)

    def work(name: str) -> None:
        start.wait()
        for _ in range(200):
            with um.use_backend(name):
                if um.zeros(1).backend != name:
                    failures.append(name)

    names = [backend, other] * 2
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert um.get_backend() == backend


def test_tasks_choose_on_their_own(backend: str, other: str) -> None:

    async def work(name: str) -> list[str]:
        found = []
        with um.use_backend(name):
            for _ in range(5):
                await asyncio.sleep(0)
                found.append(um.zeros(1).backend)
        return found

    async def main() -> list[list[str]]:
        return await asyncio.gather(work(backend), work(other), work(backend))

    assert asyncio.run(main()) == [[backend] * 5, [other] * 5, [backend] * 5]
    assert um.get_backend() == backend


@pytest.mark.parametrize(
    "use", [um.set_backend, lambda name: um.use_backend(name).__enter__()]
)
def test_names_are_checked(use: Callable[[Any], object]) -> None:
    known = ", ".join(map(repr, BACKENDS))
    with pytest.raises(
        um.BackendNotFoundError,
        match=rf"names no backend: 'pytroch'; installed backends: {known}",
    ):
        use("pytroch")
    with pytest.raises(TypeError, match="a backend is named by a string, not 3"):
        use(3)


# --- loading --------------------------------------------------------------------------


def test_many_threads_load_every_backend_once() -> None:
    """Also while others load another one, and while a block is entered."""
    code = """
        import threading
        import unifiedml as um
        from unifiedml._backend import registry

        loaded = []
        registry.on_load(loaded.append)
        names = um.available_backends() * 4
        start = threading.Barrier(len(names))
        results = []

        def work(name):
            start.wait()
            with um.use_backend(name):
                x = um.tensor([1.0, 2.0], requires_grad=True)
                um.sum(x * x).backward()
                results.append((name, x.backend, x.grad.tolist()))

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [(n, n, [2.0, 4.0]) for n in sorted(names)], results
        assert sorted(one.name for one in loaded) == list(um.available_backends())
        print("done")
    """
    assert python(code) == "done"


def fake_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    """Have a backend called ``fake`` whose module is ``content``."""
    name = f"fake_backend_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint(name="fake", value=name, group=registry.GROUP)
    monkeypatch.setattr(registry, "_entries", lambda: {"fake": entry})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "import no_such_framework",
            r"cannot be imported \(No module .*pip install 'un",
        ),
        (
            "1 / 0",
            "backend 'fake' cannot be loaded: ZeroDivisionError: division by zero",
        ),
        ("engine = None", "backend 'fake' lacks abs, acos, "),
    ],
)
def test_backends_that_cannot_be_loaded_say_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, message: str
) -> None:
    fake_backend(monkeypatch, tmp_path, content)
    for _ in range(2):
        with pytest.raises(um.BackendError, match=message):
            um.set_backend("fake")
    assert "fake" not in registry._loaded


def test_a_backend_that_is_loaded_inside_no_grad_joins_in(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if nothing had been loaded before.
    monkeypatch.setattr(registry, "_loaded", {})
    with um.no_grad():
        with um.no_grad():
            x = um.tensor(3.0, requires_grad=True)
            assert not (x * x).requires_grad
        assert not (x * x).requires_grad
        assert um.grad(lambda y: x * y * y)(x).item() == 18
    assert (x * x).requires_grad


def test_a_backend_that_is_loaded_inside_a_tape_joins_in(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_loaded", {})
    with um.GradientTape() as tape:
        x = um.tensor(3.0)
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x).item() == 6


# --- mixing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        um.add,
        um.matmul,
        lambda x, y: x * y,
        lambda x, y: x == y,
        lambda x, y: um.where(x > 0, x, y),
        lambda x, y: um.where(x > 0, y, x),
        lambda x, y: um.concat([x, y]),
        lambda x, y: um.stack([x, y]),
        lambda x, y: um.clip(x, y, 2.0),
        lambda x, y: um.take(x, y.astype(um.int64)),
        lambda x, y: x[y.astype(um.int64)],
        lambda x, y: x.__setitem__(0, y[0]),
        lambda x, y: um.nn.Parameter(x).assign(y),
        lambda x, y: um.asarray([x, y]),
    ],
)
def test_operands_of_two_backends_are_refused(
    backend: str, operation: Callable[[um.Tensor, um.Tensor], object], other: str
) -> None:
    x, y = um.ones(3), um.ones(3).to_backend(other)
    with pytest.raises(um.BackendMismatchError) as caught:
        operation(x, y)
    message = str(caught.value)
    assert repr(backend) in message
    assert repr(other) in message
    assert "to_backend" in message


def test_moving_keeps_the_values_and_leaves_the_history(
    backend: str, other: str
) -> None:
    x = um.tensor([1.0, 2.0], requires_grad=True)
    moved = x.to_backend(other)
    assert moved.backend == other
    assert moved.tolist() == [1, 2]
    assert not moved.requires_grad
    assert moved.to_backend(backend).tolist() == [1, 2]


# --- devices --------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["gpu:99", "cuda:99", "tpu", "cpu:7"])
@pytest.mark.parametrize(
    "use",
    [
        lambda device: um.zeros(3, device=device),
        lambda device: um.asarray([1.0], device=device),
        lambda device: um.tensor([1.0]).to(device),
        lambda device: um.nn.Parameter(1.0, device=device),
    ],
)
def test_devices_that_there_are_not(
    backend: str, use: Callable[[str], object], device: str
) -> None:
    with pytest.raises(
        ValueError, match=f"backend '{backend}' has no device '{device}': it has 'cpu'"
    ):
        use(device)


def test_a_gpu_where_there_is_none(backend: str) -> None:
    if len(registry.current().ops.devices()) > 1:
        pytest.skip("this machine has a GPU: it is about those that have none")
    for name in ("gpu", "cuda", "gpu:0"):
        with pytest.raises(ValueError, match=f"no device '{name}': it has 'cpu'$"):
            um.zeros(3, device=name)


def test_a_device_is_a_name(backend: str) -> None:
    with pytest.raises(TypeError, match="a device is named by a string, not 0"):
        um.zeros(3, device=0)
