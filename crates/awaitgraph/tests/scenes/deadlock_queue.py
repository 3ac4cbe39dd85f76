"""A producer holds a lock and waits for room in a queue; its only consumer waits for the lock."""
import asyncio

import truth


async def produces(queue, lock):
    truth.mark("produces")
    async with lock:
        while True:
            await queue.put(1)


async def consumes(queue, lock):
    truth.mark("consumes")
    while True:
        await queue.get()
        async with lock:
            pass


async def main():
    truth.mark("main")
    queue, lock = asyncio.Queue(1), asyncio.Lock()
    await asyncio.gather(produces(queue, lock), consumes(queue, lock))


truth.awaits("main", "produces", "gather")
truth.awaits("main", "consumes", "gather")
truth.run(main)
