"""What the machine was like while something was timed; plain JSON data for the report."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from kernelwright.backends import DeviceInfo
from kernelwright.backends import cpu as cpu_backend
from kernelwright.backends import cuda as cuda_backend


def describe_machine(device: DeviceInfo, threads: int) -> dict[str, Any]:
    """Threads, load average, CPU model, clock rates as far as they can be read, GPU state."""
    found: dict[str, Any] = {
        "threads": threads,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "cpu": cpu_backend.model_name(),
        "system": platform.platform(terse=True),
    }
    frequency = Path("/sys/devices/system/cpu/cpu0/cpufreq")
    for key, name in (("governor", "scaling_governor"), ("khz", "scaling_cur_freq")):
        try:
            found[f"cpu_{key}"] = (frequency / name).read_text(encoding="ascii").strip()
        except OSError:
            continue
    if device.backend == "cuda":
        found["gpu"] = device.name
        found.update(cuda_backend.clocks(device.index))
    return found
