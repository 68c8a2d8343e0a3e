"""Frozen records that all layers exchange. They hold no behaviour beyond validation and JSON."""

from kernelwright.schema.candidate import Candidate
from kernelwright.schema.evaluation import (
    EXIT_CODES,
    ErrorStatistics,
    Evaluation,
    Measurement,
    Metrics,
    Status,
)
from kernelwright.schema.task import Target, TaskSpec

__all__ = [
    "EXIT_CODES",
    "Candidate",
    "ErrorStatistics",
    "Evaluation",
    "Measurement",
    "Metrics",
    "Status",
    "Target",
    "TaskSpec",
]
