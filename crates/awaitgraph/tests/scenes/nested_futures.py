"""Five thousand shields around one task, and two hundred gathers around each other and a task each."""
import asyncio

import truth


async def child():
    await truth.forever()


async def shields():
    truth.mark("shields")
    task = future = asyncio.ensure_future(child())
    for _ in range(5_000):
        future = asyncio.shield(future)
    truth.awaits("shields", task, "shield")
    await future


async def gathers():
    truth.mark("gathers")
    future = None
    for _ in range(200):
        task = asyncio.ensure_future(child())
        truth.awaits("gathers", task, "gather")
        future = asyncio.gather(task, future) if future else asyncio.gather(task)
    await future


async def main():
    truth.mark("main")
    await asyncio.wait([asyncio.ensure_future(shields()), asyncio.ensure_future(gathers())])


truth.awaits("main", "shields", "wait")
truth.awaits("main", "gathers", "wait")
truth.run(main)
