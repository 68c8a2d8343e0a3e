from kernelwright.task.trace import Trace

__all__ = ["Trace"]
