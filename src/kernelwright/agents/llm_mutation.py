"""A model as a source of variation: a faster kernel from one that is right, or from several."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.agents.answers import AnswerProblem
from kernelwright.agents.conversation import Question, ask, fenced
from kernelwright.agents.feedback import feedback_text, short
from kernelwright.agents.llm_coder import LlmCoder
from kernelwright.agents.prompting import prompt
from kernelwright.agents.roles import Request
from kernelwright.schema import Candidate, Evaluation, Measurement, TaskSpec

MAX_SHOWN_CHARS = 8000
_SHOWN = (".py", ".cpp", ".cu", ".mlir")


@dataclass(frozen=True)
class Shown:
    """A judged kernel; ``relative`` is its time over the start's (None: it failed), ``start`` what
    was measured of that one."""

    candidate: Candidate
    evaluation: Evaluation
    relative: float | None = None
    start: Measurement | None = None

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
                else _times(parent) or parent.title(),
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
    """The kernel's time beside the framework's and the bound, as JSON where they are known."""
    told: dict[str, Any] = {"status": str(shown.evaluation.status)}
    start, relative = shown.start, shown.relative
    if start is None or relative is None:
        return ""
    kernel_us = relative * start.candidate_us
    told["times"] = {
        "kernel_us": short(kernel_us),
        "others_us": {name: short(us) for name, us in start.baselines_us.items()},
        "over_the_kernel_at_the_start": short(1 / relative) if relative else None,
    }
    if start.bound_us is not None and kernel_us > 0:
        told["times"]["bound_us"] = short(start.bound_us)
        told["times"]["percent_of_bound"] = round(100 * start.bound_us / kernel_us, 1)
    if start.bytes_moved is not None:
        told["times"]["bytes_that_must_move"] = start.bytes_moved
    if shown.evaluation.library_calls:
        told["computed_by_the_framework"] = list(shown.evaluation.library_calls)
    return json.dumps(told, indent=1)


def _text(shown: Shown) -> str:
    files = {
        name: data.decode("utf-8", "replace")
        for name, data in shown.candidate.files.items()
        if name.endswith(_SHOWN)
    }
    parts = [f"This kernel is {shown.title()}.", _times(shown), fenced(files)[:MAX_SHOWN_CHARS]]
    return "\n\n".join(part for part in parts if part)
