"""The installed package: where it is imported from, what that costs, in which order."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

Python = Callable[..., str]

LATE = ("torch", "tensorflow", "keras", "jax", "hypothesis", "matplotlib")
"""What must not be imported before it is used."""


def test_is_imported_from_where_it_was_installed(
    python: Python, installed: Path
) -> None:
    assert Path(python("import unifiedml; print(unifiedml.__file__)")).is_relative_to(
        installed
    )


def test_version_is_that_of_the_distribution(python: Python, installed: Path) -> None:
    version = python("import unifiedml; print(unifiedml.__version__)")
    assert (installed / f"unifiedml-{version}.dist-info").is_dir()


@pytest.mark.parametrize("use", ["", "um.available_backends()", "um.get_backend()"])
def test_nothing_heavy_is_imported_before_it_is_used(python: Python, use: str) -> None:
    code = f"""
        import json, sys
        import unifiedml as um
        {use}
        print(json.dumps(sorted(set({LATE}) & set(sys.modules))))
    """
    assert json.loads(python(code)) == []


def test_both_backends_are_listed(python: Python) -> None:
    code = "import json, unifiedml; print(json.dumps(unifiedml.available_backends()))"
    assert {"torch", "tensorflow"} <= set(json.loads(python(code)))


def test_import_takes_less_than_a_fifth_of_a_second_beyond_numpy(
    python: Python,
) -> None:
    """Processor time, with warm files; what a busy machine adds is taken out.

    NumPy comes first in the same process. It takes 0.12 s on the machine that the limit
    was set for; where it takes longer, so may we.
    """
    code = """
        import time
        start = time.process_time()
        import numpy
        middle = time.process_time()
        import unifiedml
        print(middle - start, time.process_time() - middle)
    """
    runs = [tuple(map(float, python(code).split())) for _ in range(6)][1:]
    seconds = median(ours * min(1, 0.12 / numpy) for numpy, ours in runs)
    assert seconds < 0.2, f"seconds for NumPy, and then for unifiedml: {runs}"


@pytest.mark.parametrize("first", ["the frameworks", "unifiedml"])
@pytest.mark.parametrize(
    "order", [("torch", "tensorflow"), ("tensorflow", "torch")], ids="-".join
)
def test_both_orders_of_loading_work(
    python: Python, first: str, order: tuple[str, str]
) -> None:
    code = f"""
        if {first == "the frameworks"}:
            import {order[0]}
            import {order[1]}
        import unifiedml as um
        for name in {order}:
            with um.use_backend(name):
                x = um.asarray([1.0, 2.0, 3.0])
                gradient = um.grad(lambda x: um.sum(x * x))(x)
                assert gradient.backend == name, gradient.backend
                assert gradient.numpy().tolist() == [2.0, 4.0, 6.0], gradient
        print("done")
    """
    assert python(code).endswith("done")
