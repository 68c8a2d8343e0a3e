"""Launches that share a parallel region: no barrier stands between them, and threads wake once.

Every thread takes the same share of the cores in each launch of as many cores, and takes launches
in their order. So a launch may join the region of those before it when each of them touches other
memory, or when only cores of equal number meet (``schedule.dependence``). Without islpy memory is
told apart by whole buffers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property

from kernelwright.aul.syntax import Program
from kernelwright.compiler.codegen._host import Call, HostPlan, Segment
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule.dependence import Dependences, LaunchTouches, launch_touches
from kernelwright.errors import MissingDependencyError

MOST = 16  # launches of a region: every further one is held against all of them


def joined(plan: HostPlan, design: Design, env: Mapping[str, int]) -> HostPlan:
    """``plan`` with the calls marked that need no barrier before them. ``env`` gives every declared
    name its value; sizes that the caller chooses are left alone."""
    if plan.numbers:
        return plan
    judge = _Judge(design.program, env)
    steps = [
        dataclasses.replace(s, calls=tuple(judge.marked(s.calls))) if isinstance(s, Segment) else s
        for s in plan.steps
    ]
    return dataclasses.replace(plan, steps=tuple(steps))


def regions(calls: Sequence[Call]) -> list[list[Call]]:
    """The calls in groups, each of which one parallel region runs."""
    groups: list[list[Call]] = []
    for call in calls:
        if call.joined and groups:
            groups[-1].append(call)
        else:
            groups.append([call])
    return groups


def apart(first: Call, second: Call) -> bool:
    """Whether no buffer that one writes is touched by the other."""
    return not (_written(first) & set(second.args) or _written(second) & set(first.args))


def _written(call: Call) -> set[str]:
    return {a for a, m in zip(call.args, call.function.memories) if m.kind == "output"}


class _Judge:
    def __init__(self, program: Program, env: Mapping[str, int]) -> None:
        self.program, self.env = program, env
        self.touches: dict[int, LaunchTouches] = {}

    @cached_property
    def dependences(self) -> Dependences | None:
        """None without islpy."""
        try:
            return Dependences()
        except MissingDependencyError:
            return None

    def marked(self, calls: Sequence[Call]) -> list[Call]:
        region: list[Call] = []
        out: list[Call] = []
        for call in calls:
            fits = bool(region) and len(region) < MOST and call.parallel and region[-1].parallel
            joins = fits and all(self.may_follow(before, call) for before in region)
            made = dataclasses.replace(call, joined=joins)
            region = [*region, made] if joins else [made]
            out.append(made)
        return out

    def may_follow(self, first: Call, second: Call) -> bool:
        """Whether ``second`` may begin on a thread while another is still at ``first``."""
        if apart(first, second):
            return True
        if self.dependences is None or first.launch is None or second.launch is None:
            return False
        a, b = self.touched(first), self.touched(second)
        if first.cores == second.cores:
            return self.dependences.aligned(a, b)
        return self.dependences.independent(a, b)

    def touched(self, call: Call) -> LaunchTouches:
        assert call.launch is not None
        if id(call.launch) not in self.touches:
            self.touches[id(call.launch)] = launch_touches(
                self.program, call.launch, self.env, call.cores
            )
        return self.touches[id(call.launch)]
