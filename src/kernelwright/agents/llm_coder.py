"""The LLM Coder: a kernel file from a model, from a design or straight from the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelwright.agents import guides
from kernelwright.agents.answers import (
    CPP,
    PYTHON,
    AnswerProblem,
    blocks_of,
    edited,
    edits_of,
    python_of,
)
from kernelwright.agents.conversation import (
    Question,
    ask,
    check_fix,
    fenced,
    fix_of_turn,
    step_name,
)
from kernelwright.agents.feedback import feedback_text
from kernelwright.agents.prompting import prompt
from kernelwright.agents.record import CODER_ACTIONS, ActionType, Record
from kernelwright.agents.roles import Coded, Request
from kernelwright.errors import UnsupportedError
from kernelwright.llm.chat import ChatModel, ChatResult
from kernelwright.llm.code import without_main
from kernelwright.schema import Candidate
from kernelwright.verify.reference.process import Description

STYLES = ("dsl", "rewrite")
MAX_EARLIER = 6

# What stands before a model's kernel.py when there is a kernel.cpp: it is compiled where the
# candidate runs, inside its sandbox, whose only writable place is a temporary folder.
CPP_PRELUDE = """\
import ctypes as _ctypes
import subprocess as _subprocess
import tempfile as _tempfile
from pathlib import Path as _Path


class CompileError(Exception):
    pass


def _library():
    source, folder = _Path(__file__).resolve().parent, _Path(_tempfile.mkdtemp())
    command = ["c++", "-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno"]
    command += ["-fno-trapping-math", "-fopenmp", "-shared", "-fPIC", "kernel.cpp"]
    done = _subprocess.run(
        [*command, "-o", str(folder / "libkernel.so")], cwd=source, capture_output=True, text=True
    )
    if done.returncode:
        raise CompileError("kernel.cpp does not compile:\\n" + done.stderr[-4000:])
    return _ctypes.CDLL(str(folder / "libkernel.so"))


LIBRARY = _library()

# ---- from here on as it was written ----
"""


@dataclass(frozen=True)
class Form:
    """How an answer looks: ``files`` maps each file to its fence's words; ``prelude`` is put before
    kernel.py."""

    template: str
    what: str
    files: Mapping[str, Sequence[str]]
    prelude: str = ""

    def candidate(self, texts: Mapping[str, str], impl_type: str, producer: str) -> Candidate:
        files = {name: text.encode() for name, text in texts.items()}
        files["kernel.py"] = (self.prelude + texts["kernel.py"]).encode()
        return Candidate(files, "kernel.py", impl_type, producer)

    def texts(self, candidate: Candidate) -> dict[str, str]:
        """A candidate's files as a model gives them; {} for files of another form."""
        if len(self.files) == len(candidate.files) == 1 and not self.prelude:
            return {"kernel.py": candidate.source}  # whatever a person has called it
        if not set(self.files) <= set(candidate.files) or candidate.entry != "kernel.py":
            return {}
        texts = {name: candidate.files[name].decode("utf-8", "replace") for name in self.files}
        if not texts["kernel.py"].startswith(self.prelude):
            return {}
        return {**texts, "kernel.py": texts["kernel.py"].removeprefix(self.prelude)}


_FORMS: Mapping[str, Form] = {
    "triton": Form("form_triton.txt", "Triton", {"kernel.py": PYTHON}),
    "cpp": Form("form_cpp.txt", "C++", {"kernel.cpp": CPP, "kernel.py": PYTHON}, CPP_PRELUDE),
}
_REWRITE = Form("form_rewrite.txt", "faster, but otherwise plain,", {"kernel.py": PYTHON})


def can_code(impl_type: str) -> bool:
    """Whether a model may be asked for kernels of this impl_type."""
    return impl_type in _FORMS


class LlmCoder:
    """``style``: "dsl" (the impl_type's own language) or "rewrite" (plain framework code). ``fix``:
    see conversation.FIXES. ``description``: the reference's inputs and outputs, where known."""

    can_fix = True
    uses_device = False

    def __init__(
        self,
        model: ChatModel,
        *,
        style: str = "dsl",
        fix: str = "feedback",
        device: str = "",
        description: Description | None = None,
    ) -> None:
        self.model, self.style, self.fix = model, style, check_fix(fix)
        self.device, self.description = device, description

    def code(self, request: Request) -> Coded:
        """Raises ModelError and BudgetExhausted, and UnsupportedError for an impl_type that no
        model is asked for; an answer without a kernel comes back as a ``problem``."""
        form = self.form(request.spec.impl_type)
        turn = sum(record.action_type in CODER_ACTIONS for record in request.records)
        last = last_kernel(request.records)
        texts = form.texts(last.candidate) if last is not None and last.candidate else {}
        asked = turn or (last is not None and last.action_type is ActionType.VERIFY)
        fix = fix_of_turn(self.fix, max(turn, 1)) if asked else ""
        question = self.question(request, form, texts, fix)
        draw = turn if fix == "fresh" else 0
        result = ask(self.model, question, step_name(request.records, "coder"), draw=draw)
        text, why = question.text(), result.reasoning
        try:
            files = self.files_of(result, form, texts if question.problem else {})
        except AnswerProblem as problem:
            return Coded(None, problem=str(problem), prompt=text, reasoning=why)
        producer = f"llm:{self.model.name}"
        made = form.candidate(files, request.spec.impl_type, producer)
        return Coded(made, prompt=text, reasoning=why)

    def form(self, impl_type: str) -> Form:
        if self.style == "rewrite":
            return _REWRITE
        if impl_type not in _FORMS:
            known = ", ".join(_FORMS)
            raise UnsupportedError(
                f"a model is asked for kernels in {known}, not in {impl_type}; choose one of these "
                "with --impl-type, or the style 'rewrite'"
            )
        return _FORMS[impl_type]

    def question(
        self, request: Request, form: Form, texts: Mapping[str, str], fix: str
    ) -> Question:
        spec = request.spec
        is_rewrite = form is _REWRITE
        system = prompt(
            "coder_system",
            form=form.template,
            guide="" if is_rewrite else guides.advice(spec.impl_type),
            examples=[] if is_rewrite else self.examples(spec.impl_type, spec.source),
        )
        about = self.description
        task = prompt(
            "coder_task",
            what=form.what,
            source=spec.source.rstrip(),
            target=str(spec.target),
            device=self.device,
            inputs=[] if about is None else [str(t or "a number") for t in about.inputs],
            weights=[] if about is None else [f"{e.name} {e.array.shape}" for e in about.state],
            outputs=[] if about is None else [str(t) for t in about.outputs],
            design="" if is_rewrite else request.parsed_code.aul_code.rstrip(),
            hints=request.hints,
        )
        if fix not in ("feedback", "edit") or not texts:
            if fix and not texts and request.suggestions:
                task += f"\nAn earlier answer could not be used: {request.suggestions}\n"
            return Question(system, task)
        said = prompt(
            f"coder_{'fix' if fix == 'feedback' else 'edit'}",
            problem=problem_of(request),
            earlier=earlier_failures(request.records),
            files=" and ".join(form.files),
        )
        return Question(system, task, fenced(texts), said)

    def examples(self, impl_type: str, source: str) -> list[guides.Example]:
        return guides.chosen(impl_type, source)

    def files_of(self, result: ChatResult, form: Form, texts: Mapping[str, str]) -> dict[str, str]:
        """The files of an answer: whole ones, or edits of ``texts``. Raises AnswerProblem."""
        if texts and (edits := edits_of(result.text)):
            return edited(texts, edits)
        if len(form.files) == 1:
            return {"kernel.py": python_of(result)}
        found = blocks_of(result, form.files)
        return {**found, "kernel.py": without_main(found["kernel.py"])}


def last_kernel(records: Sequence[Record]) -> Record | None:
    """The last step that has a kernel."""
    return next((r for r in reversed(records) if r.candidate is not None), None)


def problem_of(request: Request) -> str:
    """The judge's last word as JSON; before it the Conductor's advice, or what is wrong with an
    answer that came after it."""
    judged = next((r for r in reversed(request.records) if r.evaluation is not None), None)
    if judged is None or judged.evaluation is None:
        return request.suggestions
    own = judged.feedback or feedback_text(judged.evaluation, judged.candidate)
    if judged is request.records[-1]:
        head, _, _ = request.suggestions.partition(f"{judged.evaluation.status}")
        return f"{head.strip()}\n\n{own}".strip()
    return f"{own}\n\nYour last answer could not be used: {request.suggestions}"


def earlier_failures(records: Sequence[Record]) -> list[str]:
    """One line for each earlier verdict but the last, the newest last."""
    judged = [r.evaluation for r in records if r.evaluation is not None][:-1]
    lines = [
        f"{e.status}{f' ({e.check})' if e.check else ''}: {_first_line(e.reason)}" for e in judged
    ]
    return list(dict.fromkeys(lines))[-MAX_EARLIER:]


def _first_line(text: str) -> str:
    return (text.strip().split("\n") or [""])[0][:200]
