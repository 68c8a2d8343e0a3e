"""Which dtypes each vector operation takes, and the dtype it gives."""

from __future__ import annotations

import math

import numpy as np

from kernelwright.aul.dtypes import DTYPES, FLOATS, INTEGERS, is_float, is_integer
from kernelwright.aul.syntax import (
    BINARY_OPS,
    COMPARE_OPS,
    REDUCE_OPS,
    SCALAR_OPS,
    SCAN_OPS,
    UNARY_OPS,
    VectorOp,
)

OPS_OF_FAMILY: dict[str, tuple[str, ...]] = {
    "vunary_op": tuple(UNARY_OPS),
    "vbinary_op": tuple(BINARY_OPS),
    "vectorscalar_op": tuple(SCALAR_OPS),
    "vcompare_op": tuple(COMPARE_OPS),
    "vreduce_op": tuple(REDUCE_OPS),
    "vscan_op": tuple(SCAN_OPS),
}

# family -> (operands in the order of VectorOp.srcs, attributes in canonical order)
SIGNATURES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "vunary_op": (("src",), ()),
    "vbinary_op": (("src1", "src2"), ()),
    "vectorscalar_op": (("src",), ("factor",)),
    "vcompare_op": (("src1", "src2"), ()),
    "vselect_op": (("condition", "src1", "src2"), ()),
    "vreduce_op": (("src",), ("axis", "valid")),
    "vscan_op": (("src",), ("axis", "reverse", "valid")),
    "vcast_op": (("src",), ()),
    "viota_op": ((), ("axis", "start")),
    "vfill_op": ((), ("value",)),
    "vbroadcast_op": (("src",), ()),
    "vtranspose_op": (("src",), ("axes",)),
    "matmul_op": (("src1", "src2"), ("accumulate",)),
}

_ANY_NUMBER = ("neg", "abs", "relu", "sign", "square")
_BOOL_RESULT = ("isnan", "isinf", "isfinite")
_BITS = ("and", "or", "xor")
_FLOAT_BINARY = ("atan2", "copysign", "logaddexp")


def number_problem(value: float | int, dtype: str) -> str | None:
    """Why ``dtype`` has no such number, or None. Floats round and may overflow to infinity."""
    if is_float(dtype) or dtype not in DTYPES:
        return None
    if not math.isfinite(value) or value != int(value):
        return f"{dtype} has no {value}"
    info = np.iinfo(DTYPES[dtype]) if dtype != "bool" else None
    low, high = (int(info.min), int(info.max)) if info is not None else (0, 1)
    return None if low <= value <= high else f"{value} is outside {dtype}"


def dtype_problem(op: VectorOp, dst: str, srcs: tuple[str, ...]) -> str | None:
    """Why these dtypes do not go together in ``op``, or None when they do."""
    match op.family:
        case "vunary_op":
            return _unary(op.op, dst, srcs[0])
        case "vbinary_op":
            return _binary(op.op, dst, srcs)
        case "vectorscalar_op":
            if dst != srcs[0]:
                return _same(dst, srcs)
            return "bool tiles have no arithmetic; cast first" if dst == "bool" else None
        case "vcompare_op":
            if dst != "bool":
                return f"a comparison gives bool, but dst is {dst}"
            return _same(srcs[0], srcs[1:], "src1")
        case "vselect_op":
            if srcs[0] != "bool":
                return f"condition must be bool, but is {srcs[0]}"
            return _same(dst, srcs[1:])
        case "vreduce_op":
            return _reduce(op.op, dst, srcs[0])
        case "vscan_op":
            return _scan(op.op, dst, srcs[0])
        case "viota_op":
            return "viota_op cannot fill a bool tile" if dst == "bool" else None
        case "vbroadcast_op" | "vtranspose_op":
            return _same(dst, srcs)
        case "matmul_op":
            return _matmul(dst, srcs)
    return None


def _same(dst: str, srcs: tuple[str, ...], name: str = "dst") -> str | None:
    for src in srcs:
        if src != dst:
            return f"{name} is {dst} but an operand is {src}; convert it with U.vcast_op"
    return None


def _unary(op: str, dst: str, src: str) -> str | None:
    if op in _BOOL_RESULT:
        if not is_float(src):
            return f"{op} needs a float tile, but src is {src}"
        return None if dst == "bool" else f"{op} gives bool, but dst is {dst}"
    if dst != src:
        return _same(dst, (src,))
    if op == "not":
        return None if not is_float(src) else f"'not' needs a bool or integer tile, not {src}"
    if op in _ANY_NUMBER:
        return f"{op} has no meaning for bool; cast first" if src == "bool" else None
    return None if is_float(src) else f"{op} needs a float tile, but src is {src}"


def _binary(op: str, dst: str, srcs: tuple[str, ...]) -> str | None:
    problem = _same(dst, srcs)
    if problem:
        return problem
    if op in _BITS:
        return f"{op!r} needs bool or integer tiles, not {dst}" if is_float(dst) else None
    if op in ("shl", "shr"):
        return None if is_integer(dst) else f"{op} needs integer tiles, not {dst}"
    if op in _FLOAT_BINARY:
        return None if is_float(dst) else f"{op} needs float tiles, not {dst}"
    if dst == "bool" and op not in ("max", "min"):
        return f"bool tiles have no {op!r}; use 'and', 'or', 'xor', or cast first"
    return None


def _reduce(op: str, dst: str, src: str) -> str | None:
    if op in ("any", "all"):
        if src != "bool" or dst != "bool":
            return f"{op} goes from bool to bool, not from {src} to {dst}"
        return None
    if op in ("argmax", "argmin"):
        return None if dst in ("int32", "int64") else f"{op} gives int32 or int64, not {dst}"
    if op in ("max", "min"):
        return _same(dst, (src,))
    if src == "bool":
        return f"{op} has no meaning for bool; cast first"
    order = FLOATS if is_float(src) else INTEGERS
    wider = dst in order and (dst == src or _bits(dst) > _bits(src))
    return None if wider else f"{op} of {src} accumulates in {src} or a wider one, not {dst}"


def _scan(op: str, dst: str, src: str) -> str | None:
    if op == "logaddexp" and not is_float(src):
        return f"logaddexp needs a float tile, but src is {src}"
    return _reduce("sum" if op == "logaddexp" else op, dst, src)


def _bits(dtype: str) -> int:
    return int("".join(filter(str.isdigit, dtype)) or 8)


def _matmul(dst: str, srcs: tuple[str, ...]) -> str | None:
    if srcs[0] != srcs[1]:
        return _same(srcs[0], srcs[1:], "src1")
    if "bool" in (dst, srcs[0]):
        return "matmul has no meaning for bool"
    if is_float(dst) != is_float(srcs[0]) or _bits(dst) < _bits(srcs[0]):
        return f"a product of {srcs[0]} gives {srcs[0]} or a wider one, not {dst}"
    return None
