"""Rules of the host function: buffers, launches, what is written before it is read."""

from __future__ import annotations

import json

from kernelwright.aul import syntax as s
from kernelwright.aul.check_kernel import check_param
from kernelwright.aul.check_names import check_expr, check_form, nearest
from kernelwright.aul.diagnostics import Findings
from kernelwright.aul.dtypes import DTYPES

RAW_DTYPE = "uint8"  # a workspace of this dtype may be viewed as any other


class HostChecker:
    """Walks the host's statements in order; ``written`` grows with every launch and call."""

    def __init__(self, program: s.Program, declared: set[str], out: Findings) -> None:
        self.program, self.host, self.out = program, program.host, out
        self.declared = declared
        self.integers = set(declared)
        self.dtypes: dict[str, str | None] = {}
        self.inputs = {p.name for p in self.host.params if not p.output}
        self.written = set(self.inputs)
        self.kernels = {k.name: k for k in program.kernels}

    def run(self) -> None:
        for param in self.host.params:
            if param.name in self.dtypes or param.name in self.declared:
                self.out.error(f"{param.name!r} is already defined", param.loc)
            self.dtypes[param.name] = param.dtype
            check_param(param, self.declared, self.out)
            if param.strides is not None:
                self.out.error(f"{param.name} is a buffer of the host and has no strides; give "
                               f"them at the kernel's parameter", param.loc)  # fmt: skip
        for statement in self.host.body:
            if isinstance(statement, s.Workspace):
                self.workspace(statement)
            elif isinstance(statement, s.CoreNum):
                check_form(statement.value, self.integers, statement.name, self.out, statement.loc)
                if statement.name in self.dtypes or statement.name in self.declared:
                    self.out.error(f"{statement.name!r} is already defined", statement.loc)
                self.integers.add(statement.name)
            elif isinstance(statement, s.Launch):
                self.launch(statement)
            else:
                self.framework_call(statement)
        self.outputs()

    def outputs(self) -> None:
        for param in self.host.params:
            if param.output and param.name not in self.written:
                self.out.error(f"output {param.name} is never written by a launch", param.loc)
        launched = {x.kernel for x in self.host.body if isinstance(x, s.Launch)}
        for kernel in self.program.kernels:
            if kernel.name not in launched:
                self.out.warning(f"kernel {kernel.name} is never launched", kernel.loc)

    def workspace(self, x: s.Workspace) -> None:
        if x.name in self.dtypes or x.name in self.declared:
            self.out.error(f"{x.name!r} is already defined", x.loc)
        if x.dtype not in DTYPES:
            self.out.error(f"unknown dtype {x.dtype!r}{nearest(x.dtype, DTYPES)}", x.loc)
        for dim in x.shape:
            check_form(dim, self.declared, f"the length of {x.name}", self.out, x.loc)
        self.dtypes[x.name] = x.dtype

    def known(self, name: str, loc: s.Location) -> bool:
        if name not in self.dtypes:
            hint = nearest(name, self.dtypes)
            self.out.error(f"{name!r} is no parameter or workspace of the host{hint}", loc)
        return name in self.dtypes

    def launch(self, x: s.Launch) -> None:
        check_expr(x.cores, self.integers, self.out)
        kernel = self.kernels.get(x.kernel)
        if kernel is None:
            hint = nearest(x.kernel, self.kernels)
            self.out.error(f"there is no @sub_kernel named {x.kernel!r}{hint}", x.loc)
            return
        if len(kernel.params) != len(x.args):
            self.out.error(
                f"{x.kernel} takes {len(kernel.params)} arguments, but {len(x.args)} are given",
                x.loc,
            )
            return
        for param, arg in zip(kernel.params, x.args):
            if not self.known(arg, x.loc):
                continue
            self.argument(x, param, arg)
        shared = {a for p, a in zip(kernel.params, x.args) if p.output}
        for arg in sorted(shared & {a for p, a in zip(kernel.params, x.args) if not p.output}):
            self.out.warning(
                f"{x.kernel} reads and writes {arg}; a core does not see what another writes",
                x.loc,
            )
        self.written |= shared

    def argument(self, x: s.Launch, param: s.Param, arg: str) -> None:
        dtype = self.dtypes[arg]
        differs = param.dtype is not None and dtype is not None and param.dtype != dtype
        if differs and (dtype != RAW_DTYPE or arg in self.inputs):
            self.out.error(
                f"{x.kernel} takes {param.name} as {param.dtype}, but {arg} is {dtype}", x.loc
            )
        if param.output and arg in self.inputs:
            self.out.error(f"{x.kernel} writes {param.name}, but {arg} is an input of the host; "
                           f"declare it as U.OutPtr or use a workspace", x.loc)  # fmt: skip
        if not param.output and arg not in self.written:
            self.out.error(f"{x.kernel} reads {arg}, which nothing has written yet", x.loc)

    def framework_call(self, x: s.FrameworkCall) -> None:
        for name in x.src:
            if self.known(name, x.loc) and name not in self.written:
                self.out.error(f"{x.op} reads {name}, which nothing has written yet", x.loc)
        for name in x.dst:
            if self.known(name, x.loc) and name in self.inputs:
                self.out.error(f"{x.op} writes {name}, which is an input of the host", x.loc)
        try:
            attributes = json.loads(x.attrs)
        except json.JSONDecodeError as error:
            self.out.error(f"attrs is not JSON: {error}", x.loc)
        else:
            if not isinstance(attributes, dict):
                self.out.error('attrs must be a JSON object, such as "{}"', x.loc)
        self.written |= set(x.dst)
