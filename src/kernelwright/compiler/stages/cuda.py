"""The stages of a kernel for CUDA: K.mlir to K_gpu.mlir, K_nvvm.mlir, K_init.ptx, K.ptx, K.json.

No GPU is needed. ptxas looks at the result where there is one (``nvptx.assembler``).
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from kernelwright.aul.syntax import Tunable
from kernelwright.compiler.codegen._gpu_host import Argument, gpu_program, gpu_source
from kernelwright.compiler.design import Design
from kernelwright.compiler.rewrite import optimize
from kernelwright.compiler.schedule import design as schedule
from kernelwright.compiler.schedule.machine import machine
from kernelwright.compiler.stages import nvptx
from kernelwright.compiler.stages.free_sizes import about_sizes, check_sizes
from kernelwright.compiler.stages.job import Job, Stage, fake_positions, fakes
from kernelwright.compiler.stages.kernel_entry import entry_name, wanted, without_library
from kernelwright.compiler.stages.metadata import Effects, LaunchShape, metadata
from kernelwright.compiler.stages.mlir_provider import provider
from kernelwright.errors import CompileError, ReferenceBroken
from kernelwright.frameworks.graphkernel.build import build
from kernelwright.frameworks.graphkernel.free_sizes import shape_sets
from kernelwright.frameworks.graphkernel.info import Info
from kernelwright.frameworks.graphkernel.sizes import WrongSizes
from kernelwright.graph.core import Graph, Node
from kernelwright.graph.decompose import decompose
from kernelwright.schema import Target

ALIGNMENT_BYTES = 16  # of every pointer that a kernel is given
LEAST_BLOCK = 256  # elements of a one-dimensional tile; fewer leave a warp half empty


# What a free size may be, as the scheduler is told: many, up to more than any chip holds.
_ANY = (3, 1000, 2**22)
_LARGER = 8


def designed(
    graph: Graph,
    fake: list[bool],
    target: Target,
    free: Mapping[int, Sequence[int | tuple[int, ...]]] | None = None,
) -> Design:
    """The scheduler's design, products as sums of products. ``free``: see ``free_sizes``."""
    plain = without_library(decompose(wanted(graph, fake)), blocks=False)
    # Only the values are bound here, and none are known to be finite.
    better = optimize(plain, target, strict_ieee=True).graph
    believed = dataclasses.replace(machine(target, 1), team=0, fixed_tiles=True)
    return _filled(
        schedule(without_library(better, blocks=False), target, reduced=free, on=believed)
    )


def typical(info: Info) -> Sequence[tuple[int, ...]]:
    """Shapes of the inputs to design for: the file's own; for free sizes such that it holds for,
    several times as large as those that it is tried with where it holds for these too."""
    small = shape_sets(info)[0]
    large = [
        tuple(n * _LARGER if said == -1 else n for said, n in zip(tensor.shape, shape))
        for tensor, shape in zip(info.inputs, small)
    ]
    try:
        build(info, large)
    except (WrongSizes, ReferenceBroken):
        return small
    return large


def free_sizes(info: Info, graph: Graph) -> dict[int, list[int | tuple[int, ...]]] | None:
    """For every input its sizes, those that are the caller's as several values; None where all are
    known. Sizes that the file calls alike have equal values."""
    if not info.dynamic:
        return None
    names: dict[str, int] = {}
    found: dict[int, list[int | tuple[int, ...]]] = {}
    for index, (tensor, node) in enumerate(zip(info.inputs, graph.inputs)):
        sizes: list[int | tuple[int, ...]] = list(node.shape)
        for axis, said in enumerate(tensor.shape):
            if said == -1:
                called = tensor.symbols[axis] if tensor.symbols else f"{index}.{axis}"
                number = names.setdefault(called, len(names))
                sizes[axis] = (node.shape[axis], *(n + number for n in _ANY))
        found[index] = sizes
    return found


def _filled(design: Design) -> Design:
    """One-dimensional tiles that fill a warp."""
    program = design.program
    declarations = tuple(
        Tunable(d.name, max(d.default, LEAST_BLOCK), d.choices)
        if isinstance(d, Tunable) and re.fullmatch(r"BLOCK(_\d+)?", d.name)
        else d
        for d in program.declarations
    )
    return dataclasses.replace(
        design, program=dataclasses.replace(program, declarations=declarations)
    )


def _schedule(job: Job) -> bytes:
    info = job.info
    graph = build(info, typical(info)).graph
    design = designed(graph, fakes(info), job.target, free_sizes(info, graph))
    if info.dynamic:
        check_sizes(info, shape_sets(info), design, fakes(info))
    inputs = [_argument(n.attrs["name"], n) for n in graph.inputs]
    outputs = [_argument(f"output{i}", n) for i, n in enumerate(graph.outputs)]
    program = gpu_program(
        info.name, design, inputs, outputs[: len(info.outputs)], fakes(info), job.target.arch
    )
    if info.dynamic:
        program.sizes = about_sizes(design, program.plan, len(inputs), fakes(info))
    marks = {"process": info.process or "cuda", "compute_capability": job.target.arch}
    return gpu_source(program, marks).encode()


def _argument(name: str, node: Node) -> Argument:
    return Argument(name, node.dtype, prod(node.shape))


def _lower(job: Job) -> bytes:
    return provider().run_pipeline(job.text("_gpu.mlir"), nvptx.LOWERING).encode()


def _generate(job: Job) -> bytes:
    ir = nvptx.device_ir(job.text("_nvvm.mlir"), provider())
    return nvptx.ptx(ir, job.target.arch).encode()


def _finish(job: Job) -> bytes:
    text = job.text("_init.ptx")
    made = nvptx.finished(text, nvptx.entries(text))
    said = nvptx.refused(made, job.target.arch)
    if said is not None:
        raise CompileError(f"ptxas refused the PTX of {job.info.name}", job.target.arch, said)
    return made.encode()


def _describe(job: Job) -> bytes:
    info = job.info
    about = launches(job.text("_gpu.mlir"))
    first = about["launches"][0]
    writes = build(info, shape_sets(info)[0]).graph.writes
    return metadata(
        info, entry_name(info.name), job.target, job.contents[".ptx"],
        LaunchShape(_grid(first["gridDim"]), first["blockDim"]),
        Effects(fake_positions(info), writes),
        {**about, "alignment": ALIGNMENT_BYTES},
    )  # fmt: skip


def _grid(said: Sequence[int | str]) -> list[int]:
    """The blocks of a launch; 1 where they hang on sizes of the caller's."""
    return [n if isinstance(n, int) else 1 for n in said]


def launches(text: str) -> dict[str, Any]:
    """What the host function of K_gpu.mlir says of its launches: see ``GpuProgram.about``."""
    found = re.search(r'launches = ("(?:[^"\\]|\\.)*")', text)
    if found is None:
        raise CompileError("K_gpu.mlir has no launches", "describe", text[:800])
    about: dict[str, Any] = json.loads(json.loads(found[1]))
    return about


CUDA_STAGES = (
    Stage("schedule", ".mlir", "_gpu.mlir", "blocks, threads, the launches", _schedule),
    Stage("lower", "_gpu.mlir", "_nvvm.mlir", "MLIR's LLVM and NVVM dialects", _lower),
    Stage("generate", "_nvvm.mlir", "_init.ptx", "PTX as LLVM prints it after -O3", _generate),
    Stage("finish", "_init.ptx", ".ptx", "PTX for a loader, seen by ptxas", _finish),
    Stage("describe", ".ptx", ".json", "what a loader has to know", _describe),
)
