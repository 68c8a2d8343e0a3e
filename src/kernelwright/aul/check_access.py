"""Rules that need addresses: bounds, cores that write the same element, outputs left unwritten.

They are decided at the values that the program is checked at, over all cores and loop turns where
these are few enough, and otherwise over the first and last ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from kernelwright.aul import syntax as s
from kernelwright.aul.accesses import Access, Walk, walk
from kernelwright.aul.diagnostics import Findings
from kernelwright.aul.expressions import evaluate
from kernelwright.aul.regions import MAX_PAINTED, meeting_cores, paint_written
from kernelwright.aul.sizes import core_count, extents

Shape = tuple[int, ...]


class AccessChecker:
    """Checks every launch of a program without errors at the values ``env``."""

    def __init__(self, program: s.Program, env: Mapping[str, int], out: Findings) -> None:
        self.program, self.out = program, out
        self.env = dict(env)
        self.buffers: dict[str, Shape] = {}
        self.written: dict[str, np.ndarray | None] = {}  # None: not decided
        self.walks: dict[tuple[str, int], Walk] = {}

    def run(self) -> None:
        outputs = [p for p in self.program.host.params if p.output]
        for param in self.program.host.params:
            if param.shape is not None:
                self.buffers[param.name] = self.shape(param.shape)
        for param in outputs:
            size = prod(self.buffers.get(param.name, ()))
            known = param.name in self.buffers and size <= MAX_PAINTED
            self.written[param.name] = np.zeros(size, bool) if known else None
        for statement in self.program.host.body:
            if isinstance(statement, s.Workspace):
                self.buffers[statement.name] = self.shape(statement.shape)
            elif isinstance(statement, s.CoreNum):
                self.env[statement.name] = evaluate(statement.value, self.env)
            elif isinstance(statement, s.FrameworkCall):
                for name in statement.dst:
                    self.written[name] = None
            else:
                self.launch(statement)
        self.coverage(outputs)

    def shape(self, exprs: tuple[s.IntExpr, ...]) -> Shape:
        return extents(exprs, self.env)

    def launch(self, x: s.Launch) -> None:
        cores = core_count(x.cores, self.env)
        kernel = self.program.kernel(x.kernel)
        declared = {d.name: self.env[d.name] for d in self.program.declarations}
        self.teams(kernel, declared, cores, x)
        found = self.walks.get((x.kernel, cores))
        if found is None:
            found = self.walks[(x.kernel, cores)] = walk(kernel, declared, cores)
        for loop in found.negative_loops:
            self.out.warning(
                f"the loop over {loop.var} has a negative number of iterations on some core; "
                f"it runs 0 times there",
                loop.loc,
            )
        for param, arg in zip(kernel.params, x.args):
            shape = self.shape(param.shape) if param.shape is not None else self.buffers.get(arg)
            if shape is None:
                self.written[arg] = None
                continue
            self.view(param, arg, shape, x)
            accesses = [a for a in found.accesses if a.place.name == param.name]
            for access in accesses:
                self.bounds(access, param, shape)
            stores = [a for a in accesses if a.store]
            if stores:
                self.disjoint(stores, param, shape, found.sampled, x)
            if param.output:
                self.paint(stores, param, arg, shape, found.sampled)
        self.valid(found, kernel)

    def teams(self, kernel: s.Kernel, env: Mapping[str, int], cores: int, x: s.Launch) -> None:
        barrier = s.team_barrier(kernel)
        if barrier is None:
            return
        size = evaluate(barrier.size, env)
        if size < 1 or cores % size:
            self.out.error(f"{cores} cores of {x.kernel} are no whole teams of {size}", x.loc)

    def strides(self, param: s.Param, shape: Shape) -> Shape:
        if param.strides is not None:
            return tuple(evaluate(e, self.env) for e in param.strides)
        return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))

    def view(self, param: s.Param, arg: str, shape: Shape, x: s.Launch) -> None:
        """Whether the parameter's view lies inside the buffer, and its elements are distinct."""
        buffer = self.buffers.get(arg)
        strides = self.strides(param, shape)
        if buffer is None or prod(shape) == 0:
            return
        ends = [(n - 1) * t for n, t in zip(shape, strides)]
        offset = evaluate(param.offset, self.env)
        low = offset + sum(e for e in ends if e < 0)
        high = offset + sum(e for e in ends if e > 0)
        if low < 0 or high >= prod(buffer):
            self.out.error(
                f"{param.name} of {x.kernel} reaches elements {low} to {high} of {arg}, which has "
                f"{prod(buffer)}",
                param.loc,
            )
        anywhere = any(
            isinstance(c, s.Copy) and c.dst.name == param.name and c.index is not None
            for c in s.statements(self.program.kernel(x.kernel).body)
        )
        if param.output and not anywhere and any(t == 0 and n > 1 for n, t in zip(shape, strides)):
            self.out.error(
                f"{param.name} is written but repeats elements (a stride of 0)", param.loc
            )

    def bounds(self, access: Access, param: s.Param, shape: Shape) -> None:
        if access.lower.shape[1] != len(shape) or not len(access.core):
            return
        guarded = access.copy.clip if access.store else access.copy.pad is not None
        limit = np.array(shape, np.int64)
        bad = ((access.lower < 0) | (access.upper > limit)).any(1)
        if guarded or not bad.any():
            return
        at = int(np.argmax(bad))
        spans = ", ".join(f"{a}:{b}" for a, b in zip(access.lower[at], access.upper[at]))
        remedy = "clip=True" if access.store else "pad=value"
        self.out.error(
            f"{param.name}[{spans}] on core {access.core[at]} is outside its shape {shape}; "
            f"give {remedy} if that is meant",
            access.place.loc,
        )

    def disjoint(
        self, stores: list[Access], param: s.Param, shape: Shape, sampled: bool, x: s.Launch
    ) -> None:
        if any(a.lower.shape[1] != len(shape) for a in stores):
            return
        if all(a.copy.atomic for a in stores):
            return
        core = np.concatenate([a.core for a in stores])
        lower = np.concatenate([a.lower for a in stores])
        upper = np.concatenate([a.upper for a in stores])
        same = [d for d, t in enumerate(self.strides(param, shape)) if t == 0]
        lower[:, same], upper[:, same] = 0, 1
        answer = meeting_cores(core, lower, upper, shape)
        loc = stores[0].place.loc
        if isinstance(answer, tuple):
            self.out.error(
                f"cores {answer[0]} and {answer[1]} of {x.kernel} write the same element of "
                f"{param.name}",
                loc,
            )
        elif answer == "unknown" or sampled:
            self.out.warning(
                f"it was not decided whether the cores of {x.kernel} write different elements of "
                f"{param.name}",
                loc,
            )

    def paint(
        self, stores: list[Access], param: s.Param, arg: str, shape: Shape, sampled: bool
    ) -> None:
        written = self.written.get(arg)
        if written is None:
            return
        if sampled or self.out.errors:
            self.written[arg] = None
            return
        strides, offset = self.strides(param, shape), evaluate(param.offset, self.env)
        if any(t < 0 for t in strides):
            self.written[arg] = None
            return
        for a in stores:
            if a.copy.index is not None:  # nobody knows where
                continue
            if not paint_written(written, a.lower, a.upper, shape, strides, offset):
                self.written[arg] = None
                return

    def coverage(self, outputs: list[s.Param]) -> None:
        for param in outputs:
            written = self.written.get(param.name)
            if written is not None and not written.all() and not self.out.errors:
                missing = int((~written).sum())
                first = np.unravel_index(int(np.argmin(written)), self.buffers[param.name])
                self.out.error(
                    f"{missing} of {written.size} elements of output {param.name} are never "
                    f"written, the first at index {tuple(int(i) for i in first)}",
                    param.loc,
                )

    def valid(self, found: Walk, kernel: s.Kernel) -> None:
        tiles = {x.name: x for x in s.statements(kernel.body) if isinstance(x, s.Tile)}
        for reduction in found.reductions:
            op = reduction.op
            shape = self.shape(tiles[op.srcs[0].name].shape)
            extent = shape[op.attr("axis")]
            bad = (reduction.valid < 0) | (reduction.valid > extent)
            if bad.any():
                value = int(reduction.valid[int(np.argmax(bad))])
                self.out.error(
                    f"valid={value} on an axis of extent {extent}; it must lie in 0..{extent}",
                    op.loc,
                )
