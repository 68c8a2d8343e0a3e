"""A torch Model as a Graph, by ``torch.export``.

The exported ATen graph is read as it is, high-level ops first (layer_norm stays layer_norm). Only
an op that has no converter is decomposed, by torch's own tables, and read again; what then remains
is a "call" node. Mutations inside the Model are made functional by torch before that.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind

from kernelwright.errors import CaptureError
from kernelwright.frameworks._torch_arrays import dtype_text, to_numpy
from kernelwright.frameworks._torch_capture_nodes import Opaque, Reader
from kernelwright.graph.core import DTYPES, Builder, Graph, Node, TensorType

# How often decomposing may bring up ops that need decomposing again.
_ROUNDS = 8


def capture(module: torch.nn.Module, values: Sequence[Any], name: str) -> Graph:
    """The Graph of ``module(*values)``; module and values are used up (pass copies). Numbers, bools
    and None among the values become constants. Raises CaptureError with the reason."""
    exported = _exported(module, tuple(values))
    if any(_needs_functional_form(n) for n in exported.graph.nodes):
        exported = _decomposed(exported, {})
    tried: set[Any] = set()
    for _ in range(_ROUNDS):
        graph, opaque = _read(exported, module, name)
        table = _decompositions(opaque - tried)
        if not table:
            return graph
        tried |= table.keys()
        exported = _decomposed(exported, table)
    return _read(exported, module, name)[0]


def _exported(module: torch.nn.Module, values: tuple[Any, ...]) -> ExportedProgram:
    """The strict tracer knows some Python constructs that the default one does not."""
    try:
        return _export(module, values, strict=False)
    except CaptureError as error:
        try:
            return _export(module, values, strict=True)
        except CaptureError:
            raise error from None


def _export(module: torch.nn.Module, values: tuple[Any, ...], strict: bool) -> ExportedProgram:
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.export(module, values, strict=strict)
    except Exception as error:
        raise CaptureError(
            f"torch.export cannot trace the Model ({type(error).__name__}: {_first_line(error)}); "
            "its Python code must not depend on the values of tensors"
        ) from error


def _decomposed(exported: ExportedProgram, table: Mapping[Any, Any]) -> ExportedProgram:
    """``exported`` in functional form, with only the ops of ``table`` decomposed."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return exported.run_decompositions(dict(table))
    except Exception as error:
        raise CaptureError(
            f"torch.export cannot make the Model functional: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


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


def _read(exported: ExportedProgram, module: torch.nn.Module, name: str) -> tuple[Graph, set[Any]]:
    """The Graph, and the ops that became calls although they might be decomposed."""
    graph = Graph(name, [], [], [])
    builder = Builder()
    reader = Reader(builder, graph.notes)
    state = {
        n: builder.parameter(n, _type_of(t))
        for n, t in module.state_dict(keep_vars=True).items()
        if isinstance(t, torch.Tensor) and dtype_text(t.dtype) in DTYPES
    }
    graph.parameters.extend(state.values())
    _bind_placeholders(exported, reader, graph, state)
    opaque: set[Any] = set()
    for node in _live(exported.graph):
        if node.op == "call_function":
            found = reader.read(node)
            if isinstance(found, Opaque):
                opaque.add(found.target)
        elif node.op not in ("placeholder", "output"):
            raise CaptureError(f"the Model holds a {node.op} that the Graph has no form for")
    graph.outputs.extend(_outputs(exported, reader, graph))
    graph.structure = _structure(exported)
    return graph, opaque


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
        raise CaptureError(f"the Graph has no dtype {dtype}")
    return TensorType(tuple(tensor.shape), dtype)


def _bind_placeholders(
    exported: ExportedProgram, reader: Reader, graph: Graph, state: Mapping[str, Node]
) -> None:
    index = 0
    placeholders = [n for n in exported.graph.nodes if n.op == "placeholder"]
    for node, spec in zip(placeholders, exported.graph_signature.input_specs):
        if spec.kind is InputKind.USER_INPUT:
            if isinstance(spec.arg, ConstantArgument):
                graph.notes.append(f"input {index} is fixed to {spec.arg.value!r}")
                graph.fixed[index] = spec.arg.value
                reader.values[node] = spec.arg.value
            else:
                made = reader.builder.input(node.name, index, _type_of(node.meta["val"]))
                graph.inputs.append(made)
                reader.values[node] = made
            index += 1
        elif spec.target in state:
            reader.values[node] = state[spec.target]
        elif spec.target in exported.constants:
            reader.values[node] = _constant(reader.builder, exported.constants[spec.target])
        elif spec.target in exported.state_dict:
            reader.values[node] = _constant(reader.builder, exported.state_dict[spec.target])
        elif node.users:
            raise CaptureError(f"the Model needs {spec.target!r}, a {spec.kind.name.lower()}")


def _constant(builder: Builder, value: Any) -> Node:
    tensor = _type_of(value)
    return builder.constant(to_numpy(value.detach().as_subclass(torch.Tensor)), tensor.dtype)


def _outputs(exported: ExportedProgram, reader: Reader, graph: Graph) -> list[Node]:
    (output,) = (n for n in exported.graph.nodes if n.op == "output")
    found: list[Node] = []
    changed: list[str] = []
    for node, spec in zip(output.args[0], exported.graph_signature.output_specs):
        if spec.kind is OutputKind.USER_INPUT_MUTATION:
            raise CaptureError(
                f"the Model writes to its input {spec.target!r}; give back a new tensor instead"
            )
        if spec.kind is OutputKind.BUFFER_MUTATION:
            changed.append(spec.target)
            continue
        value = reader.values.get(node) if isinstance(node, torch.fx.Node) else None
        if not isinstance(value, Node):
            raise CaptureError(f"output {len(found)} of the Model is no tensor")
        found.append(value)
    if changed:
        graph.notes.append(f"a call updates {', '.join(changed)}; the Graph shows only outputs")
    return found


def _structure(exported: ExportedProgram) -> str:
    spec = exported.call_spec.out_spec
    if spec is None or spec.is_leaf():
        return "tensor"
    if any(not child.is_leaf() for child in spec.children()):
        raise CaptureError("the Model's result is nested; give back a tensor, tuple or list")
    return "list" if spec.type is list else "tuple"
