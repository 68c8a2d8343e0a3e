"""The builtin Designer: Graph -> AUL, executed against the reference before anything is coded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelwright.aul import check, interpret
from kernelwright.compiler.design import Design
from kernelwright.compiler.rewrite import Rewritten, optimize
from kernelwright.compiler.schedule import StateEntry, alternatives
from kernelwright.compiler.schedule import design as schedule
from kernelwright.errors import (
    AULError,
    DesignError,
    KernelwrightError,
    ReferenceBroken,
    UnsupportedError,
)
from kernelwright.graph.core import Graph, dtype_name
from kernelwright.graph.structure import joined
from kernelwright.schema import Target
from kernelwright.verify.inputs.sizes import border_sets, small_sets
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.rule.compare import Outputs, judge_outputs

MAX_INTERPRETED_ELEMENTS = 1 << 20


@dataclass(frozen=True)
class DesignCheck:
    """``checked``: the design was interpreted. ``resizable``: the same text also holds for the
    reduced sizes. ``note`` says in words what was done."""

    passed: bool
    checked: bool
    resizable: bool
    note: str


class BuiltinDesigner:
    """``threads`` is the number of CPU threads that a kernel may use. With ``strict_ieee`` no
    rewrite takes anything for granted. ``own_sizes``: kernels may be for the task's sizes alone."""

    def __init__(
        self,
        reference: ReferenceProcess,
        target: Target,
        threads: int,
        *,
        strict_ieee: bool = False,
        own_sizes: bool = True,
    ) -> None:
        self.reference, self.target, self.threads = reference, target, threads
        self.strict_ieee, self.own_sizes = strict_ieee, own_sizes
        self._rewritten: list[tuple[Graph, Rewritten]] = []
        self._dynamic: list[tuple[Graph, Design | None]] = []

    def rewrite(self, graph: Graph) -> Rewritten:
        """The cheapest Graph that was found to be equal to ``graph``, once for each."""
        for known, found in self._rewritten:
            if known is graph:
                return found
        found = optimize(graph, self.target, strict_ieee=self.strict_ieee)
        self._rewritten.append((graph, found))
        return found

    def design(self, graph: Graph) -> Design:
        """The scheduler's first choice: for sizes like those that the task declares, where that can
        be, else for the Graph's own. Raises UnsupportedError when there is none, DesignError when
        it breaks a rule of AUL."""
        if not any(known is graph for known, _ in self._dynamic):
            self._dynamic.append((graph, self._for_declared_sizes(graph)))
        made = next(found for known, found in self._dynamic if known is graph)
        return made or self._scheduled(graph, self.reduced_shapes(graph))

    def _for_declared_sizes(self, graph: Graph) -> Design | None:
        """A design that the interpreter finds right for the declared sizes and for small ones; None
        where the task declares none or there is no such design."""
        declared = self.reference.dynamic_inputs(seed=1)
        sets = [self.reference.make_inputs(seed=1), *declared]
        shapes = shapes_over(sets, graph)
        if not declared or not any(isinstance(e, tuple) for s in shapes.values() for e in s):
            return None
        try:
            made = self._scheduled(graph, shapes)
        except (UnsupportedError, DesignError):
            return None
        extra = [*small_sets(sets, seed=1), *border_sets(sets, seed=1)]
        verdicts = [self._holds_for(made, inputs) for inputs in [*declared, *extra]]
        return made if True in verdicts and False not in verdicts else None

    def _holds_for(self, design: Design, inputs: Sequence[Any]) -> bool | None:
        """Whether the design is right for these inputs; None when they are too large to tell or the
        Model does not take them."""
        if sum(np.size(v) for v in inputs) > MAX_INTERPRETED_ELEMENTS:
            return None
        try:
            self.reference.run_and_truth(inputs)
        except ReferenceBroken:
            return None
        try:
            return self.failure(design, inputs) is None
        except ReferenceBroken:  # a library call that has sizes among its arguments
            return False

    def _scheduled(
        self, graph: Graph, reduced: Mapping[int, Sequence[int | tuple[int, ...]]]
    ) -> Design:
        made = schedule(
            self.rewrite(graph).graph,
            self.target,
            state=self.state(),
            threads=self.threads,
            reduced=reduced,
            own_sizes=self.own_sizes,
        )
        problems = [d for d in check(made.program) if d.severity == "error"]
        if problems:
            raise DesignError(f"the design breaks a rule of AUL: {problems[0]}")
        return made

    def alternatives(self, first: Design, graph: Graph) -> list[Design]:
        """Designs of another structure that keep AUL's rules; see ``schedule.alternatives``. [] for
        a task of several sizes: they would hold for one of them."""
        if any(known is graph and found is not None for known, found in self._dynamic):
            return []
        made = alternatives(
            first, self.rewrite(graph).graph, self.target, state=self.state(),
            threads=self.threads, reduced=self.reduced_shapes(graph), own_sizes=self.own_sizes,
        )  # fmt: skip
        return [d for d in made if not any(p.severity == "error" for p in check(d.program))]

    def state(self) -> tuple[StateEntry, ...]:
        return tuple(
            (e.name, e.array.shape, dtype_name(e.array.dtype), e.kind)
            for e in self.reference.describe().state
        )

    def reduced_shapes(self, graph: Graph) -> dict[int, tuple[int, ...]]:
        """Position of an input -> its shape among the reduced inputs, where there are any."""
        inputs = self.reference.reduced_inputs(seed=1)
        if inputs is None or any(
            len(n.shape) != np.ndim(inputs[n.attrs["index"]]) for n in graph.inputs
        ):
            return {}
        return {n.attrs["index"]: np.shape(inputs[n.attrs["index"]]) for n in graph.inputs}

    def check(self, design: Design) -> DesignCheck:
        """Runs the design in the AUL interpreter on reduced sizes and judges its outputs by the
        error rule. Where the text does not hold for other sizes, a design for those is checked."""
        inputs = self.reference.reduced_inputs(seed=1)
        if inputs is None:
            inputs = self.reference.make_inputs(seed=1)
            if sum(np.size(v) for v in inputs) > MAX_INTERPRETED_ELEMENTS:
                note = "the design was not interpreted: the Model takes no smaller sizes"
                return DesignCheck(True, False, True, note)
        sizes = _sizes(inputs)
        failure = self.failure(design, inputs)
        if failure is None:
            return DesignCheck(True, True, True, f"interpreted on {sizes}: agrees")
        graph = self.reference.capture(inputs)
        small = self._scheduled(graph, self.reduced_shapes(graph))
        second = self.failure(small, inputs)
        if second is None:
            note = f"a design of the same kind was interpreted on {sizes}: agrees"
            return DesignCheck(True, True, False, note)
        return DesignCheck(False, True, False, f"interpreted on {sizes}: {second}")

    def check_text(self, design: Design) -> DesignCheck:
        """As ``check`` for a design that somebody else has written: it is this very text that must
        agree, on the reduced sizes or, where it holds for its own alone, on those."""
        inputs = self.reference.reduced_inputs(seed=1)
        first = None if inputs is None else self.failure(design, inputs)
        if inputs is not None and first is None:
            return DesignCheck(True, True, True, f"interpreted on {_sizes(inputs)}: agrees")
        own = self.reference.make_inputs(seed=1)
        if sum(np.size(v) for v in own) <= MAX_INTERPRETED_ELEMENTS:
            failure = self.failure(design, own)
            agrees = failure is None
            said = "agrees" if agrees else str(failure)
            return DesignCheck(agrees, True, False, f"interpreted on {_sizes(own)}: {said}")
        if inputs is None:
            note = "the design was not interpreted: the Model takes no smaller sizes"
            return DesignCheck(True, False, True, note)
        note = f"interpreted on {_sizes(inputs)}: {first}"
        return DesignCheck(False, True, False, f"{note} (extents must be declared as U.Size)")

    def failure(self, design: Design, inputs: Sequence[Any]) -> str | None:
        """What is wrong with the design's outputs for these inputs; None when nothing is."""
        state = {e.name: e.array for e in self.reference.describe().state}
        arrays = [bound(design, b.source, b.key, inputs, state) for b in design.bindings]
        try:
            outputs = interpret(design.program, arrays, calls=self.framework_call)
        except (AULError, ReferenceBroken) as error:
            return str(error)
        except KernelwrightError as error:
            if type(error) is not KernelwrightError:
                raise
            return str(error).partition("\n")[0]  # a library call that holds for its sizes only
        reference, truths = self.reference.run_and_truth(inputs, written=design.writes)
        verdict = judge_outputs(
            truths, reference, Outputs(joined(design.structure, outputs), reference.structure)
        )
        return None if verdict.passed else f"{verdict.check}: {verdict.reason}"

    def framework_call(
        self, op: str, arrays: Sequence[np.ndarray], attributes: Mapping[str, Any]
    ) -> list[np.ndarray]:
        """Executes a design's library call in the reference process."""
        outputs = self.reference.run_call(op, arrays, attributes["arguments"])
        return [outputs[i] for i in attributes["outputs"]]


def _sizes(inputs: Sequence[Any]) -> str:
    return "x".join(str(list(np.shape(v))) for v in inputs)


def shapes_over(
    sets: Sequence[Sequence[Any]], graph: Graph
) -> dict[int, tuple[int | tuple[int, ...], ...]]:
    """Position of an input -> its shape; in place of an extent that differs between the sets, all
    its values. {} when the sets are not of one kind."""
    found: dict[int, tuple[int | tuple[int, ...], ...]] = {}
    for node in graph.inputs:
        column = [np.shape(s[node.attrs["index"]]) for s in sets if len(s) == len(sets[0])]
        if len(column) != len(sets) or len({len(c) for c in column}) != 1:
            return {}
        if column[0] != node.shape:
            return {}
        values = [tuple(c[axis] for c in column) for axis in range(len(node.shape))]
        found[node.attrs["index"]] = tuple(v if len(set(v)) > 1 else v[0] for v in values)
    return found


def bound(
    design: Design,
    source: str,
    key: int | str,
    inputs: Sequence[Any],
    state: Mapping[str, np.ndarray],
) -> np.ndarray:
    """The array that a host parameter stands for."""
    if source == "input":
        return np.asarray(inputs[int(key)])
    if source == "parameter":
        return state[str(key)]
    return design.constants[str(key)]
