"""The Verifier: runs a candidate on inputs that it cannot know and judges what comes back."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import ReferenceBroken, SandboxError
from kernelwright.frameworks._base import StateEntry
from kernelwright.sandbox.process import Limits, isolation_level
from kernelwright.schema import Candidate, Evaluation, Status, TaskSpec
from kernelwright.verify import laws
from kernelwright.verify.candidate_process import Answer, CandidateFault, CandidateProcess
from kernelwright.verify.cases import ASSUMED, Case, Cases
from kernelwright.verify.compare import (
    Outputs,
    Verdict,
    is_inexact,
    judge_outputs,
    nearer_to_limit,
)
from kernelwright.verify.graph_rules import GraphRules
from kernelwright.verify.reference import Description, ReferenceProcess
from kernelwright.verify.reproducer import write_reproducer
from kernelwright.verify.static_check import assumptions, check_source
from kernelwright.verify.ties import Tie

log = logging.getLogger(__name__)


_WHOLE_NUMBERS = ("small_integers", "zeros")  # laws under which sums may be exact
NEARBY_RUNS, NEARBY_SPREAD = 4, 4.0


class Verifier:
    """Judges candidates against one reference.

    ``seeds`` input sets are drawn from the Model's own ``get_inputs`` and one for each other law
    (``use_laws``). ``wall_s`` bounds loading and each call; ``limits`` the worker as a whole.
    ``reproducers`` is a folder for scripts that repeat a failure (none written when None). Without
    isolation on this machine candidates run only if ``allow_unsandboxed``. ``finite_inputs``
    promises that no input ever holds NaN or infinities.
    """

    def __init__(
        self,
        reference: ReferenceProcess,
        *,
        seeds: int = 3,
        use_laws: bool = True,
        wall_s: float = 120.0,
        limits: Limits | None = None,
        threads: int = 0,
        reproducers: Path | None = None,
        allow_unsandboxed: bool = False,
        finite_inputs: bool = False,
    ) -> None:
        self.finite_inputs = finite_inputs
        self.graph_rules = GraphRules(reference)
        self.reference, self.seeds, self.use_laws = reference, seeds, use_laws
        self.wall_s, self.threads, self.reproducers = wall_s, threads, reproducers
        self.limits = limits or Limits(wall_s=3600.0, cpu_s=7200.0)
        self.allow_unsandboxed = allow_unsandboxed

    def verify(
        self,
        spec: TaskSpec,
        candidate: Candidate,
        *,
        reduced: bool = False,
        env: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> Evaluation:
        """``verify_all`` of one candidate."""
        return self.verify_all(spec, [candidate], reduced=reduced, env=env, seed=seed)[0]

    def verify_all(
        self,
        spec: TaskSpec,
        candidates: Sequence[Candidate],
        *,
        reduced: bool = False,
        env: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> list[Evaluation]:
        """The Evaluations of ``candidates``, in order, without Measurements.

        All are given the same inputs, each in a process of its own, so that the truth is computed
        once a case, after the last of them has answered. ``reduced`` judges on smaller sizes only,
        and says so. ``env`` is all that a candidate's process sees of an environment. Seeds are
        fresh and secret unless ``seed`` fixes them. Raises ReferenceBroken for a fault of the task
        and SandboxError for one of the machine.
        """
        if isolation_level() == "rlimits" and not self.allow_unsandboxed:
            raise SandboxError(
                "candidates cannot be isolated on this machine (see `kernelwright doctor`): "
                "install bubblewrap, or set judge.allow_unsandboxed to run them without isolation"
            )
        description = self.reference.describe()
        cases = Cases(
            self.reference,
            seeds=self.seeds,
            use_laws=self.use_laws,
            reduced=reduced,
            seed=seed,
            finite=self.finite_inputs,
        )
        with ExitStack() as stack:
            runs = [_Verification(self, spec, candidate, cases) for candidate in candidates]
            for run in runs:
                run.start(stack, description, env or {})
            self._judge(runs, cases)
            return [replace(run.evaluation(), policy=dict(description.policy)) for run in runs]

    def _judge(self, runs: Sequence[_Verification], cases: Cases) -> None:
        own_finite = True
        for case in cases.draw():
            alive = [run for run in runs if run.verdict is None]
            if not alive:
                return
            asked = [run for run in alive if run.takes(case)]
            if not asked:
                continue
            inputs = cases.inputs(case)
            # Every candidate answers first; the truth for these inputs does not exist before that.
            for run in asked:
                run.answer(case, inputs)
            found = self._reference_and_truth(case, inputs, cases.notes)
            if found is not None and case.law == laws.OWN:
                own_finite &= _all_finite(*found)
            elif found is not None and own_finite and _undefined(case, *found):
                cases.notes.append(f"law {case.law} dropped: the reference is undefined under it")
                found = None
            if found is None:
                for run in asked:
                    run.forget()
                continue
            evidence = self._evidence(case, cases, inputs, *found)
            for run in asked:
                run.judge(case, evidence)
        for run in runs:
            run.judge_again()
        if not cases.reduced and (reasons := self.reference.degeneracy()):
            cases.notes.append(f"degenerate task: {'; '.join(reasons)}")

    def _evidence(
        self,
        case: Case,
        cases: Cases,
        inputs: Sequence[Any],
        reference: Outputs,
        truths: Sequence[np.ndarray],
    ) -> Evidence:
        known = inputs, cases.state(case), truths, reference
        rules = self.graph_rules
        exact = rules.exact(*known) if case.values in _WHOLE_NUMBERS else frozenset()
        return Evidence(*known, rules.ties(*known), exact)

    def _reference_and_truth(
        self, case: Case, inputs: Sequence[Any], notes: list[str]
    ) -> tuple[Outputs, list[np.ndarray]] | None:
        """The reference's own answer and the truth; None, said in ``notes``, when the reference
        raises under a law other than the Model's own inputs.

        A float64 output is its own truth and shows no error. What stands for the reference's
        rounding there are its answers to inputs that are one rounding away: per element the largest
        difference of NEARBY_RUNS such answers, times NEARBY_SPREAD. One answer underestimates where
        a result is ill-conditioned (measured: one refusal of an honest candidate in ten)."""

        def ask(values: Sequence[Any]) -> tuple[Outputs, list[np.ndarray]]:
            written = self.reference.describe().written
            return self.reference.run_and_truth(
                values, layout=case.layout, state=case.state, written=written
            )

        try:
            reference, truths = ask(inputs)
            if not any(array.dtype == np.float64 for array in reference.arrays):
                return reference, truths
            nearby = [
                ask([_one_rounding_away(value, run) for value in inputs])[0].arrays
                for run in range(NEARBY_RUNS)
            ]
        except ReferenceBroken as broken:
            if case.law == laws.OWN or broken.check in ("never_ends", "dies"):
                raise
            notes.append(f"law {case.law} dropped: the reference does not take it ({broken})")
            return None
        arrays = [
            _spread(a, [outputs[i] for outputs in nearby]) if a.dtype == np.float64 else a
            for i, a in enumerate(reference.arrays)
        ]
        return Outputs(arrays, reference.structure), truths


class _Verification:
    """One candidate's judgement: its process, what was found, what is said about it.

    ``verdict`` is None until something decides against it; it is PASSED only at the end."""

    def __init__(
        self, verifier: Verifier, spec: TaskSpec, candidate: Candidate, cases: Cases
    ) -> None:
        self.verifier, self.spec, self.candidate, self.cases = verifier, spec, candidate, cases
        self.verdict: Verdict | None = None
        self._process: CandidateProcess | None = None
        self._text = ""
        self._assumes: tuple[str, ...] = ()
        self._left_out: dict[str, list[str]] = {}  # what it assumes -> laws that it was not asked
        self._case: Case | None = None
        self._evidence: Evidence | None = None
        self._evidence_of: Case | None = None
        self._fault: CandidateFault | None = None
        self._answers: list[Answer] = []
        self._worst: Verdict | None = None
        self._done: list[Case] = []
        self._first: tuple[Case, Outputs] | None = None
        self._last: tuple[str, Outputs] | None = None  # the last call's weights and outputs
        self._before: Outputs | None = None  # what the call before the one that was asked gave

    def start(self, stack: ExitStack, description: Description, env: Mapping[str, str]) -> None:
        """Checks the source and loads the candidate in an isolated process."""
        static = check_source(self.candidate)
        if not static.passed:
            self.verdict = Verdict(static.status, static.check, static.reason)
            return
        self._stack, self._env, self._description = stack, env, description
        self._assumes = assumptions(self.candidate)
        try:
            self._load()
        except CandidateFault as fault:
            self.verdict, self._text = fault.verdict, fault.log

    def _load(self) -> None:
        verifier = self.verifier
        self._process = self._stack.enter_context(
            CandidateProcess(
                self.candidate,
                self._description,
                framework=self.spec.framework,
                device=verifier.reference.device,
                threads=verifier.threads,
                wall_s=verifier.wall_s,
                limits=verifier.limits,
                env=self._env,
            )
        )

    def takes(self, case: Case) -> bool:
        """Whether the case is within what the candidate's producer says that it assumes."""
        for word in self._assumes:
            if case.law in ASSUMED[word]:
                self._left_out.setdefault(word, []).append(case.law)
                return False
        return True

    def answer(self, case: Case, inputs: Sequence[Any]) -> None:
        """Calls the candidate, twice where the case asks for it. What goes wrong counts only when
        the reference turns out to be defined for these inputs."""
        process = self._process
        assert process is not None
        self._case, self._fault, self._answers = case, None, []
        # Once: are the outputs of the call before, by the same instance, still what they were?
        before = self._last
        ask = before is not None and before[0] == case.state and self._before is None
        self._last = None
        try:
            process.load(case.state, self.cases.state(case))
            run = functools.partial(process.run, inputs, state=case.state, layout=case.layout)
            self._answers.append(run(previous=ask))
            if ask and before is not None:
                self._before = before[1]
            if case.repeat:
                self._answers.append(run())
            self._last = case.state, self._answers[-1].outputs
        except CandidateFault as fault:
            self._fault = fault

    def forget(self) -> None:
        """The case does not count: a fault under it is forgiven, a dead process replaced."""
        fault, self._case = self._fault, self._done[-1] if self._done else None
        if fault is None or fault.verdict.check in ("call_raised", "structure", "dtype"):
            return
        try:
            self._load()
        except CandidateFault as again:
            self.verdict, self._text = again.verdict, again.log

    def judge(self, case: Case, evidence: Evidence) -> None:
        """Judges the answer to ``case``."""
        self._evidence, self._evidence_of = evidence, case
        if self._fault is not None:
            self.verdict, self._text = self._fault.verdict, self._fault.log
            return
        answer = self._answers[0]
        verdict = evidence.verdict(answer.outputs)
        if verdict.passed:
            broken = self._broken_rule(answer)
            verdict = replace(broken, statistics=verdict.statistics) if broken else verdict
        if not verdict.passed:
            self.verdict = self._told(verdict)
            return
        self._done.append(case)
        self._first = self._first or (case, answer.outputs)
        if self._worst is None or nearer_to_limit(verdict, self._worst):
            self._worst = verdict

    def _broken_rule(self, answer: Answer) -> Verdict | None:
        """The rule, other than the values, that the answer breaks."""
        case, rejected = self._case, Status.REJECTED
        assert case is not None
        if answer.mutated:
            reason = f"the call wrote to input {answer.mutated[0]}; inputs must stay as they are"
            return Verdict(rejected, "input_mutated", reason)
        if len(self._answers) > 1 and not _identical(answer.outputs, self._answers[1].outputs):
            difference = _first_difference(answer.outputs, self._answers[1].outputs)
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
            reason += "; set judge.finite_inputs where inputs are known to be finite"
        return replace(verdict, reason=reason)

    def judge_again(self) -> None:
        """The very first inputs once more, after all the others: a kernel that keeps state, or
        stops working after some calls, shows here."""
        if self.verdict is not None:
            return
        if self._first is not None and self._process is not None:
            self._case, before = self._first
            try:
                after = self._process.run(self.cases.inputs(self._case)).outputs
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
        )

    def _notes(self) -> Iterator[str]:
        yield from self.cases.notes
        for word, left_out in self._left_out.items():
            named = ", ".join(dict.fromkeys(left_out))
            yield f"the kernel assumes {word.replace('_', ' ')}: not checked under {named}"
        if self.cases.reduced:
            yield "checked on reduced sizes only"
        if isolation_level() == "rlimits":
            yield "the candidate ran without isolation"

    def _failed(self) -> list[Case]:
        return [] if self._case is None or self._case in self._done else [self._case]

    def _reproducer(self, verdict: Verdict) -> str | None:
        folder = self.verifier.reproducers
        if verdict.passed or folder is None:
            return None
        case = self._case or Case(laws.OWN, 0)
        try:
            return str(self._written(folder, verdict, case))
        except OSError as error:  # the verdict stands without it
            log.warning("no script to repeat the failure: %s cannot be written: %s", folder, error)
            return None

    def _written(self, folder: Path, verdict: Verdict, case: Case) -> Path:
        description = self.verifier.reference.describe()
        evidence = self._evidence if self._evidence_of == self._case else None
        inputs = None  # it never came to a call
        if self._case is not None:
            inputs = evidence.inputs if evidence else self.cases.inputs(case)
        return write_reproducer(
            folder / f"{self.candidate.hash()}-{verdict.check}",
            self.spec,
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
            device=self.verifier.reference.device,
            written=description.written,
            tied=evidence.ties if evidence else (),
            wall_s=self.verifier.wall_s,
        )


@dataclass(frozen=True)
class Evidence:
    """What one case is judged by. ``ties`` and ``exact`` are as in ``judge_outputs``."""

    inputs: Sequence[Any]
    state: Sequence[StateEntry]
    truths: Sequence[np.ndarray]
    reference: Outputs
    ties: Mapping[int, Tie]
    exact: frozenset[int]

    def verdict(self, outputs: Outputs) -> Verdict:
        return judge_outputs(self.truths, self.reference, outputs, ties=self.ties, exact=self.exact)


def _undefined(case: Case, reference: Outputs, truths: Sequence[np.ndarray]) -> bool:
    """Whether nothing can be learnt under the case's law: special values must leave something
    finite; all others, everything."""
    if case.law != laws.SPECIAL:
        return not _all_finite(reference, truths)
    floats = [a for a in reference.arrays if is_inexact(a.dtype) and a.size]
    return bool(floats) and not any(bool(np.isfinite(a).any()) for a in floats)


def _all_finite(reference: Outputs, truths: Sequence[np.ndarray]) -> bool:
    floats = [a for a in (*reference.arrays, *truths) if a.dtype.kind not in "biu"]
    return all(bool(np.isfinite(a).all()) for a in floats)


def _spread(exact: np.ndarray, nearby: Sequence[np.ndarray]) -> np.ndarray:
    """``exact`` moved by NEARBY_SPREAD times the largest difference to ``nearby``, an element each;
    unchanged where NaN or infinities move."""
    if not all(_same_not_finite(exact, other) for other in nearby):
        return exact
    finite = np.isfinite(exact)
    apart = np.zeros_like(exact)
    with np.errstate(invalid="ignore"):
        for other in nearby:
            np.maximum(apart, np.abs(other - exact), out=apart, where=finite)
    return exact + NEARBY_SPREAD * apart


def _one_rounding_away(value: Any, run: int) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        return value
    signs = np.random.default_rng(run).integers(0, 2, value.shape) * 2.0 - 1.0
    return value * (1 + np.finfo(np.float64).eps * signs)


def _same_not_finite(a: np.ndarray, b: np.ndarray) -> bool:
    """Same shape, and NaN and infinities in the same places."""
    if a.shape != b.shape:
        return False
    return bool((np.isfinite(a) == np.isfinite(b)).all() and (a == b)[np.isinf(a)].all())


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
