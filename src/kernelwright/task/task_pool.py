"""TaskPool: coroutines of one event loop, a few of them at a time, all results kept."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from kernelwright.errors import UsageError


class TaskPool:
    """At most ``max_concurrency`` of the tasks run at the same time."""

    def __init__(self, max_concurrency: int = 4) -> None:
        if max_concurrency < 1:
            raise UsageError(f"max_concurrency must be at least 1, not {max_concurrency}")
        self.max_concurrency = max_concurrency
        self.tasks: list[asyncio.Task[Any]] = []
        # A pool may outlive one asyncio.run; a semaphore may not.
        self._limits: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._limits = weakref.WeakKeyDictionary()

    def create_task(
        self,
        coro_func: Callable[..., Awaitable[Any]],
        *args: Any,
        task_name: str | None = None,
        **kwargs: Any,
    ) -> asyncio.Task[Any]:
        """Starts ``coro_func(*args, **kwargs)`` as soon as there is room and returns its task.

        Takes the function, not a coroutine object; call it inside a running event loop.
        """
        if not callable(coro_func):
            if asyncio.iscoroutine(coro_func):
                coro_func.close()
            raise UsageError(
                "create_task takes the coroutine function and its arguments: "
                "pool.create_task(task.run), not pool.create_task(task.run())"
            )
        loop = asyncio.get_running_loop()
        limit = self._limits.setdefault(loop, asyncio.Semaphore(self.max_concurrency))

        async def run() -> Any:
            async with limit:
                return await coro_func(*args, **kwargs)

        task = loop.create_task(run(), name=task_name)
        self.tasks.append(task)
        return task

    async def wait_all(self) -> list[Any]:
        """The results of every task that this pool ever created, in order of creation.

        Waits for all of them also when one fails; then raises the first failure (in that order).
        May be called again.
        """
        waiting = [t for t in self.tasks if not t.done()]
        if waiting:
            await asyncio.wait(waiting)
        return [task.result() for task in self.tasks]

    async def run(self, coro_func: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """Runs one coroutine within the pool's limit and returns its result."""
        return await self.create_task(coro_func, *args, **kwargs)
