"""What agents add to a run of the main job: their kernel beside the builtin ones, as an attempt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelwright.agents import guides
from kernelwright.agents.llm_coder import can_code
from kernelwright.agents.record import ActionType, Record
from kernelwright.config import Config
from kernelwright.errors import KernelwrightError, ModelError, UnsupportedError, UsageError
from kernelwright.llm import Estimate, Limits, estimate
from kernelwright.llm.recording import FILE_NAME
from kernelwright.schema import Candidate, TaskSpec
from kernelwright.task.agent_loop import run_agents
from kernelwright.task.agent_settings import BUILTIN, ROLES, AgentSettings
from kernelwright.task.cast import Cast, open_cast
from kernelwright.task.combination import TaskConfigError
from kernelwright.task.journal import Journal
from kernelwright.task.resolve import impl_types_to_try
from kernelwright.task.result import Attempt
from kernelwright.task.session import Session
from kernelwright.task.steps import Steps
from kernelwright.task.task_config import load_config
from kernelwright.task.trace import Trace
from kernelwright.task.workflow import Workflow, find_workflow

FOLDER = "agents"  # under a run's folder
EXPECTED_FIXES = 3  # of each agent, at worst, in an estimate


@dataclass(frozen=True)
class AgentPlan:
    """Which agents a run shall have. ``workflow`` is a packaged name or a file; ``limit_steps``
    None takes the workflow's own."""

    settings: AgentSettings
    workflow: str = "default"
    limit_steps: int | None = None
    hints: str = ""

    def asked(self) -> dict[str, Any]:
        """For a run's key: what decides the outcome."""
        return {"agents": dataclasses.asdict(self)}

    def rules(self) -> Workflow:
        """Raises UsageError for a workflow that does not exist."""
        found = find_workflow(self.workflow)
        return Workflow(found.start, self.limit_steps or found.max_step, found.rules)

    def impl_type(self, spec: TaskSpec) -> str:
        """What the agents' kernel is written in; raises UsageError where no model is asked for
        that."""
        names = impl_types_to_try(spec)
        if self.settings.coder == BUILTIN or self.settings.style == "rewrite":
            return names[0]
        found = next((name for name in names if can_code(name)), None)
        if found is None:
            raise UnsupportedError(
                f"a model is not asked for {', '.join(names)} kernels; choose --impl-type cpp or "
                "triton, or --llm-style rewrite"
            )
        return found


def plan_from(
    text: str,
    *,
    agents: str = "",
    workflow: str = "",
    fix: str = "",
    style: str = "",
    limit_steps: int | None = None,
    limits: Limits | None = None,
    presets: str = "",
    prices: str = "",
) -> AgentPlan:
    """The plan of ``--llm TEXT``: a preset for the roles in ``agents`` (by default designer and
    coder), or a yaml file as of load_config. Raises UsageError."""
    if text.endswith((".yaml", ".yml")) or Path(text).is_file():
        config = load_config(config_path=text)
        from kernelwright.task.agent_settings import settings_of

        settings = settings_of(config, "")
        workflow = workflow or str(config.get("workflow_config_path") or "default")
        limit_steps = limit_steps or (int(config["max_step"]) if "max_step" in config else None)
        if not settings.models:
            raise UsageError(f"{text} names no model in agent_model_config")
    else:
        roles = [r.strip() for r in (agents or "designer,coder").split(",") if r.strip()]
        if strange := set(roles) - set(ROLES):
            known = ", ".join(ROLES)
            raise UsageError(f"--llm-agents: unknown {sorted(strange)[0]!r}; known: {known}")
        named: dict[str, Any] = dict.fromkeys(roles, text)
        settings = AgentSettings(**named)
    changed: dict[str, Any] = {
        "fix": fix, "style": style, "presets": presets, "prices": prices, "limits": limits,
    }  # fmt: skip
    settings = dataclasses.replace(settings, **{k: v for k, v in changed.items() if v})
    plan = AgentPlan(settings, workflow or "default", limit_steps)
    try:
        plan.rules()
    except TaskConfigError as error:
        raise UsageError(str(error)) from error
    return plan


def expected(cast: Cast, plan: AgentPlan, spec: TaskSpec) -> Estimate:
    """What the run will use, said before it starts."""
    settings, source = plan.settings, len(spec.source)
    designer = len(guides.aul_guide()) + 4000 + 2 * source
    coder = 8000 + 3 * source
    starts_designing = plan.rules().start is ActionType.DO_DESIGNER
    sizes = [
        size
        for role, size in (("designer", designer), ("coder", coder))
        if getattr(settings, role) != BUILTIN and (role == "coder" or starts_designing)
    ]
    model = next(iter(cast.models.values())).name
    largest = max(sizes, default=coder)
    return estimate(
        cast.budget, model, prompt_chars=largest, steps=max(len(sizes), 1), fixes=EXPECTED_FIXES
    )


def agents_attempt(
    session: Session,
    plan: AgentPlan,
    config: Config,
    out: Path,
    *,
    fresh: bool,
    told: Callable[[ActionType, Record | None], None],
    note: Callable[[str], None],
) -> tuple[Attempt | None, list[str]]:
    """The agents' kernel with its verdict (the last one that was judged; None when none was), and
    remarks. What a model or a budget refuses ends the agents' work and is said, no more."""
    folder = out / FOLDER
    spec = dataclasses.replace(session.spec, impl_type=plan.impl_type(session.spec))
    if fresh:
        set_aside(folder / FILE_NAME)
    cast = open_cast(plan.settings, folder, config.state_dir, resume=not fresh)
    try:
        note(expected(cast, plan, spec).text())
        trace = Trace(spec.op_name, "0", folder)
        steps = Steps(
            spec, config, trace, cast.agents, resume=not fresh, hints=plan.hints, session=session
        )
        rules = plan.rules()
        journal = Journal(
            folder, spec, plan.settings, start=rules.start, workflow=plan.workflow,
            limit_steps=rules.max_step, hints=plan.hints, models=cast.names,
        )  # fmt: skip
        try:
            decision = run_agents(steps, rules, journal=journal, adviser=cast.adviser, told=told)
            reason = decision.reason
        except ModelError as error:
            reason = str(error)
        used = cast.budget.spent.text(cast.budget.prices.currency)
        found = judged_attempt(trace.records)
        remarks = [f"agents used {used}"]
        if found is None or not found.evaluation.passed:
            remarks.append(f"the agents have no verified kernel: {reason}")
        return found, remarks
    finally:
        cast.close()


def judged_attempt(records: list[Record]) -> Attempt | None:
    """The last verdict of the steps as an attempt."""
    last = next((r for r in reversed(records) if r.evaluation is not None), None)
    if last is None or last.evaluation is None or last.candidate is None:
        return None
    candidate: Candidate = last.candidate
    if candidate.design is None and last.parsed_code.aul_code:
        candidate = dataclasses.replace(candidate, design=last.parsed_code.aul_code)
    return Attempt(candidate.impl_type, candidate, last.evaluation)


def check_models(plan: AgentPlan) -> None:
    """Raises UsageError for a preset that is unknown or lacks its key, before anything starts."""
    from kernelwright.llm import find_preset
    from kernelwright.task.agent_settings import presets_path

    for name in plan.settings.models:
        try:
            find_preset(name, presets_path(plan.settings))
        except KernelwrightError as error:
            raise UsageError(str(error)) from error


def set_aside(path: Path) -> None:
    """An earlier record stays, under another name."""
    if path.exists():
        number = 1
        while (other := path.with_name(f"llm-{number}.jsonl")).exists():
            number += 1
        path.rename(other)
