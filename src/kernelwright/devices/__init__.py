"""DevicePool for the tasks of one process, and the lock between processes."""

from __future__ import annotations

from kernelwright.devices.lock import DeviceBusy, device_lock
from kernelwright.devices.pool import DevicePool

__all__ = ["DeviceBusy", "DevicePool", "device_lock"]
