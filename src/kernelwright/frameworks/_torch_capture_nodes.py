"""Reading one node of an exported ATen graph: by its converter, else as a "call"."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from kernelwright.errors import CaptureError
from kernelwright.frameworks._torch_arrays import dtype_text
from kernelwright.frameworks._torch_aten import WHOLE, converters
from kernelwright.frameworks._torch_aten_context import Context, NotConvertible, words
from kernelwright.frameworks._torch_capture_call import encode
from kernelwright.frameworks._torch_islands import is_foreign
from kernelwright.graph.core import Builder, Node, TensorType

# Arguments that say how a result is stored, or what its exported type already says.
_STORAGE = frozenset(
    words("""dtype layout device pin_memory memory_format non_blocking copy implicit half_to_float
cudnn_enable cudnn_enabled requires_grad generator""")
)
# Ops that say nothing about values.
_CHECKS = frozenset(
    words("""_assert_tensor_metadata _assert_async _assert_scalar sym_constrain_range""")
)
# (argument, value) pairs with which an op that can be random is not.
_NOT_RANDOM = (("p", 0), ("train", False), ("training", False), ("dropout_p", 0), ("dropout", 0))


@dataclass(frozen=True)
class Opaque:
    """``target`` became a call, but might be decomposed."""

    target: Any


@dataclass
class Reader:
    """``values`` maps each node read so far to a Graph Node, a tuple of them, or a number."""

    builder: Builder
    notes: list[str]
    values: dict[torch.fx.Node, Any] = field(default_factory=dict)

    def read(self, node: torch.fx.Node) -> Opaque | None:
        """Enters the value of a call_function node; raises CaptureError."""
        target = node.target
        if target is operator.getitem:
            sequence, position = node.args
            self.values[node] = self._operand(sequence)[position]  # type: ignore[index]
            return None
        if not isinstance(target, torch._ops.OpOverload):
            raise CaptureError(
                f"the Model uses {target}, control flow that depends on tensors' values"
            )
        if target._schema.name.split("::")[1] in _CHECKS:
            self.values[node] = None
            return None
        try:
            self.values[node] = self._converted(node, target)
        except NotConvertible:
            self.values[node] = self._call(node, target)
            packet = target._schema.name.split("::")[1]
            return None if packet in WHOLE else Opaque(target)
        return None

    def _operand(self, value: Any) -> Any:
        if isinstance(value, torch.fx.Node):
            return self.values[value]
        if isinstance(value, list | tuple):
            return [self._operand(v) for v in value]
        if isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool):
            raise CaptureError("a size of the Model depends on the values of tensors")
        return value

    def _converted(self, node: torch.fx.Node, target: Any) -> Any:
        convert = converters().get(target._schema.name.split("::")[1])
        if convert is None:
            raise NotConvertible(str(target))
        outs = node_types(node)
        if not outs or outs[0] is None:
            raise NotConvertible(f"{target} gives a dtype that the Graph lacks")
        given = self._bound(node, target)
        wanted = inspect.signature(convert).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in wanted.values()):
            given = _accepted(target, given, wanted)
        context = Context(self.builder, outs[0], outs, _result_type, self.notes, _read(node))
        try:
            result = convert(context, **given)
        except ValueError as error:
            self.notes.append(f"{target} is kept as a call: {error}")
            raise NotConvertible(str(error)) from error
        self._check(target, result, outs)
        return result

    def _bound(self, node: torch.fx.Node, target: Any) -> dict[str, Any]:
        """All arguments by name, defaults filled in; "self" and "input" are called x."""
        bound: dict[str, Any] = {}
        for position, argument in enumerate(target._schema.arguments):
            name = "x" if argument.name in ("self", "input") else argument.name
            if position < len(node.args):
                value = self._operand(node.args[position])
            elif argument.name in node.kwargs:
                value = self._operand(node.kwargs[argument.name])
            else:
                value = argument.default_value
            bound[name] = value
        return bound

    def _check(self, target: Any, result: Any, outs: Sequence[TensorType | None]) -> None:
        """A converter that gives another type than torch is wrong: the op stays a call."""
        results = result if isinstance(result, tuple) else (result,)
        for value, wanted in zip(results, outs):
            if value is not None and value.type != wanted:
                self.notes.append(f"{target} is kept as a call: {value.type} is not {wanted}")
                raise NotConvertible(f"wrong type for {target}")

    def _call(self, node: torch.fx.Node, target: Any) -> Any:
        _refuse(target, self._bound(node, target))
        kwargs = {k: self._operand(v) for k, v in node.kwargs.items()}
        tensors, arguments = encode(str(target), self._operand(node.args), kwargs)
        outs = node_types(node)
        single = isinstance(node.meta["val"], torch.Tensor)
        if single and outs[0] is None:
            dtype = dtype_text(node.meta["val"].dtype)
            raise CaptureError(f"{target} gives {dtype}, a dtype that the Graph lacks")
        nodes = tuple(
            None
            if out is None
            else self.builder.make(
                "call",
                tensors,
                target=str(target),
                output_index=index,
                arguments=arguments,
                out_type=out,
            )
            for index, out in enumerate(outs)
        )
        return nodes[0] if single else nodes


def _read(node: torch.fx.Node) -> frozenset[int]:
    """Which outputs of an op with several anything takes."""
    users = [u for u in node.users if u.target is operator.getitem and u.users]
    return frozenset(int(u.args[1]) for u in users)  # type: ignore[arg-type]


def _accepted(target: Any, given: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a converter takes; one that it does not take must be at its default."""
    for argument in target._schema.arguments:
        name = "x" if argument.name in ("self", "input") else argument.name
        if name in wanted or name in _STORAGE:
            continue
        if not argument.has_default_value() or given[name] != argument.default_value:
            raise NotConvertible(f"{target} with {name}")
    return {name: value for name, value in given.items() if name in wanted}


def _refuse(target: Any, given: Mapping[str, Any]) -> None:
    name = str(target)
    if target.namespace not in ("aten", "prims"):
        raise CaptureError(f"the Model uses the custom op {name}, which only its file defines")
    random = torch.Tag.nondeterministic_seeded in target.tags
    if random and not any(k in given and given[k] == v for k, v in _NOT_RANDOM):
        raise CaptureError(
            f"the Model is non-deterministic: it draws random numbers ({name}); "
            "a dropout layer must be in eval mode (self.eval() in the constructor)"
        )


def refuse_random(node: torch.fx.Node) -> None:
    """Raises CaptureError for an op of an exported graph that draws random numbers, or that only
    the Model's own file defines."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return
    names = [a.name for a in node.target._schema.arguments]
    given = {
        a.name: a.default_value for a in node.target._schema.arguments if a.has_default_value()
    }
    _refuse(node.target, {**given, **dict(zip(names, node.args)), **node.kwargs})


def node_types(node: torch.fx.Node) -> list[TensorType | None]:
    value = node.meta.get("val")
    tensors = [value] if isinstance(value, torch.Tensor) else list(value or [])
    return [_type(t) for t in tensors]


def _type(tensor: Any) -> TensorType | None:
    if not isinstance(tensor, torch.Tensor) or is_foreign(tensor):
        return None
    if not all(isinstance(size, int) for size in tensor.shape):
        raise CaptureError("the shape of a tensor in the Model depends on values")
    return TensorType(tuple(tensor.shape), dtype_text(tensor.dtype))


def _result_type(a: Any, b: Any) -> str:
    """torch's promotion: tensors over 0-d tensors over numbers."""
    return dtype_text(torch.result_type(_stand_in(a), _stand_in(b)))


def _stand_in(value: Any) -> Any:
    if not isinstance(value, Node):
        return value
    return torch.empty((1,) * len(value.shape), dtype=getattr(torch, value.dtype), device="meta")
