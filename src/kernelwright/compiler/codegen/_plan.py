"""From a Design to a HostPlan for this machine's CPU."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping

from kernelwright.aul.syntax import FrameworkCall, Program
from kernelwright.compiler.codegen._host import HostPlan, host_plan
from kernelwright.compiler.codegen._legalize import legalize
from kernelwright.compiler.design import Design
from kernelwright.compiler.loops.ir import Function
from kernelwright.compiler.loops.streaming import last_cache_bytes, stream_stores
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
            program,
            kernel,
            values,
            vector_bytes=vector_bytes,
            memory_sizes=sizes,
            dynamic=design.dynamic,
        )
        return legalize(function, native_extrema)

    plan = host_plan(design, env, evaluate, lower)
    _stream_outputs(plan)
    return plan


def _stream_outputs(plan: HostPlan) -> None:
    """Outputs that one launch writes and none reads go around the caches, when what the call
    touches does not fit into them."""
    ends = [b for b in plan.buffers.values() if b.kind in ("input", "output")]
    if sum(b.nbytes for b in ends) <= last_cache_bytes():
        return
    calls = [c for s in plan.segments for c in s.calls]
    users = Counter(a for c in calls for a in c.args)
    framework = [s for s in plan.steps if isinstance(s, FrameworkCall)]
    users.update(a for f in framework for a in (*f.dst, *f.src))
    for function in plan.functions:
        mine = [c for c in calls if c.function is function]
        names = [
            memory.name
            for i, memory in enumerate(function.memories)
            if all(plan.buffers[c.args[i]].kind == "output" for c in mine)
            and all(users[c.args[i]] == 1 for c in mine)
        ]
        stream_stores(function, names)


def design_text(design: Design) -> str:
    """The design as AUL text."""
    from kernelwright.aul import print_program

    return print_program(design.program)
