"""Pools of the program's own, which keep in a queue what they lend."""
import asyncio
import contextlib

import truth


class Pool:
    def __init__(self, size):
        self.free = asyncio.LifoQueue(size)
        for number in range(size):
            self.free.put_nowait(number)

    def borrow(self):
        return Borrowed(self)

    @contextlib.asynccontextmanager
    async def lend(self):
        one = await self.free.get()
        try:
            yield one
        finally:
            self.free.put_nowait(one)


class Borrowed:
    def __init__(self, pool):
        self.pool = pool

    async def __aenter__(self):
        self.one = await self.pool.free.get()
        return self.one

    async def __aexit__(self, *details):
        self.pool.free.put_nowait(self.one)


class Visit:
    """Knows the pool, lets go of something at its end, and has nothing of the pool."""

    def __init__(self, pool):
        self.pool = pool

    async def __aenter__(self):
        self.lock = asyncio.Lock()
        await self.lock.acquire()

    async def __aexit__(self, *details):
        self.lock.release()


async def uses(label, lent):
    truth.mark(label)
    async with lent:
        await truth.forever()


async def borrows_by_hand(label, pool):
    truth.mark(label)
    await pool.free.get()


async def main():
    truth.mark("main")
    children = []
    for kind in ("borrow", "lend"):
        pool = Pool(2)
        labels = ["%s %d" % (kind, number) for number in range(4)]
        for label in labels:
            truth.awaits("main", label, "gather")
            children.append(uses(label, getattr(pool, kind)()))
        for label in labels[2:]:
            truth.waits(
                label, "queue", end="get", id=pool.free, name="Pool.free", size=0, bound=2,
                getters=2, holders=labels[:2],
            )
        truth.awaits("main", kind + " visit", "gather")
        children.append(uses(kind + " visit", Visit(pool)))
    # The first to wait does so by hand.
    pool = Pool(1)
    labels = ["only", "by hand", "after it"]
    for label in labels:
        truth.awaits("main", label, "gather")
    children.append(uses("only", pool.borrow()))
    children.append(borrows_by_hand("by hand", pool))
    children.append(uses("after it", pool.borrow()))
    truth.waits("after it", "queue", id=pool.free, getters=2, holders=["only"])
    await asyncio.gather(*children)


truth.run(main)
