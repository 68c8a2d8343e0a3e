"""Rules of vector and matrix operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelwright.aul import syntax as s
from kernelwright.aul.check_copy import unknown_op
from kernelwright.aul.check_names import check_expr
from kernelwright.aul.dtypes import DTYPES
from kernelwright.aul.rules import OPS_OF_FAMILY, SIGNATURES, dtype_problem

if TYPE_CHECKING:
    from kernelwright.aul.check_kernel import KernelChecker, Scope

_BROADCASTING = ("vunary_op", "vbinary_op", "vectorscalar_op", "vcompare_op", "vselect_op",
                 "vcast_op")  # fmt: skip


def check_vector(checker: KernelChecker, x: s.VectorOp, scope: Scope) -> None:
    """Op, operands, memory, dtypes, shapes and attributes of one operation; marks ``dst`` written
    in ``scope``."""
    out = checker.out
    if x.family not in SIGNATURES:
        out.error(f"there is no vector operation U.{x.family}", x.loc)
        return
    known = OPS_OF_FAMILY.get(x.family)
    if known is not None and x.op not in known:
        out.error(unknown_op(x.op, known, x.family), x.loc)
        return
    operands, _ = SIGNATURES[x.family]
    if len(x.srcs) != len(operands):
        out.error(f"U.{x.family} takes {len(operands)} sources, not {len(x.srcs)}", x.loc)
        return
    srcs = [checker.operand(place, scope, read=True) for place in x.srcs]
    reads_dst = x.family == "matmul_op" and bool(x.attr("accumulate"))
    dst = checker.operand(x.dst, scope, read=reads_dst)
    if dst is not None:
        scope.written.add(dst.name)
    tiles = [tile for tile in srcs if tile is not None]
    if dst is None or len(tiles) != len(srcs):
        return
    _memory(checker, x, dst, tiles)
    if all(tile.dtype in DTYPES for tile in (dst, *tiles)):
        problem = dtype_problem(x, dst.dtype, tuple(tile.dtype for tile in tiles))
        if problem:
            out.error(f"U.{x.family}{f' {x.op}' if x.op else ''}: {problem}", x.loc)
    _shapes(checker, x, dst, tiles, scope)


def _memory(checker: KernelChecker, x: s.VectorOp, dst: s.Tile, srcs: list[s.Tile]) -> None:
    if x.family == "matmul_op":
        for tile in srcs:
            if tile.memory != "CubeBuf":
                checker.out.error(
                    f"matmul_op reads CubeBuf, but {tile.name} is in {tile.memory}", x.loc
                )
        return
    for tile in (dst, *srcs):
        if tile.memory != "VecBuf":
            checker.out.error(
                f"U.{x.family} works on VecBuf, but {tile.name} is in {tile.memory}", x.loc
            )


def _shapes(
    checker: KernelChecker, x: s.VectorOp, dst: s.Tile, srcs: list[s.Tile], scope: Scope
) -> None:
    if x.family in _BROADCASTING:
        shapes = [list(tile.shape) for tile in srcs]
        common = checker.broadcast(shapes, scope, x.loc)
        if common is not None:
            what = f"{dst.name} and the result"
            checker.same_shape(dst.shape, common, scope, what, x.loc)
        if x.family == "vectorscalar_op":
            _factor(checker, x, dst, scope)
    elif x.family == "vreduce_op":
        _reduce(checker, x, dst, srcs[0], scope)
    elif x.family == "vscan_op":
        _scan(checker, x, dst, srcs[0], scope)
    elif x.family == "vbroadcast_op":
        common = checker.broadcast([srcs[0].shape, dst.shape], scope, x.loc)
        if common is not None:
            checker.same_shape(dst.shape, common, scope, f"{dst.name} and the result", x.loc)
    elif x.family == "vtranspose_op":
        _transpose(checker, x, dst, srcs[0], scope)
    elif x.family == "matmul_op":
        _matmul(checker, x, dst, srcs, scope)
    elif x.family == "vfill_op":
        checker.number(x.attr("value"), dst.dtype, x.loc)
    elif x.family == "viota_op":
        check_expr(x.attr("start", s.Int(0)), scope.integers, checker.out)
        _axis(checker, x, len(dst.shape))


def _factor(checker: KernelChecker, x: s.VectorOp, dst: s.Tile, scope: Scope) -> None:
    factor = x.attr("factor")
    if factor is None:
        checker.out.error("vectorscalar_op needs factor=", x.loc)
    elif isinstance(factor, s.Place):
        tile = checker.operand(factor, scope, read=True)
        if tile is None:
            return
        if not all(checker.is_one(dim) for dim in tile.shape):
            shown = checker.show(tile.shape)
            checker.out.error(
                f"factor {tile.name} must hold one element, but has shape {shown}", factor.loc
            )
        if tile.dtype != dst.dtype:
            checker.out.error(
                f"factor {tile.name} is {tile.dtype}, but dst is {dst.dtype}", factor.loc
            )
    elif isinstance(factor, int | float):
        checker.number(factor, dst.dtype, x.loc)
    else:
        check_expr(factor, scope.integers, checker.out)


def _axis(checker: KernelChecker, x: s.VectorOp, rank: int) -> int | None:
    axis = x.attr("axis")
    if not isinstance(axis, int) or not 0 <= axis < rank:
        checker.out.error(f"axis {axis} is outside a tile of {rank} dimensions", x.loc)
        return None
    return axis


def _reduce(checker: KernelChecker, x: s.VectorOp, dst: s.Tile, src: s.Tile, scope: Scope) -> None:
    axis = _axis(checker, x, len(src.shape))
    if x.attr("valid") is not None:
        check_expr(x.attr("valid"), scope.integers, checker.out)
    if axis is not None:
        wanted = list(src.shape)
        wanted[axis] = s.Int(1)
        what = f"{dst.name} and the result (the reduced axis stays with extent 1)"
        checker.same_shape(dst.shape, wanted, scope, what, x.loc)


def _scan(checker: KernelChecker, x: s.VectorOp, dst: s.Tile, src: s.Tile, scope: Scope) -> None:
    _axis(checker, x, len(src.shape))
    if x.attr("valid") is not None:
        check_expr(x.attr("valid"), scope.integers, checker.out)
    checker.same_shape(dst.shape, list(src.shape), scope, f"{dst.name} and the result", x.loc)


def _transpose(
    checker: KernelChecker, x: s.VectorOp, dst: s.Tile, src: s.Tile, scope: Scope
) -> None:
    axes = x.attr("axes")
    if axes is None or sorted(axes) != list(range(len(src.shape))):
        checker.out.error(
            f"axes={axes} is no permutation of the {len(src.shape)} dimensions of {src.name}", x.loc
        )
        return
    wanted = [src.shape[axis] for axis in axes]
    checker.same_shape(dst.shape, wanted, scope, f"{dst.name} and the result", x.loc)


def _matmul(
    checker: KernelChecker, x: s.VectorOp, dst: s.Tile, srcs: list[s.Tile], scope: Scope
) -> None:
    left, right = srcs
    if not len(left.shape) == len(right.shape) == len(dst.shape) == 2:
        checker.out.error("matmul_op needs tiles of 2 dimensions", x.loc)
        return
    if checker.equal(left.shape[1], right.shape[0], scope) != "yes":
        shown = f"{checker.show(left.shape)} @ {checker.show(right.shape)}"
        checker.out.error(f"the inner extents of matmul_op differ: {shown}", x.loc)
        return
    wanted = [left.shape[0], right.shape[1]]
    checker.same_shape(dst.shape, wanted, scope, f"{dst.name} and the product", x.loc)
