"""What a reference does under its own inputs, gathered once, and the findings made of it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from kernelwright.compiler.rewrite import Rewritten, optimize
from kernelwright.errors import CaptureError, ReferenceBroken
from kernelwright.graph.core import Graph
from kernelwright.verify.audit.decoys import (
    DecoyResult,
    inputs_differ,
    judge_decoys,
    lower_precision_outputs,
    same_outputs,
)
from kernelwright.verify.inputs import laws
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.rule.compare import Outputs, is_inexact

# Bytes of inputs, outputs and truths that may be held; fewer sets are taken where they are larger.
HELD_BYTES = 2 << 30


class Severity(StrEnum):
    """BROKEN: nothing can be judged. DEGENERATE: a wrong kernel may pass, or the work can be left
    out. NOTE: worth knowing."""

    BROKEN = "broken"
    DEGENERATE = "degenerate"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing found. ``text`` is a sentence for people, ``evidence`` JSON-ready numbers.

    A DEGENERATE finding with ``outputs`` is about these only: it makes the task degenerate when
    every output has such a finding, and is a note otherwise (see ``settled``).
    """

    kind: str
    severity: Severity
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return {
            "kind": self.kind,
            "severity": str(self.severity),
            "text": self.text,
            "evidence": dict(self.evidence),
        }


def settled(findings: Iterable[Finding], outputs: int) -> list[Finding]:
    """``findings`` with those about some outputs made notes, unless together they cover all."""
    found = list(findings)
    weak = {i for f in found if f.severity is Severity.DEGENERATE for i in f.outputs}
    if weak >= set(range(outputs)):
        return found
    return [
        dataclasses.replace(f, severity=Severity.NOTE)
        if f.severity is Severity.DEGENERATE and f.outputs
        else f
        for f in found
    ]


@dataclass(frozen=True)
class Answered:
    """One set of the Model's own inputs, its outputs and its truths."""

    seed: int
    inputs: list[Any]
    outputs: Outputs
    truths: list[np.ndarray]

    @property
    def nbytes(self) -> int:
        return laws.nbytes([*self.inputs, *self.outputs.arrays, *self.truths])

    @staticmethod
    def by(reference: ReferenceProcess, seed: int) -> Answered:
        """For the inputs that ``seed`` gives."""
        inputs = reference.make_inputs(seed)
        return Answered(seed, inputs, *reference.run_and_truth(inputs))


class Observed:
    """Inputs, outputs and truths for each of ``seeds`` (fewer when they would need more than
    ``HELD_BYTES``, two at least), after those that are ``known`` already. Raises ReferenceBroken
    where the Model does."""

    def __init__(
        self, reference: ReferenceProcess, seeds: Sequence[int], known: Sequence[Answered] = ()
    ) -> None:
        self.reference = reference
        self.seeds: list[int] = []
        self.inputs: list[list[Any]] = []
        self.outputs: list[Outputs] = []
        self.truths: list[list[np.ndarray]] = []
        self._lowered_outputs: dict[int, Outputs | None] = {}
        held = 0
        for found in itertools.chain(known, (Answered.by(reference, seed) for seed in seeds)):
            held += found.nbytes
            self.seeds.append(found.seed)
            self.inputs.append(found.inputs)
            self.outputs.append(found.outputs)
            self.truths.append(found.truths)
            if held + found.nbytes > HELD_BYTES and len(self.seeds) >= 2:
                break

    @property
    def first(self) -> list[Any]:
        """The inputs of the first seed."""
        return self.inputs[0]

    @cached_property
    def inputs_move(self) -> bool:
        """Whether the inputs change with the seed."""
        return any(
            inputs_differ(self.first, other) or _numbers(self.first) != _numbers(other)
            for other in self.inputs[1:]
        )

    @cached_property
    def outputs_move(self) -> bool:
        """Whether any output changes with the seed."""
        return not all(same_outputs(self.outputs[0], o) for o in self.outputs[1:])

    @property
    def filled(self) -> list[int]:
        """Positions of the outputs that have elements."""
        return [i for i, a in enumerate(self.outputs[0].arrays) if a.size]

    @cached_property
    def stable(self) -> bool:
        """Whether number, shapes and dtypes of the outputs are the same for every seed."""
        return len({signature(o) for o in self.outputs}) == 1

    def output(self, index: int) -> list[np.ndarray]:
        """One output, for each seed."""
        return [o.arrays[index] for o in self.outputs]

    def truth(self, index: int) -> list[np.ndarray]:
        """One output's float64 truth, for each seed."""
        return [t[index] for t in self.truths]

    @cached_property
    def decoys(self) -> list[DecoyResult]:
        """Decoys that stand for all outputs at once."""
        return self._judged_decoys(lambda outputs: outputs, lambda truths: truths)

    def decoys_of(self, index: int) -> list[DecoyResult]:
        """Decoys of one output alone."""
        return self._judged_decoys(lambda o: _only(index, o), lambda truths: [truths[index]])

    def _judged_decoys(
        self,
        outputs: Callable[[Outputs], Outputs],
        truths: Callable[[list[np.ndarray]], list[np.ndarray]],
    ) -> list[DecoyResult]:
        """For the first seed. A decoy that passes there must pass for the second as well: of few
        elements one may be right by luck (a scalar rounded to 11 bits, one time in a hundred)."""

        def judged(place: int) -> list[DecoyResult]:
            lowered = self._lowered(place)
            return judge_decoys(
                self.inputs[place],
                outputs(self.outputs[place]),
                truths(self.truths[place]),
                outputs(self.outputs[1 - place]),
                None if lowered is None else outputs(lowered),
            )

        found = judged(0)
        if not any(decoy.fools for decoy in found):
            return found
        again = {decoy.name: decoy for decoy in judged(1)}
        return [again.get(d.name, d) if d.fools else d for d in found]

    def _lowered(self, place: int) -> Outputs | None:
        """The outputs in the next lower precision; None where the Model refuses such inputs or
        gives other shapes for them."""
        if place not in self._lowered_outputs:
            try:
                found = lower_precision_outputs(self.inputs[place], self.run)
                same = signature(found) == signature(self.outputs[place])
                self._lowered_outputs[place] = found if same else None
            except ReferenceBroken as broken:
                pass_on_death(broken)
                self._lowered_outputs[place] = None
        return self._lowered_outputs[place]

    @cached_property
    def gaussian(self) -> tuple[list[Outputs], list[list[np.ndarray]]] | None:
        """Outputs and truths for two input sets of the gaussian law; None where it changes nothing
        or the Model refuses it."""
        if not laws.applies(self.first):
            return None
        try:
            pairs = [
                self.reference.run_and_truth(laws.apply_law("gaussian", self.first, seed))
                for seed in (1, 2)
            ]
        except ReferenceBroken as broken:
            pass_on_death(broken)
            return None
        outputs, truths = [p[0] for p in pairs], [p[1] for p in pairs]
        if any(signature(o) != signature(self.outputs[0]) for o in outputs):
            return None
        return outputs, truths

    @cached_property
    def captured(self) -> Graph | CaptureError:
        """The Model as a Graph, as written, or why there is none."""
        try:
            return self.reference.capture(self.first)
        except CaptureError as error:
            return error

    @cached_property
    def rewritten(self) -> Rewritten:
        """``captured`` after algebra; raises CaptureError where nothing could be captured."""
        if isinstance(self.captured, CaptureError):
            raise self.captured
        return optimize(self.captured, self.reference.spec.target)

    @property
    def graph(self) -> Graph | None:
        """``captured`` where that is a Graph."""
        return self.captured if isinstance(self.captured, Graph) else None

    def run(self, inputs: Sequence[Any]) -> Outputs:
        """One plain call."""
        result = self.reference.run(inputs)
        return Outputs(result.outputs, result.structure)


Check = Callable[[Observed], Iterable[Finding]]
"""A function that looks for one kind of finding."""


def _only(index: int, outputs: Outputs) -> Outputs:
    return Outputs([outputs.arrays[index]], "tensor")


def _numbers(inputs: Sequence[Any]) -> list[Any]:
    return [v for v in inputs if not isinstance(v, np.ndarray)]


def signature(outputs: Outputs) -> tuple[Any, ...]:
    """Structure, and each output's shape and dtype, hashable."""
    return (outputs.structure, *((a.shape, a.dtype.name) for a in outputs.arrays))


def pass_on_death(broken: ReferenceBroken) -> None:
    """Raises ``broken`` again when the reference process is gone, so that no other call can be
    tried."""
    if broken.check in ("never_ends", "dies"):
        raise broken


def floats(arrays: Sequence[np.ndarray]) -> list[int]:
    """Positions of the float and complex arrays that have elements."""
    return [i for i, a in enumerate(arrays) if is_inexact(a.dtype) and a.size]
