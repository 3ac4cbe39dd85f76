"""Deadlocks over the lock of a condition: to enter it, and to go on once notified."""
import asyncio

import truth


async def enters(condition, lock):
    truth.mark("enters")
    async with lock:
        await asyncio.sleep(0)
        async with condition:
            pass


async def is_inside(condition, lock):
    truth.mark("is inside")
    async with condition:
        await asyncio.sleep(0)
        async with lock:
            pass


async def is_notified(condition, lock):
    truth.mark("is notified")
    async with lock:
        async with condition:
            await condition.wait()


async def notifies(condition, lock):
    truth.mark("notifies")
    async with condition:
        condition.notify()
        async with lock:
            pass


async def main():
    truth.mark("main")
    first, second = asyncio.Condition(), asyncio.Condition()
    lock, other = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(
        enters(first, lock),
        is_inside(first, lock),
        is_notified(second, other),
        notifies(second, other),
    )


for child in ("enters", "is inside", "is notified", "notifies"):
    truth.awaits("main", child, "gather")
truth.run(main)
