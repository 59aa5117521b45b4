"""Drawing a graph, by networkx and matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unifiedml._graph import Graph, Node

COLOURS = {"input": "#cfe3f7", "constant": "#ececec"}
OPERATION = "#fbe3c0"
RESULT = "#cdeccd"


def draw(graph: Graph, path: Path) -> None:
    """Draw ``graph`` from top to bottom into the file ``path``."""
    try:
        import networkx
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"drawing a graph needs {error.name}: pip install 'unifiedml[plot]'"
        ) from error
    arrows: Any = networkx.DiGraph()
    for node in graph.nodes:
        arrows.add_node(node.name)
        arrows.add_edges_from((name, node.name) for name in node.inputs)
    for depth, names in enumerate(networkx.topological_generations(arrows)):
        for name in names:
            arrows.nodes[name]["depth"] = depth
    place = networkx.multipartite_layout(
        arrows, subset_key="depth", align="horizontal", scale=1
    )
    # Values flow from top to bottom.
    place = {name: (x, -y) for name, (x, y) in place.items()}
    depths = [data["depth"] for _, data in arrows.nodes(data=True)]
    widest = max(depths.count(depth) for depth in set(depths))
    figure = Figure(figsize=(max(4.0, 2.2 * widest), 1.0 * (max(depths) + 1) + 1.0))
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_title(f"{graph.title} on {graph.backend}")
    axes.margins(0.2, 0.15)
    for node in graph.nodes:
        _draw_node(axes, node, place, node.name in graph.outputs)
    figure.savefig(path, bbox_inches="tight", dpi=150)


def _draw_node(axes: Any, node: Node, place: dict[str, Any], is_result: bool) -> None:
    for name in node.inputs:
        axes.annotate(
            "",
            xy=place[node.name],
            xytext=place[name],
            arrowprops={"arrowstyle": "-|>", "color": "#555555", "shrinkB": 16},
            zorder=1,
        )
    colour = RESULT if is_result else COLOURS.get(node.operation, OPERATION)
    axes.text(
        *place[node.name],
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
