"""Kernels for free sizes: a design that holds for all of them, and what a loader computes first.

A dynamic kernel's entry takes its sizes beside its arguments, in the order in which K.json names
them; every other number (cores, workspaces) it computes itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.aul import interpret
from kernelwright.aul.syntax import Binary, Int, IntExpr, Name
from kernelwright.compiler.codegen._host import HostPlan
from kernelwright.compiler.codegen._sizes_text import python_text
from kernelwright.compiler.design import Design, returned
from kernelwright.errors import UnsupportedError
from kernelwright.frameworks.graphkernel.build import build
from kernelwright.frameworks.graphkernel.free_sizes import Shapes
from kernelwright.frameworks.graphkernel.info import Info
from kernelwright.graph.core import DTYPES, is_float
from kernelwright.graph.evaluate import evaluate

_SAID = "// sizes: "
TOLERANCE = 1e-2  # a design for one size only is wrong by far more, or has other shapes


def check_sizes(info: Info, sets: Sequence[Shapes], made: Design, fake: Sequence[bool]) -> None:
    """Raises UnsupportedError unless the interpreter finds the design right for every set of sizes:
    what a rewrite took from the sizes at hand would show."""
    for shapes in sets:
        graph = build(info, shapes).graph
        rng = np.random.default_rng(len(shapes))
        inputs = [_drawn(node.shape, node.dtype, rng) for node in graph.inputs]
        wanted = evaluate(graph, inputs, {})
        if all(fake):
            wanted = wanted[len(wanted) - len(graph.writes) :]
        given = [
            inputs[int(b.key)] if b.source == "input" else made.constants[str(b.key)]
            for b in made.bindings
        ]
        found = interpret(made.program, given)
        if len(found) != len(wanted) or not all(map(_near, found, wanted)):
            raise UnsupportedError(
                f"{info.path}: no kernel was found that holds for all sizes; give each a number"
            )


def _drawn(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray:
    values = rng.uniform(0.5, 2, shape) if is_float(dtype) else rng.integers(0, 2, shape)
    return np.asarray(values).astype(DTYPES[dtype])


def _near(found: np.ndarray, wanted: np.ndarray) -> bool:
    if found.shape != wanted.shape:
        return False
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    return bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


# ---- what K.json says ----------------------------------------------------------------------------


def sizes_line(design: Design, plan: HostPlan, inputs: int, fake: Sequence[bool]) -> str:
    """A comment of K_out.mlir with what K.json will say of the sizes."""
    return _SAID + json.dumps(about_sizes(design, plan, inputs, fake))


def about_sizes(
    design: Design, plan: HostPlan, inputs: int, fake: Sequence[bool]
) -> dict[str, Any]:
    """What K.json says of the sizes; ``inputs``: how many the file has."""
    return {
        "sizes": [_source(name, design, plan) for name in design.dynamic],
        "inputSizes": _input_sizes(design, plan, inputs),
        "outputSizes": _output_sizes(design, plan, fake),
        "limits": [[python_text(e, plan.values), most] for e, most in design.limits],
    }


def said_sizes(text: str) -> dict[str, Any]:
    """What ``sizes_line`` wrote into K_out.mlir; {} where sizes are not free."""
    line = next((t for t in text.splitlines() if t.startswith(_SAID)), None)
    return {} if line is None else dict(json.loads(line.removeprefix(_SAID)))


def _input_sizes(design: Design, plan: HostPlan, inputs: int) -> list[list[str] | None]:
    """The extents of each input, None of one that is not read."""
    bound = {int(b.key): b.name for b in design.bindings if b.source == "input"}
    return [_extents(plan, bound[i]) if i in bound else None for i in range(inputs)]


def _output_sizes(design: Design, plan: HostPlan, fake: Sequence[bool]) -> list[list[str] | None]:
    """The extents of each output, None of one that is not there."""
    real = iter(returned(design))
    return [None if missing else _extents(plan, next(real).name) for missing in fake]


def _extents(plan: HostPlan, name: str) -> list[str]:
    buffer = plan.buffers[name]
    exprs: Sequence[IntExpr] = buffer.exprs or tuple(map(Int, buffer.shape))
    return [python_text(e, plan.values) for e in exprs]


def _source(name: str, design: Design, plan: HostPlan) -> dict[str, Any]:
    """Which input shows a size: ``{"name", "input", "axis", "per"}``, the extent divided by
    ``per``."""
    bound: Mapping[str, int] = {b.name: int(b.key) for b in design.bindings if b.source == "input"}
    products: list[dict[str, Any]] = []
    for buffer, place in bound.items():
        for axis, expr in enumerate(plan.buffers[buffer].exprs or ()):
            if expr == Name(name):
                return {"name": name, "input": place, "axis": axis, "per": 1}
            if isinstance(expr, Binary) and expr.op == "*":
                for one, other in ((expr.left, expr.right), (expr.right, expr.left)):
                    if one == Name(name) and isinstance(other, Int):
                        products.append(
                            {"name": name, "input": place, "axis": axis, "per": other.value}
                        )
    if products:
        return products[0]
    raise UnsupportedError(f"no input's shape shows the size {name}")
