"""The Verifier: runs a candidate on inputs that it cannot know and judges what comes back."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import SandboxError
from kernelwright.sandbox.process import Limits, isolation_level
from kernelwright.schema import Candidate, Evaluation, Status, TaskSpec
from kernelwright.verify import laws
from kernelwright.verify.candidate_process import CandidateFault, CandidateProcess
from kernelwright.verify.cases import Case, Cases
from kernelwright.verify.compare import Outputs, Verdict, judge_outputs, nearer_to_limit
from kernelwright.verify.reference import Description, ReferenceProcess
from kernelwright.verify.reproducer import write_reproducer
from kernelwright.verify.static_check import check_source

log = logging.getLogger(__name__)


NEARBY_RUNS, NEARBY_SPREAD = 4, 4.0


class Verifier:
    """Judges candidates against one reference.

    ``seeds`` input sets are drawn from the Model's own ``get_inputs`` and one for each other law
    (``use_laws``). ``wall_s`` bounds loading and each call; ``limits`` the worker as a whole.
    ``reproducers`` is a folder for scripts that repeat a failure (none written when None). Without
    isolation on this machine candidates run only if ``allow_unsandboxed``.
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
    ) -> None:
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
            self.reference, seeds=self.seeds, use_laws=self.use_laws, reduced=reduced, seed=seed
        )
        with ExitStack() as stack:
            runs = [_Verification(self, spec, candidate, cases) for candidate in candidates]
            for run in runs:
                run.start(stack, description, env or {})
            self._judge(runs, cases)
            return [
                dataclasses.replace(run.evaluation(), policy=dict(description.policy))
                for run in runs
            ]

    def _judge(self, runs: Sequence[_Verification], cases: Cases) -> None:
        own_finite = True
        for case in cases.draw():
            alive = [run for run in runs if run.verdict is None]
            if not alive:
                return
            inputs = cases.inputs(case)
            # Every candidate answers first; the truth for these inputs does not exist before that.
            for run in alive:
                run.answer(case, inputs)
            reference, truths = self._reference_and_truth(inputs)
            finite = _all_finite(reference, truths)
            if case.law == laws.OWN:
                own_finite &= finite
            elif own_finite and not finite:
                cases.notes.append(f"law {case.law} dropped: the reference is not finite under it")
                continue
            for run in alive:
                run.judge(case, truths, reference)
        for run in runs:
            run.judge_again()
        if not cases.reduced and (reasons := self.reference.degeneracy()):
            cases.notes.append(f"degenerate task: {'; '.join(reasons)}")

    def _reference_and_truth(self, inputs: Sequence[Any]) -> tuple[Outputs, list[np.ndarray]]:
        """A float64 output is its own truth and shows no error. What stands for the reference's
        rounding there are its answers to inputs that are one rounding away: per element the largest
        difference of NEARBY_RUNS such answers, times NEARBY_SPREAD. One answer underestimates where
        a result is ill-conditioned (measured: one refusal of an honest candidate in ten)."""
        reference, truths = self.reference.run_and_truth(inputs)
        if not any(array.dtype == np.float64 for array in reference.arrays):
            return reference, truths
        nearby = [
            self.reference.run([_one_rounding_away(value, run) for value in inputs]).outputs
            for run in range(NEARBY_RUNS)
        ]
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
        self._case: Case | None = None
        self._answer: tuple[Outputs, list[int], Outputs | None] | None = None
        self._worst: Verdict | None = None
        self._known: tuple[Sequence[np.ndarray], Outputs] | None = None
        self._done: list[Case] = []
        self._first: tuple[Case, Outputs] | None = None

    def start(self, stack: ExitStack, description: Description, env: Mapping[str, str]) -> None:
        """Checks the source and loads the candidate in an isolated process."""
        static = check_source(self.candidate)
        if not static.passed:
            self.verdict = Verdict(static.status, static.check, static.reason)
            return
        verifier = self.verifier
        with self._faults():
            self._process = stack.enter_context(
                CandidateProcess(
                    self.candidate,
                    description,
                    framework=self.spec.framework,
                    device=verifier.reference.device,
                    threads=verifier.threads,
                    wall_s=verifier.wall_s,
                    limits=verifier.limits,
                    env=env,
                )
            )

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """A fault of the candidate is its verdict."""
        try:
            yield
        except CandidateFault as fault:
            self.verdict, self._text = fault.verdict, fault.log

    def answer(self, case: Case, inputs: Sequence[Any]) -> None:
        """Calls the candidate, twice where the case asks for it."""
        assert self._process is not None
        self._case, self._answer = case, None
        with self._faults():
            outputs, mutated = self._process.run(inputs)
            again = self._process.run(inputs)[0] if case.repeat else None
            self._answer = outputs, mutated, again

    def judge(self, case: Case, truths: Sequence[np.ndarray], reference: Outputs) -> None:
        """Judges the answer to ``case``, if there was one."""
        if self._answer is None:
            return
        outputs, mutated, again = self._answer
        verdict = judge_outputs(truths, reference, outputs)
        if verdict.passed and mutated:
            reason = f"the call wrote to input {mutated[0]}; inputs must stay as they are"
            verdict = Verdict(Status.REJECTED, "input_mutated", reason, verdict.statistics)
        elif verdict.passed and again is not None and not _identical(outputs, again):
            reason = f"two calls on the same inputs differ: {_first_difference(outputs, again)}"
            verdict = Verdict(Status.REJECTED, "non_deterministic", reason, verdict.statistics)
        if not verdict.passed:
            self.verdict, self._known = verdict, (truths, reference)
            return
        self._done.append(case)
        self._first = self._first or (case, outputs)
        if self._worst is None or nearer_to_limit(verdict, self._worst):
            self._worst = verdict

    def judge_again(self) -> None:
        """The very first inputs once more, after all the others: a kernel that keeps state, or
        stops working after some calls, shows here."""
        if self.verdict is not None:
            return
        if self._first is not None and self._process is not None:
            self._case, before = self._first
            with self._faults():
                outputs, _ = self._process.run(self.cases.inputs(self._case))
                if not _identical(before, outputs):
                    reason = (
                        "the first inputs, given again after all others, got another answer: "
                        f"{_first_difference(before, outputs)}"
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
        notes = list(self.cases.notes)
        if self.cases.reduced:
            notes.append("checked on reduced sizes only")
        if isolation_level() == "rlimits":
            notes.append("the candidate ran without isolation")
        error = verdict.statistics
        cases = self._done if verdict.passed else [*self._done, *self._failed()]
        if error is not None:
            error = dataclasses.replace(
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
            notes=tuple(notes),
        )

    def _failed(self) -> list[Case]:
        return [] if self._case is None or self._case in self._done else [self._case]

    def _reproducer(self, verdict: Verdict) -> str | None:
        folder = self.verifier.reproducers
        if verdict.passed or folder is None:
            return None
        case = self._case or Case(laws.OWN, 0, repeat=False)
        try:
            return str(self._written(folder, verdict, case))
        except OSError as error:  # the verdict stands without it
            log.warning("no script to repeat the failure: %s cannot be written: %s", folder, error)
            return None

    def _written(self, folder: Path, verdict: Verdict, case: Case) -> Path:
        description = self.verifier.reference.describe()
        return write_reproducer(
            folder / f"{self.candidate.hash()}-{verdict.check}",
            self.spec,
            self.candidate,
            verdict=verdict,
            law=case.law,
            seed=case.seed,
            layout="as_given",
            state=description.state,
            inputs=None if self._case is None else self.cases.inputs(case),
            description=description,
            truths=self._known and self._known[0],
            reference=self._known and self._known[1],
            device=self.verifier.reference.device,
            wall_s=self.verifier.wall_s,
        )


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
