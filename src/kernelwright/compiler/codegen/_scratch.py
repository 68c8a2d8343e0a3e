"""Scratch memory of a core: on its thread's stack when it is small, else a part of one block."""

from __future__ import annotations

from kernelwright.compiler.codegen._legalize import SIZE_BYTES
from kernelwright.compiler.loops.ir import Function, Memory

STACK_SCRATCH_BYTES = 128 * 1024  # more than this is taken from the heap: threads' stacks are small


def stack_scratch(function: Function) -> bool:
    """Whether the function's scratch is small enough for a thread's stack."""
    return scratch_bytes(function) <= STACK_SCRATCH_BYTES


def scratch_bytes(function: Function) -> int:
    """Bytes of all scratch memories, each rounded up to 64."""
    return sum(rounded_bytes(m) for m in function.scratch)


def scratch_offsets(function: Function) -> dict[str, int]:
    """Where each scratch memory starts when they lie one after the other."""
    offsets, total = {}, 0
    for memory in function.scratch:
        offsets[memory.name] = total
        total += rounded_bytes(memory)
    return offsets


def rounded_bytes(memory: Memory) -> int:
    return -(-memory.elements * SIZE_BYTES[memory.dtype] // 64) * 64
