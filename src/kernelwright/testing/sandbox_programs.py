"""What jobs do apart from breaking out: use up resources, leave things behind, or work honestly.

More probes of the sandbox suite; see ``testing.sandbox_probes``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# ---- resources and ends --------------------------------------------------------------------------


def allocate(nbytes: int) -> dict[str, Any]:
    return {"n": len(bytearray(nbytes))}


def write_large(nbytes: int) -> dict[str, Any]:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("large", "wb") as file:
        file.truncate(nbytes)
    return {}


def spin() -> dict[str, Any]:
    while True:
        pass


def sleep(seconds: float) -> dict[str, Any]:
    time.sleep(seconds)
    return {}


def fork_bomb(most: int) -> dict[str, Any]:
    """Starts processes that start processes. How many one loop could start."""
    started = 0
    with contextlib.suppress(OSError):
        while started < most:
            pid = os.fork()
            if pid == 0:
                _breed(most)
            started += 1
    return {"started": started}


def _breed(most: int) -> None:
    for _ in range(most):
        with contextlib.suppress(OSError):
            os.fork()
        time.sleep(0.01)
    time.sleep(600)
    os._exit(0)


def leave(mark: str) -> dict[str, Any]:
    """Leaves processes behind that are hard to end: a daemon in a session of its own, whose parent
    is gone; one that ignores signals; one that puts itself into a new process group."""
    script = (
        "import os, signal, sys, time\n"
        "for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):\n"
        "    signal.signal(s, signal.SIG_IGN)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-S", "-c", script, mark]
    subprocess.Popen(command)
    subprocess.Popen(command, process_group=0)
    middle = os.fork()
    if middle == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, command)
        os._exit(0)
    os.waitpid(middle, 0)
    return {}


# ---- honest programs -----------------------------------------------------------------------------


def honest_python() -> dict[str, Any]:
    """Threads, subprocesses, pools, pipes, mapped memory that runs: what libraries do."""
    import mmap

    import numpy as np

    results: list[int] = []
    threads = [threading.Thread(target=results.append, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    echoed = subprocess.run(["cat"], input=b"through a pipe", capture_output=True, check=True)
    child = subprocess.Popen(["sleep", "60"])
    child.send_signal(0)
    pages = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    pages[:1] = b"\xc3"
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1)
    product = float((np.ones((64, 64)) @ np.ones((64, 64))).sum())
    with contextlib.suppress(PermissionError):  # where a job may not signal even its children
        child.kill()
    return {
        "threads": sorted(results),
        "echo": echoed.stdout.decode(),
        "callback": callback(1),
        "product": product,
    }


def honest_cpp(compiler: str) -> dict[str, Any]:
    """Compiles a library with OpenMP, loads it and runs it over two threads."""
    source = (
        '#include <omp.h>\nextern "C" int sum(int n) { int s = 0;\n'
        "#pragma omp parallel for num_threads(2) reduction(+ : s)\n"
        "for (int i = 0; i < n; ++i) s += i;\nreturn s; }\n"
    )
    Path("sum.cpp").write_text(source)
    command = [compiler, "-O1", "-fopenmp", "-shared", "-fPIC", "sum.cpp", "-o", "./sum.so"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"failed": done.stderr}
    return {"sum": ctypes.CDLL("./sum.so").sum(1000)}


def honest_torch() -> dict[str, Any]:
    import torch

    torch.set_num_threads(2)
    x = torch.ones(300, 300)
    return {"sum": float((x @ x).sum())}


_TRITON = """
import torch, triton, triton.language as tl
@triton.jit
def double(x, y, n, size: tl.constexpr):
    at = tl.program_id(0) * size + tl.arange(0, size)
    tl.store(y + at, 2 * tl.load(x + at, mask=at < n), mask=at < n)
def run():
    x = torch.arange(1000, device="cuda", dtype=torch.float32)
    y = torch.empty_like(x)
    double[(8,)](x, y, 1000, size=128)
    return float(y.sum())
"""


def honest_cuda() -> dict[str, Any]:
    """A product, a stream, a graph and pinned memory on the first GPU, and a Triton kernel."""
    import importlib.util

    import torch

    x = torch.ones(512, 512, device="cuda")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        product = x @ x
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        doubled = product * 2
    graph.replay()
    pinned = doubled.cpu().pin_memory()
    found = {"sum": float(pinned.sum()), "triton": None}
    if importlib.util.find_spec("triton") is not None:
        Path("kernel.py").write_text(_TRITON)
        spec = importlib.util.spec_from_file_location("kernel", "kernel.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found["triton"] = module.run()
    return found


PROGRAMS: tuple[Callable[..., dict[str, Any]], ...] = (
    *(allocate, write_large, spin, sleep, fork_bomb, leave),
    *(honest_python, honest_cpp, honest_torch, honest_cuda),
)
