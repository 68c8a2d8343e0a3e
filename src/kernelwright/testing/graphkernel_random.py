"""Random fused kernels: files of many ops as a fusion pass would leave them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from kernelwright.testing.graphkernel import kernel, number, op, tensor

_UNARY = ("Neg", "Abs", "Tanh", "Exp", "Square", "Sqrt", "Log", "Reciprocal", "Erf")
_BINARY = ("Add", "Sub", "Mul", "RealDiv", "Maximum", "Minimum")
_REDUCTIONS = ("ReduceSum", "ReduceMax", "ReduceMin")
SIZES = (1, 3, 8, 16, 33)
_GUARDED = ("Sqrt", "Log", "Reciprocal", "RealDiv")


def random_kernel(seed: int, count: int = 12, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """The content of an info file of about ``count`` ops, the same for a seed. Roots, logarithms
    and divisors are guarded, so that results are finite. ``sizes``, as many as ``SIZES`` and 1
    first, give the same kernel on other sizes."""
    return _Maker(random.Random(seed), f"random_{seed}", sizes).make(count)


class _Maker:
    def __init__(self, rng: random.Random, name: str, sizes: Sequence[int]) -> None:
        self.rng, self.name, self.sizes = rng, name, sizes
        self.ops: list[dict[str, Any]] = []
        self.inputs: list[dict[str, Any]] = []
        self.tensors: list[dict[str, Any]] = []
        self.written: list[dict[str, Any]] = []
        self.used: set[str] = set()
        self.dtype = rng.choice(("float32", "float32", "float32", "float16", "float64"))
        rank = rng.randint(1, 4)
        self.shape = [rng.choice(sizes) for _ in range(rank)]

    def make(self, count: int) -> dict[str, Any]:
        for _ in range(self.rng.randint(1, 3)):
            self.input(self.shape)
        kinds: list[Callable[[], None]] = [
            self.unary, self.unary, self.binary, self.binary, self.binary, self.reduction,
            self.transpose, self.reshape, self.select, self.cast, self.broadcast, self.write,
        ]  # fmt: skip
        while len(self.ops) < count:
            self.rng.choice(kinds)()
        ends = [t for t in self.tensors if t["tensor_name"] not in self.used and t not in
                self.inputs]  # fmt: skip
        return kernel(self.name, list(self.inputs), [*ends, *self.written], self.ops)

    def input(self, shape: list[int], dtype: str = "") -> dict[str, Any]:
        made = tensor(f"input_{len(self.inputs)}", shape, dtype or self.dtype)
        self.inputs.append(made)
        self.tensors.append(made)
        return made

    def pick(self) -> dict[str, Any]:
        found = self.rng.choice([t for t in self.tensors[-6:] if t["data_type"] != "bool"])
        self.used.add(found["tensor_name"])
        return found

    def add(
        self, name: str, inputs: list[Any], sizes: list[int], dtype: str, **attrs: Any
    ) -> dict[str, Any]:
        made = tensor(f"output_0_{len(self.ops)}", sizes, dtype)
        self.ops.append(op(name, inputs, [made], **attrs))
        self.tensors.append(made)
        return made

    def guarded(self, x: dict[str, Any]) -> dict[str, Any]:
        """|x| + 0.5."""
        positive = self.add("Abs", [x], x["shape"], x["data_type"])
        self.used.add(positive["tensor_name"])
        half = number("c", 0.5, x["data_type"])
        made = self.add("Add", [positive, half], x["shape"], x["data_type"])
        self.used.add(made["tensor_name"])
        return made

    def bounded(self, x: dict[str, Any]) -> dict[str, Any]:
        made = self.add("Tanh", [x], x["shape"], x["data_type"])
        self.used.add(made["tensor_name"])
        return made

    def unary(self) -> None:
        name, x = self.rng.choice(_UNARY), self.pick()
        if name in _GUARDED:
            x = self.guarded(x)
        elif name in ("Exp", "Square"):
            x = self.bounded(x)
        self.add(name, [x], x["shape"], x["data_type"])

    def binary(self) -> None:
        name, x = self.rng.choice(_BINARY), self.pick()
        kind = x["data_type"]
        like = [t for t in self.tensors if t["data_type"] == kind and _fits(t, x)]
        choice = self.rng.random()
        if choice < 0.25:
            y = number("c", round(self.rng.uniform(-3, 3), 3) or 1.0, kind)
        elif choice < 0.4:
            y = self.input([n if self.rng.random() < 0.5 else 1 for n in x["shape"]], kind)
            self.used.add(y["tensor_name"])
        else:
            y = self.rng.choice(like)
            self.used.add(y["tensor_name"])
        if name in _GUARDED and "value" not in y:
            y = self.guarded(y)
        self.add(name, [x, y], x["shape"], kind)

    def reduction(self) -> None:
        x = self.pick()
        axes = sorted(self.rng.sample(range(len(x["shape"])), self.rng.randint(1, len(x["shape"]))))
        keep = self.rng.random() < 0.6
        shape = [1 if a in axes else n for a, n in enumerate(x["shape"])]
        if not keep:
            shape = [n for a, n in enumerate(x["shape"]) if a not in axes] or [1]
        self.add(self.rng.choice(_REDUCTIONS), [x], shape, x["data_type"], axis=axes,
                 keep_dims=keep)  # fmt: skip

    def transpose(self) -> None:
        x = self.pick()
        perm = self.rng.sample(range(len(x["shape"])), len(x["shape"]))
        self.add("Transpose", [x], [x["shape"][a] for a in perm], x["data_type"], perm=perm)

    def reshape(self) -> None:
        x = self.pick()
        shape = list(x["shape"])
        if len(shape) > 1 and self.rng.random() < 0.6:
            at = self.rng.randrange(len(shape) - 1)
            shape[at : at + 2] = [shape[at] * shape[at + 1]]
        else:
            shape.insert(self.rng.randint(0, len(shape)), 1)
        if len(shape) <= 5:
            self.add("Reshape", [x], shape, x["data_type"], shape=shape)

    def select(self) -> None:
        x = self.pick()
        kind = x["data_type"]
        name = self.rng.choice(("Greater", "LessEqual"))
        where = self.add(name, [x, number("c", 0.25, kind)], x["shape"], "bool")
        self.used.add(where["tensor_name"])
        self.add("Select", [where, x, number("z", 0.0, kind)], x["shape"], kind)

    def cast(self) -> None:
        x = self.pick()
        target = self.rng.choice(("float32", "float16"))
        if target != x["data_type"]:
            x = self.bounded(x) if target == "float16" else x
            self.add("Cast", [x], x["shape"], target, dst_type=target)

    def broadcast(self) -> None:
        x = self.pick()
        shape = [self.rng.choice(self.sizes) if n == 1 else n for n in x["shape"]]
        self.add("BroadcastTo", [x], shape, x["data_type"], shape=shape)

    def write(self) -> None:
        """The last value into an input of its shape, now and then."""
        x = self.pick()
        homes = [t for t in self.inputs if t["shape"] == x["shape"]
                 and t["data_type"] == x["data_type"]]  # fmt: skip
        if homes and x not in self.inputs and self.rng.random() < 0.5:
            home = self.rng.choice(homes)
            self.used.add(home["tensor_name"])
            self.add("InplaceAssign", [home, x, x], x["shape"], x["data_type"],
                     fake_output=self.rng.random() < 0.7)  # fmt: skip
            self.written.append(self.tensors.pop())  # nothing may read what may not be there


def _fits(y: dict[str, Any], x: dict[str, Any]) -> bool:
    """Whether y broadcasts to x's shape."""
    lead = len(x["shape"]) - len(y["shape"])
    return lead >= 0 and all(n in (1, m) for n, m in zip(y["shape"], x["shape"][lead:]))
