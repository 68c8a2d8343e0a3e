"""A kernel as MLIR text on tensors, one ``mindspore.`` op each, and back.

The text is what AKG's importer would write, in MLIR's generic form: it parses with
``--allow-unregistered-dialect``. Reading takes what ``to_mlir`` writes, and edits of it in the same
form; whoever edits it keeps one op a line.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kernelwright.frameworks.graphkernel.faults import fault
from kernelwright.frameworks.graphkernel.info import Info, Op, Tensor, computed
from kernelwright.frameworks.graphkernel.parse import identifier
from kernelwright.frameworks.graphkernel.table import ALL_OPS
from kernelwright.graph.core import DTYPES

_ELEMENTS: Mapping[str, str] = {
    "float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64", "bool": "i1",
    "int8": "i8", "uint8": "ui8", "int16": "i16", "int32": "i32", "int64": "i64",
    "uint16": "ui16", "uint32": "ui32", "uint64": "ui64",
    "complex64": "complex<f32>", "complex128": "complex<f64>",
}  # fmt: skip
_DTYPES = {text: name for name, text in _ELEMENTS.items()}
_CONST = "const"


def op_word(name: str) -> str:
    """ "ReduceSum" -> "reduce_sum"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


_NAMES = {op_word(name): name for name in ALL_OPS}


# ---- writing -------------------------------------------------------------------------------------


def to_mlir(info: Info, attributes: Mapping[str, str] | None = None) -> str:
    """The module. ``attributes`` are the function's, beside ``mindspore_kernel`` and ``process``.
    A free size is ``?``, its symbol in the type's SymShapeAttr."""
    return _Writer(info).module(attributes or {})


class _Writer:
    def __init__(self, info: Info) -> None:
        self.info = info
        self.lines: list[str] = []
        self.values: dict[str, tuple[str, Tensor]] = {}
        self.count = 0

    def module(self, attributes: Mapping[str, str]) -> str:
        arguments = []
        for index, tensor in enumerate(self.info.inputs):
            self.values[tensor.name] = (f"%arg{index}", tensor)
            arguments.append(f"%arg{index}: {type_text(tensor)}")
        for op in self.info.ops:
            self.op(op)
        results = [self.read(tensor) for tensor in self.info.outputs]
        types = [type_text(tensor) for tensor in self.info.outputs]
        said = {"process": self.info.process or "cpu", **attributes}
        for name, wish in _wishes(self.info).items():
            said[name] = json.dumps(self.renamed(wish))
        listed = ["mindspore_kernel", *(f"{k} = {json.dumps(v)}" for k, v in said.items())]
        name = identifier(self.info.name)
        result = types[0] if len(types) == 1 else f"({', '.join(types)})"
        head = f"  func.func @{name}({', '.join(arguments)}) -> {result} attributes {{"
        marks = ",\n".join(f"    {entry}" for entry in listed)
        tail = f"    return {', '.join(results)} : {', '.join(types)}"
        body = "\n".join([*self.lines, tail])
        return f"module {{\n{head}\n{marks}\n  }} {{\n{body}\n  }}\n}}\n"

    def renamed(self, wish: Any) -> Any:
        """A wish for the schedule with the values' names here in place of the tensors'."""
        if isinstance(wish, Mapping):
            return {key: self.renamed(value) for key, value in wish.items()}
        if isinstance(wish, list):
            return [self.renamed(value) for value in wish]
        return self.values[wish][0] if wish in self.values else wish

    def new(self) -> str:
        self.count += 1
        return f"%{self.count - 1}"

    def read(self, tensor: Tensor) -> str:
        """The value of a mention, reshaped where it is written with other axes."""
        if tensor.name not in self.values:
            name = self.new()
            kind = type_text(tensor)
            value = f"dense<{_dense(tensor)}> : {kind}"
            self.lines.append(
                f'    {name} = "mindspore.{_CONST}"() {{value = {value}}} : () -> {kind}'
            )
            return name
        value, known = self.values[tensor.name]
        if known.shape == tensor.shape:
            return value
        name = self.new()
        types = f"({type_text(known)}) -> {type_text(tensor)}"
        self.lines.append(f'    {name} = "mindspore.reshape"({value}) : {types}')
        return name

    def op(self, op: Op) -> None:
        operands = [self.read(tensor) for tensor in op.operands]
        types = ", ".join(type_text(tensor) for tensor in op.operands)
        results = [type_text(tensor) for tensor in op.outputs]
        name = self.new()
        for index, tensor in enumerate(op.outputs):
            self.values[tensor.name] = (name if len(results) == 1 else f"{name}#{index}", tensor)
        attrs = {k: v for k, v in op.attrs.items() if v is not None}
        formats = [t.format for t in (*op.operands, *op.outputs)]
        if any(f not in ("", "DefaultFormat") for f in formats):
            attrs["formats"] = ",".join(formats)
        given = ", ".join(f"{k} = {_attribute(v)}" for k, v in sorted(attrs.items()))
        made = name if len(results) == 1 else f"{name}:{len(results)}"
        out = results[0] if len(results) == 1 else f"({', '.join(results)})"
        said = f" {{{given}}}" if given else ""
        self.lines.append(
            f'    {made} = "mindspore.{op_word(op.name)}"({", ".join(operands)}){said} '
            f": ({types}) -> {out}"
        )


def _wishes(info: Info) -> dict[str, Mapping[str, Any]]:
    """``parallel_fusion``, ``buffer_stitch`` and ``symbol_calc_expr``, where there are any."""
    given = {"parallel_fusion": info.parallel_fusion, "buffer_stitch": info.buffer_stitch,
             "symbol_calc_expr": info.symbol_calc}  # fmt: skip
    return {name: wish for name, wish in given.items() if wish}


def type_text(tensor: Tensor) -> str:
    sizes = "".join(f"{'?' if n == -1 else n}x" for n in tensor.shape)
    symbols = ""
    if tensor.symbols and -1 in tensor.shape:
        symbols = f", {{SymShapeAttr = [{', '.join(map(json.dumps, tensor.symbols))}]}}"
    return f"tensor<{sizes}{_ELEMENTS[tensor.file_dtype]}{symbols}>"


def _dense(tensor: Tensor) -> str:
    with np.errstate(all="ignore"):
        array = np.asarray(tensor.value).astype(DTYPES[tensor.dtype])
    if array.size == 1:
        return _number(array.reshape(())[()], tensor.dtype)
    if array.size != int(np.prod(tensor.shape)):  # of an operand that is not read
        return _number(DTYPES[tensor.dtype].type(0), tensor.dtype)
    return _nested(array.reshape(tensor.shape), tensor.dtype)


def _nested(array: np.ndarray, dtype: str) -> str:
    if not array.ndim:
        return _number(array[()], dtype)
    return f"[{', '.join(_nested(row, dtype) for row in array)}]"


def _number(value: Any, dtype: str) -> str:
    if dtype == "bool":
        return "true" if value else "false"
    if DTYPES[dtype].kind in "iu":
        return str(int(value))
    wide = float(value)
    if not np.isfinite(wide):
        bits = np.asarray(value, DTYPES[dtype]).view(f"u{DTYPES[dtype].itemsize}")
        return f"0x{int(bits):0{2 * DTYPES[dtype].itemsize}X}"
    text = repr(wide)
    mantissa, _, exponent = text.partition("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{exponent}" if exponent else mantissa


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value} : i64"
    if isinstance(value, float):
        return f"{_number(value, 'float64')} : f64"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list) and all(type(n) is int for n in value):
        return f"array<i64{': ' if value else ''}{', '.join(map(str, value))}>"
    return json.dumps(f"json:{json.dumps(value)}")


# ---- reading -------------------------------------------------------------------------------------

_HEAD = re.compile(r"func\.func @(?P<name>\w+)\((?P<arguments>.*)\) -> (?P<results>.*) attributes")
_PROCESS = re.compile(r'^\s*process = "(\w+)"', re.MULTILINE)
_WISH = re.compile(
    r'^\s*(parallel_fusion|buffer_stitch|symbol_calc_expr) = (".*?(?<!\\)"),?$', re.MULTILINE
)
_OP = re.compile(
    r'^\s*(?P<made>%\w+)(?::\d+)? = "mindspore\.(?P<word>\w+)"\((?P<operands>[^)]*)\)'
    r"(?: \{(?P<attrs>.*)\})? : \((?P<types>.*?)\) -> (?P<results>.*)$"
)
_RETURN = re.compile(r"^\s*return (?P<values>.*) : (?P<types>.*)$")
_TYPE = re.compile(
    r"tensor<((?:(?:\d+|\?)x)*)([^,]*)(?:, \{SymShapeAttr = (?P<symbols>\[.*\])\})?>$"
)


def from_mlir(text: str, path: str) -> Info:
    """What ``to_mlir`` wrote. Raises ReferenceBroken (check "info") with the line that is wrong."""
    head, process = _HEAD.search(text), _PROCESS.search(text)
    if head is None:
        raise fault(path, "", "there is no func.func with attributes", "keep its first line")
    values: dict[str, Tensor] = {}
    inputs = []
    for argument in _parts(head["arguments"]):
        name, _, kind = argument.partition(": ")
        inputs.append(_typed(name, kind, path, 1))
        values[name] = inputs[-1]
    ops: list[Op] = []
    outputs: tuple[Tensor, ...] | None = None
    start = text[: head.start()].count("\n") + 1
    for number, line in enumerate(text.splitlines()[start:], start + 1):
        if (found := _RETURN.match(line)) is not None:
            outputs = tuple(values[v] for v in _parts(found["values"]) if v in values)
        elif '"mindspore.' in line:
            op = _op(line, path, number, len(ops), values)
            if op is not None:
                ops.append(op)
    if outputs is None:
        raise fault(path, "", "the function returns nothing", "end it with return")
    wishes = {name: json.loads(json.loads(wish)) for name, wish in _WISH.findall(text)}
    if "symbol_calc_expr" in wishes:
        wishes["symbol_calc"] = wishes.pop("symbol_calc_expr")
    return Info(path, head["name"], process[1] if process else "cpu", 0, tuple(inputs), outputs,
                tuple(ops), **wishes)  # fmt: skip


def _op(line: str, path: str, number: int, index: int, values: dict[str, Tensor]) -> Op | None:
    """The op on a line; None for a constant, which is an operand by value."""
    where = f"line {number}"
    found = _OP.match(line)
    if found is None:
        raise fault(path, where, "no op is understood here", "write it in generic form")
    made, results = found["made"], _results(found["results"])
    if found["word"] == _CONST:
        value = re.search(r"value = dense<(.*)> : ", found["attrs"] or "")
        if value is None:
            raise fault(path, where, "a constant has no value", "write dense<..>")
        typed = _typed(made, results[0], path, number)
        values[made] = dataclasses.replace(typed, value=_undense(value[1], typed.dtype))
        return None
    name = _NAMES.get(found["word"])
    if name is None:
        raise fault(path, where, f"unknown op 'mindspore.{found['word']}'", "use a known one")
    attrs = _attributes(found["attrs"] or "", path, where)
    formats = str(attrs.pop("formats", "")).split(",")
    operands = []
    for operand in _parts(found["operands"]):
        if operand not in values:
            raise fault(path, where, f"{operand} is not defined", "define it above")
        operands.append(values[operand])
    names = [made] if len(results) == 1 else [f"{made}#{i}" for i in range(len(results))]
    outputs = [_typed(n, kind, path, number) for n, kind in zip(names, results)]
    every = [*operands, *outputs]
    if len(formats) == len(every):
        every = [dataclasses.replace(t, format=f) for t, f in zip(every, formats)]
    for tensor in every[len(operands) :]:
        values[tensor.name] = tensor
    return Op(index, name, tuple((t,) for t in every[: len(operands)]),
              tuple(every[len(operands) :]), attrs)  # fmt: skip


def _results(text: str) -> list[str]:
    return _parts(text[1:-1]) if text.startswith("(") else [text]


def _typed(name: str, kind: str, path: str, number: int) -> Tensor:
    found = _TYPE.match(kind.strip())
    if found is None or found[2] not in _DTYPES:
        raise fault(path, f"line {number}", f"{kind!r} is no type of a tensor", "correct it")
    shape = tuple(-1 if n == "?" else int(n) for n in found[1].split("x") if n)
    symbols = tuple(json.loads(found["symbols"])) if found["symbols"] else None
    dtype, unsigned = computed(_DTYPES[found[2]])
    return Tensor(name, shape, dtype, symbols, unsigned=unsigned)


def _parts(text: str) -> list[str]:
    """Split at the commas that stand outside of brackets and quotes."""
    parts, depth, quoted, current = [], 0, False, ""
    for place, letter in enumerate(text):
        if letter == '"' and (place == 0 or text[place - 1] != "\\"):
            quoted = not quoted
        if not quoted:
            depth += (letter in "<[{(") - (letter in ">]})")
            if letter == "," and not depth:
                parts.append(current.strip())
                current = ""
                continue
        current += letter
    return [*parts, current.strip()] if current.strip() else parts


def _attributes(text: str, path: str, where: str) -> dict[str, Any]:
    found = {}
    for entry in _parts(text):
        key, sign, value = entry.partition(" = ")
        if not sign:
            raise fault(path, where, f"attribute {entry!r} has no value", "write key = value")
        found[key] = _unattribute(value)
    return found


def _unattribute(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"'):
        said = json.loads(text)
        return json.loads(said[5:]) if said.startswith("json:") else said
    if text.startswith("array<i64"):
        return [int(n) for n in text[9:-1].lstrip(": ").split(", ") if n]
    number, _, kind = text.partition(" : ")
    return int(number) if kind == "i64" else _undense(number, "float64")


def _undense(text: str, dtype: str) -> Any:
    if text.startswith("["):
        return [_undense(part, dtype) for part in _parts(text[1:-1])]
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("0x"):
        bits = np.array(int(text, 16), f"u{DTYPES[dtype].itemsize}")
        return float(bits.view(DTYPES[dtype]))
    return int(text) if DTYPES[dtype].kind in "iu" else float(text)
