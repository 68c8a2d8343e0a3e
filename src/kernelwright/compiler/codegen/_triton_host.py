"""The wrapper of a generated Triton file: sizes, launches, and ``class ModelNew``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kernelwright.aul import evaluate
from kernelwright.aul.syntax import (
    Const,
    CoreNum,
    FrameworkCall,
    HostStatement,
    IntExpr,
    Launch,
    Name,
    Param,
    Size,
    Workspace,
)
from kernelwright.compiler.codegen import _triton_ops as ops
from kernelwright.compiler.codegen._framework_call import (
    call_text,
    fixed_argument,
    wanted_outputs,
)
from kernelwright.compiler.codegen._triton_host_text import (
    CONVERSIONS,
    LAUNCH,
    PADDED,
    SEEN_ARRAYS,
    SEEN_TENSORS,
    TEAMS,
    WARPS,
    constant_files,
    constant_reader,
    elements_text,
    factor_of,
    in_class,
    maximal,
    shape_text,
    tuple_text,
    unpack,
    words_in,
)
from kernelwright.compiler.codegen._triton_index import host_text, names_in
from kernelwright.compiler.codegen._triton_kernel import PrintedKernel
from kernelwright.compiler.design import Binding, Design, OutputSpec, returned, written
from kernelwright.compiler.prepared import preparation
from kernelwright.errors import UnsupportedError
from kernelwright.graph.structure import rendered


@dataclass(frozen=True)
class HostText:
    """``sections`` of the file after the kernels; ``files`` that lie beside it."""

    sections: tuple[str, ...]
    files: Mapping[str, bytes]


class HostPrinter:
    """``values``: every declared name's value for the sizes that the design was made for.
    ``framework``: "torch" or "numpy". ``warps``: overrides the choice by tile size."""

    def __init__(
        self,
        design: Design,
        kernels: Mapping[str, PrintedKernel],
        values: Mapping[str, int],
        framework: str,
        options: Mapping[str, int],
        wide: bool,
    ) -> None:
        self.design, self.kernels, self.values = design, kernels, dict(values)
        self.framework, self.options, self.wide = framework, options, wide
        self.host = design.program.host
        outputs = {o.name for o in design.outputs}
        self.params = {p.name: p for p in self.host.params}
        self.tensors = [p for p in self.host.params if p.name not in outputs]
        self.bindings = {b.name: b for b in design.bindings}
        self.once = preparation(design)
        self.names = [
            d.name for d in design.program.declarations if isinstance(d, Size | Const)
        ] + [s.name for s in self.host.body if isinstance(s, CoreNum)]
        for p in self.tensors:
            if p.name not in self.bindings:
                raise UnsupportedError(f"host parameter {p.name!r} is bound to nothing")

    def print(self) -> HostText:
        sections = [LAUNCH]
        if not self.options.get("num_warps") and self.kernels:
            sections.append(WARPS)
        if any(k.team is not None for k in self.kernels.values()):
            sections.append(TEAMS)
        if any(k.padded for k in self.kernels.values()):
            sections.append(PADDED)
        shapes = tuple_text(
            tuple_text(str(self._value(e)) for e in p.shape or ()) for p in self.tensors
        )
        names = ", ".join(p.name for p in self.tensors) or "none"
        sections.append(
            f"# Shapes of the tensors that this file was made for: {names}.\nSHAPES = {shapes}\n"
        )
        sections += [self.sizes(), self.launches()]
        if any(isinstance(s, FrameworkCall) for s in self.host.body):
            sections.append(
                'def output(result, index):\n    """One of a framework op\'s results."""\n'
                "    chosen = result[index] if isinstance(result, (tuple, list)) else result\n"
                "    return chosen.contiguous()\n"
            )
        files = dict(constant_files(self.design.constants))
        if files:
            sections.append(constant_reader(self.design.constants))
        if self.framework == "numpy":
            sections.append(CONVERSIONS)
        if self.once.steps:
            sections.append(SEEN_ARRAYS if self.framework == "numpy" else SEEN_TENSORS)
        sections.append(self.model())
        return HostText(tuple(sections), files)

    def _value(self, expr: IntExpr) -> int:
        return evaluate(expr, self.values)

    # ---- sizes

    def sizes(self) -> str:
        """``def sizes(shapes)``: every Size and Const, and the core numbers."""
        lines, known = [], set()
        for d in self.design.program.declarations:
            if isinstance(d, Size):
                lines.append(f"{d.name} = {self._size_source(d)}")
                known.add(d.name)
        lines = unpack(lines, self.tensors)
        expected = tuple_text(shape_text(p) for p in self.tensors)
        later = [
            f"{d.name} = {host_text(d.value)}"
            for d in self.design.program.declarations
            if isinstance(d, Const)
        ]
        needs = set().union(*(names_in(e) for p in self.tensors for e in p.shape or ()))
        check = [
            f"expected = {expected}",
            "if shapes != expected:",
            '    raise ValueError(f"tensors of shapes {shapes} do not fit {expected}")',
        ]
        if self.tensors:
            ranks = [len(p.shape or ()) for p in self.tensors]
            counted = " and ".join(str(r) for r in ranks)
            lines[:0] = [
                f"if [len(s) for s in shapes] != {ranks}:",
                '    raise ValueError(f"tensors of shapes {shapes} do not have '
                f'{counted} dimensions")',
            ]
        later_first = needs - known
        lines += (later + check if later_first else check + later) if self.tensors else later
        lines += [
            f"{s.name} = {host_text(s.value)}" for s in self.host.body if isinstance(s, CoreNum)
        ]
        if not self.wide and self._buffers():
            counts = maximal(map(elements_text, self._buffers()))
            most = counts[0] if len(counts) == 1 else f"max({', '.join(counts)})"
            lines += [
                f"if {most} >= 2**31:",
                '    raise ValueError("these kernels index in 32 bits: at most 2**31 elements")',
            ]
        lines.append(f"return {tuple_text(self.names)}")
        body = "\n".join("    " + line for line in lines)
        doc = '    """Every size that depends on the shapes of the tensors."""'
        return f"@functools.lru_cache(maxsize=256)\ndef sizes(shapes):\n{doc}\n{body}\n"

    def _buffers(self) -> list[tuple[IntExpr, ...]]:
        found = [p.shape for p in self.host.params if p.shape]
        return found + [s.shape for s in self.host.body if isinstance(s, Workspace) and s.shape]

    def _size_source(self, size: Size) -> str:
        for t, p in enumerate(self.tensors):
            for d, dim in enumerate(p.shape or ()):
                if dim == Name(size.name):
                    return f"shapes[{t}][{d}]"
        for t, p in enumerate(self.tensors):
            for d, dim in enumerate(p.shape or ()):
                factor = factor_of(dim, size.name)
                if factor:
                    return f"shapes[{t}][{d}] // {factor}"
        return str(size.default)

    def _take_sizes(self, used: Iterable[str]) -> str | None:
        wanted = set(used)
        if not wanted & set(self.names):
            return None
        return f"{tuple_text(self.names, bare=True)} = sizes(shapes)"

    # ---- launches

    def launches(self) -> str:
        calls = [s for s in self.host.body if isinstance(s, Launch)]
        lines = []
        for launch in calls:
            kernel = self.kernels[launch.kernel]
            types = [ops.POINTERS[p.dtype or "float32"] for p in kernel.params]
            types += ["*i32"] if kernel.team is not None else []
            pointers = tuple_text(f'"{t}"' for t in types)
            arguments = [f"{n}={n}" for n in kernel.static]
            least = f", {kernel.least}" if kernel.least > 1 else ""
            arguments += [f"{n}=padded({host_text(e)}{least})" for n, e in kernel.padded.items()]
            arguments += ["TOGETHER=True"] if kernel.team is not None else []
            arguments += self._options(kernel)
            lines += [
                "    Launch(",
                f"        kernel={launch.kernel},",
                f"        pointers={pointers},",
                f"        grid=({host_text(launch.cores)},),",
                f"        arguments=dict({', '.join(arguments)}),",
                "    ),",
            ]
        body = ["return ("] + lines + [")"] if lines else ["return ()"]
        take = self._take_sizes(words_in(body))
        text = "\n".join("    " + line for line in ([take] if take else []) + body)
        doc = '    """Every launch, in order, for tensors of these shapes."""'
        return f"@functools.lru_cache(maxsize=256)\ndef launches(shapes):\n{doc}\n{text}\n"

    def _options(self, kernel: PrintedKernel) -> list[str]:
        shown = []
        if self.options.get("num_warps"):
            shown.append(f"num_warps={self.options['num_warps']}")
        else:
            texts = dict.fromkeys(self._tile_elements(kernel, shape) for shape in kernel.tiles)
            given = [str(kernel.each), *maximal(texts)]
            if kernel.columns:
                texts = dict.fromkeys(self._tile_elements(kernel, (c,)) for c in kernel.columns)
                most = texts if len(texts) == 1 else [f"max({', '.join(texts)})"]
                given += [f"columns={text}" for text in most]
            shown.append(f"num_warps=num_warps({', '.join(given)})")
        if kernel.registers is not None:
            shown.append(f"maxnreg={kernel.registers}")
        if self.options.get("num_stages"):
            shown.append(f"num_stages={self.options['num_stages']}")
        return shown

    def _tile_elements(self, kernel: PrintedKernel, shape: Sequence[str]) -> str:
        least = f", {kernel.least}" if kernel.least > 1 else ""
        factors = [
            f"padded({host_text(kernel.padded[s])}{least})" if s in kernel.padded else s
            for s in shape
        ]
        return " * ".join(factors) or "1"

    # ---- ModelNew

    def model(self) -> str:
        forward = self.forward()
        if self.framework == "torch":
            head = "class ModelNew(torch.nn.Module):\n"
        else:
            head = "class ModelNew:\n"
        if self.once.steps:
            forward = self.prepare() + "\n" + forward
        return head + self.constructor() + "\n" + forward

    def constructor(self) -> str:
        lines = ["def __init__(self, *arguments, **keywords):"]
        if self.framework == "torch":
            lines.append("    super().__init__()")
        elif not self.design.state:
            lines.append("    pass")
        if self.once.steps:
            lines.append("    self._prepared = (None,)")
        for name, shape, dtype, kind in self.design.state:
            lines += self._declare(name, shape, dtype, kind)
        return "\n".join(f"    {line}" for line in lines) + "\n"

    def _declare(self, name: str, shape: tuple[int, ...], dtype: str, kind: str) -> list[str]:
        *path, last = name.split(".")
        if self.framework == "numpy":
            holder = "self"
            lines = []
            for part in path:
                lines.append(f'    if not hasattr({holder}, "{part}"):')
                lines.append(f"        {holder}.{part} = types.SimpleNamespace()")
                holder += f".{part}"
            kind_text = "np.uint16" if dtype == "bfloat16" else f'"{dtype}"'
            return [*lines, f"    {holder}.{last} = np.zeros({shape}, dtype={kind_text})"]
        lines = ["    holder = self"] if path else []
        for part in path:
            lines.append(f'    if not hasattr(holder, "{part}"):')
            lines.append(f'        holder.add_module("{part}", torch.nn.Module())')
            lines.append(f'    holder = holder.get_submodule("{part}")')
        holder = "holder" if path else "self"
        tensor = f"torch.zeros({shape}, dtype=torch.{dtype})"
        if kind == "parameter":
            value = f"torch.nn.Parameter({tensor}, requires_grad=False)"
            return [*lines, f'    {holder}.register_parameter("{last}", {value})']
        return [*lines, f'    {holder}.register_buffer("{last}", {tensor})']

    def forward(self) -> str:
        arguments = self._arguments()
        # An input's own name soon stands for a contiguous copy of it.
        lines = [f"_written{index} = {arguments[index]}" for index, _ in written(self.design)]
        for position, value in self.design.fixed.items():
            lines += fixed_argument(arguments[position], position, value)
        for p in self.tensors:
            lines.append(f"{p.name} = {self._source(self.bindings[p.name], arguments)}")
        lines += self._dtype_check(self.tensors)
        on_device = self._body([s for s in self.host.body if s not in self.once])
        if self.tensors:
            shapes = tuple_text(f"tuple({p.name}.shape)" for p in self.tensors)
            lines += [f"shapes = {shapes}", f"device = {self.tensors[0].name}.device"]
        else:
            lines.append("shapes = ()")
            lines.append('device = torch.device("cuda" if torch.cuda.is_available() else "cpu")')
        take = self._take_sizes(words_in(on_device))
        lines += [take] if take else []
        lines += self._take_prepared() if self.once.steps else []
        lines += self._on_device(on_device, self.tensors)
        lines += [f"_written{index}.copy_({o.name})" for index, o in written(self.design)]
        lines.append(f"return {self._result()}")
        text = [f"def forward({', '.join(['self', *arguments])}):"] + [f"    {x}" for x in lines]
        if self.framework == "numpy":
            text += ["", "__call__ = forward"]
        return in_class(text)

    def _on_device(self, lines: list[str], tensors: Sequence[Param]) -> list[str]:
        if not tensors:
            return lines
        guard = f"with torch.cuda.device_of({tensors[0].name}):  # does nothing for CPU tensors"
        return [guard, *(f"    {line}" for line in lines)]

    def prepare(self) -> str:
        """The method that computes what depends on the Model's state alone."""
        state = [p for p in self.tensors if p.name in self.once.state]
        constants = [p for p in self.tensors if self.bindings[p.name].source == "constant"]
        lines = ['"""What depends on the state alone; done again when the state has changed."""']
        for p in state:
            lines.append(f"{p.name} = {self._attribute(self.bindings[p.name])}")
        lines.append(f"seen = seen_state({tuple_text(p.name for p in state)})")
        for p in state:
            lines.append(f"{p.name} = {self._source(self.bindings[p.name], ())}")
        lines += [*self._dtype_check(state), f"device = {state[0].name}.device"]
        lines += [
            f'{p.name} = stored_array("{self.bindings[p.name].key}", device)' for p in constants
        ]
        on_device = self._body(self.once.steps, allocate=[])
        take = self._take_sizes(words_in(on_device))
        lines += ["shapes = SHAPES", *([take] if take else [])]
        lines += self._on_device(on_device, state)
        lines.append(f"self._prepared = (*seen, {', '.join(self.once.buffers)})")
        lines.append("return self._prepared")
        return in_class(["def prepare(self):", *(f"    {line}" for line in lines)])

    def _take_prepared(self) -> list[str]:
        """The prepared buffers as names, made anew when the state is not as it was."""
        held = [self._attribute(self.bindings[n]) for n in self.once.state]
        lines = [f"state = {tuple_text(held)}", "prepared = self._prepared"]
        lines += ["if changed(state, prepared):", "    prepared = self.prepare()"]
        return [*lines, f"{tuple_text(self.once.buffers, bare=True)} = prepared[2:]"]

    def _dtype_check(self, tensors: Sequence[Param]) -> list[str]:
        """Refuses dtypes that the kernels were not made for, of arguments and of state."""
        given = [p for p in tensors if self.bindings[p.name].source != "constant"]
        if not given:
            return []
        have = tuple_text(f"{p.name}.dtype" for p in given)
        want = tuple_text(f"torch.{p.dtype or 'float32'}" for p in given)
        names = ", ".join(p.name for p in given)
        return [
            f"if {have} != {want}:",
            f'    raise TypeError(f"these kernels take {names} of {want}, not {{{have}}}")',
        ]

    def _arguments(self) -> list[str]:
        by_position = {b.key: b.name for b in reversed(self.design.bindings) if b.source == "input"}
        return [by_position.get(i, f"unused{i}") for i in range(self.design.input_count)]

    def _source(self, binding: Binding, arguments: Sequence[str]) -> str:
        if binding.source == "input":
            argument = arguments[int(binding.key)]
            return (
                f"{argument}.contiguous()" if self.framework == "torch" else f"tensor({argument})"
            )
        if binding.source == "constant":
            device = ""
            near = next((b for b in self.design.bindings if b.source != "constant"), None)
            if near is not None:
                device = f"{near.name}.device"
            else:
                device = 'torch.device("cuda" if torch.cuda.is_available() else "cpu")'
            return f'stored_array("{binding.key}", {device})'
        text = self._attribute(binding)
        return f"tensor({text})" if self.framework == "numpy" else f"{text}.contiguous()"

    def _attribute(self, binding: Binding) -> str:
        """A parameter or buffer, as the Model holds it."""
        key = str(binding.key)
        kinds = {name: kind for name, _, _, kind in self.design.state}
        if self.framework == "numpy" or all(part.isidentifier() for part in key.split(".")):
            return f"self.{key}"
        getter = "get_parameter" if kinds.get(key, "parameter") == "parameter" else "get_buffer"
        return f'self.{getter}("{key}")'

    def _body(
        self, statements: Iterable[HostStatement], allocate: Sequence[OutputSpec] | None = None
    ) -> list[str]:
        """Allocations (of the outputs, unless others are given), launches and calls, in order."""
        statements = list(statements)
        called = {d for s in self.host.body if isinstance(s, FrameworkCall) for d in s.dst}
        lines = []
        for o in self.design.outputs if allocate is None else allocate:
            if o.name not in called:
                lines.append(self._allocate(o.name, self.params[o.name].shape or (), o.dtype))
        launches = [s for s in self.host.body if isinstance(s, Launch)]
        if any(isinstance(s, Launch) for s in statements):
            lines.append("run = launches(shapes)")
        lines += self._workspaces(statements, called)
        for s in statements:
            if isinstance(s, FrameworkCall):
                lines += self._call(s)
            elif isinstance(s, Launch):
                number = next(i for i, other in enumerate(launches) if other is s)
                tensors = ", ".join(s.args)
                team = self.kernels[s.kernel].team
                if team is not None:
                    size = host_text(team)
                    lines.append(f"launch_teams(run[{number}], {size}, device, {tensors})")
                    continue
                lines.append(
                    f"{s.kernel}[run[{number}].grid]({tensors}, **run[{number}].arguments)"
                )
        return lines or ["pass"]

    def _workspaces(self, statements: Sequence[HostStatement], called: set[str]) -> list[str]:
        """Memory for what these statements' launches need beside what stands already."""
        used = {a for s in statements if isinstance(s, Launch) for a in s.args}
        first = any(s in self.once for s in statements)
        ready = set() if first else set(self.once.buffers)
        return [
            self._allocate(s.name, s.shape, s.dtype)
            for s in self.host.body
            if isinstance(s, Workspace) and s.name in used - called - ready
        ]

    def _allocate(self, name: str, shape: Sequence[IntExpr], dtype: str) -> str:
        text = tuple_text(host_text(e) for e in shape)
        return f"{name} = torch.empty({text}, dtype=torch.{dtype}, device=device)"

    def _call(self, call: FrameworkCall) -> list[str]:
        if self.framework == "numpy" and not call.op.startswith(("aten.", "matmul")):
            raise UnsupportedError(
                f"the library call {call.op!r} has no form on the GPU; use impl_type cpp"
            )
        made, wanted = call_text(call, "torch", "device"), wanted_outputs(call)
        if len(call.dst) == 1:
            return [f"{call.dst[0]} = output({made}, {wanted[0]})"]
        return [f"made = {made}"] + [
            f"{name} = output(made, {index})" for name, index in zip(call.dst, wanted)
        ]

    def _result(self) -> str:
        names = [o.name for o in returned(self.design)]
        if self.framework == "numpy":
            names = [f"array({n})" for n in names]
        return rendered(self.design.structure, names)
