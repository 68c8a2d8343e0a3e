"""What NumPy code can be captured: each snippet's Graph computes what NumPy computes."""

from __future__ import annotations

import textwrap

import ml_dtypes
import numpy as np
import pytest

from kernelwright.errors import CaptureError
from kernelwright.frameworks._numpy_trace import algebra, reductions, shapes  # fill FUNCTIONS
from kernelwright.frameworks._numpy_trace.trace import FUNCTIONS
from kernelwright.frameworks._numpy_trace.ufuncs import _FORMULAS, _SAME
from kernelwright.frameworks.numpy import NumpyModel
from kernelwright.graph.decompose import decompose
from kernelwright.graph.evaluate import evaluate

_LOADED = (algebra, reductions, shapes)
F4, F2, F8, BF = np.float32, np.float16, np.float64, ml_dtypes.bfloat16


def model_of(body: str, init: str = "pass") -> NumpyModel:
    """A Model whose call is ``body`` (with names x, y, m, i, b) and returns r."""
    source = "import numpy as np\n\nclass Model:\n"
    source += f"    def __init__(self):\n        {init}\n"
    source += "    def __call__(self, x, y, m, i, b):\n"
    source += textwrap.indent(body, " " * 8) + "\n        return r\n"
    source += "\ndef get_inputs():\n    return []\n"
    return NumpyModel(source, "snippet.py")


def inputs_of(dtype: type = F4) -> list[np.ndarray]:
    """x [3, 4] and y [4] and m [4, 4] floats, i [3, 4] int32 (never 0), b [3, 4] bool."""
    rng = np.random.default_rng(11)
    x, y, m = (rng.normal(size=s).astype(dtype) for s in ((3, 4), (4,), (4, 4)))
    return [x, y, m, rng.integers(1, 9, (3, 4)).astype(np.int32), rng.integers(0, 2, (3, 4)) > 0]


def check(body: str, dtype: type = F4, init: str = "pass") -> None:
    model, inputs = model_of(body, init), inputs_of(dtype)
    expected = model.run(inputs)
    graph = model.capture(inputs)
    state = {e.name: e.array for e in model.state()}
    for form in (graph, decompose(graph)):
        for a, b in zip(evaluate(form, inputs, state), expected.outputs, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            unit = {F2: 1e-2, BF: 5e-2}.get(dtype, 2e-6)
            if a.dtype.kind in "biu":
                np.testing.assert_array_equal(a, b)
            else:
                np.testing.assert_allclose(
                    a.astype(F8), b.astype(F8), rtol=unit, atol=unit, equal_nan=True
                )


UNARY = """exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh negative square absolute fabs
positive conjugate reciprocal sign cbrt floor ceil trunc rint isnan isinf isfinite logical_not
signbit radians deg2rad degrees rad2deg""".split()  # noqa: SIM905
POSITIVE = ["log", "log2", "log10", "log1p", "sqrt"]
UNIT = ["arcsin", "arccos", "arctanh"]
BINARY = """add subtract multiply divide copysign maximum minimum remainder fmod floor_divide
arctan2 float_power less less_equal greater greater_equal equal not_equal logaddexp logaddexp2 hypot
fmax
fmin logical_and logical_or logical_xor heaviside""".split()  # noqa: SIM905
BITS = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"]

UFUNCS = [
    *(f"r = np.{n}(x)" for n in UNARY),
    *(f"r = np.{n}(np.abs(x) + 0.5)" for n in POSITIVE),
    *(f"r = np.{n}(np.tanh(x))" for n in UNIT),
    "r = np.arccosh(np.abs(x) + 1.5)",
    *(f"r = np.{n}(x, y)" for n in BINARY if n != "float_power"),
    "r = np.float_power(np.abs(x), y)",
    "r = np.power(np.abs(x), y)",
    *(f"r = np.{n}(i, np.int32(2))" for n in BITS),
    "r = np.invert(i)",
    "r = np.matmul(x, m)",
]

OPERATORS = [
    "r = x + y - 2 * x / 3 + (1 - x)",
    "r = 2.5 ** x",
    "r = x ** 3 + x ** 2 + np.abs(x) ** 0.5",
    "r = -x % 2 + (+x) // 0.7",
    "r = abs(x)",
    "r = (x > 0) & (x < y) | ~b",
    "r = (x > 0) ^ b",
    "r = i + 1",
    "r = i * 2.5",
    "r = i / 2",
    "r = i + np.int64(1)",
    "r = x + np.float64(1)",
    "r = x + np.float32(1)",
    "r = x * i",
    "r = b * x",
    "r = b + b",
    "r = b * b",
    "r = (i << 1) + (i >> 1)",
    "r = x @ m",
    "r = x @ y",
    "r = y @ m",
    "r = y @ y",
    "r = np.ones((2, 3), np.float32) @ x",
    "r = np.arange(4, dtype=np.float32) * x",
    "r = 1 / (1 + np.exp(-x))",
    "r = np.exp(i)",
    "r = np.sqrt(i)",
    "r = np.floor(i)",
    "r = np.isfinite(i)",
    "r = np.isnan(i)",
    "r = np.abs(b)",
    "r = np.logical_and(x, i)",
    "r = np.add(x, y, dtype=np.float64)",
    "r = x == x.max()",
    "x = x.copy()\nx += 1\nx *= y\nr = x",
    "z = np.zeros_like(x)\nz[x > 0] = 2\nr = z",
    "z = x.copy()\nz[...] = y\nr = z",
    "z = x.copy()\nz[:] = 1\nr = z",
    "z = x + 0\nz.fill(3)\nr = z",
    "z = np.empty_like(x)\nnp.add(x, y, out=z)\nr = z",
    "r = (x, x + 1)",
    "r = [x, i.astype(np.float16), np.ones(3)]",
    "r = x if isinstance(x, np.ndarray) and x.ndim == 2 and x.shape == (3, 4) else None",
    "r = x.astype(x.dtype).astype('float64') + len(x) + x.size + x.nbytes + x.itemsize",
    "r = sum(row for row in x)",
]

REDUCTIONS = [
    "r = x.sum()",
    "r = x.sum(axis=0)",
    "r = np.sum(x, axis=-1, keepdims=True)",
    "r = np.sum(i)",
    "r = np.sum(b, axis=1)",
    "r = np.sum(x, dtype=np.float64)",
    "r = np.sum(x, axis=(0, 1))",
    "r = np.prod(x, axis=1)",
    "r = np.add.reduce(x)",
    "r = np.maximum.reduce(x, axis=1)",
    "r = np.mean(x)",
    "r = x.mean(axis=1, keepdims=True)",
    "r = np.mean(i, axis=0)",
    "r = np.mean(b)",
    "r = np.mean(x, dtype=np.float64)",
    "r = np.var(x, axis=1)",
    "r = x.std(axis=0, ddof=1)",
    "r = np.std(i)",
    "r = np.max(x, axis=1) - np.min(x, axis=1)",
    "r = np.amax(x) + np.amin(x)",
    "r = np.any(b, axis=1)",
    "r = np.all(x)",
    "r = x.argmax(axis=1)",
    "r = np.argmax(x)",
    "r = np.argmin(x, axis=0, keepdims=True)",
    "r = np.ptp(x, axis=1)",
    "r = np.count_nonzero(x > 0, axis=1)",
    "r = np.linalg.norm(x)",
    "r = np.linalg.norm(x, axis=1)",
    "r = np.linalg.norm(x, ord=1, axis=-1, keepdims=True)",
    "r = np.linalg.norm(x, np.inf, 1)",
    "r = np.linalg.norm(y, 3)",
    "r = np.linalg.norm(x, 'fro')",
    "e = np.exp(x - x.max(axis=-1, keepdims=True))\nr = e / e.sum(axis=-1, keepdims=True)",
]

SHAPES = [
    "r = x.reshape(2, 6)",
    "r = x.reshape((-1, 2))",
    "r = np.reshape(x, -1)",
    "r = x.T",
    "r = x.mT",
    "r = x.transpose(1, 0)",
    "r = np.transpose(x[None], (2, 0, 1))",
    "r = x.swapaxes(0, 1)",
    "r = np.swapaxes(x, 0, -1)",
    "r = np.moveaxis(x.reshape(3, 2, 2), 0, -1)",
    "r = np.expand_dims(x, (0, 2))",
    "r = x[:, None].squeeze()",
    "r = np.squeeze(x[None], axis=0)",
    "r = x.ravel()",
    "r = np.ravel(x)",
    "r = x.flatten()",
    "r = np.broadcast_to(y, (3, 4))",
    "r = np.broadcast_arrays(x, y)[1] + 0",
    "r = np.flip(x)",
    "r = np.flip(x, 1)",
    "r = np.concatenate([x, m])",
    "r = np.concatenate([x, i], axis=1)",
    "r = np.concatenate([x, y], axis=None)",
    "r = np.stack([x, x + 1], axis=1)",
    "r = np.vstack([x, y])",
    "r = np.hstack([x, x])",
    "r = np.hstack([y, y])",
    "r = np.split(x, 2, axis=1)[1]",
    "r = np.split(x, [1, 3], axis=1)[1]",
    "r = np.array_split(x, 2)[0]",
    "r = np.pad(x, 1)",
    "r = np.pad(x, ((0, 1), (2, 0)), constant_values=1.5)",
    "r = np.pad(x, (1, 2), mode='constant')",
    "r = np.tile(x, (2, 1, 3))",
    "r = np.tile(y, 2)",
    "r = np.repeat(x, 2, axis=1)",
    "r = x.repeat(3)",
    "r = np.roll(x, 1)",
    "r = np.roll(x, (1, -1), axis=(0, 1))",
    "r = np.copy(x)",
    "r = x * np.shape(x)[0] + np.ndim(x) + np.size(x) + np.size(x, 1)",
    "r = np.zeros_like(x) + np.ones_like(i) + np.full_like(x, 2.5)",
    "r = np.ones_like(x, dtype=np.int64)",
    "r = np.full_like(x, 7, shape=(2, 2))",
    "r = np.atleast_1d(x.sum())",
    "r = np.atleast_2d(y)",
    "r = np.atleast_3d(x[:, :, None])",
]

ALGEBRA = [
    "r = np.where(x > 0, x, 0.0)",
    "r = np.where(x > 0, x, i)",
    "r = np.where(i, 1.0, x)",
    "r = np.where(x > y, 1, 0)",
    "r = np.clip(x, -0.5, 0.5)",
    "r = x.clip(0)",
    "r = np.clip(x, None, y)",
    "r = np.clip(i, 2, 5)",
    "r = x.clip(min=-1, max=1)",
    "r = np.dot(x, m)",
    "r = np.einsum('ij,jk->ki', x, m)",
    "r = np.einsum('ij,ij->i', x, x)",
    "r = np.einsum('ij,jk,jl', x, m, m)",
    "r = np.einsum('ij->j', x)",
    "r = np.tensordot(x, m, axes=1)",
    "r = np.tensordot(x, x, axes=([0, 1], [0, 1]))",
    "r = np.cumsum(x, axis=-1)",
    "r = np.cumsum(x)",
    "r = np.cumprod(x, axis=0)",
    "r = x.dot(y)",
    "r = np.dot(y, 2.0)",
    "r = np.inner(x, x)",
    "r = np.inner(x, y)",
    "r = np.outer(y, x)",
    "r = np.tril(m)",
    "r = np.triu(m, 1)",
    "r = np.diag(y)",
    "r = np.diag(x, -1)",
    "r = np.diagonal(m)",
    "r = np.trace(m)",
    "r = m.trace() + m.diagonal()",
    "r = np.round(x * 10)",
    "r = np.around(x, 1)",
    "r = x.round(2)",
    "r = np.round(i)",
    "r = np.nan_to_num(x / 0.0, posinf=9.0)",
    "r = np.nan_to_num(np.log(x))",
    "r = x.astype(np.result_type(x, i, 2.0))",
    "r = x if not np.iscomplexobj(x) and np.isrealobj(x) else y",
    "r = np.real(x) + x.real",
    "r = np.astype(x, np.float64)",
]

INDEXING = [
    "r = x[0]",
    "r = x[-1, 2]",
    "r = x[1:]",
    "r = x[:, ::2]",
    "r = x[:, ::-1]",
    "r = x[2:0:-1, 3:0:-2]",
    "r = x[..., 1]",
    "r = x[None, :, 1:3, None]",
    "r = x[5:]",
    "r = x[:, -3:-1]",
    "r = x[0, ..., 2]",
    "r = y[np.int64(2)]",
]

SNIPPETS = UFUNCS + OPERATORS + REDUCTIONS + SHAPES + ALGEBRA + INDEXING


@pytest.mark.parametrize("body", SNIPPETS)
def test_captured_snippet_computes_the_same(body: str) -> None:
    check(body)


HALVES = [*UFUNCS[:10], *OPERATORS[:12], "r = x.sum(axis=1)", "r = np.mean(x)", "r = np.var(x)"]


@pytest.mark.parametrize("body", HALVES)
@pytest.mark.parametrize("dtype", [F2, F8, BF])
def test_other_float_types(body: str, dtype: type) -> None:
    if dtype is BF and ("var" in body or "//" in body or "0.7" in body):
        pytest.skip("NumPy itself does not compute this for bfloat16")
    check(body, dtype)


def test_every_recorded_function_has_a_snippet() -> None:
    text = "\n".join(SNIPPETS)
    named = {f"{f.__module__}.{f.__name__}".removeprefix("numpy.") for f in FUNCTIONS}
    assert {n for n in named if f"np.{n}(" not in text} == set()
    tables = {*_SAME, *_FORMULAS}
    assert {n for n in tables if f"np.{n}(" not in text} == set()


def test_state_becomes_parameters() -> None:
    init = "self.w = np.ones(4, np.float32); self.deep = [{'k': np.arange(4.0)}]; self.n = 3"
    check("r = x * self.w + self.deep[0]['k'] * self.n", init=init)
    model = model_of("r = x * self.w + self.deep[0]['k'] * self.n", init)
    assert [e.name for e in model.state()] == ["w", "deep.0.k"]
    graph = model.capture(inputs_of())
    assert [p.attrs["name"] for p in graph.parameters] == ["w", "deep.0.k"]
    assert [n.attrs["name"] for n in graph.inputs] == ["x", "y", "m", "i", "b"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("r = np.sort(x)", r"numpy.sort cannot be captured \(at snippet.py:7\)"),
        ("r = np.median(x)", "numpy.median cannot be captured"),
        ("r = x if x.sum() > 0 else y", "np.where"),
        ("r = x * float(x.sum())", "Python number"),
        ("r = x * x.sum().item()", "item"),
        ("r = np.asarray(x) + 1", "real one"),
        ("r = np.array([x.sum(), 1.0])", "real one"),
        ("r = x[x > 0]", "mask"),
        ("r = x[[0, 1]]", "index"),
        ("r = x[i % 3]", "index"),
        ("z = x.copy()\nz[:, 0] = 1\nr = z", "assignment into a part"),
        ("z = x.copy()\nw = z[0]\nz += 1\nr = w", "views"),
        ("r = np.zeros(4)\nr[:] = y", "real one"),
        ("x.sort()\nr = x", "ndarray.sort cannot be captured"),
        ("r = np.modf(x)[0]", "numpy.modf cannot be captured"),
        ("r = np.add.accumulate(x)", "numpy.add.accumulate"),
        ("r = np.sum(x, where=b)", r"numpy.sum\(where=...\)"),
        ("r = np.pad(x, 1, mode='edge')", "edge"),
        ("r = np.where(x > 0)", "depend on the values"),
        ("r = x * np.random.rand()", "random"),
        ("self.w = x\nr = x", "state"),
        ("r = np.reciprocal(i)", "integers"),
    ],
)
def test_what_cannot_be_captured_is_named(body: str, message: str) -> None:
    init = "self.w = np.zeros(3)"
    model = model_of(body, init)
    with pytest.raises(CaptureError, match=message):
        model.capture(inputs_of())


def test_state_that_is_changed_in_place_is_refused() -> None:
    with pytest.raises(CaptureError, match="own state 'w' in place"):
        model_of("self.w += 1\nr = x * self.w", "self.w = np.ones(4, np.float32)").capture(
            inputs_of()
        )


def test_an_input_changed_in_place_is_noted() -> None:
    model, inputs = model_of("x += 1\nr = x * 2"), inputs_of()
    before = inputs[0].copy()
    graph = model.capture(inputs)
    assert any("input 'x' in place" in note for note in graph.notes)
    np.testing.assert_array_equal(inputs[0], before)
    np.testing.assert_allclose(evaluate(graph, inputs, {})[0], (before + 1) * 2)


def test_constants_are_exact() -> None:
    model, inputs = model_of("r = x * 0.1"), inputs_of()
    (truth,) = evaluate(model.capture(inputs), inputs, {}, float64=True)
    np.testing.assert_array_equal(truth, inputs[0].astype(F8) * 0.1)
