"""Workflows narrow what the Conductor decides; they never make a builtin task behave otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelwright.agents.conductor import Advice, Conductor
from kernelwright.agents.record import (
    CODER_ACTIONS,
    DESIGNER_ACTIONS,
    ActionType,
    ParsedCode,
    Record,
)
from kernelwright.agents.workflow import (
    FINISH,
    Repeat,
    Workflow,
    WorkflowError,
    parse_workflow,
    read_workflow,
    shipped,
    shipped_names,
)
from kernelwright.schema import Candidate, Evaluation, Status

A = ActionType
NAMES = ["conductor_connect_all", "coder_only", "default", "verifier_only"]


def designed(ok: bool = True, action: ActionType = A.DO_DESIGNER) -> Record:
    return Record(action, ok, ParsedCode(aul_code="x"), error_log="" if ok else "bad design")


def coded(text: str = "a", ok: bool = True, action: ActionType = A.DO_CODER) -> Record:
    candidate = Candidate({"kernel.py": text.encode()}) if ok else None
    return Record(action, ok, candidate=candidate, error_log="" if ok else "no kernel")


def judged(text: str = "a", status: Status = Status.WRONG_VALUE) -> Record:
    evaluation = Evaluation(status, None if status is Status.PASSED else "check", "because")
    candidate = Candidate({"kernel.py": text.encode()})
    return Record(A.VERIFY, status is Status.PASSED, candidate=candidate, evaluation=evaluation)


def llm(name: str, **changes: Any) -> Conductor:
    conductor = Conductor(
        limit_steps=50,
        max_fixes=9,
        designer_can_fix=True,
        coder_can_fix=True,
        workflow=shipped(name),
    )
    return replace(conductor, **changes)


def agent(action: ActionType) -> str:
    if action in DESIGNER_ACTIONS:
        return "designer"
    return "coder" if action in CODER_ACTIONS else "verifier" if action is A.VERIFY else FINISH


def test_what_is_shipped() -> None:
    assert shipped_names() == sorted(NAMES)
    steps = {name: (shipped(name).start_agent, shipped(name).max_step) for name in NAMES}
    assert steps == {
        "default": ("designer", 20),
        "coder_only": ("coder", 6),
        "verifier_only": ("verifier", 2),
        "conductor_connect_all": ("designer", 10),
    }
    schema = shipped("default").answer_schema("designer")
    assert schema["required"] == ["code"] and schema["additionalProperties"] is False
    assert schema["properties"]["code"] == {"type": "string", "description": "the design, as AUL"}
    assert shipped("verifier_only").answer_schema("coder")["additionalProperties"] is True


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "records",
    [
        [],
        [designed()],
        [designed(ok=False)],
        [designed(), coded()],
        [designed(), coded(ok=False)],
        [designed(), coded(), judged()],
        [designed(), coded(), judged(status=Status.PASSED)],
        [coded(action=A.DO_CODER_DIRECT)],
        [coded(action=A.DO_CODER_DIRECT), judged()],
        [judged()],
        [judged(status=Status.REFERENCE_BROKEN)],
    ],
)
def test_builtin_agents_do_as_without_a_workflow(name: str, records: list[Record]) -> None:
    start = A.DO_DESIGNER
    if name == "verifier_only":  # has the one kind of step
        records = [record for record in records if record.action_type is A.VERIFY]
    with_one = Conductor(workflow=shipped(name)).decide(records, start)
    assert with_one == Conductor().decide(records, start)


def test_the_default_workflow_mends_the_kernel_and_leaves_the_design() -> None:
    records = [designed(), coded("a"), judged("a")]
    conductor = llm("default", max_fixes=1)
    assert conductor.decide(records, A.DO_DESIGNER).action_type is A.FIX_CODER
    records += [coded("b", action=A.FIX_CODER), judged("b")]
    decision = conductor.decide(records, A.DO_DESIGNER)
    assert decision.action_type is A.EXIT
    assert "lets no designer follow the verifier" in decision.reason


def test_rounds_have_a_limit_and_then_the_design_has_its_turn() -> None:
    records: list[Record] = [designed()]
    for text in "abc":
        action = A.DO_CODER if text == "a" else A.FIX_CODER
        records += [coded(text, action=action), judged(text)]
    conductor = llm("conductor_connect_all")
    assert conductor.decide(records[:-2], A.DO_DESIGNER).action_type is A.FIX_CODER
    decision = conductor.decide(records, A.DO_DESIGNER)
    assert decision.action_type is A.FIX_DESIGNER and "allows no more" in decision.reason
    assert "because" in decision.suggestions
    records += [designed(action=A.FIX_DESIGNER)]
    assert conductor.decide(records, A.DO_DESIGNER).action_type is A.DO_CODER


def test_one_agent_is_asked_in_a_row_only_so_often() -> None:
    failed = [coded(ok=False, action=A.DO_CODER_DIRECT)] * 3
    conductor = llm("coder_only")
    assert conductor.decide(failed[:2], A.DO_CODER_DIRECT).action_type is A.FIX_CODER
    assert conductor.decide(failed, A.DO_CODER_DIRECT).action_type is A.EXIT


# ---- advice ----------------------------------------------------------------------------------

FAILED = [designed(), coded("a"), judged("a")]


def test_advice_chooses_where_the_workflow_asks_for_it() -> None:
    conductor = llm("conductor_connect_all")
    assert conductor.wants_advice(FAILED)
    assert conductor.choices(FAILED) == ("designer", "coder", FINISH)
    decide = conductor.decide
    assert decide(FAILED, A.DO_DESIGNER).action_type is A.FIX_CODER
    advised = decide(FAILED, A.DO_DESIGNER, Advice("designer", "other tiles"))
    assert advised.action_type is A.FIX_DESIGNER
    assert advised.suggestions.startswith("other tiles") and "because" in advised.suggestions
    assert decide(FAILED, A.DO_DESIGNER, Advice(FINISH)).action_type is A.EXIT
    for nonsense in (Advice("verifier"), Advice("poet"), Advice("")):
        assert decide(FAILED, A.DO_DESIGNER, nonsense).action_type is A.FIX_CODER


def test_advice_that_nobody_asked_for_changes_nothing() -> None:
    advice = Advice("designer", "begin again")
    conductor = llm("default")
    assert not conductor.wants_advice(FAILED)
    assert conductor.decide(FAILED, A.DO_DESIGNER, advice).action_type is A.FIX_CODER
    passed = [designed(), coded("a"), judged("a", Status.PASSED)]
    everywhere = llm("conductor_connect_all")
    assert everywhere.decide(passed, A.DO_DESIGNER, advice).action_type is A.EXIT
    broken = [designed(), coded("a"), judged("a", Status.REFERENCE_BROKEN)]
    assert not everywhere.wants_advice(broken)
    assert everywhere.decide(broken, A.DO_DESIGNER, advice).action_type is A.EXIT


def test_advice_does_not_lift_the_limit_of_steps() -> None:
    conductor = llm("conductor_connect_all", limit_steps=3)
    decision = conductor.decide(FAILED, A.DO_DESIGNER, Advice("designer"))
    assert decision.action_type is A.EXIT and "limit of 3 steps" in decision.reason


STEPS = st.sampled_from(["design", "no design", "code", "no code", "fail", "same code"])
ADVICE = st.none() | st.builds(
    Advice, st.sampled_from(["designer", "coder", "verifier", FINISH, "poet"]), st.just("do this")
)


@given(
    st.sampled_from(NAMES),
    st.lists(st.tuples(STEPS, ADVICE), max_size=40),
    st.booleans(),
    st.booleans(),
)
def test_every_task_ends_and_every_step_is_legal(
    name: str, outcomes: list[tuple[str, Advice | None]], designer: bool, coder: bool
) -> None:
    rules = shipped(name)
    conductor = Conductor(rules.max_step, 3, designer, coder, rules)
    start = {"designer": A.DO_DESIGNER, "coder": A.DO_CODER_DIRECT, "verifier": A.VERIFY}
    records: list[Record] = []
    for number, (outcome, advice) in enumerate(outcomes):
        decision = conductor.decide(records, start[rules.start_agent], advice)
        assert decision == conductor.decide(records, start[rules.start_agent], advice)
        taken = agent(decision.action_type)
        assert taken in rules.legal_next([agent(r.action_type) for r in records])
        if taken == FINISH:
            break
        records.append(_played(decision.action_type, outcome, records, number))
    assert len(records) <= rules.max_step


def _played(action: ActionType, outcome: str, records: list[Record], number: int) -> Record:
    if action in DESIGNER_ACTIONS:
        return designed(outcome != "no design", action)
    if action in CODER_ACTIONS:
        text = "same" if outcome == "same code" else f"k{number}"
        return coded(text, outcome != "no code", action)
    last = records[-1].candidate if records else None
    return judged(last.files["kernel.py"].decode() if last else "given")


# ---- files -----------------------------------------------------------------------------------


def test_a_file_in_the_reference_systems_form(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        """
agent_info:
  designer: {possible_next_agent: [coder]}
  coder:
    possible_next_agent: [verifier]
    output_format:
      parser_name: p
      parser_definition:
        output_fields:
          code: {field_type: str, mandatory: true, field_description: the kernel}
          tiles: {field_type: list, mandatory: false}
  verifier: {possible_next_agent: [designer, finish]}
start_agent: designer
mandatory_llm_analysis: [verifier]
limitation_info:
  required: {max_step: 7}
  optional:
    repeat_limits:
      single_agent: {coder: 2}
      sequences:
        all: {pattern: [designer, coder, verifier], max_repeats: 2}
"""
    )
    rules = read_workflow(path)
    assert rules.max_step == 7 and rules.advised == {"verifier"}
    assert rules.repeats == (Repeat(("designer", "coder", "verifier"), 2),)
    once = ["designer", "coder", "verifier"]
    assert rules.legal_next([]) == ("designer", FINISH)
    assert rules.legal_next(once) == ("designer", FINISH)
    assert rules.legal_next(once * 2) == (FINISH,)
    assert rules.answer_schema("coder")["properties"]["tiles"] == {"type": "array"}
    assert rules.answer_schema("coder")["required"] == ["code"]


@pytest.mark.parametrize(
    ("tree", "what"),
    [
        (None, "start_agent"),
        ({}, "start_agent"),
        ({"start_agent": "poet"}, "poet"),
        ({"start_agent": "coder", "agent_info": {"verifier": {"possible_next_agent": []}}},
         "no entry"),
        ({"start_agent": "coder", "agent_info": {"coder": {"possible_next_agent": ["bard"]}}},
         "bard"),
        ({"start_agent": "coder", "limitation_info": {"required": {"max_step": 0}}}, "from 1"),
        ({"start_agent": "coder", "mandatory_llm_analysis": ["finish"]}, "finish"),
        (
            {"start_agent": "coder", "limitation_info": {"optional": {"repeat_limits": {
                "sequences": {"a": {"pattern": [], "max_repeats": 1}}}}}},
            "empty",
        ),
        (
            {"start_agent": "coder", "agent_info": {"coder": {"possible_next_agent": ["finish"],
                "output_format": {"parser_definition": {"output_fields": {
                    "x": {"field_type": "tensor"}}}}}}},
            "tensor",
        ),
    ],
)  # fmt: skip
def test_a_malformed_file_says_where_and_what(tree: Any, what: str) -> None:
    with pytest.raises(WorkflowError, match=f"(?s)here.*{what}"):
        parse_workflow(tree, "here")


def test_an_agent_without_rules_may_be_followed_by_any() -> None:
    assert Workflow("coder").legal_next(["coder"]) == ("designer", "coder", "verifier", FINISH)
