"""Loads and stores of the loop IR in C++."""

from __future__ import annotations

from kernelwright.compiler.codegen._cpp_operations import Expressions
from kernelwright.compiler.loops.ir import Instruction, Value


class Accesses(Expressions):
    """Expressions that read memory, statements that write it."""

    def _address(self, item: Instruction) -> str:
        index = self.get(item.args[0])
        memory = self.names[item.attrs["memory"]]
        return memory if index == "0" else f"{memory} + {index}"

    def _load(self, item: Instruction) -> str:
        assert item.result is not None
        type, count = item.result.type, item.args[1:]
        if type.lanes == 1:
            element = f"{self.names[item.attrs['memory']]}[{self.get(item.args[0])}]"
            text = f"{element} != 0" if type.dtype == "bool" else element
            if count:
                zero = "false" if type.dtype == "bool" else "0"
                return f"{self.get(count[0])} > 0 ? {text} : {zero}"
            return text
        kind = self.vector("int8" if type.dtype == "bool" else type.dtype, type.lanes)
        extra = "".join(f", {self.get(limit)}" for limit in count)
        piece = self.use("load_first" if count else "load")
        text = f"{piece}<{kind}>({self._address(item)}{extra})"
        return f"{text} != 0" if type.dtype == "bool" else text

    def _gather(self, item: Instruction) -> str:
        assert item.result is not None
        type, count = item.result.type, item.args[1:]
        if type.lanes == 1:
            return self._load(item)
        kind = self.vector("int8" if type.dtype == "bool" else type.dtype, type.lanes)
        extra = f", {self.get(count[0])}" if count else ""
        stride = item.attrs["stride"]
        text = f"{self.use('gather')}<{kind}>({self._address(item)}, {stride}{extra})"
        return f"{text} != 0" if type.dtype == "bool" else text

    def _lookup(self, item: Instruction) -> str:
        assert item.result is not None
        type = item.result.type
        kind = self.vector("int8" if type.dtype == "bool" else type.dtype, type.lanes)
        memory, index = self.names[item.attrs["memory"]], self.get(item.args[0])
        text = f"{self.use('lookup')}<{kind}>({memory}, {index})"
        return f"{text} != 0" if type.dtype == "bool" else text

    def _stored(self, value: Value) -> str:
        if value.type.dtype != "bool" or value.type.lanes == 1:
            return self.get(value)
        return f"({self.mask(value, 1)} & 1)"

    def _store(self, item: Instruction) -> str:
        value, count = item.args[1], item.args[2:]
        if value.type.lanes == 1:
            index = self.get(item.args[0])
            text = f"{self.names[item.attrs['memory']]}[{index}] = {self.get(value)}"
            return f"if ({self.get(count[0])} > 0) {text}" if count else text
        extra = f", {self.get(count[0])}" if count else ""
        whole = "stream" if item.attrs.get("streaming") else "store"
        piece = self.use("store_first" if count else whole)
        return f"{piece}({self._address(item)}, {self._stored(value)}{extra})"

    def _scatter(self, item: Instruction) -> str:
        value, count = item.args[1], item.args[2:]
        if value.type.lanes == 1:
            return self._store(item)
        extra = f", {self.get(count[0])}" if count else ""
        stride = item.attrs["stride"]
        piece = self.use("scatter")
        return f"{piece}({self._address(item)}, {stride}, {self._stored(value)}{extra})"
