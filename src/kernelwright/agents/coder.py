"""The builtin Coder: AUL -> source, by the printer of the impl_type."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from kernelwright.aul import print_program
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.schema import Candidate, TaskSpec


class BuiltinCoder:
    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec

    def code(self, design: Design, impl_type: str, parameters: Mapping[str, int]) -> Candidate:
        """A complete candidate; ``parameters`` overrides tunables by name."""
        printer = PRINTERS.get(impl_type)
        made = printer.print(design, self.spec.target, self.spec.framework, parameters)
        return dataclasses.replace(
            made,
            files={**made.files, made.entry: _with_assumptions(made.source, design)},
            producer="builtin",
            parameters=dict(parameters),
            design=print_program(design.program),
        )


def _with_assumptions(source: str, design: Design) -> bytes:
    """``source`` with what the kernel takes for granted: sizes are built into it, and what the
    design's rewrites assumed. The judge reads it, leaves those laws out, and says so."""
    words = sorted({"static_shapes", *design.assumes})
    listed = ", ".join(f'"{word}"' for word in words)
    return f"{source}\n\nASSUMES = ({listed},)\n".encode()
