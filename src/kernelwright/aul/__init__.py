"""AUL, the design language: syntax, parser, checker, NumPy interpreter, printer."""

from kernelwright.aul.checker import check
from kernelwright.aul.diagnostics import Diagnostic
from kernelwright.aul.expressions import evaluate
from kernelwright.aul.interpreter import interpret
from kernelwright.aul.parser import parse
from kernelwright.aul.printer import print_program
from kernelwright.aul.sizes import bind_sizes, resolve
from kernelwright.aul.syntax import Program

__all__ = [
    "Diagnostic",
    "Program",
    "bind_sizes",
    "check",
    "evaluate",
    "interpret",
    "parse",
    "print_program",
    "resolve",
]
