"""The Verifier: runs a candidate on inputs that it cannot know and judges what comes back."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import SandboxError
from kernelwright.sandbox.process import Limits, isolation_level
from kernelwright.schema import Candidate, Evaluation, Status, TaskSpec
from kernelwright.verify import laws
from kernelwright.verify.candidate_process import CandidateFault, CandidateProcess
from kernelwright.verify.compare import Outputs, Verdict, judge_outputs, nearer_to_limit
from kernelwright.verify.reference import ReferenceProcess
from kernelwright.verify.reproducer import write_reproducer
from kernelwright.verify.static_check import check_source

log = logging.getLogger(__name__)

# Bytes of inputs that laws other than the Model's own may use in all, so that a verification stays
# a matter of seconds; the laws that did not fit are named in the Evaluation's notes.
LAW_BYTES = 512 << 20


@dataclass(frozen=True)
class _Case:
    """One set of inputs; ``repeat``: the call is made twice and must agree bit by bit."""

    law: str
    seed: int
    repeat: bool


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
        """The Evaluation of ``candidate``, without a Measurement.

        ``reduced`` judges on smaller sizes only, and says so. ``env`` is all that the candidate's
        process sees of an environment. Seeds are fresh and secret unless ``seed`` fixes them.
        Raises ReferenceBroken for a fault of the task and SandboxError for one of the machine.
        """
        static = check_source(candidate)
        if not static.passed:
            return Evaluation(static.status, static.check, static.reason, reduced=reduced)
        if isolation_level() == "rlimits" and not self.allow_unsandboxed:
            raise SandboxError(
                "candidates cannot be isolated on this machine (see `kernelwright doctor`): "
                "install bubblewrap, or set judge.allow_unsandboxed to run them without isolation"
            )
        description = self.reference.describe()
        run = _Verification(self, spec, candidate, reduced, seed)
        try:
            with CandidateProcess(
                candidate,
                description,
                framework=spec.framework,
                device=self.reference.device,
                threads=self.threads,
                wall_s=self.wall_s,
                limits=self.limits,
                env=env or {},
            ) as process:
                verdict = run.judge(process)
                text = process.log()
        except CandidateFault as fault:
            verdict, text = fault.verdict, fault.log
        evaluation = run.evaluation(verdict, text)
        return dataclasses.replace(evaluation, policy=dict(description.policy))


class _Verification:
    """One candidate's judgement: which inputs, what was found, what is said about it."""

    def __init__(
        self,
        verifier: Verifier,
        spec: TaskSpec,
        candidate: Candidate,
        reduced: bool,
        seed: int | None,
    ) -> None:
        self.verifier, self.reference = verifier, verifier.reference
        self.spec, self.candidate = spec, candidate
        # A Model that is small already, or takes no other sizes, is checked on its own.
        self.reduced = reduced and self.reference.reduced_inputs(0) is not None
        self._fixed = None if seed is None else np.random.default_rng(seed)
        self._case: _Case | None = None
        self._worst: Verdict | None = None
        self._done: list[_Case] = []
        self._first: tuple[_Case, Outputs] | None = None
        self._notes: list[str] = []
        self._own_finite = True

    def judge(self, process: CandidateProcess) -> Verdict:
        """PASSED with the statistics nearest to the limit, or the first failure."""
        for case in self._cases():
            self._case = case
            own = self._own_inputs(case.seed)
            verdict = self._judge_case(process, case, laws.apply_law(case.law, own, case.seed))
            if verdict is None:
                continue
            if not verdict.passed:
                return verdict
            self._done.append(case)
            if self._worst is None or nearer_to_limit(verdict, self._worst):
                self._worst = verdict
        late = self._judge_again(process)
        if late is not None:
            return late
        self._note_degeneracy()
        return self._worst or Verdict(Status.PASSED)

    def _cases(self) -> Iterator[_Case]:
        for _ in range(self.verifier.seeds):
            yield _Case(laws.OWN, self._seed(), repeat=True)
        if not self.verifier.use_laws:
            return
        sample = self._own_inputs(self._seed())
        if not laws.applies(sample):
            return
        left, size = LAW_BYTES, laws.nbytes(sample)
        skipped = []
        for law in laws.LAWS:
            if size > left:
                skipped.append(law)
                continue
            left -= size
            yield _Case(law, self._seed(), repeat=False)
        if skipped:
            self._notes.append(f"input laws left out for their size: {', '.join(skipped)}")

    def _seed(self) -> int:
        return laws.fresh_seed() if self._fixed is None else int(self._fixed.integers(1 << 31))

    def _own_inputs(self, seed: int) -> list[Any]:
        if not self.reduced:
            return self.reference.make_inputs(seed)
        return self.reference.reduced_inputs(seed) or self.reference.make_inputs(seed)

    def _judge_case(
        self, process: CandidateProcess, case: _Case, inputs: Sequence[Any]
    ) -> Verdict | None:
        """None when the law is dropped: the reference itself is not finite under it."""
        # The candidate answers first; the truth for these inputs does not exist before that.
        outputs, mutated = process.run(inputs)
        again = process.run(inputs)[0] if case.repeat else None
        reference, truths = self._reference_and_truth(inputs)
        finite = _all_finite(reference, truths)
        if case.law == laws.OWN:
            self._own_finite &= finite
        elif self._own_finite and not finite:
            self._notes.append(f"law {case.law} dropped: the reference is not finite under it")
            return None
        verdict = judge_outputs(truths, reference, outputs)
        if not verdict.passed:
            return verdict
        if mutated:
            reason = f"the call wrote to input {mutated[0]}; inputs must stay as they are"
            return Verdict(Status.REJECTED, "input_mutated", reason, verdict.statistics)
        if again is not None and not _identical(outputs, again):
            reason = f"two calls on the same inputs differ: {_first_difference(outputs, again)}"
            return Verdict(Status.REJECTED, "non_deterministic", reason, verdict.statistics)
        if self._first is None:
            self._first = (case, outputs)
        return verdict

    def _reference_and_truth(self, inputs: Sequence[Any]) -> tuple[Outputs, list[np.ndarray]]:
        """A float64 output is its own truth and shows no error. What stands for the reference's
        rounding there is its answer to inputs that are one rounding away."""
        reference, truths = self.reference.run_and_truth(inputs)
        if not any(array.dtype == np.float64 for array in reference.arrays):
            return reference, truths
        nearby = self.reference.run([_one_rounding_away(value) for value in inputs])
        arrays = [
            b if a.dtype == np.float64 and _same_not_finite(a, b) else a
            for a, b in zip(reference.arrays, nearby.outputs)
        ]
        return Outputs(arrays, reference.structure), truths

    def _judge_again(self, process: CandidateProcess) -> Verdict | None:
        """The very first inputs once more, after all the others: a kernel that keeps state, or
        stops working after some calls, shows here."""
        if self._first is None:
            return None
        case, before = self._first
        self._case = case
        own = self._own_inputs(case.seed)
        outputs, _ = process.run(laws.apply_law(case.law, own, case.seed))
        if _identical(before, outputs):
            return None
        reason = (
            "the first inputs, given again after all others, got another answer: "
            f"{_first_difference(before, outputs)}"
        )
        return Verdict(Status.REJECTED, "non_deterministic", reason)

    def _note_degeneracy(self) -> None:
        if not self.reduced and (reasons := self.reference.degeneracy()):
            self._notes.append(f"degenerate task: {'; '.join(reasons)}")

    def evaluation(self, verdict: Verdict, text: str) -> Evaluation:
        notes = list(self._notes)
        if self.reduced:
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
            reduced=self.reduced,
            reproducer=self._reproducer(verdict),
            log=text,
            notes=tuple(notes),
        )

    def _failed(self) -> list[_Case]:
        return [] if self._case is None or self._case in self._done else [self._case]

    def _reproducer(self, verdict: Verdict) -> str | None:
        folder = self.verifier.reproducers
        if verdict.passed or folder is None:
            return None
        case = self._case or _Case(laws.OWN, 0, repeat=False)
        script = write_reproducer(
            folder / f"{self.candidate.hash()}-{verdict.check}",
            self.spec,
            self.candidate,
            status=verdict.status.value,
            check=verdict.check or "",
            reason=verdict.reason,
            law=case.law,
            seed=case.seed,
            reduced=self.reduced,
            device=self.reference.device,
        )
        return str(script)


def _all_finite(reference: Outputs, truths: Sequence[np.ndarray]) -> bool:
    floats = [a for a in (*reference.arrays, *truths) if a.dtype.kind not in "biu"]
    return all(bool(np.isfinite(a).all()) for a in floats)


def _one_rounding_away(value: Any) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        return value
    signs = np.random.default_rng(0).integers(0, 2, value.shape) * 2.0 - 1.0
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
