"""impl_type mlir: scf, arith, vector and memref, through LLVM to a shared library."""

from __future__ import annotations

from collections.abc import Mapping

from kernelwright.aul.syntax import Program
from kernelwright.compiler.codegen._mlir_host import mlir_source
from kernelwright.compiler.codegen._plan import cpu_plan, design_text, host_vector_bytes
from kernelwright.compiler.codegen._wrapper import wrapper_files
from kernelwright.compiler.design import Design
from kernelwright.compiler.stages.mlir_pipeline import build_mlir
from kernelwright.schema import Candidate, Target


class MlirPrinter:
    """Files: kernel.py, kernel.mlir, libkernel.so (and constants.npz for large constants); stages:
    every text from kernel.mlir to the assembly."""

    impl_type = "mlir"

    def launch_choices(self, program: Program) -> Mapping[str, tuple[int, ...]]:
        return {}

    def print(
        self, design: Design, target: Target, framework: str, parameters: Mapping[str, int]
    ) -> Candidate:
        plan = cpu_plan(design, parameters, host_vector_bytes(target))
        title = f"{plan.name}: {design.program.doc}" if design.program.doc else plan.name
        source = mlir_source(plan, title)
        built = build_mlir(source, {s.symbol for s in plan.segments})
        files = {
            **wrapper_files(design, plan, framework),
            "kernel.mlir": source.encode(),
            "libkernel.so": built.library,
        }
        return Candidate(
            files=files,
            impl_type=self.impl_type,
            producer="builtin",
            parameters=dict(parameters),
            design=design_text(design),
            stages=built.stages,
        )


PRINTER = MlirPrinter()
