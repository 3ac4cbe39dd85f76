"""Five thousand tasks, each awaiting the next."""
import asyncio

import truth

LENGTH = 5000


async def leaf():
    await truth.forever()


async def link(task):
    await task


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(leaf())
    for _ in range(LENGTH - 1):
        above = asyncio.ensure_future(link(task))
        truth.awaits(above, task, "await")
        task = above
    truth.awaits("main", task, "await")
    await task


truth.when(lambda: len(truth._edges) == LENGTH)
truth.run(main)
