"""Designs that come as AUL text: what the text stands for, what is wrong with it and where."""

from __future__ import annotations

from kernelwright.aul import Diagnostic, check
from kernelwright.aul.syntax import Program
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.errors import AULError
from kernelwright.graph.core import dtype_name
from kernelwright.verify.reference.process import Description

MAX_PROBLEMS = 12  # said at once: more than these follow from the first ones


def design_from_text(text: str, description: Description) -> Design:
    """The Design that AUL text stands for, its host parameters bound to the reference.

    Raises AULError for text that does not parse or breaks a rule, or whose host cannot be called
    with this reference's inputs, weights and outputs.
    """
    from kernelwright.aul.parser import parse

    program = parse(text)
    problems = [d for d in check(program) if d.severity == "error"]
    if problems:
        raise AULError(f"the design breaks a rule of AUL: {problems[0]}")
    return bind(program, description)


def problems_of(text: str) -> list[Diagnostic]:
    """Every error of AUL text: the one that ends parsing, else what the checker says."""
    from kernelwright.aul.parser import parse

    try:
        program = parse(text)
    except AULError as error:
        return [Diagnostic("error", error.message, error.line, error.column)]
    return [d for d in check(program) if d.severity == "error"]


def described(text: str, problems: list[Diagnostic]) -> str:
    """The problems for whoever wrote ``text``, each with its line and a mark under its column."""
    lines = text.split("\n")
    out: list[str] = []
    for problem in problems[:MAX_PROBLEMS]:
        out.append(str(problem))
        if 0 < problem.line <= len(lines):
            out.append("    " + lines[problem.line - 1])
            out.append("    " + " " * max(problem.column - 1, 0) + "^")
    if len(problems) > MAX_PROBLEMS:
        out.append(f"and {len(problems) - MAX_PROBLEMS} more")
    return "\n".join(out)


def bind(program: Program, description: Description) -> Design:
    """Host parameters that are called like a weight (dots as underscores) stand for it, the last
    ones for the outputs, the others for the inputs in order."""
    weights = {entry.name.replace(".", "_"): entry.name for entry in description.state}
    params = program.host.params
    count = len(description.outputs)
    given, results = params[: len(params) - count], params[len(params) - count :]
    if len(params) < count or any(p.output for p in given):
        raise AULError(
            f"the host {program.host.name} needs {count} output parameter(s) at its end, one for "
            "each output of the Model"
        )
    bindings, position = [], 0
    for param in given:
        if param.name in weights:
            bindings.append(Binding(param.name, "parameter", weights[param.name]))
        else:
            bindings.append(Binding(param.name, "input", position))
            position += 1
    if position > len(description.inputs):
        raise AULError(
            f"the host {program.host.name} has {position} input parameters, the Model takes "
            f"{len(description.inputs)} inputs (weights are called: {', '.join(weights) or 'none'})"
        )
    specs = zip(results, description.outputs)
    return Design(
        program,
        tuple(bindings),
        tuple(OutputSpec(p.name, tuple(t.shape), t.dtype) for p, t in specs),
        description.structure,
        len(description.inputs),
        tuple(
            (e.name, tuple(e.array.shape), dtype_name(e.array.dtype), e.kind)
            for e in description.state
        ),
    )
