"""A torch Model as a Graph, by ``torch.export``.

The exported ATen graph is read as it is, high-level ops first (layer_norm stays layer_norm). Only
an op that has no converter is decomposed, by torch's own tables, and read again; what then remains
is a "call" node. Mutations inside the Model are made functional by torch before that.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.utils._pytree import tree_unflatten

from kernelwright.errors import CaptureError
from kernelwright.frameworks._torch_arrays import dtype_text, to_numpy
from kernelwright.frameworks._torch_capture_nodes import (
    Opaque,
    Reader,
    node_types,
    refuse_random,
)
from kernelwright.frameworks._torch_export import VALUES, exported, functional, granted, reason
from kernelwright.frameworks._torch_islands import Islands
from kernelwright.graph import structure
from kernelwright.graph.core import DTYPES, Builder, Graph, Node, TensorType

_PAIRS = "kernelwright_pairs"
# How often decomposing may bring up ops that need decomposing again.
_ROUNDS = 8


def capture(module: torch.nn.Module, values: Sequence[Any], name: str) -> Graph:
    """The Graph of ``module(*values)``; module and values are used up (pass copies). Numbers, bools
    and None among the values become constants. Raises CaptureError with the reason."""
    given = tuple(values)
    try:
        return _captured(exported(module, given), module, name)
    except CaptureError as error:
        if VALUES not in str(error):
            raise
        notes: list[str] = []
        try:
            graph = _captured(granted(module, given, notes), module, name)
        except CaptureError:
            raise error from None
        graph.notes.extend(notes)
        return graph


def _captured(program: ExportedProgram, module: torch.nn.Module, name: str) -> Graph:
    if any(_needs_functional_form(n) for n in program.graph.nodes):
        program = functional(program, {})
    graph, opaque = _read(program, module, name)
    tried: set[Any] = set()
    for _ in range(_ROUNDS):
        table = _decompositions(opaque - tried)
        tried |= table.keys()
        # All at once, then one by one: what a decomposition brings may have no form in the Graph.
        for part in [table, *({op: way} for op, way in table.items())] if table else []:
            try:
                smaller = functional(program, part)
                graph, opaque = _read(smaller, module, name)
            except CaptureError:
                continue
            program = smaller
            if part is table:
                break
        if not table:
            break
    return graph


def _needs_functional_form(node: torch.fx.Node) -> bool:
    """In-place ops, and submodules of higher-order ops such as autocast regions."""
    if node.op == "get_attr":
        return True
    if node.op != "call_function" or node.target is operator.getitem:
        return False
    return not isinstance(node.target, torch._ops.OpOverload) or node.target._schema.is_mutable


def _decompositions(ops: set[Any]) -> dict[Any, Any]:
    if not ops:
        return {}
    table = torch.export.default_decompositions()
    return {op: table[op] for op in ops if op in table}


def _read(program: ExportedProgram, module: torch.nn.Module, name: str) -> tuple[Graph, set[Any]]:
    """The Graph, and the ops that became calls although they might be decomposed."""
    try:
        return _Reading(program, module, name).run()
    except GuardOnDataDependentSymNode as error:
        raise CaptureError(f"torch cannot trace the Model: {reason(error)}") from error


class _Reading:
    def __init__(self, program: ExportedProgram, module: torch.nn.Module, name: str) -> None:
        self.program = program
        self.graph = Graph(name, [], [], [])
        self.builder = Builder()
        self.reader = Reader(self.builder, self.graph.notes)
        self.inputs: dict[str, int] = {}  # placeholder -> position in the call
        self.state = {
            n: self.builder.parameter(n, _type_of(t))
            for n, t in module.state_dict(keep_vars=True).items()
            if isinstance(t, torch.Tensor) and dtype_text(t.dtype) in DTYPES
        }

    def run(self) -> tuple[Graph, set[Any]]:
        graph, reader = self.graph, self.reader
        graph.parameters.extend(self.state.values())
        self._bind_placeholders()
        _pairs_for_complex_outputs(self.program)
        nodes = _live(self.program.graph)
        islands = Islands(nodes, self.builder, node_types, refuse_random)
        opaque: set[Any] = set()
        for node in nodes:
            if islands.read(node, reader.values):
                continue
            if node.op == "call_function":
                found = reader.read(node)
                if isinstance(found, Opaque):
                    opaque.add(found.target)
            elif node.op not in ("placeholder", "output"):
                raise CaptureError(f"the Model holds a {node.op} that the Graph has no form for")
        self._outputs()
        return graph, opaque

    def _bind_placeholders(self) -> None:
        placeholders = [n for n in self.program.graph.nodes if n.op == "placeholder"]
        for node, spec in zip(placeholders, self.program.graph_signature.input_specs):
            if spec.kind is InputKind.USER_INPUT:
                self._bind_input(node, spec.arg)
            elif spec.target in self.state:
                self.reader.values[node] = self.state[spec.target]
            elif spec.target in self.program.constants:
                self.reader.values[node] = self._constant(self.program.constants[spec.target])
            elif spec.target in self.program.state_dict:
                self.reader.values[node] = self._constant(self.program.state_dict[spec.target])
            elif node.users and spec.kind is not InputKind.TOKEN:
                raise CaptureError(f"the Model needs {spec.target!r}, a {spec.kind.name.lower()}")

    def _bind_input(self, node: torch.fx.Node, given: Any) -> None:
        index = len(self.inputs)
        self.inputs[node.name] = index
        if isinstance(given, ConstantArgument):
            self.graph.notes.append(f"input {index} is fixed to {given.value!r}")
            self.graph.fixed[index] = given.value
            self.reader.values[node] = given.value
        else:
            made = self.builder.input(node.name, index, _type_of(node.meta["val"]))
            self.graph.inputs.append(made)
            self.reader.values[node] = made

    def _constant(self, value: torch.Tensor) -> Node:
        """Complex values as the real pairs that ``Islands`` takes for them."""
        plain = value.detach().as_subclass(torch.Tensor)
        if plain.is_complex():
            plain = torch.view_as_real(plain.resolve_conj())
        return self.builder.constant(to_numpy(plain), _type_of(plain).dtype)

    def _outputs(self) -> None:
        (output,) = (n for n in self.program.graph.nodes if n.op == "output")
        found: list[Any] = []
        changed: list[str] = []
        writes: dict[int, Any] = {}
        for node, spec in zip(output.args[0], self.program.graph_signature.output_specs):
            value = self.reader.values.get(node) if isinstance(node, torch.fx.Node) else node
            if spec.kind is OutputKind.USER_INPUT_MUTATION:
                writes[self.inputs[spec.target]] = value
            elif spec.kind in (OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION):
                changed.append(spec.target)
            elif spec.kind is OutputKind.USER_OUTPUT:
                found.append(_Pair(value) if _is_pair(node) else value)
        if changed:
            names = ", ".join(changed)
            self.graph.notes.append(f"a call updates {names}; the Graph shows only outputs")
        spec = self.program.call_spec.out_spec
        result = found[0] if spec is None else tree_unflatten(found, spec)
        try:
            outputs, self.graph.structure = structure.flatten(result, _leaf)
        except TypeError as error:
            raise CaptureError(f"what the Model returns: {error}") from error
        self.graph.writes = sorted(writes)
        self.graph.outputs.extend([*outputs, *(writes[i] for i in sorted(writes))])


@dataclass(frozen=True)
class _Pair:
    """A complex output, as the real pairs that stand for it."""

    node: Any


def _leaf(value: Any) -> tuple[Any, str] | None:
    if isinstance(value, _Pair):
        return value.node, f"{structure.PAIR}(_)"
    return (value, "_") if isinstance(value, Node) else None


def _pairs_for_complex_outputs(program: ExportedProgram) -> None:
    """Complex outputs leave as real pairs, marked in the node's meta."""
    (output,) = (n for n in program.graph.nodes if n.op == "output")
    replaced: dict[torch.fx.Node, torch.fx.Node] = {}
    for node in output.args[0]:
        value = node.meta.get("val") if isinstance(node, torch.fx.Node) else None
        if not isinstance(value, torch.Tensor) or not value.is_complex() or node in replaced:
            continue
        with program.graph.inserting_before(output):
            plain = program.graph.call_function(torch.ops.aten.resolve_conj.default, (node,))
            plain.meta["val"] = value
            pairs = program.graph.call_function(torch.ops.aten.view_as_real.default, (plain,))
        pairs.meta["val"] = value.new_empty((*value.shape, 2), dtype=value.real.dtype)
        pairs.meta[_PAIRS] = True
        replaced[node] = pairs
    outputs = [replaced.get(n, n) if isinstance(n, torch.fx.Node) else n for n in output.args[0]]
    output.args = (tuple(outputs),)


def _is_pair(node: Any) -> bool:
    return isinstance(node, torch.fx.Node) and bool(node.meta.get(_PAIRS))


def _live(graph: torch.fx.Graph) -> list[torch.fx.Node]:
    """What the output needs, in order: an op whose result nobody reads does not count."""
    needed = {n for n in graph.nodes if n.op == "output"}
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    return [n for n in graph.nodes if n in needed]


def _type_of(tensor: torch.Tensor) -> TensorType:
    dtype = dtype_text(tensor.dtype)
    if dtype not in DTYPES:
        hint = "; give its real and imaginary parts, torch.view_as_real(x)"
        raise CaptureError(f"the Graph has no dtype {dtype}{hint if tensor.is_complex() else ''}")
    return TensorType(tuple(tensor.shape), dtype)
