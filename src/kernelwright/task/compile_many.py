"""Many info files compiled by several processes at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import Any

from kernelwright.errors import CompileError, KernelwrightError, UsageError
from kernelwright.task.compile import CompileResult, compile_file

WORTH = 6  # fewer files are compiled before processes have started
MOST = 16
_Answer = CompileResult | tuple[str, str]


class CompilePool:
    """A context manager. ``result(path)`` waits for a file's result and raises what compiling it
    raised; a file whose process dies (a tool that crashes) is tried once more alone, and then
    raises CompileError, so that it takes no other file along. ``jobs``: path -> the keywords of
    ``compile_file``."""

    def __init__(self, jobs: Mapping[Path, Mapping[str, Any]]) -> None:
        self._jobs = {path: dict(options) for path, options in jobs.items()}
        self._pool = _pool(min(len(jobs), os.cpu_count() or 1, MOST))
        self._futures: dict[Path, Future[_Answer]] = {}

    def __enter__(self) -> CompilePool:
        for path, options in self._jobs.items():
            self._futures[path] = self._pool.submit(_compiled, path, options)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def result(self, path: Path) -> CompileResult:
        try:
            answer = self._futures[path].result()
        except BrokenProcessPool:
            answer = self._alone(path)
        if isinstance(answer, CompileResult):
            return answer
        kind, text = answer
        raise UsageError(text) if kind == "usage" else KernelwrightError(text)

    def _alone(self, path: Path) -> _Answer:
        """In a process of its own: the pool is lost with whichever of its processes died."""
        with _pool(1) as pool:
            try:
                return pool.submit(_compiled, path, self._jobs[path]).result()
            except BrokenProcessPool as error:
                said = "the process that compiled it died; the last stage is in no file"
                raise CompileError(f"{path}: {said}", "kernelwright compile") from error


def worth_a_pool(paths: Sequence[Path]) -> bool:
    """Whether several processes are sooner done with these files than one."""
    return len(paths) >= WORTH and (os.cpu_count() or 1) > 1


def _pool(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")  # threads and LLVM do not survive a fork
    return ProcessPoolExecutor(workers, context, initializer=_quiet)


def _quiet() -> None:
    """An interrupt is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _compiled(path: Path, options: Mapping[str, Any]) -> _Answer:
    """In the process: what came of it. Errors go back as text, since not all can be pickled."""
    try:
        return compile_file(path, **options)
    except KernelwrightError as error:
        usage = error.exit_code == 2
        return ("usage" if usage else "machine"), str(error)
