"""Small tensors between kernels are kept as wide as they are computed.

What one kernel leaves for the next is rounded to the tensor's dtype on the way through memory. For
a half type that costs more accuracy than the rest of the kernel; where the tensor is small, keeping
it in float32 costs nothing.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from math import prod

from kernelwright.aul import evaluate, resolve
from kernelwright.aul import syntax as aul
from kernelwright.compiler.design import Design

HALVES = ("float16", "bfloat16")
WIDE = "float32"
MOST_ELEMENTS = 1 << 16  # 256 KiB: near the cores all the same


def with_wide_stores(design: Design) -> Design:
    """``design`` with its small workspaces of half types in float32, those that kernels alone use
    and only to convert from float32 and back."""
    program = design.program
    found = {w.name: w for w in _small(program)}
    uses = {name: _uses(program, name) for name in found}
    chosen = {n: u for n, u in uses.items() if u is not None}
    while True:  # a tile may be stored to several of them
        kept = {n: u for n, u in chosen.items() if _convertible(program, u, _all(chosen))}
        if len(kept) == len(chosen):
            break
        chosen = kept
    if not chosen:
        return design
    params = _all(chosen)
    kernels = tuple(_widened(k, params.get(k.name, frozenset())) for k in program.kernels)
    body = tuple(
        dataclasses.replace(s, dtype=WIDE) if isinstance(s, aul.Workspace) and s.name in chosen
        else s for s in program.host.body
    )  # fmt: skip
    host = dataclasses.replace(program.host, body=body)
    changed = dataclasses.replace(program, kernels=kernels, host=host)
    return dataclasses.replace(design, program=changed)


def _small(program: aul.Program) -> Iterator[aul.Workspace]:
    env = resolve(program)
    for s in program.host.body:
        if not isinstance(s, aul.Workspace) or s.dtype not in HALVES:
            continue
        if prod(int(evaluate(e, env)) for e in s.shape) <= MOST_ELEMENTS:
            yield s


_Params = Mapping[str, frozenset[str]]  # of each kernel, by name


def _uses(program: aul.Program, workspace: str) -> _Params | None:
    """The parameters that stand for a workspace; None where something else than kernels uses it, or
    a kernel is launched on other tensors as well."""
    launches = Counter(s.kernel for s in program.host.body if isinstance(s, aul.Launch))
    found: dict[str, frozenset[str]] = {}
    for s in program.host.body:
        if isinstance(s, aul.FrameworkCall) and workspace in (*s.dst, *s.src):
            return None
        if isinstance(s, aul.Launch) and workspace in s.args:
            if launches[s.kernel] > 1:
                return None
            params = program.kernel(s.kernel).params
            found[s.kernel] = frozenset(p.name for p, a in zip(params, s.args) if a == workspace)
    return found


def _all(chosen: Mapping[str, _Params]) -> _Params:
    found: dict[str, frozenset[str]] = {}
    for params in chosen.values():
        for kernel, names in params.items():
            found[kernel] = found.get(kernel, frozenset()) | names
    return found


def _convertible(program: aul.Program, mine: _Params, every: _Params) -> bool:
    """Whether the tiles that meet these parameters can be wide, when all of ``every`` are."""
    for name, params in mine.items():
        kernel = program.kernel(name)
        tiles = {s.name: s for s in aul.statements(kernel.body) if isinstance(s, aul.Tile)}
        declared = Counter(s.name for s in aul.statements(kernel.body) if isinstance(s, aul.Tile))
        for tile in _met(kernel, params):
            plain = declared[tile] == 1 and tiles[tile].value is None
            if not plain or not _only_converted(kernel, tile, tiles, every[name]):
                return False
    return True


def _met(kernel: aul.Kernel, params: Collection[str]) -> set[str]:
    """The tiles that are copied to or from the parameters."""
    copies = [s for s in aul.statements(kernel.body) if isinstance(s, aul.Copy)]
    return {c.src.name for c in copies if c.dst.name in params} | {
        c.dst.name for c in copies if c.src.name in params
    }


def _only_converted(
    kernel: aul.Kernel, tile: str, tiles: Mapping[str, aul.Tile], params: Collection[str]
) -> bool:
    for s in aul.statements(kernel.body):
        if isinstance(s, aul.Copy):
            sides = (s.dst.name, s.src.name)
            other = sides[0] if sides[1] == tile else sides[1]
            if tile in sides and (other not in params or s.update or s.atomic):
                return False
            if s.index is not None and s.index.name == tile:
                return False
        elif isinstance(s, aul.VectorOp):
            ends = [s.dst.name, *(p.name for p in s.srcs)]
            given = [v.name for _, v in s.attrs if isinstance(v, aul.Place)]
            if tile in given:
                return False
            if tile in ends:
                wide = all(tiles[n].dtype == WIDE for n in ends if n != tile)
                if s.family != "vcast_op" or not wide:
                    return False
    return True


def _widened(kernel: aul.Kernel, params: Collection[str]) -> aul.Kernel:
    if not params:
        return kernel
    met = _met(kernel, params)

    def changed(body: tuple[aul.Statement, ...]) -> tuple[aul.Statement, ...]:
        return tuple(map(one, body))

    def one(s: aul.Statement) -> aul.Statement:
        if isinstance(s, aul.Tile) and s.name in met:
            return dataclasses.replace(s, dtype=WIDE)
        if isinstance(s, aul.Loop):
            return dataclasses.replace(s, body=changed(s.body))
        if isinstance(s, aul.Guard):
            return dataclasses.replace(s, body=changed(s.body), orelse=changed(s.orelse))
        return s

    return dataclasses.replace(
        kernel,
        params=tuple(
            dataclasses.replace(p, dtype=WIDE) if p.name in params else p for p in kernel.params
        ),
        body=changed(kernel.body),
    )
