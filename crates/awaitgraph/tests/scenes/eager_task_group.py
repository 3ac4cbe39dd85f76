"""Eager children of a TaskGroup. From 3.12."""
import asyncio

import truth


async def ends():
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    async with asyncio.TaskGroup() as group:
        group.create_task(child("a"))
        group.create_task(ends())
        group.create_task(child("b"))


truth.awaits("main", "a", "task_group")
truth.awaits("main", "b", "task_group")
truth.run(main)
