"""Every rewrite rule on instances of its left side, drawn at random: both sides are equal in
float64, and the right side is no less accurate in the rule's dtypes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np
import pytest

from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.analysis import NodeFacts
from kernelwright.graph.core import DTYPES, is_float
from kernelwright.graph.evaluate import evaluate
from kernelwright.graph.ops import all_ops, all_rules, op_definition
from kernelwright.graph.rules import LICENCES, Match, Pattern, Rule

FLOATS = ("float32", "float64", "float16", "bfloat16")
OTHERS = ("int64", "int32", "bool")
TRIES = {True: 1500, False: 150}  # drawings for a float dtype, and for another
WANTED = 4  # instances of a rule in a dtype
NUMBERS = (0, 1, 2, -1.5, 3, 0.25)


class Instance:
    """One left side: its leaves and the nodes that its names stand for."""

    def __init__(self, rng: random.Random, dtype: str) -> None:
        self.rng, self.dtype = rng, dtype
        self.builder = Builder()
        self.inputs: list[Node] = []
        self.parameters: list[Node] = []
        self.positive: set[int] = set()
        self.named: dict[str, Node] = {}

    def leaf(
        self, *shape: int, positive: bool = False, parameter: bool = False, dtype: str = ""
    ) -> Node:
        kind = TensorType(tuple(shape), dtype or self.dtype)
        if parameter:
            node = self.builder.parameter(f"p{len(self.parameters)}", kind)
            self.parameters.append(node)
        else:
            node = self.builder.input(f"x{len(self.inputs)}", len(self.inputs), kind)
            self.inputs.append(node)
        if positive:
            self.positive.add(node.id)
        return node

    def variable(self, name: str) -> Node:
        if name not in self.named:
            self.named[name] = self._any_value()
        return self.named[name]

    def _any_value(self) -> Node:
        rng = self.rng
        dtype = "bool" if rng.random() < 0.1 else self.dtype
        if rng.random() < 0.35:
            value = rng.choice(NUMBERS)
            node = self.builder.constant(value if is_float(dtype) else int(value), dtype)
            shape = self.shape()
            return self.builder.expand(node, shape=shape) if rng.random() < 0.4 else node
        parameter = rng.random() < 0.5
        if rng.random() < 0.2:  # a product, which some rules ask for
            inner, rows, columns = (rng.choice((1, 2, 3)) for _ in range(3))
            left, right = self.leaf(rows, inner), self.leaf(inner, columns)
            return self.builder.matmul(left, right)
        positive = rng.random() < 0.5
        return self.leaf(*self.shape(), positive=positive, parameter=parameter, dtype=dtype)

    def shape(self) -> tuple[int, ...]:
        rank = self.rng.choice((0, 1, 2, 2, 2, 3))
        return tuple(self.rng.choice((1, 2, 2, 3)) for _ in range(rank))

    def made(self, pattern: Pattern | str) -> Node:
        if isinstance(pattern, str):
            return self.variable(pattern)
        operands = [self.made(o) for o in pattern.operands]
        return self.builder.make(pattern.op, operands, **self.attributes(pattern.op, operands))

    def attributes(self, op: str, operands: list[Node]) -> dict[str, Any]:
        """Attributes that the op takes, found by trying those of its kind."""
        choices = [partial(c, op, operands) for c in (self._plain, self._axis, self._axes)]
        if op_definition(op).kind in ("view", "leaf"):
            choices = [partial(self._view, op, operands)]
        if op == "cast":
            choices = [lambda: {"dtype": self.rng.choice(("float32", "float64", self.dtype))}]
        for choice in choices:
            attrs = choice()
            try:
                op_definition(op).infer([n.type for n in operands], attrs)
            except KeyError:
                continue
            return attrs
        raise ValueError(op)

    def _plain(self, op: str, operands: list[Node]) -> dict[str, Any]:
        return {"diagonal": self.rng.choice((0, 0, 1))} if op in ("diag", "tril", "triu") else {}

    def _axis(self, op: str, operands: list[Node]) -> dict[str, Any]:
        rank = len(operands[0].shape)
        return {"axis": self.rng.randrange(rank)} if rank else {"axis": 0}

    def _axes(self, op: str, operands: list[Node]) -> dict[str, Any]:
        rank = len(operands[0].shape)
        axes = [a for a in range(rank) if self.rng.random() < 0.6]
        if op in ("argmax", "argmin"):
            axes = axes[:1]
        return {"axes": tuple(axes), "keepdims": self.rng.random() < 0.5}

    def _view(self, op: str, operands: list[Node]) -> dict[str, Any]:
        rng, shape = self.rng, operands[0].shape if operands else self.shape()
        if op == "transpose":
            return {"axes": tuple(rng.sample(range(len(shape)), len(shape)))}
        if op == "reshape":
            return {"shape": self._reshaped(shape)}
        if op == "expand":
            wide = tuple(rng.choice((2, 3)) if n == 1 else n for n in shape)
            return {"shape": (*((2,) if rng.random() < 0.4 else ()), *wide)}
        if op == "iota":
            return {"shape": shape, "axis": rng.randrange(len(shape) or 1), "dtype": "int64"}
        raise ValueError(op)

    def _reshaped(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        size = prod(shape)
        factors: list[int] = []
        while size > 1:
            found = self.rng.choice([d for d in range(2, size + 1) if size % d == 0])
            factors.append(found)
            size //= found
        while self.rng.random() < 0.4:
            factors.insert(self.rng.randrange(len(factors) + 1), 1)
        return tuple(factors)

    # ---- values ------------------------------------------------------------------------------

    def arrays(self, seed: int) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        rng = np.random.default_rng(seed)

        def drawn(node: Node) -> np.ndarray:
            if node.dtype == "bool":
                return rng.random(node.shape) < 0.5
            if not is_float(node.dtype):
                return rng.integers(-4, 5, node.shape).astype(DTYPES[node.dtype])
            values = rng.normal(size=node.shape)
            if node.id in self.positive:
                values = np.abs(values) + 0.1
            return values.astype(DTYPES[node.dtype])

        inputs = [drawn(n) for n in self.inputs]
        return inputs, {n.attrs["name"]: drawn(n) for n in self.parameters}


def matched(
    pattern: Pattern | str, node: Node, names: dict[str, Node]
) -> Iterator[dict[str, Node]]:
    """Every way in which ``node`` itself is an instance of ``pattern``."""
    if isinstance(pattern, str):
        if names.setdefault(pattern, node) is node:
            yield names
        return
    if node.op != pattern.op or len(node.inputs) != len(pattern.operands):
        return
    orders = [node.inputs]
    if op_definition(node.op).commutative:
        orders.append(node.inputs[::-1])
    for order in orders:
        found = [dict(names) | ({pattern.label: node} if pattern.label else {})]
        for inner, operand in zip(pattern.operands, order):
            found = [more for some in found for more in matched(inner, operand, dict(some))]
        yield from found


def instance(rule: Rule, rng: random.Random, dtype: str) -> tuple[Instance, Node, Node] | None:
    """A left side drawn at random and its right side; None where the rule does not apply to it."""
    drawn = Instance(rng, dtype)
    try:
        if rule.example is not None:
            left = rule.example(drawn.builder, drawn.leaf)
        else:
            left = drawn.made(rule.left)
    except ValueError:
        return None
    for names in matched(rule.left, left, {}):
        right = rule.right(drawn.builder, Match({**names, "root": left}, NodeFacts()))
        if right is not None:
            return drawn, left, right
    return None


def instances(rule: Rule, dtype: str) -> Iterator[tuple[Instance, Node, Node]]:
    rng = random.Random(f"{rule.name} {dtype}")
    tries = TRIES[is_float(dtype)] if rule.example is None else WANTED
    found = (instance(rule, rng, dtype) for _ in range(tries))
    return itertools.islice((one for one in found if one is not None), WANTED)


def run(drawn: Instance, node: Node, seed: int, float64: bool) -> np.ndarray:
    graph = Graph("side", drawn.inputs, drawn.parameters, [node])
    inputs, parameters = drawn.arrays(seed)
    with np.errstate(all="ignore"):
        return evaluate(graph, inputs, parameters, float64=float64, calls=Calls())[0]


class Calls(dict[str, Any]):
    """Framework ops, run by the framework."""

    def __len__(self) -> int:
        return 1

    def __contains__(self, target: object) -> bool:
        return True

    def __getitem__(self, target: str) -> Any:
        call = pytest.importorskip("kernelwright.frameworks._torch_capture_call")
        return lambda arrays, attrs: call.run_call(target, arrays, attrs["arguments"])


def off(value: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm((value.astype(np.float64) - truth).reshape(-1)))


def is_defined(truth: np.ndarray, value: np.ndarray) -> bool:
    return bool(np.isfinite(truth).all() and np.isfinite(value.astype(np.float64)).all())


def check(drawn: Instance, left: Node, right: Node, seed: int) -> bool:
    """Whether there was anything to compare: the left side may be undefined for these values."""
    assert right.type == left.type
    truth, reference = run(drawn, left, seed, True), run(drawn, left, seed, False)
    if not is_defined(truth, reference):
        return False
    exact, rounded = run(drawn, right, seed, True), run(drawn, right, seed, False)
    assert rounded.dtype == reference.dtype and rounded.shape == reference.shape
    if not is_float(left.dtype):
        np.testing.assert_array_equal(exact, truth)
        np.testing.assert_array_equal(rounded, reference)
        return True
    # What cancels is judged against what it cancelled from: values here are of order 1 to 100.
    np.testing.assert_allclose(exact, truth, rtol=1e-9, atol=1e-11)
    step = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
    limit = 4 * off(reference, truth) + 8 * step[left.dtype] * (np.linalg.norm(truth) + 1)
    assert off(rounded, truth) <= limit
    return True


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_both_sides_are_equal(rule: Rule) -> None:
    compared = dict.fromkeys((*FLOATS, *OTHERS), 0)
    for dtype in compared:
        for seed, (drawn, left, right) in enumerate(instances(rule, dtype)):
            compared[dtype] += check(drawn, left, right, seed)
    known = [dtype for dtype, count in compared.items() if count]
    assert len(known) >= 2 or set(known) & set(OTHERS), f"too few instances: {compared}"


def test_rules_name_known_ops_and_licences() -> None:
    for rule in all_rules():
        assert rule.assumes in ("", *LICENCES), rule.name
        assert all(pattern.op in all_ops() for pattern in rule.left.walk()), rule.name
