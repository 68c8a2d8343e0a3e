"""One candidate's judgement: its process, what it answered, what is said about it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.sandbox.process import Limits, isolation_level
from kernelwright.schema import Candidate, Evaluation, Status, TaskSpec
from kernelwright.verify.candidate.notices import notices
from kernelwright.verify.candidate.process import Answer, CandidateFault, CandidateProcess
from kernelwright.verify.candidate.static_check import assumptions, check_source
from kernelwright.verify.inputs import laws
from kernelwright.verify.inputs.cases import ASSUMED, Case, Cases
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.reproduce.reproducer import write_reproducer
from kernelwright.verify.rule.compare import Outputs, Verdict, nearer_to_limit
from kernelwright.verify.rule.evidence import Evidence

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Terms:
    """What is the same for every candidate of a task: see ``Verifier``. ``env`` is all that a
    candidate's process sees of an environment."""

    spec: TaskSpec
    reference: ReferenceProcess
    wall_s: float
    limits: Limits
    threads: int
    env: Mapping[str, str]
    reproducers: Path | None


@dataclass
class Asked:
    """What a candidate answered to one case, once or twice; ``fault`` is what went wrong."""

    case: Case
    fault: CandidateFault | None = None
    answers: list[Answer] = field(default_factory=list)


class Verification:
    """One candidate's judgement: its process, what was found, what is said about it.

    ``verdict`` is None until something decides against it; it is PASSED only at the end."""

    def __init__(self, terms: Terms, candidate: Candidate, cases: Cases) -> None:
        self.terms, self.candidate, self.cases = terms, candidate, cases
        self._description = terms.reference.describe()
        self.verdict: Verdict | None = None
        self._process: CandidateProcess | None = None
        self._text = ""
        self._differs_in_special = False
        self._calls: dict[str, float] = {}
        self._assumes: tuple[str, ...] = ()
        self._left_out: dict[str, list[str]] = {}  # what it assumes -> laws that it was not asked
        self._case: Case | None = None  # the last one that was judged
        self._evidence: Evidence | None = None
        self._evidence_of: Case | None = None
        self._worst: Verdict | None = None
        self._done: list[Case] = []
        self._first: tuple[Case, Outputs] | None = None
        self._last: tuple[str, Outputs] | None = None  # the last call's weights and outputs
        self._before: Outputs | None = None  # what the call before the one that was asked gave

    def start(self, stack: ExitStack) -> None:
        """Checks the source and loads the candidate in a process that ends with ``stack``."""
        static = check_source(self.candidate)
        if not static.passed:
            self.verdict = Verdict(static.status, static.check, static.reason)
            return
        self._stack, self._assumes = stack, assumptions(self.candidate)
        try:
            self._load()
        except CandidateFault as fault:
            self.verdict, self._text = fault.verdict, fault.log

    def _load(self) -> None:
        terms = self.terms
        self._process = self._stack.enter_context(
            CandidateProcess(
                self.candidate,
                self._description,
                framework=terms.spec.framework,
                device=terms.reference.device,
                threads=terms.threads,
                wall_s=terms.wall_s,
                limits=terms.limits,
                env=terms.env,
            )
        )

    def takes(self, case: Case) -> bool:
        """Whether the case is within what the candidate's producer says that it assumes."""
        for word in self._assumes:
            if case.law in ASSUMED[word]:
                self._left_out.setdefault(word, []).append(case.law)
                return False
        return True

    def answer(self, case: Case, inputs: Sequence[Any]) -> Asked:
        """Calls the candidate, twice where the case asks for it. What goes wrong counts only when
        the reference turns out to be defined for these inputs. The answer to the case before may be
        judged meanwhile."""
        process, asked = self._process, Asked(case)
        assert process is not None
        # Once: are the outputs of the call before, by the same instance, still what they were?
        before = self._last
        ask = before is not None and before[0] == case.state and self._before is None
        self._last = None
        try:
            process.load(case.state, self.cases.state(case))
            run = functools.partial(process.run, inputs, state=case.state, layout=case.layout)
            asked.answers.append(run(previous=ask))
            if ask and before is not None:
                self._before = before[1]
            if case.repeat:
                asked.answers.append(run())
            self._last = case.state, asked.answers[-1].outputs
        except CandidateFault as fault:
            asked.fault = fault
        return asked

    def forget(self, asked: Asked) -> None:
        """The case does not count: a fault under it is forgiven, a dead process replaced."""
        fault = asked.fault
        if fault is None or fault.verdict.check in ("call_raised", "structure", "dtype"):
            return
        try:
            self._load()
        except CandidateFault as again:
            self.verdict, self._text = again.verdict, again.log

    def judge(self, asked: Asked, evidence: Evidence) -> None:
        """Judges the answer to a case."""
        self._case = case = asked.case
        self._evidence, self._evidence_of = evidence, case
        if asked.fault is not None:
            self.verdict, self._text = asked.fault.verdict, asked.fault.log
            return
        answer = asked.answers[0]
        verdict = evidence.verdict(answer.outputs)
        self._differs_in_special |= evidence.tolerated_difference(answer.outputs)
        if verdict.passed:
            broken = self._broken_rule(asked)
            verdict = replace(broken, statistics=verdict.statistics) if broken else verdict
        if not verdict.passed:
            self.verdict = self._told(verdict)
            return
        self._done.append(case)
        self._first = self._first or (case, answer.outputs)
        if self._worst is None or nearer_to_limit(verdict, self._worst):
            self._worst = verdict

    def _broken_rule(self, asked: Asked) -> Verdict | None:
        """The rule, other than the values, that the answer breaks."""
        case, answer, rejected = asked.case, asked.answers[0], Status.REJECTED
        if answer.mutated:
            reason = f"the call wrote to input {answer.mutated[0]}; inputs must stay as they are"
            return Verdict(rejected, "input_mutated", reason)
        if len(asked.answers) > 1 and not _identical(answer.outputs, asked.answers[1].outputs):
            difference = _first_difference(answer.outputs, asked.answers[1].outputs)
            reason = f"two calls on the same inputs differ: {difference}"
            return Verdict(rejected, "non_deterministic", reason)
        shared = set(answer.aliased) - set(self._description.aliased)
        if case.law == laws.OWN and shared:
            reason = f"output {min(shared)} shares memory with an input; the reference's does not"
            return Verdict(rejected, "output_aliases_input", reason)
        if answer.previous and self._before is not None:
            count, structure = len(answer.previous), self._before.structure
            earlier = Outputs(self._before.arrays[:count], structure)
            now = Outputs(answer.previous, structure)
            if not _identical(earlier, now):
                reason = "a later call changed the outputs of an earlier one, as a buffer that is "
                reason += f"used for every call does: {_first_difference(earlier, now)}"
                return Verdict(rejected, "output_reused", reason)
        return None

    def _told(self, verdict: Verdict) -> Verdict:
        """With what a reader needs beside it: inputs that the call writes to follow the outputs."""
        outputs, reason = len(self._description.outputs), verdict.reason
        for place, index in enumerate(self._description.written):
            reason = reason.replace(f"output {outputs + place} ", f"input {index} after the call ")
        if self._case is not None and self._case.law == laws.SPECIAL:
            reason += "; where inputs are known to be finite, judge.finite_inputs says so"
        return replace(verdict, reason=reason)

    def judge_again(self) -> None:
        """The very first inputs once more, after all the others: a kernel that keeps state, or
        stops working after some calls, shows here."""
        if self.verdict is not None:
            return
        inputs: list[Any] = []
        if self._first is not None and self._process is not None:
            self._case, before = self._first
            inputs = self.cases.inputs(self._case)
            try:
                after = self._process.run(inputs).outputs
            except CandidateFault as fault:
                self.verdict, self._text = fault.verdict, fault.log
                return
            if not _identical(before, after):
                reason = (
                    "the first inputs, given again after all others, got another answer: "
                    f"{_first_difference(before, after)}"
                )
                self.verdict = Verdict(Status.REJECTED, "non_deterministic", reason)
        if self.verdict is None:
            self.verdict = self._worst or Verdict(Status.PASSED)
        if self.verdict.passed and self._first is not None and self._process is not None:
            self._calls = self._process.library_calls(inputs)

    def evaluation(self) -> Evaluation:
        """What is said of the candidate; called while its process still runs."""
        verdict = self.verdict
        assert verdict is not None
        text = self._text
        if verdict.passed and self._process is not None:
            text = self._process.log()
        error = verdict.statistics
        cases = self._done if verdict.passed else [*self._done, *self._failed()]
        if error is not None:
            error = replace(
                error,
                laws=tuple(dict.fromkeys(case.law for case in cases)),
                seeds=tuple(case.seed for case in cases),
            )
        reason = verdict.reason
        if not verdict.passed and self._case is not None:
            reason = f"{reason} (law {self._case.law}, seed {self._case.seed})"
        return Evaluation(
            status=verdict.status,
            check=verdict.check,
            reason=reason,
            error=error,
            reduced=self.cases.reduced,
            reproducer=self._reproducer(verdict),
            log=text,
            notes=tuple(self._notes()),
            library_calls=tuple(self._calls),
            library_shares=dict(self._calls),
        )

    def _notes(self) -> Iterator[str]:
        yield from self.cases.notes
        for word, left_out in self._left_out.items():
            named = ", ".join(dict.fromkeys(left_out))
            yield f"the kernel assumes {word.replace('_', ' ')}: not checked under {named}"
        if self._differs_in_special:
            yield (
                "for inputs that are NaN or infinite the kernel gives NaN, infinities or numbers "
                "where the reference gives others (--strict-ieee refuses that)"
            )
        yield from notices(self.candidate)
        if self.cases.reduced:
            yield "checked on reduced sizes only"
        if isolation_level() == "rlimits":
            yield "the candidate ran without isolation"

    def _failed(self) -> list[Case]:
        return [] if self._case is None or self._case in self._done else [self._case]

    def _reproducer(self, verdict: Verdict) -> str | None:
        folder = self.terms.reproducers
        if verdict.passed or folder is None:
            return None
        case = self._case or Case(laws.OWN, 0)
        try:
            return str(self._written(folder, verdict, case))
        except OSError as error:  # the verdict stands without it
            log.warning("no script to repeat the failure: %s cannot be written: %s", folder, error)
            return None

    def _written(self, folder: Path, verdict: Verdict, case: Case) -> Path:
        description = self._description
        evidence = self._evidence if self._evidence_of == self._case else None
        inputs = None  # it never came to a call
        if self._case is not None:
            inputs = evidence.inputs if evidence else self.cases.inputs(case)
        return write_reproducer(
            folder / f"{self.candidate.hash()}-{verdict.check}",
            self.terms.spec,
            self.candidate,
            verdict=verdict,
            law=case.law,
            seed=case.seed,
            layout=case.layout,
            state=self.cases.state(case),
            inputs=inputs,
            description=description,
            truths=None if evidence is None else evidence.truths,
            reference=None if evidence is None else evidence.reference,
            device=self.terms.reference.device,
            written=description.written,
            tied=evidence.ties if evidence else (),
            wall_s=self.terms.wall_s,
        )


def _identical(one: Outputs, other: Outputs) -> bool:
    return [a.shape for a in one.arrays] == [b.shape for b in other.arrays] and all(
        a.tobytes() == b.tobytes() for a, b in zip(one.arrays, other.arrays)
    )


def _first_difference(one: Outputs, other: Outputs) -> str:
    for index, (a, b) in enumerate(zip(one.arrays, other.arrays)):
        if a.shape != b.shape:
            return f"output {index} has shape {list(a.shape)}, then {list(b.shape)}"
        width = a.dtype.itemsize
        bits = [np.frombuffer(x.tobytes(), np.uint8).reshape(-1, width) for x in (a, b)]
        rows = np.flatnonzero((bits[0] != bits[1]).any(axis=1))
        if rows.size:
            where = tuple(int(i) for i in np.unravel_index(rows[0], a.shape)) if a.shape else ()
            return (
                f"output {index} at {list(where)} is {a[where]}, then {b[where]} "
                f"({rows.size} of {a.size} elements differ)"
            )
    return "the number of outputs differs"
