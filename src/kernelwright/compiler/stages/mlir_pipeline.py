"""kernel.mlir to libkernel.so: each stage a function of text, and a text of its own for people."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from kernelwright.compiler.stages import llvm
from kernelwright.compiler.stages.build_cache import cached
from kernelwright.compiler.stages.cxx import link_shared
from kernelwright.compiler.stages.mlir_provider import MlirProvider, provider

# Memrefs of known size are passed as bare pointers: a kernel's C signature is its arrays.
LOWERING = ",".join(
    [
        "canonicalize",
        "cse",
        "loop-invariant-code-motion",
        "convert-vector-to-scf",
        "expand-strided-metadata",
        "lower-affine",
        "convert-scf-to-cf",
        "convert-math-to-llvm",
        "convert-vector-to-llvm",
        "finalize-memref-to-llvm",
        "convert-arith-to-llvm",
        "convert-index-to-llvm",
        "convert-ub-to-llvm",
        "convert-func-to-llvm{use-bare-ptr-memref-call-conv=true}",
        "convert-cf-to-llvm",
        "reconcile-unrealized-casts",
        "canonicalize",
        "cse",
    ]
)


@dataclass(frozen=True)
class Stage:
    """``run(text)`` gives the text of file ``suffix`` (appended to "kernel")."""

    name: str
    suffix: str
    run: Callable[[str, MlirProvider], str]


STAGES = (
    Stage("lower to the llvm dialect", "_lowered.mlir", lambda t, p: p.run_pipeline(t, LOWERING)),
    Stage("translate to LLVM IR", ".ll", lambda t, p: p.to_llvm_ir(t)),
)


@dataclass(frozen=True)
class MlirBuild:
    """``stages`` maps file names to texts, in order, the given module first."""

    stages: dict[str, str]
    library: bytes


def build_mlir(
    text: str,
    exported: Collection[str],
    chosen: MlirProvider | None = None,
    folder: Path | None = None,
) -> MlirBuild:
    """Builds libkernel.so from the module ``text`` and keeps every stage on the way.

    ``exported`` are the host functions' symbols; ``folder`` the cache of libraries. Raises
    CompileError (a tool refused), MissingDependencyError (a tool is absent).
    """
    tool = chosen or provider()
    stages = {"kernel.mlir": text}
    current = text
    for stage in STAGES:
        current = stage.run(current, tool)
        stages[f"kernel{stage.suffix}"] = current
    module = llvm.optimized(current, exported)
    stages["kernel_optimized.ll"] = str(module)
    stages["kernel.s"] = llvm.assembly(module)
    digest = hashlib.sha256(stages["kernel.s"].encode()).hexdigest()
    parts = ("mlir", digest, llvm.version())
    library = cached(parts, ".so", lambda: link_shared([llvm.object_code(module)]), folder)
    return MlirBuild(stages, library)
