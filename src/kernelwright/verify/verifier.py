"""The Verifier: runs a candidate on inputs that it cannot know and judges what comes back."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import ReferenceBroken
from kernelwright.sandbox import isolation
from kernelwright.sandbox.process import Limits
from kernelwright.schema import Candidate, Evaluation, TaskSpec
from kernelwright.verify.audit.degenerate import degeneracy
from kernelwright.verify.audit.observed import Answered
from kernelwright.verify.inputs import laws
from kernelwright.verify.inputs.cases import Case, Cases, all_finite, undefined
from kernelwright.verify.reference.graph_rules import GraphRules
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.rule.compare import Outputs, Verdict
from kernelwright.verify.rule.evidence import (
    DRAWS,
    Evidence,
    Tolerates,
    known_answer,
)
from kernelwright.verify.verification import Asked, Terms, Verification

_ANSWERED, _ANSWERED_BYTES = 2, 512 << 20  # kept for ``degeneracy``: so many sets, none larger
_BESIDE_BYTES = 512 << 20  # of one case's arrays: larger ones are judged before the next is asked
_WHOLE_NUMBERS = ("small_integers", "zeros")  # laws under which sums may be exact


class Judging:
    """A context manager: judges the answers to one case in a thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kernelwright-judge")
        self._pending: Future[None] | None = None

    def begin(self, answers: Sequence[tuple[Verification, Asked]], evidence: Evidence) -> None:
        """Comes back at once, unless a candidate may be gone or the arrays are large: the case
        that is asked next needs as much memory again."""

        def work() -> None:
            for run, answer in answers:
                run.judge(answer, evidence)

        self._pending = self._thread.submit(work)
        held = laws.nbytes([*evidence.inputs, *evidence.truths, *evidence.reference.arrays])
        if held > _BESIDE_BYTES or any(answer.fault is not None for _, answer in answers):
            self.wait()

    def wait(self) -> None:
        """Until every verdict is there; raises what judging has raised."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def __enter__(self) -> Judging:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self._thread.shutdown()


class Verifier:
    """Judges candidates against one reference.

    ``seeds`` input sets are drawn from the Model's own ``get_inputs`` and one for each other law
    (``use_laws``). ``wall_s`` bounds loading and each call; ``limits`` the worker as a whole.
    ``reproducers`` is a folder for scripts that repeat a failure (none written when None). Without
    isolation on this machine candidates run only if ``allow_unsandboxed``. ``finite_inputs``
    promises that no input ever holds NaN or infinities. With ``strict_ieee`` a candidate must give
    the very NaN and infinities that the reference gives for special inputs (see ``Tolerates``).
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
        strict_ieee: bool = False,
    ) -> None:
        self.finite_inputs, self.strict_ieee = finite_inputs, strict_ieee
        self.graph_rules = GraphRules(reference)
        self.reference, self.seeds, self.use_laws = reference, seeds, use_laws
        self.wall_s, self.threads, self.reproducers = wall_s, threads, reproducers
        self.limits = limits or Limits(wall_s=3600.0, cpu_s=7200.0)
        self.allow_unsandboxed = allow_unsandboxed
        self._answered: list[Answered] | None = []

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
        isolation.require(allow_unsandboxed=self.allow_unsandboxed)
        settings = self.wall_s, self.limits, self.threads, env or {}, self.reproducers
        terms = Terms(spec, self.reference, *settings)
        policy = dict(self.reference.describe().policy)
        cases = Cases(
            self.reference,
            seeds=self.seeds,
            use_laws=self.use_laws,
            reduced=reduced,
            seed=seed,
            finite=self.finite_inputs,
        )
        with ExitStack() as stack:
            runs = [Verification(terms, candidate, cases) for candidate in candidates]
            for run in runs:
                run.start(stack)
            self._judge(runs, cases)
            return [replace(run.evaluation(), policy=policy) for run in runs]

    def judge_answer(self, inputs: Sequence[Any], outputs: Outputs) -> Verdict:
        """The verdict on one answer to such inputs as the Model's own, given elsewhere (in a timed
        call). The values of inputs that the Model changes are not part of it."""
        found = self._reference_and_truth(Case(laws.OWN, 0), inputs, [])
        assert found is not None  # None is for laws other than the Model's own
        reference, truths = found
        description = self.reference.describe()
        count = len(reference.arrays) - len(description.written)
        own = Outputs(reference.arrays[:count], reference.structure)
        known = inputs, description.state, truths[:count], own
        return Evidence(*known, self.graph_rules.ties(*known), frozenset()).verdict(outputs)

    def _judge(self, runs: Sequence[Verification], cases: Cases) -> None:
        with Judging() as judging:
            self._judge_cases(runs, cases, judging)
        if all(run.verdict is not None for run in runs):
            return
        for run in runs:
            run.judge_again()
        if not cases.reduced and (reasons := self.degeneracy):
            cases.notes.append(f"degenerate task: {'; '.join(reasons)}")

    def _judge_cases(self, runs: Sequence[Verification], cases: Cases, judging: Judging) -> None:
        """Answers to a case are judged while the next case is asked and its truth computed."""
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
            answers = [(run, run.answer(case, inputs)) for run in asked]
            try:
                found = self._reference_and_truth(case, inputs, cases.notes)
            except ReferenceBroken:
                judging.wait()
                if all(run.verdict is not None for run in asked):  # it would not have been asked
                    return
                raise
            judging.wait()
            answers = [(run, answer) for run, answer in answers if run.verdict is None]
            if found is not None and case.law == laws.OWN:
                own_finite &= all_finite(*found)
                self._keep(case, cases, inputs, *found)
            elif found is not None and own_finite and undefined(case, *found):
                cases.notes.append(f"law {case.law} dropped: the reference is undefined under it")
                found = None
            if found is None:
                for run, answer in answers:
                    run.forget(answer)
                continue
            judging.begin(answers, self._evidence(case, cases, inputs, *found))

    @functools.cached_property
    def degeneracy(self) -> list[str]:
        """Why the task cannot tell right from wrong, if so; [] otherwise. Found out once, from the
        first cases of the Model's own inputs."""
        known, self._answered = self._answered, None
        return degeneracy(self.reference, known or ())

    def _keep(
        self,
        case: Case,
        cases: Cases,
        inputs: list[Any],
        reference: Outputs,
        truths: Sequence[np.ndarray],
    ) -> None:
        """Keeps the answer to a case for ``degeneracy``, until that is known; not what stands for
        the reference's rounding in place of its float64 outputs (``known_answer``)."""
        if self._answered is None or len(self._answered) >= _ANSWERED or cases.reduced:
            return
        if any(array.dtype == np.float64 for array in reference.arrays):
            return
        count = len(reference.arrays) - len(self.reference.describe().written)
        own = Outputs(reference.arrays[:count], reference.structure)
        found = Answered(case.seed, inputs, own, list(truths[:count]))
        if found.nbytes <= _ANSWERED_BYTES:
            self._answered.append(found)

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

        def others() -> Iterator[tuple[Outputs, list[np.ndarray]]]:
            for _ in range(DRAWS):
                again = replace(case, seed=laws.fresh_seed())
                yield self._ask(again, cases.inputs(again))

        tolerates = Tolerates.NOTHING
        if case.values == laws.SPECIAL and not self.strict_ieee:
            tolerates = Tolerates.ANY if rules.multiplies_out(inputs) else Tolerates.LOUD
        return Evidence(*known, rules.ties(*known), exact, others, tolerates)

    def _ask(self, case: Case, inputs: Sequence[Any]) -> tuple[Outputs, list[np.ndarray]]:
        written = self.reference.describe().written
        return self.reference.run_and_truth(
            inputs, layout=case.layout, state=case.state, written=written
        )

    def _reference_and_truth(
        self, case: Case, inputs: Sequence[Any], notes: list[str]
    ) -> tuple[Outputs, list[np.ndarray]] | None:
        """See ``known_answer``; None, said in ``notes``, when the reference raises under a law
        other than the Model's own inputs."""
        try:
            return known_answer(functools.partial(self._ask, case), inputs)
        except ReferenceBroken as broken:
            if case.law == laws.OWN or broken.check in ("never_ends", "dies"):
                raise
            notes.append(f"law {case.law} dropped: the reference does not take it ({broken})")
            return None
