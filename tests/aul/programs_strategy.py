"""Random canonical AUL programs. They are well formed as text, not always meaningful."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from kernelwright.aul import syntax as s
from kernelwright.aul.dtypes import DTYPES
from kernelwright.aul.rules import OPS_OF_FAMILY

LOCALS = ("i", "j", "start", "row")
DECLARED = ("M", "N", "BLOCK")
TILES = ("t0", "t1", "acc")
PARAMS = ("x", "y", "out")

dtypes = st.sampled_from(sorted(DTYPES))
memories = st.sampled_from(["VecBuf", "CubeBuf"])
small = st.integers(-9, 2**40)


def integers(names: tuple[str, ...], core: bool) -> st.SearchStrategy[s.IntExpr]:
    leaves: list[st.SearchStrategy[s.IntExpr]] = [
        small.map(s.Int),
        st.sampled_from(names).map(s.Name),
    ]
    if core:
        leaves.append(st.just(s.CoreIdx()))

    def grow(inner: st.SearchStrategy[s.IntExpr]) -> st.SearchStrategy[s.IntExpr]:
        two = st.tuples(inner, inner)
        return st.one_of(
            st.builds(s.Binary, st.sampled_from(["+", "-", "*", "//", "%"]), inner, inner),
            st.builds(s.Call, st.sampled_from(["min", "max", "cdiv"]), two),
            st.builds(s.Call, st.just("next_pow2"), st.tuples(inner)),
        )

    return st.recursive(st.one_of(leaves), grow, max_leaves=6)


declared = integers(DECLARED, False)
local = integers((*DECLARED, *LOCALS), True)
positive = st.one_of(st.integers(0, 999).map(s.Int), st.sampled_from(DECLARED).map(s.Name))
shapes = st.lists(positive, max_size=3).map(tuple)
numbers: st.SearchStrategy[Any] = st.one_of(
    st.integers(-99, 2**40),
    st.floats(allow_nan=False),
    st.booleans(),
    st.just(math.nan),
)
floats: st.SearchStrategy[Any] = st.one_of(st.floats(allow_nan=False), st.just(math.nan))


def indexed(name: st.SearchStrategy[str]) -> st.SearchStrategy[s.Place]:
    part = st.one_of(local, st.builds(s.Slice, local, local))
    return st.builds(s.Place, name, st.lists(part, min_size=1, max_size=3).map(tuple))


tile = st.sampled_from(TILES).map(s.Place)
tensor = indexed(st.sampled_from(PARAMS))


def op(family: str, sources: int, **attrs: st.SearchStrategy[Any]) -> st.SearchStrategy[s.VectorOp]:
    known = OPS_OF_FAMILY.get(family)
    fixed = st.fixed_dictionaries({}, optional=attrs) if family == "vreduce_op" else None
    chosen = fixed if fixed is not None else st.fixed_dictionaries(attrs)

    def build(o: str, dst: s.Place, srcs: tuple[s.Place, ...], a: dict[str, Any]) -> s.VectorOp:
        return s.VectorOp(family, o, dst, srcs, tuple(sorted(a.items())))

    return st.builds(
        build,
        st.sampled_from(known) if known else st.just(""),
        tile,
        st.tuples(*[tile] * sources),
        chosen,
    )


def _reduction(base: s.VectorOp, axis: int) -> s.VectorOp:
    kept = {**dict(base.attrs), "axis": axis}
    return s.VectorOp(base.family, base.op, base.dst, base.srcs, tuple(sorted(kept.items())))


factors = st.one_of(
    st.integers(-99, 2**40),
    st.floats(allow_nan=False),
    local.filter(lambda e: not isinstance(e, s.Int)),
    tile,
)
vector_ops = st.one_of(
    op("vunary_op", 1),
    op("vbinary_op", 2),
    op("vectorscalar_op", 1, factor=factors),
    op("vcompare_op", 2),
    op("vselect_op", 3),
    st.builds(_reduction, op("vreduce_op", 1, valid=local), st.integers(0, 1)),
    op("vcast_op", 1),
    op("viota_op", 0, axis=st.integers(0, 1), start=local),
    op("vfill_op", 0, value=numbers),
    op("vbroadcast_op", 1),
    op("vtranspose_op", 1, axes=st.permutations([0, 1, 2]).map(tuple)),
    op("matmul_op", 2),
    op("matmul_op", 2, accumulate=st.just(True)),
)
copies = st.one_of(
    st.builds(s.Copy, tile, tensor, st.none() | floats, st.booleans()),
    st.builds(s.Copy, tensor, tile, st.none() | floats, st.booleans()),
)
leaves = st.one_of(vector_ops, copies, st.builds(s.Assign, st.sampled_from(LOCALS), local))
comparisons = st.builds(
    s.Compare, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), local, local
)


def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    body = st.lists(inner, max_size=3).map(tuple)
    conditions = st.lists(comparisons, min_size=1, max_size=2).map(tuple)
    return st.one_of(
        st.builds(s.Loop, st.sampled_from(LOCALS), local, body),
        st.builds(s.Guard, conditions, body, body),
    )


bodies = st.lists(st.recursive(leaves, nest, max_leaves=6), max_size=5)


@st.composite
def params(draw: st.DrawFn, name: str, views: bool, output: bool) -> s.Param:
    if draw(st.booleans()) and not output:
        return s.Param(name, None, None, None, s.Int(0), False)
    shape = draw(st.none() | shapes)
    strides = draw(st.none() | st.tuples(*[declared] * len(shape))) if views and shape else None
    offset = draw(declared) if views and shape is not None else s.Int(0)
    return s.Param(name, draw(dtypes), shape, strides, offset, output)


@st.composite
def kernels(draw: st.DrawFn, name: str) -> s.Kernel:
    tiles = [
        s.Tile(t, draw(shapes), draw(dtypes), draw(memories), draw(st.none() | numbers))
        for t in TILES
    ]
    body = (*tiles, *draw(bodies))
    written = {x.dst.name for x in s.statements(body) if isinstance(x, s.Copy)}
    listed = []
    for p in PARAMS:
        param = draw(params(p, True, draw(st.booleans())))
        if p in written and param.dtype is None:
            param = s.Param(p, output=True)  # what is written without a type is an output
        listed.append(param)
    return s.Kernel(name, tuple(listed), body)


@st.composite
def programs(draw: st.DrawFn) -> s.Program:
    declarations: list[s.Declaration] = [s.Size("M", draw(st.integers(0, 999)))]
    const = draw(integers(("M",), False))
    declarations.append(s.Const("N", const))
    choices = tuple(draw(st.lists(st.integers(1, 4096), min_size=1, max_size=3)))
    declarations.append(s.Tunable("BLOCK", choices[0], choices))
    doc = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
    listed = tuple(draw(kernels(f"kernel{i}")) for i in range(draw(st.integers(0, 2))))
    if listed and draw(st.integers(0, 4)) == 0:
        return s.Program(tuple(declarations), listed, s.Host("", (), ()), doc)
    host_params = tuple(draw(params(p, False, draw(st.booleans()))) for p in PARAMS)
    body: list[s.HostStatement] = [
        s.Workspace("work", draw(shapes.filter(bool)), draw(dtypes)),
        s.CoreNum("core_num", draw(declared)),
    ]
    for kernel in listed:
        cores = draw(st.one_of(st.just(s.Name("core_num")), declared))
        body.append(s.Launch(kernel.name, cores, ("x", "work", "out")))
    attrs = draw(st.sampled_from(["{}", '{"dim": 1}', '{"a": "it\'s"}']))
    body.append(s.FrameworkCall("aten.mm.default", ("work",), ("x", "y"), attrs))
    written = {
        a
        for x in body
        if isinstance(x, s.Launch)
        for a, p in zip(x.args, next(k for k in listed if k.name == x.kernel).params)
        if p.output
    }
    host_params = tuple(
        s.Param(p.name, output=True) if p.name in written and p.dtype is None else p
        for p in host_params
    )
    return s.Program(tuple(declarations), listed, s.Host("host", host_params, tuple(body)), doc)
