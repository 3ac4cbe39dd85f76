"""A plain for loop over as_completed, past its first result."""
import asyncio

import truth


async def ends():
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    tasks = [asyncio.ensure_future(c) for c in (child("a"), ends(), child("b"))]
    for result in asyncio.as_completed(tasks):
        await result


truth.awaits("main", "a", "as_completed")
truth.awaits("main", "b", "as_completed")
truth.run(main)
