"""Reductions, leaves, views, padding in front, transposes, products, guards, one at a time."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.aul import syntax as aul
from kernelwright.compiler.loops.ir import For, Instruction, instructions
from kernelwright.errors import AULError, UnsupportedError
from kernelwright.graph.core import DTYPES, dtype_name

from .kernels import KernelText, place

rng = np.random.default_rng(3)


def whole(name: str, shape: tuple[int, ...]) -> aul.Place:
    return place(name, *((0, e) for e in shape))


def reduce(op: str, x: np.ndarray, axis: int, result: str, valid: int | None = None,
           vector_bytes: int = 64) -> np.ndarray:  # fmt: skip
    shape = tuple(1 if d == axis else e for d, e in enumerate(x.shape))
    out = np.zeros(shape, DTYPES[result])
    text = KernelText()
    text.param("x", x)
    text.param("out", out, output=True)
    text.tile("t", x.shape, dtype_name(x.dtype))
    text.load("t", whole("x", x.shape))
    text.tile("r", shape, result)
    text.op("vreduce_op", op, "r", "t", axis=axis, valid=valid)
    text.store(whole("out", shape), "r")
    text.run({"x": x.copy(), "out": out}, vector_bytes=vector_bytes)
    return out


MEANING: dict[str, Any] = {
    "sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all,
    "argmax": np.argmax, "argmin": np.argmin,
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    op=st.sampled_from(list(MEANING)),
    rows=st.integers(1, 6),
    columns=st.integers(1, 140),
    axis=st.integers(0, 1),
    kind=st.sampled_from(["float32", "int32", "bool", "bfloat16", "float64", "uint8"]),
    cut=st.booleans(),
    vector_bytes=st.sampled_from([16, 64]),
)
def test_reductions(
    op: str, rows: int, columns: int, axis: int, kind: str, cut: bool, vector_bytes: int
) -> None:
    x = (rng.integers(0, 4, (rows, columns)) - (kind != "uint8")).astype(DTYPES[kind])
    if op == "prod":
        x = np.where(rng.random(x.shape) < 0.03, np.array(2).astype(x.dtype),
                     np.array(1).astype(x.dtype))  # fmt: skip
    valid = max(1, x.shape[axis] - 1) if cut else None
    seen = x if valid is None else x.take(range(valid), axis)
    result = {"any": "bool", "all": "bool", "argmax": "int64", "argmin": "int64"}.get(op, kind)
    if op in ("sum", "prod") and kind in ("int32", "bool", "uint8"):
        result = "int64"
    wide = seen.astype(np.float64) if kind == "bfloat16" else seen
    expected = np.expand_dims(MEANING[op](wide, axis=axis), axis).astype(DTYPES[result])
    np.testing.assert_array_equal(reduce(op, x, axis, result, valid, vector_bytes), expected)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("op", ["max", "min", "argmax", "argmin"])
def test_nan_wins_and_the_first_index(op: str, axis: int) -> None:
    x = rng.standard_normal((40, 50)).astype(np.float32)
    x[7, 9] = x[20, 9] = x[7, 33] = np.nan
    x[:, 3] = 5.0
    x[11, :] = -np.inf
    result = "int64" if op.startswith("arg") else "float32"
    got = reduce(op, x, axis, result)
    np.testing.assert_array_equal(got, np.expand_dims(MEANING[op](x, axis=axis), axis))


def test_reduction_of_nothing_is_the_identity() -> None:
    x = np.ones((1, 20), np.float32)
    assert reduce("sum", x, 1, "float32", valid=0)[0, 0] == 0.0
    assert reduce("max", x, 1, "float32", valid=0)[0, 0] == -np.inf


@settings(max_examples=30, deadline=None)
@given(
    start=st.integers(-30, 40),
    top=st.integers(-4, 5),
    pad=st.sampled_from([0.0, 2.5]),
    clip=st.booleans(),
)
def test_padding_on_every_side(start: int, top: int, pad: float, clip: bool) -> None:
    """A (4, 45) window at (top, start) of a (3, 37) array; clipped windows write it back."""
    x = rng.standard_normal((3, 37)).astype(np.float32)
    window = np.full((4, 45), pad, np.float32)
    for r in range(4):
        for c in range(45):
            if 0 <= r + top < 3 and 0 <= c + start < 37:
                window[r, c] = x[r + top, c + start]
    text = KernelText()
    text.param("x", x)
    text.tile("t", (4, 45), "float32")
    source = place("x", (top, top + 4), (start, start + 45))
    text.load("t", source, pad)
    text.tile("u", (4, 45), "float32")
    text.op("vectorscalar_op", "adds", "u", "t", factor=1.0)
    if clip:
        out = np.zeros((3, 37), np.float32)
        expected = np.zeros_like(out)
        for r in range(3):
            for c in range(37):
                if 0 <= r - top < 4 and 0 <= c - start < 45:
                    expected[r, c] = x[r, c] + 1
        text.param("out", out, output=True)
        text.store(place("out", (top, top + 4), (start, start + 45)), "u", clip=True)
    else:
        out, expected = np.zeros((4, 45), np.float32), window + 1
        text.param("out", out, output=True)
        text.store(whole("out", (4, 45)), "u")
    text.run({"x": x, "out": out})
    np.testing.assert_array_equal(out, expected)


def test_a_dropped_dimension_may_lie_outside() -> None:
    x = rng.standard_normal((3, 20)).astype(np.float32)
    out = np.zeros((5, 20), np.float32)
    text = KernelText()
    text.param("x", x)
    text.param("out", out, output=True)
    text.tile("t", (20,), "float32")
    text.load("t", place("x", aul.Binary("-", aul.CoreIdx(), aul.Int(1)), (0, 20)), 7.0)
    text.store(place("out", aul.CoreIdx(), (0, 20)), "t")
    text.run({"x": x, "out": out}, cores=5)
    seven = np.full((1, 20), 7, np.float32)
    np.testing.assert_array_equal(out, np.concatenate([seven, x, seven]))


@pytest.mark.parametrize("strides, offset", [((1, 6), 0), ((12, 2), 1), ((0, 1), 3), ((5, 0), 2)])
def test_strided_views(strides: tuple[int, int], offset: int) -> None:
    buffer = rng.standard_normal(300).astype(np.float32)
    shape = (5, 21)
    view = np.lib.stride_tricks.as_strided(buffer[offset:], shape, [4 * s for s in strides])
    out = np.zeros(shape, np.float32)
    text = KernelText()
    text.param("x", buffer, shape=shape, strides=strides, offset=offset)
    text.param("out", out, output=True)
    text.tile("t", shape, "float32")
    text.load("t", whole("x", shape))
    text.store(whole("out", shape), "t")
    text.run({"x": buffer, "out": out})
    np.testing.assert_array_equal(out, view)


def test_the_vector_dimension_is_the_contiguous_one() -> None:
    """Both sides are column-major: no gather, no scatter."""
    x, out = np.zeros((32, 48), np.float32), np.zeros((32, 48), np.float32)
    text = KernelText()
    for name, output in (("x", False), ("out", True)):
        text.param(name, x, output, shape=(48, 32), strides=(1, 48))
    text.tile("t", (48, 32), "float32")
    text.load("t", whole("x", (48, 32)))
    text.store(whole("out", (48, 32)), "t")
    function = text.lower({"x": x, "out": out})
    ops = {item.op for item in instructions(function.body)}
    assert "gather" not in ops and "scatter" not in ops


@pytest.mark.parametrize("through_memory", [False, True])
def test_transpose(through_memory: bool) -> None:
    x = rng.standard_normal((5, 19)).astype(np.float32)
    out = np.zeros((19, 5), np.float32)
    text = KernelText()
    text.param("x", x)
    text.param("out", out, output=True)
    text.tile("t", (5, 19), "float32")
    text.load("t", whole("x", x.shape))
    source, expected = "t", x.T
    if through_memory:
        source = text.tile("e", (5, 19), "float32")
        text.op("vunary_op", "square", "e", "t")
        expected = np.square(x).T
    text.tile("r", (19, 5), "float32")
    text.op("vtranspose_op", "transpose", "r", source, axes=(1, 0))
    text.store(whole("out", (19, 5)), "r")
    text.run({"x": x, "out": out})
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("m, k, n", [(1, 1, 1), (6, 8, 32), (7, 5, 37), (13, 9, 70)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_matmul_accumulates(m: int, k: int, n: int, dtype: str) -> None:
    a, b = (rng.integers(-3, 4, s).astype(DTYPES[dtype]) for s in ((m, k), (k, n)))
    result = "float32" if dtype == "bfloat16" else dtype
    out = np.zeros((m, n), DTYPES[result])
    text = KernelText()
    text.param("a", a)
    text.param("b", b)
    text.param("out", out, output=True)
    text.tile("acc", (m, n), result, 2.0)
    for name, array in (("a", a), ("b", b)):
        text.tile(f"t{name}", array.shape, dtype)
        text.load(f"t{name}", whole(name, array.shape))
    loop = aul.VectorOp(
        "matmul_op", "matmul", aul.Place("acc"), (aul.Place("ta"), aul.Place("tb")),
        (("accumulate", True),),
    )  # fmt: skip
    text.body.append(aul.Loop("i", aul.Int(3), (loop,)))
    text.store(whole("out", (m, n)), "acc")
    text.run({"a": a, "b": b, "out": out})
    expected = 2 + 3 * (a.astype(np.float64) @ b.astype(np.float64))
    np.testing.assert_array_equal(out, expected.astype(out.dtype))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", ["int64", "float32", "int32", "uint8"])
def test_iota(axis: int, dtype: str) -> None:
    out = np.zeros((6, 35), DTYPES[dtype])
    text = KernelText()
    text.param("out", out, output=True)
    text.tile("t", (3, 35), dtype)
    start = aul.Binary("*", aul.CoreIdx(), aul.Int(3))
    text.op("viota_op", "iota", "t", axis=axis, start=start)
    rows = (start, aul.Binary("+", start, aul.Int(3)))
    text.store(place("out", rows, (0, 35)), "t")
    text.run({"out": out}, cores=2)
    first = np.indices((3, 35))[axis]
    np.testing.assert_array_equal(out, np.concatenate([first, first + 3]).astype(out.dtype))


@pytest.mark.parametrize("tile_shape", [(1, 1), (2, 20)])
def test_a_guard_decides_whether_a_tile_changes(tile_shape: tuple[int, int]) -> None:
    """A carried tile that only odd turns add to."""
    out = np.zeros(tile_shape, np.float32)
    text = KernelText()
    text.param("out", out, output=True)
    text.tile("acc", tile_shape, "float32", 1.0)
    odd = aul.Compare("==", aul.Binary("%", aul.Name("i"), aul.Int(2)), aul.Int(1))
    add = aul.VectorOp(
        "vectorscalar_op", "adds", aul.Place("acc"), (aul.Place("acc"),), (("factor", 2.5),)
    )
    twice = aul.VectorOp(
        "vectorscalar_op", "muls", aul.Place("acc"), (aul.Place("acc"),), (("factor", 2.0),)
    )
    text.body.append(aul.Loop("i", aul.Int(4), (aul.Guard((odd,), (add,), (twice,)),)))
    text.store(whole("out", tile_shape), "acc")
    text.run({"out": out})
    np.testing.assert_array_equal(out, np.full(tile_shape, ((1 * 2 + 2.5) * 2) + 2.5, np.float32))


def test_a_narrow_scalar_is_carried_rounded() -> None:
    out = np.zeros((1,), ml_dtypes.bfloat16)
    text = KernelText()
    text.param("out", out, output=True)
    text.tile("acc", (1,), "bfloat16", 256.0)
    add = aul.VectorOp(
        "vectorscalar_op", "adds", aul.Place("acc"), (aul.Place("acc"),), (("factor", 0.75),)
    )
    text.body.append(aul.Loop("i", aul.Int(5), (add,)))
    text.store(whole("out", (1,)), "acc")
    text.run({"out": out})
    assert float(out[0]) == 256.0  # 256.75 rounds back every time


def test_writing_and_reading_one_tensor_keeps_the_order() -> None:
    buffer = np.zeros((3, 40), np.float32)
    text = KernelText()
    text.param("buffer", buffer, output=True)
    text.tile("one", (2, 40), "float32", 1.0)
    text.store(place("buffer", (0, 2), (0, 40)), "one")
    text.tile("t", (2, 40), "float32")
    text.load("t", place("buffer", (0, 2), (0, 40)))
    text.tile("u", (2, 40), "float32")
    text.op("vbinary_op", "add", "u", "t", "one")
    text.store(place("buffer", (1, 3), (0, 40)), "u")
    text.run({"buffer": buffer})
    np.testing.assert_array_equal(buffer[:, 0], [1, 2, 2])


def test_softmax_is_three_loops_with_one_buffer() -> None:
    x = np.zeros((1, 4096), np.float32)
    text = KernelText()
    for name, output in (("x", False), ("out", True)):
        text.param(name, x, output)
    for name, shape in (("a", x.shape), ("m", (1, 1)), ("d", x.shape), ("e", x.shape),
                        ("s", (1, 1)), ("r", x.shape)):  # fmt: skip
        text.tile(name, shape, "float32")
    text.load("a", whole("x", x.shape))
    text.op("vreduce_op", "max", "m", "a", axis=1)
    text.op("vbinary_op", "sub", "d", "a", "m")
    text.op("vunary_op", "exp", "e", "d")
    text.op("vreduce_op", "sum", "s", "e", axis=1)
    text.op("vbinary_op", "div", "r", "e", "s")
    text.store(whole("out", x.shape), "r")
    function = text.lower({"x": x, "out": x})
    loops = [item for item in function.body.items if isinstance(item, For)]
    assert len(loops) == 3 and len(function.scratch) == 1
    assert not any(isinstance(i, Instruction) and len(i.args) > 2 for i in function.body.items)


def test_a_strange_kernel_is_refused_with_a_reason() -> None:
    text = KernelText()
    x = np.zeros((4, 4), np.float32)
    text.param("x", x)
    text.tile("t", (4, 5), "float32")
    text.load("t", whole("x", (4, 4)))
    with pytest.raises(AULError, match="shape"):
        text.lower({"x": x})
    text = KernelText()
    text.param("x", x)
    text.tile("t", (4, 4), "float32")
    core = aul.CoreIdx()
    text.load("t", place("x", (aul.Binary("//", aul.Int(4), core), 4), (0, 4)))
    with pytest.raises(UnsupportedError, match="division by what may not be positive"):
        text.lower({"x": x})


def test_an_indirect_store_one_after_the_other() -> None:
    """Rows and single elements; the last of those that meet stays, or all are combined."""
    shape, source = (7, 40), (23, 40)
    x = np.zeros(shape, np.float32)
    s = rng.standard_normal(source).astype(np.float32)
    for name, place_of, strides, update in (
        ("rows", np.arange(23)[:, None] % 9 - 1, (0, 1, 40), ""),
        ("rows", np.arange(23)[:, None] % 9 - 1, (0, 1, 40), "add"),
        ("each", np.arange(23 * 40).reshape(source) * 5 % 8, (0, 1, 40), "max"),
        ("each", np.arange(23 * 40).reshape(source) * 5 % 8, (0, 1, 40), ""),
    ):
        truth, index = x.copy(), np.broadcast_to(place_of, source)
        inside = (index >= 0) & (index < 7)
        where = (index[inside], np.broadcast_to(np.arange(40), source)[inside])
        if update:
            {"add": np.add, "max": np.maximum}[update].at(truth, where, s[inside])
        else:
            truth[where] = s[inside]
        k = KernelText()
        k.param("s", s)
        k.param("i", place_of)
        k.param("o", x, output=True, shape=(23, 40, 7), strides=strides)
        k.tile("a", source, "float32")
        k.tile("j", place_of.shape, "int64")
        k.body.append(aul.Copy(place("a"), place("s", (0, 23), (0, 40))))
        k.body.append(aul.Copy(place("j"), place("i", (0, 23), (0, place_of.shape[1]))))
        k.body.append(
            aul.Copy(place("o", (0, 23), (0, 40), 0), place("a"), None, True, place("j"), 2, update)
        )
        for vector_bytes in (32, 64):
            out = x.copy()
            k.run({"s": s, "i": place_of, "o": out}, vector_bytes=vector_bytes)
            np.testing.assert_array_equal(out, truth, err_msg=f"{name} {update}")
