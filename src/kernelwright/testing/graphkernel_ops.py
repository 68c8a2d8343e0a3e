"""A case for every op that info files are made of, in the forms and dtypes that occur."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kernelwright.testing.graphkernel import Case, kernel, number, op, single, tensor

_HALVES = ("float16", "bfloat16")
_FLOATS = ("float32", *_HALVES, "float64")
_A, _B = (3, 5), (5,)


def cases() -> list[Case]:
    """All of them; names are distinct."""
    families = (
        _unary, _binary, _comparisons, _logic, _selections, _casts, _others, _reductions, _scans,
        _reshapes, _moves, _slices, _pads, _layouts, _lookups, _scatters, _sparse, _products,
        _convolutions, _pools, _complex, _effects, _forms,
    )  # fmt: skip
    return [case for family in families for case in family()]


# ---- element by element --------------------------------------------------------------------------


def _unary() -> Iterator[Case]:
    table: dict[str, Any] = {
        "Exp": np.exp, "Expm1": np.expm1, "Sqrt": np.sqrt, "Rsqrt": lambda x: 1 / np.sqrt(x),
        "Log": np.log, "Tanh": np.tanh, "Sin": np.sin, "Cos": np.cos, "Asin": np.arcsin,
        "ASin": np.arcsin, "ACos": np.arccos, "Asinh": np.arcsinh, "Acosh": np.arccosh,
        "Atan": np.arctan, "Erf": np.vectorize(math.erf), "Sign": np.sign, "Neg": np.negative,
        "Abs": np.abs, "Floor": np.floor, "Reciprocal": lambda x: 1 / x, "Square": np.square,
        "ZerosLike": np.zeros_like, "AddMinValue": lambda x: x + 2.0**-126,
        "FastGeLU": lambda x: x / (1 + np.exp(-1.702 * x)),
    }  # fmt: skip
    for name, meaning in table.items():
        yield single(name, meaning, [tensor("x", _A)], [tensor("y", _A)])
    for name, dtype in itertools.product(("Exp", "Neg", "Sqrt"), (*_HALVES, "float64")):
        yield single(name, table[name], [tensor("x", _A, dtype)], [tensor("y", _A, dtype)],
                     label=f"{name}_{dtype}")  # fmt: skip
    for name, dtype in itertools.product(("Neg", "Abs"), ("int8", "int16", "int32", "int64")):
        yield single(name, table[name], [tensor("x", _A, dtype)], [tensor("y", _A, dtype)],
                     label=f"{name}_{dtype}")  # fmt: skip
    yield single("Round", np.rint, [tensor("x", _A)], [tensor("y", _A, "int32")])
    special = np.array([[1, np.nan, np.inf], [-np.inf, 0, -1]], np.float32)
    for name, meaning in {"IsNan": np.isnan, "IsInf": np.isinf, "IsFinite": np.isfinite}.items():
        yield single(name, meaning, [tensor("x", (2, 3))], [tensor("y", (2, 3), "bool")],
                     given=[special])  # fmt: skip


def _binary() -> Iterator[Case]:
    table: dict[str, Any] = {
        "Add": np.add, "TensorAdd": np.add, "Sub": np.subtract, "Mul": np.multiply,
        "RealDiv": np.divide, "Div": np.divide, "Maximum": np.maximum, "Minimum": np.minimum,
        "Atan2": np.arctan2, "FloorDiv": np.floor_divide, "Mod": np.fmod,
        "FloorMod": lambda a, b: a - b * np.floor(a / b),
    }  # fmt: skip
    for name, meaning in table.items():
        yield single(name, meaning, [tensor("x", _A), tensor("y", _B)], [tensor("z", _A)])
    for dtype in (*_HALVES, "float64"):
        yield single("Mul", np.multiply, [tensor("x", _A, dtype), tensor("y", (3, 1), dtype)],
                     [tensor("z", _A, dtype)], label=f"Mul_{dtype}")  # fmt: skip
    for name in ("Add", "Sub", "Mul", "Maximum", "Minimum"):
        for dtype in ("int8", "uint8", "int16", "int32", "int64"):
            x, y, z = (tensor(n, _A, dtype) for n in "xyz")
            yield single(name, table[name], [x, y], [z], label=f"{name}_{dtype}")
    x, y, z = (tensor(n, _A, "int32") for n in "xyz")
    yield single("Div", lambda a, b: np.trunc(a / b), [x, y], [z], label="Div_int32")
    yield single("FloorDiv", np.floor_divide, [x, y], [z], label="FloorDiv_int32")
    yield single("FloorMod", np.mod, [x, y], [z], label="FloorMod_int32")
    yield single("Mod", np.fmod, [x, y], [z], label="Mod_int32")
    yield single("Pow", lambda x: x**3, [tensor("x", _A)], [tensor("y", _A)],
                 constants=[number("c", 3.0)])  # fmt: skip
    yield single("Add", lambda a, b, c: a + b + c, [tensor(n, _A) for n in "abc"],
                 [tensor("y", _A)], label="Add_of_three", group=True)  # fmt: skip
    yield single("AddN", lambda *a: sum(a), [tensor(n, _A) for n in "abcd"], [tensor("y", _A)],
                 group=True, n=4)  # fmt: skip
    yield single("Mul", lambda x: x * np.float16(0.1), [tensor("x", _A, "float16")],
                 [tensor("y", _A, "float16")], constants=[number("c", 0.1, "float16")],
                 label="Mul_constant_float16")  # fmt: skip


def _comparisons() -> Iterator[Case]:
    table: dict[str, Any] = {
        "Greater": np.greater, "GreaterEqual": np.greater_equal, "Less": np.less,
        "LessEqual": np.less_equal, "Equal": np.equal, "NotEqual": np.not_equal,
    }  # fmt: skip
    for (name, meaning), dtype in itertools.product(table.items(), ("float32", "int32")):
        yield single(name, meaning, [tensor("x", _A, dtype), tensor("y", _B, dtype)],
                     [tensor("z", _A, "bool")], label=f"{name}_{dtype}")  # fmt: skip
    yield single("Greater", np.greater, [tensor("x", _A), tensor("y", _A)], [tensor("z", _A)],
                 label="Greater_as_float")  # fmt: skip


def _logic() -> Iterator[Case]:
    table = {"LogicalAnd": np.logical_and, "LogicalOr": np.logical_or}
    for name, meaning in table.items():
        yield single(name, meaning, [tensor(n, _A, "bool") for n in "xy"],
                     [tensor("z", _A, "bool")])  # fmt: skip
    yield single("LogicalNot", np.logical_not, [tensor("x", _A, "bool")], [tensor("y", _A, "bool")])


def _selections() -> Iterator[Case]:
    for kind in ("bool", "float32"):
        c = tensor("c", _A, kind)
        yield single("Select", lambda c, a, b: np.where(c != 0, a, b),
                     [c, tensor("a", _A), tensor("b", _A)], [tensor("y", _A)],
                     label=f"Select_{kind}")  # fmt: skip
    yield single("Select", lambda c, a: np.where(c, a, 0.0),
                 [tensor("c", _A, "bool"), tensor("a", _A)], [tensor("y", _A)],
                 constants=[number("z", 0.0)], label="Select_constant")  # fmt: skip
    signs = {"GT": np.greater, "LT": np.less, "GE": np.greater_equal, "LE": np.less_equal}
    for sign, compare in signs.items():
        yield single(f"Select{sign}",
                     lambda a, b, c, d, compare=compare: np.where(compare(a, b), c, d),
                     [tensor(n, _A) for n in "abcd"], [tensor("y", _A)])  # fmt: skip


def _casts() -> Iterator[Case]:
    for source, target in itertools.product(("float32", "int32", "bool"), repeat=2):
        yield single("Cast", lambda x, t=target: x.astype(t), [tensor("x", _A, source)],
                     [tensor("y", _A, target)], label=f"Cast_{source}_{target}",
                     dst_type=target)  # fmt: skip
    pairs = (("float16", "float32"), ("float32", "float16"), ("float32", "bfloat16"),
             ("bfloat16", "float32"), ("float64", "float32"), ("float32", "int8"),
             ("uint8", "float32"), ("int64", "int32"))  # fmt: skip
    for source, target in pairs:
        yield single("Cast", lambda x: x, [tensor("x", _A, source)], [tensor("y", _A, target)],
                     label=f"Cast_{source}_{target}",
                     given=[np.arange(15).reshape(_A) * 2])  # fmt: skip


def _others() -> Iterator[Case]:
    yield single("ElemAny", lambda x: np.full(1, x.any()), [tensor("x", _A, "bool")],
                 [tensor("y", (1,))], dst_type="float32", enable_atomic_add=True)  # fmt: skip
    yield single("ElemAll", lambda x: np.full(1, x.all()), [tensor("x", _A, "bool")],
                 [tensor("y", (1,))], dst_type="float32")  # fmt: skip


# ---- reductions ----------------------------------------------------------------------------------


def _reductions() -> Iterator[Case]:
    shape = (4, 3, 5)
    table: dict[str, Any] = {
        "ReduceSum": np.sum, "ReduceMax": np.max, "ReduceMin": np.min, "ReducePrd": np.prod,
        "ReduceProd": np.prod,
    }  # fmt: skip
    for (name, meaning), dtype in itertools.product(table.items(), ("float32", "float16", "int32")):
        yield _reduction(name, meaning, shape, [1], False, dtype)
    for listed, keep in itertools.product(([0], [-1], [0, 2], [1, 2], []), (False, True)):
        yield _reduction("ReduceSum", np.sum, shape, listed, keep, "float32")
    yield _reduction("ReduceSum", np.sum, shape, 1, True, "float32")
    yield _reduction("ReduceSum", np.sum, shape, [0, 2], False, "float32", atomic=True)
    for name, meaning in {"ReduceAll": np.all, "ReduceAny": np.any}.items():
        yield _reduction(name, meaning, shape, [0], False, "bool")
    x = tensor("x", shape)
    axis = tensor("axis", (2,), "int64", value=[0, 2])
    yield single("ReduceSum", lambda x: x.sum((0, 2)), [x], [tensor("y", (3,))], constants=[axis],
                 label="ReduceSum_axis_operand", keep_dims=False)  # fmt: skip
    for name, meaning in {"ArgMax": np.argmax, "Argmax": np.argmax, "Argmin": np.argmin}.items():
        yield single(name, lambda x, m=meaning: m(x, 1), [x], [tensor("y", (4, 5), "int32")],
                     axis=1)  # fmt: skip


def _reduction(
    name: str, meaning: Any, shape: Sequence[int], axis: Any, keep: bool, dtype: str,
    atomic: bool = False,
) -> Case:  # fmt: skip
    listed = [axis] if isinstance(axis, int) else axis
    axes = tuple(a % len(shape) for a in listed) or tuple(range(len(shape)))
    kept = [1 if a in axes else n for a, n in enumerate(shape)]
    out = kept if keep else [n for a, n in enumerate(shape) if a not in axes] or [1]

    def expected(x: np.ndarray) -> np.ndarray:
        return np.asarray(meaning(x, axis=axes)).reshape(out)

    label = f"{name}_{'_'.join(map(str, listed)) or 'all'}_{dtype}{'_keep' if keep else ''}"
    label += "_one" if isinstance(axis, int) else "_atomic" if atomic else ""
    more: dict[str, Any] = {"enable_atomic_add": True} if atomic else {}
    return single(name, expected, [tensor("x", shape, dtype)], [tensor("y", out, dtype)],
                  label=label, axis=axis, keep_dims=keep, **more)  # fmt: skip


def _scans() -> Iterator[Case]:
    functions = {"CumSum": np.add, "CumProd": np.multiply}
    for name, exclusive, reverse in itertools.product(functions, (False, True), (False, True)):

        def expected(x: np.ndarray, f: Any = functions[name], e: bool = exclusive,
                     r: bool = reverse) -> np.ndarray:  # fmt: skip
            rows = x[:, ::-1] if r else x
            out = f.accumulate(rows, axis=1)
            if e:
                out = np.concatenate([np.full((3, 1), f.identity), out[:, :-1]], 1)
            return out[:, ::-1] if r else out

        yield single(name, expected, [tensor("x", _A)], [tensor("y", _A)], axis=1,
                     label=f"{name}_{exclusive}_{reverse}", exclusive=exclusive,
                     reverse=reverse)  # fmt: skip
    yield single("CumSum", lambda x: x.cumsum(0), [tensor("x", _A, "int32")],
                 [tensor("y", _A, "int32")], axis=0, label="CumSum_int32")  # fmt: skip


# ---- shapes --------------------------------------------------------------------------------------


def _reshapes() -> Iterator[Case]:
    x, y = tensor("x", (4, 6)), tensor("y", (2, 12))
    yield single("Reshape", lambda x: x.reshape(2, 12), [x], [y], shape=[2, -1])
    yield single("Reshape", lambda x: x.reshape(2, 12), [x], [y], label="Reshape_bare")
    garbage = tensor("s", (0,), "int64", value=[140230])
    yield single("Reshape", lambda x: x.reshape(2, 12), [x], [y], constants=[garbage],
                 label="Reshape_operand")  # fmt: skip
    yield single("Reshape", lambda x: x.reshape(()), [tensor("x", (1,))], [tensor("y", ())],
                 label="Reshape_number")  # fmt: skip
    yield single("ExpandDims", lambda x: x[:, None], [x], [tensor("y", (4, 1, 6))], axis=1)
    yield single("EquivFormat", lambda x: x, [x], [tensor("y", (4, 6))])
    wide = tensor("y", (3, 4, 6))
    yield single("BroadcastTo", lambda x: np.broadcast_to(x, (3, 4, 6)), [x], [wide],
                 shape=[3, 4, 6])  # fmt: skip
    size = tensor("s", (3,), "int64", value=[3, 4, 6])
    yield single("BroadcastTo", lambda x: np.broadcast_to(x, (3, 4, 6)), [x], [wide],
                 constants=[size], label="BroadcastTo_operand")  # fmt: skip
    yield single(
        "BroadcastTo",
        lambda: np.full((3, 4, 6), 1.5),
        [],
        [wide],
        constants=[number("c", 1.5)],
        label="BroadcastTo_fill",
        shape=[3, 4, 6],
    )
    yield single("Tile", lambda x: np.tile(x, (2, 1, 3)), [x], [tensor("y", (2, 4, 18))],
                 multiples=[2, 1, 3])  # fmt: skip


def _moves() -> Iterator[Case]:
    shape, order = (2, 3, 4), (2, 0, 1)
    for dtype in (*_FLOATS, "int32", "bool"):
        yield single("Transpose", lambda x: x.transpose(order), [tensor("x", shape, dtype)],
                     [tensor("y", (4, 2, 3), dtype)], label=f"Transpose_{dtype}",
                     perm=list(order))  # fmt: skip
    perm = tensor("p", (3,), "int64", value=list(order))
    yield single(
        "Transpose",
        lambda x: x.transpose(order),
        [tensor("x", shape)],
        [tensor("y", (4, 2, 3))],
        constants=[perm],
        label="Transpose_operand",
    )
    parts = [tensor(n, (2, k)) for n, k in zip("abc", (1, 2, 3))]
    yield single("Concat", lambda *x: np.concatenate(x, 1), parts, [tensor("y", (2, 6))],
                 group=True, axis=1)  # fmt: skip
    yield single("Concat", lambda *x: np.concatenate(x, -1), parts, [tensor("y", (2, 6))],
                 group=True, axis=-1, label="Concat_last")  # fmt: skip
    out = [tensor(n, (2, 2)) for n in "abc"]
    yield single("Split", lambda x: np.split(x, 3, 1), [tensor("x", (2, 6))], out, axis=1,
                 output_num=3, size_splits=[2, 2, 2])  # fmt: skip
    uneven = [tensor("a", (2, 5)), tensor("b", (2, 1))]
    yield single("Split", lambda x: np.split(x, [5], 1), [tensor("x", (2, 6))], uneven, axis=1,
                 label="Split_uneven", size_splits=[5, 1])  # fmt: skip


def _slices() -> Iterator[Case]:
    x = tensor("x", (4, 6, 5))
    yield single("Slice", lambda x: x[1:3, :, 2:], [x], [tensor("y", (2, 6, 3))],
                 begin=[1, 0, 2], size=[2, 6, -1])  # fmt: skip
    yield single("StridedSlice", lambda x: x[1:4:2, ::-1, -3:], [x], [tensor("y", (2, 6, 3))],
                 begin=[1, 0, -3], end=[4, 0, 0], strides=[2, -1, 1], begin_mask=0b010,
                 end_mask=0b110)  # fmt: skip
    yield single(
        "StridedSlice",
        lambda x: x[1, None, ..., 2:4],
        [x],
        [tensor("y", (1, 6, 2))],
        begin=[1, 0, 0, 2],
        end=[2, 1, 0, 4],
        strides=[1, 1, 1, 1],
        new_axis_mask=0b10,
        ellipsis_mask=0b100,
        shrink_axis_mask=0b1,
        label="StridedSlice_masks",
    )
    listed = [tensor(n, (2,), "int64", value=v)
              for n, v in (("b", [0, 1]), ("e", [4, 6]), ("s", [3, 2]))]  # fmt: skip
    yield single("StridedSlice", lambda x: x[0:4:3, 1:6:2], [x], [tensor("y", (2, 3, 5))],
                 constants=listed, label="StridedSlice_operands")  # fmt: skip


def _pads() -> Iterator[Case]:
    x = tensor("x", (3, 4))
    yield single("PadAkg", lambda x: np.pad(x, ((0, 2), (1, 3)), constant_values=1.5), [x],
                 [tensor("y", (5, 8))], head=[0, 1], tail=[2, 3], pad_val=1.5)  # fmt: skip
    yield single("UnPadAkg", lambda x: x[:2, :3], [x], [tensor("y", (2, 3))], tail=[1, 1])
    for mode in ("constant", "reflect", "symmetric", "edge"):
        yield single("Pad", lambda x, m=mode: np.pad(x, ((1, 0), (2, 1)), m), [x],
                     [tensor("y", (4, 7))], label=f"Pad_{mode}", padding=[1, 0, 2, 1],
                     mode=mode)  # fmt: skip
    yield single("Pad", lambda x: np.pad(x, ((1, 0), (2, 1)), constant_values=-2), [x],
                 [tensor("y", (4, 7))], label="Pad_pairs", padding=[[1, 0], [2, 1]],
                 value=-2.0)  # fmt: skip


def fractal(x: np.ndarray) -> np.ndarray:
    """[.., m, n] in blocks of 16 x 16, block by block as Ascend has them."""
    *lead, m, n = x.shape
    rows, columns = -(-m // 16), -(-n // 16)
    out = np.zeros((*lead, columns, rows, 16, 16), x.dtype)
    for i in range(m):
        for j in range(n):
            out[..., j // 16, i // 16, i % 16, j % 16] = x[..., i, j]
    return out


def _layouts() -> Iterator[Case]:
    plain, blocked = (2, 20, 33), (2, 3, 2, 16, 16)
    yield single("TransData", fractal, [tensor("x", plain, "float16")],
                 [tensor("y", blocked, "float16", format="FRACTAL_NZ")],
                 src_format="DefaultFormat", dst_format="FRACTAL_NZ")  # fmt: skip
    given = fractal(np.random.default_rng(0).standard_normal(plain).astype(np.float16))
    yield single("TransData",
                 lambda x: x.transpose(0, 2, 3, 1, 4).reshape(2, 32, 48)[:, :20, :33],
                 [tensor("x", blocked, "float16", format="FRACTAL_NZ")],
                 [tensor("y", plain, "float16")], label="TransData_back", given=[given],
                 src_format="FRACTAL_NZ", dst_format="DefaultFormat")  # fmt: skip
    yield single("LayoutTransform", lambda x: x.transpose(0, 2, 3, 1), [tensor("x", (2, 3, 4, 5))],
                 [tensor("y", (2, 4, 5, 3))], src_format="NCHW", dst_format="NHWC")  # fmt: skip
    yield single("LayoutTransform", lambda x: x.reshape(2, 2, 4, 3, 5).transpose(0, 1, 3, 4, 2),
                 [tensor("x", (2, 8, 3, 5))], [tensor("y", (2, 2, 3, 5, 4))], src_format="NCHW",
                 dst_format="NCHW4c", label="LayoutTransform_blocks")  # fmt: skip
    yield single("LayoutTransform", lambda x: x.transpose(0, 1, 4, 2, 3).reshape(2, 8, 3, 5),
                 [tensor("x", (2, 2, 3, 5, 4))], [tensor("y", (2, 8, 3, 5))], src_format="NCHW4c",
                 dst_format="NCHW", label="LayoutTransform_joined")  # fmt: skip


# ---- lookups -------------------------------------------------------------------------------------


def _lookups() -> Iterator[Case]:
    x, at = tensor("x", (4, 7, 3)), tensor("i", (2, 5), "int32")
    for axis in (0, 1, -1):
        shape = np.take(np.zeros((4, 7, 3)), np.zeros((2, 5), int), axis).shape
        yield single("Gather", lambda x, i, a=axis: np.take(x, i, a), [x, at],
                     [tensor("y", shape)], label=f"Gather_{axis}", axis=axis,
                     batch_dims=0)  # fmt: skip
    where = number("a", 1, "int64")
    yield single("Gather", lambda x, i: np.take(x, i, 1), [x, at], [tensor("y", (4, 2, 5, 3))],
                 constants=[where], label="Gather_axis_operand")  # fmt: skip
    rows = tensor("i", (4, 5), "int32")
    yield single(
        "Gather",
        lambda x, i: np.stack([a[b] for a, b in zip(x, i)]),
        [x, rows],
        [tensor("y", (4, 5, 3))],
        label="Gather_batch",
        axis=1,
        batch_dims=1,
    )
    outside = np.array([[0, 1, 99], [-1, 3, 2]], np.int32)
    yield single(
        "Gather",
        lambda x, i: np.where(((i < 0) | (i > 3))[..., None], 0, x[np.clip(i, 0, 3)]),
        [tensor("x", (4, 2)), tensor("i", (2, 3), "int32")],
        [tensor("y", (2, 3, 2))],
        label="Gather_outside",
        axis=0,
        given=[np.arange(8.0).reshape(4, 2), outside],
    )
    pairs = tensor("i", (6, 2), "int32")
    yield single("GatherNd", lambda x, i: x[i[:, 0], i[:, 1]], [x, pairs], [tensor("y", (6, 3))])
    at = tensor("i", (2, 3), "int32")
    on_off = [number("on", 1.0), number("off", -1.0)]
    one_hot = 2 * np.eye(5) - 1
    yield single("OneHot", lambda i: one_hot[i], [at], [tensor("y", (2, 3, 5))], axis=-1, depth=5,
                 constants=on_off)  # fmt: skip
    yield single("OneHot", lambda i: np.moveaxis(one_hot[i], -1, 1), [at], [tensor("y", (2, 5, 3))],
                 axis=1, constants=[number("d", 5, "int32"), *on_off],
                 label="OneHot_depth_operand")  # fmt: skip


# ---- scatters ------------------------------------------------------------------------------------


def _scatters() -> Iterator[Case]:
    def segments(x: np.ndarray, i: np.ndarray) -> np.ndarray:
        out = np.zeros((6, *x.shape[i.ndim :]))
        for place in np.ndindex(i.shape):
            out[i[place]] += x[place]
        return out

    for dtype, name in itertools.product(
        ("float32", "float16", "int32"), ("num_segments", "numSegments")
    ):
        x, at = tensor("x", (9, 4), dtype), tensor("i", (9,), "int32")
        count: dict[str, Any] = {name: 6}
        yield single("UnsortedSegmentSum", segments, [x, at], [tensor("y", (6, 4), dtype)],
                     label=f"UnsortedSegmentSum_{name}_{dtype}", **count)  # fmt: skip
    x, at = tensor("x", (3, 5, 4)), tensor("i", (3, 5), "int32")
    yield single("UnsortedSegmentSum", segments, [x, at], [tensor("y", (6, 4))],
                 label="UnsortedSegmentSum_two_axes",
                 constants=[number("n", 6, "int32")])  # fmt: skip

    def added(x: np.ndarray, i: np.ndarray, u: np.ndarray) -> np.ndarray:
        out = x.copy()
        for row, values in zip(i, u):
            if 0 <= row[0] < x.shape[0] and 0 <= row[1] < x.shape[1]:
                out[tuple(row)] += values
        return out

    yield single("TensorScatterAdd", added, [tensor("x", (4, 3, 2)), tensor("i", (7, 2), "int32"),
                 tensor("u", (7, 2))], [tensor("y", (4, 3, 2))])  # fmt: skip
    rng = np.random.default_rng(2)
    outside = np.array([[0, 1], [4, 0], [-1, 2], [3, 2], [0, 1], [1, 3], [2, 2]])
    yield single("TensorScatterAdd", added, [tensor("x", (4, 3, 2)), tensor("i", (7, 2), "int32"),
                 tensor("u", (7, 2))], [tensor("y", (4, 3, 2))], label="TensorScatterAdd_outside",
                 given=[rng.random((4, 3, 2)), outside, rng.random((7, 2))])  # fmt: skip


def _sparse() -> Iterator[Case]:
    """Matrices of 4 rows and 5 columns with 9 values."""
    starts, columns = tensor("p", (5,), "int32"), tensor("i", (9,), "int32")
    values, flat = tensor("v", (9,)), [tensor("y", (9,))]

    def rows(p: np.ndarray) -> np.ndarray:
        return np.repeat(np.arange(4), np.diff(p))

    def dense(p: np.ndarray, i: np.ndarray, v: np.ndarray) -> np.ndarray:
        out = np.zeros((4, 5))
        np.add.at(out, (rows(p), i), v)
        return out

    shape: dict[str, Any] = {"dense_shape": [4, 5]}
    inputs = [starts, columns, values, tensor("d", (4, 5))]
    yield single("CSRMul", lambda p, i, v, d: v * d[rows(p), i], inputs, flat, **shape)
    yield single("CSRDiv", lambda p, i, v, d: v / d[rows(p), i], inputs, flat, **shape)
    narrow = [*inputs[:3], tensor("d", (4, 1))]
    yield single("CSRMul", lambda p, i, v, d: v * d[rows(p), 0], narrow, flat,
                 label="CSRMul_column", **shape)  # fmt: skip
    yield single("CSRGather", lambda p, i, d: d[rows(p), i], [starts, columns, inputs[3]], flat,
                 **shape)  # fmt: skip
    yield single("CSRReduceSum", lambda p, i, v: dense(p, i, v).sum(1, keepdims=True), inputs[:3],
                 [tensor("y", (4, 1))], axis=1, **shape)  # fmt: skip
    for name, width in {"CSRMV": 1, "CSRMM": 3}.items():
        yield single(name, lambda p, i, v, d: dense(p, i, v) @ d,
                     [*inputs[:3], tensor("d", (5, width))], [tensor("y", (4, width))],
                     **shape)  # fmt: skip
    yield single("CSR2COO", rows, [starts], [tensor("y", (9,), "int32")], nnz=9)
    yield single("COO2CSR", lambda r: np.array([(r < h).sum() for h in range(5)]),
                 [tensor("r", (9,), "int32")], [tensor("y", (5,), "int32")], height=4)  # fmt: skip


# ---- products ------------------------------------------------------------------------------------


def _products() -> Iterator[Case]:
    for ta, tb in itertools.product((False, True), repeat=2):
        yield _product("MatMul", (), ta, tb, "float32", "float32")
        yield _product("BatchMatMul", (2, 3), ta, tb, "float32", "float32")
    yield _product("MatMul", (), False, True, "float16", "float16")
    yield _product("MatMul", (), False, False, "float16", "float32")
    yield _product("MatMul", (), False, False, "int8", "int32")
    a, b, bias = tensor("a", (4, 5)), tensor("b", (5, 6)), tensor("c", (6,))
    yield single("MatMul", lambda a, b, c: a @ b + c, [a, b, bias], [tensor("y", (4, 6))],
                 label="MatMul_bias")  # fmt: skip
    rng = np.random.default_rng(1)
    plain = [rng.standard_normal((32, 32)).astype(np.float16) for _ in range(2)]
    blocks = [tensor(n, (2, 2, 16, 16), "float16", format="FRACTAL_NZ") for n in "ab"]

    def expected(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return fractal(plain[0].astype(np.float64) @ plain[1].astype(np.float64))

    yield single("MatMul", expected, blocks, [tensor("y", (2, 2, 16, 16), format="FRACTAL_NZ")],
                 label="MatMul_fractal", given=[fractal(p) for p in plain],
                 left_format="FRACTAL_NZ", right_format="FRACTAL_NZ")  # fmt: skip


def _product(name: str, lead: tuple[int, ...], ta: bool, tb: bool, dtype: str, result: str) -> Case:
    m, k, n = 4, 5, 6
    a = tensor("a", (*lead, k, m) if ta else (*lead, m, k), dtype)
    b = tensor("b", (*lead, n, k) if tb else (*lead, k, n), dtype)

    def expected(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if dtype == "int8":
            x, y = x.astype(int), y.astype(int)
        return (np.swapaxes(x, -1, -2) if ta else x) @ (np.swapaxes(y, -1, -2) if tb else y)

    return single(name, expected, [a, b], [tensor("y", (*lead, m, n), result)],
                  label=f"{name}_{ta}_{tb}_{dtype}_{result}", transpose_a=ta,
                  transpose_b=tb)  # fmt: skip


def convolution(x: np.ndarray, w: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """[n, h, w, c] by [o, kh, kw, c], element by element."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    o, kh, kw, _ = w.shape
    height = (x.shape[1] - kh) // stride + 1
    width = (x.shape[2] - kw) // stride + 1
    out = np.zeros((x.shape[0], height, width, o))
    for i, j in itertools.product(range(height), range(width)):
        seen = x[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
        out[:, i, j] = np.einsum("nhwc,ohwc->no", seen, w)
    return out


def _convolutions() -> Iterator[Case]:
    rows, weights = (2, 7, 6, 3), (4, 3, 3, 3)
    nhwc = {"format": "NHWC"}
    yield single("Conv2D", lambda x, w: convolution(x, w, 2, 0),
                 [tensor("x", rows, "float16", **nhwc), tensor("w", weights, "float16", **nhwc)],
                 [tensor("y", (2, 3, 2, 4), "float32", **nhwc)], stride=[1, 1, 2, 2],
                 pad_list=[0, 0, 0, 0], data_format="NHWC")  # fmt: skip
    yield single("Conv2D",
                 lambda x, w: convolution(x.transpose(0, 2, 3, 1), w.transpose(0, 2, 3, 1), 1, 1)
                 .transpose(0, 3, 1, 2),
                 [tensor("x", (2, 3, 7, 6)), tensor("w", (4, 3, 3, 3))],
                 [tensor("y", (2, 4, 7, 6))], label="Conv2D_NCHW", stride=[1, 1],
                 pad_list=[1, 1, 1, 1], data_format="NCHW")  # fmt: skip
    one = tensor("w", (3, 2, 2, 1), format="NHWC")
    yield single("Conv2D",
                 lambda x, w: np.concatenate([convolution(x[..., i : i + 1], w[i : i + 1], 1, 0)
                                              for i in range(3)], -1),
                 [tensor("x", rows, **nhwc), one], [tensor("y", (2, 6, 5, 3), **nhwc)],
                 label="Conv2D_depthwise", stride=[1, 1, 1, 1], data_format="NHWC",
                 is_depth_wise=True)  # fmt: skip


def _pools() -> Iterator[Case]:
    everything: dict[str, Any] = {"global": True}
    x = tensor("x", (2, 3, 6, 6))
    for kind, fold in {"max": np.max, "avg": np.mean}.items():
        yield single("Pool2D", lambda x, f=fold: f(x.reshape(2, 3, 3, 2, 3, 2), axis=(3, 5)), [x],
                     [tensor("y", (2, 3, 3, 3))], label=f"Pool2D_{kind}", pool_type=kind,
                     kernel_size=[2, 2], strides=[2, 2], pad=[0, 0, 0, 0],
                     data_layout="NCHW")  # fmt: skip
    yield single("Pool2D", lambda x: x.mean((2, 3), keepdims=True), [x],
                 [tensor("y", (2, 3, 1, 1))], label="Pool2D_global", pool_type="avg",
                 data_layout="NCHW", **everything)  # fmt: skip


# ---- complex, effects, forms ---------------------------------------------------------------------


def _complex() -> Iterator[Case]:
    x, y, z = (tensor(n, (3, 4), "complex64") for n in "xyz")
    yield single("CReal", lambda x: x[..., 0], [x], [tensor("y", (3, 4))])
    yield single("CImag", lambda x: x[..., 1], [x], [tensor("y", (3, 4))])
    yield single("Complex", lambda a, b: np.stack([a, b], -1), [tensor(n, (3, 4)) for n in "ab"],
                 [z])  # fmt: skip
    table: dict[str, Any] = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply,
                             "RealDiv": np.divide}  # fmt: skip
    for name, meaning in table.items():
        yield single(name, lambda a, b, m=meaning: _pairs(m(_numbers(a), _numbers(b))), [x, y],
                     [z], label=f"{name}_complex64")  # fmt: skip
    yield single("Abs", lambda a: np.abs(_numbers(a)), [x], [tensor("y", (3, 4))],
                 label="Abs_complex64")  # fmt: skip
    yield single("Transpose", lambda a: a.transpose(1, 0, 2), [x],
                 [tensor("y", (4, 3), "complex64")], label="Transpose_complex64",
                 perm=[1, 0])  # fmt: skip


def _numbers(pairs: np.ndarray) -> np.ndarray:
    return pairs[..., 0] + 1j * pairs[..., 1]


def _pairs(numbers: np.ndarray) -> np.ndarray:
    return np.stack([numbers.real, numbers.imag], -1)


def _effects() -> Iterator[Case]:
    a, b, y = (tensor(n, _A) for n in "aby")
    yield single("Assign", lambda a, b: (b, b), [a, b], [y])
    double = [op("Add", [b, b], [tensor("t", _A)])]
    t = tensor("t", _A)
    yield Case("InplaceAssign", kernel("InplaceAssign", [a, b], [y], [
        *double, op("InplaceAssign", [a, t, t], [y], fake_output=False)]),
        lambda a, b: (2 * b, 2 * b))  # fmt: skip
    yield Case("InplaceAssign_fake", kernel("InplaceAssign_fake", [a, b], [y], [
        *double, op("InplaceAssign", [a, t, t], [y], fake_output=True)]),
        lambda a, b: (2 * b, 2 * b))  # fmt: skip
    z = tensor("z", _A)
    yield Case("InplaceAssign_read_again", kernel("InplaceAssign_read_again", [a, b], [z, y], [
        *double, op("InplaceAssign", [a, t, t], [y], fake_output=True),
        op("Mul", [a, b], [z])]), lambda a, b: (2 * b * b, 2 * b))  # fmt: skip


def _forms() -> Iterator[Case]:
    """Spellings of one thing: [] for [1], attributes without a type, ops out of order."""
    x, s, y = tensor("x", _A), tensor("s", ()), tensor("y", _A)
    total = op("ReduceSum", [x], [s], axis=[0, 1], keep_dims=False)
    scale = op("Mul", [x, tensor("s", (1,))], [y])
    yield Case("number_as_no_axes", kernel("number_as_no_axes", [x], [y], [total, scale]),
               lambda x: x * x.sum())  # fmt: skip
    yield Case("ops_out_of_order", kernel("ops_out_of_order", [x], [y], [scale, total]),
               lambda x: x * x.sum())  # fmt: skip
    bare = {**total, "attr": {"axis": [0, 1], "keep_dims": False}}
    yield Case("attributes_as_object", kernel("attributes_as_object", [x], [y], [bare, scale]),
               lambda x: x * x.sum())  # fmt: skip
    yield Case(
        "version_2",
        kernel(
            "version_2",
            [x],
            [y],
            [op("Mul", [x, number("c", [2.0])], [y])],
            version=2,
            composite=True,
            platform="AKG",
            target_info={"arch": "x86_64"},
        ),
        lambda x: 2 * x,
    )
