"""The same task twice in one gather, and once more in another task's: one edge each."""
import asyncio

import truth


async def child():
    truth.mark("child")
    await truth.forever()


async def other(task):
    truth.mark("other")
    await asyncio.gather(task)


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(child())
    await asyncio.gather(task, task, other(task))


truth.awaits("main", "child", "gather")
truth.awaits("other", "child", "gather")
truth.awaits("main", "other", "gather")
truth.run(main)
