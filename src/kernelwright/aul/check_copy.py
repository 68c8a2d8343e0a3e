"""Rules of U.data_copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelwright.aul import syntax as s
from kernelwright.aul.check_names import check_expr, nearest
from kernelwright.aul.dtypes import canonical_dtype

if TYPE_CHECKING:
    from kernelwright.aul.check_kernel import KernelChecker, Scope


def check_copy(checker: KernelChecker, x: s.Copy, scope: Scope) -> None:
    """Sides, slices, shapes and dtypes of one copy; marks a written tile in ``scope``."""
    out = checker.out
    from_global, to_global = x.src.name in checker.params, x.dst.name in checker.params
    if from_global and to_global:
        out.error("data_copy goes between global memory and a tile, not within global memory",
                  x.loc)  # fmt: skip
        return
    if x.pad is not None and not from_global:
        out.error("pad= belongs to a copy from global memory", x.loc)
    if x.clip and not to_global:
        out.error("clip=True belongs to a copy to global memory", x.loc)
    if x.index is not None and not (x.clip if to_global else from_global and x.pad is not None):
        out.error(
            "index= belongs to a copy from global memory, with pad=, or to it, with clip=True",
            x.loc,
        )
        return
    if not _update(checker, x, to_global, scope):
        return
    src = None if from_global else checker.operand(x.src, scope, read=True)
    dst = None if to_global else checker.operand(x.dst, scope, read=False)
    if from_global and dst is not None:
        _global_side(checker, x, x.src, dst, scope)
    elif to_global and src is not None:
        param = checker.params[x.dst.name]
        if not param.output:
            out.error(
                f"{param.name} is an input and cannot be written; declare it as U.OutPtr",
                x.dst.loc,
            )
        _global_side(checker, x, x.dst, src, scope)
    elif src is not None and dst is not None:
        _between_tiles(checker, x, src, dst, scope)
    if dst is not None:
        scope.written.add(dst.name)


def _update(checker: KernelChecker, x: s.Copy, to_global: bool, scope: Scope) -> bool:
    """The rules of ``update`` and ``atomic``; False where one is broken."""
    out, before = checker.out, checker.out.errors
    if x.update and x.update not in s.UPDATE_OPS:
        out.error(unknown_op(x.update, s.UPDATE_OPS, "update="), x.loc)
    if (x.update or x.atomic) and not (to_global and x.index is not None):
        out.error("update= and atomic= belong to an indirect store", x.loc)
    tile = scope.tiles.get(x.src.name)
    if tile is not None and x.update and tile.dtype == "bool":
        out.error(f"tile {tile.name} is bool; update= takes numbers", x.loc)
    if x.atomic and not x.update:
        out.error("atomic=True needs update=: which of two stores comes last is not decided", x.loc)
    return out.errors == before


def _global_side(
    checker: KernelChecker, x: s.Copy, place: s.Place, tile: s.Tile, scope: Scope
) -> None:
    out, param = checker.out, checker.params[place.name]
    if x.pad is not None:
        checker.number(x.pad, tile.dtype, x.loc)
    if param.dtype is not None and canonical_dtype(param.dtype) != canonical_dtype(tile.dtype):
        out.error(
            f"{param.name} is {param.dtype} but tile {tile.name} is {tile.dtype}; copy to a tile "
            f"of the same dtype and convert with U.vcast_op",
            place.loc,
        )
    if place.index is None:
        if param.shape is None:
            out.error(
                f"say which part of {param.name} is copied: {param.name}[a:b, ...]", place.loc
            )
            return
        extents: list[s.IntExpr] = list(param.shape)
    else:
        if param.shape is not None and len(place.index) != len(param.shape):
            out.error(
                f"{param.name} has {len(param.shape)} dimensions, but {len(place.index)} indices "
                f"are given",
                place.loc,
            )
            return
        extents = []
        before = out.errors
        for index in place.index:
            bounds = (index.lower, index.upper) if isinstance(index, s.Slice) else (index,)
            for bound in bounds:
                check_expr(bound, scope.integers, out)
            if isinstance(index, s.Slice):
                extents.append(s.Binary("-", index.upper, index.lower))
        if out.errors > before:  # a name without a meaning: its extent says nothing
            return
    what = f"tile {tile.name} and the slice of {param.name}"
    if x.index is not None:
        _indexed(checker, x, place, tile, extents, scope)
        return
    checker.same_shape(tile.shape, extents, scope, what, place.loc)


def _indexed(
    checker: KernelChecker,
    x: s.Copy,
    place: s.Place,
    tile: s.Tile,
    extents: list[s.IntExpr],
    scope: Scope,
) -> None:
    """The index tile of an indirect load or store: integers that broadcast, along a dimension
    that the slice drops."""
    assert x.index is not None
    index = checker.operand(x.index, scope, read=True)
    if index is None:
        return
    if index.dtype not in ("int8", "uint8", "int16", "int32", "int64"):
        checker.out.error(f"the index {index.name} is {index.dtype}, no integer", x.index.loc)
    dims = place.index or ()
    if not 0 <= x.axis < len(dims) or isinstance(dims[x.axis], s.Slice):
        checker.out.error(f"axis={x.axis} must be a dimension that the slice drops", x.loc)
        return
    common = checker.broadcast([extents, index.shape], scope, x.loc)
    if common is not None:
        wanted = checker.broadcast([common, tile.shape], scope, x.loc)
        if wanted is not None:
            what = f"tile {tile.name} and what is moved"
            checker.same_shape(tile.shape, wanted, scope, what, place.loc)


def _between_tiles(
    checker: KernelChecker, x: s.Copy, src: s.Tile, dst: s.Tile, scope: Scope
) -> None:
    out = checker.out
    if src.dtype != dst.dtype:
        out.error(
            f"tile {src.name} is {src.dtype} but {dst.name} is {dst.dtype}; use U.vcast_op", x.loc
        )
    total_src, total_dst = _count(src), _count(dst)
    if checker.equal(total_src, total_dst, scope) != "yes":
        what = f"tiles {dst.name} and {src.name}"
        checker.same_shape(dst.shape, src.shape, scope, what, x.loc)


def _count(tile: s.Tile) -> s.IntExpr:
    total: s.IntExpr = s.Int(1)
    for dim in tile.shape:
        total = s.Binary("*", total, dim)
    return total


def unknown_op(name: str, known: tuple[str, ...], family: str) -> str:
    """The message for an operation that a family does not have."""
    return f"{family} has no op {name!r}{nearest(name, known)}; it has: {', '.join(known)}"
