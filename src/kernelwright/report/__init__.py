"""Tables, plots and the self-contained HTML page of a result."""

from kernelwright.report.page import write_report

__all__ = ["write_report"]
