"""asyncio.Barrier and asyncio.Runner's loop. From 3.11."""
import asyncio

import truth


async def party(barrier, label):
    truth.mark(label)
    async with barrier:
        pass


async def main():
    truth.mark("main")
    barrier = asyncio.Barrier(3)
    await asyncio.gather(party(barrier, "a"), party(barrier, "b"))


truth.awaits("main", "a", "gather")
truth.awaits("main", "b", "gather")
truth.watch()
with asyncio.Runner() as runner:
    runner.run(main())
