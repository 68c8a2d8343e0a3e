"""The Conductor: what a task does next, decided from the record of its steps and nothing else.

It goes by the judge's status, not by opinion. Who is to mend a kernel that failed follows from how
it failed; an agent that cannot answer otherwise than before is not asked again.
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
class Conductor:
    """``max_fixes`` bounds the tries of one agent in a row, ``limit_steps`` all steps together.

    ``designer_can_fix`` and ``coder_can_fix`` say whether that agent may answer otherwise when it
    is asked again.
    """

    limit_steps: int = 10
    max_fixes: int = 3
    designer_can_fix: bool = False
    coder_can_fix: bool = False

    def decide(self, records: Sequence[Record], start: ActionType) -> Decision:
        """The next step. Pure: the same record always gives the same decision."""
        if not records:
            return Decision(start, "the task starts here")
        last = records[-1]
        if last.action_type is ActionType.VERIFY and last.ok:
            return Decision(ActionType.EXIT, "verified")
        if last.hopeless or (last.evaluation and last.evaluation.status in _HOPELESS):
            return Decision(ActionType.EXIT, last.error_log or last.result)
        decision = self._next(records)
        if decision.action_type is not ActionType.EXIT and len(records) >= self.limit_steps:
            text = f"the limit of {self.limit_steps} steps is reached"
            return Decision(ActionType.EXIT, _with_cause(text, last))
        return decision

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
        if not self.designer_can_fix:
            text = f"{what}, and the Designer would give the same again"
            return Decision(ActionType.EXIT, _with_cause(text, last))
        if _in_a_row(records, ActionType.FIX_DESIGNER) < self.max_fixes:
            return Decision(ActionType.FIX_DESIGNER, what, suggestions_from(last))
        text = f"{what} after {self.max_fixes} fixes"
        return Decision(ActionType.EXIT, _with_cause(text, last))


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
    cause = (last.error_log or last.result).strip().split("\n\n")[0]  # without the process's log
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
