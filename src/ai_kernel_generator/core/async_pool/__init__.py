"""TaskPool and DevicePool; the reference system's documents import them from here."""

from ai_kernel_generator.core.async_pool.device_pool import DevicePool
from ai_kernel_generator.core.async_pool.task_pool import TaskPool

__all__ = ["DevicePool", "TaskPool"]
