"""asyncio.wait for all of three tasks, one of which has ended already."""
import asyncio

import truth


async def ends():
    truth.mark("ends")


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.wait({asyncio.ensure_future(c) for c in (child("a"), ends(), child("b"))})


truth.awaits("main", "a", "wait", via=lambda: [truth.waiter("main")])
truth.awaits("main", "b", "wait", via=lambda: [truth.waiter("main")])
truth.run(main)
