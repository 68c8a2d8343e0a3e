"""C++ to a shared library, and object files to one, with the machine's compiler."""

from __future__ import annotations

import functools
import importlib.util
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kernelwright.compiler.stages.build_cache import cached
from kernelwright.errors import CompileError, MissingDependencyError

# Not -ffast-math: it would let the compiler drop NaN and infinity, which kernels must keep.
# -fwrapv: integer arithmetic wraps. -Wno-psabi: no remarks on passing wide vectors.
FLAGS = (
    "-std=c++17",
    "-O3",
    "-march=native",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fwrapv",
    "-fopenmp",
    "-Wno-psabi",
    "-shared",
    "-fPIC",
)
TIMEOUT_S = 300


def find_cxx(preferred: str | None = None) -> str:
    """The path of a C++ compiler: ``preferred`` if given, else c++, g++ or clang++ on PATH.

    Raises MissingDependencyError when there is none.
    """
    for name in (preferred,) if preferred else ("c++", "g++", "clang++"):
        path = shutil.which(name or "")
        if path:
            return path
    raise MissingToolError("a C++ compiler", preferred or "c++, g++ or clang++")


class MissingToolError(MissingDependencyError):
    """A program (not a Python package) is absent."""

    def __init__(self, what: str, names: str) -> None:
        Exception.__init__(
            self,
            f"{what} is needed and none was found ({names}). Install one: "
            "apt install g++ (Debian), or, to link only, pip install ziglang.",
        )
        self.package, self.extra = names, ""


@functools.lru_cache(maxsize=8)
def version(compiler: str) -> str:
    """What ``compiler --version`` says first; part of cache keys."""
    text = _run([*shlex.split(compiler), "--version"], "asking the compiler for its version")
    return text.splitlines()[0] if text else compiler


def compile_shared(source: str, cxx: str | None = None, folder: Path | None = None) -> bytes:
    """The shared library of one C++ source text; from the cache when it was built before.

    ``folder`` is the cache. Raises CompileError with the compiler's words, MissingDependencyError
    when no compiler is there.
    """
    compiler = find_cxx(cxx)

    def build() -> bytes:
        with tempfile.TemporaryDirectory(prefix="kernelwright-") as name:
            path = Path(name) / "kernel.cpp"
            path.write_text(source, encoding="utf-8")
            output = Path(name) / "libkernel.so"
            _run([compiler, *FLAGS, str(path), "-o", str(output)], "compiling kernel.cpp")
            return output.read_bytes()

    return cached((source, " ".join(FLAGS), compiler, version(compiler)), ".so", build, folder)


def linker() -> list[str]:
    """The command that links: cc, gcc, clang or c++ on PATH, else Zig's from pip."""
    for name in ("cc", "gcc", "clang", "c++", "g++"):
        if path := shutil.which(name):
            return [path]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise MissingToolError("a linker", "cc, gcc, clang or the package ziglang")


def link_shared(
    objects: Sequence[bytes], command: Sequence[str] | None = None, suffix: str = ".o"
) -> bytes:
    """One shared library of position-independent objects (assembly with suffix ".s"), against
    libgomp and libm."""
    command = list(command or linker())
    with tempfile.TemporaryDirectory(prefix="kernelwright-") as name:
        folder = Path(name)
        paths = []
        for number, data in enumerate(objects):
            paths.append(folder / f"part{number}{suffix}")
            paths[-1].write_bytes(data)
        output = folder / "libkernel.so"
        # Zig has no libgomp: kernel.py loads one before the kernel
        openmp = [] if "ziglang" in command else ["-lgomp"]
        arguments = ["-shared", "-o", str(output), *map(str, paths), *openmp, "-lm"]
        _run([*command, *arguments], "linking libkernel.so")
        return output.read_bytes()


def _run(command: list[str], doing: str) -> str:
    shown = shlex.join(command)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CompileError(f"{doing} took more than {TIMEOUT_S} s", shown) from error
    except OSError as error:
        raise CompileError(f"{doing}: the tool does not start: {error}", shown) from error
    if done.returncode != 0:
        raise CompileError(f"{doing} failed", shown, done.stderr[-8000:])
    return done.stdout
