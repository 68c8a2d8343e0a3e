"""impl_type triton: static checks, ahead-of-time compilation without a GPU, a guide for authors."""

from pathlib import Path

from kernelwright.dsl._base import Dsl
from kernelwright.dsl.triton.aot import AotReport, compile_ahead, compile_many
from kernelwright.dsl.triton.check import check_source
from kernelwright.schema import Candidate

ARCH = "sm_90"  # what is compiled for where no device says otherwise


def compiled_for(candidate: Candidate) -> str:
    """Compiles for ``ARCH`` and says what came out."""
    report = compile_ahead(candidate, ARCH)
    registers = "" if report.registers is None else f", {report.registers} registers a thread"
    return (
        f"compiled ahead of time for {ARCH}: {len(report.kernels)} kernel(s){registers}, "
        f"{report.shared_bytes} bytes of shared memory"
    )


DSL = Dsl("triton", check_source, Path(__file__).with_name("guide.md"), compiled_for)

__all__ = ["ARCH", "DSL", "AotReport", "check_source", "compile_ahead", "compile_many"]
