"""How a model is asked again after a failure, and how a question is put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.agents.record import Record
from kernelwright.errors import UsageError
from kernelwright.llm.chat import ChatModel, ChatRequest, ChatResult, Message, Sampling

# fresh: the first question once more, so that the answer is drawn anew; feedback: the last answer
# and what is wrong with it, for a whole new answer; edit: the same, for SEARCH/REPLACE blocks;
# mixed: feedback and fresh in turn, so that a model that repeats itself starts anew.
FIXES = ("feedback", "edit", "fresh", "mixed")


def check_fix(fix: str) -> str:
    """``fix`` if it is one of FIXES; raises UsageError."""
    if fix not in FIXES:
        raise UsageError(f"how a model is asked again must be one of {', '.join(FIXES)}: {fix!r}")
    return fix


def fix_of_turn(fix: str, turn: int) -> str:
    """What ``fix`` means at the agent's ``turn`` (0 the first answer, 1 the first fix)."""
    if fix != "mixed":
        return fix
    return "feedback" if turn % 2 else "fresh"


@dataclass(frozen=True)
class Question:
    """What is asked: ``system`` and ``task`` always; after a failure ``answer`` (what the model is
    taken to have said) and ``problem`` (what is wrong with it), unless drawn anew."""

    system: str
    task: str
    answer: str = ""
    problem: str = ""

    def messages(self) -> tuple[Message, ...]:
        first = (Message("system", self.system), Message("user", self.task))
        if not self.problem:
            return first
        return (*first, Message("assistant", self.answer), Message("user", self.problem))

    def text(self) -> str:
        """For the file of a step's prompt."""
        parts = [f"[{m.role}]\n{m.text.rstrip()}" for m in self.messages()]
        return "\n\n".join(parts) + "\n"


def step_name(records: Sequence[Record], agent: str) -> str:
    """The place in a run that an exchange is recorded under: "S03/coder"."""
    return f"S{len(records):02d}/{agent}"


def ask(model: ChatModel, question: Question, step: str, *, draw: int = 0) -> ChatResult:
    """The answer. ``draw`` above 0 asks for another sample of the same question."""
    sampling = Sampling(seed=draw) if draw else Sampling()
    return model.complete(ChatRequest(question.messages(), sampling=sampling, step=step))


def fenced(files: Mapping[str, str]) -> str:
    """Files as a model would have given them."""
    words = {".py": "python", ".cpp": "cpp", ".cu": "cuda"}
    blocks = []
    for name, text in files.items():
        word = next((w for end, w in words.items() if name.endswith(end)), "")
        blocks.append(f"```{word}\n{text.rstrip()}\n```")
    return "\n\n".join(blocks) + "\n"


def hints_text(*given: Any) -> str:
    """What a caller wants a model to know, as text: texts, and mappings or lists of them (the
    reference system's meta_prompts and inspirations)."""
    parts: list[str] = []
    for value in given:
        if isinstance(value, str):
            parts.append(value.strip())
        elif isinstance(value, Mapping):
            parts += [
                f"{name}:\n{text}" for name, item in value.items() if (text := hints_text(item))
            ]
        elif isinstance(value, Sequence):
            parts += [hints_text(item) for item in value]
        elif value is not None:
            parts.append(str(value))
    return "\n\n".join(part for part in parts if part)
