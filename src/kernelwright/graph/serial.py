"""A Graph as JSON-ready data and a list of arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Graph, Node, TensorType, walk

_VERSION = 1


def graph_to_dict(graph: Graph) -> tuple[dict[str, Any], list[np.ndarray]]:
    """(data, arrays): ``data`` holds only JSON values, with places of ``arrays`` where constants
    stand. Unused inputs and parameters are kept."""
    arrays: list[np.ndarray] = []
    nodes = list(walk([*graph.inputs, *graph.parameters, *graph.outputs]))
    place = {node.id: i for i, node in enumerate(nodes)}
    data = {
        "version": _VERSION,
        "name": graph.name,
        "structure": graph.structure,
        "notes": list(graph.notes),
        "nodes": [
            {
                "op": node.op,
                "inputs": [place[operand.id] for operand in node.inputs],
                "attrs": {key: _packed(value, arrays) for key, value in node.attrs.items()},
                "shape": list(node.shape),
                "dtype": node.dtype,
            }
            for node in nodes
        ],
        "inputs": [place[node.id] for node in graph.inputs],
        "parameters": [place[node.id] for node in graph.parameters],
        "outputs": [place[node.id] for node in graph.outputs],
        "assumes": list(graph.assumes),
        "writes": list(graph.writes),
        "hints": dict(graph.hints),
        "fixed": [[index, _packed(value, arrays)] for index, value in graph.fixed.items()],
    }
    return data, arrays


def graph_from_dict(data: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Graph:
    """The Graph that ``graph_to_dict`` wrote, with new nodes. Raises ValueError for data of another
    version."""
    if data.get("version") != _VERSION:
        raise ValueError(f"Graph data of version {data.get('version')!r}; {_VERSION} is known")
    nodes: list[Node] = []
    for entry in data["nodes"]:
        operands = tuple(nodes[i] for i in entry["inputs"])
        attrs = {key: _unpacked(value, arrays) for key, value in entry["attrs"].items()}
        kind = TensorType(tuple(entry["shape"]), entry["dtype"])
        nodes.append(Node(entry["op"], operands, attrs, kind))
    return Graph(
        data["name"],
        [nodes[i] for i in data["inputs"]],
        [nodes[i] for i in data["parameters"]],
        [nodes[i] for i in data["outputs"]],
        data["structure"],
        list(data["notes"]),
        {index: _unpacked(value, arrays) for index, value in data.get("fixed", [])},
        list(data.get("assumes", [])),
        list(data.get("writes", [])),
        dict(data.get("hints", {})),
    )


def _packed(value: Any, arrays: list[np.ndarray]) -> Any:
    """JSON has no tuples, arrays, NaN or infinities: these become one-entry objects."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, TensorType):
        return {"type": [list(value.shape), value.dtype]}
    if isinstance(value, tuple):
        return {"tuple": [_packed(v, arrays) for v in value]}
    if isinstance(value, list):
        return [_packed(v, arrays) for v in value]
    if isinstance(value, Mapping):
        return {"map": [[key, _packed(v, arrays)] for key, v in value.items()]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, np.generic):
        return _packed(value.item(), arrays)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"an attribute of type {type(value).__name__} cannot be written: {value!r}")


def _unpacked(value: Any, arrays: Sequence[np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    if not isinstance(value, Mapping):
        return value
    ((tag, content),) = value.items()
    if tag == "array":
        return arrays[content]
    if tag == "type":
        return TensorType(tuple(content[0]), content[1])
    if tag == "tuple":
        return tuple(_unpacked(v, arrays) for v in content)
    if tag == "map":
        return {key: _unpacked(v, arrays) for key, v in content}
    if tag == "float":
        return float(content)
    raise ValueError(f"unknown tag {tag!r} in Graph data")
