"""Carrying out the steps of one task. Everything here blocks; ``Task`` calls it in a thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

from kernelwright.agents.feedback import feedback_text
from kernelwright.agents.record import (
    CODER_ACTIONS,
    DESIGNER_ACTIONS,
    ActionType,
    ParsedCode,
    Record,
)
from kernelwright.agents.roles import Coder, Designer, Request
from kernelwright.backends import BACKENDS
from kernelwright.config import Config
from kernelwright.errors import (
    AULError,
    CaptureError,
    CompileError,
    KernelwrightError,
    ReferenceBroken,
    UnsupportedError,
    UsageError,
)
from kernelwright.llm.budget import Budget
from kernelwright.report.numbers import speedup_text
from kernelwright.schema import Candidate, Evaluation, Measurement, Status, TaskSpec
from kernelwright.task.builtin_agents import SessionCoder, SessionDesigner
from kernelwright.task.given import candidate_from
from kernelwright.task.measurement import timed
from kernelwright.task.result import Attempt
from kernelwright.task.session import Session
from kernelwright.task.task_record import TaskRecord
from kernelwright.task.trace import Trace

log = logging.getLogger(__name__)

DesignerFactory = Callable[[Session], Designer]
CoderFactory = Callable[[Session], Coder]
# An agent may do better when it is told of these; all else is the task's or the machine's fault.
_AGENTS_FAULT = (AULError, CaptureError, CompileError, UnsupportedError)


@dataclass(frozen=True)
class Agents:
    """Makes the agents of a session; a session is opened anew for another device. ``budget``: what
    judging counts against too."""

    designer: DesignerFactory = SessionDesigner
    coder: CoderFactory = SessionCoder
    budget: Budget | None = None


class Steps:
    """One task's session and agents. Use from one thread at a time; ``close`` ends the session.

    ``option`` is what the caller called the impl_type ("impl_type" or "dsl"). ``resume``: verdicts
    on record are believed. ``hints`` go to the agents. ``session``: one that is open already, and
    stays so.
    """

    def __init__(
        self,
        spec: TaskSpec,
        config: Config,
        trace: Trace,
        agents: Agents,
        *,
        option: str = "impl_type",
        resume: bool = True,
        hints: str = "",
        session: Session | None = None,
    ) -> None:
        self.spec, self.config, self.trace = spec, config, trace
        self.agents, self.option, self.resume, self.hints = agents, option, resume, hints
        self.session: Session | None = None
        self.device = -1
        self.designer: Designer
        self.coder: Coder
        self._lent = session
        if session is not None:
            self._use(session, session.device_index)

    def open(self, device: int) -> None:
        """Has the session run on ``device``, an id of the DevicePool."""
        index = device_index(self.spec, device)
        if self.session is not None and index == self.device:
            return
        self.close()
        failures = self.trace.folder / "failures"
        session = Session(self.spec, self.config, device=index, reproducers=failures)
        self._use(session, index)

    def _use(self, session: Session, index: int) -> None:
        self.session, self.device = session, index
        self.record = TaskRecord(self.spec, self.config, index, resume=self.resume)
        self.designer = self.agents.designer(session)
        self.coder = self.agents.coder(session)

    def close(self) -> None:
        if self.session is not None and self.session is not self._lent:
            self.session.close()
        self.session = None

    def act(
        self, action: ActionType, parsed_code: ParsedCode, suggestions: str, profile: bool
    ) -> Record:
        """The record of one step, which is also kept in the trace. ``open`` first."""
        before = self.trace.records[-1] if self.trace.records else None
        current = Record(
            action,
            ok=False,
            parsed_code=before.parsed_code if before else parsed_code,
            design=before.design if before else None,
            candidate=before.candidate if before else None,
            author=before.author if before else "",
        )
        if action is ActionType.DO_CODER_DIRECT:  # whatever design there was is not to be followed
            codes = current.parsed_code.with_design("")
            current = replace(current, parsed_code=codes, design=None, author="")
        request = Request(
            self.spec, current.parsed_code, suggestions, current.design, tuple(self.trace.records),
            self.hints,
        )  # fmt: skip
        try:
            if action in DESIGNER_ACTIONS:
                record = self.design(current, request)
            elif action in CODER_ACTIONS:
                record = self.code(current, request)
            else:
                record = self.verify(current, profile)
        except KernelwrightError as error:
            mendable = isinstance(error, _AGENTS_FAULT) and action is not ActionType.VERIFY
            record = replace(current, error_log=str(error), hopeless=not mendable)
            if isinstance(error, ReferenceBroken):
                broken = Evaluation(Status.REFERENCE_BROKEN, error.check, str(error))
                record = replace(record, evaluation=broken)
        self.trace.add(record)
        self.record.step(len(self.trace.records), record)
        return record

    # ---- one step each -----------------------------------------------------------------------

    def design(self, current: Record, request: Request) -> Record:
        made = self.designer.design(request)
        if made.note:
            log.info("%s: %s", self.spec.op_name, made.note)
        return replace(
            current,
            ok=bool(made.text) and not made.problem,
            parsed_code=current.parsed_code.with_design(made.text),
            result=made.text,
            error_log=made.problem or ("" if made.text else "the Designer gave no text"),
            design=made.design,
            prompt=made.prompt,
            reasoning=made.reasoning,
            author=made.author,
        )

    def code(self, current: Record, request: Request) -> Record:
        made = self.coder.code(request)
        if made.candidate is None:
            return replace(
                current,
                error_log=made.problem or "the Coder gave no kernel",
                prompt=made.prompt,
                reasoning=made.reasoning,
            )
        text = made.candidate.source
        codes = current.parsed_code.with_kernel(self.spec.impl_type, text)
        if made.candidate.design and not codes.aul_code:
            codes = codes.with_design(made.candidate.design)
        return replace(
            current,
            ok=bool(text.strip()),
            parsed_code=codes,
            result=text,
            error_log="" if text.strip() else "the Coder gave no text",
            design=made.design or current.design,
            candidate=made.candidate,
            prompt=made.prompt,
            reasoning=made.reasoning,
        )

    def verify(self, current: Record, profile: bool) -> Record:
        try:
            candidate = current.candidate or candidate_from(current.parsed_code, self.spec)
        except ValueError as error:
            raise UsageError(
                f"task {self.spec.op_name}: {error}; start at DO_DESIGNER, or fill the ParsedCode"
            ) from error
        self.trace.write_verify_dir(self.spec, candidate)
        try:
            evaluation = self.judged(candidate, profile)
        except KernelwrightError as error:
            self.trace.add_verification(self.spec, False, str(error), key=self.option)
            raise
        for note in evaluation.notes:
            log.info("%s: %s", self.spec.op_name, note)
        error_log = "" if evaluation.passed else described(evaluation)
        self.trace.add_verification(self.spec, evaluation.passed, error_log, key=self.option)
        return replace(
            current,
            ok=evaluation.passed,
            candidate=candidate,
            evaluation=evaluation,
            result=described(evaluation),
            error_log=error_log,
            feedback=feedback_text(evaluation, candidate),
        )

    def judged(self, candidate: Candidate, profile: bool) -> Evaluation:
        """The judge's word, with times when they are asked for and can be had; from the record
        when the same task on this machine has had it before."""
        evaluation = self.record.verdict(candidate, profile)
        if evaluation is None:
            with self.agents.budget.evaluation() if self.agents.budget else nullcontext():
                evaluation = self.judged_now(candidate, profile)
            self.record.keep(candidate, profile, evaluation)
        else:
            log.info("%s: the verdict is on record", self.spec.op_name)
        if evaluation.measurement is not None:
            log.info("%s: %s", self.spec.op_name, times(evaluation.measurement))
            self.trace.add_measurement(evaluation.measurement)
        return evaluation

    def judged_now(self, candidate: Candidate, profile: bool) -> Evaluation:
        assert self.session is not None
        evaluation = self.session.verify(candidate)
        if not profile or not evaluation.passed:
            return evaluation
        if evaluation.reduced:
            text = "not measured: this machine has no device that runs the kernel itself"
            return replace(evaluation, notes=(*evaluation.notes, text))
        try:
            profiled = self.session.measure({"candidate": candidate}, ("eager",))
        except ReferenceBroken:
            raise
        except KernelwrightError as error:  # the kernel is right all the same
            log.warning("%s: not measured: %s", self.spec.op_name, error)
            return replace(evaluation, notes=(*evaluation.notes, f"not measured: {error}"))
        attempt = Attempt(candidate.impl_type, candidate, evaluation)
        evaluation = timed(attempt, "candidate", profiled).evaluation
        return replace(evaluation, notes=(*evaluation.notes, *profiled.notes))


def device_index(spec: TaskSpec, device: int) -> int:
    """The backend's own index of a DevicePool's device. A CPU is one device, whatever its id.

    Raises UsageError for a device that is not there.
    """
    if spec.target.backend == "cpu":
        return 0
    present = [d.index for d in BACKENDS.get(spec.target.backend).devices()]
    if present and device not in present:
        raise UsageError(
            f"the DevicePool holds device {device}, but this machine has "
            f"{spec.target.backend} device(s) {', '.join(map(str, present))}"
        )
    return device if present else 0


def times(measured: Measurement) -> str:
    return (
        f"{measured.candidate_us:.1f} us against {measured.baselines_us['eager']:.1f} us of the "
        f"framework: " + speedup_text(measured.speedup, measured.speedup_low, measured.speedup_high)
    )


def described(evaluation: Evaluation) -> str:
    """An Evaluation for people, the status first."""
    check = f" ({evaluation.check})" if evaluation.check else ""
    reason = f": {evaluation.reason}" if evaluation.reason else ""
    lines = [f"{evaluation.status}{check}{reason}"]
    if evaluation.error is not None:
        error = evaluation.error
        lines.append(
            f"relative error {error.candidate:.3g}, the framework's own {error.reference:.3g}"
        )
    if evaluation.measurement is not None:
        lines.append(times(evaluation.measurement))
    lines += [f"note: {note}" for note in evaluation.notes]
    if not evaluation.passed and evaluation.log.strip():
        lines += ["", evaluation.log.strip()]
    return "\n".join(lines)
