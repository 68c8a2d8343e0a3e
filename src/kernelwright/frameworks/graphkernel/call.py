"""One op of a file while its Graph is built: operands, attributes in any of the format's spellings,
and the complaints that an op can make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kernelwright.frameworks.graphkernel.info import Op, Tensor
from kernelwright.frameworks.graphkernel.values import Complex, Value
from kernelwright.graph.core import Builder, Node

if TYPE_CHECKING:
    from kernelwright.frameworks.graphkernel.build import Build

_ABSENT = object()


class Complaint(Exception):
    """What is wrong with an op: the field, what is said of it, and what to do."""

    def __init__(self, field: str, said: str, fix: str = "") -> None:
        super().__init__(said)
        self.field, self.said, self.fix = field, said, fix


class Call:
    """``b`` makes nodes. Operands are counted over all formal parameters in a row."""

    def __init__(self, build: Build, op: Op) -> None:
        self.build, self.op = build, op
        self.b: Builder = build.b
        self.operands: Sequence[Tensor] = op.operands

    def __len__(self) -> int:
        return len(self.operands)

    @property
    def out(self) -> Tensor:
        return self.op.outputs[0]

    def expect(self, least: int, most: int | None = None) -> None:
        """Complains unless there are so many operands."""
        most = least if most is None else most
        if not least <= len(self) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            said = f"takes {wanted} operands, and {len(self)} are given"
            raise Complaint("input_desc", said, "give each operand an entry")

    # ---- operands ----------------------------------------------------------------------------

    def value(self, index: int) -> Value:
        """An operand as it is; a constant of one element has no axes, and so fits anywhere."""
        if index >= len(self):
            self.expect(index + 1, max(index + 1, len(self)))
        return self.build.value(self.operands[index])

    def node(self, index: int) -> Node:
        """An operand with all the axes that the file gives it."""
        return self.real(self.build.ranked(self.operands[index], self.value(index)), index)

    def ranked(self, index: int) -> Value:
        """As ``node``, for ops that take complex tensors too."""
        return self.build.ranked(self.operands[index], self.value(index))

    def plain(self, index: int) -> Node:
        """An operand that must be real, as it is."""
        return self.real(self.value(index), index)

    def real(self, value: Value, index: int) -> Node:
        if isinstance(value, Complex):
            said = (
                f"tensor {self.operands[index].name!r} is complex, which {self.op.name} is not for"
            )
            raise Complaint(f"input_desc[{index}]", said, "take CReal and CImag of it first")
        return value

    def same_dtypes(self, *indices: int) -> None:
        """Complains about operands of several dtypes."""
        dtypes = {self.operands[i].dtype for i in indices}
        if len(dtypes) > 1:
            shown = ", ".join(f"{self.operands[i].name!r} is {self.operands[i].dtype}"
                              for i in indices)  # fmt: skip
            raise Complaint("input_desc", f"dtype mismatch: {shown}", "put a Cast before it")

    def constant(self, index: int) -> Any:
        """The value of an operand that is known, also of an input's; None where there is none."""
        return self.operands[index].value if index < len(self) else None

    # ---- attributes --------------------------------------------------------------------------

    def attr(self, *names: str, operand: int = -1, default: Any = _ABSENT) -> Any:
        """An attribute under the first of ``names`` that is there, else the constant operand."""
        for name in names:
            if self.op.attrs.get(name) is not None:
                return self.op.attrs[name]
        if 0 <= operand < len(self):
            if (found := self.constant(operand)) is not None:
                return found
            said = f"{names[0]} is an operand without a value"
            raise Complaint(f"input_desc[{operand}]", said, "only a constant can be compiled for")
        if default is not _ABSENT:
            return default
        also = f" (nor is operand {operand} a constant)" if operand >= 0 else ""
        raise Complaint(f"attr.{names[0]}", f"attribute {names[0]!r} is missing{also}", "add it")

    def ints(self, *names: str, operand: int = -1, default: Any = _ABSENT) -> Any:
        """An attribute as a tuple of ints; one int is a tuple of one."""
        found = self.attr(*names, operand=operand, default=default)
        if found is default:
            return found
        listed = found if isinstance(found, list | tuple) else [found]
        try:
            whole = tuple(int(n) for n in listed)
        except (TypeError, ValueError):
            whole = ()
        if len(whole) != len(listed) or any(n != m for n, m in zip(whole, listed)):
            raise Complaint(f"attr.{names[0]}", f"{found!r} is no list of integers", "correct it")
        return whole

    def integer(self, *names: str, operand: int = -1, default: Any = _ABSENT) -> Any:
        found = self.ints(*names, operand=operand, default=default)
        if found is default:
            return found
        if len(found) != 1:
            raise Complaint(f"attr.{names[0]}", f"{list(found)} is not one integer", "correct it")
        return found[0]

    def flag(self, *names: str) -> bool:
        found = self.attr(*names, default=False)
        return found.lower() in ("true", "1") if isinstance(found, str) else bool(found)

    def axis(self, given: int, rank: int, field: str = "axis") -> int:
        """``given`` counted from the front."""
        if not -rank <= given < rank:
            said = f"axis {given} is outside of a tensor of {rank} axes"
            raise Complaint(f"attr.{field}", said, f"use {-rank} to {rank - 1}")
        return given % rank

    # ---- what inputs hold --------------------------------------------------------------------

    def indexes(self, node: Node, size: int) -> None:
        """Notes that ``node`` holds places in an axis of ``size``."""
        self.build.hold(node, 0, size)

    def divides(self, node: Node) -> None:
        """Notes that the integers in ``node`` must not be zero."""
        self.build.hold(node, 1, 9)


# Gives the op's result: a Value, or a list of them where it has several.
Handler = Callable[[Call], Any]
