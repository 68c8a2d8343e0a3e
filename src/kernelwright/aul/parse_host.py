"""The host function."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence

from kernelwright.aul import syntax as s
from kernelwright.aul.dtypes import itemsize
from kernelwright.aul.parse_body import assign_each
from kernelwright.aul.parse_source import Source, nearest
from kernelwright.aul.parse_values import Names, Values


class HostReader:
    """``kernels`` maps a kernel's name to its parameter names as written; integer parameters and
    other ones that no kernel of the tree has are None."""

    def __init__(
        self, source: Source, names: Names, kernels: Mapping[str, Sequence[tuple[str, bool]]]
    ) -> None:
        self.source, self.names, self.kernels = source, names, kernels
        self.values = Values(source, names)
        self.buffers: set[str] = set(names.params)

    def body(self, nodes: Sequence[ast.stmt]) -> tuple[s.HostStatement, ...]:
        return tuple(statement for node in nodes for statement in self.statement(node))

    def statement(self, node: ast.stmt) -> list[s.HostStatement]:
        if isinstance(node, ast.Pass | ast.Return):
            return []  # what a host returns is its U.OutPtr parameters
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            return assign_each(self.source, node.targets[0], node.value, self.assign)
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return self.assign(node.target, node.value)
        if isinstance(node, ast.Expr):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                return []
            if isinstance(node.value, ast.Call):
                if self.source.called(node.value) == "framework_call":
                    return [self.framework_call(node.value)]
                return [self.launch(node.value)]
        word = type(node).__name__.lower()
        self.source.fail(
            f"{word!r} is no statement of a host function; it has workspaces "
            f"(t = U.SetGlobalTensorPtr(...)), core_num = n, launches (kernel[core_num](x, y)) and "
            f"U.framework_call(...)",
            node,
        )

    def assign(self, target: ast.expr, value: ast.expr) -> list[s.HostStatement]:
        if not isinstance(target, ast.Name):
            self.source.fail(f"only names can be assigned, not {ast.unparse(target)!r}", target)
        loc = self.source.at(target)
        function = self.source.called(value)
        if function == "SetGlobalTensorPtr":
            assert isinstance(value, ast.Call)
            self.buffers.add(target.id)
            return [self.workspace(target, value)]
        if function in ("Tile", "FilledTile"):
            self.source.fail("tiles belong to kernels, not to the host function", value)
        if self.values.is_float(value):
            self.source.fail(f"{target.id} is a float; move it to the top of the program", target)
        return [s.CoreNum(target.id, self.values.integer(value), loc)]

    def workspace(self, target: ast.Name, call: ast.Call) -> s.Workspace:
        """``length=`` counts elements; ``bufferSize=`` bytes."""
        given = self.source.arguments(
            call, ("length", "dtype"), 0, {"shape": "length"}, ("bufferSize",)
        )
        loc = self.source.at(target)
        dtype = self.values.dtype(given["dtype"]) if "dtype" in given else None
        if "bufferSize" in given:
            if "length" in given:
                self.source.fail("give length= or bufferSize=, not both", call)
            size = self.values.integer(given["bufferSize"])
            if dtype is None or itemsize(dtype) == 1:
                return s.Workspace(target.id, (size,), dtype or "uint8", loc)
            count: s.IntExpr = s.Binary("//", size, s.Int(itemsize(dtype)), loc)
            if isinstance(size, s.Int):
                count = s.Int(size.value // itemsize(dtype), size.loc)
            return s.Workspace(target.id, (count,), dtype, loc)
        for name in ("length", "dtype"):
            if name not in given:
                self.source.fail(f"U.SetGlobalTensorPtr needs {name}=", call)
        assert dtype is not None
        return s.Workspace(target.id, self.values.shape(given["length"]), dtype, loc)

    def launch(self, call: ast.Call) -> s.Launch:
        function = call.func
        cores: s.IntExpr = s.Int(1, self.source.at(call))
        if isinstance(function, ast.Subscript):
            cores = self.values.integer(function.slice)
            function = function.value
        if not isinstance(function, ast.Name) or function.id not in self.kernels:
            shown = ast.unparse(function)
            hint = nearest(shown, self.kernels)
            self.source.fail(f"{shown!r} is no kernel of this program{hint}", call)
        params = self.kernels[function.id]
        nodes = launch_arguments(self.source, call, function.id, [n for n, _ in params])
        if "core_num" in nodes:
            cores = self.values.integer(nodes.pop("core_num"))
        args = []
        for name, node in nodes.items():
            if name in (n for n, is_tensor in params if not is_tensor):
                continue
            if not isinstance(node, ast.Name):
                shown = ast.unparse(node)
                self.source.fail(
                    f"a launch passes parameters and workspaces of the host, not {shown!r}", node
                )
            args.append(node.id)
        return s.Launch(function.id, cores, tuple(args), self.source.at(call))

    def framework_call(self, call: ast.Call) -> s.FrameworkCall:
        given = self.source.arguments(call, ("op", "dst", "src", "attrs"), 3)
        attrs = "{}"
        if "attrs" in given:
            attrs = self.source.text(given["attrs"], "attrs")
            try:
                json.loads(attrs)
            except json.JSONDecodeError as error:
                self.source.fail(f"attrs must be JSON text: {error}", given["attrs"])
        return s.FrameworkCall(
            self.source.text(given["op"], "op"),
            self.name_list(given["dst"]),
            self.name_list(given["src"]),
            attrs,
            self.source.at(call),
        )

    def name_list(self, node: ast.expr) -> tuple[str, ...]:
        parts = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
        for part in parts:
            if not isinstance(part, ast.Name):
                self.source.fail(f"a buffer's name is needed, not {ast.unparse(part)!r}", part)
        return tuple(part.id for part in parts if isinstance(part, ast.Name))


def launch_arguments(
    source: Source, call: ast.Call, kernel: str, params: Sequence[str]
) -> dict[str, ast.expr]:
    """A launch's arguments by the kernel's parameter names; ``core_num`` may be among them."""
    if len(call.args) + len(call.keywords) == 0 and params:
        source.fail(f"{kernel} takes {len(params)} arguments: {', '.join(params)}", call)
    if len(call.args) > len(params):
        source.fail(f"{kernel} takes {len(params)} arguments, but {len(call.args)} are given", call)
    given: dict[str, ast.expr] = dict(zip(params, call.args))
    for keyword in call.keywords:
        known = [*params, "core_num"]
        if keyword.arg is None or keyword.arg not in known or keyword.arg in given:
            hint = nearest(keyword.arg or "", known)
            source.fail(f"{kernel} has no parameter {keyword.arg!r} left to set{hint}", keyword)
        given[keyword.arg] = keyword.value
    missing = [name for name in params if name not in given]
    if missing:
        source.fail(f"the launch of {kernel} lacks {', '.join(missing)}", call)
    ordered = {name: given[name] for name in params}
    return {**ordered, "core_num": given["core_num"]} if "core_num" in given else ordered
