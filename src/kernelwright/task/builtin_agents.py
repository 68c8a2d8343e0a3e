"""The builtin Designer and Coder in their roles: the scheduler and the printers, on a Session."""

from __future__ import annotations

import dataclasses

from kernelwright.agents.design_text import design_from_text
from kernelwright.agents.roles import Coded, Designed, Request
from kernelwright.aul import print_program
from kernelwright.task.session import Session


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
        author = request.records[-1].author if request.records else ""
        if author not in ("", "builtin"):
            # What a model has designed is not ours to run outside of the sandbox.
            candidate = dataclasses.replace(candidate, producer=f"{author}, printed")
        return Coded(candidate, design)
