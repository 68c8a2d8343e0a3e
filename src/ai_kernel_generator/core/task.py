from kernelwright.task.task import Task

__all__ = ["Task"]
