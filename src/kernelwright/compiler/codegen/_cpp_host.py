"""kernel.cpp: the functions of a plan and the exported host functions that launch them."""

from __future__ import annotations

from collections.abc import Sequence

from kernelwright.aul.syntax import Name
from kernelwright.compiler.codegen._cpp_names import identifier
from kernelwright.compiler.codegen._cpp_operations import Needs
from kernelwright.compiler.codegen._cpp_prelude import CPP_TYPES, prelude
from kernelwright.compiler.codegen._cpp_text import cpp_function
from kernelwright.compiler.codegen._host import Call, HostPlan, Segment, fresh_memory
from kernelwright.compiler.codegen._legalize import SIZE_BYTES
from kernelwright.compiler.codegen._scratch import scratch_bytes, stack_scratch
from kernelwright.compiler.loops.ir import Function


def cpp_source(plan: HostPlan, vector_bytes: int, doc: str = "") -> str:
    """The whole of kernel.cpp. ``vector_bytes`` is the width of a vector register."""
    needs = Needs()
    functions = [
        cpp_function(f, vector_bytes, needs, noalias=_never_aliased(plan, f))
        for f in plan.functions
    ]
    hosts = [_segment_text(plan, s, needs) for s in plan.segments]
    parallel = any(c.parallel for s in plan.segments for c in s.calls)
    parallel = parallel or any(heap_scratch_bytes(s) for s in plan.segments)
    head = prelude(needs.pieces, needs.vectors, needs.half_lanes, vector_bytes, parallel)
    comment = "\n".join(f"// {line}".rstrip() for line in doc.strip().splitlines())
    parts = [comment, head, *functions, *hosts]
    return "\n\n".join(part for part in parts if part) + "\n"


def _never_aliased(plan: HostPlan, function: Function) -> bool:
    calls = [c for s in plan.segments for c in s.calls if c.function is function]
    return all(len(set(c.args)) == len(c.args) for c in calls)


def workspace_offsets(plan: HostPlan, segment: Segment) -> tuple[dict[str, int], int]:
    """Where each private workspace of a segment starts in its block, and the bytes of all."""
    offsets, total = {}, 0
    for buffer in plan.private(segment):
        offsets[buffer.name] = total
        total += -(-buffer.elements * SIZE_BYTES[buffer.dtype] // 64) * 64
    return offsets, total


def heap_scratch_bytes(segment: Segment) -> int:
    """Bytes a thread of scratch that is too large for the stack; the largest over the launches."""
    sizes = [scratch_bytes(c.function) for c in segment.calls if not stack_scratch(c.function)]
    return max(sizes, default=0)


def _segment_text(plan: HostPlan, segment: Segment, needs: Needs) -> str:
    taken = {f.name for f in plan.functions} | {segment.symbol, "buffers", "block", "threads"}
    names: dict[str, str] = {}
    lines = []
    used = {a for c in segment.calls for a in c.args}
    for position, name in enumerate(plan.shared):
        if name in used:
            buffer = plan.buffers[name]
            names[name] = identifier(name, taken)
            const = "const " if buffer.kind == "input" else ""
            element = f"{const}{CPP_TYPES[buffer.dtype][0]}*"
            lines.append(f"  {element} {names[name]} = ({element})buffers[{position}];")
    numbers = [identifier(n, taken) for n in _number_names(plan)]
    for place, number in enumerate(numbers, len(plan.shared)):
        lines.append(f"  const int64_t {number} = (int64_t)buffers[{place}];")
    for buffer in fresh_memory(plan, segment):
        needs.pieces.add("huge_pages")
        lines.append(f"  huge_pages({names[buffer.name]}, {buffer.nbytes});")
    offsets, fixed = workspace_offsets(plan, segment)
    scratch = heap_scratch_bytes(segment)
    if fixed or scratch:
        needs.pieces.add("pool")
        size = str(fixed)
        if scratch:
            lines.append("  const int threads = omp_get_max_threads();")
            size += f" + (size_t)threads * {scratch}"
        lines.append(f"  Block* block = take_block({size});")
        lines.append("  if (!block) return 1;")
    for name, offset in offsets.items():
        element = f"{CPP_TYPES[plan.buffers[name].dtype][0]}*"
        names[name] = identifier(name, taken)
        lines.append(f"  {element} {names[name]} = ({element})((char*)block->data + {offset});")
    if scratch:
        lines.append(f"  char* scratch = (char*)block->data + {fixed};")
    for call in segment.calls:
        lines += _call_lines(call, names, scratch, numbers)
    if fixed or scratch:
        lines.append("  give_block(block);")
    return "\n".join(
        [f'extern "C" int {segment.symbol}(void** buffers) {{', *lines, "  return 0;", "}"]
    )


def _number_names(plan: HostPlan) -> list[str]:
    return [n.id if isinstance(n, Name) else f"cores_{i}" for i, n in enumerate(plan.numbers)]


def _call_lines(
    call: Call, names: dict[str, str], scratch: int, numbers: Sequence[str]
) -> list[str]:
    arguments = [names[a] for a in call.args]
    if not stack_scratch(call.function):
        thread = f" + omp_get_thread_num() * (int64_t){scratch}" if call.parallel else ""
        arguments.append(f"scratch{thread}")
    sizes = numbers[: len(call.function.sizes)]
    if call.cores == 1 and call.count is None:
        return [f"  {call.function.name}({', '.join([*arguments, '0', *sizes])});"]
    cores = call.cores if call.count is None else numbers[call.count]
    condition = "" if call.count is None else f" if({cores} > 1)"
    text = f"{call.function.name}({', '.join([*arguments, 'core', *sizes])});"
    pragma = f"#pragma omp parallel for schedule(static){condition}"
    return [
        *([pragma] if call.parallel else []),
        f"  for (int64_t core = 0; core < {cores}; ++core)",
        f"    {text}",
    ]
