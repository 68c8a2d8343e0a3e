"""DevicePool: device ids that tasks of one process share, each leased to one task at a time."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from kernelwright.config import devices_from_environment
from kernelwright.errors import UsageError


class DevicePool:
    """Leases device ids. ``AIKG_DEVICES_LIST`` in the environment overrides ``device_list``.

    Waiters are served in order of arrival. A pool may be used from several event loops and
    threads (a module-level pool outlives one ``asyncio.run``).
    """

    def __init__(self, device_list: Sequence[int] = (0,)) -> None:
        ids = devices_from_environment() or tuple(device_list)
        if not ids or len(set(ids)) != len(ids) or any(not isinstance(i, int) for i in ids):
            raise UsageError(
                f"a DevicePool needs at least one device id, none twice; got {list(ids)}"
            )
        self.device_list = list(ids)
        self._free: deque[int] = deque(ids)
        self._leased: set[int] = set()
        self._waiters: deque[asyncio.Future[int]] = deque()
        self._lock = threading.Lock()

    async def acquire_device(self) -> int:
        """The id of a free device, which now belongs to the caller; waits until there is one."""
        with self._lock:
            if self._free:
                device = self._free.popleft()
                self._leased.add(device)
                return device
            waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
            # The device may have been handed over in the same turn as the cancellation.
            if waiter.done() and not waiter.cancelled():
                self._give(waiter.result())
            raise

    async def release_device(self, device_id: int) -> None:
        """Gives a leased device back. Raises UsageError for one that is not leased."""
        with self._lock:
            if device_id not in self.device_list:
                raise UsageError(
                    f"device {device_id} does not belong to this DevicePool, "
                    f"which has {self.device_list}"
                )
            if device_id not in self._leased:
                raise UsageError(f"device {device_id} is not leased: it was released before")
        self._give(device_id)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[int]:
        """``async with pool.lease() as device:`` releases however the block ends."""
        device = await self.acquire_device()
        try:
            yield device
        finally:
            await self.release_device(device)

    def _give(self, device: int) -> None:
        """Hands ``device`` to the longest waiter that still lives, else back to the free ones."""
        with self._lock:
            while self._waiters:
                waiter = self._waiters.popleft()
                try:
                    waiter.get_loop().call_soon_threadsafe(self._deliver, waiter, device)
                except RuntimeError:  # that event loop is closed: its tasks are gone
                    continue
                return
            self._leased.discard(device)
            self._free.append(device)

    def _deliver(self, waiter: asyncio.Future[int], device: int) -> None:
        if waiter.done():  # cancelled meanwhile
            self._give(device)
        else:
            waiter.set_result(device)
