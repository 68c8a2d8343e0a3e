"""Wrong candidates for NumPy references, with the check that must catch each.

The first table holds what comparisons in the field let through: a share of bad elements, relative
limits of a few per mille, division by the candidate's own values, shapes that broadcast, dtypes
that are cast, integers compared with a relative limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.verify.corpora.judged_tables import Table


@dataclass(frozen=True)
class Wrong:
    """``checks`` that may catch it, and under which ``laws`` at the latest (empty: any); ``worst``
    is the element that the report must name."""

    source: str
    checks: tuple[str, ...]
    laws: tuple[str, ...] = ()
    worst: tuple[int, ...] | None = None


ELEMENT, EXACT = ("element_error",), ("exact",)
ANY_VALUE = ("element_error", "norm_error", "not_finite")

# One in two elements is exactly zero.
PLANE = """
import numpy as np

class Model:
    def __call__(self, x):
        return np.maximum(x, 0) * np.float32(1.7) + np.float32(0)

def get_inputs():
    return [np.random.default_rng().standard_normal((250, 400)).astype(np.float32)]
"""


def plane(after: str, x: str = "x") -> str:
    return (
        "import numpy as np\nimport ml_dtypes\n"
        "def plane(x):\n    return np.maximum(x, 0) * np.float32(1.7) + np.float32(0)\n"
        f"def kernel(x):\n    y = plane({x})\n    {after}\n    return y\n"
    )


_ROUNDED = "(x.view('u4') + np.uint32({half}) & np.uint32({mask})).view('f4')"
TF32 = _ROUNDED.format(half=0x1000, mask=0xFFFFE000)

PLANE_WRONG = {
    "all NaN": Wrong(plane("y[:] = np.nan"), ("not_finite",)),
    "half NaN": Wrong(plane("y[::2] = np.nan"), ("not_finite",), worst=(0, 0)),
    "one NaN": Wrong(plane("y[249, 3] = np.nan"), ("not_finite",), worst=(249, 3)),
    "one Inf": Wrong(plane("y[5, 399] = np.inf"), ("not_finite",), worst=(5, 399)),
    "0.3 % replaced by 1e6": Wrong(plane("y.reshape(-1)[::333] = 1e6"), ELEMENT),
    "1.5 % replaced by 1e6": Wrong(plane("y.reshape(-1)[::66] = 1e6"), ELEMENT),
    "0.1 % garbage": Wrong(plane("y.reshape(-1)[7::1000] = 0.1"), ELEMENT),
    "every element off by 0.35 %": Wrong(plane("y *= np.float32(1.0035)"), ELEMENT),
    "every element off by 1.5 %": Wrong(plane("y *= np.float32(1.015)"), ELEMENT),
    "every element off by 3e-5": Wrong(plane("y *= np.float32(1.00003)"), ANY_VALUE),
    "0.003 where the reference is 0": Wrong(plane("y[y == 0] = 0.003"), ELEMENT),
    "1e-30 where the reference is 0": Wrong(plane("y[y == 0] = 1e-30"), ELEMENT),
    "shape (n, 1)": Wrong(plane("y = y.reshape(-1, 1)"), ("shape",)),
    "another axis of one": Wrong(plane("y = y[None]"), ("shape",)),
    "half the rows": Wrong(plane("y = y[:125]"), ("shape",)),
    "float64 instead of float32": Wrong(plane("y = y.astype('f8')"), ("dtype",)),
    "float16 instead of float32": Wrong(plane("y = y.astype('f2')"), ("dtype",)),
    "half of it not computed": Wrong(plane("y[125:] = 0"), ELEMENT),
    "transposed": Wrong(plane("y = np.ascontiguousarray(y.T).reshape(y.shape)"), ELEMENT),
    "an extra output": Wrong(plane("y = y, y"), ("structure",)),
    "a tuple of one": Wrong(plane("y = (y,)"), ("structure",)),
    "a list of one": Wrong(plane("y = [y]"), ("structure",)),
    "a dict": Wrong(plane("y = {'y': y}"), ("structure",)),
    "None": Wrong(plane("y = None"), ("structure",)),
    "one element": Wrong(plane("y[123, 45] += 0.01"), ELEMENT, worst=(123, 45)),
    "the first element": Wrong(plane("y[0, 0] -= 1"), ELEMENT, worst=(0, 0)),
    "the last element": Wrong(plane("y[-1, -1] = 7"), ELEMENT, worst=(249, 399)),
    "the last row": Wrong(plane("y[-1] = y[-2]"), ELEMENT),
    "the tail of every row": Wrong(plane("y[:, 384:] = 0"), ELEMENT),
    "two elements swapped": Wrong(plane("y[7, [3, 4]] = y[7, [4, 3]] + [0, 1]"), ELEMENT),
    "a row moved by one element": Wrong(plane("y[5] = np.roll(y[5], 1)"), ELEMENT),
    "a bias of 1e-3": Wrong(plane("y += np.float32(1e-3)"), ELEMENT),
    "a bias of 1e-6": Wrong(plane("y += np.float32(1e-6)"), ELEMENT),
    "zeros": Wrong(plane("y = np.zeros_like(y)"), ELEMENT),
    "the mean everywhere": Wrong(plane("y[:] = y.mean()"), ELEMENT),
    "a copy of the input": Wrong(plane("y = x.copy()"), ELEMENT),
    "the sign turned": Wrong(plane("y = -y"), ELEMENT),
    "nothing written": Wrong(plane("y = np.empty_like(y)"), ANY_VALUE),
    "TF32 inside": Wrong(plane("pass", TF32), ELEMENT),
    "bfloat16 inside": Wrong(plane("pass", "x.astype(ml_dtypes.bfloat16).astype('f4')"), ELEMENT),
    "float16 outside": Wrong(plane("y = y.astype('f2').astype('f4')"), ELEMENT),
    "eight bits": Wrong(plane("s = y.max() / 255; y = np.round(y / s) * s"), ELEMENT),
    "saturates at 1000": Wrong(plane("y = np.minimum(y, np.float32(1000))"), ANY_VALUE),
    "NaN becomes 0": Wrong(plane("y = np.where(x > 0, y, np.float32(0))"), ("not_finite",)),
    "right for contiguous inputs only": Wrong(
        plane("y = y if x.flags.c_contiguous else plane(x.T).reshape(y.shape)"), ANY_VALUE
    ),
    "right for aligned inputs only": Wrong(
        plane("y = y if x.ctypes.data % 16 == 0 else np.roll(y, 1)"), ANY_VALUE
    ),
    "right for the nominal range only": Wrong(
        plane("y = y if abs(x).max() < 8 else y * np.float32(1.001)"), ELEMENT
    ),
    "right for nominal means only": Wrong(
        plane("y = y if abs(x.mean()) < 0.1 else y + np.float32(0.01)"), ELEMENT
    ),
    "nothing below 1e-3": Wrong(
        plane("y[y < 1e-3] = 0"), ELEMENT, laws=("own", "tiny", "uniform", "heavy_tailed")
    ),
}
# Not wrong: beside the wrong ones, so that a judge which refuses all is seen.
PLANE_RIGHT = {
    "as it should be": plane("pass"),
    "the other zero": plane("y[y == 0] = -0.0"),
    "rounded truth": plane("y = (np.maximum(x, 0) * np.float64(np.float32(1.7))).astype('f4')"),
}

MILLION = PLANE.replace("(250, 400)", "(1000, 1000)")
MILLION_WRONG = {
    "one element in a million": Wrong(plane("y[123, 456] += 0.01"), ELEMENT, worst=(123, 456)),
    "the last in a million": Wrong(plane("y[-1, -1] += 1e-4"), ELEMENT, worst=(999, 999)),
    "ten in a million": Wrong(plane("y.reshape(-1)[::100_000] *= 1.01"), ELEMENT),
    "transposed": Wrong(plane("y = np.ascontiguousarray(y.T)"), ELEMENT),
}

# Every integer dtype at its own typical values.
INTEGERS = """
import numpy as np

class Model:
    def __call__(self, a, b, c, d, x):
        order = np.argsort(x, axis=1)
        return a * 2 - 1000, b + 1, c + np.int8(1), ~d, order, np.uint8(3) * c.view(np.uint8)

def get_inputs():
    rng = np.random.default_rng()
    a = rng.integers(900, 1100, (64, 33)).astype(np.int32)
    b = rng.integers(99000, 101000, (257,)).astype(np.int64)
    c = rng.integers(90, 110, (128,)).astype(np.int8)
    x = rng.permutation(31 * 17).reshape(31, 17).astype(np.int32)
    return [a, b, c, rng.random((40, 5)) < 0.5, x]
"""


def integers(after: str) -> str:
    body = INTEGERS[INTEGERS.index("        order") : INTEGERS.index("def get_inputs")]
    body = body.replace("        ", "    ").replace("return", "r, s, t, u, v, w =")
    result = "return r, s, t, u, v, w"
    return f"import numpy as np\ndef kernel(a, b, c, d, x):\n{body}    {after}\n    {result}\n"


INTEGERS_WRONG = {
    "int32 1000 all off by one": Wrong(integers("r = r + 1"), EXACT, worst=(0, 0)),
    "int64 100000 all off by one": Wrong(integers("s = s - 1"), EXACT, worst=(0,)),
    "int8 100 is 101 everywhere": Wrong(integers("t = t + np.int8(1)"), EXACT, worst=(0,)),
    "uint8 one bit": Wrong(integers("w[77] ^= 1"), EXACT, worst=(77,)),
    "one int64 in the middle": Wrong(integers("s[128] += 2**40"), EXACT, worst=(128,)),
    "one bool": Wrong(integers("u[39, 4] ^= True"), EXACT, worst=(39, 4)),
    "all bools": Wrong(integers("u = ~u"), EXACT),
    "bools as uint8": Wrong(integers("u = u.astype(np.uint8)"), ("dtype",)),
    "int32 for int64": Wrong(integers("s = s.astype(np.int32)"), ("dtype",)),
    "indices off by one": Wrong(integers("v = (v + 1) % 17"), EXACT),
    "indices as int32": Wrong(integers("v = v.astype(np.int32)"), ("dtype",)),
    "ranks instead of the order": Wrong(integers("v = np.argsort(v, axis=1)"), EXACT),
    "two indices swapped": Wrong(integers("v[30, [0, 1]] = v[30, [1, 0]]"), EXACT),
    "an index out of range": Wrong(integers("v[4, 5] = 17"), EXACT, worst=(4, 5)),
    "through float32": Wrong(integers("s = (s + 2**30).astype('f4').astype('i8') - 2**30"), EXACT),
    "a list for a tuple": Wrong(integers("return [r, s, t, u, v, w]"), ("structure",)),
    "two outputs changed places": Wrong(integers("return s, r, t, u, v, w"), ("shape",)),
    "one output short": Wrong(integers("return r, s, t, u, v"), ("structure",)),
}
INTEGERS_RIGHT = {"as it should be": integers("pass")}

# Rows of statistics; each is computed by the stable formula.
ROWS = """
import numpy as np

class Model:
    def __call__(self, x, y):
        n = np.float32(x.shape[1])
        mean = x.sum(1, keepdims=True) / n
        var = np.square(x - mean).sum(1, keepdims=True) / n
        e = np.exp(x - x.max(1, keepdims=True))
        softmax = e / e.sum(1, keepdims=True)
        norm = (x - mean) / np.sqrt(var + np.float32(1e-5))
        unit = x / np.maximum(np.sqrt(np.square(x).sum(1, keepdims=True)), np.float32(1e-6))
        lse = np.log(e.sum(1)) + x.max(1)
        clipped = np.minimum(np.maximum(x, np.float32(-0.5)), np.float32(2))
        dots = x @ y
        return mean, var, softmax, norm, unit, lse, np.cumsum(x, 1), clipped, dots

def get_inputs():
    rng = np.random.default_rng()
    x = rng.standard_normal((37, 301)).astype(np.float32)
    return [x, rng.standard_normal((301, 24)).astype(np.float32)]
"""


def rows(*edits: tuple[str, str], after: str = "pass") -> str:
    source = "import numpy as np\nfrom math import *\n" + ROWS[: ROWS.index("def get_inputs")]
    source = source.replace("class Model", "class ModelNew")
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new)
    names = "mean, var, softmax, norm, unit, lse, cumsum, clipped, dots"
    returned = source.index("        return mean")
    result = source[returned:].strip().removeprefix("return ")
    tail = f"        {names} = {result}\n        {after}\n        return {names}\n"
    return source[:returned] + tail


_SQUARES = "(np.square(x).sum(1, keepdims=True) / n - np.square(mean))"
_MEAN = "mean = x.sum(1, keepdims=True) / n"
_VAR = "var = np.square(x - mean).sum(1, keepdims=True) / n"
_EXP = "e = np.exp(x - x.max(1, keepdims=True))"
_ANEW = "np.concatenate([np.cumsum(x[:, :256], 1), np.cumsum(x[:, 256:], 1)], 1)"
_BFLOAT16 = "(lambda a: a.astype(__import__('ml_dtypes').bfloat16).astype('f4'))"

ROWS_WRONG = {
    "softmax without the maximum": Wrong(
        rows((_EXP, "e = np.exp(x)"), after="lse = np.log(e.sum(1))"),
        ANY_VALUE,
        laws=("huge", "heavy_tailed", "offset", "special", "own"),
    ),
    "softmax along the other axis": Wrong(rows(("e / e.sum(1,", "e / e.sum(0,")), ELEMENT),
    "softmax by the maximum of all": Wrong(
        rows((_EXP, "e = np.exp(x - x.max())"), after="lse = np.log(e.sum(1)) + x.max()"),
        ANY_VALUE,
    ),
    "variance by E[x^2] - E[x]^2": Wrong(
        rows((_VAR, f"var = {_SQUARES}"), ("np.sqrt(var + ", "np.sqrt(np.maximum(var, 0) + ")),
        ANY_VALUE,
    ),
    "variance over n - 1": Wrong(rows((_VAR, _VAR.replace("/ n", "/ (n - 1)"))), ELEMENT),
    "mean over n - 1": Wrong(rows((_MEAN, _MEAN.replace("/ n", "/ (n - 1)"))), ELEMENT),
    "mean without the last term": Wrong(
        rows((_MEAN, _MEAN.replace("x.sum", "x[:, :-1].sum"))), ELEMENT
    ),
    "mean with the first term twice": Wrong(rows(after="mean = mean + x[:, :1] / n"), ELEMENT),
    "mean padded to a power of two": Wrong(
        rows((_MEAN, _MEAN.replace("/ n", "/ np.float32(512)"))), ELEMENT
    ),
    "no epsilon": Wrong(rows(("np.sqrt(var + np.float32(1e-5))", "np.sqrt(var)")), ANY_VALUE),
    "epsilon outside the root": Wrong(
        rows(("np.sqrt(var + np.float32(1e-5))", "(np.sqrt(var) + np.float32(1e-5))")), ELEMENT
    ),
    "epsilon of another norm": Wrong(rows(("(1e-5)", "(1e-6)")), ELEMENT),
    "unit vectors without a floor": Wrong(
        rows(
            (
                "np.maximum(np.sqrt(np.square(x).sum(1, keepdims=True)), np.float32(1e-6))",
                "np.sqrt(np.square(x).sum(1, keepdims=True))",
            )
        ),  # fmt: skip
        ("not_finite",),
        laws=("zeros", "special"),
    ),
    "log-sum-exp without the maximum": Wrong(
        rows(after="lse = np.log(np.exp(x).sum(1))"), ANY_VALUE
    ),
    "exclusive prefix sums": Wrong(rows(after="cumsum = cumsum - x"), ELEMENT),
    "prefix sums that start anew": Wrong(rows(after=f"cumsum = {_ANEW}"), ELEMENT),
    "prefix sums along the other axis": Wrong(rows(after="cumsum = np.cumsum(x, 0)"), ELEMENT),
    "clamp bounds swapped": Wrong(
        rows(
            (
                "np.minimum(np.maximum(x, np.float32(-0.5)), np.float32(2))",
                "np.minimum(np.maximum(x, np.float32(2)), np.float32(-0.5))",
            )
        ),  # fmt: skip
        ELEMENT,
    ),
    "clamp without its upper bound": Wrong(
        rows(after="clipped = np.maximum(x, np.float32(-0.5))"), ELEMENT
    ),
    "the dot's last term dropped": Wrong(rows(("x @ y", "x[:, :-1] @ y[:-1]")), ELEMENT),
    "the dot in blocks of 32, tail dropped": Wrong(
        rows(("x @ y", "sum(x[:, k : k + 32] @ y[k : k + 32] for k in range(0, 288, 32))")), ELEMENT
    ),
    "the dot in TF32": Wrong(
        rows(after=f"f = lambda x: {TF32}; dots = f(x) @ f(y)"), ("norm_error", "element_error")
    ),
    "the dot in float16": Wrong(
        rows(after="dots = (x.astype('f2') @ y.astype('f2')).astype('f4')"), ANY_VALUE
    ),
    "the dot summed in bfloat16": Wrong(
        rows(
            after=f"f = {_BFLOAT16}\n"
            "        dots = sum(f(x[:, k : k + 43] @ y[k : k + 43]) for k in range(0, 301, 43))"
        ),
        ("norm_error", "element_error"),
    ),
    "two outputs changed places": Wrong(rows(after="mean, var = var, mean"), ELEMENT),
}
ROWS_RIGHT = {"as it should be": rows()}


def table(reference: str, wrong: dict[str, Wrong], right: dict[str, str]) -> Table:
    kernels = {name: w.source for name, w in wrong.items()}
    return Table(reference, {**kernels, **{f"right: {n}": k for n, k in right.items()}})


TABLES = {
    "plane": (table(PLANE, PLANE_WRONG, PLANE_RIGHT), PLANE_WRONG),
    "million": (table(MILLION, MILLION_WRONG, {}), MILLION_WRONG),
    "integers": (table(INTEGERS, INTEGERS_WRONG, INTEGERS_RIGHT), INTEGERS_WRONG),
    "rows": (table(ROWS, ROWS_WRONG, ROWS_RIGHT), ROWS_WRONG),
}
