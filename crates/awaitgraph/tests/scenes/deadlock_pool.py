"""Two tasks have a connection each, all of a pool, and want another one."""
import asyncio

import truth


class Pool:
    def __init__(self, size):
        self.free = asyncio.Queue(size)
        for number in range(size):
            self.free.put_nowait(number)

    def acquire(self):
        return Borrowed(self)


class Borrowed:
    def __init__(self, pool):
        self.pool = pool

    async def __aenter__(self):
        self.one = await self.pool.free.get()

    async def __aexit__(self, *details):
        self.pool.free.put_nowait(self.one)


async def handler(label, pool):
    truth.mark(label)
    async with pool.acquire():
        await asyncio.sleep(0)
        async with pool.acquire():
            pass


async def main():
    truth.mark("main")
    pool = Pool(2)
    truth.awaits("main", "first", "gather")
    truth.awaits("main", "second", "gather")
    await asyncio.gather(handler("first", pool), handler("second", pool))


truth.run(main)
