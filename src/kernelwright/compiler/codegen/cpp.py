"""impl_type cpp: C++17 with the compiler's vector extensions and OpenMP."""

from __future__ import annotations

from collections.abc import Mapping

from kernelwright.aul.syntax import Program
from kernelwright.compiler.codegen._cpp_host import cpp_source
from kernelwright.compiler.codegen._plan import cpu_plan, design_text, host_vector_bytes
from kernelwright.compiler.codegen._wrapper import wrapper_files
from kernelwright.compiler.design import Design
from kernelwright.compiler.stages.cxx import FLAGS, compile_shared
from kernelwright.schema import Candidate, Target


class CppPrinter:
    """Files: kernel.py, kernel.cpp, libkernel.so (and constants.npz for large constants)."""

    impl_type = "cpp"

    def launch_choices(self, program: Program) -> Mapping[str, tuple[int, ...]]:
        return {}

    def print(
        self, design: Design, target: Target, framework: str, parameters: Mapping[str, int]
    ) -> Candidate:
        vector_bytes = host_vector_bytes(target)
        plan = cpu_plan(design, parameters, vector_bytes, native_extrema=vector_bytes)
        title = f"{plan.name}: {design.program.doc}" if design.program.doc else plan.name
        build = f"Build: c++ {' '.join(FLAGS)} kernel.cpp -o libkernel.so"
        source = cpp_source(plan, vector_bytes, f"{title}\n{build}")
        library = compile_shared(source)
        files = {
            **wrapper_files(design, plan, framework, build_flags=FLAGS),
            "kernel.cpp": source.encode(),
            "libkernel.so": library,
        }
        return Candidate(
            files=files,
            impl_type=self.impl_type,
            producer="builtin",
            parameters=dict(parameters),
            design=design_text(design),
            stages={"kernel.cpp": source},
        )


PRINTER = CppPrinter()
