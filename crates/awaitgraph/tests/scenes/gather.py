"""gather over a coroutine and a task, both still going."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(child("task"))
    await asyncio.gather(child("coroutine"), task)


def via():
    return [truth.waiter("main")]


truth.awaits("main", "coroutine", "gather", via)
truth.awaits("main", "task", "gather", via)
truth.run(main)
