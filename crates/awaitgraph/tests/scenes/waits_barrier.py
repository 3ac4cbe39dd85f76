"""Barriers: how many have arrived, and how many it takes."""
import asyncio

import truth


async def arrives(label, barrier):
    truth.mark(label)
    truth.waits(label, "barrier", id=barrier, name="barrier", value=2, bound=3, waiting=2, holders=[])
    await barrier.wait()


async def enters(label, barrier):
    truth.mark(label)
    truth.waits(label, "barrier", id=barrier, value=2, bound=3, waiting=2, holders=[])
    async with barrier:
        pass


async def main():
    truth.mark("main")
    barrier = asyncio.Barrier(3)
    await asyncio.gather(arrives("first", barrier), enters("second", barrier))


truth.awaits("main", "first", "gather")
truth.awaits("main", "second", "gather")
truth.run(main)
