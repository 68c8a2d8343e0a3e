"""The methods of ModelNew: checks, memory, launches, library calls; and state that is prepared.

What depends on parameters and buffers alone is computed by ``prepare`` and kept. Every call makes
sure that the state is as it was: address, version and shape of each tensor, and some of its bytes,
because writes through ``tensor.data`` are not counted in the version.
"""

from __future__ import annotations

import dataclasses
import keyword
from collections.abc import Iterable, Mapping, Sequence

from kernelwright.aul.syntax import FrameworkCall
from kernelwright.compiler.codegen._framework_call import call_text, fixed_argument, wanted_outputs
from kernelwright.compiler.codegen._host import Buffer, HostPlan, Segment
from kernelwright.compiler.codegen._sizes_text import sized_buffers, sized_inputs
from kernelwright.compiler.codegen._wrapper_text import NUMPY_TEXTS, SEEN_FIELDS, TORCH_TEXTS
from kernelwright.compiler.design import Design, returned, written
from kernelwright.compiler.prepared import preparation
from kernelwright.graph.structure import rendered

SAMPLE_BYTES = 4096  # of a parameter, compared in every call: all of it when it is no larger


class CallWriter:
    """``constants``: a constant's key -> the expression for it."""

    def __init__(
        self, design: Design, plan: HostPlan, framework: str, constants: Mapping[str, str]
    ) -> None:
        self.design, self.plan, self.framework = design, plan, framework
        self.constants, self.once = constants, preparation(design)
        self.texts = TORCH_TEXTS if framework == "torch" else NUMPY_TEXTS
        self.bound = {b.name: b for b in design.bindings}
        self.local = _local_names(plan.buffers)
        self.arguments = self._arguments()
        steps = (*plan.prepare, *plan.steps)
        self.calls = [_renamed(s, self.local) for s in steps if isinstance(s, FrameworkCall)]

    # ---- names -------------------------------------------------------------------------------

    def _arguments(self) -> list[str]:
        """A name for every argument of the call: its buffer's, where it has one."""
        names = {
            int(b.key): self.local[b.name] for b in self.design.bindings if b.source == "input"
        }
        return [names.get(i, f"argument_{i}") for i in range(self.design.input_count)]

    # ---- the two methods ---------------------------------------------------------------------

    def forward(self) -> list[str]:
        """The lines of the method that is called with the inputs."""
        # An input's own name soon stands for a contiguous copy of it.
        lines = [f"_written{i} = {self.arguments[i]}" for i, _ in written(self.design)]
        for position, value in self.design.fixed.items():
            lines += fixed_argument(self.arguments[position], position, value)
        early = {n for n in self.bound if n in self.once.state and not self._used(n)}
        made = {n for n in self.bound if n not in early}
        for name in self.bound:
            if name in made:
                lines += self._bind(name)
        if self.plan.prepare:
            lines += self._take_prepared()
            made.update(self.plan.prepared)
        lines += self._take_sizes()
        return [*lines, *self._steps(self.plan.steps, made), *self._writes(), self._return()]

    def prepare(self) -> list[str]:
        """The lines of the method that computes what depends on the Model's state alone."""
        state = list(self.once.state)
        lines = ['"""What depends on the state alone; done again when the state has changed."""']
        for name in state:
            lines += [self._state_line(name), *self._check_of(name)]
        listed = ", ".join(
            f"({self.local[n]}, {', '.join(map(str, self._sample(n)))})" for n in state
        )
        lines.append(f"seen = _seen([{listed}])")
        for name in state:
            lines += self.texts.contiguous(self.local[name])
        for name, binding in self.bound.items():
            if binding.source == "constant":
                lines.append(f"{self.local[name]} = {self.constants[str(binding.key)]}")
        if self.plan.numbers:  # which nothing here hangs on
            lines.append(f"numbers = {(1,) * len(self.plan.numbers)}")
        lines += self._steps(self.plan.prepare, set(self.bound))
        kept = ", ".join(self.local[n] for n in self.plan.prepared)
        return [*lines, f"self._prepared = (*seen, {kept})", "return self._prepared"]

    def _take_prepared(self) -> list[str]:
        """Prepared buffers as local names, made anew when the state is not as it was."""
        state = list(self.once.state)
        lines = [self._state_line(n) for n in state if not self._used(n)]
        local = [self.local[n] for n in state]
        lines += self.texts.now(local)
        changed = ["now != prepared[0]"]
        for index, name in enumerate(state):
            if self.texts.changed:
                changed.append(self.texts.changed(index, len(state), *self._sample(name)))
        lines += [
            "prepared = self._prepared",
            f"if {' or '.join(changed)}:",
            "    prepared = self.prepare()",
            "".join(f"{self.local[n]}, " for n in self.plan.prepared).rstrip(" ")
            + f" = prepared[{SEEN_FIELDS}:]",
        ]
        return lines

    def _take_sizes(self) -> list[str]:
        """What hangs on the shapes of the arguments, as local names."""
        if not self.plan.numbers:
            return []
        shapes = [f"{self.local[b.name]}.shape" for b in sized_inputs(self.design, self.plan)]
        names = ["numbers", *(self._shape_name(b) for b in sized_buffers(self.plan))]
        return [f"{', '.join(names)}{',' if len(names) == 1 else ''} = _sizes({', '.join(shapes)})"]

    def _shape_name(self, buffer: Buffer) -> str:
        return f"_shape_of_{self.local[buffer.name]}"

    def _sample(self, name: str) -> tuple[int, int]:
        """(first byte, bytes) of a parameter that are compared in every call."""
        nbytes = self.plan.buffers[name].nbytes
        size = min(nbytes, SAMPLE_BYTES)
        return (nbytes - size) // 2, size

    def _steps(self, steps: Sequence[Segment | FrameworkCall], made: set[str]) -> list[str]:
        lines: list[str] = []
        for step in steps:
            if isinstance(step, FrameworkCall):
                lines += self._library_call(_renamed(step, self.local))
                made.update(step.dst)
            else:
                lines += self._segment(step, made)
        return lines

    # ---- pieces ------------------------------------------------------------------------------

    def _bind(self, name: str) -> list[str]:
        """``name`` as a local variable that fits the kernel, contiguous where it is read."""
        binding, local = self.bound[name], self.local[name]
        if binding.source == "constant":
            return [f"{local} = {self.constants[str(binding.key)]}"] if self._used(name) else []
        if binding.source == "parameter":
            lines = [self._state_line(name)]
        else:
            argument = self.arguments[int(binding.key)]
            lines = [f"{local} = {argument}"] if argument != local else []
        lines += self._check_of(name)
        return [*lines, *(self.texts.contiguous(local) if self._used(name) else [])]

    def _state_line(self, name: str) -> str:
        key = str(self.bound[name].key)
        kind = next((kind for n, _, _, kind in self.design.state if n == key), "parameter")
        return f"{self.local[name]} = {self.texts.state_entry(key, kind)}"

    def _check_of(self, name: str) -> list[str]:
        binding, buffer = self.bound[name], self.plan.buffers[name]
        what = f"{binding.source} {binding.key}"
        shape = buffer.shape if buffer.exprs is None else None
        return self._check(self.local[name], what, shape, self.texts.dtype(buffer.dtype))

    def _used(self, name: str) -> bool:
        """Whether a call of the Model reads the buffer, which is then contiguous in memory."""
        segments = [s for s in self.plan.steps if isinstance(s, Segment)]
        calls = [s for s in self.plan.steps if isinstance(s, FrameworkCall)]
        return (
            any(name in c.args for s in segments for c in s.calls)
            or any(name in c.src for c in calls)
            or any(name == o.name for o in self.design.outputs)
        )

    def _check(self, name: str, what: str, shape: tuple[int, ...] | None, dtype: str) -> list[str]:
        test = self.texts.test if shape is not None else self.texts.test_kind
        test = test.format(name=name, shape=shape, dtype=dtype)
        return [f"if {test}:", f"    _refuse({what!r}, {name}, {shape}, {dtype})"]

    def _segment(self, segment: Segment, made: set[str]) -> list[str]:
        lines = []
        used = {a for c in segment.calls for a in c.args}
        for name in self.plan.shared:
            if name in used and name not in made:
                buffer = self.plan.buffers[name]
                lines.append(f"{self.local[name]} = {self._empty(buffer)}")
                made.add(name)
        addresses = [
            self.texts.address.format(name=self.local[n]) if n in used else "0"
            for n in passed(self.plan, segment)
        ]
        if self.plan.numbers:
            addresses.append("*numbers")
        count = len(passed(self.plan, segment)) + len(self.plan.numbers)
        lines.append(f"if {entry(segment)}(_pack{count}({', '.join(addresses)})):")
        lines.append('    raise MemoryError("no memory for the kernel\'s workspaces")')
        return lines

    def _empty(self, buffer: Buffer) -> str:
        """Memory for a buffer. The framework makes one like an input in less time than one of a
        given shape and dtype."""
        for binding in self.design.bindings if self.texts.empty_like else ():
            like = self.plan.buffers[binding.name]
            same = (like.shape, like.dtype) == (buffer.shape, buffer.dtype)
            same = same and like.exprs == buffer.exprs
            if same and binding.source == "input" and self._used(like.name):
                return self.texts.empty_like.format(name=self.local[binding.name])
        shape = str(buffer.shape) if buffer.exprs is None else self._shape_name(buffer)
        return f"{self.texts.empty}({shape}, dtype={self.texts.dtype(buffer.dtype)})"

    def _library_call(self, call: FrameworkCall) -> list[str]:
        text, wanted = call_text(call, self.framework), wanted_outputs(call)
        lines = [f"results = _results({text})"]
        for name, position in zip(call.dst, wanted):
            lines.append(f"{name} = {self.texts.own.format(text=f'results[{position}]')}")
        return lines

    def _writes(self) -> list[str]:
        """Inputs that the Model changes get their values when everything has been read."""
        return [
            self.texts.write.format(to=f"_written{index}", text=self.local[output.name])
            for index, output in written(self.design)
        ]

    def _return(self) -> str:
        names = [self.local[o.name] for o in returned(self.design)]
        return f"return {rendered(self.design.structure, names)}"


_USED = """np torch ml_dtypes ctypes functools self results numbers now seen prepared Path Struct
FOLDER STATE ModelNew isinstance id TypeError ValueError MemoryError RuntimeError"""
_OWN_NAMES = frozenset(_USED.split()) | {f"CONSTANT_{n}" for n in range(99)}


def _local_names(names: Iterable[str]) -> dict[str, str]:
    """For each name itself, or a variant that hides nothing that kernel.py uses."""
    chosen: dict[str, str] = {}
    for name in names:
        local = f"own{name}" if name[:1] == "_" else name
        while keyword.iskeyword(local) or local in _OWN_NAMES or local in chosen.values():
            local += "_"
        chosen[name] = local
    return chosen


def passed(plan: HostPlan, segment: Segment) -> list[str]:
    """The shared buffers up to the last that the segment uses: what its entry is handed. All of
    them where numbers follow."""
    if plan.numbers:
        return list(plan.shared)
    used = {a for c in segment.calls for a in c.args}
    last = max((i for i, n in enumerate(plan.shared) if n in used), default=-1)
    return list(plan.shared[: last + 1])


def entry(segment: Segment) -> str:
    """The Python name of a host function; two leading underscores would be mangled in a class."""
    return "_" + segment.symbol.lstrip("_")


def _renamed(call: FrameworkCall, names: dict[str, str]) -> FrameworkCall:
    dst, src = (tuple(names[n] for n in group) for group in (call.dst, call.src))
    return dataclasses.replace(call, dst=dst, src=src)
