"""A task has taken a lock and ended without letting go of it; two wait for it."""
import asyncio

import truth


async def takes(lock):
    await lock.acquire()


async def wants(label, lock):
    truth.mark(label)
    async with lock:
        pass


async def main():
    truth.mark("main")
    lock = asyncio.Lock()
    await asyncio.ensure_future(takes(lock))
    await asyncio.gather(wants("first", lock), wants("second", lock))


truth.awaits("main", "first", "gather")
truth.awaits("main", "second", "gather")
truth.run(main)
