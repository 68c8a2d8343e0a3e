"""From a Design to a HostPlan for this machine's CPU."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from kernelwright.aul.syntax import Program
from kernelwright.compiler.codegen._host import HostPlan, host_plan
from kernelwright.compiler.codegen._legalize import legalize
from kernelwright.compiler.design import Design
from kernelwright.compiler.loops.ir import Function
from kernelwright.compiler.stages.build_cache import cpu_identity
from kernelwright.errors import UnsupportedError
from kernelwright.schema import Target


def host_vector_bytes(target: Target) -> int:
    """Bytes of a vector register of this machine; raises UnsupportedError for other targets."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    if target.backend != "cpu" or target.arch != machine:
        raise UnsupportedError(
            f"impl_types cpp and mlir build for this machine only (cpu, {machine}); the target is "
            f"{target.backend}, {target.arch}. Choose --backend cpu, or impl_type triton."
        )
    flags = set(cpu_identity().split())
    if "avx512f" in flags:
        return 64
    return 32 if "avx2" in flags else 16


def cpu_plan(
    design: Design, parameters: Mapping[str, int], vector_bytes: int, native_extrema: int = 0
) -> HostPlan:
    """Lowers every launched kernel of the design with its tunables set to ``parameters``.

    ``native_extrema``: see ``legalize``.
    """
    from kernelwright.aul import evaluate, resolve
    from kernelwright.compiler.loops.lower import lower_kernel

    env = resolve(design.program, tunables=dict(parameters))

    def lower(
        program: Program, kernel: str, values: Mapping[str, int], sizes: Mapping[str, int]
    ) -> Function:
        function = lower_kernel(
            program, kernel, values, vector_bytes=vector_bytes, memory_sizes=sizes
        )
        return legalize(function, native_extrema)

    return host_plan(design, env, evaluate, lower)


def design_text(design: Design) -> str:
    """The design as AUL text."""
    from kernelwright.aul import print_program

    return print_program(design.program)
