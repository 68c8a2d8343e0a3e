"""Info JSON text -> ``Info``. Everything that can be said without knowing what the ops mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kernelwright.frameworks.graphkernel.faults import fault, nearest
from kernelwright.frameworks.graphkernel.info import (
    Info,
    Op,
    Tensor,
    computed,
    known_dtype,
    why_no_dtype,
)

_REQUIRED = ("op", "input_desc", "output_desc", "op_desc")
_KNOWN = (*_REQUIRED, "process", "version", "target_info", "parallel_fusion", "buffer_stitch")
_PROCESSES = ("cpu", "cuda", "aicore", "ascend", "gpu")
_MAX_VERSION = 2


def parse(text: str, path: str) -> Info:
    """The records of an info file. Raises ReferenceBroken (check "info") with one message that
    names ``path``, the op, the field and what to do."""
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise fault(path, where, f"no JSON: {error.msg}") from error
    return _Reader(path).info(data)


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path

    def info(self, data: Any) -> Info:
        if not isinstance(data, dict):
            raise fault(self.path, "", "the file must hold one JSON object, a kernel")
        for key in _REQUIRED:
            if key not in data:
                hint = nearest(key, [k for k in data if k not in _KNOWN])
                raise fault(self.path, "", f"field {key!r} is missing{hint}", f"add {key!r}")
        process = str(data.get("process", "")).lower()
        if process and process not in _PROCESSES:
            said = f"unknown process {process!r}{nearest(process, _PROCESSES)}"
            raise fault(self.path, "process", said, "use cpu, cuda or aicore")
        version = data.get("version", 0)
        if not isinstance(version, int) or not 0 <= version <= _MAX_VERSION:
            said = f"version {version!r} of the format is not known"
            raise fault(self.path, "version", said, f"versions 0 to {_MAX_VERSION} are read")
        inputs = self.inputs(data["input_desc"])
        ops = self.ops(data["op_desc"])
        outputs = tuple(self.flat(data["output_desc"], "output_desc"))
        if not outputs:
            raise fault(self.path, "output_desc", "a kernel needs at least one output")
        return Info(
            self.path, self.text(data, "op", "op"), process, version, inputs, outputs,
            _ordered(self.path, inputs, ops), _mapping(data.get("target_info")),
            _mapping(data.get("parallel_fusion")), _mapping(data.get("buffer_stitch")),
            {str(k): str(v) for k, v in _mapping(data.get("symbol_calc_expr")).items()},
        )  # fmt: skip

    # ---- tensors -----------------------------------------------------------------------------

    def inputs(self, given: Any) -> tuple[Tensor, ...]:
        found = tuple(self.flat(given, "input_desc"))
        names = [tensor.name for tensor in found]
        for name in names:
            if names.count(name) > 1:
                raise fault(self.path, "input_desc", f"input {name!r} is listed twice")
        return found

    def flat(self, given: Any, where: str) -> Iterator[Tensor]:
        """The tensors of a list that may be nested; null is an empty one."""
        if given is None:
            return
        if not isinstance(given, list):
            raise fault(self.path, where, "must be a list of tensors or null")
        for index, entry in enumerate(given):
            at = f"{where}[{index}]"
            if isinstance(entry, list):
                yield from self.flat(entry, at)
            else:
                yield self.tensor(entry, at)

    def tensor(self, given: Any, where: str) -> Tensor:
        if not isinstance(given, dict):
            raise fault(self.path, where, f"a tensor must be an object, not {given!r}")
        name = self.text(given, "tensor_name", where)
        said = self.text(given, "data_type", where)
        dtype = known_dtype(said)
        if dtype is None:
            raise fault(self.path, f"{where}.data_type", f"tensor {name!r}: {why_no_dtype(said)}")
        shape = given.get("shape", [1])
        if not isinstance(shape, list) or not all(type(n) is int and n >= -2 for n in shape):
            said = f"tensor {name!r}: shape {shape!r} is no list of sizes"
            raise fault(self.path, f"{where}.shape", said, "write one integer an axis, -1 if free")
        if -2 in shape:
            said = f"tensor {name!r} has a free number of axes (-2)"
            raise fault(self.path, f"{where}.shape", said, "give a size, or -1, for each axis")
        symbols = given.get("symbolic_shape")
        if symbols is not None:
            symbols = tuple(str(s) for s in symbols)
            if len(symbols) != len(shape):
                said = f"tensor {name!r}: {len(symbols)} symbols for {len(shape)} axes"
                raise fault(self.path, f"{where}.symbolic_shape", said, "write one an axis")
        kind, unsigned = computed(dtype)
        return Tensor(
            name, tuple(shape), kind, symbols, given.get("value"), str(given.get("format", "")),
            unsigned,
        )  # fmt: skip

    def text(self, given: Mapping[str, Any], key: str, where: str) -> str:
        value = given.get(key)
        if not isinstance(value, str) or not value:
            hint = nearest(key, given) if key not in given else ""
            said = f"field {key!r} is missing{hint}" if key not in given else f"{key} is {value!r}"
            raise fault(self.path, where, said, f"give {key!r} as text")
        return value

    # ---- ops ---------------------------------------------------------------------------------

    def ops(self, given: Any) -> list[Op]:
        if not isinstance(given, list) or not given:
            raise fault(self.path, "op_desc", "must be a list with at least one op")
        return [self.op(index, entry) for index, entry in enumerate(given)]

    def op(self, index: int, given: Any) -> Op:
        where = f"op_desc[{index}]"
        if not isinstance(given, dict):
            raise fault(self.path, where, f"an op must be an object, not {given!r}")
        name = self.text(given, "name", where)
        where = f"{where} ({name})"
        for key in ("input_desc", "output_desc"):
            if key not in given:
                said = f"field {key!r} is missing{nearest(key, given)}"
                raise fault(self.path, where, said, f"add {key!r}")
        groups = []
        for place, entry in enumerate(given["input_desc"] or []):
            listed = entry if isinstance(entry, list) else [entry]
            groups.append(tuple(self.flat(listed, f"{where}.input_desc[{place}]")))
        outputs = tuple(self.flat(given["output_desc"], f"{where}.output_desc"))
        if not outputs:
            raise fault(self.path, f"{where}.output_desc", "an op needs an output")
        return Op(index, name, tuple(groups), outputs, self.attrs(given.get("attr"), where))

    def attrs(self, given: Any, where: str) -> dict[str, Any]:
        """name -> value. ``data_type`` beside a value says nothing that the value does not."""
        if not given:
            return {}
        if isinstance(given, dict):
            return dict(given)
        found = {}
        for index, entry in enumerate(given):
            if not isinstance(entry, dict) or "name" not in entry or "value" not in entry:
                at = f"{where}.attr[{index}]"
                raise fault(self.path, at, "an attribute needs 'name' and 'value'")
            found[str(entry["name"])] = entry["value"]
        return found


def _mapping(given: Any) -> dict[str, Any]:
    return dict(given) if isinstance(given, dict) else {}


# ---- order and names -----------------------------------------------------------------------------


def _ordered(path: str, inputs: Sequence[Tensor], ops: Sequence[Op]) -> tuple[Op, ...]:
    """``ops`` as they are, or moved no further than their operands ask for. Raises for a name that
    nothing defines, one that two ops define, and a cycle."""
    maker = _makers(path, inputs, ops)
    known = {tensor.name for tensor in inputs}
    for op in ops:
        for tensor in op.operands:
            if tensor.name not in known and tensor.name not in maker and tensor.value is None:
                said = f"tensor {tensor.name!r} is neither an input nor the result of an op"
                said += nearest(tensor.name, (*known, *maker))
                fix = "define it, or give it a 'value' to make it a constant"
                raise fault(path, f"{op.where}.input_desc", said, fix)
    waiting, done = list(ops), []
    while waiting:
        ready = next((op for op in waiting if not _missing(op, known, maker)), None)
        if ready is None:
            raise _cycle(path, waiting, known, maker)
        waiting.remove(ready)
        done.append(ready)
        known.update(tensor.name for tensor in ready.outputs)
    return tuple(done)


def _makers(path: str, inputs: Sequence[Tensor], ops: Sequence[Op]) -> dict[str, Op]:
    maker: dict[str, Op] = {}
    taken = {tensor.name for tensor in inputs}
    for op in ops:
        for tensor in op.outputs:
            other = maker.get(tensor.name)
            if tensor.name in taken:
                said = f"tensor {tensor.name!r} is an input of the kernel as well"
                raise fault(path, f"{op.where}.output_desc", said, "give it a name of its own")
            if other is not None and other is not op:
                said = f"tensor {tensor.name!r} is already the result of {other.where}"
                raise fault(path, f"{op.where}.output_desc", said, "give it a name of its own")
            maker[tensor.name] = op
    return maker


def _missing(op: Op, known: set[str], maker: Mapping[str, Op]) -> list[str]:
    return [t.name for t in op.operands if t.name in maker and t.name not in known]


def _cycle(path: str, waiting: Sequence[Op], known: set[str], maker: Mapping[str, Op]) -> Exception:
    """Follows what is missing until an op comes again."""
    seen: list[Op] = []
    op = waiting[0]
    while op not in seen:
        seen.append(op)
        op = maker[_missing(op, known, maker)[0]]
    ring = [*seen[seen.index(op) :], op]
    shown = " needs ".join(each.where for each in ring)
    return fault(path, ring[0].where, f"the ops form a cycle: {shown}", "break it")


def identifier(name: str) -> str:
    """``name`` as a word that every language takes."""
    word = re.sub(r"\W", "_", name) or "kernel"
    return f"k_{word}" if word[0].isdigit() else word
