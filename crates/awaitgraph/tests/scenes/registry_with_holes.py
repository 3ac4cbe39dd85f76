"""Thousands of tasks came and went before: asyncio's registry is large and nearly empty."""
import asyncio

import truth


async def ends():
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    tasks = []
    for number in range(10):
        await asyncio.gather(*[ends() for _ in range(1000)])
        label = "child %d" % number
        tasks.append(asyncio.ensure_future(child(label)))
        truth.awaits("main", label, "gather")
    await asyncio.gather(*tasks)


truth.when(lambda: len(truth._edges) == 10)
truth.run(main)
