"""The Conductor decides from the record alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelwright.agents.conductor import Conductor, suggestions_from
from kernelwright.agents.record import ActionType, ParsedCode, Record
from kernelwright.schema import Candidate, Evaluation, Status

A = ActionType
LLM = Conductor(limit_steps=50, max_fixes=2, designer_can_fix=True, coder_can_fix=True)
BUILTIN = Conductor()


def designed(ok: bool = True, action: ActionType = A.DO_DESIGNER) -> Record:
    return Record(action, ok, ParsedCode(aul_code="x" if ok else ""), error_log="" if ok else "bad")


def coded(text: str = "a", ok: bool = True, action: ActionType = A.DO_CODER) -> Record:
    candidate = Candidate({"kernel.py": text.encode()}) if ok else None
    return Record(action, ok, candidate=candidate, error_log="" if ok else "no kernel")


def judged(text: str, status: Status) -> Record:
    evaluation = Evaluation(status, None if status is Status.PASSED else "check", "because")
    candidate = Candidate({"kernel.py": text.encode()})
    ok = status is Status.PASSED
    return Record(A.VERIFY, ok, candidate=candidate, evaluation=evaluation)


def test_the_straight_way() -> None:
    steps: list[Record] = []
    taken = []
    for record in (designed(), coded(), judged("a", Status.PASSED)):
        taken.append(BUILTIN.decide(steps, A.DO_DESIGNER).action_type)
        steps.append(record)
    assert taken == [A.DO_DESIGNER, A.DO_CODER, A.VERIFY]
    assert BUILTIN.decide(steps, A.DO_DESIGNER).action_type is A.EXIT


@pytest.mark.parametrize("start", list(ActionType))
def test_starts_where_it_is_told(start: ActionType) -> None:
    assert BUILTIN.decide([], start).action_type is start


@pytest.mark.parametrize(
    "last",
    [designed(ok=False), coded(ok=False), judged("a", Status.WRONG_VALUE)],
)
def test_deterministic_agents_are_not_asked_again(last: Record) -> None:
    decision = BUILTIN.decide([coded(), last], A.DO_DESIGNER)
    assert decision.action_type is A.EXIT
    assert "would give the same again" in decision.reason


def test_a_failed_kernel_that_nobody_made_here_ends_the_task() -> None:
    decision = BUILTIN.decide([judged("a", Status.WRONG_VALUE)], A.VERIFY)
    assert decision.action_type is A.EXIT
    assert "nobody" in decision.reason


@pytest.mark.parametrize(
    "status", [s for s in Status if s not in (Status.PASSED, Status.REFERENCE_BROKEN)]
)
def test_a_kernels_failure_goes_to_the_coder(status: Status) -> None:
    decision = LLM.decide([designed(), coded(), judged("a", status)], A.DO_DESIGNER)
    if status in (Status.USAGE_ERROR, Status.INFRA_ERROR):
        assert decision.action_type is A.EXIT
    else:
        assert decision.action_type is A.FIX_CODER
        assert decision.suggestions.startswith(f"{status} (check): because")


def test_a_broken_reference_is_nobodys_fault() -> None:
    steps = [designed(), coded(), judged("a", Status.REFERENCE_BROKEN)]
    assert LLM.decide(steps, A.DO_DESIGNER).action_type is A.EXIT


def test_hopeless_steps_end_the_task() -> None:
    record = Record(A.DO_CODER, False, error_log="no disk", hopeless=True)
    decision = LLM.decide([designed(), record], A.DO_DESIGNER)
    assert (decision.action_type, decision.reason) == (A.EXIT, "no disk")


def test_the_same_kernel_is_not_judged_twice() -> None:
    steps = [coded("a"), judged("a", Status.WRONG_VALUE), coded("a", action=A.FIX_CODER)]
    decision = LLM.decide(steps, A.DO_CODER)
    assert decision.action_type is A.FIX_CODER
    assert "judged before" in decision.suggestions
    steps[-1] = coded("b", action=A.FIX_CODER)
    assert LLM.decide(steps, A.DO_CODER).action_type is A.VERIFY


def failing_run(conductor: Conductor, start: ActionType) -> list[ActionType]:
    """The actions of agents that always answer anew and always wrongly."""
    steps: list[Record] = []
    taken = []
    while (action := conductor.decide(steps, start).action_type) is not A.EXIT:
        taken.append(action)
        text = f"kernel {len(steps)}"
        if action is A.VERIFY:
            steps.append(judged(steps[-1].candidate.source, Status.WRONG_VALUE))  # type: ignore[union-attr]
        elif action in (A.DO_DESIGNER, A.FIX_DESIGNER):
            steps.append(designed(action=action))
        else:
            steps.append(coded(text, action=action))
    return taken


def test_after_some_fixes_of_the_code_the_design_is_in_doubt() -> None:
    taken = failing_run(LLM, A.DO_DESIGNER)
    once = [A.DO_CODER, A.VERIFY, A.FIX_CODER, A.VERIFY, A.FIX_CODER, A.VERIFY]
    assert taken == [A.DO_DESIGNER, *once, A.FIX_DESIGNER, *once, A.FIX_DESIGNER, *once]


def test_without_a_designer_the_code_alone_is_fixed() -> None:
    taken = failing_run(LLM, A.DO_CODER_DIRECT)
    assert taken == [A.DO_CODER_DIRECT, A.VERIFY, A.FIX_CODER, A.VERIFY, A.FIX_CODER, A.VERIFY]


@given(st.integers(1, 60), st.sampled_from([A.DO_DESIGNER, A.DO_CODER_DIRECT]))
def test_the_step_limit_holds(limit: int, start: ActionType) -> None:
    conductor = Conductor(limit, 2, True, True)
    full = failing_run(LLM, start)
    assert failing_run(conductor, start) == full[:limit]


def test_a_pass_on_the_last_allowed_step_counts() -> None:
    decision = Conductor(limit_steps=1).decide([judged("a", Status.PASSED)], A.VERIFY)
    assert decision.reason == "verified"


def test_suggestions_are_bounded_and_keep_the_end_of_the_log() -> None:
    evaluation = Evaluation(Status.RUNTIME_ERROR, "call_raised", "boom", log="x" * 9000 + "END")
    text = suggestions_from(Record(A.VERIFY, False, evaluation=evaluation))
    assert text.startswith("RUNTIME_ERROR (call_raised): boom")
    assert text.endswith("END")
    assert len(text) <= 4001
