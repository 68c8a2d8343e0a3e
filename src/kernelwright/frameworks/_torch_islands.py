"""Parts of an exported graph whose values the Graph has no form for: complex numbers, float8,
sparse tensors. Such a part, from the tensors that go in to those that come out, becomes one "call"
of the target "torch.program": a list of framework ops that run one after the other.

``arguments`` of a program: {"steps": [{"target", "args", "kwargs"}, ...], "results": [[step,
position or null], ...]}; in a step's arguments {"step": [i, position or null]} is an earlier
result. ``_torch_capture_call`` holds the rest of the notation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch

from kernelwright.errors import CaptureError
from kernelwright.frameworks._torch_arrays import dtype_text
from kernelwright.frameworks._torch_capture_call import PROGRAM, StepResult, encode_step
from kernelwright.graph.core import DTYPES, Builder, Node, TensorType

Types = Callable[[torch.fx.Node], Sequence[TensorType | None]]


def is_foreign(value: Any) -> bool:
    """Whether an exported value holds a tensor that the Graph cannot."""
    if isinstance(value, torch.Tensor):
        return dtype_text(value.dtype) not in DTYPES or value.layout is not torch.strided
    return isinstance(value, list | tuple) and any(map(is_foreign, value))


class Islands:
    """``refuse(node)`` raises CaptureError for an op that must not run at all."""

    def __init__(
        self,
        nodes: Sequence[torch.fx.Node],
        builder: Builder,
        types: Types,
        refuse: Callable[[torch.fx.Node], None],
    ) -> None:
        self.builder, self.types, self.refuse = builder, types, refuse
        self.foreign = {n for n in nodes if is_foreign(n.meta.get("val"))}
        self.exits = [
            n
            for n in nodes
            if n.op == "call_function" and n not in self.foreign and self._reads_foreign(n)
        ]
        self.order = {n: i for i, n in enumerate(nodes)}

    def _reads_foreign(self, node: torch.fx.Node) -> bool:
        return any(n in self.foreign for n in node.all_input_nodes)

    def read(self, node: torch.fx.Node, values: dict[torch.fx.Node, Any]) -> bool:
        """Whether ``node`` belongs here; the values of an exit are entered, with those of the other
        exits of its part that can be computed at the same time."""
        if node in self.foreign:
            return True
        if node not in self.exits:
            return False
        needed = self._needed(node)
        together = [node]
        for other in self.exits:
            if other is not node and other not in values:
                also = self._needed(other)
                if also & needed and self._ready(other, also, values):
                    together.append(other)
                    needed |= also
        self._enter(together, needed, values)
        return True

    def _needed(self, node: torch.fx.Node) -> set[torch.fx.Node]:
        """The foreign values that ``node`` is computed from."""
        found: set[torch.fx.Node] = set()
        waiting = [n for n in node.all_input_nodes if n in self.foreign]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(n for n in current.all_input_nodes if n in self.foreign)
        return found

    def _ready(
        self, node: torch.fx.Node, needed: set[torch.fx.Node], values: dict[torch.fx.Node, Any]
    ) -> bool:
        read = {o for n in (node, *needed) for o in n.all_input_nodes} - self.foreign
        return all(n in values for n in read)

    def _enter(
        self,
        exits: Sequence[torch.fx.Node],
        needed: set[torch.fx.Node],
        values: dict[torch.fx.Node, Any],
    ) -> None:
        program = _Program(values)
        for node in sorted(needed, key=self.order.__getitem__):
            if node.op == "call_function" and node.target is not operator.getitem:
                self.refuse(node)
            program.add(node)
        made: list[tuple[torch.fx.Node, list[TensorType | None], int]] = []
        for node in exits:
            self.refuse(node)
            outs = list(self.types(node))
            made.append((node, outs, len(program.results)))
            program.give(node, len(outs), isinstance(node.meta["val"], torch.Tensor))
        arguments = {"steps": program.steps, "results": program.results}
        for node, outs, first in made:
            found = tuple(
                None
                if out is None
                else self.builder.make(
                    "call",
                    program.tensors,
                    target=PROGRAM,
                    output_index=first + index,
                    arguments=arguments,
                    out_type=out,
                )
                for index, out in enumerate(outs)
            )
            values[node] = found[0] if isinstance(node.meta["val"], torch.Tensor) else found


class _Program:
    def __init__(self, values: dict[torch.fx.Node, Any]) -> None:
        self.values = values
        self.steps: list[dict[str, Any]] = []
        self.results: list[list[int | None]] = []
        self.tensors: list[Node] = []
        self.place: dict[torch.fx.Node, StepResult] = {}

    def add(self, node: torch.fx.Node) -> None:
        """A step for ``node``; a choice among a step's results needs none."""
        if node.target is operator.getitem:
            sequence, position = node.args
            if sequence in self.place:
                whole = self.place[sequence]  # type: ignore[index]
                self.place[node] = StepResult(whole.step, int(position))  # type: ignore[call-overload]
                return
        if node.op == "placeholder":
            pairs = self.values.get(node)
            if not isinstance(pairs, Node):
                raise CaptureError(
                    f"the Model needs {node.name!r}, a tensor of a dtype that the Graph lacks"
                )
            step = encode_step("aten.view_as_complex.default", (pairs,), {}, self.tensors)
        elif node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload):
            kwargs = {k: self._operand(v) for k, v in node.kwargs.items()}
            args = [self._operand(v) for v in node.args]
            step = encode_step(str(node.target), args, kwargs, self.tensors)
        else:
            raise CaptureError(f"the Model uses {node.target} on a dtype that the Graph lacks")
        self.place[node] = StepResult(len(self.steps), None)
        self.steps.append(step)

    def give(self, node: torch.fx.Node, count: int, single: bool) -> None:
        """``node`` as the last step, its ``count`` outputs among the results."""
        self.add(node)
        place = self.place[node]
        positions = [place.position] if single else list(range(count))
        self.results.extend([place.step, position] for position in positions)

    def _operand(self, value: Any) -> Any:
        if isinstance(value, torch.fx.Node):
            return self.place[value] if value in self.place else self.values[value]
        if isinstance(value, list | tuple):
            return [self._operand(v) for v in value]
        return value
