"""A task holds a lock and gathers two others, of which one wants that lock."""
import asyncio

import truth


async def wants(lock):
    truth.mark("wants")
    async with lock:
        pass


async def other():
    truth.mark("other")
    await truth.forever()


async def holds(lock):
    truth.mark("holds")
    async with lock:
        await asyncio.gather(wants(lock), other())


async def main():
    truth.mark("main")
    await asyncio.ensure_future(holds(asyncio.Lock()))


truth.awaits("holds", "wants", "gather")
truth.awaits("holds", "other", "gather")
truth.awaits("main", "holds", "await")
truth.run(main)
