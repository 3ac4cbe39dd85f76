"""A task has the only slot of a semaphore and waits for a lock; who has the lock waits for the slot."""
import asyncio

import truth


async def with_slot(semaphore, lock):
    truth.mark("with slot")
    async with semaphore:
        await asyncio.sleep(0)
        async with lock:
            pass


async def with_lock(semaphore, lock):
    truth.mark("with lock")
    async with lock:
        await asyncio.sleep(0)
        async with semaphore:
            pass


async def main():
    truth.mark("main")
    semaphore, lock = asyncio.Semaphore(1), asyncio.Lock()
    await asyncio.gather(with_slot(semaphore, lock), with_lock(semaphore, lock))


truth.awaits("main", "with slot", "gather")
truth.awaits("main", "with lock", "gather")
truth.run(main)
