"""Tasks let go of their locks inside of `async with`, and take them again later."""
import asyncio

import truth


async def lets_go(label, lock, others):
    truth.mark(label)
    async with lock:
        lock.release()
        await others.wait()
        await lock.acquire()


async def rests(label, lock, taken):
    truth.mark(label)
    async with lock:
        lock.release()
        taken.set()
        await truth.forever()
        await lock.acquire()


async def takes(label, lock, taken):
    truth.mark(label)
    await lock.acquire()
    taken.set()
    await truth.forever()


async def is_inside(label, lock):
    truth.mark(label)
    async with lock:
        await truth.forever()


async def wants(label, lock):
    truth.mark(label)
    async with lock:
        pass


async def main():
    truth.mark("main")
    first, second = asyncio.Lock(), asyncio.Lock()
    taken, rested = asyncio.Event(), asyncio.Event()
    for label in ("wants back", "has", "rests", "is inside", "wants"):
        truth.awaits("main", label, "gather")
    truth.waits("wants back", "lock", value=1, waiting=1, holders=[])
    truth.waits("wants", "lock", value=1, waiting=1, holders=["is inside"])
    await asyncio.gather(
        lets_go("wants back", first, taken),
        takes("has", first, taken),
        rests("rests", second, rested),
        is_inside("is inside", second),
        wants("wants", second),
    )


truth.run(main)
