"""Drawing a graph, by networkx and matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unifiedml._graph import Graph, Node

COLOURS = {"input": "#cfe3f7", "constant": "#ececec"}
OPERATION = "#fbe3c0"
RESULT = "#cdeccd"
INCHES = (2.3, 0.95)
"""Width and height that a node takes."""


def draw(graph: Graph, path: Path) -> None:
    """Draw ``graph`` from top to bottom into the file ``path``."""
    try:
        import networkx as nx
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"drawing a graph needs {error.name}: pip install 'unifiedml[plot]'"
        ) from error
    arrows: Any = nx.DiGraph()
    for node in graph.nodes:
        arrows.add_node(node.name)
        arrows.add_edges_from((name, node.name) for name in node.inputs)
    place = _places(nx, arrows, graph)
    width = max(x for x, _ in place.values()) + 1
    height = max(-y for _, y in place.values()) + 1
    figure = Figure(figsize=(INCHES[0] * width, INCHES[1] * height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(0.5 - height, 0.5)
    for node in graph.nodes:
        _draw_node(axes, node, place, node.name in graph.outputs)
    figure.savefig(path, bbox_inches="tight", dpi=150)


def _places(nx: Any, arrows: Any, graph: Graph) -> dict[str, Any]:
    """Return a place for each node: a column, and minus its row."""
    depth = {}
    for row, names in enumerate(nx.topological_generations(arrows)):
        depth.update(dict.fromkeys(names, row))
    for node in graph.nodes:
        users = [depth[name] for name in arrows.successors(node.name)]
        if not node.inputs and users:
            # What is given stands right above where it is first used.
            depth[node.name] = min(users) - 1
    rows: dict[int, list[str]] = {}
    for name, row in depth.items():
        rows.setdefault(row, []).append(name)
    place = {}
    for row, names in rows.items():
        # What is computed stands on the left, what is given beside it.
        names.sort(key=lambda name: bool(arrows.in_degree(name)), reverse=True)
        for column, name in enumerate(names):
            place[name] = (column, -row)
    return place


def _draw_node(axes: Any, node: Node, place: dict[str, Any], is_result: bool) -> None:
    here = place[node.name]
    for name in node.inputs:
        # Points between an arrow's head and the middle of the box, which is wide.
        gap = 18 if place[name][0] == here[0] else 40
        style = {"arrowstyle": "-|>", "color": "#555555", "shrinkB": gap}
        axes.annotate("", xy=here, xytext=place[name], arrowprops=style, zorder=1)
    colour = RESULT if is_result else COLOURS.get(node.operation, OPERATION)
    axes.text(
        *here,
        _label(node),
        ha="center",
        va="center",
        fontsize=9,
        bbox={"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "#777777"},
        zorder=2,
    )


def _label(node: Node) -> str:
    kind = f"{node.dtype} {node.shape}"
    if node.operation == "input":
        return f"{node.name}\n{kind}"
    if node.operation == "constant":
        return f"{node.arguments[0]}\n{kind}"
    return f"{node.operation}\n{kind}"
