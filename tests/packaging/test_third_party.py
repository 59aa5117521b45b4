"""A backend from another distribution: found, loaded, used, or refused for a reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Python = Callable[..., str]
Install = Callable[[Path, Path], Path]

SOURCE = Path(__file__).parent / "third_party"
MODULE = "unifiedml_numpyish.py"


@pytest.fixture(scope="session")
def numpyish(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build and install the NumPy backend into a folder of its own; return that."""
    folder = tmp_path_factory.mktemp("third_party")
    shutil.copytree(SOURCE, folder / "source")
    return install(folder / "source", folder / "installed")


def test_is_found_without_being_imported(python: Python, numpyish: Path) -> None:
    code = """
        import json, sys
        import unifiedml as um
        names = um.available_backends()
        print(json.dumps([names, "unifiedml_numpyish" in sys.modules]))
    """
    names, is_imported = json.loads(python(code, numpyish))
    assert set(names) >= {"numpyish", "tensorflow", "torch"}
    assert not is_imported


def test_is_used_like_any_other_and_alone(python: Python, numpyish: Path) -> None:
    code = """
        import sys
        import numpy as np
        import unifiedml as um

        um.set_backend("numpyish")
        x = um.asarray([[1.0, 2.0], [3.0, 4.0]])
        weights = um.ones((2, 3), dtype=um.float32)
        y = um.tanh(x @ weights) + um.sum(x, axis=0, keepdims=True)[:, :1]
        assert y.backend == "numpyish" and y.dtype is um.float32, y
        assert type(y.native) is np.ndarray
        expected = np.tanh([[3.0], [7.0]]) + np.full((1, 3), 4.0)
        assert np.max(np.abs(y.numpy() - expected)) < 1e-6, y
        assert not {"torch", "tensorflow"} & set(sys.modules)
    """
    python(code, numpyish)


def test_says_that_it_has_no_gradients(python: Python, numpyish: Path) -> None:
    code = """
        import unifiedml as um

        um.set_backend("numpyish")
        try:
            um.grad(um.sum)(um.ones(3))
        except NotImplementedError as error:
            print(error)
    """
    assert "NumPy has no gradients" in python(code, numpyish)


def test_an_incomplete_backend_is_refused_by_what_it_lacks(
    python: Python, numpyish: Path, tmp_path: Path
) -> None:
    shutil.copytree(numpyish, tmp_path, dirs_exist_ok=True)
    with (tmp_path / MODULE).open("a") as module:
        module.write("\ndel log, tanh\n")
    code = """
        import unifiedml as um

        try:
            um.set_backend("numpyish")
        except um.BackendError as error:
            print(error)
    """
    assert python(code, tmp_path) == "backend 'numpyish' lacks log, tanh"


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_a_missing_framework_is_named_with_the_way_out(
    python: Python, name: str
) -> None:
    """`None` among the loaded modules is how Python marks what cannot be imported."""
    code = f"""
        import sys

        sys.modules[{name!r}] = None
        import unifiedml as um

        assert {name!r} in um.available_backends()
        try:
            um.set_backend({name!r})
        except um.BackendError as error:
            print(error)
    """
    message = python(code)
    assert message.startswith(f"backend {name!r} cannot be imported")
    assert message.endswith(f"pip install 'unifiedml[{name}]'")


def test_the_default_is_a_framework_that_is_there(python: Python) -> None:
    code = """
        import sys

        sys.modules["torch"] = None
        import unifiedml as um

        print(um.get_backend())
    """
    assert python(code) == "tensorflow"
