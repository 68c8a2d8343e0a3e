"""The device functions of generated Triton files: how far from the truth, over all numbers.

They run under the interpreter, whose elementary operations are nearly exact, and once more with
operations that are off by as much as the hardware's may be (CUDA's table of maximal errors; PTX
ISA): the error on a GPU lies below what that shows. With a GPU, the compiled functions themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kernelwright.compiler.codegen._triton_prelude import FUNCTIONS, needed
from kernelwright.schema import Candidate
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

pytest.importorskip("triton")

Truth = Callable[..., np.ndarray]
ERF = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True)
class Function:
    """``text`` of x (and y); ``truth`` in a wider type; ``low`` to ``high``: where half of the
    points lie, all when ``only``; ``ulp``: error allowed, with the hardware's worst operations;
    ``tiny_ulp``: that for results below 2**-100 (a remainder may be below the normal range there);
    ``flushes``: below the normal range zero will do."""

    text: str
    truth: Truth
    low: float
    high: float
    ulp: float
    dtype: str = "float32"
    binary: bool = False
    only: bool = False
    tiny_ulp: float = 0.0
    flushes: bool = False


def _log1pexp(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softplus(x: np.ndarray, last: float) -> np.ndarray:
    return np.where(x > last, np.inf, _log1pexp(x))


def _at_most_zero(truth: Truth) -> Truth:
    return lambda x: truth(-np.abs(x))


def _logaddexp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of magnitudes: where the result passes through zero its relative error has no bound."""
    x, y = np.abs(x), np.abs(y)
    d = np.where(x == y, 0, -np.abs(x - y))
    return np.maximum(x, y) + np.log1p(np.exp(d))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _share(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x / (y.astype(np.float32) + np.float32(1)).astype(np.float64)


LAST, LAST_64 = 88.72283172607422, 709.782712893384  # exp of more overflows
FUNCTIONS_TESTED: Mapping[str, Function] = {
    "exp": Function("_exp(x)", np.exp, -105, 90, 3.5),
    "exp_below": Function("_exp_below(-tl.abs(x))", _at_most_zero(np.exp), -105, 0, 3.5),
    "exp2": Function("_exp2(x)", np.exp2, -150, 130, 2.6),
    "expm1": Function("_expm1(x)", np.expm1, -3, 3, 2.0),
    "sigmoid": Function("_sigmoid(x)", _sigmoid, -90, 30, 8.0, flushes=True),
    "tanh": Function("_tanh(x)", np.tanh, -3, 3, 3.4),
    "sinh": Function("_sinh(x)", np.sinh, -5, 5, 7.0),
    "cosh": Function("_cosh(x)", np.cosh, -5, 5, 4.5),
    "log10": Function("_log10(x)", np.log10, 0, 3, 5.8),
    "log1p": Function("_log1p(x)", np.log1p, -1, 3, 2.0),
    "log1p_unit": Function("_log1p_unit(x)", np.log1p, 0, 1, 2.0, only=True),
    "softplus": Function("_softplus(x)", lambda x: _softplus(x, LAST), -30, 30, 6.0),
    "softplus_below": Function(
        "_softplus_below(-tl.abs(x))", _at_most_zero(_log1pexp), -30, 0, 6.0
    ),
    "logaddexp": Function("_logaddexp(tl.abs(x), tl.abs(y))", _logaddexp, -9, 9, 3.2, binary=True),
    "asinh": Function("_asinh(x)", np.arcsinh, -3, 3, 4.0),
    "acosh": Function("_acosh(x)", np.arccosh, 1, 4, 4.0),
    "atanh": Function("_atanh(x)", np.arctanh, -1, 1, 4.0),
    "atan": Function("_atan(x)", np.arctan, -3, 3, 2.7),
    "atan2": Function("_atan2(x, y)", np.arctan2, -3, 3, 3.5, binary=True),
    "asin": Function("_asin(x)", np.arcsin, -1, 1, 3.4),
    "acos": Function("_acos(x)", np.arccos, -1, 1, 3.0),
    "divide": Function(
        "_divide_refined(x, y)", np.divide, -9, 9, 0.5001, binary=True, tiny_ulp=2.0
    ),
    "share": Function("_share_refined(x, y + 1.0)", _share, 0, 1, 0.5001, binary=True, only=True),
    "divide_by": Function(
        "_divide_by(x, 3.0, 0.3333333432674408)", lambda x: x / 3, -9, 9, 0.5001, tiny_ulp=1.0
    ),
    "reciprocal": Function("_reciprocal_refined(x)", lambda x: 1 / x, -9, 9, 0.5001, tiny_ulp=1.0),
    "sqrt": Function("_sqrt_refined(x)", np.sqrt, 0, 9, 0.5001),
    "rsqrt": Function("_rsqrt(x)", lambda x: 1 / np.sqrt(x), 0, 9, 2.0),
    "pow": Function("_pow(x, y)", np.power, -3, 9, 4.0, binary=True),
    "rint": Function("_rint(x)", np.rint, -9, 9, 0.0),
    "exp_64": Function("_exp_64(x)", np.exp, -760, 720, 2.0, "float64"),
    "expm1_64": Function("_expm1_64(x)", np.expm1, -3, 3, 2.5, "float64"),
    "log1p_64": Function("_log1p_64(x)", np.log1p, -1, 3, 2.5, "float64"),
    "softplus_64": Function(
        "_softplus_64(x)", lambda x: _softplus(x, LAST_64), -40, 40, 3.5, "float64"
    ),
    "sigmoid_64": Function("_sigmoid_64(x)", _sigmoid, -40, 40, 4.0, "float64"),
    "tanh_64": Function("_tanh_64(x)", np.tanh, -3, 3, 4.0, "float64"),
    "logaddexp_64": Function(
        "_logaddexp_64(tl.abs(x), tl.abs(y))", _logaddexp, -9, 9, 3.2, "float64", True
    ),
}

# ---- the hardware's errors -----------------------------------------------------------------------

# What the interpreter does exactly and a GPU does not -> the same, off by some units, up or down.
INEXACT = {
    "tl.exp2(": "_rough_exp2(",
    "tl.log(": "_rough_log(",
    "tl.sqrt(": "_rough_sqrt(",
    "tl.rsqrt(": "_rough_rsqrt(",
    "return tl.div_rn(1.0, x)": "return _rough_rcp(x)",
}
EXEMPT = "approx.f32"  # where the GPU's branch is that instruction itself, subnormals included
ROUGH = """
@triton.jit
def _nudged(y, x, units: tl.constexpr):
    # y, moved by some units up or down: as a bit of x's product with a large odd number says.
    mixed = tl.mul(x.to(tl.int32, bitcast=True), -1640531527, sanitize_overflow=False)
    moved = y.to(tl.int32, bitcast=True) + ((mixed >> 31) * 2 + 1) * units
    normal = (tl.abs(y) > 1.2e-38) & (tl.abs(y) < 3.4e38)
    return tl.where(normal, moved.to(tl.float32, bitcast=True), y)

@triton.jit
def _flushed(x):
    return tl.where(tl.abs(x) < 1.1754943508222875e-38, x * 0.0, x)

@triton.jit
def _rough_exp2(x):
    return _nudged(_flushed(tl.exp2(x)), x, 2)

@triton.jit
def _rough_log(x):
    return tl.log(x) if x.dtype == tl.float64 else _nudged(tl.log(x), x, 1)

@triton.jit
def _rough_sqrt(x):
    return tl.sqrt(x) if x.dtype == tl.float64 else _nudged(tl.sqrt(_flushed(x)), x, 1)

@triton.jit
def _rough_rsqrt(x):
    return _nudged(tl.rsqrt(_flushed(x)), x, 1)

@triton.jit
def _rough_rcp(x):
    return _nudged(_flushed(tl.div_rn(1.0, _flushed(x))), x, 1)
"""


def module_text(rough: bool, block: int) -> str:
    """A candidate whose outputs are all functions of its two inputs (the functions' points)."""
    names = needed("\n".join(f.text for f in FUNCTIONS_TESTED.values()))
    parts = [f"{FUNCTIONS[n]}\n" for n in names]
    if rough:
        for old, new in INEXACT.items():
            parts = [p if EXEMPT in p else p.replace(old, new) for p in parts]
            assert any(new in p for p in parts), f"nothing uses {old}"
        parts.insert(1, ROUGH)
    for name, f in FUNCTIONS_TESTED.items():
        parts.append(
            f"""
@triton.jit
def kernel_{name}(xs, ys, out, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(xs + at)
    y = tl.load(ys + at)
    tl.store(out + at, {f.text})
"""
        )
    calls = "\n".join(
        f"        out = torch.empty_like(data[{2 * i}])\n"
        f"        grid, two = (out.numel() // BLOCK,), (data[{2 * i}], data[{2 * i + 1}])\n"
        f"        kernel_{name}[grid](*two, out, BLOCK=BLOCK)\n"
        "        made.append(out)"
        for i, name in enumerate(FUNCTIONS_TESTED)
    )
    return (
        "import os\nimport torch\nimport triton\nimport triton.language as tl\n\n"
        + f"BLOCK = {block}\n\n"
        + "\n\n".join(parts)
        + "\n\nclass ModelNew(torch.nn.Module):\n    def __init__(self, *args, **kwargs):\n"
        + "        super().__init__()\n\n    def forward(self, *data):\n        made = []\n"
        + calls
        + "\n        return tuple(made)\n"
    )


# ---- points and errors ---------------------------------------------------------------------------

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, math.inf, -math.inf, math.nan, 1e-40, -1e-40, 1e-45]
SPECIAL += [3.4028234663852886e38, -3.4028234663852886e38, 1.1754943508222875e-38, 4.0, 0.25, 2.5]
SPECIAL += [88.7228, 88.73, -87.3, -87.4, -103.0, -104.0, 127.0, 128.0, -126.0, -149.0, 0.6, 3.5]


def points(f: Function, count: int, rng: np.random.Generator) -> np.ndarray:
    """Half in the function's own range, the others any bit pattern, and the special ones."""
    kind = np.dtype(f.dtype)
    inside = rng.uniform(f.low, f.high, count).astype(kind)
    near = (rng.uniform(-1, 1, count) * 2.0 ** rng.integers(-30, 2, count)).astype(kind)
    inside[::4] = np.clip(near, f.low, f.high)[::4]
    if f.only:
        return inside
    word = {"float32": np.uint32, "float64": np.uint64}[f.dtype]
    anything = rng.integers(0, np.iinfo(word).max, count, dtype=word, endpoint=True).view(kind)
    inside[1::2] = anything[1::2]
    inside[: len(SPECIAL)] = np.asarray(SPECIAL, kind)
    return rng.permutation(inside)


def worst(f: Function, got: np.ndarray, truth: np.ndarray) -> tuple[float, int]:
    """The largest error in units in the last place, as a multiple of what is allowed, and where;
    infinity for a wrong NaN, infinity or overflow. Below the normal range a unit is as large as it
    is at the range's end."""
    kind = got.dtype
    info = np.finfo(kind)
    with np.errstate(all="ignore"):
        rounded = truth.astype(kind)
        unit = np.spacing(np.maximum(np.abs(rounded), info.tiny)).astype(truth.dtype)
        error = np.abs(got.astype(truth.dtype) - truth) / unit
        # Overflow: the largest number and infinity are one unit from each other.
        edge = np.isinf(rounded) ^ np.isinf(got)
        close = edge & (np.minimum(np.abs(got), np.abs(rounded)) > info.max * (1 - 8 * info.eps))
        allowed = np.where(np.abs(truth) < 2.0**-100, f.tiny_ulp or f.ulp, f.ulp)
        below = f.flushes & (np.abs(truth) < info.tiny) & (got == 0)
    error = np.where(np.isnan(got) & np.isnan(rounded) | below, 0, error)
    error = np.where(np.isinf(got) & (got == rounded), 0, error)
    error = np.where(close, f.ulp, error)
    error = np.where(np.isnan(error) | (edge & ~close), np.inf, error)
    share = np.where(error == 0, 0, error / np.where(allowed == 0, 1e-9, allowed))
    at = int(np.argmax(share))
    return float(share[at]), at


def measure(count: int, device: str) -> dict[str, tuple[float, str]]:
    """Each function's largest error, as a share of what is allowed, and the point where it is."""
    rng = np.random.default_rng(11)
    data = [points(f, count, rng) for f in FUNCTIONS_TESTED.values() for _ in range(2)]
    text = module_text(device == "cpu", min(count, 65536) if device == "cpu" else 1024)
    candidate = Candidate(files={"kernel.py": text.encode()}, impl_type="triton", producer="test")
    outputs = run_interpreted({"all": Case(candidate, data)}, device=device)["all"]
    assert not isinstance(outputs, InterpreterError), str(outputs)
    found = {}
    for i, (name, f) in enumerate(FUNCTIONS_TESTED.items()):
        wide = np.float64 if f.dtype == "float32" else np.longdouble
        with np.errstate(all="ignore"):
            arguments = [d.astype(wide) for d in data[2 * i : 2 * i + 1 + f.binary]]
            truth = np.asarray(f.truth(*arguments))
        error, at = worst(f, outputs[i], truth)
        shown = ", ".join(repr(float(d[at])) for d in data[2 * i : 2 * i + 1 + f.binary])
        found[name] = (error, f"{name}({shown}) = {outputs[i][at]}, not {truth[at]}")
    return found


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[float, str]]:
    return measure(4096, "cpu")


@pytest.mark.parametrize("name", FUNCTIONS_TESTED)
def test_error(name: str, measured: dict[str, tuple[float, str]]) -> None:
    share, what = measured[name]
    assert share <= 1, f"{share * FUNCTIONS_TESTED[name].ulp:.2f} ulp: {what}"


@pytest.mark.heavy
def test_error_at_many_points() -> None:
    faults = [
        f"{share * FUNCTIONS_TESTED[name].ulp:.2f} ulp: {what}"
        for name, (share, what) in measure(1 << 18, "cpu").items()
        if share > 1
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.gpu
@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="needs a CUDA device")
def test_error_on_the_gpu() -> None:
    faults = [
        f"{share * FUNCTIONS_TESTED[name].ulp:.2f} ulp: {what}"
        for name, (share, what) in measure(1 << 22, "cuda").items()
        if share > 1
    ]
    assert not faults, "\n".join(faults)
