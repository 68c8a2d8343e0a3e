"""What the machine was like while something was timed; plain JSON data for the report."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelwright.backends import DeviceInfo
from kernelwright.backends import cpu as cpu_backend
from kernelwright.backends import cuda as cuda_backend

_PRESSURE = Path("/proc/pressure/cpu")
_WAITING_SHARE = 0.2  # alone on two cores: 0.02 to 0.1, for a kernel's own threads
_CROWDED = 0.75  # running processes a core
_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq")


def describe_machine(device: DeviceInfo, threads: int) -> dict[str, Any]:
    """What does not change within a measurement, and ``describe_state`` as it is now."""
    found: dict[str, Any] = {
        "threads": threads,
        "cores": len(os.sched_getaffinity(0)),
        "cpu": cpu_backend.model_name(),
        "system": platform.platform(terse=True),
    }
    if governor := _read(_FREQUENCY / "scaling_governor"):
        found["cpu_governor"] = governor
    if device.backend == "cuda":
        found["gpu"] = device.name
    return {**found, **describe_state(device)}


def describe_state(device: DeviceInfo) -> dict[str, Any]:
    """Load average and clock rates as far as they can be read; of a GPU also temperature, power
    and the reasons why its clock is held back."""
    state: dict[str, Any] = {"load_average": [round(x, 2) for x in os.getloadavg()]}
    if khz := _read(_FREQUENCY / "scaling_cur_freq"):
        state["cpu_khz"] = khz
    if device.backend == "cuda":
        state.update(cuda_backend.clocks(device.index))
    return state


def is_crowded() -> bool:
    """Whether more wants to run than this machine can run at once, or soon does: requests of an
    honest kernel are then delayed at any time."""
    return os.getloadavg()[0] > _CROWDED * len(os.sched_getaffinity(0))


@dataclass
class Waiting:
    """How long tasks of this machine waited for a core since ``begin``: pressure stall information
    of the Linux kernel (Documentation/accounting/psi.rst). Without it (an older kernel, another
    system) the load average stands in."""

    stalled_us: float | None
    began_s: float

    @staticmethod
    def begin() -> Waiting:
        return Waiting(_stalled_us(), time.monotonic())

    def crowded(self) -> bool:
        """Whether others wanted the cores meanwhile, so that delays prove nothing."""
        now = _stalled_us()
        if self.stalled_us is None or now is None:
            return is_crowded()
        wall_us = 1e6 * max(1e-3, time.monotonic() - self.began_s)
        return (now - self.stalled_us) / wall_us > _WAITING_SHARE


def _stalled_us() -> float | None:
    """Microseconds in which some task had to wait for a core, since the machine was started."""
    found = re.search(r"^some .*\btotal=(\d+)", _read(_PRESSURE), re.MULTILINE)
    return float(found[1]) if found else None


def after(state: dict[str, Any]) -> dict[str, Any]:
    """The same facts under the names that they have at a measurement's end."""
    return {f"{name}_after": value for name, value in state.items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
