"""async for over as_completed, past its first result. From 3.13."""
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
    async for task in asyncio.as_completed(tasks, timeout=3600):
        task.result()


truth.awaits("main", "a", "as_completed")
truth.awaits("main", "b", "as_completed")
truth.run(main)
