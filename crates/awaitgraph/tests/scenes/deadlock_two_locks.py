"""The classical deadlock: two tasks take two locks, each the other's first."""
import asyncio

import truth


async def transfer(label, mine, other):
    truth.mark(label)
    async with mine:
        await asyncio.sleep(0)
        async with other:
            pass


async def main():
    truth.mark("main")
    a, b = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(transfer("a-to-b", a, b), transfer("b-to-a", b, a))


truth.awaits("main", "a-to-b", "gather")
truth.awaits("main", "b-to-a", "gather")
truth.run(main)
