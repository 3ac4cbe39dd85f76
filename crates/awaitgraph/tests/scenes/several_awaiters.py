"""One task that three others await, in three ways, and one of them twice."""
import asyncio

import truth


async def child():
    truth.mark("child")
    await truth.forever()


async def plain(task):
    truth.mark("plain")
    await task


async def shielded(task):
    truth.mark("shielded")
    await asyncio.shield(task)


async def waits(task):
    truth.mark("waits")
    await asyncio.wait([task])


async def both(task):
    truth.mark("both")
    await asyncio.gather(task, asyncio.shield(task))


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(child())
    await asyncio.gather(plain(task), shielded(task), waits(task), both(task))


truth.awaits("plain", "child", "await")
truth.awaits("shielded", "child", "shield")
truth.awaits("waits", "child", "wait")
truth.awaits("both", "child", "gather")
truth.awaits("both", "child", "shield")
for label in ("plain", "shielded", "waits", "both"):
    truth.awaits("main", label, "gather")
truth.run(main)
