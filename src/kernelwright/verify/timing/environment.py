"""What the machine was like while something was timed; plain JSON data for the report."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from kernelwright.backends import DeviceInfo
from kernelwright.backends import cpu as cpu_backend
from kernelwright.backends import cuda as cuda_backend

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


def after(state: dict[str, Any]) -> dict[str, Any]:
    """The same facts under the names that they have at a measurement's end."""
    return {f"{name}_after": value for name, value in state.items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
