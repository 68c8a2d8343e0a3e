from kernelwright.task.task_pool import TaskPool

__all__ = ["TaskPool"]
