"""The Conductor: what a task does next, decided from the record of its steps and nothing else.

It goes by the judge's status, not by opinion. Who is to mend a kernel that failed follows from how
it failed; an agent that cannot answer otherwise than before is not asked again. A workflow forbids
some of that; where it says so, a language model's advice chooses among what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.agents.record import (
    CODER_ACTIONS,
    DESIGNER_ACTIONS,
    ActionType,
    Record,
)
from kernelwright.agents.workflow import FINISH, Workflow
from kernelwright.schema import Candidate, Evaluation, Status

# Nobody's kernel is at fault.
_HOPELESS = (Status.REFERENCE_BROKEN, Status.USAGE_ERROR, Status.INFRA_ERROR)
MAX_SUGGESTION_CHARS = 4000


@dataclass(frozen=True)
class Decision:
    """``reason`` says for people why; ``suggestions`` says to the next agent what was wrong."""

    action_type: ActionType
    reason: str
    suggestions: str = ""


@dataclass(frozen=True)
class Advice:
    """What a language model would do next: an agent's name ("designer", "coder", "finish"), and
    what to tell that agent."""

    agent: str
    suggestions: str = ""


@dataclass(frozen=True)
class Conductor:
    """``max_fixes`` bounds the tries of one agent in a row, ``limit_steps`` all steps together.

    ``designer_can_fix`` and ``coder_can_fix`` say whether that agent may answer otherwise when it
    is asked again. ``workflow`` None forbids nothing.
    """

    limit_steps: int = 10
    max_fixes: int = 3
    designer_can_fix: bool = False
    coder_can_fix: bool = False
    workflow: Workflow | None = None

    def decide(
        self, records: Sequence[Record], start: ActionType, advice: Advice | None = None
    ) -> Decision:
        """The next step. Pure: the same record and advice always give the same decision. Advice
        that was not wanted, or that the workflow forbids, changes nothing."""
        if not records:
            return Decision(start, "the task starts here")
        last = records[-1]
        if last.action_type is ActionType.VERIFY and last.ok:
            return Decision(ActionType.EXIT, "verified")
        if _is_over(records):
            return Decision(ActionType.EXIT, last.error_log or last.result)
        decision = self._advised(records, advice) or self._next(records)
        if self.workflow is not None:
            decision = self._within(self.workflow, records, decision)
        if decision.action_type is not ActionType.EXIT and len(records) >= self.limit_steps:
            text = f"the limit of {self.limit_steps} steps is reached"
            return Decision(ActionType.EXIT, _with_cause(text, last))
        return decision

    def choices(self, records: Sequence[Record]) -> tuple[str, ...]:
        """The agents that could do something next: what the workflow allows, less those that would
        say the same again. Always with "finish"."""
        if not records or self.workflow is None:
            return (FINISH,)
        able = {
            "designer": self.designer_can_fix or not _took(records, DESIGNER_ACTIONS),
            "coder": self.coder_can_fix or not _took(records, CODER_ACTIONS),
            "verifier": _is_unjudged(records),
            FINISH: True,
        }
        return tuple(a for a in self.workflow.legal_next(_agents(records)) if able[a])

    def wants_advice(self, records: Sequence[Record]) -> bool:
        """Whether the workflow has a language model asked now: the last agent failed, is one that
        it names, and there is a choice."""
        if not records or self.workflow is None or records[-1].ok or _is_over(records):
            return False
        named = _agent_of(records[-1].action_type) in self.workflow.advised
        return named and len(self.choices(records)) > 2

    def _advised(self, records: Sequence[Record], advice: Advice | None) -> Decision | None:
        if advice is None or not self.wants_advice(records):
            return None
        if advice.agent not in self.choices(records) or advice.agent == "verifier":
            return None
        if advice.agent == FINISH:
            return Decision(ActionType.EXIT, _with_cause("advised to stop", records[-1]))
        own = suggestions_from(records[-1])
        said = f"{advice.suggestions.strip()}\n\n{own}".strip()[:MAX_SUGGESTION_CHARS]
        return Decision(_asking(advice.agent, records), f"advised to ask the {advice.agent}", said)

    def _within(
        self, workflow: Workflow, records: Sequence[Record], decision: Decision
    ) -> Decision:
        """``decision`` if the workflow allows it; else the design's turn where it was the code's,
        and the end where neither may be."""
        wanted, legal = _agent_of(decision.action_type), workflow.legal_next(_agents(records))
        if wanted in legal:
            return decision
        if wanted == "coder" and "designer" in self.choices(records):
            text = f"{decision.reason}, and the workflow allows no more of that"
            said = decision.suggestions or suggestions_from(records[-1])
            return Decision(_asking("designer", records), text, said)
        last = _agent_of(records[-1].action_type)
        text = f"{decision.reason}, and the workflow lets no {wanted} follow the {last} here"
        return Decision(ActionType.EXIT, _with_cause(text, records[-1]))

    def _next(self, records: Sequence[Record]) -> Decision:
        last = records[-1]
        if last.action_type in DESIGNER_ACTIONS:
            if last.ok:
                return Decision(ActionType.DO_CODER, "there is a design")
            return self._fix_designer(records, "the design is not usable")
        if last.action_type in CODER_ACTIONS:
            if not last.ok:
                return self._fix_coder(records, "there is no kernel")
            before = _verdict_on(last.candidate, records)
            if before is None:
                return Decision(ActionType.VERIFY, "there is a kernel")
            again = f"this very kernel was judged before: {before.status}: {before.reason}"
            return self._fix_coder(records, "the kernel is the same as before", again)
        return self._fix_coder(records, "the kernel failed")

    def _fix_coder(
        self, records: Sequence[Record], what: str, suggestions: str | None = None
    ) -> Decision:
        last = records[-1]
        said = suggestions if suggestions is not None else suggestions_from(last)
        if not self.coder_can_fix:
            own = any(r.action_type in CODER_ACTIONS for r in records)
            who = "the Coder would give the same again" if own else "nobody is there to mend it"
            return Decision(ActionType.EXIT, _with_cause(f"{what}, and {who}", last))
        if _in_a_row(records, ActionType.FIX_CODER) < self.max_fixes:
            return Decision(ActionType.FIX_CODER, what, said)
        # It cannot be coded like this: perhaps the design is at fault.
        designed = any(r.action_type in DESIGNER_ACTIONS for r in records)
        tries = sum(r.action_type is ActionType.FIX_DESIGNER for r in records)
        if self.designer_can_fix and designed and tries < self.max_fixes:
            text = f"{what} after {self.max_fixes} fixes of the code"
            return Decision(ActionType.FIX_DESIGNER, text, said)
        text = f"{what} after {self.max_fixes} fixes"
        return Decision(ActionType.EXIT, _with_cause(text, last))

    def _fix_designer(self, records: Sequence[Record], what: str) -> Decision:
        last = records[-1]
        fixes = _in_a_row(records, ActionType.FIX_DESIGNER)
        if self.designer_can_fix and fixes < self.max_fixes and self._may(records, "designer"):
            return Decision(ActionType.FIX_DESIGNER, what, suggestions_from(last))
        text = f"{what} after {fixes} fixes"
        if not self.designer_can_fix:
            text = f"{what}, and the Designer would give the same again"
        if self.coder_can_fix and not _took(records, CODER_ACTIONS):
            # A Coder that is no printer can do without.
            return Decision(ActionType.DO_CODER_DIRECT, f"{text}; coding without one")
        return Decision(ActionType.EXIT, _with_cause(text, last))

    def _may(self, records: Sequence[Record], agent: str) -> bool:
        """Whether the workflow lets ``agent`` come next."""
        return self.workflow is None or agent in self.workflow.legal_next(_agents(records))


def _agent_of(action: ActionType) -> str:
    if action in DESIGNER_ACTIONS:
        return "designer"
    if action in CODER_ACTIONS:
        return "coder"
    return "verifier" if action is ActionType.VERIFY else FINISH


def _agents(records: Sequence[Record]) -> list[str]:
    return [_agent_of(record.action_type) for record in records]


def _took(records: Sequence[Record], actions: frozenset[ActionType]) -> bool:
    return any(record.action_type in actions for record in records)


def _asking(agent: str, records: Sequence[Record]) -> ActionType:
    """How to ask an agent: for a first answer, or for a better one."""
    if agent == "designer":
        again = _took(records, DESIGNER_ACTIONS)
        return ActionType.FIX_DESIGNER if again else ActionType.DO_DESIGNER
    if _took(records, CODER_ACTIONS):
        return ActionType.FIX_CODER
    designed = records[-1].design is not None or records[-1].parsed_code.aul_code
    return ActionType.DO_CODER if designed else ActionType.DO_CODER_DIRECT


def _is_over(records: Sequence[Record]) -> bool:
    """Whether the task or the machine is at fault, which nobody can mend."""
    last = records[-1]
    at_fault = last.evaluation is not None and last.evaluation.status in _HOPELESS
    return last.hopeless or at_fault


def _is_unjudged(records: Sequence[Record]) -> bool:
    """Whether there is a kernel that the judge has not seen."""
    last = records[-1]
    return last.candidate is not None and last.ok and _verdict_on(last.candidate, records) is None


def suggestions_from(record: Record) -> str:
    """What an agent should know about a failed step, the judge's own words first."""
    evaluation = record.evaluation
    if evaluation is None:
        return (record.error_log or record.result)[-MAX_SUGGESTION_CHARS:]
    named = f" ({evaluation.check})" if evaluation.check else ""
    text = f"{evaluation.status}{named}: {evaluation.reason}"
    left = MAX_SUGGESTION_CHARS - len(text)
    if evaluation.log.strip() and left > 0:
        text += f"\n{evaluation.log.strip()[-left:]}"
    return text


def _with_cause(text: str, last: Record) -> str:
    said = last.result if last.evaluation is not None or not last.ok else ""  # else it is code
    cause = (last.error_log or said).strip().split("\n\n")[0]  # without the process's log
    return f"{text}: {cause}" if cause else text


def _verdict_on(candidate: Candidate | None, records: Sequence[Record]) -> Evaluation | None:
    """The judge's earlier word on these very files."""
    if candidate is None:
        return None
    for record in records:
        judged = record.candidate if record.action_type is ActionType.VERIFY else None
        if judged is not None and judged.hash() == candidate.hash():
            return record.evaluation
    return None


def _in_a_row(records: Sequence[Record], action: ActionType) -> int:
    """How often ``action`` was taken since the other agent's last step (verifications between)."""
    other = DESIGNER_ACTIONS if action in CODER_ACTIONS else CODER_ACTIONS
    count = 0
    for record in reversed(records):
        if record.action_type in other:
            break
        count += record.action_type is action
    return count
