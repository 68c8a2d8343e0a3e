"""Task: one operator from its description to a verified kernel, step by step.

The interface of the reference system, August 2025 (``impl_type``, ``limit_steps``) and later
(``dsl``, ``workflow``): existing scripts run unchanged. What is different on purpose: nothing
changes the working directory, blocking work stays out of the event loop, and a failure is a result
that says why.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kernelwright.agents.conductor import Decision
from kernelwright.agents.conversation import hints_text
from kernelwright.agents.llm_coder import can_code
from kernelwright.agents.prose import is_prose, source_from_prose
from kernelwright.agents.record import (
    CODER_ACTIONS,
    DESIGNER_ACTIONS,
    ActionType,
    ParsedCode,
    Record,
)
from kernelwright.backends import BACKENDS, check_combination
from kernelwright.config import Config, resolve
from kernelwright.devices import DevicePool
from kernelwright.errors import KernelwrightError, UsageError
from kernelwright.schema import Evaluation, Target, TaskSpec
from kernelwright.task.agent_loop import decide
from kernelwright.task.agent_settings import BUILTIN, AgentSettings, settings_of
from kernelwright.task.builtin_agents import SessionCoder, SessionDesigner
from kernelwright.task.cast import Cast, open_cast
from kernelwright.task.combination import (
    TaskConfigError,
    check_task_config,
    check_task_type,
    normal_name,
)
from kernelwright.task.journal import Journal
from kernelwright.task.resolve import guess_backend, guess_framework, impl_types_to_try
from kernelwright.task.steps import Agents, CoderFactory, DesignerFactory, Steps
from kernelwright.task.task_config import default_settings, documents, load_config
from kernelwright.task.trace import Trace, file_name
from kernelwright.task.workflow import Workflow, find_workflow

log = logging.getLogger(__name__)
T = TypeVar("T")


class TaskResult(tuple[Any, ...]):
    """``(op_name, passed)``, or ``(op_name, passed, task_info)`` for a Task made with ``dsl=``.

    Its truth value is ``passed``. ``error`` says what went wrong ("" when nothing did),
    ``evaluation`` is the judge's last word (None when it never came to that), ``task_info`` is
    there either way.
    """

    op_name: str
    passed: bool
    error: str
    task_info: dict[str, Any]
    evaluation: Evaluation | None

    def __new__(
        cls,
        op_name: str,
        passed: bool,
        task_info: Mapping[str, Any] | None = None,
        *,
        with_info: bool = False,
        error: str = "",
        evaluation: Evaluation | None = None,
    ) -> TaskResult:
        info = dict(task_info or {})
        self = super().__new__(cls, (op_name, passed, info) if with_info else (op_name, passed))
        self.op_name, self.passed, self.error = op_name, passed, error
        self.task_info, self.evaluation = info, evaluation
        return self

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        text = repr(tuple(self[:2]))
        return f"{text}: {self.error}" if self.error else text


class Task:
    """One operator on one target.

    ``task_desc`` is the source of a Model with ``get_inputs()`` and ``get_init_inputs()``, or a
    formula in prose. ``framework`` is guessed from it when not given; ``backend`` and ``arch``
    default to what this machine has. ``config`` is what ``load_config`` gives; ``device_pool``
    lends devices while a kernel runs. ``task_type`` "profile" also measures. ``designer`` and
    ``coder`` make the agents; else ``agent_model_config`` says which model plays which (builtin
    ones by default). ``inspirations`` and ``meta_prompts`` are put before models.

    Raises ValueError (TaskConfigError) for a name or combination that does not exist.
    """

    default_start = ActionType.DO_DESIGNER

    def __init__(
        self,
        op_name: str,
        task_desc: str,
        task_id: str = "0",
        backend: str | None = None,
        arch: str | None = None,
        impl_type: str | None = None,
        config: Mapping[str, Any] | None = None,
        device_pool: DevicePool | None = None,
        framework: str | None = None,
        task_type: str = "precision_only",
        limit_steps: int | None = None,
        *,
        dsl: str | None = None,
        workflow: str | Path | None = None,
        inspirations: Any = None,
        meta_prompts: Any = None,
        designer: DesignerFactory | None = None,
        coder: CoderFactory | None = None,
    ) -> None:
        if impl_type is not None and dsl is not None:
            raise TaskConfigError("give impl_type or dsl (its later name), not both")
        check_task_type(task_type)
        self.with_info = dsl is not None
        self.option = "dsl" if dsl is not None else "impl_type"
        self.op_name, self.task_desc, self.task_id = _op_name(op_name), task_desc, str(task_id)
        self.framework = normal_name(framework or guess_framework(task_desc))
        self.backend = normal_name(backend) if backend else guess_backend()
        self.arch = arch or _default_arch(self.backend)
        self.impl_type = normal_name(impl_type or dsl or "auto")
        check_task_config(
            self.framework, self.backend, self.arch, self.impl_type, option=self.option
        )
        self.arch = BACKENDS.get(self.backend).normalize_arch(self.arch)
        self.task_type = task_type
        self.config = dict(config) if config is not None else load_config()
        self.device_pool = device_pool or _shared_pool()
        self._workflow_name = "" if workflow is None else str(workflow)
        self.workflow = self._workflow(workflow, limit_steps)
        self.inspirations, self.meta_prompts = inspirations, meta_prompts
        self.agents = Agents(designer or SessionDesigner, coder or SessionCoder)
        self._given = designer is not None or coder is not None
        self.trace = Trace(self.op_name, self.task_id, self.config.get("log_dir", _NO_LOG_DIR))

    @property
    def limit_steps(self) -> int:
        return self.workflow.max_step

    def _workflow(self, name: str | Path | None, limit_steps: int | None) -> Workflow:
        if limit_steps is not None and (type(limit_steps) is not int or limit_steps < 1):
            raise TaskConfigError(f"limit_steps must be a whole number from 1, not {limit_steps!r}")
        if name is None:
            return Workflow(self.default_start, limit_steps or 10)
        found = find_workflow(name)
        return Workflow(found.start, limit_steps or found.max_step, found.rules)

    # ---- running -----------------------------------------------------------------------------

    async def run(
        self,
        init_action_type: ActionType | Mapping[str, Any] | None = None,
        init_parsed_code: ParsedCode | None = None,
        init_suggestions: str = "",
        *,
        init_task_info: Mapping[str, Any] | None = None,
    ) -> TaskResult:
        """Runs steps until a kernel is verified, nothing more can be done or the limit is reached.

        Starting at VERIFY with a filled ``init_parsed_code`` judges a kernel that is there. Never
        raises for a failure of kernel, task or machine: it is logged, and ``error`` of the result
        says it. Cancellation waits for the running step, so that no device is lent out in use.
        """
        if isinstance(init_action_type, Mapping):  # the later form: run(init_task_info)
            init_action_type, init_task_info = None, init_action_type
        codes = init_parsed_code or self._codes_from(init_task_info or {})
        start = init_action_type or self.workflow.start
        self.trace.records.clear()
        if self.impl_type == "auto" and len(codes.impl_types()) == 1:
            self.impl_type = codes.impl_types()[0]
        try:
            decision = await self._loop(start, codes, init_suggestions)
            error = "" if self._passed else decision.reason
        except KernelwrightError as problem:
            error = str(problem)
        except Exception as problem:  # the step loop's edge: one bad task must not end the others
            error = f"{type(problem).__name__}: {problem} (a fault of Kernelwright; please report)"
            log.error("task %s", self.op_name, exc_info=True)
        if error:
            log.error("task %s failed: %s", self.op_name, error)
            self.trace.write(self.trace.text_name("Task", "error_log"), error)
        return self._result(error)

    async def _loop(self, start: ActionType, codes: ParsedCode, suggestions: str) -> Decision:
        spec = await self._thread(self.spec)
        cast = await self._thread(lambda: self._open_cast())
        steps = Steps(
            spec, self.our_config(), self.trace, self.agents if cast is None else cast.agents,
            option=self.option, resume=bool(self.config.get("resume", True)),
            hints=hints_text(self.meta_prompts, self.inspirations, documents(self.config)),
        )  # fmt: skip
        journal = None if cast is None else self._journal(cast, spec, start, codes, steps.hints)
        adviser = None if cast is None else cast.adviser
        flow = dataclasses.replace(self.workflow, start=start)
        try:
            while True:
                decision = await self._thread(lambda: decide(steps, flow, start, adviser))
                if decision.action_type is ActionType.EXIT:
                    if journal is not None:
                        journal.end(decision)
                    if self._passed:
                        log.info("task %s: %s", self.op_name, decision.reason)
                    return decision
                log.info(
                    "task %s: step %d: %s (%s)",
                    self.op_name, self.trace.step, decision.action_type.value, decision.reason,
                )  # fmt: skip
                said = decision.suggestions if self.trace.records else suggestions
                record = await self._step(steps, decision.action_type, codes, said)
                if journal is not None:
                    journal.add(record)
        finally:
            await self._thread(steps.close)
            if cast is not None:
                log.info("task %s used %s", self.op_name, cast.budget.spent.text())
                await self._thread(cast.close)

    def _settings(self) -> AgentSettings:
        return settings_of(self.config, self.impl_type)

    @property
    def llm_folder(self) -> Path:
        """Where the conversations with models are recorded."""
        return self.trace.folder / f"I{file_name(self.task_id)}_agents"

    def _open_cast(self) -> Cast | None:
        """The agents that ``config`` names, where one of them is a model."""
        settings = self._settings()
        if self._given or not settings.models:
            return None
        return open_cast(settings, self.llm_folder, self.our_config().state_dir)

    def _journal(
        self, cast: Cast, spec: TaskSpec, start: ActionType, codes: ParsedCode, hints: str
    ) -> Journal:
        return Journal(
            self.llm_folder, spec, cast.settings, start=start, workflow=self._workflow_name,
            limit_steps=self.workflow.max_step, codes=codes, hints=hints,
            models=cast.names,
        )  # fmt: skip

    async def _step(
        self, steps: Steps, action: ActionType, codes: ParsedCode, suggestions: str
    ) -> Record:
        def act() -> Record:
            return steps.act(action, codes, suggestions, self.task_type == "profile")

        if steps.session is not None and not _uses_device(steps, action):
            return await self._thread(act)
        async with self.device_pool.lease() as device:
            await self._thread(lambda: steps.open(device))
            return await self._thread(act)

    @staticmethod
    async def _thread(work: Callable[[], T]) -> T:
        """``work`` in a thread. When cancelled, still waits for its end: a device that a kernel
        runs on, or a session in use, must not be given away."""
        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if not running.done():
                await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # looked at, so that asyncio does not complain
            raise

    # ---- what is asked for -------------------------------------------------------------------

    def spec(self) -> TaskSpec:
        """The task with everything settled. Raises UnsupportedError when pieces are missing here,
        UsageError for prose that nobody understands."""
        check_combination(self.framework, self.backend, self.arch, self.impl_type)
        source = self.task_desc
        path = f"{self.op_name}_{self.framework}.py"  # as in the folder of a verification
        if is_prose(source):
            source = source_from_prose(source, self.framework)
            self.trace.write(self.trace.text_name("TaskDesc", "result"), source)
        spec = TaskSpec(
            self.op_name, source, self.framework, Target(self.backend, self.arch), self.impl_type,
            self.task_type, path,
        )  # fmt: skip
        self.impl_type = self._impl_type(impl_types_to_try(spec))
        return TaskSpec(
            self.op_name, source, self.framework, spec.target, self.impl_type, self.task_type, path
        )

    def _impl_type(self, names: Sequence[str]) -> str:
        """The first of ``names``; for a model's kernels the first that a model is asked for."""
        settings = self._settings()
        if self._given or settings.coder == BUILTIN or settings.style != "dsl":
            return names[0]
        return next((name for name in names if can_code(name)), names[0])

    def our_config(self) -> Config:
        """Kernelwright's own configuration, with what ``config`` says of it."""
        limit_s = self.config.get("verify_timeout")
        if limit_s == default_settings()["verify_timeout"]:
            limit_s = None  # nobody asked for it: our own settings decide
        return resolve({"timeouts.candidate_s": limit_s})

    def _codes_from(self, info: Mapping[str, Any]) -> ParsedCode:
        codes = ParsedCode(aul_code=str(info.get("designer_code") or ""))
        kernel = str(info.get("coder_code") or "")
        if not kernel:
            return codes
        if self.impl_type == "auto":
            raise UsageError("coder_code needs a Task with dsl= (or impl_type=)")
        return codes.with_kernel(self.impl_type, kernel)

    # ---- what came of it ---------------------------------------------------------------------

    @property
    def _passed(self) -> bool:
        records = self.trace.records
        return bool(records) and records[-1].action_type is ActionType.VERIFY and records[-1].ok

    def _result(self, error: str) -> TaskResult:
        evaluations = [r.evaluation for r in self.trace.records if r.evaluation is not None]
        return TaskResult(
            self.op_name,
            self._passed,
            self.task_info(error),
            with_info=self.with_info,
            error=error,
            evaluation=evaluations[-1] if evaluations else None,
        )

    def task_info(self, error: str = "") -> dict[str, Any]:
        """What scripts of the later reference system read."""
        records = self.trace.records
        codes = records[-1].parsed_code if records else ParsedCode()
        verified = next((r for r in reversed(records) if r.evaluation is not None), None)
        measured = verified.evaluation.measurement if verified and verified.evaluation else None
        profile = (
            (measured.candidate_us, measured.baselines_us["eager"], measured.speedup)
            if measured
            else ()
        )
        info = {
            "designer_code": codes.aul_code,
            "coder_code": codes.kernel(self.impl_type),
            "verifier_result": self._passed,
            "verifier_error": verified.error_log if verified else error,
            "profile_res": profile,
            "conductor_suggestion": error,
            "op_name": self.op_name,
            "task_desc": self.task_desc,
            "task_id": self.task_id,
            "backend": self.backend,
            "arch": self.arch,
            "dsl": self.impl_type,
            "framework": self.framework,
            "inspirations": self.inspirations,
            "meta_prompts": self.meta_prompts,
        }
        return {**info, "error": error} if error else info


_NO_LOG_DIR = Path("aikg_logs")


@functools.cache
def _shared_pool() -> DevicePool:
    """For Tasks that are given none, so that they share the machine's first device."""
    return DevicePool([0])


def _uses_device(steps: Steps, action: ActionType) -> bool:
    if action in DESIGNER_ACTIONS:
        return steps.designer.uses_device
    if action in CODER_ACTIONS:
        return steps.coder.uses_device
    return True


def _op_name(text: str) -> str:
    if not text or file_name(text) != text:
        raise TaskConfigError(
            f"op_name {text!r} becomes part of file names: use letters, digits, '_', '-' and '.'"
        )
    return text


def _default_arch(backend: str) -> str:
    if backend not in BACKENDS.names():
        return ""
    return BACKENDS.get(backend).default_arch()
