"""AUL -> Triton: one self-contained kernel.py that imports torch and triton only.

What the GPU sees. Each AUL core is one Triton program. A tile is one Triton tensor spread over the
program's threads; along a contiguous dimension Triton gives each thread 16 bytes of neighbours, so
a full tile is read and written with 16-byte accesses, coalesced over the warp. Masks are compile-
time conditions wherever the sizes decide (``TOTAL % BLOCK == 0``), fold away then, and where a tail
exists still leave accesses as wide as the size's own divisibility allows. Everything between a
tile's load and its store stays in registers; a reduction is a shuffle tree inside each warp and one
pass through shared memory between warps. Sizes, constants and tunables are compile-time arguments:
the same file serves other sizes and Triton specialises each.

Under ``TRITON_INTERPRET=1`` the file runs on CPU tensors, one program after the other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from kernelwright.aul import evaluate, print_program, resolve
from kernelwright.aul.syntax import (
    Const,
    CoreNum,
    Launch,
    Loop,
    Program,
    Size,
    Tunable,
    Workspace,
    statements,
)
from kernelwright.compiler.codegen._triton_host import HostPrinter
from kernelwright.compiler.codegen._triton_index import Scope, host_text, names_in
from kernelwright.compiler.codegen._triton_kernel import PrintedKernel, print_kernel
from kernelwright.compiler.codegen._triton_prelude import FUNCTIONS, needed
from kernelwright.compiler.design import Design
from kernelwright.errors import UnsupportedError, UsageError
from kernelwright.schema import Candidate, Target

# Parameters besides the design's tunables; 0 is the file's own choice (by the tile's elements) and
# Triton's. Warps beyond 16 leave a thread fewer than 128 registers.
LAUNCH_OPTIONS = {"num_warps": (0, 1, 2, 4, 8, 16), "num_stages": (0, 1, 2, 3, 4)}


class TritonPrinter:
    """``parameters`` may also hold ``num_warps`` and ``num_stages``."""

    impl_type = "triton"

    def launch_choices(self, program: Program) -> Mapping[str, tuple[int, ...]]:
        """Stages matter where a kernel has a loop to overlap."""
        loops = any(isinstance(s, Loop) for k in program.kernels for s in statements(k.body))
        return {n: c for n, c in LAUNCH_OPTIONS.items() if loops or n != "num_stages"}

    def print(
        self, design: Design, target: Target, framework: str, parameters: Mapping[str, int]
    ) -> Candidate:
        """A candidate of one file (and one .npy file a constant array).

        Raises UnsupportedError when the design has a construct that Triton cannot express, and
        UsageError when ``parameters`` names a tunable that the design lacks.
        """
        if framework not in ("torch", "numpy"):
            raise UnsupportedError(
                f"impl_type triton speaks torch and numpy, not {framework!r}; use impl_type cpp"
            )
        chosen = choose_tunables(design.program, parameters)
        options = {k: int(v) for k, v in parameters.items() if k in LAUNCH_OPTIONS and v}
        values = declared_values(design.program, chosen)
        wide = _needs_wide_index(design.program, values)
        kernels = _print_kernels(design.program, values, wide, options.get("num_stages"))
        host = HostPrinter(design, kernels, values, framework, options, wide).print()
        source = _assemble(design, framework, chosen, kernels, host.sections)
        return Candidate(
            files={"kernel.py": source.encode(), **host.files},
            impl_type=self.impl_type,
            producer="builtin",
            parameters={**chosen, **options},
            design=print_program(design.program),
        )


def choose_tunables(program: Program, parameters: Mapping[str, int]) -> dict[str, int]:
    """Every tunable's value: its default unless ``parameters`` names it."""
    tunables = {d.name: d.default for d in program.declarations if isinstance(d, Tunable)}
    unknown = sorted(set(parameters) - set(tunables) - set(LAUNCH_OPTIONS))
    if unknown:
        known = ", ".join([*tunables, *LAUNCH_OPTIONS])
        raise UsageError(f"unknown tuning parameter {unknown[0]!r}; this design has: {known}")
    return {name: int(parameters.get(name, default)) for name, default in tunables.items()}


def declared_values(program: Program, tunables: Mapping[str, int]) -> dict[str, int]:
    """Every declared name's value for the sizes that the design was made for, in order."""
    values = resolve(program, tunables=tunables)
    for s in program.host.body:
        if isinstance(s, CoreNum):
            values[s.name] = evaluate(s.value, values)
    return values


def _needs_wide_index(program: Program, values: Mapping[str, int]) -> bool:
    shapes = [p.shape or () for p in program.host.params]
    shapes += [s.shape for s in program.host.body if isinstance(s, Workspace)]
    return any(math.prod(evaluate(e, values) for e in shape) >= 2**31 for shape in shapes)


def _print_kernels(
    program: Program, values: Mapping[str, int], wide: bool, stages: int | None
) -> dict[str, PrintedKernel]:
    declared = {d.name: values[d.name] for d in program.declarations}
    free = {d.name for d in program.declarations if isinstance(d, Size)}
    for d in program.declarations:
        if isinstance(d, Const) and names_in(d.value) & free:
            free.add(d.name)
    cores = {s.name: s.value for s in program.host.body if isinstance(s, CoreNum)}
    printed: dict[str, PrintedKernel] = {}
    for launch in (s for s in program.host.body if isinstance(s, Launch)):
        if launch.kernel in printed:
            continue
        same = [s for s in program.host.body if isinstance(s, Launch) and s.kernel == launch.kernel]
        grids = {host_text(s.cores): s.cores for s in same}
        grid = Scope(declared, locals=cores).expand(launch.cores) if len(grids) == 1 else None
        scope = Scope(declared, cores=grid)
        printed[launch.kernel] = print_kernel(
            program.kernel(launch.kernel), scope, frozenset(free), wide, stages
        )
    return printed


def _assemble(
    design: Design,
    framework: str,
    tunables: Mapping[str, int],
    kernels: Mapping[str, PrintedKernel],
    sections: tuple[str, ...],
) -> str:
    body = "\n\n".join(k.text for k in kernels.values())
    later = "\n\n".join(sections)
    prelude = "\n\n\n".join(FUNCTIONS[name] for name in needed(body))
    everything = "\n".join((prelude, body, later))
    modules = [m for m in ("functools", "os", "types") if re.search(rf"\b{m}\.", everything)]
    header = [f"import {m}" for m in modules] + ["from typing import NamedTuple", ""]
    header += ["import numpy as np"] if re.search(r"\bnp\.", everything) else []
    header += ["import torch", "import triton", "import triton.language as tl"]
    constants = [f"{name} = {value}" for name, value in tunables.items()]
    doc = design.program.doc.strip().replace("\\", "\\\\").replace('"""', "'''")
    title = f"Triton kernels for {design.program.host.name}" + (f": {doc}" if doc else ".")
    parts = [f'"""{title}"""', "\n".join(header)]
    parts += ["# Tuning parameters.\n" + "\n".join(constants)] if constants else []
    parts += ["\n" + p.strip("\n") for p in (prelude, body, later) if p.strip()]
    return "\n\n".join(parts).rstrip("\n") + "\n"


PRINTER = TritonPrinter()
