from __future__ import annotations

import asyncio
import threading

import pytest

from kernelwright.devices import DevicePool
from kernelwright.errors import UsageError


@pytest.fixture(autouse=True)
def no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIKG_DEVICES_LIST", raising=False)
    monkeypatch.delenv("AKG_AGENTS_DEVICES_LIST", raising=False)


def test_waiters_are_served_in_order_and_never_share() -> None:
    async def main() -> list[str]:
        pool, log = DevicePool([4, 5]), []
        held: set[int] = set()

        async def task(name: str) -> None:
            async with pool.lease() as device:
                assert device in (4, 5) and device not in held
                held.add(device)
                log.append(name)
                await asyncio.sleep(0.001)
                held.remove(device)

        await asyncio.gather(*(task(f"t{i}") for i in range(8)))
        return log

    assert asyncio.run(main()) == [f"t{i}" for i in range(8)]


def test_release_is_checked() -> None:
    async def main() -> None:
        pool = DevicePool([0, 1])
        device = await pool.acquire_device()
        with pytest.raises(UsageError, match="does not belong"):
            await pool.release_device(7)
        with pytest.raises(UsageError, match="not leased"):
            await pool.release_device(1 - device)
        await pool.release_device(device)
        with pytest.raises(UsageError, match="released before"):
            await pool.release_device(device)

    asyncio.run(main())


def test_a_failing_task_gives_its_device_back() -> None:
    async def main() -> int:
        pool = DevicePool()
        with pytest.raises(RuntimeError):
            async with pool.lease():
                raise RuntimeError
        return await asyncio.wait_for(pool.acquire_device(), 1)

    assert asyncio.run(main()) == 0


def test_a_cancelled_waiter_does_not_swallow_the_device() -> None:
    async def main() -> None:
        pool = DevicePool([0])
        device = await pool.acquire_device()
        waiting = asyncio.create_task(pool.acquire_device())
        later = asyncio.create_task(pool.acquire_device())
        await asyncio.sleep(0)
        waiting.cancel()
        await pool.release_device(device)
        assert await asyncio.wait_for(later, 1) == 0

    asyncio.run(main())


def test_cancelled_in_the_turn_of_the_hand_over() -> None:
    async def main() -> None:
        pool = DevicePool([0])
        device = await pool.acquire_device()
        waiting = asyncio.create_task(pool.acquire_device())
        await asyncio.sleep(0)
        await pool.release_device(device)  # the hand-over is scheduled, not yet delivered
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.wait_for(pool.acquire_device(), 1) == 0

    asyncio.run(main())


def test_one_pool_over_several_event_loops() -> None:
    pool = DevicePool([0])
    order: list[int] = []

    async def use(number: int) -> None:
        async with pool.lease():
            order.append(number)
            await asyncio.sleep(0.002)

    async def several(base: int) -> None:
        await asyncio.gather(*(use(base + i) for i in range(5)))

    threads = [threading.Thread(target=asyncio.run, args=(several(10 * t),)) for t in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(order) == [10 * t + i for t in range(3) for i in range(5)]


def test_environment_overrides_the_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIKG_DEVICES_LIST", "6,7")
    assert DevicePool([0]).device_list == [6, 7]


@pytest.mark.parametrize("ids", [[], [0, 0], ["0"]])
def test_bad_lists(ids: list[int]) -> None:
    with pytest.raises(UsageError, match="at least one"):
        DevicePool(ids)
