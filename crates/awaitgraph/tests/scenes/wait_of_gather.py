"""asyncio.wait over futures that are no tasks: a gather and a shield."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.wait([asyncio.gather(child("a"), child("b")), asyncio.shield(child("c"))])


truth.awaits("main", "a", "gather")
truth.awaits("main", "b", "gather")
truth.awaits("main", "c", "shield")
truth.run(main)
