"""A gather of shields, and a shield that is shielded once more."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    twice = asyncio.shield(asyncio.shield(child("b")))
    await asyncio.gather(asyncio.shield(child("a")), twice)


truth.awaits("main", "a", "shield")
truth.awaits("main", "b", "shield")
truth.run(main)
