"""Candidates printed and compiled side by side, in processes of their own."""

from __future__ import annotations

import dataclasses
import queue
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

from kernelwright.compiler.design import Design
from kernelwright.compiler.design_file import design_to_dict
from kernelwright.errors import CompileError, KernelwrightError, SandboxError
from kernelwright.sandbox.process import Child, ChildDied, ChildTimeout, Limits, start
from kernelwright.schema import Candidate, TaskSpec
from kernelwright.task.build_worker import candidate_of

_PRELOAD = ("kernelwright.agents.coder", "kernelwright.compiler.design_file")
_REFUSALS = (
    *("CompileError", "UnsupportedError", "MissingDependencyError", "UsageError"),
    "AULError",  # a setting that the design does not hold for
)
MOST_PROCESSES = 16


class Builds:
    """At most ``processes`` build processes, started at need. A context manager; usable from one
    thread. ``timeout_s`` bounds one build."""

    def __init__(self, spec: TaskSpec, *, processes: int, timeout_s: float = 300.0) -> None:
        self._spec, self._timeout_s = spec, timeout_s
        self._most = max(1, min(processes, MOST_PROCESSES))
        self._idle: queue.SimpleQueue[_Builder] = queue.SimpleQueue()
        self._all: list[_Builder] = []

    def __enter__(self) -> Builds:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every process, also those that build."""
        for builder in self._all:
            builder.close()
        self._all.clear()
        self._idle = queue.SimpleQueue()

    def code_all(
        self, design: Design, impl_type: str, points: Sequence[Mapping[str, int]]
    ) -> list[Candidate | CompileError]:
        """A candidate for each assignment of the design's tunables, in order; a CompileError where
        a printer or compiler refuses. Raises SandboxError when no process can be had."""
        while len(self._all) < min(self._most, len(points)):
            builder = _Builder(self._spec, self._timeout_s)
            self._all.append(builder)
            self._idle.put(builder)

        def one(point: Mapping[str, int]) -> Candidate | CompileError:
            builder = self._idle.get()
            try:
                return builder.code(design, impl_type, point)
            finally:
                self._idle.put(builder)

        pool = ThreadPoolExecutor(max(1, len(self._all)))
        try:
            return [job.result() for job in [pool.submit(one, point) for point in points]]
        finally:  # an interrupt does not wait for compilers: ``close`` ends them
            pool.shutdown(wait=False, cancel_futures=True)


class _Builder:
    """One process, started anew after it has died or been too slow."""

    def __init__(self, spec: TaskSpec, timeout_s: float) -> None:
        self._spec, self._timeout_s = spec, timeout_s
        self._child: Child | None = None
        self._knows: dict[int, Design] = {}
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._child is not None:
            self._child.close()
            self._child = None

    def code(
        self, design: Design, impl_type: str, point: Mapping[str, int]
    ) -> Candidate | CompileError:
        try:
            name = self._learn(design)
            header = {"op": "code", "name": name, "impl_type": impl_type, "parameters": {**point}}
            reply = self._request(header, [])
        except ChildTimeout:
            self._child = None
            return CompileError(f"building {impl_type} took more than {self._timeout_s:g} s")
        except ChildDied as error:
            self._child = None
            return CompileError(f"the process that builds {impl_type} died: {error}")
        except _Refused as error:
            return CompileError(str(error))
        return candidate_of(reply.header, reply.arrays)

    def _learn(self, design: Design) -> str:
        if self._child is None:
            if self._closed:
                raise SandboxError("the build processes have been closed")
            self._child = start(
                "kernelwright.task.build_worker:main",
                isolated=False,
                limits=Limits(wall_s=None, cpu_s=None, memory_bytes=None, file_bytes=None),
                preload=_PRELOAD,
            )
            self._knows = {}
        name = str(id(design))
        if id(design) not in self._knows:
            data, arrays = design_to_dict(design)
            spec = dataclasses.asdict(self._spec)
            header = {"op": "learn", "name": name, "spec": spec, "design": data}
            self._request({**header, "arrays": list(arrays)}, list(arrays.values()))
            self._knows[id(design)] = design  # kept, so that its id stays its own
        return name

    def _request(self, header: Mapping[str, Any], arrays: Sequence[Any]) -> Any:
        assert self._child is not None
        reply = self._child.request(header, arrays, timeout_s=self._timeout_s)
        if reply.header.get("ok") is True:
            return reply
        kind, message = reply.header.get("type"), str(reply.header.get("message"))
        if kind in _REFUSALS:
            raise _Refused(message)
        raise KernelwrightError(f"a build failed: {kind}: {message}\n{reply.header['traceback']}")


class _Refused(KernelwrightError):
    """A printer or compiler does not take the design with these parameters."""
