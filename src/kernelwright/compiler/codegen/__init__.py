"""Printers: a Design becomes a Candidate, one module an impl_type, listed by ``PRINTERS``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kernelwright.aul.syntax import Program
from kernelwright.compiler.design import Design
from kernelwright.registry import Registry
from kernelwright.schema import Candidate, Target


class Printer(Protocol):
    """One impl_type. ``print`` gives a complete candidate folder: kernel.py and whatever it needs.

    ``framework`` ("torch", "numpy") is what kernel.py's ModelNew speaks. ``parameters`` overrides
    the design's tunables by name. Raises UnsupportedError when the design has a construct that the
    printer cannot print, CompileError when a tool refuses the text.
    """

    impl_type: str

    def launch_choices(self, program: Program) -> Mapping[str, tuple[int, ...]]:
        """What else may be tuned besides the program's own tunables: names that ``print`` takes as
        ``parameters`` too, with their values. 0 leaves the choice to the printer."""

    def print(
        self, design: Design, target: Target, framework: str, parameters: Mapping[str, int]
    ) -> Candidate: ...


PRINTERS: Registry[Printer] = Registry("impl_type", "kernelwright.compiler.codegen", "PRINTER")
