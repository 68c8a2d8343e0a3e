"""Peaks of the devices here: measured once each, kept in ``state_dir/peaks``."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.backends import BACKENDS, DeviceInfo
from kernelwright.backends import cpu as cpu_backend
from kernelwright.config import Config
from kernelwright.devices import device_lock
from kernelwright.errors import CompileError, KernelwrightError
from kernelwright.verify.roofline.bound import Peaks

VERSION = 1  # raised when the way of measuring changes; older files are measured again
_SOURCE = Path(__file__).with_name("stream.c")
_MEMORY_BYTES = 256 << 20


class PeaksError(KernelwrightError):
    """The peaks of a device could not be measured."""


def peaks(device: DeviceInfo, config: Config, *, again: bool = False) -> Peaks:
    """The stored peaks of ``device`` for ``config.threads``, measured now if there are none (a few
    seconds) or when ``again``. A rate never falls by measuring again: what the device reached once
    it can reach. Raises PeaksError, DeviceBusy."""
    path = path_of(device, config)
    if not again and (found := _load(path)) is not None:
        return found
    with device_lock(device.backend, device.index, config.state_dir):
        if not again and (found := _load(path)) is not None:  # by who held the lock before
            return found
        found = _measure(device, config)
        if (before := _load(path)) is not None:
            found = _higher(before, found)
    text = json.dumps({"version": VERSION, "peaks": found.to_dict()}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)
    return found


def _higher(one: Peaks, two: Peaks) -> Peaks:
    """The higher of every rate; ``two`` in all else, and where the levels differ."""
    if [level for level, _ in one.bandwidth] != [level for level, _ in two.bandwidth]:
        return two
    pairs = zip(one.bandwidth, two.bandwidth)
    flops = {k: max(v, one.flops.get(k, 0.0)) for k, v in two.flops.items()}
    return dataclasses.replace(
        two, bandwidth=tuple((level, max(a, b)) for (level, a), (_, b) in pairs), flops=flops
    )


def path_of(device: DeviceInfo, config: Config) -> Path:
    """The file that keeps the peaks of ``device``; on a CPU one for each number of threads."""
    name = f"{device.backend}-{device.name}"
    if device.backend == "cpu":
        name += f"-{config.threads}threads"
    return config.state_dir / "peaks" / (re.sub(r"[^A-Za-z0-9._]+", "-", name) + ".json")


def _load(path: Path) -> Peaks | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Peaks.from_dict(data["peaks"]) if data["version"] == VERSION else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _measure(device: DeviceInfo, config: Config) -> Peaks:
    if device.backend == "cpu":
        return _measure_cpu(device, config)
    if device.backend == "cuda":
        return _measure_cuda(device, config)
    raise PeaksError(f"peaks of backend {device.backend!r} cannot be measured yet")


def _measure_cpu(device: DeviceInfo, config: Config) -> Peaks:
    levels = sorted(set((device.caches or {}).values()))
    memory = max(_MEMORY_BYTES, 8 * max(levels, default=0))
    sizes = [capacity // 2 for capacity in levels] + [memory]
    try:
        found = _stream(sizes, config)
    except (CompileError, OSError) as error:
        found = _numpy_stream(sizes, config.threads)
        found["note"] = f"measured with NumPy, no compiler: {str(error).splitlines()[0]}"
    rates = [max(found["bandwidth"][str(size)].values()) for size in sizes]
    # A smaller level is never slower than a larger one; noise may say so.
    for i in reversed(range(len(rates) - 1)):
        rates[i] = max(rates[i], rates[i + 1])
    flops = dict(found["flops"])
    derived = _narrow_flops(flops)
    return Peaks(
        device=device.name,
        bandwidth=tuple(zip([*levels, 0], rates)),
        flops=flops,
        last_level_bytes=device.last_level_bytes,
        derived=derived,
        details={**found, "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
    )


def _narrow_flops(flops: dict[str, float]) -> tuple[str, ...]:
    """Adds rates of 16-bit and 8-bit types from what the instruction set offers over float32."""
    flags = cpu_backend.flags()
    half = 2 if flags & {"avx512_fp16", "avx512_bf16", "fphp", "asimdhp", "bf16"} else 1
    byte = 4 if flags & {"avx512_vnni", "avx_vnni", "asimddp", "i8mm"} else 1
    if flags & {"amx_tile"}:
        half, byte = 16, 32  # a tile unit does 16 times the float32 work of the vector units
    narrow = {"float16": half, "bfloat16": half, "int8": byte, "uint8": byte}
    for name, factor in narrow.items():
        flops[name] = flops["float32"] * factor
    return tuple(narrow)


def _stream(sizes: list[int], config: Config) -> dict[str, Any]:
    """Builds ``stream.c`` and runs it. Raises CompileError, or OSError without a compiler."""
    with tempfile.TemporaryDirectory(prefix="kernelwright-peaks-") as folder:
        program = Path(folder) / "stream"
        command = [config.cxx, "-x", "c", "-std=gnu11", "-O3", "-march=native"]
        command += ["-ffp-contract=fast", "-fopenmp", str(_SOURCE), "-o", str(program)]
        built = _run(command, config.timeouts.compile_s)
        if built.returncode:
            raise CompileError("the bandwidth test did not build", " ".join(command), built.stderr)
        done = _run([str(program), str(config.threads), *map(str, sizes)], 120.0)
        if done.returncode:
            raise CompileError("the bandwidth test did not run", str(program), done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _run(command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise PeaksError(f"{command[0]} did not end within {timeout_s:g} s") from error


def _numpy_stream(sizes: list[int], threads: int) -> dict[str, Any]:
    """What NumPy's own loops reach. In the caches the cost of each call hides the true rate; there
    four times the best rate seen anywhere is taken, since a bound must not come out too high."""
    bandwidth = {}
    for size in sizes:
        half = max(8, size // threads // 16)  # float64 elements
        blocks = [(np.ones(half), np.ones(half)) for _ in range(threads)]
        copy = _best_rate(lambda i, b=blocks: np.copyto(b[i][1], b[i][0]), threads)  # type: ignore[misc]
        read = _best_rate(lambda i, b=blocks: b[i][0].max(), threads)  # type: ignore[misc]
        bandwidth[str(size)] = {"copy": copy * half * 16, "read": read * half * 8}
    best = max(rate for found in bandwidth.values() for rate in found.values())
    for size in sizes[:-1]:
        bandwidth[str(size)]["assumed"] = 4 * best
    flops = {}
    for name in ("float32", "float64"):
        square = np.ones((512, 512), name)
        rate = _best_rate(lambda i, a=square: np.matmul(a, a), 1)  # type: ignore[misc]
        flops[name] = rate * 2 * 512**3
    return {"threads": threads, "bandwidth": bandwidth, "flops": flops}


def _best_rate(call: Callable[[int], object], threads: int, seconds: float = 0.03) -> float:
    """Calls per second of ``call(thread number)``, summed over threads; the best of five runs."""
    start = time.perf_counter()
    call(0)
    repeats = max(3, int(seconds / max(time.perf_counter() - start, 1e-7)))

    def loop(number: int) -> None:
        for _ in range(repeats):
            call(number)

    best = 0.0
    for _ in range(5):
        workers = [threading.Thread(target=loop, args=(i,)) for i in range(threads)]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, threads * repeats / (time.perf_counter() - start))
    return best


def _measure_cuda(device: DeviceInfo, config: Config) -> Peaks:
    """Measured in a child, so that the main process never imports torch."""
    command = [sys.executable, "-m", "kernelwright.verify.roofline.peaks_cuda", str(device.index)]
    environment = BACKENDS.get("cuda").child_env(config.threads)
    line = ["env", *(f"{k}={v}" for k, v in environment.items()), *command]
    done = _run(line, 300.0)
    if done.returncode:
        raise PeaksError(
            f"the peaks of {device.name} could not be measured:\n{done.stderr.strip()}\n"
            f"command: {' '.join(command)}"
        )
    found = json.loads(done.stdout.splitlines()[-1])
    found["details"]["measured_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Peaks.from_dict({**found, "device": device.name})
