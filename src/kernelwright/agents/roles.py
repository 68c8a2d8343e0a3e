"""What a Designer and a Coder are, whoever plays them: the builtin compiler, an LLM or a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kernelwright.agents.record import ParsedCode, Record
from kernelwright.compiler.design import Design
from kernelwright.schema import Candidate, TaskSpec


@dataclass(frozen=True)
class Request:
    """What an agent is asked.

    ``suggestions`` is empty, or says what was wrong with the last try; ``design`` and
    ``parsed_code`` are what the task has so far; ``records`` is all that happened. ``hints``:
    what else a model should know, as text.
    """

    spec: TaskSpec
    parsed_code: ParsedCode = ParsedCode()
    suggestions: str = ""
    design: Design | None = None
    records: Sequence[Record] = ()
    hints: str = ""


@dataclass(frozen=True)
class Designed:
    """A Designer's answer: AUL text, the Design that it stands for (None when only the text is
    known), and a note for people. ``problem`` is empty, or says why it must not be coded.
    ``author`` is who wrote it, as ``Candidate.producer``."""

    text: str
    design: Design | None = None
    note: str = ""
    problem: str = ""
    prompt: str = ""
    reasoning: str = ""
    author: str = "builtin"


@dataclass(frozen=True)
class Coded:
    """A Coder's answer. ``design`` is set when the Coder made one on the way. Without a candidate
    ``problem`` says why there is none."""

    candidate: Candidate | None
    design: Design | None = None
    note: str = ""
    problem: str = ""
    prompt: str = ""
    reasoning: str = ""


class Designer(Protocol):
    """``can_fix``: asked again with suggestions, it may answer otherwise. ``uses_device``: it runs
    the reference, so it is given a device while it works. Raises a KernelwrightError when it has
    no answer."""

    can_fix: bool
    uses_device: bool

    def design(self, request: Request) -> Designed: ...


class Coder(Protocol):
    """As Designer. With ``request.design`` None and no AUL text it works from the reference."""

    can_fix: bool
    uses_device: bool

    def code(self, request: Request) -> Coded: ...
