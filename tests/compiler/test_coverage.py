"""What the table of lowered ops says is what the scheduler does."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kernelwright.aul import syntax as aul
from kernelwright.compiler.coverage import KERNEL, LIBRARY, PARTS, aten_ops, coverage, lowering
from kernelwright.compiler.schedule import design
from kernelwright.graph.core import Builder, Graph, Node, TensorType
from kernelwright.graph.ops import all_ops
from kernelwright.schema import Target

SHAPE = (6, 8)
# Values for attributes by their name, tried in turn.
ATTRIBUTES: Mapping[str, tuple[Any, ...]] = {
    "axes": ((1,), (1, 0)),
    "axis": (1, 0),
    "keepdims": (False,),
    "dtype": ("float64",),
    "shape": ((8, 6), (6, 8)),
    "starts": ((0, 1),),
    "stops": ((5, 8),),
    "steps": ((1, 2),),
    "low": ((1, 0),),
    "high": ((0, 2),),
    "value": (0.5,),
}
DTYPES = ("float32", "bool", "int32")


def _attributes(name: str) -> Iterator[dict[str, Any]]:
    parameters = inspect.signature(all_ops()[name].meaning).parameters.values()
    known = [p.name for p in parameters if p.name in ATTRIBUTES]
    names = known or [k for k in ATTRIBUTES if k in _asked_for(name)]
    for first in range(2):
        yield {n: ATTRIBUTES[n][min(first, len(ATTRIBUTES[n]) - 1)] for n in names}


def _asked_for(name: str) -> set[str]:
    return {"axes", "keepdims"} if all_ops()[name].kind == "reduction" else {"axis"}


def _sample(name: str) -> Graph | None:
    """A Graph of one use of the op, or None where no use of it is found."""
    for attributes in _attributes(name):
        for dtype in DTYPES:
            for count in (1, 2, 3):
                inputs = [
                    Builder().input(f"x{i}", i, TensorType(SHAPE, dtype)) for i in range(count)
                ]
                if name == "where":
                    inputs[:1] = [Builder().input("x0", 0, TensorType(SHAPE, "bool"))]
                try:
                    node = Builder().make(name, inputs, **attributes)
                except (ValueError, KeyError, TypeError, IndexError):
                    continue
                return Graph("sample", inputs, [], [node])
    return None


def _calls(graph: Graph) -> list[str]:
    made = design(graph, Target("cpu", "x86_64"))
    return [s.op for s in made.program.host.body if isinstance(s, aul.FrameworkCall)]


NATIVE = [r.name for r in coverage() if r.lowering == KERNEL and r.kind != "leaf"]


def test_most_ops_have_a_sample() -> None:
    lacking = [n for n in NATIVE if _sample(n) is None]
    assert len(lacking) <= len(NATIVE) // 10, lacking


@pytest.mark.parametrize("name", NATIVE)
def test_an_op_listed_as_a_kernel_needs_no_library(name: str) -> None:
    graph = _sample(name)
    if graph is None:
        pytest.skip("no use of it with these attributes")
    assert _calls(graph) == []


def test_products_stay_in_the_library() -> None:
    assert lowering(all_ops()["matmul"]) == LIBRARY
    square = Builder().input("x", 0, TensorType((5, 5), "float32"))
    graph = Graph("sample", [square], [], [Builder().make("matmul", [square, square])])
    assert _calls(graph) == ["aten.matmul.default"]


def test_aten_ops_are_sorted_by_what_becomes_of_them() -> None:
    found = aten_ops()
    assert (found["exp"], found["conv2d"], found["mm"]) == (KERNEL, LIBRARY, LIBRARY)
    assert found["gelu"] == PARTS
    assert {"add", "sub"} <= {a for r in coverage() if r.name in ("add", "sub") for a in r.aten}


def test_a_node_without_operands_is_enough_to_ask_the_planner() -> None:
    node = Node("exp", (), {}, TensorType((), "float32"))
    assert all_ops()[node.op].decompose is None
    assert lowering(all_ops()["exp"]) == KERNEL
