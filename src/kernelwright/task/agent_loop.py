"""The steps of one task's agents, one after the other, as the Conductor decides."""

from __future__ import annotations

import logging
from collections.abc import Callable

from kernelwright.agents.conductor import Conductor, Decision
from kernelwright.agents.llm_adviser import LlmAdviser
from kernelwright.agents.record import ActionType, ParsedCode, Record
from kernelwright.task.journal import Journal
from kernelwright.task.steps import Steps
from kernelwright.task.workflow import Workflow

MAX_FIXES = 3  # of one agent, where no workflow says

log = logging.getLogger(__name__)


def decide(
    steps: Steps, workflow: Workflow, start: ActionType, adviser: LlmAdviser | None = None
) -> Decision:
    """The next step. Asks ``adviser`` where the workflow wants that; raises what asking raises.
    The agents are made with the session, so before the first step there are none."""
    opened = steps.session is not None
    # A workflow has limits of its own on how often an agent is asked.
    fixes = MAX_FIXES if workflow.rules is None else workflow.max_step
    conductor = Conductor(
        limit_steps=workflow.max_step,
        max_fixes=fixes,
        workflow=workflow.rules,
        designer_can_fix=opened and steps.designer.can_fix,
        coder_can_fix=opened and steps.coder.can_fix,
    )
    records = steps.trace.records
    advice = None
    if adviser is not None and conductor.wants_advice(records):
        advice = adviser.advise(steps.spec, records, conductor.choices(records))
    return conductor.decide(records, start, advice)


def run_agents(
    steps: Steps,
    workflow: Workflow,
    *,
    journal: Journal,
    adviser: LlmAdviser | None = None,
    codes: ParsedCode | None = None,
    profile: bool = False,
    told: Callable[[ActionType, Record | None], None] = lambda action, record: None,
) -> Decision:
    """Steps on an open session until the Conductor ends it; ``steps.trace.records`` holds them.
    ``told`` hears of each step before (record None) and after. Raises ModelError and its kin only
    from asking for advice: an agent's own failure is a record."""
    while True:
        decision = decide(steps, workflow, workflow.start, adviser)
        if decision.action_type is ActionType.EXIT:
            journal.end(decision)
            return decision
        log.info("step %d: %s (%s)", steps.trace.step, decision.action_type.value, decision.reason)
        told(decision.action_type, None)
        record = steps.act(
            decision.action_type, codes or ParsedCode(), decision.suggestions, profile
        )
        journal.add(record)
        told(decision.action_type, record)


def verified(records: list[Record]) -> Record | None:
    """The last step if it is a passed verification."""
    last = records[-1] if records else None
    passed = last is not None and last.action_type is ActionType.VERIFY and last.ok
    return last if passed else None
