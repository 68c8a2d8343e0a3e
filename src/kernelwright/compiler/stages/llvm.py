"""LLVM IR to optimised assembly and an object file for this machine, through llvmlite."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any

from kernelwright.compiler.stages.single_stores import single_stores
from kernelwright.errors import CompileError, MissingDependencyError

_REVISION = 2  # of what is done here besides LLVM


def llvm_binding() -> Any:
    try:
        from llvmlite import binding
    except ImportError as error:
        raise MissingDependencyError("impl_type mlir", "llvmlite", "mlir") from error
    return binding


@functools.lru_cache(maxsize=1)
def _target_machine() -> Any:
    binding = llvm_binding()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=features.flatten(),
        opt=3,
        reloc="pic",
        codemodel="default",
    )


def version() -> str:
    """LLVM's version, ours, and the CPU that code is made for; part of cache keys."""
    binding = llvm_binding()
    numbers = ".".join(map(str, binding.llvm_version_info))
    return f"llvm {numbers} {binding.get_host_cpu_name()} {_REVISION}"


def optimized(ir_text: str, exported: Collection[str]) -> Any:
    """The module after -O3; functions that are not ``exported`` become internal.

    Raises CompileError with LLVM's words.
    """
    binding, machine = llvm_binding(), _target_machine()
    module = parsed(ir_text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    for function in module.functions:
        if not function.is_declaration and function.name not in exported:
            function.linkage = "internal"
    options = binding.PipelineTuningOptions(speed_level=3)
    options.loop_vectorization = False  # the vectors are chosen already
    options.slp_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    text = str(module)
    plain = single_stores(text)
    return module if plain == text else parsed(plain)


def parsed(ir_text: str) -> Any:
    """The module of an IR text. Raises CompileError with LLVM's words."""
    try:
        return llvm_binding().parse_assembly(ir_text)
    except RuntimeError as error:
        raise CompileError("LLVM refused the IR", "llvmlite parse_assembly", str(error)) from error


def assembly(module: Any) -> str:
    return str(_target_machine().emit_assembly(module))


def object_code(module: Any) -> bytes:
    return bytes(_target_machine().emit_object(module))
