from __future__ import annotations

import asyncio

import pytest

from kernelwright.errors import UsageError
from kernelwright.task.task_pool import TaskPool


async def give(value: int, delay_s: float = 0.0) -> int:
    await asyncio.sleep(delay_s)
    return value


async def fail(text: str) -> None:
    raise RuntimeError(text)


def test_results_come_in_creation_order() -> None:
    async def main() -> list[int]:
        pool = TaskPool()
        for value, delay_s in ((1, 0.03), (2, 0.0), (3, 0.01)):
            pool.create_task(give, value, delay_s=delay_s)
        return await pool.wait_all()

    assert asyncio.run(main()) == [1, 2, 3]


def test_results_from_before_and_a_second_wait_are_not_lost() -> None:
    async def main() -> tuple[list[int], list[int]]:
        pool = TaskPool()
        await pool.create_task(give, 1)
        await asyncio.sleep(0.01)
        pool.create_task(give, 2)
        return await pool.wait_all(), await pool.wait_all()

    assert asyncio.run(main()) == ([1, 2], [1, 2])


@pytest.mark.parametrize("limit", [1, 3])
def test_concurrency_is_bounded(limit: int) -> None:
    running, most = 0, 0

    async def job() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    async def main() -> None:
        pool = TaskPool(max_concurrency=limit)
        for _ in range(7):
            pool.create_task(job)
        await pool.wait_all()

    asyncio.run(main())
    assert most == limit


def test_all_end_before_the_first_failure_is_raised() -> None:
    done: list[int] = []

    async def main() -> None:
        pool = TaskPool()

        async def late() -> None:
            await asyncio.sleep(0.02)
            done.append(1)

        pool.create_task(late)
        pool.create_task(fail, "first")
        pool.create_task(fail, "second")
        await pool.wait_all()

    with pytest.raises(RuntimeError, match="first"):
        asyncio.run(main())
    assert done == [1]


def test_names_and_a_single_run() -> None:
    async def main() -> tuple[str, int]:
        pool = TaskPool()
        task = pool.create_task(give, 1, task_name="relu")
        return task.get_name(), await pool.run(give, 5)

    assert asyncio.run(main()) == ("relu", 5)


def test_a_pool_outlives_one_event_loop() -> None:
    pool = TaskPool(1)

    async def main(value: int) -> list[int]:
        pool.create_task(give, value)
        pool.create_task(give, value)
        return await pool.wait_all()

    assert asyncio.run(main(1)) == [1, 1]
    assert asyncio.run(main(2)) == [1, 1, 2, 2]


def test_misuse_is_explained() -> None:
    async def main() -> None:
        TaskPool().create_task(give(1))  # type: ignore[arg-type]

    with pytest.raises(UsageError, match="not pool.create_task"):
        asyncio.run(main())
    with pytest.raises(UsageError):
        TaskPool(0)
