"""The LLM Designer and Coder: what they ask, and what they make of the answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernelwright.agents import guides
from kernelwright.agents.conductor import Conductor
from kernelwright.agents.conversation import fix_of_turn, hints_text
from kernelwright.agents.llm_adviser import LlmAdviser
from kernelwright.agents.llm_coder import CPP_PRELUDE, LlmCoder
from kernelwright.agents.llm_designer import LlmDesigner
from kernelwright.agents.record import ActionType, ParsedCode, Record
from kernelwright.agents.roles import Request
from kernelwright.agents.workflow import shipped
from kernelwright.aul import check, parse
from kernelwright.config import resolve
from kernelwright.dsl import DSLS
from kernelwright.errors import UnsupportedError, UsageError
from kernelwright.llm.client import Client
from kernelwright.llm.code import code_blocks
from kernelwright.llm.providers.scripted import Scripted
from kernelwright.schema import Candidate, Evaluation, Status, Target, TaskSpec
from kernelwright.task.cast import SessionBench
from kernelwright.task.session import Session

SOURCE = """import numpy as np


class Model:
    def __call__(self, x):
        return x / (1 + np.exp(-1.5 * x))


def get_inputs():
    return [np.random.standard_normal((37, 129)).astype(np.float32)]


def get_init_inputs():
    return []
"""
SPEC = TaskSpec("swish", SOURCE, "numpy", Target("cpu", "x86_64"), "cpp")
DESIGN = code_blocks(next(e for e in guides.examples("aul") if e.name == "elementwise").text)[
    1
].text
KERNEL = "import numpy as np\n\n\ndef kernel(x):\n    return x / (1 + np.exp(-1.5 * x))\n"
CPP = 'extern "C" int one() { return 1; }\n'


def model(replies: list[Any]) -> tuple[Client, Scripted]:
    provider = Scripted(replies, name="clever-1")
    return Client(provider), provider


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(SPEC, resolve()) as opened:
        yield opened


def design_of(session: Session, replies: list[Any], **options: Any) -> tuple[list[Any], Scripted]:
    """What the Designer says to each reply, asked again with what was wrong."""
    client, provider = model(replies)
    designer = LlmDesigner(client, SessionBench(session), **options)
    records: list[Record] = []
    said = []
    codes, suggestions = ParsedCode(), ""
    for _ in replies:
        made = designer.design(Request(SPEC, codes, suggestions, None, tuple(records)))
        said.append(made)
        action = ActionType.FIX_DESIGNER if records else ActionType.DO_DESIGNER
        codes, suggestions = codes.with_design(made.text), made.problem
        records.append(Record(action, not made.problem, codes, error_log=made.problem))
    return said, provider


def test_a_design_is_executed_against_the_reference(session: Session) -> None:
    (made,), provider = design_of(session, [f"```python\n{DESIGN}```"])
    assert (made.problem, made.author) == ("", "llm:clever-1")
    assert made.design is not None and "agrees" in made.note
    assert made.design.program.doc == ""  # a model's prose goes into no source
    (asked,) = provider.requests
    assert asked.step == "S00/designer"
    assert SOURCE.strip() in asked.messages[1].text
    assert "input 0: U.float32, shape (37, 129)" in asked.messages[1].text


def test_errors_go_back_with_line_and_column(session: Session) -> None:
    replies = [
        "```python\n" + DESIGN.replace('op="sigmoid"', 'op="sigmoyd"') + "```",
        "```python\n" + DESIGN.replace("factor=1.5", "factor=2.5") + "```",
        "no design",
        "```python\ndef x(:\n```",
        f"```python\n{DESIGN}```",
    ]
    said, provider = design_of(session, replies)
    line = DESIGN.split("\n").index(next(s for s in DESIGN.split("\n") if 'sigmoid"' in s)) + 1
    assert re.search(rf"line {line}, column \d+: .*sigmoyd", said[0].problem)
    assert "^" in said[0].problem
    assert "interpreted on" in said[1].problem and "allowed" in said[1].problem
    assert "no fenced" in said[2].problem
    assert "line 1" in said[3].problem
    assert said[4].problem == ""
    for number, request in enumerate(provider.requests[1:]):
        assert said[number].problem in request.messages[-1].text
        assert request.messages[2].role == "assistant"


def test_a_design_can_be_mended_by_edits(session: Session) -> None:
    wrong = DESIGN.replace("factor=1.5", "factor=2.5")
    line = next(s for s in wrong.split("\n") if "factor" in s)
    fix = f"<<<<<<< SEARCH\n{line}\n=======\n{line.replace('2.5', '1.5')}\n>>>>>>> REPLACE"
    said, provider = design_of(session, [f"```python\n{wrong}```", fix], fix="edit")
    assert said[1].problem == "" and said[1].text == DESIGN
    assert "SEARCH" in provider.requests[1].messages[-1].text


def test_a_design_of_a_model_calls_no_library(session: Session) -> None:
    call = '    U.framework_call(op="aten.relu.default", dst=(out,), src=(x,), attrs="{}")\n'
    text = DESIGN[: DESIGN.index("    swish_kernel[")] + call
    (made,), _ = design_of(session, [f"```python\n{text}```"])
    assert "U.framework_call is not for designs that you write" in made.problem


def test_a_fresh_sample_is_drawn_anew(session: Session) -> None:
    _, provider = design_of(session, ["no", "no", "no"], fix="fresh")
    first, second, third = provider.requests
    assert first.messages[0] == second.messages[0] and len(second.messages) == 2
    assert [r.sampling.seed for r in provider.requests] == [None, 1, 2]
    assert [fix_of_turn("mixed", turn) for turn in (1, 2, 3)] == ["feedback", "fresh", "feedback"]
    with pytest.raises(UsageError, match="feedback, edit, fresh, mixed"):
        design_of(session, [], fix="magic")


# ---- the Coder -----------------------------------------------------------------------------------


def coded(texts: dict[str, str], action: ActionType = ActionType.DO_CODER_DIRECT) -> Record:
    files = {name: text.encode() for name, text in texts.items()}
    return Record(action, True, candidate=Candidate(files, impl_type="cpp"))


def failed(record: Record, evaluation: Evaluation) -> Record:
    return Record(ActionType.VERIFY, False, candidate=record.candidate, evaluation=evaluation)


def test_cpp_is_two_files_and_a_build_in_the_sandbox() -> None:
    client, provider = model([f"```cpp\n{CPP}```\n```python\n{KERNEL}```"])
    made = LlmCoder(client).code(Request(SPEC, hints="mind the tail"))
    assert made.candidate is not None
    assert made.candidate.files["kernel.cpp"].decode() == CPP
    assert made.candidate.source == CPP_PRELUDE + KERNEL
    assert made.candidate.producer == "llm:clever-1"
    text = provider.requests[0].messages[0].text
    assert "LIBRARY" in text and "subprocess.run" not in text
    assert "mind the tail" in provider.requests[0].messages[1].text


def test_the_judge_s_word_goes_back_and_edits_come() -> None:
    first = coded({"kernel.cpp": CPP, "kernel.py": CPP_PRELUDE + KERNEL})
    evaluation = Evaluation(Status.WRONG_VALUE, "norm", "output 0 is off")
    records = (first, failed(first, evaluation))
    fix = '<<<<<<< SEARCH\nextern "C" int one() { return 1; }\n=======\nint two;\n>>>>>>> REPLACE'
    client, provider = model([fix])
    request = Request(SPEC, suggestions="WRONG_VALUE (norm): output 0 is off", records=records)
    made = LlmCoder(client, fix="edit").code(request)
    assert made.candidate is not None and made.candidate.files["kernel.cpp"] == b"int two;\n"
    assert made.candidate.source == CPP_PRELUDE + KERNEL
    asked = provider.requests[0]
    assert asked.step == "S02/coder"
    assert '"status": "WRONG_VALUE"' in asked.messages[3].text
    assert CPP.strip() in asked.messages[2].text and "_library" not in asked.messages[2].text


def test_a_builtin_kernel_is_mended_from_the_start() -> None:
    """Its files are no answer of a model: the question is asked from the front."""
    first = coded({"kernel.py": "x", "libkernel.so": "y"})
    records = (first, failed(first, Evaluation(Status.WRONG_VALUE, "norm", "off")))
    client, provider = model([f"```cpp\n{CPP}```\n```python\n{KERNEL}```"])
    LlmCoder(client).code(Request(SPEC, suggestions="WRONG_VALUE: off", records=records))
    assert len(provider.requests[0].messages) == 2
    assert "WRONG_VALUE: off" in provider.requests[0].messages[1].text


def test_an_answer_without_a_kernel_is_said() -> None:
    client, _ = model(["I would rather not."])
    made = LlmCoder(client, style="rewrite").code(Request(SPEC))
    assert made.candidate is None and "no fenced" in made.problem


def test_impl_types_that_no_model_is_asked_for() -> None:
    client, provider = model([])
    spec = TaskSpec("swish", SOURCE, "numpy", Target("cpu", "x86_64"), "mlir")
    with pytest.raises(UnsupportedError, match="triton, cpp, not in mlir"):
        LlmCoder(client).code(Request(spec))
    assert provider.requests == []


# ---- advice --------------------------------------------------------------------------------------


def test_advice_is_one_of_the_choices() -> None:
    rules = shipped("conductor_connect_all")
    conductor = Conductor(workflow=rules, designer_can_fix=True, coder_can_fix=True)
    first = coded({"kernel.py": "x"}, ActionType.DO_CODER)
    records = [
        Record(ActionType.DO_DESIGNER, True), first,
        failed(first, Evaluation(Status.WRONG_VALUE, "norm", "off")),
    ]  # fmt: skip
    assert conductor.wants_advice(records)
    client, provider = model([{"value": {"agent": "designer", "suggestions": "sum in float64"}}])
    advice = LlmAdviser(client).advise(SPEC, records, conductor.choices(records))
    decision = conductor.decide(records, ActionType.DO_DESIGNER, advice)
    assert decision.action_type is ActionType.FIX_DESIGNER
    assert decision.suggestions.startswith("sum in float64")
    assert "WRONG_VALUE" in provider.requests[0].messages[0].text
    client, _ = model([{"failure": "auth", "message": "no"}])
    assert LlmAdviser(client).advise(SPEC, records, conductor.choices(records)) is None


def test_a_coder_does_without_a_design_that_cannot_be_made() -> None:
    broken = Record(ActionType.DO_DESIGNER, False, error_log="not captured")
    decision = Conductor(coder_can_fix=True).decide([broken], ActionType.DO_DESIGNER)
    assert decision.action_type is ActionType.DO_CODER_DIRECT


# ---- prompts, guides, examples -------------------------------------------------------------------


def test_prompts(golden: Callable[[str, str], None], session: Session) -> None:
    client, provider = model(
        [f"```python\n{DESIGN}```"] + [f"```cpp\n{CPP}```\n```python\n{KERNEL}```"] * 4
    )
    designer = LlmDesigner(client, SessionBench(session), device="a CPU")
    designer.design(Request(SPEC))
    about = session.reference.describe()
    coder = LlmCoder(client, description=about, device="a CPU")
    codes = ParsedCode(aul_code=DESIGN)
    coder.code(Request(SPEC, codes))
    first = coded({"kernel.cpp": CPP, "kernel.py": CPP_PRELUDE + KERNEL}, ActionType.DO_CODER)
    wrong = Evaluation(Status.RUNTIME_ERROR, "call_raised", "KeyError: 3", log="KeyError: 3")
    slow = Evaluation(Status.TIMEOUT, "wall", "no answer in 120 s")
    records = (first, failed(first, wrong), first, failed(first, slow))
    coder.code(Request(SPEC, codes, "TIMEOUT (wall): no answer", records=records))
    LlmCoder(client, style="rewrite", description=about).code(Request(SPEC))
    names = ("designer", "coder", "coder_fix", "coder_rewrite")
    for name, asked in zip(names, provider.requests):
        golden(f"{name}.txt", "\n".join(f"[{m.role}]\n{m.text}" for m in asked.messages))


def test_aul_examples_are_right_designs() -> None:
    for example in guides.examples("aul"):
        program = parse(code_blocks(example.text)[1].text)
        assert list(check(program)) == [], example.name


def test_examples_fit_the_task() -> None:
    names = [e.name for e in guides.chosen("triton", "torch.matmul(a, b)")]
    assert names[0] == "product"
    assert [e.name for e in guides.chosen("aul", "torch.softmax(x, dim=1)")][0] == "rows"
    assert len(guides.chosen("cpp", "nothing known")) == 1
    for name in DSLS.names():
        assert guides.advice(name).strip()
        for example in guides.examples(name):
            assert example.tags and len(code_blocks(example.text)) >= 2


def test_hints_are_text() -> None:
    inspirations = [{"impl_code": "def f(): ...", "profile": (1.0, 2.0)}, "use vectors"]
    text = hints_text("first", inspirations, None)
    assert text.startswith("first\n\nimpl_code:\ndef f(): ...") and text.endswith("use vectors")


def test_check_text_does_not_check_another_design(session: Session) -> None:
    """A text whose extents are fixed is held against the Model's own sizes, never replaced."""
    fixed = DESIGN.replace("U.Size(37)", "37").replace("U.Size(129)", "129")
    (made,), _ = design_of(session, [f"```python\n{fixed}```"])
    assert made.problem == "" and "[37, 129]" in made.note
    wrong = fixed.replace("factor=1.5", "factor=-1.5")
    (made,), _ = design_of(session, [f"```python\n{wrong}```"])
    assert "[37, 129]" in made.problem


def _files(example: guides.Example) -> tuple[str, dict[str, str]]:
    reference, *answer = code_blocks(example.text)
    return reference.text, {b.language: b.text for b in answer}


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["rows", "elementwise"])
def test_cpp_examples_pass_the_judge(name: str) -> None:
    pytest.importorskip("torch")
    example = next(e for e in guides.examples("cpp") if e.name == name)
    source, answer = _files(example)
    candidate = Candidate(
        {
            "kernel.cpp": answer["cpp"].encode(),
            "kernel.py": (CPP_PRELUDE + answer["python"]).encode(),
        },
        impl_type="cpp",
    )
    spec = TaskSpec(name, source, "torch", Target("cpu", "x86_64"), "cpp")
    with Session(spec, resolve({"judge.seeds": 1})) as opened:
        evaluation = opened.verify(candidate)
    assert evaluation.passed, (evaluation.reason, evaluation.log)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["elementwise", "rows", "product"])
def test_triton_examples_pass_the_judge(name: str) -> None:
    pytest.importorskip("triton")
    example = next(e for e in guides.examples("triton") if e.name == name)
    source, answer = _files(example)
    candidate = Candidate({"kernel.py": answer["python"].encode()}, impl_type="triton")
    spec = TaskSpec(name, source, "torch", Target("cuda", "sm_90"), "triton")
    with Session(spec, resolve({"judge.seeds": 1})) as opened:
        evaluation = opened.verify(candidate)
    assert evaluation.passed, (evaluation.reason, evaluation.log)
