"""A model as a source of variation: a faster kernel from one that is right, or from several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.agents.answers import AnswerProblem
from kernelwright.agents.conversation import Question, ask, fenced
from kernelwright.agents.feedback import feedback_text
from kernelwright.agents.llm_coder import LlmCoder
from kernelwright.agents.prompting import prompt
from kernelwright.agents.roles import Request
from kernelwright.schema import Candidate, Evaluation, TaskSpec

MAX_SHOWN_CHARS = 8000
_SHOWN = (".py", ".cpp", ".cu", ".mlir")


@dataclass(frozen=True)
class Shown:
    """A judged kernel; ``relative`` is its time over the start's (None: it failed)."""

    candidate: Candidate
    evaluation: Evaluation
    relative: float | None = None

    def title(self) -> str:
        if self.relative is None:
            return f"{self.evaluation.status}: {self.evaluation.reason}".split("\n")[0][:200]
        return f"right, takes {self.relative:.3g} times the time of the kernel at the start"


class LlmMutator:
    """Asks the model of ``coder``, in the form of its answers."""

    def __init__(self, coder: LlmCoder) -> None:
        self.coder = coder

    def propose(
        self,
        spec: TaskSpec,
        parent: Shown | None,
        inspirations: Sequence[Shown],
        step: str,
        *,
        draw: int = 0,
        hints: str = "",
    ) -> Candidate | str:
        """A new kernel, or why the answer holds none. A ``parent`` that failed is to be mended, one
        that is right made faster; without one the reference is all there is. Raises ModelError."""
        request = Request(spec, hints=hints)
        form = self.coder.form(spec.impl_type)
        first = self.coder.question(request, form, {}, "")
        texts = {} if parent is None else form.texts(parent.candidate)
        others = [_text(shown) for shown in inspirations]
        if parent is not None and not texts:  # a kernel of another make is shown, not continued
            others.insert(0, _text(parent))
        task = first.task
        if others:
            task += "\n" + prompt("others", others=others)
        question = Question(first.system, task)
        if parent is not None and texts:
            name = "coder_fix" if parent.relative is None else "coder_faster"
            said = prompt(
                name,
                problem=feedback_text(parent.evaluation, parent.candidate)
                if parent.relative is None
                else _times(parent),
                earlier=[],
                files=" and ".join(form.files),
            )
            question = Question(first.system, task, fenced(texts), said)
        result = ask(self.coder.model, question, step, draw=draw)
        try:
            files = self.coder.files_of(result, form, texts)
        except AnswerProblem as problem:
            return str(problem)
        return form.candidate(files, spec.impl_type, f"llm:{self.coder.model.name}")


def _times(shown: Shown) -> str:
    if shown.evaluation.measurement is not None:
        return feedback_text(shown.evaluation, shown.candidate)
    return shown.title()


def _text(shown: Shown) -> str:
    files = {
        name: data.decode("utf-8", "replace")
        for name, data in shown.candidate.files.items()
        if name.endswith(_SHOWN)
    }
    return f"This kernel is {shown.title()}.\n\n{fenced(files)[:MAX_SHOWN_CHARS]}"
