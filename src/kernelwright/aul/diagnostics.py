"""What the checker says."""

from __future__ import annotations

from dataclasses import dataclass, field

from kernelwright.aul.syntax import Location


@dataclass(frozen=True)
class Diagnostic:
    """One finding. ``severity`` is "error" (the design is wrong) or "warning"; ``line`` and
    ``column`` are 1-based, 0 for a program that was not made from text."""

    severity: str
    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line else ""
        return f"{self.severity}: {where}{self.message}"


@dataclass
class Findings:
    """Collects diagnostics; the same one at the same place is kept once."""

    found: dict[Diagnostic, None] = field(default_factory=dict)

    def error(self, message: str, loc: Location) -> None:
        self.found[Diagnostic("error", message, *loc)] = None

    def warning(self, message: str, loc: Location) -> None:
        self.found[Diagnostic("warning", message, *loc)] = None

    @property
    def errors(self) -> int:
        return sum(d.severity == "error" for d in self.found)

    def listed(self) -> list[Diagnostic]:
        """In the order of the text."""
        return sorted(self.found, key=lambda d: (d.line, d.column))
