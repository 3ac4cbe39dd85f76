"""Deadlocks over semaphores and queues that are attributes, globals, or in closures."""
import asyncio

import truth


class Shop:
    def __init__(self):
        self.limit, self.lock = asyncio.Semaphore(1), asyncio.Lock()
        self.orders, self.ledger = asyncio.Queue(1), asyncio.Lock()

    async def with_slot(self):
        truth.mark("attribute")
        async with self.limit:
            await asyncio.sleep(0)
            async with self.lock:
                pass

    async def with_lock(self):
        truth.mark("attribute, too")
        async with self.lock:
            await asyncio.sleep(0)
            async with self.limit:
                pass

    async def orders_more(self):
        truth.mark("queue")
        async with self.ledger:
            while True:
                await self.orders.put(1)

    async def books(self):
        truth.mark("queue, too")
        while True:
            await self.orders.get()
            while not self.orders.empty():
                self.orders.get_nowait()
            async with self.ledger:
                pass


class Mall:
    """One whose tasks reach the semaphore through another object."""

    def __init__(self):
        self.shop = Shop()

    async def with_slot(self):
        truth.mark("two away")
        async with self.shop.limit:
            await asyncio.sleep(0)
            async with self.shop.lock:
                pass

    async def with_lock(self):
        truth.mark("two away, too")
        async with self.shop.lock:
            await asyncio.sleep(0)
            async with self.shop.limit:
                pass


async def with_global_slot():
    truth.mark("global")
    async with limit:
        await asyncio.sleep(0)
        async with lock:
            pass


async def with_global_lock():
    truth.mark("global, too")
    async with lock:
        await asyncio.sleep(0)
        async with limit:
            pass


def closures():
    limit, lock = asyncio.Semaphore(1), asyncio.Lock()

    async def with_slot():
        truth.mark("closure")
        async with limit:
            await asyncio.sleep(0)
            async with lock:
                pass

    async def with_lock():
        truth.mark("closure, too")
        async with lock:
            await asyncio.sleep(0)
            async with limit:
                pass

    return with_slot, with_lock


async def main():
    global limit, lock
    truth.mark("main")
    limit, lock = asyncio.Semaphore(1), asyncio.Lock()
    shop, mall = Shop(), Mall()
    kept.extend([shop, mall])
    with_slot, with_lock = closures()
    for label in ("attribute", "queue", "two away", "global", "closure"):
        truth.awaits("main", label, "gather")
        truth.awaits("main", label + ", too", "gather")
    await asyncio.gather(
        shop.with_slot(),
        shop.with_lock(),
        shop.orders_more(),
        shop.books(),
        mall.with_slot(),
        mall.with_lock(),
        with_global_slot(),
        with_global_lock(),
        with_slot(),
        with_lock(),
    )


limit = lock = None
kept = []
truth.run(main)
