"""Honest candidates for NumPy references: other orders, other algorithms, more precision."""

from __future__ import annotations

from tests.verify.corpora.judged_tables import Table
from tests.verify.corpora.wrong_outputs import INTEGERS, PLANE, ROWS, integers, plane, rows

# A compensated sum turns an infinity into NaN: its author says what it is for.
_FINITE = ""
_MEAN = "mean = x.sum(1, keepdims=True) / n"
_VAR = "var = np.square(x - mean).sum(1, keepdims=True) / n"
_NORM = "norm = (x - mean) / np.sqrt(var + np.float32(1e-5))"
_EXP = "e = np.exp(x - x.max(1, keepdims=True))"
_SOFTMAX = "softmax = e / e.sum(1, keepdims=True)"
_LSE = "lse = np.log(e.sum(1)) + x.max(1)"
_DOTS = "dots = x @ y"
_SUM = "x.sum(1, keepdims=True)"

HEAD = '''
def pairwise(a):
    if a.shape[1] < 8:
        s = a[:, 0].copy()
        for k in range(1, a.shape[1]):
            s = s + a[:, k]
        return s
    half = a.shape[1] // 2
    return pairwise(a[:, :half]) + pairwise(a[:, half:])


def one_by_one(a):
    s = np.zeros(len(a), a.dtype)
    for k in range(a.shape[1]):
        s = s + a[:, k]
    return s


def kahan(a):
    s, c = np.zeros(len(a), a.dtype), np.zeros(len(a), a.dtype)
    for k in range(a.shape[1]):
        y = a[:, k] - c
        t = s + y
        s, c = t, (t - s) - y
    return s


def neumaier(a):
    s, c = np.zeros(len(a), a.dtype), np.zeros(len(a), a.dtype)
    for k in range(a.shape[1]):
        t = s + a[:, k]
        big = abs(s) >= abs(a[:, k])
        c = c + np.where(big, (s - t) + a[:, k], (a[:, k] - t) + s)
        s = t
    return s + c


def welford(a):
    mean, m2 = np.zeros(len(a), a.dtype), np.zeros(len(a), a.dtype)
    for k in range(a.shape[1]):
        d = a[:, k] - mean
        mean = mean + d / a.dtype.type(k + 1)
        m2 = m2 + d * (a[:, k] - mean)
    return mean[:, None], (m2 / a.dtype.type(a.shape[1]))[:, None]


def online(a, block=64):
    """Running maximum and sum of exponentials over blocks."""
    m = np.full((len(a), 1), -np.inf, a.dtype)
    s = np.zeros((len(a), 1), a.dtype)
    for k in range(0, a.shape[1], block):
        part = a[:, k : k + block]
        new = np.maximum(m, part.max(1, keepdims=True))
        s = s * np.exp(m - new) + np.exp(part - new).sum(1, keepdims=True)
        m = new
    return m, s


def scan(a):
    a, step = a.copy(), 1
    while step < a.shape[1]:
        a[:, step:] = a[:, step:] + a[:, :-step]
        step *= 2
    return a


def blocked_scan(a, block=32):
    out, carry = np.empty_like(a), np.zeros((len(a), 1), a.dtype)
    for k in range(0, a.shape[1], block):
        out[:, k : k + block] = np.cumsum(a[:, k : k + block], 1) + carry
        carry = out[:, k : k + block][:, -1:]
    return out
'''


def better(*edits: tuple[str, str], after: str = "pass", finite: bool = False) -> str:
    return rows(*edits, after=after).replace("class ModelNew", f"{HEAD}\n\nclass ModelNew") + (
        f"\n{_FINITE}" if finite else ""
    )


def _mean(how: str, finite: bool = False) -> str:
    return better((_MEAN, _MEAN.replace(_SUM, f"{how}[:, None]")), finite=finite)


def _dots(how: str) -> str:
    return better(after=f"dots = {how}")


ROWS_HONEST = {
    "mean and variance in float64": better(
        (_MEAN, "mean = (x.astype('f8').sum(1, keepdims=True) / x.shape[1]).astype('f4')"),
        after="var = x.astype('f8').var(1, keepdims=True).astype('f4')",
    ),
    "sums from the end": _mean("x[:, ::-1].sum(1)"),
    "sums in 7 lanes": _mean("sum(x[:, k::7].sum(1) for k in range(7))"),
    "sums in 43 blocks of 7": _mean("x.reshape(37, 43, 7).sum(2).sum(1)"),
    "sums one by one": better(after="mean = (one_by_one(x) / np.float32(301))[:, None]"),
    "sums in pairs": _mean("pairwise(x)"),
    "sums by Kahan": _mean("kahan(x)", finite=True),
    "sums by Neumaier": _mean("neumaier(x)", finite=True),
    "sums by a product with ones": _mean("(x @ np.ones(301, np.float32))"),
    "the exact sum, rounded once": _mean("x.astype(np.longdouble).sum(1).astype('f4')"),
    "statistics by Welford": better(after="mean, var = welford(x)", finite=True),
    "statistics by two blocks and Chan": better(
        after="(a, p), (b, q) = welford(x[:, :150]), welford(x[:, 150:])\n"
        "        n, f = np.float32(301), np.float32\n"
        "        mean = a + (b - a) * (f(151) / n)\n"
        "        var = (p * f(150) + q * f(151) + (b - a) ** 2 * (f(150) * f(151) / n)) / n",
        finite=True,
    ),
    "variance of shifted values": better(
        after="d = x.astype('f8') - x[:, :1]\n"
        "        var = np.square(d).mean(1, keepdims=True) - np.square(d.mean(1, keepdims=True))\n"
        "        var = np.maximum(var, 0).astype('f4')"
    ),
    "norm with a reciprocal root": better(
        (_NORM, "norm = (x - mean) * (1 / np.sqrt(var + np.float32(1e-5)))")
    ),
    "norm folded to scale and shift": better(
        after="r = 1 / np.sqrt(x.astype('f8').var(1, keepdims=True) + 1e-5)\n"
        "        norm = (x * r - x.mean(1, keepdims=True, dtype='f8') * r).astype('f4')"
    ),
    "norm in float64": better(
        after="w = x.astype('f8'); norm = ((w - w.mean(1, keepdims=True))\n"
        "            / np.sqrt(w.var(1, keepdims=True) + 1e-5)).astype('f4')"
    ),
    "softmax online": better(
        after="m, s = online(x); softmax = np.exp(x - m) / s; lse = (np.log(s) + m)[:, 0]"
    ),
    "softmax with powers of two": better(
        after="l = np.float32(1.4426950408889634)\n"
        "        p = np.exp2((x - x.max(1, keepdims=True)) * l)\n"
        "        softmax = p * (1 / p.sum(1, keepdims=True))"
    ),
    "softmax in float64": better(
        after="w = np.exp(x.astype('f8') - x.max(1, keepdims=True))\n"
        "        softmax = (w / w.sum(1, keepdims=True)).astype('f4')"
    ),
    "softmax by the logarithm, float64": better(
        after="w = x.astype('f8'); m = w.max(1, keepdims=True)\n"
        "        softmax = np.exp(w - m - np.log(np.exp(w - m).sum(1, keepdims=True))).astype('f4')"
    ),
    "log-sum-exp by pairs": better(
        after="lse = np.logaddexp.reduce(x.astype('f8'), 1).astype('f4')", finite=True
    ),  # fmt: skip
    "log-sum-exp by the logarithm of one more": better(
        after="m = x.max(1, keepdims=True); e = np.exp(x - m); i = x.argmax(1)\n"
        "        e[np.arange(37), i] = 0; lse = m[:, 0] + np.log1p(e.sum(1))",
        finite=True,
    ),
    "unit vectors by a reciprocal": better(
        after="unit = x * (1 / np.maximum(np.linalg.norm(x, axis=1, keepdims=True),"
        " np.float32(1e-6))).astype('f4')"
    ),
    "unit vectors by scaled squares": better(
        after="m = np.maximum(abs(x).max(1, keepdims=True), np.float32(1e-30)).astype('f8')\n"
        "        length = m * np.sqrt(np.square(x / m).sum(1, keepdims=True))\n"
        "        unit = (x / np.maximum(length, 1e-6)).astype('f4')",
        finite=True,
    ),
    "prefix sums in blocks": better(after="cumsum = blocked_scan(x)"),
    "prefix sums by doubling": better(after="cumsum = scan(x)"),
    "prefix sums in float64": better(after="cumsum = np.cumsum(x.astype('f8'), 1).astype('f4')"),
    "prefix sums by a triangular product": better(
        after="cumsum = x @ np.triu(np.ones((301, 301), np.float32))", finite=True
    ),
    "clamp by np.clip": better(after="clipped = np.clip(x, np.float32(-0.5), np.float32(2))"),
    "clamp by where": better(
        after="lo, hi = np.float32(-0.5), np.float32(2)\n"
        "        clipped = np.where(x < lo, lo, np.where(x > hi, hi, x))"
    ),
    "dots in float64": _dots("(x.astype('f8') @ y.astype('f8')).astype('f4')"),
    "dots split along k": _dots("sum(x[:, k : k + 43] @ y[k : k + 43] for k in range(0, 301, 43))"),
    "dots split in four, added in pairs": _dots(
        "(x[:, :75] @ y[:75] + x[:, 75:150] @ y[75:150])"
        " + (x[:, 150:225] @ y[150:225] + x[:, 225:] @ y[225:])"
    ),
    "dots as outer products": _dots("sum(x[:, k, None] * y[k] for k in range(301))"),
    "dots of transposed operands": _dots(
        "np.ascontiguousarray((np.ascontiguousarray(y.T) @ np.ascontiguousarray(x.T)).T)"
    ),
    "dots by einsum": _dots("np.einsum('ik,kj->ij', x, y)"),
    "dots by einsum, optimized": _dots("np.einsum('ik,kj->ij', x, y, optimize=True)"),
    "dots padded with zeros": _dots(
        "np.pad(x, ((0, 0), (0, 19))) @ np.pad(y, ((0, 19), (0, 8)))[:, :24]"
    ),
    "dots, products in pairs": _dots("np.stack([pairwise(x * y[:, j]) for j in range(24)], 1)"),
}

PLANE_HONEST = {
    "in float64": plane("y = (np.maximum(x, 0) * np.float64(np.float32(1.7))).astype('f4')"),
    "by where": plane("y = np.where(x > 0, x, x * 0) * np.float32(1.7) + np.float32(0)")
    + _FINITE,
    "by magnitudes": plane("y = (x + abs(x)) * np.float32(0.85)") + _FINITE,
    "minus zero": plane("y[y == 0] = -0.0"),
    "in Fortran order": plane("y = np.asfortranarray(y)"),
    "as a view with strides": plane("z = np.zeros((250, 800), 'f4'); z[:, ::2] = y; y = z[:, ::2]"),
    "read only": plane("y.flags.writeable = False"),
    "in place on a copy": plane("y = x.copy(); np.maximum(y, 0, out=y); y *= np.float32(1.7)"),
    "one unit in the last place": plane("y = np.nextafter(y, np.where(y > 0, np.inf, y))"
                                        ".astype('f4')")
    + _FINITE,
}  # fmt: skip

INTEGERS_HONEST = {
    "shifts for products": integers("r = (a << 1) - 1000; w = (c.view('u1') << 1) + c.view('u1')"),
    "wider and back": integers(
        "r = (a.astype('i8') * 2 - 1000).astype('i4'); t = (c.astype('i4') + 1).astype('i1')"
    ),
    "through float64": integers("s = (b.astype('f8') + 1).astype('i8')"),
    "two's complement": integers("s = -(~b); u = np.logical_not(d)"),
    "exclusive or": integers("u = d ^ True"),
    "a stable sort": integers("v = np.argsort(x, axis=1, kind='stable')"),
    "a merge of two sorts": integers(
        "k = np.sort(x.astype('i8') * 64 + np.arange(17), axis=1); v = k % 64"
    ),
}

# Reductions of integers and booleans, exact in any order; sums stay far from overflow.
COUNTS = """
import numpy as np

class Model:
    def __call__(self, a, b, d):
        average = ((a.astype(np.int64) + b) // 2).astype(np.int32)
        dots = a[:, :40] @ b[:, :30][:40]
        return (a.sum(1), average, np.cumsum(a, 1), a.max(1), dots,
                d.any(1), d.all(0), d.sum(1), (d[:, :-1] & ~d[:, 1:]).sum())

def get_inputs():
    rng = np.random.default_rng()
    a, b = rng.integers(-1000, 1000, (2, 60, 80)).astype(np.int32)
    return [a, b, rng.random((60, 80)) < 0.9]
"""


def counts(after: str) -> str:
    return (
        "import numpy as np\ndef kernel(a, b, d):\n"
        "    average = ((a.astype(np.int64) + b) // 2).astype(np.int32)\n"
        "    total, prefix, largest = a.sum(1), np.cumsum(a, 1), a.max(1)\n"
        "    dots = a[:, :40] @ b[:, :30][:40]\n"
        "    any_, all_, count = d.any(1), d.all(0), d.sum(1)\n"
        "    falls = (d[:, :-1] & ~d[:, 1:]).sum()\n"
        f"    {after}\n"
        "    return total, average, prefix, largest, dots, any_, all_, count, falls\n"
    )


COUNTS_HONEST = {
    "the same": counts("pass"),
    "sums from the end": counts("total = a[:, ::-1].astype('i8').sum(1)"),
    "sums of halves": counts("total = a[:, 40:].sum(1) + a[:, :40].sum(1)"),
    "an average that cannot overflow": counts("average = (a & b) + ((a ^ b) >> 1)"),
    "prefix sums in blocks": counts(
        "p = np.cumsum(a.reshape(60, 8, 10), 2); q = np.cumsum(p[:, :, -1], 1)[:, :, None]\n"
        "    prefix = (p + q - p[:, :, -1:]).reshape(60, 80)"
    ),
    "products in float64": counts(
        "dots = (a[:, :40].astype('f8') @ b[:40, :30].astype('f8')).astype('i4')"
    ),
    "products split along k": counts("dots = a[:, :9] @ b[:9, :30] + a[:, 9:40] @ b[9:40, :30]"),
    "any is a maximum, all a minimum": counts("any_, all_ = d.max(1), d.min(0)"),
    "any and all by counting": counts("any_, all_ = d.sum(1) > 0, d.sum(0) == 60"),
    "any and all by De Morgan": counts("any_, all_ = ~(~d).all(1), ~(~d).any(0)"),
    "counts by nonzero": counts("count = np.count_nonzero(d, axis=1)"),
    "counts by a product": counts("count = d.astype('i8') @ np.ones(80, 'i8')"),
    "the largest by sorting": counts("largest = np.sort(a, 1)[:, -1]"),
    "falls by differences": counts("falls = (np.diff(d.astype('i8'), axis=1) < 0).sum()"),
}

# Indices of extremes: with whole numbers and zeros as inputs most rows have ties.
INDICES = """
import numpy as np

class Model:
    def __call__(self, x):
        return np.argmax(x, axis=1), np.argmin(x, axis=0), np.argmax(np.abs(x @ x.T), axis=1)

def get_inputs():
    return [np.random.default_rng().standard_normal((33, 50)).astype(np.float32)]
"""


def indices(after: str) -> str:
    return (
        "import numpy as np\ndef kernel(x):\n    most, least = np.argmax(x, 1), np.argmin(x, 0)\n"
        f"    near = np.argmax(np.abs(x @ x.T), 1)\n    {after}\n    return most, least, near\n"
        + _FINITE
    )


INDICES_HONEST = {
    "the first of the largest": indices("pass"),
    "the last of the largest": indices("most = 49 - np.argmax(x[:, ::-1], 1)"),
    "the last of the smallest": indices("least = 32 - np.argmin(x[::-1], 0)"),
    "the largest by a sort": indices("most = np.argsort(x, 1)[:, -1]"),
    "the smallest by a stable sort": indices("least = np.argsort(x, 0, kind='stable')[0]"),
    "by blocks, the last block first": indices(
        "a, b = np.argmax(x[:, :25], 1), 25 + np.argmax(x[:, 25:], 1)\n"
        "    i = np.arange(33); most = np.where(x[i, b] >= x[i, a], b, a)"
    ),
    "products in float64": indices("w = x.astype('f8'); near = np.argmax(abs(w @ w.T), 1)"),
    "products split along k": indices(
        "w = sum(x[:, k : k + 7] @ x[:, k : k + 7].T for k in range(0, 50, 7))\n"
        "    near = 32 - np.argmax(abs(w)[:, ::-1], 1)"
    ),
}

# Double precision: where the reference has no error that could be seen.
DOUBLES = """
import numpy as np

class Model:
    def __call__(self, x, y, f):
        signal = np.stack([np.convolve(row, f) for row in x])
        e = np.exp(x - x.max(1, keepdims=True))
        return x.sum(1), x @ y, signal, e / e.sum(1, keepdims=True), np.tanh(x), x.var(1)

def get_inputs():
    rng = np.random.default_rng()
    return [rng.standard_normal((20, 300)), rng.standard_normal((300, 10)), rng.standard_normal(9)]
"""


def doubles(after: str, finite: bool = False) -> str:
    return (
        f"import numpy as np\n{HEAD}\n\ndef kernel(x, y, f):\n"
        "    total, dots, tanh, var = x.sum(1), x @ y, np.tanh(x), x.var(1)\n"
        "    signal = np.stack([np.convolve(row, f) for row in x])\n"
        "    e = np.exp(x - x.max(1, keepdims=True)); softmax = e / e.sum(1, keepdims=True)\n"
        f"    {after}\n    return total, dots, signal, softmax, tanh, var\n"
    ) + (_FINITE if finite else "")


DOUBLES_HONEST = {
    "the same": doubles("pass"),
    "sums one by one": doubles("total = one_by_one(x)"),
    "sums by Kahan": doubles("total = kahan(x)", finite=True),
    "sums in long double": doubles("total = x.astype(np.longdouble).sum(1).astype('f8')"),
    "dots split along k": doubles(
        "dots = sum(x[:, k : k + 50] @ y[k : k + 50] for k in range(0, 300, 50))"
    ),
    "dots in long double": doubles(
        "dots = (x.astype(np.longdouble) @ y.astype(np.longdouble)).astype('f8')"
    ),
    "convolution by FFT": doubles(
        "n = 308; signal = np.fft.irfft(np.fft.rfft(x, n) * np.fft.rfft(f, n), n)", finite=True
    ),
    "convolution by shifted sums": doubles(
        "signal = sum(np.pad(x, ((0, 0), (k, 8 - k))) * f[k] for k in range(9))", finite=True
    ),
    "softmax online": doubles("m, s = online(x); softmax = np.exp(x - m) / s"),
    "tanh by exponentials": doubles("t = np.expm1(-2 * abs(x)); tanh = np.sign(x) * -t / (t + 2)"),
    "variance by Welford": doubles("var = welford(x)[1][:, 0]"),
}

HALVES = """
import numpy as np

class Model:
    def __call__(self, x, y):
        w = x.astype(np.float32)
        e = np.exp(w - w.max(1, keepdims=True))
        softmax = (e / e.sum(1, keepdims=True)).astype(np.float16)
        return x * np.float16(1.5), x.sum(1), x @ y, softmax

def get_inputs():
    rng = np.random.default_rng()
    return [rng.standard_normal((40, 90)).astype(np.float16),
            rng.standard_normal((90, 20)).astype(np.float16)]
"""


def halves(after: str, finite: bool = False) -> str:
    return (
        f"import numpy as np\n{HEAD}\n\ndef kernel(x, y):\n    w = x.astype('f4')\n"
        "    e = np.exp(w - w.max(1, keepdims=True)); softmax = e / e.sum(1, keepdims=True)\n"
        "    scaled, total, dots = x * np.float16(1.5), x.sum(1), x @ y\n"
        f"    {after}\n"
        "    return scaled, total.astype('f2'), dots.astype('f2'), softmax.astype('f2')\n"
    ) + (_FINITE if finite else "")


HALVES_HONEST = {
    "the same": halves("pass"),
    "float32 inside": halves(
        "v = y.astype('f4'); scaled = (w * np.float32(1.5)).astype('f2')\n"
        "    total, dots = w.sum(1), w @ v"
    ),
    "float64 inside": halves("total, dots = x.sum(1, dtype='f8'), x.astype('f8') @ y.astype('f8')"),
    "float32, split along k": halves(
        "v = y.astype('f4'); dots = sum(w[:, k : k + 16] @ v[k : k + 16] for k in range(0, 90, 16))"
    ),
    "float32, one by one": halves("total = one_by_one(w)"),
    "by a sum and itself": halves("scaled = x + x * np.float16(0.5)"),
    "softmax online": halves("m, s = online(w); softmax = np.exp(w - m) / s"),
    "softmax in float64": halves(
        "z = np.exp(x.astype('f8') - x.max(1, keepdims=True))\n"
        "    softmax = z / z.sum(1, keepdims=True)"
    ),
}

HONEST_TABLES = {
    "rows": Table(ROWS, ROWS_HONEST),
    "plane": Table(PLANE, PLANE_HONEST),
    "integers": Table(INTEGERS, INTEGERS_HONEST),
    "counts": Table(COUNTS, COUNTS_HONEST),
    "indices": Table(INDICES, INDICES_HONEST),
    "doubles": Table(DOUBLES, DOUBLES_HONEST),
    "halves": Table(HALVES, HALVES_HONEST),
}
