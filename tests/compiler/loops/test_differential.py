"""Random kernels: loop IR against the AUL interpreter, at random tile sizes, tails and loops."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from kernelwright.aul import syntax as aul
from kernelwright.aul.interpreter import interpret

from .kernels import KernelText, place

CORE = aul.CoreIdx()


def binary(op: str, a: Any, b: Any) -> aul.Binary:
    lift = [aul.Int(v) if isinstance(v, int) else v for v in (a, b)]
    return aul.Binary(op, lift[0], lift[1])


def remaining(extent: int, start: Any, tile: int) -> aul.Call:
    return aul.Call("min", (aul.Int(tile), binary("-", extent, start)))


class RandomKernel:
    """A grid of (tm, tn) tiles over (m, n) inputs. Values have shape full, row, column or one."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        pick = self.random.choice
        self.m, self.n = pick([1, 3, 5, 8]), pick([1, 4, 7, 16, 33, 50])
        self.tm, self.tn = pick([1, 2, 4, self.m]), pick([4, 16, 17, 32, 70, self.n])
        self.cores = -(-self.m // self.tm) * -(-self.n // self.tn)
        self.text = KernelText()
        self.values: dict[str, str] = {}  # tile -> kind of shape
        self.count = 0
        columns = -(-self.n // self.tn)
        self.r = binary("*", binary("//", CORE, columns), self.tm)
        self.c = binary("*", binary("%", CORE, columns), self.tn)

    def shape(self, kind: str) -> tuple[int, int]:
        return {
            "full": (self.tm, self.tn),
            "row": (1, self.tn),
            "column": (self.tm, 1),
            "one": (1, 1),
        }[kind]

    def new(self, kind: str, dtype: str = "float32") -> str:
        self.count += 1
        return self.text.tile(f"t{self.count}", self.shape(kind), dtype)

    def part(self, name: str, kind: str) -> aul.Place:
        rows = (self.r, binary("+", self.r, self.tm)) if kind in ("full", "column") else (0, 1)
        columns = (self.c, binary("+", self.c, self.tn)) if kind in ("full", "row") else (0, 1)
        return place(name, rows, columns)

    def inputs(self) -> list[np.ndarray]:
        rng = np.random.default_rng(self.random.randrange(10**6))
        arrays = []
        for i, kind in enumerate(["full", "full", "row", "column"]):
            shape = (self.m if kind in ("full", "column") else 1, self.n if kind != "column" else 1)
            array = rng.standard_normal(shape).astype(np.float32)
            arrays.append(array)
            self.text.param(f"x{i}", array)
            tile = self.new(kind)
            pad = self.random.choice([0.0, 0.0, -1.5])
            self.text.load(tile, self.part(f"x{i}", kind), pad)
            self.values[tile] = kind
        return arrays

    def choose(self, *kinds: str) -> str:
        return self.random.choice([t for t, k in self.values.items() if not kinds or k in kinds])

    def step(self) -> None:
        action = self.random.choice(["unary", "binary", "binary", "scalar", "reduce", "select"])
        if action == "unary":
            source = self.choose()
            kind, op = self.values[source], self.random.choice(["neg", "abs", "tanh", "sigmoid"])
            tile = self.new(kind)
            self.text.op("vunary_op", op, tile, source)
        elif action == "scalar":
            source = self.choose()
            kind = self.values[source]
            tile = self.new(kind)
            one = [t for t, k in self.values.items() if k == "one"]
            factor = aul.Place(one[-1]) if one and self.random.random() < 0.5 else 0.75
            op = self.random.choice(["muls", "adds", "rsubs", "maxs"])
            self.text.op("vectorscalar_op", op, tile, source, factor=factor)
        elif action == "reduce":
            tile, kind = self.reduce()
        else:
            a, b = self.choose(), self.choose()
            kind = _joined(self.values[a], self.values[b])
            tile = self.new(kind)
            if action == "binary":
                op = self.random.choice(["add", "sub", "mul", "max", "min"])
                self.text.op("vbinary_op", op, tile, a, b)
            else:
                mask = self.new(kind, "bool")
                self.text.op("vcompare_op", "lt", mask, a, b)
                self.text.op("vselect_op", "select", tile, mask, a, b)
        self.values[tile] = kind

    def reduce(self) -> tuple[str, str]:
        source = self.choose("full", "row", "column")
        kind = self.values[source]
        axes = {"full": [0, 1], "row": [1], "column": [0]}[kind]
        axis = self.random.choice(axes)
        result = {("full", 0): "row", ("full", 1): "column"}.get((kind, axis), "one")
        op = self.random.choice(["sum", "max", "min"])
        valid = None
        if self.random.random() < 0.6:
            start, extent, tile = [(self.r, self.m, self.tm), (self.c, self.n, self.tn)][axis]
            valid = remaining(extent, start, tile)
        target = self.new(result)
        self.text.op("vreduce_op", op, target, source, axis=axis, valid=valid)
        return target, result

    def scan(self) -> None:
        source = self.choose("full", "row", "column")
        kind = self.values[source]
        axis = self.random.choice({"full": [0, 1], "row": [1], "column": [0]}[kind])
        valid = None
        if self.random.random() < 0.6:
            start, extent, tile = [(self.r, self.m, self.tm), (self.c, self.n, self.tn)][axis]
            valid = remaining(extent, start, tile)
        target = self.new(kind)
        op = self.random.choice(["sum", "sum", "max", "min", "logaddexp"])
        reverse = self.random.random() < 0.5
        self.text.op(
            "vscan_op", op, target, source, axis=axis, valid=valid, reverse=reverse or None
        )
        self.values[target] = kind

    def outputs(self) -> list[np.ndarray]:
        arrays = []
        for i in range(2):
            source = self.choose()
            whole = self.new("full")
            self.text.op("vbroadcast_op", "copy", whole, source)
            array = np.zeros((self.m, self.n), np.float32)
            arrays.append(array)
            self.text.param(f"out{i}", array, output=True)
            self.text.store(self.part(f"out{i}", "full"), whole, clip=True)
        return arrays


def _joined(a: str, b: str) -> str:
    rows = "full" in (a, b) or "column" in (a, b)
    columns = "full" in (a, b) or "row" in (a, b)
    return {(True, True): "full", (False, True): "row", (True, False): "column"}.get(
        (rows, columns), "one"
    )


def check(text: KernelText, inputs: list[np.ndarray], outputs: list[np.ndarray], cores: int,
          vector_bytes: int = 64) -> None:  # fmt: skip
    expected = interpret(text.program(cores), inputs)
    names = [p.name for p in text.params]
    text.run(dict(zip(names, [*inputs, *outputs])), cores, vector_bytes)
    for got, want in zip(outputs, expected):
        np.testing.assert_allclose(got, want.reshape(got.shape), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("seed", range(60))
def test_random_straight_line_kernel(seed: int) -> None:
    kernel = RandomKernel(seed)
    inputs = kernel.inputs()
    for _ in range(kernel.random.randrange(2, 9)):
        kernel.step()
    outputs = kernel.outputs()
    check(kernel.text, inputs, outputs, kernel.cores, kernel.random.choice([16, 32, 64]))


@pytest.mark.parametrize("seed", range(80))
def test_random_kernel_with_scans(seed: int) -> None:
    kernel = RandomKernel(3000 + seed)
    inputs = kernel.inputs()
    for _ in range(kernel.random.randrange(2, 9)):
        kernel.scan() if kernel.random.random() < 0.4 else kernel.step()
    kernel.scan()
    outputs = kernel.outputs()
    check(kernel.text, inputs, outputs, kernel.cores, kernel.random.choice([16, 32, 64]))


@pytest.mark.parametrize("seed", range(30))
def test_random_kernel_with_accumulators_over_a_loop(seed: int) -> None:
    """A core walks over column tiles; row, column, scalar and whole tiles are carried."""
    kernel = RandomKernel(1000 + seed)
    turns = -(-kernel.n // kernel.tn)
    kernel.cores = -(-kernel.m // kernel.tm)
    kernel.r = binary("*", CORE, kernel.tm)
    kernel.c = binary("*", aul.Name("i"), kernel.tn)
    kind = kernel.random.choice(["full", "row", "column", "one"])
    kernel.text.tile("acc", kernel.shape(kind), "float32", 0.5)
    before, kernel.text.body = kernel.text.body, []
    inputs = kernel.inputs()
    kernel.values["acc"] = kind
    for _ in range(kernel.random.randrange(1, 6)):
        kernel.step()
    same = [t for t, k in kernel.values.items() if k == kind and t != "acc"]
    grown = same[-1] if same else "acc"
    kernel.text.op("vbinary_op", kernel.random.choice(["add", "max"]), "acc", "acc", grown)
    outputs = kernel.outputs()[:1]
    kernel.text.params = kernel.text.params[:5]
    kernel.text.body.pop()  # the second store
    loop = aul.Loop("i", aul.Int(turns), tuple(kernel.text.body))
    kernel.text.body = [*before, loop]
    out = np.zeros((kernel.cores, *kernel.shape(kind)), np.float32)
    kernel.text.param("total", out, output=True)
    rows, columns = kernel.shape(kind)
    kernel.text.store(place("total", CORE, (0, rows), (0, columns)), "acc")
    check(kernel.text, inputs, [*outputs, out], kernel.cores)
