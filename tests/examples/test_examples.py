"""The programs in examples/ do what they say, on every backend."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import unifiedml as um

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _examples_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def _load(name: str) -> ModuleType:
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def test_every_example_is_tested() -> None:
    """A new program cannot be forgotten here."""
    text = Path(__file__).read_text()
    untested = [p.stem for p in FOLDER.glob("*.py") if f'_load("{p.stem}")' not in text]
    assert not untested


def test_constants(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two constants are added; the graph is readable and drawn."""
    graph = _load("constants").main(tmp_path / "graph.svg")
    assert graph.result.item() == 5.0
    assert [node.operation for node in graph.nodes] == ["input", "input", "add"]
    assert str(graph) == (
        f"add(a: float32 (), b: float32 ()) on {backend}:\n"
        "  %0 = add(a, b): float32 ()\n"
        "  return %0"
    )
    assert str(graph) in capsys.readouterr().out
    assert "<svg" in (tmp_path / "graph.svg").read_text()


def test_classifier(backend: str) -> None:
    """Five epochs read most digits."""
    assert _load("classifier").main(verbose=False)["accuracy"] > 0.8


def test_interchange(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Values survive the journey; every backend was visited."""
    result = _load("interchange").main()
    np.testing.assert_array_equal(result.numpy(), np.arange(6.0).reshape(2, 3))
    assert result.backend == backend
    printed = capsys.readouterr().out
    assert all(f"on {name}:" in printed for name in um.available_backends())


def test_gradients(backend: str) -> None:
    """All three styles find 2 x / 3."""
    for gradient in _load("gradients").main():
        um.testing.assert_close(
            gradient, np.float32([2 / 3, 4 / 3, 2]), family="elementwise_gradient"
        )


def test_linear_regression(backend: str, tmp_path: Path) -> None:
    """Gradient descent finds the least-squares line of the same points."""
    line = _load("linear_regression").main(picture=tmp_path / "line.png")
    um.random.seed(0)
    x = um.random.uniform((100,), low=-1.0, high=1.0).numpy().astype(np.float64)
    noise = um.random.normal((100,), std=0.1).numpy()
    slope, intercept = np.polyfit(x, 2.0 * x + 1.0 + noise, 1)
    found = np.float32([line.slope.item(), line.intercept.item()])
    um.testing.assert_close(
        found, np.float32([slope, intercept]), family="optimizer", length=1000
    )
    assert (tmp_path / "line.png").stat().st_size > 1000


def test_digits(tmp_path: Path) -> None:
    """Two short runs on different backends agree as far as float32 can."""
    digits = _load("digits")
    data = digits.load()
    runs = {}
    for name in um.available_backends():
        with um.use_backend(name):
            runs[name] = digits.train(data, epochs=2)
    first, *others = runs.values()
    assert first.accuracy > 0.85
    for other in others:
        curve = np.abs(first.losses - other.losses) / first.losses
        assert curve.max() <= um.tolerance.run_bound("float32", steps=len(curve))
        assert digits.compare(first, other).count("expected at most") == 5
    digits.draw(runs, data, tmp_path / "digits.png")
    assert (tmp_path / "digits.png").stat().st_size > 1000
