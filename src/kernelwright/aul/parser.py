"""AUL text to its syntax tree.

AUL is a subset of Python's syntax: Python's own parser reads the text, and what it gives is
converted strictly. The spellings that AUL is documented with elsewhere are accepted and brought to
one form, see docs/aul.md.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from kernelwright.aul import syntax as s
from kernelwright.aul.parse_body import BodyReader, assign_each
from kernelwright.aul.parse_host import HostReader, launch_arguments
from kernelwright.aul.parse_source import Source, nearest
from kernelwright.aul.parse_values import Names, Values
from kernelwright.errors import AULError
from kernelwright.python_source import parse_python

NO_HOST = s.Host("", (), ())  # of a program that has kernels only


def parse(text: str) -> s.Program:
    """The program that ``text`` writes down.

    Raises AULError with 1-based line and column for anything that is not AUL. What needs more than
    the text's form (shapes, bounds, undefined names) is left to ``check``.
    """
    try:
        tree = parse_python(text)
        return _ProgramReader(Source(text), tree).read()
    except SyntaxError as error:
        message = error.msg or "invalid syntax"
        raise AULError(message, error.lineno or 1, max(1, error.offset or 1)) from error
    except ValueError as error:
        raise AULError(f"the text cannot be read: {error}", 1, 1) from error
    except (RecursionError, MemoryError) as error:
        raise AULError("an expression is nested too deeply", 1, 1) from error


class _ProgramReader:
    def __init__(self, source: Source, tree: ast.Module) -> None:
        self.source, self.tree = source, tree
        self.names = Names()
        self.values = Values(source, self.names)
        self.kernels: dict[str, ast.FunctionDef] = {}
        self.others: list[ast.FunctionDef] = []
        self.declarations: list[s.Declaration] = []

    def read(self) -> s.Program:
        doc = ""
        for number, node in enumerate(self.tree.body):
            constant = node.value if isinstance(node, ast.Expr) else None
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                doc = constant.value if number == 0 else doc
            else:
                self.top(node)
        tilings = [f for f in self.others if f.name.endswith("_tiling")]
        hosts = [f for f in self.others if f not in tilings]
        if len(hosts) > 1:
            self.source.fail(
                f"a program has one host function, but {hosts[0].name} and {hosts[1].name} are "
                f"both plain; mark kernels with @sub_kernel",
                hosts[1],
            )
        host = hosts[0] if hosts else None
        kernels = [self.kernel(f, host, bool(tilings)) for f in self.kernels.values()]
        if host is not None:
            read = self.host(host, kernels)
        elif tilings:
            read = self.tiling(tilings[-1], kernels)
        else:
            read = NO_HOST
        if not kernels and host is None:
            raise AULError("there is no @sub_kernel and no host function in this text", 1, 1)
        return s.Program(tuple(self.declarations), tuple(kernels), read, doc)

    # ---- top level ---------------------------------------------------------------------------

    def top(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports(node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self.declarations += assign_each(self.source, node.targets[0], node.value, self.declare)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.declarations += self.declare(node.target, node.value)
        elif isinstance(node, ast.FunctionDef):
            self.function(node)
        elif not isinstance(node, ast.Pass):
            word = type(node).__name__.lower()
            self.source.fail(
                f"{word!r} cannot stand at the top of a program; there are declarations "
                f"(N = U.Size(1024)), @sub_kernel functions and one host function",
                node,
            )

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.ImportFrom):
            if node.module not in ("aul", "__future__"):
                self.source.fail(f"a program imports aul only, not {node.module}", node)
            return
        for alias in node.names:
            if alias.name != "aul":
                self.source.fail(f"a program imports aul only, not {alias.name}", node)
            self.source.modules.add(alias.asname or alias.name)

    def declare(self, target: ast.expr, value: ast.expr) -> list[s.Declaration]:
        if not isinstance(target, ast.Name):
            self.source.fail("only names can be declared", target)
        name, loc = target.id, self.source.at(target)
        function = self.source.called(value)
        if function == "Size":
            assert isinstance(value, ast.Call)
            given = self.source.arguments(value, ("default",), 1)
            self.names.declared.add(name)
            return [s.Size(name, self.literal(given["default"]), loc)]
        if function == "Tunable":
            assert isinstance(value, ast.Call)
            self.names.declared.add(name)
            return [self.tunable(name, value, loc)]
        if self.values.is_float(value) or _is_true_division(value):
            self.names.floats[name] = float(self.values.number(value))
            return []
        expr = self.values.integer(value)
        if isinstance(expr, s.Int):
            self.names.literals[name] = expr.value
        self.names.declared.add(name)
        return [s.Const(name, expr, loc)]

    def literal(self, node: ast.expr) -> int:
        value = self.values.integer(node)
        if not isinstance(value, s.Int):
            self.source.fail("an integer literal is needed here", node)
        return value.value

    def tunable(self, name: str, call: ast.Call, loc: s.Location) -> s.Tunable:
        given = self.source.arguments(call, ("default", "choices"), 1)
        default = self.literal(given["default"])
        choices: tuple[int, ...] = (default,)
        if "choices" in given:
            node = given["choices"]
            if not isinstance(node, ast.Tuple | ast.List):
                self.source.fail("choices must be a tuple, such as (256, 512)", node)
            choices = tuple(self.literal(part) for part in node.elts)
        return s.Tunable(name, default, choices, loc)

    def function(self, node: ast.FunctionDef) -> None:
        decorators = [self.source.module_name(d) for d in node.decorator_list]
        for decorator, spelled in zip(decorators, node.decorator_list):
            if decorator != "sub_kernel":
                shown = ast.unparse(spelled)
                hint = nearest(shown, ["sub_kernel"])
                self.source.fail(f"the only decorator is @sub_kernel, not @{shown}{hint}", spelled)
        if not decorators:
            self.others.append(node)
        elif node.name in self.kernels:
            self.source.fail(f"the kernel {node.name} is defined twice", node)
        else:
            self.kernels[node.name] = node

    # ---- parameters --------------------------------------------------------------------------

    def params(self, node: ast.FunctionDef) -> list[tuple[ast.arg, bool]]:
        """Every parameter and whether it is a tensor (and not an integer)."""
        args = node.args
        if args.vararg or args.kwarg or args.kwonlyargs or args.posonlyargs:
            self.source.fail(f"{node.name} takes plain parameters only", node)
        seen: set[str] = set()
        for arg in args.args:
            if arg.arg in seen:
                self.source.fail(f"{node.name} has two parameters named {arg.arg!r}", arg)
            seen.add(arg.arg)
        return [(arg, not self.is_integer(arg)) for arg in args.args]

    def is_integer(self, arg: ast.arg) -> bool:
        spellings = ("int", "U.int32", "U.int64")
        return arg.annotation is not None and ast.unparse(arg.annotation) in spellings

    def param(self, arg: ast.arg, names: Names) -> s.Param:
        """``x``, ``x: U.TensorPtr`` or ``x: U.TensorPtr[dtype, shape, strides, offset]``."""
        loc = self.source.at(arg)
        if arg.annotation is None:
            return s.Param(arg.arg, loc=loc)
        node = arg.annotation
        parts: list[ast.expr] = []
        if isinstance(node, ast.Subscript):
            parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
            node = node.value
        kind = self.source.module_name(node)
        if kind not in ("TensorPtr", "OutPtr"):
            shown = ast.unparse(node)
            hint = nearest(shown.rpartition(".")[2], ["TensorPtr", "OutPtr"])
            self.source.fail(
                f"the type of {arg.arg} must be U.TensorPtr or U.OutPtr, not {shown}{hint}", node
            )
        if len(parts) > 4:
            self.source.fail("a type holds dtype, shape, strides and offset, no more", parts[4])
        values = Values(self.source, names)
        none = [isinstance(p, ast.Constant) and p.value is None for p in parts]
        parts += [ast.Constant(None)] * (4 - len(parts))
        none += [True] * (4 - len(none))
        return s.Param(
            arg.arg,
            None if none[0] else values.dtype(parts[0]),
            None if none[1] else values.shape(parts[1]),
            None if none[2] else values.shape(parts[2]),
            s.Int(0) if none[3] else values.integer(parts[3]),
            kind == "OutPtr",
            loc,
        )

    # ---- kernels -----------------------------------------------------------------------------

    def kernel(self, node: ast.FunctionDef, host: ast.FunctionDef | None, tiled: bool) -> s.Kernel:
        names = self.names.inside()
        params: list[s.Param] = []
        for arg, tensor in self.params(node):
            if not tensor:
                names.replaced[arg.arg] = self.integer_argument(node, arg, host)
            elif not (tiled and arg.arg == "tiling"):
                param = self.param(arg, names)
                params.append(param)
                names.params[param.name] = param
        body = BodyReader(self.source, names, node).body(node.body)
        written = {x.dst.name for x in s.statements(body) if isinstance(x, s.Copy)}
        finished = tuple(_as_output(p) if p.name in written else p for p in params)
        return s.Kernel(node.name, finished, body, self.source.at(node))

    def integer_argument(
        self, kernel: ast.FunctionDef, arg: ast.arg, host: ast.FunctionDef | None
    ) -> s.IntExpr:
        """What the launches pass for a kernel's integer parameter: one declared value."""
        params = [a.arg for a, _ in self.params(kernel)]
        found: set[s.IntExpr] = set()
        for node in ast.walk(host) if host is not None else ():
            if isinstance(node, ast.Call) and _launched(node) == kernel.name:
                given = launch_arguments(self.source, node, kernel.name, params)[arg.arg]
                unknown = [
                    n.id
                    for n in ast.walk(given)
                    if isinstance(n, ast.Name) and n.id not in self.names.declared
                ]
                if not unknown:
                    found.add(self.values.integer(given))
        if len(found) != 1:
            self.source.fail(
                f"{arg.arg} is an integer parameter; declare it at the top instead, "
                f"{arg.arg} = U.Size(1024), and drop it from the parameters",
                arg,
            )
        return found.pop()

    # ---- host --------------------------------------------------------------------------------

    def host(self, node: ast.FunctionDef, kernels: Sequence[s.Kernel]) -> s.Host:
        names = self.names.inside()
        for arg, tensor in self.params(node):
            if tensor:
                names.params[arg.arg] = self.param(arg, names)
            elif arg.arg not in names.declared:
                self.source.fail(
                    f"{arg.arg} is an integer parameter; declare it at the top instead, "
                    f"{arg.arg} = U.Size(1024), and drop it from the parameters",
                    arg,
                )
        written_as = {
            name: [(a.arg, tensor) for a, tensor in self.params(function)]
            for name, function in self.kernels.items()
        }
        body = HostReader(self.source, names, written_as).body(node.body)
        written = {n for x in body if isinstance(x, s.FrameworkCall) for n in x.dst}
        outputs = {k.name: [p.output for p in k.params] for k in kernels}
        for x in body:
            if isinstance(x, s.Launch):
                written |= {a for a, output in zip(x.args, outputs[x.kernel]) if output}
        finished = (_as_output(p) if p.name in written else p for p in names.params.values())
        return s.Host(node.name, tuple(finished), body, self.source.at(node))

    def tiling(self, node: ast.FunctionDef, kernels: Sequence[s.Kernel]) -> s.Host:
        """An old style ending: ``def name_tiling(..., tiling): BLOCK_DIM = 8; ...``."""
        cores: s.IntExpr | None = None
        for statement in node.body:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            if isinstance(statement, ast.Assign) and name == "BLOCK_DIM":
                cores = self.values.integer(statement.value)
            elif name != "WORKSPACE_SIZE" and not isinstance(statement, ast.Expr | ast.Pass):
                self.source.fail(
                    "a tiling function sets BLOCK_DIM and WORKSPACE_SIZE only", statement
                )
        if cores is None or len(kernels) != 1:
            self.source.fail(
                "a tiling function needs BLOCK_DIM = n and exactly one kernel; write a host "
                "function with core_num = n and kernel[core_num](...)",
                node,
            )
        kernel, loc = kernels[0], self.source.at(node)
        args = tuple(p.name for p in kernel.params)
        launch = s.Launch(kernel.name, s.Name("core_num", loc), args, loc)
        name = node.name.removesuffix("_tiling")
        if name == kernel.name:
            name += "_host"
        return s.Host(name, kernel.params, (s.CoreNum("core_num", cores, loc), launch), loc)


def _launched(call: ast.Call) -> str | None:
    function = call.func.value if isinstance(call.func, ast.Subscript) else call.func
    return function.id if isinstance(function, ast.Name) else None


def _as_output(param: s.Param) -> s.Param:
    """A parameter without a declared type that is written is an output."""
    if param.dtype is not None or param.shape is not None or param.output:
        return param
    return s.Param(param.name, output=True, loc=param.loc)


def _is_true_division(node: ast.expr) -> bool:
    """``1 / 8`` of literals: a number, where between integers ``/`` would mean ``//``."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div)
        and isinstance(node.left, ast.Constant)
        and node.left.value == 1
    )
