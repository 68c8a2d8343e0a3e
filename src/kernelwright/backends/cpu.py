"""The CPU of this machine: one device, index 0."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from kernelwright.backends._base import Backend, DeviceInfo, allocator_env
from kernelwright.errors import UnknownNameError

ARCHS = {"x86_64": "x86_64", "amd64": "x86_64", "x86-64": "x86_64", "x64": "x86_64"}
ARCHS |= {"aarch64": "aarch64", "arm64": "aarch64"}

_CPU_DIRECTORY = Path("/sys/devices/system/cpu")


def normalize_arch(text: str) -> str:
    name = text.strip().lower()
    if name not in ARCHS:
        raise UnknownNameError("cpu arch", text, sorted(set(ARCHS.values())))
    return ARCHS[name]


def default_arch() -> str:
    return normalize_arch(platform.machine())


def devices() -> list[DeviceInfo]:
    cores = len(os.sched_getaffinity(0))
    return [
        DeviceInfo(
            backend="cpu",
            index=0,
            name=model_name(),
            arch=default_arch(),
            memory_bytes=psutil.virtual_memory().total,
            description=f"{cores} usable cores",
            caches=cache_bytes(),
        )
    ]


def model_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """ "AMD EPYC", "Neoverse-N1", ...; the architecture when the kernel tells nothing."""
    try:
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Names of instruction-set extensions as Linux prints them ("avx2", "asimd"); may be empty."""
    try:
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith(("flags", "features")):
                return frozenset(line.split(":", 1)[1].split())
    except OSError:
        pass
    return frozenset()


def cache_bytes(directory: Path = _CPU_DIRECTORY) -> dict[str, int]:
    """Data caches that the usable cores reach: level -> bytes summed over distinct caches.

    {"L1d": 98304, "L2": 2097152, "L3": 33554432}; empty when the kernel tells nothing.
    """
    seen: dict[tuple[str, str], int] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        for index in (directory / f"cpu{cpu}" / "cache").glob("index[0-9]*"):
            kind = _read(index / "type")
            size = _size(_read(index / "size"))
            if kind == "Instruction" or not size:
                continue
            level = "L" + _read(index / "level") + ("d" if kind == "Data" else "")
            shared = _read(index / "shared_cpu_list") or str(cpu)
            seen[level, shared] = size
    totals: dict[str, int] = {}
    for (level, _), size in sorted(seen.items()):
        totals[level] = totals.get(level, 0) + size
    return totals


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _size(text: str) -> int:
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    if not text or not text.rstrip("KMG").isdigit():
        return 0
    return int(text.rstrip("KMG")) * units.get(text[-1], 1)


def missing(framework: str) -> list[str]:
    return []


BACKEND = Backend(
    name="cpu",
    archs=ARCHS,
    normalize_arch=normalize_arch,
    default_arch=default_arch,
    devices=devices,
    torch_device=lambda index: "cpu",
    child_env=allocator_env,
    missing=missing,
)
