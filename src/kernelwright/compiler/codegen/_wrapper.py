"""kernel.py: the ModelNew that runs a compiled library, readable and without Kernelwright.

The library is called libkernel.so, because Python would take a kernel.so beside kernel.py for the
module ``kernel`` itself.
"""

from __future__ import annotations

import dataclasses
import io
import keyword
from collections.abc import Iterable, Sequence

import numpy as np

from kernelwright.aul.syntax import FrameworkCall
from kernelwright.compiler.codegen._framework_call import (
    call_text,
    fixed_argument,
    needs_torch,
    wanted_outputs,
)
from kernelwright.compiler.codegen._host import Buffer, HostPlan, Segment
from kernelwright.compiler.codegen._wrapper_text import (
    BUILD,
    IMPORTS,
    LOAD,
    NUMPY_TEXTS,
    RESULTS,
    TORCH_TEXTS,
)
from kernelwright.compiler.design import Binding, Design
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import DTYPES

EMBEDDED_CONSTANT_ELEMENTS = 64


def wrapper_files(
    design: Design, plan: HostPlan, framework: str, build_flags: Sequence[str] = ()
) -> dict[str, bytes]:
    """kernel.py, and constants.npz when a constant is too large to be written in the text.

    ``build_flags``: when given, kernel.py compiles the kernel.cpp beside it if there is no library.
    ``framework`` is torch or numpy (UnsupportedError otherwise).
    """
    if framework not in ("torch", "numpy"):
        raise UnsupportedError(
            f"compiled CPU kernels speak torch or numpy, not {framework!r}; use impl_type triton"
        )
    writer = _Wrapper(design, plan, framework, build_flags)
    files = {"kernel.py": writer.text().encode()}
    if writer.large:
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **writer.large)
        files["constants.npz"] = stream.getvalue()
    return files


class _Wrapper:
    def __init__(
        self, design: Design, plan: HostPlan, framework: str, build_flags: Sequence[str]
    ) -> None:
        self.design, self.plan, self.framework = design, plan, framework
        self.build_flags = list(build_flags)
        self.texts = TORCH_TEXTS if framework == "torch" else NUMPY_TEXTS
        self.bound = {b.name: b for b in design.bindings}
        self.constants: dict[str, str] = {}  # constant -> its expression
        self.large: dict[str, np.ndarray] = {}
        self.local = _local_names(plan.buffers)
        self.arguments = self._arguments()
        self.calls = [_renamed(s, self.local) for s in plan.steps if isinstance(s, FrameworkCall)]

    # ---- the file ----------------------------------------------------------------------------

    def text(self) -> str:
        constants = [self._constant(k, v) for k, v in self._used_constants()]
        parts = [
            f'"""{self._title()}"""',
            self._imports(),
            "FOLDER = Path(__file__).resolve().parent",
            LOAD.replace("@BUILD@", self._build()),
            *([self._symbols()] if self.plan.segments else []),
            *constants,
            self._state_table(),
            *self._support(),
            self._model(),
        ]
        return "\n\n".join(p.strip("\n") for p in parts if p).rstrip() + "\n"

    def _title(self) -> str:
        doc = (self.design.program.doc or self.plan.name).strip().replace('"""', "'''")
        return (
            f"{doc}\n\nCompiled from the source beside this file; needs only {self.texts.needs}.\n"
        )

    def _imports(self) -> str:
        lines = [IMPORTS.rstrip("\n")]
        lines += ["from struct import Struct", ""] if self.plan.segments else [""]
        if self._uses_bfloat16() and self.framework == "numpy":
            lines.append("import ml_dtypes")
        lines.append("import numpy as np")
        if self.framework == "torch" or any(needs_torch(c) for c in self.calls):
            lines.append("import torch")
        return "\n".join(lines)

    def _uses_bfloat16(self) -> bool:
        state = any(dtype == "bfloat16" for _, _, dtype, _ in self.design.state)
        return state or any(b.dtype == "bfloat16" for b in self.plan.buffers.values())

    def _build(self) -> str:
        return BUILD.replace("@FLAGS@", " ".join(self.build_flags)) if self.build_flags else ""

    def _symbols(self) -> str:
        lines = []
        lines.append(
            "# Bytes that hold addresses: ctypes passes them as a pointer to these, as void** is."
        )
        counts = {len(self._passed(s)) for s in self.plan.segments}
        lines += [f'_pack{n} = Struct("{n}P").pack' for n in sorted(counts)]
        lines += [f"{_entry(s)} = _library.{s.symbol}" for s in self.plan.segments]
        return "\n".join(lines)

    def _state_table(self) -> str:
        if not self.design.state:
            return ""
        rows = [f"    ({n!r}, {s!r}, {self.dtype(d)}, {k!r})," for n, s, d, k in self.design.state]
        return "\n".join(
            ["# name, shape, dtype, kind: the Model's own names", "STATE = [", *rows, "]"]
        )

    def _support(self) -> list[str]:
        parts = [self.texts.check]
        if self.design.state:
            parts.append(self.texts.state)
        if self.calls:
            parts.append(RESULTS)
        if self.framework == "numpy" and any(needs_torch(c) for c in self.calls):
            parts.append(self.texts.through_torch)
        return parts

    def dtype(self, name: str) -> str:
        if self.framework == "torch":
            return f"torch.{name}"
        if name == "bfloat16":
            return "ml_dtypes.bfloat16"
        return f"np.{'bool_' if name == 'bool' else name}"

    # ---- constants ---------------------------------------------------------------------------

    def _used_constants(self) -> list[tuple[str, np.ndarray]]:
        used = [b for b in self.design.bindings if b.source == "constant"]
        return [(str(b.key), self.design.constants[str(b.key)]) for b in used]

    def _constant(self, key: str, array: np.ndarray) -> str:
        name = f"CONSTANT_{len(self.constants)}"
        self.constants[key] = name
        dtype = next(n for n, k in DTYPES.items() if k == array.dtype)
        plain = array.astype(np.float32) if dtype == "bfloat16" else array
        if array.size <= EMBEDDED_CONSTANT_ELEMENTS and _finite(plain):
            source = f"np.array({plain.tolist()!r})"
        else:
            self.large[name] = plain  # .npz has no bfloat16
            source = f'np.load(FOLDER / "constants.npz")[{name!r}]'
        kind = f'"{plain.dtype.name}"'
        text = f"np.ascontiguousarray({source}, dtype={kind}).reshape({array.shape!r})"
        if self.framework == "torch":
            text = f"torch.from_numpy({text}).to({self.dtype(dtype)})"
        elif dtype == "bfloat16":
            text = f"{text}.astype({self.dtype(dtype)})"
        return f"{name} = {text}"

    # ---- the class ---------------------------------------------------------------------------

    def _model(self) -> str:
        base = "(torch.nn.Module)" if self.framework == "torch" else ""
        lines = [f"class ModelNew{base}:", "    def __init__(self, *args, **kwargs):"]
        body = ["super().__init__()"] if self.framework == "torch" else []
        if self.design.state:
            body.append("for name, shape, dtype, kind in STATE:")
            body.append("    _add_state(self, name, shape, dtype, kind)")
        lines += [f"        {line}" for line in body or ["pass"]]
        lines += self.texts.entry
        lines += ["", f"    def {self.texts.call}({', '.join(['self', *self.arguments])}):"]
        lines += [f"        {line}" for line in self._forward()]
        return "\n" + "\n".join(lines)

    def _arguments(self) -> list[str]:
        """A name for every argument of the call: its buffer's, where it has one."""
        names = {
            int(b.key): self.local[b.name] for b in self.design.bindings if b.source == "input"
        }
        return [names.get(i, f"argument_{i}") for i in range(self.design.input_count)]

    def _forward(self) -> list[str]:
        lines: list[str] = []
        for position, value in self.design.fixed.items():
            lines += fixed_argument(self.arguments[position], position, value)
        for binding in self.design.bindings:
            lines += self._bind(binding.name)
        made: set[str] = set(self.bound)
        for step in self.plan.steps:
            if isinstance(step, FrameworkCall):
                lines += self._library_call(_renamed(step, self.local))
                made.update(step.dst)
            else:
                lines += self._segment(step, made)
        return [*lines, self._return()]

    def _bind(self, name: str) -> list[str]:
        binding, buffer = self.bound[name], self.plan.buffers[name]
        used, local = self._used(name), self.local[name]
        if binding.source == "constant":
            return [f"{local} = {self.constants[str(binding.key)]}"] if used else []
        if binding.source == "parameter":
            what = f"parameter {binding.key}"
            lines = [f"{local} = {self.texts.state_entry(str(binding.key), self._kind(binding))}"]
        else:
            what = f"input {binding.key}"
            argument = self.arguments[int(binding.key)]
            lines = [f"{local} = {argument}"] if argument != local else []
        lines += self._check(local, what, buffer.shape, self.dtype(buffer.dtype))
        return [*lines, *(self.texts.contiguous(local) if used else [])]

    def _used(self, name: str) -> bool:
        """Whether anything reads the buffer, which is then contiguous in memory."""
        return (
            any(name in c.args for s in self.plan.segments for c in s.calls)
            or any(self.local[name] in c.src for c in self.calls)
            or any(name == o.name for o in self.design.outputs)
        )

    def _kind(self, binding: Binding) -> str:
        """parameter or buffer."""
        return next((kind for n, _, _, kind in self.design.state if n == binding.key), "parameter")

    def _check(self, name: str, what: str, shape: tuple[int, ...], dtype: str) -> list[str]:
        test = self.texts.test.format(name=name, shape=shape, dtype=dtype)
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
            for n in self._passed(segment)
        ]
        lines.append(f"if {_entry(segment)}(_pack{len(addresses)}({', '.join(addresses)})):")
        lines.append('    raise MemoryError("no memory for the kernel\'s workspaces")')
        return lines

    def _passed(self, segment: Segment) -> list[str]:
        """The shared buffers up to the last that the segment uses: what its entry is handed."""
        used = {a for c in segment.calls for a in c.args}
        last = max((i for i, n in enumerate(self.plan.shared) if n in used), default=-1)
        return list(self.plan.shared[: last + 1])

    def _empty(self, buffer: Buffer) -> str:
        """Memory for a buffer. The framework makes one like an input in less time than one of a
        given shape and dtype."""
        for binding in self.design.bindings if self.texts.empty_like else ():
            like = self.plan.buffers[binding.name]
            same = (like.shape, like.dtype) == (buffer.shape, buffer.dtype)
            if same and binding.source == "input" and self._used(like.name):
                return self.texts.empty_like.format(name=self.local[binding.name])
        return f"{self.texts.empty}({buffer.shape}, dtype={self.dtype(buffer.dtype)})"

    def _library_call(self, call: FrameworkCall) -> list[str]:
        text, wanted = call_text(call, self.framework), wanted_outputs(call)
        lines = [f"results = _results({text})"]
        for name, position in zip(call.dst, wanted):
            lines.append(f"{name} = {self.texts.own.format(text=f'results[{position}]')}")
        return lines

    def _return(self) -> str:
        names = [self.local[o.name] for o in self.design.outputs]
        if self.design.structure == "tensor":
            return f"return {names[0]}"
        joined = ", ".join(names)
        if self.design.structure == "list":
            return f"return [{joined}]"
        return f"return ({joined}{',' if len(names) == 1 else ''})"


_OWN_NAMES = frozenset(
    ("np", "torch", "ml_dtypes", "ctypes", "self", "results", "Path", "Struct", "isinstance")
    + ("FOLDER", "STATE", "ModelNew", "TypeError", "ValueError", "MemoryError", "RuntimeError")
    + tuple(f"CONSTANT_{n}" for n in range(99))
)


def _local_names(names: Iterable[str]) -> dict[str, str]:
    """For each name itself, or a variant that hides nothing that kernel.py uses."""
    chosen: dict[str, str] = {}
    for name in names:
        local = f"own{name}" if name[:1] == "_" else name
        while keyword.iskeyword(local) or local in _OWN_NAMES or local in chosen.values():
            local += "_"
        chosen[name] = local
    return chosen


def _entry(segment: Segment) -> str:
    """The Python name of a host function; two leading underscores would be mangled in a class."""
    return "_" + segment.symbol.lstrip("_")


def _renamed(call: FrameworkCall, names: dict[str, str]) -> FrameworkCall:
    dst, src = (tuple(names[n] for n in group) for group in (call.dst, call.src))
    return dataclasses.replace(call, dst=dst, src=src)


def _finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
