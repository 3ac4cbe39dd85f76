"""A thousand workers alike, at one queue."""
import asyncio

import truth

COUNT = 1000


async def worker(queue):
    while True:
        await queue.get()


async def main():
    truth.mark("main")
    queue = asyncio.Queue()
    tasks = [asyncio.ensure_future(worker(queue)) for _ in range(COUNT)]
    for task in tasks:
        truth.awaits("main", task, "gather")
    await asyncio.gather(*tasks)


truth.when(lambda: len(truth._edges) == COUNT)
truth.run(main)
