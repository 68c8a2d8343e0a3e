"""Compiles a Triton candidate ahead of time for a GPU that need not be there.

The work happens in a child process, so that the caller never imports triton. The child imports the
candidate: a candidate that nobody trusts belongs into a sandbox; ``aot_command`` and
``read_reports`` are the two halves for a caller that runs the child itself.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelwright.errors import CompileError, UnsupportedError, UsageError
from kernelwright.schema import Candidate

Shapes = Sequence[Sequence[int]]


@dataclass(frozen=True)
class CompiledKernel:
    """One kernel for one set of compile-time arguments. ``registers`` per thread and
    ``stack_bytes`` (more than 0: registers spilled) are None when no cuobjdump was found;
    ``asm`` maps ttir, ttgir and ptx to their text."""

    kernel: str
    arguments: Mapping[str, int]
    num_warps: int
    shared_bytes: int
    ptx_bytes: int
    registers: int | None
    stack_bytes: int | None
    asm: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class AotReport:
    arch: str
    kernels: tuple[CompiledKernel, ...]
    warnings: tuple[str, ...] = ()

    @property
    def ptx_bytes(self) -> int:
        return sum(k.ptx_bytes for k in self.kernels)

    @property
    def registers(self) -> int | None:
        """The most that any kernel needs per thread."""
        known = [k.registers for k in self.kernels if k.registers is not None]
        return max(known, default=None)

    @property
    def shared_bytes(self) -> int:
        """The most that any kernel needs per program."""
        return max((k.shared_bytes for k in self.kernels), default=0)

    def stages(self) -> dict[str, str]:
        """File name -> text, for people: one file a kernel and stage."""
        return {
            f"{i}_{k.kernel}.{stage}": text
            for i, k in enumerate(self.kernels)
            for stage, text in k.asm.items()
        }


@dataclass(frozen=True)
class Job:
    """A candidate's entry file, and the shapes of its host tensors in the order of its ``SHAPES``
    (None: those that it was made for)."""

    file: Path
    shapes: Shapes | None = None


def aot_command(jobs: Sequence[Job], arch: str) -> list[str]:
    """The child's command line. Raises UsageError when ``arch`` is not of the form sm_90."""
    match = re.fullmatch(r"sm_(\d+)a?", arch)
    if match is None:
        raise UsageError(
            f"arch {arch!r} is not one that Triton compiles for; write sm_90, sm_80 ..."
        )
    listed = [
        [str(j.file), None if j.shapes is None else [list(s) for s in j.shapes]] for j in jobs
    ]
    main = Path(__file__).with_name("_aot_main.py")
    return [sys.executable, "-P", str(main), match.group(1), json.dumps(listed)]


def read_reports(output: str, arch: str, command: str = "", stderr: str = "") -> list[AotReport]:
    """The child's standard output as one report a job.

    Raises CompileError with Triton's own message when a kernel was refused or the child died, and
    UnsupportedError when a candidate does not say what it launches.
    """
    try:
        results = json.loads(output.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise CompileError(
            "compiling ahead of time ended without a report", command, stderr
        ) from None
    return [_read_one(result, arch, command) for result in results]


def _read_one(result: Mapping[str, Any], arch: str, command: str) -> AotReport:
    if "unsupported" in result:
        raise UnsupportedError(f"cannot compile ahead of time: {result['unsupported']}")
    if "error" in result:
        raise CompileError(
            f"Triton refused kernel {result['kernel']!r} for {arch}: {result['error']}", command
        )
    kernels = tuple(CompiledKernel(**k) for k in result["kernels"])
    return AotReport(arch, kernels, tuple(result["warnings"]))


def compile_ahead(
    candidate: Candidate,
    arch: str = "sm_90",
    shapes: Shapes | None = None,
    timeout_s: float = 300.0,
) -> AotReport:
    """Every kernel of a generated ``candidate`` compiled for ``arch``, for host tensors of
    ``shapes`` (in the order of the candidate's ``SHAPES``, which are the default).

    Raises CompileError (Triton's message, or a time limit), UnsupportedError (no ``launches``).
    """
    return compile_many([(candidate, shapes)], arch, timeout_s)[0]


def compile_many(
    items: Sequence[tuple[Candidate, Shapes | None]], arch: str = "sm_90", timeout_s: float = 300.0
) -> list[AotReport]:
    """``compile_ahead`` of several candidates in one child process; the first fault raises."""
    with tempfile.TemporaryDirectory(prefix="kernelwright-aot-") as name:
        jobs = []
        for number, (candidate, shapes) in enumerate(items):
            folder = Path(name) / str(number)
            folder.mkdir()
            for file, content in candidate.files.items():
                (folder / file).write_bytes(content)
            jobs.append(Job(folder / candidate.entry, shapes))
        command = aot_command(jobs, arch)
        shown = shlex.join(command)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise CompileError(
                f"compiling ahead of time took more than {timeout_s:g} s", shown
            ) from None
        return read_reports(done.stdout, arch, shown, done.stderr)
