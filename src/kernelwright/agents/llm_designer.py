"""The LLM Designer: AUL from a model, parsed, checked and executed before anybody codes it."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from kernelwright.agents import guides
from kernelwright.agents.answers import PYTHON, AnswerProblem, edited, edits_of, text_of
from kernelwright.agents.conversation import (
    Question,
    ask,
    check_fix,
    fenced,
    fix_of_turn,
    step_name,
)
from kernelwright.agents.design_text import bind, described, problems_of
from kernelwright.agents.designer import DesignCheck
from kernelwright.agents.prompting import prompt
from kernelwright.agents.record import DESIGNER_ACTIONS
from kernelwright.agents.roles import Designed, Request
from kernelwright.aul import parse
from kernelwright.aul.syntax import FrameworkCall, Program
from kernelwright.compiler.design import Design
from kernelwright.errors import AULError
from kernelwright.graph.core import TensorType, dtype_name
from kernelwright.llm.chat import ChatModel
from kernelwright.verify.reference.process import Description

_FILE = "design.aul"


class DesignBench(Protocol):
    """What a design is held against: the reference, and the interpreter on its inputs."""

    def describe(self) -> Description: ...

    def check_text(self, design: Design) -> DesignCheck: ...


class LlmDesigner:
    """``fix``: see conversation.FIXES. ``device``: the target's name for people."""

    can_fix = True
    uses_device = True  # checking a design runs the reference

    def __init__(
        self, model: ChatModel, bench: DesignBench, *, fix: str = "feedback", device: str = ""
    ) -> None:
        self.model, self.bench, self.fix, self.device = model, bench, check_fix(fix), device

    def design(self, request: Request) -> Designed:
        """Raises ModelError and BudgetExhausted; a design that cannot be used is an answer with a
        ``problem``."""
        turn = sum(record.action_type in DESIGNER_ACTIONS for record in request.records)
        last = request.parsed_code.aul_code
        fix = fix_of_turn(self.fix, turn) if turn else ""
        question = self.question(request, last, fix)
        draw = turn if fix == "fresh" else 0
        result = ask(self.model, question, step_name(request.records, "designer"), draw=draw)
        made = Designed(
            "", prompt=question.text(), reasoning=result.reasoning, author=f"llm:{self.model.name}"
        )
        try:
            edits = edits_of(result.text) if question.problem else []
            if edits and last:
                text = edited({_FILE: last}, edits)[_FILE]
            else:
                text = text_of(result, ("aul", *PYTHON))
        except AnswerProblem as unusable:
            return dataclasses.replace(made, text=last, problem=str(unusable))
        design, problem, note = self.judged(text)
        return dataclasses.replace(made, text=text, design=design, problem=problem, note=note)

    def question(self, request: Request, last: str, fix: str) -> Question:
        source = request.spec.source
        system = prompt(
            "designer_system",
            guide=guides.aul_guide(),
            examples=guides.chosen("aul", source),
        )
        task = prompt(
            "designer_task",
            source=source.rstrip(),
            target=str(request.spec.target),
            device=self.device,
            parameters=host_parameters(self.bench.describe()),
            hints=request.hints,
        )
        if fix not in ("feedback", "edit") or not last:
            if fix and not last and request.suggestions:
                task += f"\nAn earlier answer could not be used: {request.suggestions}\n"
            return Question(system, task)
        name = "designer_fix" if fix == "feedback" else "designer_edit"
        said = prompt(name, problem=request.suggestions)
        return Question(system, task, fenced({"design.py": last}), said)

    def judged(self, text: str) -> tuple[Design | None, str, str]:
        """(design, what is wrong with it, remark): no design where it cannot be bound."""
        problems = problems_of(text)
        if problems:
            return None, described(text, problems), ""
        program = dataclasses.replace(parse(text), doc="")  # a model's words go into no source
        if problem := _library_problem(program):
            return None, problem, ""
        try:
            design = bind(program, self.bench.describe())
        except AULError as error:
            return None, str(error), ""
        checked = self.bench.check_text(design)
        return design, "" if checked.passed else checked.note, checked.note


def _library_problem(program: Program) -> str:
    """A library call runs in the trusted reference process with whatever op it names: not for a
    text that nobody trusts."""
    for statement in program.host.body:
        if isinstance(statement, FrameworkCall):
            line, column = statement.loc
            return (
                f"line {line}, column {column}: U.framework_call is not for designs that you "
                "write; compute this in a kernel"
            )
    return ""


def host_parameters(description: Description) -> list[str]:
    """One line for each parameter that a design's host must have, in order."""
    lines = [
        f"input {i}: {_type(kind)}" if kind is not None else f"input {i}: a number (leave it out)"
        for i, kind in enumerate(description.inputs)
    ]
    for entry in description.state:
        name = entry.name.replace(".", "_")
        shape, dtype = tuple(entry.array.shape), dtype_name(entry.array.dtype)
        lines.append(f"weight {entry.name}, called {name}: U.{dtype}, shape {shape} (if needed)")
    lines += [f"output {i}: {_type(kind)}" for i, kind in enumerate(description.outputs)]
    return lines


def _type(kind: TensorType) -> str:
    return f"U.{kind.dtype}, shape {tuple(kind.shape)}"
