"""shield around a task, around a coroutine, and around a gather."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def of_task(task):
    truth.mark("of task")
    await asyncio.shield(task)


async def of_coroutine():
    truth.mark("of coroutine")
    await asyncio.shield(child("b"))


async def of_gather():
    truth.mark("of gather")
    await asyncio.shield(asyncio.gather(child("c"), child("d")))


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(child("a"))
    await asyncio.gather(of_task(task), of_coroutine(), of_gather())


truth.awaits("of task", "a", "shield")
truth.awaits("of coroutine", "b", "shield")
truth.awaits("of gather", "c", "gather")
truth.awaits("of gather", "d", "gather")
for label in ("of task", "of coroutine", "of gather"):
    truth.awaits("main", label, "gather")
truth.run(main)
