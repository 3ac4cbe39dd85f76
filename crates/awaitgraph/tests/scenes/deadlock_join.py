"""One holds a lock and waits until all of a queue is done; the only worker waits for the lock."""
import asyncio

import truth


async def joins(queue, lock):
    truth.mark("joins")
    async with lock:
        await queue.join()


async def works(queue, lock):
    truth.mark("works")
    while True:
        await queue.get()
        async with lock:
            pass
        queue.task_done()


async def main():
    truth.mark("main")
    lock = asyncio.Lock()
    await asyncio.gather(*pair(asyncio.Queue(), lock))


def pair(queue, lock):
    queue.put_nowait(1)
    return joins(queue, lock), works(queue, lock)


truth.awaits("main", "joins", "gather")
truth.awaits("main", "works", "gather")
truth.run(main)
