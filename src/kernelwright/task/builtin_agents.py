"""The builtin Designer and Coder in their roles: the scheduler and the printers, on a Session."""

from __future__ import annotations

from kernelwright.agents.roles import Coded, Designed, Request
from kernelwright.aul import check, print_program
from kernelwright.aul.syntax import Program
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.errors import AULError
from kernelwright.graph.core import dtype_name
from kernelwright.task.session import Session
from kernelwright.verify.reference.process import Description


class SessionDesigner:
    """The scheduler. Its AUL is interpreted against the reference before anybody codes it."""

    can_fix = False
    uses_device = True

    def __init__(self, session: Session) -> None:
        self.session = session

    def design(self, request: Request) -> Designed:
        design = self.session.design()
        checked = self.session.check_design(design)
        problem = "" if checked.passed else checked.note
        return Designed(print_program(design.program), design, checked.note, problem)


class SessionCoder:
    """The printer of the impl_type. Without any design it makes the builtin one first."""

    can_fix = False
    uses_device = True  # a design from text is bound to the reference

    def __init__(self, session: Session) -> None:
        self.session = session

    def code(self, request: Request) -> Coded:
        design = request.design
        if design is None and request.parsed_code.aul_code:
            design = design_from_text(
                request.parsed_code.aul_code, self.session.reference.describe()
            )
        design = design or self.session.design()
        candidate = self.session.code(design, request.spec.impl_type)
        return Coded(candidate, design)


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
