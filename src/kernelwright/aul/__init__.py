"""AUL, the design language: syntax, printer, NumPy interpreter."""

from kernelwright.aul.evaluate import bind_sizes, evaluate, resolve
from kernelwright.aul.interpreter import interpret
from kernelwright.aul.printer import print_program
from kernelwright.aul.syntax import Program

__all__ = ["Program", "bind_sizes", "evaluate", "interpret", "print_program", "resolve"]
