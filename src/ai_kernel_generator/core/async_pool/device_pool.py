from kernelwright.devices import DevicePool

__all__ = ["DevicePool"]
