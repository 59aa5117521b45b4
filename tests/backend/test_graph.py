"""The graph of a function says what runs, and its drawing shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import unifiedml as um


def operations(graph: um.Graph) -> list[str]:
    """Return the operations of a graph, without inputs and constants."""
    given = ("input", "constant")
    return [node.operation for node in graph.nodes if node.operation not in given]


def test_every_operation_once_in_order(backend: str) -> None:
    """What ran is what is shown, with its operands, shapes and data types."""
    graph = um.graph(lambda x: um.mean(um.exp(x) * 2.0))(um.ones((2, 3)))
    assert operations(graph) == ["exp", "multiply", "mean"]
    assert str(graph) == (
        f"f(x: float32 (2, 3)) on {backend}:\n"
        "  %0 = exp(x): float32 (2, 3)\n"
        "  %1 = constant(2.0): float32 ()\n"
        "  %2 = multiply(%0, %1): float32 (2, 3)\n"
        "  %3 = mean(%2, (0, 1), False): float32 ()\n"
        "  return %3"
    )


def test_result_is_what_the_function_returns(backend: str) -> None:
    """The result is an ordinary tensor on the backend, in its structure."""
    result = um.graph(lambda x: {"sum": um.sum(x), "n": 3})(um.ones(3)).result
    assert result["n"] == 3
    assert result["sum"].item() == 3.0
    assert (result["sum"] + um.ones(())).item() == 4.0


def test_a_tensor_given_twice_is_two_inputs(backend: str) -> None:
    """Inputs are places, not objects."""
    x = um.ones(2)
    graph = um.graph(um.add)(x, x)
    assert graph.nodes[-1].inputs == ("x1", "x2")


def test_trees_and_keywords_are_named(backend: str) -> None:
    """Tensors in a list are numbered, keywords keep their names."""

    def f(pair: list[um.Tensor], scale: um.Tensor) -> um.Tensor:
        return (pair[0] + pair[1]) * scale

    graph = um.graph(f)([um.ones(1), um.ones(1)], scale=um.ones(1))
    names = [node.name for node in graph.nodes if node.operation == "input"]
    assert names == ["pair.0", "pair.1", "scale"]


def test_a_model_shows_its_parameters_by_name(backend: str) -> None:
    """Parameters are inputs; the model itself is left as it was."""
    model = um.Sequential(um.Dense(2, "relu", input_size=3)).eval()
    before = model.state_dict()
    graph = um.graph(model)(um.ones((1, 3)))
    assert operations(graph) == ["matmul", "add", "relu"]
    names = {node.name for node in graph.nodes if node.operation == "input"}
    assert names == {"x", "layers.0.kernel", "layers.0.bias"}
    np.testing.assert_array_equal(graph.result.numpy(), model(um.ones((1, 3))).numpy())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_closed_over_tensors_are_constants(backend: str) -> None:
    """Short ones by value, long ones by shape."""
    short, long = um.tensor([1.0, 2.0]), um.ones((3, 100))
    graph = um.graph(lambda x: x + short)(um.ones(2))
    assert "constant([1.0, 2.0])" in str(graph)
    assert "constant(...)" in str(um.graph(lambda x: x + long)(um.ones(100)))


def test_errors_are_those_of_the_function(backend: str) -> None:
    """A graph of what fails fails alike, and the backend is unharmed."""
    with pytest.raises(ValueError, match="cannot broadcast"):
        um.graph(um.add)(um.ones(2), um.ones(3))
    assert (um.ones(2) + um.ones(2)).tolist() == [2.0, 2.0]


def test_both_backends_run_the_same_operations() -> None:
    """What the frontend composes does not depend on the backend."""
    seen = set()
    for name in um.available_backends():
        with um.use_backend(name):
            graph = um.graph(lambda x: um.std(um.gelu(x)))(um.ones(3))
            seen.add(tuple(operations(graph)))
    assert len(seen) == 1


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_drawing(backend: str, tmp_path: Path, suffix: str) -> None:
    """The file holds a picture of its kind."""
    path = tmp_path / f"graph{suffix}"
    um.graph(um.softplus)(um.ones(2)).draw(path)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)
