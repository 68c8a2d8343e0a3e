"""An info file and the shapes of its inputs -> Graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelwright.frameworks.graphkernel.call import Call, Complaint
from kernelwright.frameworks.graphkernel.faults import fault, nearest
from kernelwright.frameworks.graphkernel.info import COMPLEX, UNSIGNED, Info, Op, Tensor, is_complex
from kernelwright.frameworks.graphkernel.sizes import Sizes, WrongSizes
from kernelwright.frameworks.graphkernel.table import ALL_OPS, REFUSED
from kernelwright.frameworks.graphkernel.values import Complex, Value, on_parts, paired, parted
from kernelwright.graph.core import DTYPES, Builder, Graph, Node, TensorType, is_float

# Ops that an index goes through unchanged on its way from an input.
_CARRYING = ("cast", "reshape", "transpose", "expand", "slice", "bitwise_and")


# Ops that give the same bits for signed and unsigned integers.
_SIGNLESS = frozenset({
    "Add", "TensorAdd", "Sub", "Mul", "AddN", "Neg", "Square", "Equal", "NotEqual", "Select",
    "ReduceSum", "CumSum", "Reshape", "ExpandDims", "Squeeze", "Flatten", "EquivFormat",
    "BroadcastTo", "Tile", "Transpose", "Concat", "Split", "Slice", "StridedSlice", "Gather",
    "GatherNd", "Assign", "InplaceAssign", "ZerosLike", "MatMul", "BatchMatMul",
    "UnsortedSegmentSum", "TensorScatterAdd",
})  # fmt: skip


@dataclass(frozen=True)
class Built:
    """``graph``, and ``holds``: the range (low, high; half open) of the integers in an input, by
    its position, for those that are places in another tensor or divide. ``rises``: the last of
    integers that rise from 0."""

    graph: Graph
    holds: dict[int, tuple[int, int]] = field(default_factory=dict)
    rises: dict[int, int] = field(default_factory=dict)


def build(info: Info, shapes: Sequence[tuple[int, ...]]) -> Built:
    """The Graph of ``info`` for inputs of ``shapes`` (a complex one without its axis of parts).

    Raises ReferenceBroken (check "info") for a file that is wrong, WrongSizes for shapes that are.
    """
    return Build(info, shapes).run()


class Build:
    """The state of one build. ``values`` are what names stand for now; ``written`` what inputs hold
    in the end, by name."""

    def __init__(self, info: Info, shapes: Sequence[tuple[int, ...]]) -> None:
        self.info, self.sizes, self.b = info, Sizes(info, shapes), Builder()
        self.values: dict[str, Value] = {}
        self.homes: dict[str, str] = {}  # a name -> the input in whose memory it lives
        self.written: dict[str, Value] = {}
        self.fake: set[str] = set()  # listed results that are not there
        self.holds: dict[int, tuple[int, int]] = {}
        self.rises: dict[int, int] = {}
        self.position: dict[int, int] = {}  # id of an input's node -> its place
        self.declared: dict[str, Tensor] = {t.name: t for t in info.inputs}
        self.atomic: list[str] = []
        self.nodes = [self._input(i, t, s) for i, (t, s) in enumerate(zip(info.inputs, shapes))]

    def _input(self, index: int, tensor: Tensor, shape: tuple[int, ...]) -> Node:
        dtype = COMPLEX.get(tensor.dtype, tensor.dtype)
        if tensor.unsigned:
            dtype = UNSIGNED[tensor.unsigned][0]
        full = (*shape, 2) if is_complex(tensor.dtype) else tuple(shape)
        node = self.b.input(tensor.name, index, TensorType(full, dtype))
        self.position[node.id] = index
        self.values[tensor.name] = self._read(tensor, node)
        self.homes[tensor.name] = tensor.name
        return node

    def _read(self, tensor: Tensor, node: Node) -> Value:
        """What an input's memory stands for."""
        if is_complex(tensor.dtype):
            return parted(self.b, node)
        if tensor.unsigned:
            return self._wrapped(tensor, self.b.cast(node, dtype=tensor.dtype))
        return node

    def _wrapped(self, tensor: Tensor, node: Node) -> Node:
        """A number in the range of the tensor's unsigned dtype (uint64: its bits as int64's)."""
        if tensor.unsigned == "uint64":
            return node
        bits = 8 * DTYPES[UNSIGNED[tensor.unsigned][0]].itemsize
        return self.b.bitwise_and(node, self.b.constant((1 << bits) - 1, tensor.dtype))

    def run(self) -> Built:
        for op in self.info.ops:
            self.step(op)
        return Built(self.graph(), self.holds, self.rises)

    # ---- one op ------------------------------------------------------------------------------

    def step(self, op: Op) -> None:
        where = op.where
        try:
            self.check_mentions(op)
            results = self.handled(op)
            if len(results) < len({t.name for t in op.outputs}):
                said = f"{len(op.outputs)} outputs are listed, and the op has {len(results)}"
                raise Complaint("output_desc", said, "list one tensor a result")
            for tensor, value in zip(op.outputs, results):
                self.values[tensor.name] = self.conform(tensor, value)
                self.declared[tensor.name] = tensor
        except Complaint as wrong:
            raise fault(self.info.path, f"{where}.{wrong.field}", wrong.said, wrong.fix) from None
        except WrongSizes as error:
            if self.sizes.exact:
                raise fault(
                    self.info.path, f"{where}.output_desc", f"shape contradiction: {error}",
                    "correct one of the shapes",
                ) from None  # fmt: skip
            raise
        except ValueError as error:
            if not self.sizes.exact:
                raise WrongSizes(str(error)) from None
            raise fault(self.info.path, where, str(error)) from None

    def handled(self, op: Op) -> list[Value]:
        if op.name in REFUSED:
            raise Complaint("name", f"{op.name} is not taken: {REFUSED[op.name]}")
        handler = ALL_OPS.get(op.name)
        if handler is None:
            said = f"unknown op {op.name!r}{nearest(op.name, ALL_OPS)}"
            raise Complaint("name", said, "use one that docs/graphkernel.md lists")
        self.check_uint64(op)
        if op.attrs.get("enable_atomic_add"):
            self.atomic.append(op.outputs[0].name)
        made = handler(Call(self, op))
        return made if isinstance(made, list) else [made]

    def check_uint64(self, op: Op) -> None:
        """uint64 is held as int64, which is the same for some ops only."""
        mentions = [t for t in (*op.operands, *op.outputs) if t.unsigned == "uint64"]
        if not mentions or op.name in _SIGNLESS:
            return
        others = [t.dtype for t in (*op.operands, *op.outputs) if t not in mentions]
        if op.name == "Cast" and not any(map(is_float, others)):
            return
        said = f"tensor {mentions[0].name!r} is uint64, which {op.name} is not computed for"
        raise Complaint("input_desc", said, "use uint32 or int64")

    def check_mentions(self, op: Op) -> None:
        """An operand must be mentioned as it was defined; of the shape only the size counts, since
        [] and [1] are both written for a number."""
        for index, tensor in enumerate(op.operands):
            known = self.declared.get(tensor.name)
            if known is None:
                continue
            if known.file_dtype != tensor.file_dtype:
                said = f"tensor {tensor.name!r} is {tensor.file_dtype} here and "
                said += f"{known.file_dtype} there"
                raise Complaint(f"input_desc[{index}].data_type", said, "correct one of them")
            free = -1 in (*known.shape, *tensor.shape)
            if not free and _size(known) != _size(tensor):
                said = f"tensor {tensor.name!r} has shape {list(tensor.shape)} here and "
                said += f"{list(known.shape)} there"
                raise Complaint(f"input_desc[{index}].shape", said, "correct one of them")

    # ---- operands and results ----------------------------------------------------------------

    def is_constant(self, tensor: Tensor) -> bool:
        return tensor.value is not None and tensor.name not in self.declared

    def value(self, tensor: Tensor) -> Value:
        if not self.is_constant(tensor):
            return self.values[tensor.name]
        if is_complex(tensor.dtype):
            raise Complaint("input_desc", f"constant {tensor.name!r} is complex",
                            "make it of its parts with Complex")  # fmt: skip
        return self.constant(tensor)

    def constant(self, tensor: Tensor) -> Node:
        """A number has no axes; it is the one of ``data_type`` that is nearest to ``value``."""
        try:
            with np.errstate(all="ignore"):
                array = np.asarray(tensor.value).astype(DTYPES[tensor.dtype])
        except (TypeError, ValueError):
            said = f"value {tensor.value!r} of {tensor.name!r} is no number of {tensor.dtype}"
            raise Complaint("input_desc", said, "write a number or a list of numbers") from None
        if array.size == 1:
            return self.b.constant(array.reshape(()).item(), tensor.dtype)
        if array.size != _size(tensor):
            said = f"constant {tensor.name!r} is {tensor}, and its value has {array.size} elements"
            raise Complaint("input_desc", said, "write one element a place")
        return self.b.constant(array.reshape(tensor.shape), tensor.dtype)

    def ranked(self, tensor: Tensor, value: Value) -> Value:
        """``value`` with the axes that this mention of it has."""
        if len(value.shape) == len(tensor.shape):
            return value
        count = _count(value)
        if count == 1:
            shape: tuple[int, ...] = tuple(1 for _ in tensor.shape)
            value = on_parts(value, lambda n: self.b.reshape(n, shape=shape))
            if not self.is_constant(tensor):
                return value
            wanted = self.shape(tensor, value.shape)
            return on_parts(value, lambda n: self.b.expand(n, shape=wanted))
        shape = self.sizes.reshaped(
            self.sizes.shape(tensor), count, self.said(tensor.name), value.shape, tensor.shape
        )
        return on_parts(value, lambda n: self.b.reshape(n, shape=shape))

    def said(self, name: str) -> tuple[int, ...]:
        """The shape that the file gave a tensor where it was defined."""
        return self.declared[name].shape

    def shape(self, tensor: Tensor, otherwise: Sequence[int] = ()) -> tuple[int, ...]:
        """The actual shape of a tensor of the file; free sizes as in ``otherwise``, from behind.
        Complains where that says nothing."""
        found = self.sizes.shape(tensor)
        lead = len(found) - len(otherwise)
        for axis, size in enumerate(found):
            if size is None and axis >= lead and otherwise[axis - lead] != 1:
                found[axis] = otherwise[axis - lead]
        if None in found:
            said = f"the size of axis {found.index(None)} of {tensor.name!r} follows from nothing"
            raise Complaint("output_desc", said, "give it a size, or a symbol of an input")
        return tuple(n for n in found if n is not None)

    def conform(self, tensor: Tensor, value: Value) -> Value:
        """``value`` as the file declares it. Complains about another shape or dtype."""
        if value.dtype != tensor.dtype:
            said = f"tensor {tensor.name!r} is declared {tensor.dtype}, and the op gives "
            raise Complaint("output_desc.data_type", said + value.dtype, "correct it, or use Cast")
        if len(value.shape) != len(tensor.shape) or not self._fits(tensor, value.shape):
            value = self._reshaped(tensor, value)
        self.sizes.learn(tensor, value.shape)
        if tensor.unsigned and isinstance(value, Node):
            value = self._wrapped(tensor, value)
        return value

    def _fits(self, tensor: Tensor, shape: Sequence[int]) -> bool:
        if not self.sizes.exact:
            return True
        return all(n in (None, m) for n, m in zip(self.sizes.shape(tensor), shape))

    def _reshaped(self, tensor: Tensor, value: Value) -> Value:
        """A number may be declared [] or [1], and leading axes of size 1 be left out or added."""
        wanted = self.sizes.shape(tensor)
        plain, given = ([n for n in shape if n != 1] for shape in (wanted, value.shape))
        if (
            not self.sizes.exact
            or len(plain) == len(given)
            and all(n in (None, m) for n, m in zip(plain, given))
        ):
            shape = self.sizes.reshaped(
                wanted, _count(value), value.shape, value.shape, tensor.shape
            )
            return on_parts(value, lambda n: self.b.reshape(n, shape=shape))
        said = f"shape contradiction: tensor {tensor.name!r} is declared {list(tensor.shape)}, and "
        said += f"the op gives {list(value.shape)}"
        raise Complaint("output_desc.shape", said, "correct one of the shapes")

    # ---- effects -----------------------------------------------------------------------------

    def write(self, target: Tensor, value: Value, fake: bool, result: str) -> Value:
        """Puts ``value`` into the memory of an input. Gives the value as it lies there."""
        home = self.homes.get(target.name)
        if home is None:
            said = f"the target {target.name!r} is no input of the kernel"
            raise Complaint("input_desc[0]", said, "only inputs have memory to write to")
        old = self.values[home]
        if (value.dtype, isinstance(value, Complex)) != (old.dtype, isinstance(old, Complex)):
            said = f"dtype mismatch: {value.dtype} is written to {target.name!r}, {old.dtype}"
            raise Complaint("input_desc[1]", said, "put a Cast before it")
        value = on_parts(value, lambda n: self._as_shape(n, old.shape, target))
        self.values[home] = self.written[home] = value
        if fake:
            self.fake.add(result)
        return value

    def _as_shape(self, node: Node, shape: tuple[int, ...], target: Tensor) -> Node:
        if node.shape == shape:
            return node
        if node.type.size == int(np.prod(shape)):
            return self.b.reshape(node, shape=shape)
        try:
            return self.b.expand(node, shape=shape)
        except ValueError:
            said = f"shape contradiction: {list(node.shape)} is written to {target.name!r}, "
            raise Complaint("input_desc[1]", said + f"which is {list(shape)}") from None

    def hold(self, node: Node, low: int, high: int) -> None:
        """Notes the range of the integers in ``node`` if they come from an input as they are."""
        while node.op in _CARRYING:
            node = node.inputs[0]
        place = self.position.get(node.id)
        if place is not None and node.dtype not in ("bool", "float32", "float16", "bfloat16"):
            before = self.holds.get(place, (low, high))
            self.holds[place] = (max(low, before[0]), min(high, before[1]))

    def sorted_up_to(self, node: Node, last: int) -> None:
        """Notes that the integers in ``node`` rise from 0 to ``last``."""
        while node.op in _CARRYING:
            node = node.inputs[0]
        if (place := self.position.get(node.id)) is not None:
            self.rises[place] = last

    # ---- the whole ---------------------------------------------------------------------------

    def graph(self) -> Graph:
        """Outputs in the file's order without those that are fake; where nothing is left, the
        values that were written. What inputs hold afterwards comes last."""
        for tensor in self.info.outputs:
            if tensor.name not in self.values:
                said = f"output {tensor.name!r} is the result of no op"
                said += nearest(tensor.name, [t.name for op in self.info.ops for t in op.outputs])
                raise fault(self.info.path, "output_desc", said, "name a result")
            made = self.declared[tensor.name]
            if made.dtype != tensor.dtype or not self._fits_declared(tensor, made):
                said = f"output {tensor.name!r} is {tensor} here, and {made} where it is made"
                raise fault(self.info.path, "output_desc", said, "correct one of them")
        names = [t.name for t in self.info.outputs if t.name not in self.fake]
        values = [self.ranked(t, self.values[t.name])
                  for t in self.info.outputs if t.name not in self.fake]  # fmt: skip
        if not names:
            values = list(self.written.values())
        places = {t.name: i for i, t in enumerate(self.info.inputs)}
        writes = sorted(places[name] for name in self.written)
        tensors = [t for t in self.info.outputs if t.name not in self.fake] if names else [
            self.declared[name] for name in self.written
        ]  # fmt: skip
        after = [self.info.inputs[i] for i in writes]
        outputs = [self._tensor(t, v) for t, v in zip(tensors, values)]
        outputs += [self._tensor(t, self.written[t.name]) for t in after]
        return Graph(
            self.info.name, self.nodes, [], outputs,
            "tensor" if len(values) == 1 else "tuple", writes=writes,
            hints=self._hints(names or [self.info.inputs[i].name for i in writes]),
        )  # fmt: skip

    def _fits_declared(self, tensor: Tensor, made: Tensor) -> bool:
        if -1 in (*tensor.shape, *made.shape):
            return True
        return _size(tensor) == _size(made)

    def _tensor(self, tensor: Tensor, value: Value) -> Node:
        """A value as it lies in memory."""
        if isinstance(value, Complex):
            return paired(self.b, value)
        if tensor.unsigned:
            return self.b.cast(value, dtype=UNSIGNED[tensor.unsigned][0])
        return value

    def _hints(self, names: Sequence[str]) -> dict[str, Any]:
        hints: dict[str, Any] = {}
        if self.info.parallel_fusion:
            groups = self.info.parallel_fusion.get("sub_graph") or []
            placed = [[names.index(n) for n in group if n in names] for group in groups]
            hints["parallel_fusion"] = {**self.info.parallel_fusion, "outputs": placed}
        if self.info.buffer_stitch:
            hints["buffer_stitch"] = dict(self.info.buffer_stitch)
        if self.atomic:
            hints["atomic_add"] = list(self.atomic)
        return hints


def _size(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape))


def _count(value: Value) -> int:
    return int(np.prod(value.shape))
