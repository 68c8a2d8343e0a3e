"""What a backend plugin offers. Everything here runs in the main process: no torch, no CUDA."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DeviceInfo:
    """One device of this machine. ``index`` is what DevicePool and ``torch_device`` count by.

    ``caches`` maps a level ("L1d", "L2", "L3") to its bytes, summed over the whole device.
    """

    backend: str
    index: int
    name: str
    arch: str
    memory_bytes: int
    description: str = ""
    caches: Mapping[str, int] | None = None

    @property
    def last_level_bytes(self) -> int:
        """Bytes of the largest cache; 0 when nothing is known."""
        return max((self.caches or {}).values(), default=0)


@dataclass(frozen=True)
class Backend:
    """``archs`` maps the names that people use to canonical ones (for messages and completion;
    ``normalize_arch`` accepts more spellings).

    ``normalize_arch(text)`` gives the canonical name or raises UsageError that lists the possible
    ones. ``default_arch()`` names what is there, or raises UsageError when nothing is.
    ``devices()`` lists what is there, possibly nothing. ``torch_device(index)`` is torch's name of
    a device. ``child_env(threads)`` are the variables that every child process that runs or times
    a kernel must be *started* with. ``missing(framework)`` lists what stands in the way of running
    a kernel here, one short phrase each; empty when nothing does.
    """

    name: str
    archs: Mapping[str, str]
    normalize_arch: Callable[[str], str]
    default_arch: Callable[[], str]
    devices: Callable[[], list[DeviceInfo]]
    torch_device: Callable[[int], str]
    child_env: Callable[[int], dict[str, str]]
    missing: Callable[[str], list[str]]


def allocator_env(threads: int) -> dict[str, str]:
    """Variables that make CPU timings of frameworks and kernels comparable.

    glibc gives large blocks back to the kernel after each call unless told not to; the page faults
    of the next call then dominate (measured: 190 us against 3,000 to 20,000 us for one add on
    4 MiB tensors). Both sides get the same number of threads in the one OpenMP runtime that they
    share. glibc caps the mmap threshold at 32 MiB (HEAP_MAX_SIZE / 2) only for its own adaptive
    rule; a value set by hand is taken as it is.
    """
    count = str(threads)
    return {
        "MALLOC_TRIM_THRESHOLD_": "1000000000",
        "MALLOC_MMAP_THRESHOLD_": "1000000000",
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
    }
