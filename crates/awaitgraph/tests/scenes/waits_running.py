"""A lock whose holder is running now, in synchronous code."""
import asyncio

import truth


def deeper():
    blocked.append(True)
    truth.block()


async def works(lock, before):
    async with before:
        pass
    try:
        async with lock:
            await parked.wait()
            deeper()
    finally:
        pass


async def holds(lock, before):
    truth.mark("holds")
    for _ in [before]:
        await works(lock, before)


async def waits(label, lock):
    truth.mark(label)
    async with lock:
        pass


async def main():
    truth.mark("main")
    global parked
    parked = asyncio.Event()
    lock, before, bare = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
    await bare.acquire()
    truth.waits("waits", "lock", id=lock, name="lock", value=1, waiting=1, holders=["holds"])
    truth.waits("bare", "lock", id=bare, value=1, holders=[])
    children = [holds(lock, before), waits("waits", lock), waits("bare", bare)]
    asyncio.get_running_loop().call_later(0.05, parked.set)
    await asyncio.gather(*children)


for label in ("holds", "waits", "bare"):
    truth.awaits("main", label, "gather")
blocked = []
truth.when(lambda: blocked)
truth.run(main)
