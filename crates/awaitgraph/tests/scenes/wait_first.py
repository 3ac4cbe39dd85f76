"""asyncio.wait for the first of some tasks, with a time limit, twice over the same ones."""
import asyncio

import truth


async def ends():
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    tasks = {asyncio.ensure_future(c) for c in (child("a"), ends(), child("b"))}
    done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait(tasks, timeout=3600, return_when=asyncio.FIRST_EXCEPTION)


truth.awaits("main", "a", "wait")
truth.awaits("main", "b", "wait")
truth.run(main)
