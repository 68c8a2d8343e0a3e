"""Graph: a reference operator as a DAG of named ops on tensors of known shape and dtype.

Dtypes are strings: float16 bfloat16 float32 float64 int8 uint8 int16 int32 int64 bool.
Arrays are NumPy arrays; bfloat16 is ``ml_dtypes.bfloat16``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import ml_dtypes
import numpy as np

DTYPES: Mapping[str, np.dtype] = {
    name: np.dtype(kind)
    for name, kind in {
        "float16": np.float16,
        "bfloat16": ml_dtypes.bfloat16,
        "float32": np.float32,
        "float64": np.float64,
        "int8": np.int8,
        "uint8": np.uint8,
        "int16": np.int16,
        "int32": np.int32,
        "int64": np.int64,
        "bool": np.bool_,
    }.items()
}


def is_float(dtype: str) -> bool:
    return dtype in ("float16", "bfloat16", "float32", "float64")


def dtype_name(dtype: np.dtype) -> str:
    """Our name of a NumPy dtype; raises KeyError for one that the Graph does not know."""
    for name, kind in DTYPES.items():
        if kind == dtype:
            return name
    raise KeyError(f"dtype {dtype} is not supported; known: {', '.join(DTYPES)}")


@dataclass(frozen=True)
class TensorType:
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * DTYPES[self.dtype].itemsize

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


_ids = itertools.count()


@dataclass(eq=False)
class Node:
    """One value. Compared by identity. Every op has exactly one output tensor.

    Leaf ops: "input" (attrs: name, index), "parameter" (attrs: name; a parameter or buffer of the
    Model, by its state-dict name), "constant" (attrs: value, an ndarray; 0-d for a scalar; exact,
    present for a scalar float: the number before it was rounded to the dtype, so that the float64
    truth and wider computations do not see the rounding), "iota" (attrs: shape, axis, dtype: the
    index along one axis).
    A multi-output framework op becomes one "call" node an output (attrs: target, output_index,
    arguments), see ``graph.ops.call``.
    """

    op: str
    inputs: tuple[Node, ...]
    attrs: dict[str, Any]
    type: TensorType
    id: int = field(default_factory=lambda: next(_ids))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def dtype(self) -> str:
        return self.type.dtype

    def __repr__(self) -> str:
        args = ", ".join(f"%{n.id}" for n in self.inputs)
        return f"%{self.id} = {self.op}({args}) {_attr_text(self.attrs)}: {self.type}"


def _attr_text(attrs: Mapping[str, Any]) -> str:
    shown = {
        k: (f"<{v.dtype}{list(v.shape)}>" if isinstance(v, np.ndarray) and v.ndim else v)
        for k, v in attrs.items()
    }
    return str(shown) if shown else ""


@dataclass
class Graph:
    """``outputs`` in order. ``structure`` is what surrounds them: "tensor" (nothing), "tuple",
    "list" or an expression, see ``graph.structure``.

    ``inputs`` are the "input" nodes in call order (also the ones that no output depends on);
    ``parameters`` the "parameter" nodes in state-dict order. ``fixed`` holds the arguments that are
    no tensors, by position in the call: the Graph is right for these values only. ``assumes`` names
    what a rewrite took for granted, as in "finite_inputs". ``writes`` are the inputs that the call
    changes, by position: their values after it are the last outputs, beyond ``structure``.
    ``hints`` are wishes for the schedule that its source came with, by name; they mean nothing to
    what is computed.
    """

    name: str
    inputs: list[Node]
    parameters: list[Node]
    outputs: list[Node]
    structure: str = "tensor"
    notes: list[str] = field(default_factory=list)
    fixed: dict[int, Any] = field(default_factory=dict)
    assumes: list[str] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    hints: dict[str, Any] = field(default_factory=dict)

    def nodes(self) -> list[Node]:
        """All nodes that the outputs need, operands first, each once."""
        return list(walk(self.outputs))

    def __str__(self) -> str:
        body = "\n".join(f"  {n!r}" for n in self.nodes())
        outs = ", ".join(f"%{n.id}" for n in self.outputs)
        return f"graph {self.name} {{\n{body}\n  return {outs}\n}}"


Infer = Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]
Meaning = Callable[..., np.ndarray]
Decompose = Callable[["Builder", Sequence[Node], Mapping[str, Any]], Node]


@dataclass(frozen=True)
class OpDef:
    """One op. ``infer(input types, attrs)`` gives the output's type and raises ValueError on a bad
    combination. ``meaning(*arrays, **attrs)`` is the op in NumPy: in float64 when given float64.
    ``decompose(builder, inputs, attrs)`` rewrites it to simpler ops; None for a primitive.
    ``kind`` is what the scheduler sees: "elementwise", "reduction" (attrs: axes, keepdims),
    "scan" (attrs: axis, reverse), "view" (moves no data), "movement" (concat, pad, window, frames),
    "lookup" (indirect loads), "scatter" (indirect stores), "leaf", "composite" (has a
    decomposition), "call" (opaque; matmul is one). ``commutative``: its two operands may change
    places. ``work``: operations an element, of an elementwise op or reduction.
    """

    name: str
    kind: str
    infer: Infer
    meaning: Meaning
    decompose: Decompose | None = None
    doc: str = ""
    commutative: bool = False
    work: float = 1.0


class Builder:
    """Makes nodes: ``b.add(x, y)`` is ``b.make("add", [x, y])``. Types are inferred and checked."""

    def make(self, op: str, inputs: Sequence[Node], **attrs: Any) -> Node:
        from kernelwright.graph.ops import op_definition

        definition = op_definition(op)
        return Node(op, tuple(inputs), attrs, definition.infer([n.type for n in inputs], attrs))

    def __getattr__(self, op: str) -> Callable[..., Node]:
        if op.startswith("_"):
            raise AttributeError(op)
        return lambda *inputs, **attrs: self.make(op, inputs, **attrs)

    def input(self, name: str, index: int, type: TensorType) -> Node:
        return Node("input", (), {"name": name, "index": index}, type)

    def parameter(self, name: str, type: TensorType) -> Node:
        return Node("parameter", (), {"name": name}, type)

    def constant(self, value: Any, dtype: str) -> Node:
        """``value`` (a number or an array) rounded to ``dtype``; a scalar float keeps its exact
        value in the attribute ``exact``."""
        with np.errstate(over="ignore"):
            array = np.asarray(value).astype(DTYPES[dtype])
        attrs: dict[str, Any] = {"value": array}
        if array.ndim == 0 and is_float(dtype):
            attrs["exact"] = float(value)
        return Node("constant", (), attrs, TensorType(array.shape, dtype))


def walk(nodes: Sequence[Node], known: Container[int] = ()) -> Iterator[Node]:
    """The nodes that ``nodes`` need, operands first, each once; without the ones whose id is in
    ``known`` and what only those need. Not recursive: a Graph may be deeper than Python's stack."""
    done: set[int] = set()
    stack: list[tuple[Node, bool]] = [(n, False) for n in reversed(nodes)]
    while stack:
        node, ready = stack.pop()
        if node.id in done or node.id in known:
            continue
        if ready:
            done.add(node.id)
            yield node
        else:
            stack.append((node, True))
            stack.extend((n, False) for n in reversed(node.inputs) if n.id not in done)
