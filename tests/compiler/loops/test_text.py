"""Loop IR as text; goldens of whole kernels, so that a refactor shows an empty diff."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np

from kernelwright.aul import syntax as aul
from kernelwright.compiler.loops.text import format_function

from .kernels import KernelText, place

Golden = Callable[[str, str], None]


def softmax() -> tuple[KernelText, dict[str, np.ndarray]]:
    """A block of rows a core, one row at a time; rows of 70 have a tail."""
    x = np.zeros((10, 70), np.float32)
    text = KernelText()
    text.param("x", x)
    text.param("out", x, output=True)
    first = aul.Binary("*", aul.CoreIdx(), aul.Int(3))
    row = aul.Binary("+", first, aul.Name("i"))
    rows = (row, aul.Binary("+", row, aul.Int(1)))
    for name, columns in (("x0", 70), ("m0", 1), ("d0", 70), ("e0", 70), ("s0", 1), ("r0", 70)):
        text.tile(name, (1, columns), "float32")
    text.load("x0", place("x", rows, (0, 70)))
    text.op("vreduce_op", "max", "m0", "x0", axis=1)
    text.op("vbinary_op", "sub", "d0", "x0", "m0")
    text.op("vunary_op", "exp", "e0", "d0")
    text.op("vreduce_op", "sum", "s0", "e0", axis=1)
    text.op("vbinary_op", "div", "r0", "e0", "s0")
    text.store(place("out", rows, (0, 70)), "r0")
    left = aul.Call("min", (aul.Int(3), aul.Binary("-", aul.Int(10), first)))
    turns = aul.Call("max", (aul.Int(0), left))
    text.body = [aul.Loop("i", turns, tuple(text.body))]
    return text, {"x": x, "out": x}


def bias_gelu_residual() -> tuple[KernelText, dict[str, np.ndarray]]:
    """bfloat16 in and out, float32 between; (4, 64) tiles of (13, 100): tails on both sides."""
    x, bias = (np.zeros(s, ml_dtypes.bfloat16) for s in ((13, 100), (1, 100)))
    arrays = {"x": x, "bias": bias, "y": x, "out": x}
    text = KernelText()
    for name, array in arrays.items():
        text.param(name, array, output=name == "out")
    core = aul.CoreIdx()
    r = aul.Binary("*", aul.Binary("//", core, aul.Int(2)), aul.Int(4))
    c = aul.Binary("*", aul.Binary("%", core, aul.Int(2)), aul.Int(64))
    rows, columns = ((s, aul.Binary("+", s, aul.Int(e))) for s, e in ((r, 4), (c, 64)))
    for name in ("x", "bias", "y"):
        height = 1 if name == "bias" else 4
        narrow = text.tile(f"{name}0", (height, 64), "bfloat16")
        text.load(narrow, place(name, (0, 1) if name == "bias" else rows, columns), 0.0)
        text.op("vcast_op", "cast", text.tile(f"{name}1", (height, 64), "float32"), narrow)
    for i in range(7):
        text.tile(f"t{i}", (4, 64), "float32")
    text.op("vbinary_op", "add", "t0", "x1", "bias1")
    text.op("vectorscalar_op", "muls", "t1", "t0", factor=0.7071067811865476)
    text.op("vunary_op", "erf", "t2", "t1")
    text.op("vectorscalar_op", "adds", "t3", "t2", factor=1.0)
    text.op("vectorscalar_op", "muls", "t4", "t0", factor=0.5)
    text.op("vbinary_op", "mul", "t5", "t4", "t3")
    text.op("vbinary_op", "add", "t6", "t5", "y1")
    text.op("vcast_op", "cast", text.tile("o0", (4, 64), "bfloat16"), "t6")
    text.store(place("out", rows, columns), "o0", clip=True)
    return text, arrays


def test_softmax(golden: Golden) -> None:
    text, arrays = softmax()
    golden("softmax.loops", format_function(text.lower(arrays, cores=4)))


def test_bias_gelu_residual(golden: Golden) -> None:
    text, arrays = bias_gelu_residual()
    golden("bias_gelu_residual.loops", format_function(text.lower(arrays, cores=8)))


def test_lowering_twice_gives_the_same_text() -> None:
    text, arrays = softmax()
    texts = [format_function(text.lower(arrays, cores=4)) for _ in range(2)]
    assert texts[0] == texts[1]


def test_a_narrow_machine_gets_narrow_vectors() -> None:
    text, arrays = softmax()
    narrow = format_function(text.lower(arrays, cores=4, vector_bytes=16))
    assert "float32x4" in narrow and "float32x16" not in narrow


def test_the_text_does_not_depend_on_what_was_lowered_before() -> None:
    """Variables are numbered over the whole process; only their order may matter."""
    texts = set()
    for _ in range(60):  # crosses a power of ten
        text, arrays = bias_gelu_residual()
        texts.add(format_function(text.lower(arrays, cores=8)))
    assert len(texts) == 1
