"""wait_for around a gather, and around a shield: the nearest construct counts."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def of_gather():
    truth.mark("of gather")
    await asyncio.wait_for(asyncio.gather(child("a"), child("b")), 3600)


async def of_shield():
    truth.mark("of shield")
    await asyncio.wait_for(asyncio.shield(child("c")), 3600)


async def main():
    truth.mark("main")
    await asyncio.gather(of_gather(), of_shield())


truth.awaits("of gather", "a", "gather")
truth.awaits("of gather", "b", "gather")
truth.awaits("of shield", "c", "shield")
truth.awaits("main", "of gather", "gather")
truth.awaits("main", "of shield", "gather")
truth.run(main)
