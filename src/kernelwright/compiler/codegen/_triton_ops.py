"""AUL's vector operations as Triton expressions: one function a family, text in, text out.

Halves (float16, bfloat16) are widened to float32 for arithmetic and rounded once, as the Graph's
ops are. Operands come already broadcast; what comes back has the destination's dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from kernelwright.errors import UnsupportedError

HALVES = ("float16", "bfloat16")
FLOATS = ("float16", "bfloat16", "float32", "float64")

POINTERS = {  # dtype -> Triton's name of a pointer to it in a signature
    "float16": "*fp16",
    "bfloat16": "*bf16",
    "float32": "*fp32",
    "float64": "*fp64",
    "int8": "*i8",
    "uint8": "*u8",
    "int16": "*i16",
    "int32": "*i32",
    "int64": "*i64",
    "bool": "*i1",
}


def triton_dtype(dtype: str) -> str:
    return "tl.int1" if dtype == "bool" else f"tl.{dtype}"


def number(value: float | int | bool) -> str:
    """A constant as Triton source; infinities and NaN need a call."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def compute_dtype(dtype: str) -> str:
    return "float32" if dtype in HALVES else dtype


def group(text: str) -> str:
    """``text`` fit to be followed by a method or combined with an operator."""
    if text.replace("_", "").replace(".", "").isalnum() or _is_call(text):
        return text
    return f"({text})"


def _is_call(text: str) -> bool:
    """Whether ``text`` is one name, call or subscript, with nothing outside its brackets."""
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character in " +-*/%<>=&|~":
            return False
    return not text.startswith(("-", "~")) and text[:1] != "("


def convert(text: str, source: str, to: str) -> str:
    """``text`` of dtype ``source`` as dtype ``to``: torch's rules (float to int truncates)."""
    if source == to:
        return text
    if source == "bfloat16":
        return convert(f"{group(text)}.to(tl.float32)", "float32", to)
    if to == "bool":
        return f"{group(text)} != 0"
    if to == "bfloat16":
        return f"_to_bfloat16({convert(text, source, 'float32')})"
    if to == "float16" and source == "float64":  # torch rounds twice here; so do we
        text = f"{group(text)}.to(tl.float32)"
    if to == "uint8" and source in FLOATS:
        text = f"{group(text)}.to(tl.int32)"
    return f"{group(text)}.to({triton_dtype(to)})"


def widen(text: str, dtype: str) -> str:
    return convert(text, dtype, compute_dtype(dtype))


# ---- unary ------------------------------------------------------------------------------------

_BOTH: Mapping[str, str] = {  # the same text for float32 and float64
    "neg": "-{x}",
    "abs": "tl.abs({x})",
    "sin": "tl.sin({x})",
    "cos": "tl.cos({x})",
    "erf": "tl.erf({x})",
    "floor": "tl.floor({x})",
    "ceil": "tl.ceil({x})",
    "trunc": "_trunc({x})",
    "square": "{x} * {x}",
    "sign": "tl.where({x} > 0, 1.0, 0.0) - tl.where({x} < 0, 1.0, 0.0)",
}

_SINGLE: Mapping[str, str] = {
    "exp": "_exp({x})",
    "exp2": "_exp2({x})",
    "expm1": "_expm1({x})",
    "ln": "tl.log({x})",
    "log2": "tl.log2({x})",
    "log10": "_log10({x})",
    "log1p": "_log1p({x})",
    "sqrt": "_sqrt({x})",
    "rsqrt": "_rsqrt({x})",
    "rec": "_reciprocal({x})",
    "sigmoid": "_sigmoid({x})",
    "relu": "_max({x}, 0.0)",
    "round": "_rint({x})",
    "tan": "_divide(tl.sin({x}), tl.cos({x}))",
    "tanh": "_tanh({x})",
    "asin": "_asin({x})",
    "acos": "_acos({x})",
    "atan": "_atan({x})",
    "sinh": "_sinh({x})",
    "cosh": "_cosh({x})",
    "asinh": "_asinh({x})",
    "acosh": "_acosh({x})",
    "atanh": "_atanh({x})",
}

_DOUBLE: Mapping[str, str] = {
    "exp": "_exp_64({x})",
    "exp2": "tl.exp2({x})",
    "relu": "tl.where({x} < 0, 0.0, {x})",
    "round": "_rint_64({x})",
    "expm1": "_expm1_64({x})",
    "ln": "tl.log({x})",
    "log2": "tl.log2({x})",
    "log10": "tl.log({x}) * 0.4342944819032518",
    "log1p": "_log1p_64({x})",
    "sqrt": "tl.sqrt({x})",
    "rsqrt": "1.0 / tl.sqrt({x})",
    "rec": "1.0 / {x}",
    "sigmoid": "_sigmoid_64({x})",
    "tanh": "_tanh_64({x})",
    "tan": "tl.sin({x}) / tl.cos({x})",
    "asin": "_asin_64({x})",
    "acos": "_acos_64({x})",
    "atan": "_atan_64({x})",
    "sinh": "_sinh_64({x})",
    "cosh": "_cosh_64({x})",
    "asinh": "_asinh_64({x})",
    "acosh": "_acosh_64({x})",
    "atanh": "_atanh_64({x})",
}

_INTEGER: Mapping[str, str] = {
    "neg": "-{x}",
    "abs": "tl.abs({x})",
    "square": "tl.mul({x}, {x}, sanitize_overflow=False)",
    "sign": "({x} > 0).to(tl.int32) - ({x} < 0).to(tl.int32)",
    "relu": "tl.where({x} < 0, 0, {x})",
    "not": "~{x}",
    "floor": "{x}",
    "ceil": "{x}",
    "round": "{x}",
    "trunc": "{x}",
}


def unary(op: str, x: str, dtype: str, dst: str) -> str:
    """``op(x)`` for ``x`` of ``dtype``, as ``dst``."""
    if op == "not" and dtype == "bool":
        return f"{group(x)} == 0"
    if op in ("isnan", "isinf", "isfinite"):
        return _classify(op, widen(x, dtype), dtype)
    if dtype not in FLOATS:
        if op not in _INTEGER:
            raise UnsupportedError(f"vunary_op {op!r} on {dtype} tiles; cast to float32 first")
        if op == "not" and dtype == "uint8":  # the interpreter's ~ is for signed integers
            return _typed(f"{group(x)} ^ 255", dtype, dst)
        return _typed(_INTEGER[op].format(x=group(x)), dtype, dst, exact=op == "not")
    wide, inner = compute_dtype(dtype), group(widen(x, dtype))
    if op in _BOTH:
        text = _BOTH[op].format(x=inner)
    elif op in (table := _SINGLE if wide == "float32" else _DOUBLE):
        text = table[op].format(x=inner)
    else:
        raise UnsupportedError(f"vunary_op {op!r} on {dtype} tiles has no Triton form")
    return convert(text, wide, dst)


def _classify(op: str, x: str, dtype: str) -> str:
    if dtype not in FLOATS:
        raise UnsupportedError(f"vunary_op {op!r} needs a float tile, not {dtype}")
    if op == "isnan":
        return f"{group(x)} != {group(x)}"
    sign = "==" if op == "isinf" else "<"
    return f'tl.abs({x}) {sign} float("inf")'


def _typed(text: str, dtype: str, dst: str, exact: bool = False) -> str:
    """Integer arithmetic of Triton may have grown; bring it back to ``dst``."""
    return text if exact and dtype == dst else f"{group(text)}.to({triton_dtype(dst)})"


_LOGADDEXP = {"float32": "_logaddexp", "float64": "_logaddexp_64"}

SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}

# ---- binary -----------------------------------------------------------------------------------


def _float_binary(op: str, a: str, b: str, wide: str) -> str:
    if op in ("add", "sub", "mul"):
        return f"{a} {SIGNS[op]} {b}"
    if op == "div":
        return f"_divide({a}, {b})" if wide == "float32" else f"{a} / {b}"
    if op in ("max", "min"):
        return f"_{op}({a}, {b})"
    if op in ("atan2", "pow") and wide == "float32":
        return f"_{op}({a}, {b})"
    deep = [t if wide == "float64" else f"{t}.to(tl.float64)" for t in (a, b)]
    if op == "logaddexp":
        return f"{_LOGADDEXP[wide]}({a}, {b})"
    functions = {"pow": "_pow_64", "mod": "_mod_64", "fmod": "_fmod_64", "atan2": "_atan2_64"}
    if op in functions:
        return convert(f"{functions[op]}({', '.join(deep)})", "float64", wide)
    if op == "floordiv":
        return convert(f"_floor_divide_64({', '.join(deep)})", "float64", wide)
    if op == "copysign":
        bits = "int32" if wide == "float32" else "int64"
        return f"tl.where({b}.to(tl.{bits}, bitcast=True) < 0, -tl.abs({a}), tl.abs({a}))"
    raise UnsupportedError(f"vbinary_op {op!r} on float tiles has no Triton form")


def _integer_binary(op: str, a: str, b: str, dtype: str) -> str:
    wraps = {"add": "tl.add", "sub": "tl.sub", "mul": "tl.mul"}
    if op in wraps:
        if dtype == "int64":
            return f"{a} {SIGNS[op]} {b}"
        # Arithmetic wraps around, as in torch; the interpreter would call it an error.
        return f"{wraps[op]}({a}, {b}, sanitize_overflow=False)"
    if op in ("max", "min"):
        return f"tl.{op}imum({a}, {b})"
    signs = {"and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>", "fmod": "%", "div": "//"}
    if op in signs:
        return f"{a} {signs[op]} {b}"
    functions = {"mod": "_modulo", "floordiv": "_floor_divide", "pow": "_integer_power"}
    if op in functions:
        return f"{functions[op]}({a}, {b})"
    raise UnsupportedError(f"vbinary_op {op!r} on {dtype} tiles; cast to float32 first")


def binary(op: str, a: str, b: str, dtype: str, dst: str) -> str:
    """``op(a, b)`` for operands of ``dtype``, as ``dst``."""
    if dtype in FLOATS:
        wide = compute_dtype(dtype)
        a, b = group(widen(a, dtype)), group(widen(b, dtype))
        return convert(_float_binary(op, a, b, wide), wide, dst)
    a, b = group(a), group(b)
    if dtype == "bool":
        signs = {"and": "&", "or": "|", "xor": "^", "max": "|", "min": "&", "add": "|", "mul": "&"}
        if op not in signs:
            raise UnsupportedError(f"vbinary_op {op!r} on bool tiles; cast to int32 first")
        return convert(f"{a} {signs[op]} {b}", "bool", dst)
    text = _integer_binary(op, a, b, dtype)
    return _typed(text, dtype, dst, exact=dtype in ("int32", "int64"))


# ---- tile and scalar --------------------------------------------------------------------------

_SCALAR: Mapping[str, tuple[str, bool]] = {  # op -> (binary op, factor first)
    "adds": ("add", False),
    "subs": ("sub", False),
    "muls": ("mul", False),
    "divs": ("div", False),
    "maxs": ("max", False),
    "mins": ("min", False),
    "rsubs": ("sub", True),
    "rdivs": ("div", True),
    "pows": ("pow", False),
}


def scalar_number(op: str, x: str, factor: float, dtype: str, dst: str) -> str:
    """``op(x, factor)`` with a constant factor. Small whole powers are products."""
    base, reverse = _SCALAR[op]
    if dtype in FLOATS:
        wide = compute_dtype(dtype)
        text = _float_scalar(base, group(widen(x, dtype)), float(factor), reverse, wide)
        return convert(text, wide, dst)
    if float(factor) != int(factor):
        raise UnsupportedError(f"vectorscalar_op {op!r} with {factor} on {dtype} tiles; cast first")
    like = f"tl.full((), {int(factor)}, {triton_dtype(dtype)})"
    return binary(base, *((like, x) if reverse else (x, like)), dtype, dst)


def _float_scalar(base: str, x: str, factor: float, reverse: bool, wide: str) -> str:
    c = number(factor)
    a, b = (c, x) if reverse else (x, c)
    if base == "div" and wide == "float32":
        return _constant_division(x, factor, reverse)
    if base in SIGNS:
        return f"{a} {SIGNS[base]} {b}"
    if base in ("max", "min"):
        if math.isnan(factor):
            return f"{x} * {c}"
        if wide == "float32":
            return f"_{base}({x}, {c})"
        return f"tl.where({x} {'<' if base == 'max' else '>'} {c}, {c}, {x})"  # NaN stays
    power = _constant_power(x, factor, wide)
    if power is not None:
        return power
    function = "_pow_64" if wide == "float64" else "_pow"
    return f"{function}({x}, tl.full({x}.shape, {c}, tl.float64))"


def _constant_division(x: str, factor: float, reverse: bool) -> str:
    """``x / factor`` or ``factor / x`` in float32, rounded to nearest."""
    if reverse:
        return f"_reciprocal({x})" if factor == 1 else f"_divide({number(factor)}, {x})"
    with np.errstate(all="ignore"):
        divisor = np.float32(factor)
        inverse = np.float32(1) / divisor
    normal = np.finfo(np.float32).tiny
    if not (normal <= abs(divisor) < np.inf and normal <= abs(inverse)):
        return f"tl.div_rn({x}, {number(factor)})"
    if math.frexp(divisor)[0] in (0.5, -0.5):  # a power of two
        return f"{x} * {number(float(inverse))}"
    value = x if divisor > 0 else f"-{x}"
    return f"_divide_by({value}, {abs(float(divisor))!r}, {abs(float(inverse))!r})"


def scalar_tile(op: str, x: str, factor: str, dtype: str, dst: str) -> str:
    """``op(x, factor)`` with a one-element tile of the same dtype as ``x``."""
    base, reverse = _SCALAR[op]
    return binary(base, *((factor, x) if reverse else (x, factor)), dtype, dst)


def _constant_power(x: str, power: float, wide: str) -> str | None:
    """Powers of whole and half exponents as products, roots and one reciprocal; None for others."""
    table = _SINGLE if wide == "float32" else _DOUBLE
    root = table["sqrt"].format(x=x)
    if power == -0.5:
        return table["rsqrt"].format(x=x)
    if power in (0.25, 0.75):
        fourth = table["sqrt"].format(x=root)
        return fourth if power == 0.25 else f"{root} * {fourth}"
    whole = int(abs(power)) if abs(power) <= MOST_FACTORS else 0
    if abs(power) - whole not in (0.0, 0.5) or power == 0:
        return None
    factors = [_product(x, whole)] * (whole > 0) + [root] * (abs(power) != whole)
    text = " * ".join(map(group, factors)) if len(factors) > 1 else factors[0]
    return table["rec"].format(x=group(text)) if power < 0 else text


MOST_FACTORS = 8


def _product(x: str, count: int) -> str:
    """``x`` to a whole power, by squares of squares."""
    if count <= 3:
        return " * ".join([x] * count)
    half = group(_product(x, count // 2))
    return f"{half} * {half}" + (f" * {x}" if count % 2 else "")


# ---- comparison and reduction -----------------------------------------------------------------

COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def compare(op: str, a: str, b: str, dtype: str) -> str:
    return f"{group(widen(a, dtype))} {COMPARISONS[op]} {group(widen(b, dtype))}"


def least(dtype: str, largest: bool = False) -> str:
    """The smallest (or largest) value of a dtype, as source."""
    if dtype in FLOATS:
        return 'float("inf")' if largest else 'float("-inf")'
    if dtype == "bool":
        return "1" if largest else "0"
    bits = int(dtype.removeprefix("u").removeprefix("int"))
    if dtype.startswith("u"):
        return str((1 << bits) - 1 if largest else 0)
    return str((1 << (bits - 1)) - 1 if largest else -(1 << (bits - 1)))


Masked = Callable[[str, str], str]  # (values, identity as source) -> values with padding replaced


def reduce(op: str, x: str, dtype: str, dst: str, axis: int, lane: str, masked: Masked) -> str:
    """``x`` reduced along ``axis``. ``lane`` is the index along the axis, shaped like ``x``;
    ``masked`` replaces the elements that do not count."""
    if op in ("any", "all"):
        neutral, fold = ("0", "max") if op == "any" else ("1", "min")
        truth = x if dtype == "bool" else convert(x, dtype, "bool")
        bits = masked(f"{group(truth)}.to(tl.int32)", neutral)
        return convert(f"tl.{fold}({bits}, axis={axis}) != 0", "bool", dst)
    if op in ("sum", "prod"):
        wide = _accumulator(dtype, dst)
        neutral = "0" if op == "sum" else "1"
        values = masked(convert(x, dtype, wide), neutral + ".0" * (wide in FLOATS))
        if op == "sum":
            return convert(f"tl.sum({values}, axis={axis})", wide, dst)
        return convert(f"tl.reduce({values}, {axis}, _multiply)", wide, dst)
    kind = "max" if op.endswith("max") else "min"
    wide = compute_dtype(dtype) if dtype in FLOATS else ("int64" if dtype == "int64" else "int32")
    values = masked(convert(x, dtype, wide), least(wide, largest=kind == "min"))
    best = _extreme(kind, values, wide, axis)
    if op == kind:
        return convert(best, wide, dst)
    return _arg_extreme(values, best, wide, dst, axis, lane)


def scan(op: str, x: str, dtype: str, dst: str, axis: int, reverse: bool, masked: Masked) -> str:
    """The running ``op`` of ``x`` along ``axis``, from the end when ``reverse``."""
    back = ", reverse=True" if reverse else ""
    if op in ("sum", "prod"):
        wide = _accumulator(dtype, dst)
        neutral = ("0" if op == "sum" else "1") + ".0" * (wide in FLOATS)
        values = masked(convert(x, dtype, wide), neutral)
        return convert(f"tl.cum{op}({values}, axis={axis}{back})", wide, dst)
    wide = compute_dtype(dtype) if dtype in FLOATS else ("int64" if dtype == "int64" else "int32")
    if op == "logaddexp" and dst == "float64":
        wide = "float64"
    values = masked(convert(x, dtype, wide), least(wide, largest=op == "min"))
    if op == "logaddexp":
        combine = _LOGADDEXP[wide]
    else:
        combine = f"_{op}" if wide in FLOATS else f"_{op}_integer"
    return convert(f"_scan{combine}({values}, {axis}, {reverse})", wide, dst)


def _accumulator(dtype: str, dst: str) -> str:
    if dtype in FLOATS:
        return "float64" if "float64" in (dtype, dst) else "float32"
    return "int64" if "int64" in (dtype, dst) else "int32"


def _extreme(kind: str, values: str, wide: str, axis: int) -> str:
    if wide in FLOATS:
        return f"_reduce_{kind}({values}, {axis})"
    return f"tl.{kind}({values}, axis={axis})"


def _arg_extreme(values: str, best: str, wide: str, dst: str, axis: int, lane: str) -> str:
    """The first place of the extreme; a NaN counts as the extreme, as in torch."""
    spread = f"tl.expand_dims({best}, {axis})"
    hit = f"({values} == {spread})"
    if wide in FLOATS:
        hit = f"({hit} | ({values} != {values}))"
    text = f"tl.min(tl.where({hit}, {lane}, 2147483647), axis={axis})"
    return convert(text, "int32", dst)
