"""One task makes a gather, another awaits it."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def waiter(both):
    truth.mark("waiter")
    await both


async def main():
    truth.mark("main")
    both = asyncio.gather(child("a"), child("b"))
    await asyncio.ensure_future(waiter(both))


truth.awaits("waiter", "a", "gather")
truth.awaits("waiter", "b", "gather")
truth.awaits("main", "waiter", "await")
truth.recorded("main", "a")
truth.recorded("main", "b")
truth.run(main)
