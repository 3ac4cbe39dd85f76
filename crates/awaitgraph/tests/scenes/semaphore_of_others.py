"""A task in a circle waits for a semaphore that others hold, too, without `async with`: no deadlock."""
import asyncio

import truth


class Holder:
    def __init__(self, semaphore):
        self.limit = semaphore

    async def hold(self):
        truth.mark("by attribute")
        await self.limit.acquire()
        try:
            await truth.forever()
        finally:
            self.limit.release()


async def by_variable(semaphore):
    truth.mark("by variable")
    await semaphore.acquire()
    try:
        await truth.forever()
    finally:
        semaphore.release()


async def by_global():
    truth.mark("by global")
    await limits[0].acquire()
    try:
        await truth.forever()
    finally:
        shared.release()


class Limiter:
    def __init__(self, semaphore):
        self.semaphore = semaphore

    async def __aenter__(self):
        await self.semaphore.acquire()

    async def __aexit__(self, *error):
        self.semaphore.release()


async def by_object(semaphore):
    truth.mark("by object")
    async with Limiter(semaphore):
        await truth.forever()


async def inside(label, semaphore, lock):
    truth.mark(label)
    async with semaphore:
        await asyncio.sleep(0.01)
        async with lock:
            pass


async def enters(label, semaphore, lock):
    truth.mark(label)
    async with lock:
        await asyncio.sleep(0.01)
        async with semaphore:
            pass


def make(label, hold):
    global shared
    semaphore, lock = asyncio.Semaphore(2), asyncio.Lock()
    if label == "by global":
        shared = semaphore
        limits.append(semaphore)
    kept.append(semaphore)
    for child in (label, label + ", inside", label + ", enters"):
        truth.awaits("main", child, "gather")
    truth.waits(label + ", enters", "semaphore", value=0, waiting=1, holders=[label + ", inside"])
    return [
        hold(semaphore),
        inside(label + ", inside", semaphore, lock),
        enters(label + ", enters", semaphore, lock),
    ]


async def main():
    truth.mark("main")
    await asyncio.gather(
        *make("by variable", by_variable),
        *make("by attribute", lambda semaphore: Holder(semaphore).hold()),
        *make("by global", lambda semaphore: by_global()),
        *make("by object", by_object),
    )


kept, limits = [], []
shared = None
truth.run(main)
