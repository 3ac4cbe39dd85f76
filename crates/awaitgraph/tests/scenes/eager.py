"""Eager tasks that parked in their first step, by factory and one by one. From 3.12."""
import asyncio

import truth


async def ends():
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def later():
    truth.mark("later")
    await asyncio.sleep(0)
    await truth.forever()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    group = asyncio.gather(child("a"), ends(), later())
    alone = asyncio.Task(child("b"), loop=loop, eager_start=True)
    await asyncio.gather(group, alone)


for label in ("a", "b", "later"):
    truth.awaits("main", label, "gather")
truth.run(main)
