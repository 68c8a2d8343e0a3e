"""What a run will need, begun before it asks: importing torch takes a child longer than all that
this process does meanwhile."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from kernelwright.errors import UsageError
from kernelwright.frameworks._preloads import reference_preloads
from kernelwright.sandbox.fork_server import Kind, serve_each
from kernelwright.task.resolve import guess_framework, read_source

# What this process imports itself on the way from a reference to its report.
PACKAGES = (
    "egglog",
    "kernelwright.compiler.loops.lower",
    "jinja2",
    "pygments.formatters",
    "pygments.lexers",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
)
PRINTERS = {
    "cpp": ("kernelwright.compiler.codegen.cpp",),
    "mlir": ("kernelwright.compiler.codegen.mlir", "mlir.ir", "llvmlite.binding"),
    "triton": ("kernelwright.compiler.codegen.triton",),
}


def begin_reference(path: Path, framework: str) -> None:
    """Begins to start the server that the reference's process will be forked from. What is wrong
    with the file, or with the server, is said by who needs it."""
    with contextlib.suppress(UsageError):
        name = guess_framework(read_source(path)) if framework == "auto" else framework
        in_background(serve_each, [Kind(None, reference_preloads(name), ())])


class Ahead:
    """A thread that imports packages into this process and then starts fork servers, one after the
    other."""

    def __init__(self, packages: Sequence[str], kinds: Sequence[Kind]) -> None:
        self._packages, self._kinds = packages, kinds
        self._imported = threading.Event()
        in_background(self._work)

    def _work(self) -> None:
        try:
            for name in self._packages:
                with contextlib.suppress(ImportError):  # said by who needs it
                    importlib.import_module(name)
        finally:
            self._imported.set()
        serve_each(self._kinds)

    def wait_for_packages(self) -> None:
        """Two threads that import the same packages could each see the other's half done."""
        self._imported.wait()


def in_background(work: Callable[..., object], *arguments: object) -> threading.Thread:
    """Calls ``work`` in a thread that ends with this process, however far it is."""
    thread = threading.Thread(target=work, args=arguments, daemon=True, name="kernelwright-ahead")
    thread.start()
    return thread
