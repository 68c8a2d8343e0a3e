"""A Graph as one function on tensors in linalg and hfusion, which bishengir-compile schedules.

Every op stands alone, on whole tensors: fusion, tiles, memory of the cores and synchronisation are
the NPU compiler's. What has no named form there is refused with its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from kernelwright.compiler.codegen._mlir_text import TYPES, attribute
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import Graph, Node, is_float

_LINALG_UNARY = {"exp": "exp", "log": "log", "abs": "abs", "ceil": "ceil", "floor": "floor",
                 "neg": "negf"}  # fmt: skip
_HFUSION_UNARY = {
    "sqrt": "sqrt", "rsqrt": "rsqrt", "reciprocal": "rec", "relu": "relu", "tanh": "tanh",
    "sin": "sin", "cos": "cos", "atan": "atan", "tan": "tan", "erf": "erf", "log2": "log2",
    "log10": "log10", "log1p": "log1p", "exp2": "exp2", "expm1": "expm1", "logical_not": "vnot",
}  # fmt: skip
_LINALG_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "div": "div",
                  "maximum": "max_signed", "minimum": "min_signed"}  # fmt: skip
_HFUSION_BINARY = {"logical_and": "vand", "logical_or": "vor", "pow": "powf"}
_COMPARE = {p: f"v{p}" for p in ("eq", "ne", "le", "lt", "ge", "gt")}
_REDUCE = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min", "any": "or", "all": "and"}
_HALVES = ("float16", "bfloat16")
_ENTRY = (
    "hacc.entry",
    "hacc.function_kind = #hacc.function_kind<DEVICE>",
    "hfusion.fusion_kind = #hfusion.fusion_kind<ANY_PBR>",
)


def tensor_type(shape: Sequence[int], dtype: str) -> str:
    return f"tensor<{''.join(f'{n}x' for n in shape)}{TYPES[dtype]}>"


def ascend_source(graph: Graph, name: str, attributes: Sequence[str]) -> str:
    """The module with function ``name``: the graph's inputs to its outputs (and then the new values
    of inputs that it writes to). Raises UnsupportedError for an op without a form."""
    writer = _Writer(graph)
    for node in graph.nodes():
        writer.write(node)
    given = ", ".join(f"%arg{i}: {_outside(n)}" for i, n in enumerate(graph.inputs))
    results = ", ".join(map(_outside, graph.outputs))
    marks = ",\n".join(f"    {mark}" for mark in (*attributes, *_ENTRY))
    values = ", ".join(writer.given_back(n) for n in graph.outputs)
    head = f"  func.func @{name}({given}) -> ({results}) attributes {{\n{marks}\n  }} {{"
    tail = f"    return {values} : {results}\n  }}\n}}\n"
    return "\n".join(["module {", head, *writer.lines, tail])


def _outside(node: Node) -> str:
    """The type of an argument or result: a bool is a byte there."""
    return tensor_type(node.shape, "int8" if node.dtype == "bool" else node.dtype)


def _type(node: Node) -> str:
    return tensor_type(node.shape, node.dtype)


class _Writer:
    """``values``: the name of each node's tensor."""

    def __init__(self, graph: Graph) -> None:
        self.lines: list[str] = []
        self.values: dict[int, str] = {}
        self.count = 0
        for index, node in enumerate(graph.inputs):
            value = f"%arg{index}"
            if node.dtype == "bool":
                wide = self.converted(value, node.shape, "int8", "float16")
                zero = self.number(0, node.shape, "float16")
                value = self.compared("vne", [wide, zero], node.shape, "float16")
            self.values[node.id] = value

    def given_back(self, node: Node) -> str:
        value = self.values[node.id]
        if node.dtype != "bool":
            return value
        wide = self.converted(value, node.shape, "bool", "float16")
        return self.converted(wide, node.shape, "float16", "int8")

    def new(self, text: str) -> str:
        name = f"%{self.count}"
        self.count += 1
        self.lines.append(f"    {name} = {text}")
        return name

    def empty(self, type: str) -> str:
        return self.new(f"tensor.empty() : {type}")

    def write(self, node: Node) -> None:
        if node.id in self.values:
            return
        table: dict[str, Callable[[Node], str]] = {
            "constant": self.constant, "cast": self.cast, "where": self.select,
            "reshape": self.reshape, "expand": self.expand, "transpose": self.transpose,
            "slice": self.slice, "concat": self.concat, "pad": self.pad,
            "isnan": self.isnan, "isinf": self.isinf, "isfinite": self.isfinite,
            "square": self.square, "sigmoid": self.sigmoid, "sign": self.sign, "alias": self.same,
        }  # fmt: skip
        if node.op in table:
            self.values[node.id] = table[node.op](node)
        elif node.op in ("neg", "abs") and not is_float(node.dtype):
            self.values[node.id] = self.integer(node)
        elif node.op in _LINALG_UNARY:
            self.values[node.id] = self.unary("linalg", _LINALG_UNARY[node.op], node)
        elif node.op in _HFUSION_UNARY:
            self.values[node.id] = self.unary("hfusion", _HFUSION_UNARY[node.op], node)
        elif node.op in _LINALG_BINARY:
            self.values[node.id] = self.binary("linalg", _LINALG_BINARY[node.op], node)
        elif node.op in _HFUSION_BINARY:
            self.values[node.id] = self.binary("hfusion", _HFUSION_BINARY[node.op], node)
        elif node.op in _COMPARE:
            self.values[node.id] = self.compare(_COMPARE[node.op], node, *node.inputs)
        elif node.op in _REDUCE:
            self.values[node.id] = self.reduce(node)
        else:
            raise UnsupportedError(f"{node.op} has no form for Ascend yet")

    # ---- element by element ------------------------------------------------------------------

    def at(self, node: Node, shape: Sequence[int]) -> str:
        """A node's tensor repeated to ``shape``."""
        value, old = self.values[node.id], list(node.shape)
        if tuple(old) == tuple(shape):
            return value
        padded = [1] * (len(shape) - len(old)) + old
        kept = [d for d, n in enumerate(padded) if n == shape[d]]
        small = [shape[d] for d in kept]
        value = self.reshaped(value, old, small, node.dtype)
        if small == list(shape):
            return value
        type = tensor_type(shape, node.dtype)
        added = ", ".join(str(d) for d in range(len(shape)) if d not in kept)
        source = tensor_type(small, node.dtype)
        name = f"%{self.count + 1}"
        out = self.empty(type)
        self.count += 1
        self.lines.append(
            f"    {name} = linalg.broadcast ins({value} : {source}) outs({out} : {type}) "
            f"dimensions = [{added}]"
        )
        return name

    def named(
        self, op: str, values: Sequence[str], types: Sequence[str], shape: Sequence[int], dtype: str
    ) -> str:
        result = tensor_type(shape, dtype)
        out = self.empty(result)
        given = f"{', '.join(values)} : {', '.join(types)}"
        return self.new(f"{op} ins({given}) outs({out} : {result}) -> {result}")

    def unary(self, dialect: str, fun: str, node: Node) -> str:
        return self.applied(dialect, fun, self.values[node.inputs[0].id], node.shape, node.dtype)

    def applied(self, dialect: str, fun: str, value: str, shape: Sequence[int], dtype: str) -> str:
        op = f"{dialect}.elemwise_unary {{fun = #{dialect}.unary_fn<{fun}>}}"
        return self.named(op, [value], [tensor_type(shape, dtype)], shape, dtype)

    def binary(self, dialect: str, fun: str, node: Node) -> str:
        values = [self.at(n, node.shape) for n in node.inputs]
        return self.joined(dialect, fun, values, node.shape, node.dtype)

    def joined(
        self, dialect: str, fun: str, values: Sequence[str], shape: Sequence[int], dtype: str
    ) -> str:
        op = f"{dialect}.elemwise_binary {{fun = #{dialect}.binary_fn<{fun}>}}"
        return self.named(op, values, [tensor_type(shape, dtype)] * 2, shape, dtype)

    def compare(self, fun: str, node: Node, *operands: Node) -> str:
        values = [self.at(n, node.shape) for n in operands]
        return self.compared(fun, values, node.shape, operands[0].dtype)

    def compared(self, fun: str, values: Sequence[str], shape: Sequence[int], dtype: str) -> str:
        op = f"hfusion.compare {{compare_fn = #hfusion.compare_fn<{fun}>}}"
        return self.named(op, values, [tensor_type(shape, dtype)] * 2, shape, "bool")

    def number(self, value: float, shape: Sequence[int], dtype: str) -> str:
        scalar = attribute(value, dtype)
        kind = "" if dtype == "bool" else f" : {TYPES[dtype]}"
        one = self.new(f"arith.constant {scalar}{kind}")
        type = tensor_type(shape, dtype)
        out = self.empty(type)
        return self.new(f"linalg.fill ins({one} : {TYPES[dtype]}) outs({out} : {type}) -> {type}")

    def constant(self, node: Node) -> str:
        array = node.attrs["value"]
        if array.size != 1:
            raise UnsupportedError("a table of numbers has no form for Ascend yet")
        return self.number(array.reshape(())[()], node.shape, node.dtype)

    def cast(self, node: Node) -> str:
        source = node.inputs[0]
        value = self.values[source.id]
        if source.dtype == node.dtype:
            return value
        if node.dtype == "bool":
            zero = self.number(0, node.shape, source.dtype)
            return self.compared("vne", [value, zero], node.shape, source.dtype)
        return self.converted(value, node.shape, source.dtype, node.dtype)

    def converted(self, value: str, shape: Sequence[int], have: str, want: str) -> str:
        mode = "trunc" if is_float(have) and not is_float(want) else "rint"
        op = f"hfusion.cast {{round_mode = #hfusion.round_mode<{mode}>}}"
        return self.named(op, [value], [tensor_type(shape, have)], shape, want)

    def select(self, node: Node) -> str:
        values = [self.at(n, node.shape) for n in node.inputs]
        types = [tensor_type(node.shape, n.dtype) for n in node.inputs]
        return self.named("hfusion.select", values, types, node.shape, node.dtype)

    def isnan(self, node: Node) -> str:
        x = node.inputs[0]
        return self.compare("vne", node, x, x)

    def isinf(self, node: Node) -> str:
        return self.against_infinity("veq", node)

    def isfinite(self, node: Node) -> str:
        return self.against_infinity("vlt", node)

    def against_infinity(self, fun: str, node: Node) -> str:
        x = node.inputs[0]
        size = self.applied("linalg", "abs", self.values[x.id], x.shape, x.dtype)
        end = self.number(float("inf"), x.shape, x.dtype)
        return self.compared(fun, [size, end], x.shape, x.dtype)

    def square(self, node: Node) -> str:
        value = self.values[node.inputs[0].id]
        return self.joined("linalg", "mul", [value, value], node.shape, node.dtype)

    def sigmoid(self, node: Node) -> str:
        shape, dtype = node.shape, node.dtype
        minus = self.applied("linalg", "negf", self.values[node.inputs[0].id], shape, dtype)
        power = self.applied("linalg", "exp", minus, shape, dtype)
        one = self.number(1, shape, dtype)
        return self.applied(
            "hfusion", "rec", self.joined("linalg", "add", [power, one], shape, dtype), shape, dtype
        )

    def sign(self, node: Node) -> str:
        shape, dtype = node.shape, node.dtype
        x, types = self.values[node.inputs[0].id], [tensor_type(shape, d) for d in ("bool", dtype)]
        zero, one, minus = (self.number(n, shape, dtype) for n in (0, 1, -1))
        types = [types[0], types[1], types[1]]
        below = self.compared("vlt", [x, zero], shape, dtype)
        rest = self.named("hfusion.select", [below, minus, zero], types, shape, dtype)
        above = self.compared("vgt", [x, zero], shape, dtype)
        return self.named("hfusion.select", [above, one, rest], types, shape, dtype)

    def integer(self, node: Node) -> str:
        """The negative or the absolute value."""
        value, shape, dtype = self.values[node.inputs[0].id], node.shape, node.dtype
        zero = self.number(0, shape, dtype)
        minus = self.joined("linalg", "sub", [zero, value], shape, dtype)
        if node.op == "neg":
            return minus
        return self.joined("linalg", "max_signed", [value, minus], shape, dtype)

    def same(self, node: Node) -> str:
        return self.values[node.inputs[0].id]

    # ---- reductions --------------------------------------------------------------------------

    def reduce(self, node: Node) -> str:
        source = node.inputs[0]
        axes = sorted(a % len(source.shape) for a in node.attrs["axes"])
        value, dtype = self.values[source.id], source.dtype
        if dtype in _HALVES:  # one rounding, of the result
            value, dtype = self.converted(value, source.shape, dtype, "float32"), "float32"
        kept = [n for d, n in enumerate(source.shape) if d not in axes]
        op = _REDUCE[node.op]
        suffix = {"or": "i", "and": "i"}.get(op) or ("f" if is_float(dtype) else "i")
        first = self.number(_neutral(node.op, dtype), kept, dtype)
        named = {"max": "maximumf", "min": "minimumf"} if suffix == "f" else {
            "max": "maxsi", "min": "minsi"
        }  # fmt: skip
        combine = named.get(op, op + suffix)
        types = tensor_type(source.shape, dtype), tensor_type(kept, dtype)
        made = self.new(
            f"linalg.reduce {{ arith.{combine} }} ins({value} : {types[0]}) "
            f"outs({first} : {types[1]}) dimensions = [{', '.join(map(str, axes))}]"
        )
        if dtype != node.dtype:
            made = self.converted(made, kept, dtype, node.dtype)
        return self.reshaped(made, kept, node.shape, node.dtype)

    # ---- moves -------------------------------------------------------------------------------

    def reshape(self, node: Node) -> str:
        source = node.inputs[0]
        return self.reshaped(self.values[source.id], source.shape, node.shape, node.dtype)

    def reshaped(self, value: str, old: Sequence[int], new: Sequence[int], dtype: str) -> str:
        """By way of one dimension, or straight where one side is that."""
        if list(old) == list(new):
            return value
        if not old:
            return self.regrouped("expand_shape", value, old, new, dtype)
        flat = [prod(old)] if new else []
        if list(old) != flat:
            value = self.regrouped("collapse_shape", value, old, flat, dtype)
        if list(new) != flat:
            value = self.regrouped("expand_shape", value, flat, new, dtype)
        return value

    def regrouped(
        self, op: str, value: str, old: Sequence[int], new: Sequence[int], dtype: str
    ) -> str:
        longer = max(len(old), len(new))
        groups = f"[[{', '.join(map(str, range(longer)))}]]" if old and new else "[]"
        said = f" output_shape [{', '.join(map(str, new))}]" if op == "expand_shape" else ""
        types = f"{tensor_type(old, dtype)} into {tensor_type(new, dtype)}"
        return self.new(f"tensor.{op} {value} {groups}{said} : {types}")

    def expand(self, node: Node) -> str:
        return self.at(node.inputs[0], node.shape)

    def transpose(self, node: Node) -> str:
        source, type = node.inputs[0], _type(node)
        out = self.empty(type)
        axes = ", ".join(map(str, node.attrs["axes"]))
        return self.new(
            f"linalg.transpose ins({self.values[source.id]} : {_type(source)}) "
            f"outs({out} : {type}) permutation = [{axes}]"
        )

    def slice(self, node: Node) -> str:
        source = node.inputs[0]
        listed = [node.attrs["starts"], node.shape, node.attrs["steps"]]
        if min(node.attrs["steps"], default=1) < 1:
            raise UnsupportedError("a slice backwards has no form for Ascend yet")
        parts = " ".join(f"[{', '.join(map(str, p))}]" for p in listed)
        types = f"{_type(source)} to {_type(node)}"
        return self.new(f"tensor.extract_slice {self.values[source.id]}{parts} : {types}")

    def concat(self, node: Node) -> str:
        given = ", ".join(self.values[n.id] for n in node.inputs)
        types = ", ".join(map(_type, node.inputs))
        axis = node.attrs["axis"] % len(node.shape)
        return self.new(f"tensor.concat dim({axis}) {given} : ({types}) -> {_type(node)}")

    def pad(self, node: Node) -> str:
        source, dtype = node.inputs[0], node.dtype
        scalar = attribute(node.attrs["value"], dtype)
        kind = "" if dtype == "bool" else f" : {TYPES[dtype]}"
        one = self.new(f"arith.constant {scalar}{kind}")
        low, high = (", ".join(map(str, node.attrs[k])) for k in ("low", "high"))
        made = self.new(f"tensor.pad {self.values[source.id]} low[{low}] high[{high}] {{")
        indices = ", ".join(f"%i{d}: index" for d in range(len(node.shape)))
        self.lines.append(f"    ^bb0({indices}):")
        self.lines.append(f"      tensor.yield {one} : {TYPES[dtype]}")
        self.lines.append(f"    }} : {_type(source)} to {_type(node)}")
        return made


def _neutral(op: str, dtype: str) -> float | bool:
    if op in ("any", "all"):
        return op == "all"
    if op in ("sum", "prod"):
        return int(op == "prod")
    if is_float(dtype):
        return float("-inf") if op == "amax" else float("inf")
    bits = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}.get(dtype, 31)
    return -(2**bits) if op == "amax" else 2**bits - 1
