"""A TaskGroup waits at its end, one child has ended before. From 3.11."""
import asyncio

import truth


async def ends():
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    async with asyncio.TaskGroup() as group:
        group.create_task(child("a"), name="first")
        group.create_task(ends())
        group.create_task(child("b"), name="second")


truth.awaits("main", "a", "task_group", via=lambda: [])
truth.awaits("main", "b", "task_group")
truth.run(main)
